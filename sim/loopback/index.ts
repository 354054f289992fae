export { type LoopbackOptions, type LoopbackResult, runLoopback } from './loopback.js'
export { unsupported } from './support.js'

export { DEFAULT_IROH_LIMITS, type IrohLimits } from './limits.js'
export type { IrohMetrics } from './metrics.js'
export { type IrohOptions, type IrohTransport, irohTransport } from './transport.js'

export { type CrashArguments, crashVerb } from './crash-verb.js'
export { type CrashOptions, type CrashReport, type CrashRow, crashScenario } from './enumerate.js'
export type { CrashPoint, CrashViolation, Journal } from './types.js'

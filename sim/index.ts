export { type CrashArguments, crashVerb } from './crash/index.js'
export { type RunArguments, runVerb } from './run-verb.js'
export { checkDeterminism, type Report, type RunOptions, runScenario } from './world/index.js'

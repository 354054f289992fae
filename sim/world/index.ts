export { heightsDisagree, setsDisagree } from './convergence.js'
export { checkDeterminism, type DeterminismResult } from './determinism.js'
export { expectationResults } from './expectations.js'
export type { Outcome, OutcomeNode } from './outcome.js'
export { NodeSessions, OverlayWatch } from './overlay-watch.js'
export { printReport } from './print.js'
export {
  type ExpectationResult,
  humanDuration,
  type NodeReport,
  percentile,
  type Report,
  type ReportedViolation,
  reportedViolation,
  type SyncReport,
} from './report.js'
export { drawnScenario, type RunOptions, type RunResult, runScenario } from './run.js'
export {
  ANY_DRAW,
  beginNetworkFault,
  churnsOf,
  firstTopicsOf,
  isGoneForGood,
  lastChangeMs,
  lastPublicationMs,
  momentsOf,
  NETWORK_ID,
  signingKeysOf,
  topicsOf,
} from './script.js'
export type { StableStorage } from './stable-storage.js'
export { openTrace, type TraceFile } from './trace.js'
export { World, type WorldOptions } from './world.js'

export type { ClockOptions, SimClock } from './clock.js'
export {
  type Difference,
  firstDifference,
  type RecordedEvent,
  type RecordWindow,
  type Rerun,
  type RunRecord,
} from './compare.js'
export { CHECKPOINT_EVENTS, type Checkpoint, MAX_CHECKPOINTS } from './fingerprint.js'
export { GuardError, guarded, MAX_GUARD_ERRORS } from './guard.js'
export type { EventHandle } from './heap.js'
export {
  createKernel,
  DEFAULT_EPOCH_US,
  type Kernel,
  type KernelOptions,
  type Kind,
  type RunLimits,
  type StopReason,
  WORLD,
} from './kernel.js'
export type { SimRandom } from './random.js'
export { msToUs, roundDb, roundTo, roundUs } from './rounding.js'

export { type Acks, createAcks } from './acks.js'
export { type AppTransaction, type AppWork, runAppWork } from './app-transaction.js'
export { bytesCodec, type Codec, cborCodec } from './codec.js'
export type { EphemeralMessage } from './ephemeral-message.js'
export {
  createEphemeralStreams,
  type EphemeralMetrics,
  type EphemeralStream,
  type EphemeralStreams,
} from './ephemeral-streams.js'
export type {
  ControlEvent,
  DecodeFailed,
  ExternalStream,
  LocalStore,
  ProcessedOperation,
  RadioSource,
  Source,
  StreamEvent,
  SyncEnded,
  SyncSessionSource,
  SyncStarted,
} from './events.js'
export { readExport, writeExport } from './export-format.js'
export { REMEMBERED_SOURCES } from './limits.js'
export { type SessionCounters, type SessionReport, SessionTotals } from './session-totals.js'
export { consumerName, planReplay, type ReadBy, type ReplayPlan, type StreamFrom } from './start.js'
export { type AckPolicy, Subscription, type SubscriptionOptions } from './subscription.js'

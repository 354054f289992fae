export { type Acks, createAcks } from './acks.js'
export { bytesCodec, type Codec, cborCodec } from './codec.js'
export type {
  ControlEvent,
  DecodeFailed,
  LocalStore,
  ProcessedOperation,
  Source,
  StreamEvent,
  SyncSessionSource,
} from './events.js'
export { REMEMBERED_SOURCES } from './limits.js'
export { consumerName, planReplay, type ReadBy, type ReplayPlan, type StreamFrom } from './start.js'
export { type AckPolicy, Subscription, type SubscriptionOptions } from './subscription.js'

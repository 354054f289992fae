export type { Share } from '../discovery/index.js'
export type { AccessRules, LogOfTopic } from './access.js'
export { type MdnsMode, NodeBuilder, type NodeDefaults, type SlowTransport } from './builder.js'
export type { EngineOptions, Ordering } from './config.js'
export { createEngine } from './engine.js'
export type { Engine, EngineMetrics, NodeEvent, StreamOptions } from './engine-types.js'
export { type EphemeralPair, EphemeralPublisher, EphemeralSubscription, type ReceivedEphemeral } from './ephemeral.js'
export type { ForeignOperation, Imported, ImportRefusal, ImportResult } from './import.js'
export type {
  InspectedLog,
  InspectedOperation,
  InspectedPeer,
  InspectedTopic,
  Inspection,
} from './inspect.js'
export { type ForkProof, Node, type NodeStreamOptions, type StreamPair } from './node.js'
export { type MessageOptions, type Processed, type Published, StreamPublisher } from './publisher.js'
export { type ProcessOptions, StreamSubscription } from './stream-subscription.js'

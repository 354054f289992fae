/** What an engine offers: to the public node, to the simulator and to tests. */

import type { OperationId, Topic, VerifyingKey } from '../core/index.js'
import type { DiscoveryMetrics } from '../discovery/index.js'
import type { GossipMetrics } from '../gossip/index.js'
import type { Judged, RawOperation, StoredRef } from '../pipeline/index.js'
import type { ForkOfTopic, Store, StoredOperation } from '../store/index.js'
import type {
  AppTransaction,
  AppWork,
  Codec,
  EphemeralMessage,
  EphemeralMetrics,
  EphemeralStream,
  StreamFrom,
  Subscription,
} from '../streams/index.js'
import type { SyncManagerMetrics } from '../sync/index.js'
import type { EngineOptions, Ordering } from './config.js'
import type { Inspection } from './inspect.js'

export interface StreamOptions<Message> {
  readonly codec: Codec<Message>
  readonly from?: StreamFrom
  /** A named consumer has its own acknowledgements. */
  readonly consumer?: string
  readonly ackPolicy?: EngineOptions['ackPolicy']
  readonly ordering?: Ordering
  /** Whether sessions stay open for what is new; the first stream of a topic decides. True by default. */
  readonly liveMode?: boolean
  /** Told when an automatic acknowledgement has become durable. */
  readonly onAcknowledged?: (id: OperationId) => void
}

export interface PublishOptions {
  readonly ordering?: Ordering
  /** Named beside the frontier; `dependency-unknown` for one that is not stored here. */
  readonly dependsOn?: readonly OperationId[]
  /** The app's own rows that are written together with the operation, or neither is; must be synchronous. */
  readonly alongside?: (tx: AppTransaction, id: OperationId) => void
}

export type NodeEvent =
  | { readonly type: 'peer-found'; readonly nodeId: VerifyingKey }
  | { readonly type: 'peer-lost'; readonly nodeId: VerifyingKey }

export interface EngineMetrics {
  readonly operations: number
  readonly held: number
  readonly forks: number
  readonly stored: number
  readonly refused: number
  readonly pruned: number
  /** Operations that wait for what they name. */
  readonly waiting: number
  /** Operations released without something that they name. */
  readonly waived: number
  readonly sync: SyncManagerMetrics
  readonly ephemeral: EphemeralMetrics
  readonly gossip: GossipMetrics
  /** Null where the world says who is there. */
  readonly discovery: DiscoveryMetrics | null
}

export interface Engine {
  readonly id: VerifyingKey
  readonly store: Store
  subscribe<Message>(topic: Topic, options: StreamOptions<Message>): Subscription<Message>
  /** Durable on return; an empty or missing body makes an operation without one. */
  publish(topic: Topic, body: Uint8Array | null, prune: boolean, options?: PublishOptions): StoredRef
  /** The app's reads and writes in the node's own database, in a transaction of their own. */
  transact(work: AppWork): void
  /** Takes part in a topic without reading it, until the function returned is called. */
  follow(topic: Topic): () => void
  /** Foreign operations of a topic that is open, batch by batch. */
  beginImport(topic: Topic): ImportSession
  /** What is stored of a topic, in the order of ingest, after a position. */
  readStored(topic: Topic, position: number, limit: number): readonly StoredOperation[]
  /** Evidence of forks in a topic, after some read before (null: from the first). */
  readForks(topic: Topic, after: ForkOfTopic | null, limit: number): readonly ForkOfTopic[]
  /** Joins a topic for what is said now and kept nowhere. */
  ephemeral(topic: Topic, onMessage: (message: EphemeralMessage) => void): EphemeralStream
  /** Topics, logs, peers, sessions and single operations, as they are now. */
  inspect(): Inspection
  onNodeEvent(handler: (event: NodeEvent) => void): () => void
  connect(address: string): void
  addresses(): readonly string[]
  /** Commits acknowledgements that wait for their group. */
  flush(): void
  stateHash(): Uint8Array
  metrics(): EngineMetrics
  /** As in `metrics`, without a look at the database: it can be asked of an engine whose database is dead. */
  syncMetrics(): SyncManagerMetrics
  /** Ends sessions and streams, commits what waits and closes the database. */
  stop(): void
}

export interface ImportSession {
  readonly sessionId: number
  receive(operations: readonly RawOperation[], done: (judged: readonly Judged[]) => void): void
  end(): void
}

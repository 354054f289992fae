/**
 * The synchronous heart of a node: every input is processed to its end, SQLite included, before the next one. The
 * public node wraps it in promises; the simulator drives it as it is.
 */

import { LogId, type OperationId, ThicketError, type Topic, type VerifyingKey } from '../core/index.js'
import { type Committed, createPipeline, type Judged, type RawOperation, type StoredRef } from '../pipeline/index.js'
import type { Timer } from '../ports.js'
import { openStore, type Store, type StoredOperation, stateHash, type TopicRow } from '../store/index.js'
import {
  type Codec,
  type ControlEvent,
  consumerName,
  createAcks,
  planReplay,
  REMEMBERED_SOURCES,
  type Source,
  type StreamFrom,
  Subscription,
} from '../streams/index.js'
import {
  createSyncManager,
  DEFAULT_SYNC_LIMITS,
  protocolId,
  type ReceivedFrom,
  type ReceivedOutcome,
  type SyncEvent,
  type SyncManager,
  type SyncManagerMetrics,
} from '../sync/index.js'
import type { EngineOptions, Ordering } from './config.js'
import { createSyncSource } from './sync-source.js'

export interface StreamOptions<Message> {
  readonly codec: Codec<Message>
  readonly from?: StreamFrom
  /** A named consumer has its own acknowledgements. */
  readonly consumer?: string
  readonly ackPolicy?: EngineOptions['ackPolicy']
  readonly ordering?: Ordering
  /** Told when an automatic acknowledgement has become durable. */
  readonly onAcknowledged?: (id: OperationId) => void
}

export interface PublishOptions {
  readonly ordering?: Ordering
  /** Named beside the frontier; `dependency-unknown` for one that is not stored here. */
  readonly dependsOn?: readonly OperationId[]
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
}

export interface Engine {
  readonly id: VerifyingKey
  readonly store: Store
  subscribe<Message>(topic: Topic, options: StreamOptions<Message>): Subscription<Message>
  /** Durable on return; an empty or missing body makes an operation without one. */
  publish(topic: Topic, body: Uint8Array | null, prune: boolean, options?: PublishOptions): StoredRef
  /** Foreign operations of a topic that is open, batch by batch. */
  beginImport(topic: Topic): ImportSession
  /** What is stored of a topic, in the order of ingest, after a position. */
  readStored(topic: Topic, position: number, limit: number): readonly StoredOperation[]
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

/** Where a batch came from: a peer, or an import. */
type Origin = ReceivedFrom | { readonly importId: number }

export interface ImportSession {
  readonly sessionId: number
  receive(operations: readonly RawOperation[], done: (judged: readonly Judged[]) => void): void
  end(): void
}

/** A topic that at least one open stream reads. */
interface OpenTopic {
  readonly row: TopicRow
  readonly subscriptions: Set<Subscription<unknown>>
  /** Where operations came from, until the app has read them; oldest first. */
  readonly sources: Map<number, Source>
  sentBytes: number
  receivedBytes: number
  sessions: number
  imports: number
}

/** What a peer would refuse must not enter a log: nothing after it could ever be synced. */
const MAX_BODY_BYTES = DEFAULT_SYNC_LIMITS.bodyBytes

/** How long an operation waits for what it names before a completed sync lets it go without; contract.md 1. */
const DEPENDENCY_WAIT_MS = 10 * 60_000
/** Looks at what waits so many times within that time, but not more often than each second. */
const WATCHES_PER_WAIT = 10
const MIN_WATCH_MS = 1_000

const LOCAL_STORE: Source = { type: 'local-store' }

export function createEngine(options: EngineOptions): Engine {
  const { clock, crypto, database, signingKey, transport, trace } = options
  const id = signingKey.verifyingKey
  const store = openStore(database)
  const acks = createAcks(store, clock)
  const topics = new Map<Topic, OpenTopic>()
  const topicOfLog = new Map<LogId, TopicRow>()
  const nodeEventHandlers = new Set<(event: NodeEvent) => void>()
  const dirty = new Set<Topic>()
  const counters = { stored: 0, refused: 0, pruned: 0, waived: 0 }
  /** Rows by number, for topics that streams of this life were opened on. */
  const topicRows = new Map<number, TopicRow>()
  /** Wall-clock milliseconds of the last completed sync phase, by topic. */
  const syncedAtMs = new Map<number, number>()
  const dependencyWaitMs = options.dependencyWaitMs ?? DEPENDENCY_WAIT_MS
  let waitTimer: Timer | null = null
  let resuming = false
  let notifying = false
  let stopped = false

  const pipeline = createPipeline<Origin>({
    store,
    crypto,
    clock,
    signingKey,
    onCommitted,
    onCommitting: acks.ride,
  })
  const protocol = protocolId(options.networkId)

  const sync: SyncManager = createSyncManager({
    id,
    clock,
    random: options.random,
    trace,
    protocol,
    dial: (peer, name, done) => transport.dial(peer, name, done),
    source: createSyncSource(
      store,
      topic => topics.has(topic),
      logId => topicOfLog.get(logId),
    ),
    sink: {
      receive(from, operations, done) {
        const open = topics.get(from.topic)
        if (!open) {
          done(operations.map(() => TOPIC_CLOSED))
          return true
        }
        return pipeline.receive(open.row, from, operations, judged => {
          // Verification may come back after the node has stopped; its database is closed by then.
          if (!stopped) done(judged.map(outcomeOf))
        })
      },
    },
    listener: onSyncEvent,
  })

  transport.start({
    id,
    networkId: options.networkId,
    peerFound(peer) {
      tell({ type: 'peer-found', nodeId: peer })
      sync.peerFound(peer)
    },
    peerLost(peer) {
      tell({ type: 'peer-lost', nodeId: peer })
      sync.peerLost(peer)
    },
    accept(connection) {
      if (connection.protocol === protocol) sync.accept(connection)
      else connection.close(0)
    },
  })

  function tell(event: NodeEvent): void {
    trace?.event(event.type, { peer: event.nodeId })
    for (const handler of nodeEventHandlers) handler(event)
  }

  function onCommitted({ topic, changes, judged, origin }: Committed<Origin>): void {
    const open = topic ? topics.get(topic.id) : undefined
    counters.stored += changes.stored.length
    counters.pruned += changes.pruned
    counters.waived += changes.waived
    const source = open && origin ? sourceOf(open, origin) : LOCAL_STORE
    const remote = origin && 'remote' in origin ? origin.remote : null
    for (const ref of changes.stored) {
      trace?.event('stored', {
        id: ref.operation.id,
        author: ref.operation.header.author,
        seqNum: ref.operation.header.seqNum,
      })
      if (open && source !== LOCAL_STORE) remember(open, ref.position, source)
    }
    for (const fork of changes.forks) {
      const event: ControlEvent = {
        type: 'fork-detected',
        logId: topic!.logId,
        remote,
        ...fork,
      }
      trace?.event('fork-detected', { author: fork.author, seqNum: fork.seqNum })
      announce(open, event)
    }
    for (const { id: dropped, error } of changes.dropped) {
      announce(open, { type: 'processing-failed', id: dropped, author: null, error, source })
    }
    for (const { outcome, error, operation } of judged) {
      if (outcome !== 'refused' || !error) continue
      counters.refused += 1
      trace?.event('refused', { code: error.code, id: operation?.id })
      announce(open, {
        type: 'processing-failed',
        id: operation?.id ?? null,
        author: operation?.header.author ?? null,
        error,
        source,
      })
    }
    if (topic && changes.stored.length > 0) notify(topic.id)
    for (const released of new Set(changes.released.map(ref => ref.topic))) {
      const row = topicRows.get(released)
      if (row && row.id !== topic?.id) notify(row.id)
    }
    if (changes.released.length > 0) resumeSoon()
  }

  function announce(open: OpenTopic | undefined, event: ControlEvent): void {
    for (const subscription of open?.subscriptions ?? []) subscription.push(event)
  }

  /** A cascade that was too long for one transaction goes on in turns of its own. */
  function resumeSoon(): void {
    if (resuming || store.ordering.ready(1).length === 0) return
    resuming = true
    clock.after(0, () => {
      resuming = false
      if (!stopped) pipeline.resume()
    })
  }

  /** Operations that have waited for longer than they should, and whose dependencies a completed sync did not bring. */
  function waiveOverdue(): void {
    const nowMs = wallMs()
    for (const open of topics.values()) {
      const syncedMs = syncedAtMs.get(open.row.topic)
      if (syncedMs === undefined || store.ordering.count(open.row) === 0) continue
      pipeline.waive(open.row, Math.min(nowMs - dependencyWaitMs, syncedMs))
    }
  }

  function watchWaiting(): void {
    waitTimer = clock.after(Math.max(MIN_WATCH_MS, dependencyWaitMs / WATCHES_PER_WAIT), () => {
      waiveOverdue()
      watchWaiting()
    })
  }

  function wallMs(): number {
    return Number(clock.wallUs() / 1_000n)
  }

  /** Readers and live sessions hear of new operations in a turn of their own, once for all commits before it. */
  function notify(topic: Topic): void {
    dirty.add(topic)
    if (notifying) return
    notifying = true
    clock.after(0, () => {
      notifying = false
      if (stopped) return
      const changed = [...dirty]
      dirty.clear()
      for (const name of changed) {
        sync.stored(name)
        for (const subscription of topics.get(name)?.subscriptions ?? []) subscription.wake()
      }
    })
  }

  function onSyncEvent(event: SyncEvent): void {
    const open = topics.get(event.topic)
    if (!open) return
    const { metrics, remote, sessionId } = event
    const sentBytes = metrics.sentSyncBytes + metrics.sentLiveBytes
    const receivedBytes = metrics.receivedSyncBytes + metrics.receivedLiveBytes
    if (event.type === 'sync-finished') {
      syncedAtMs.set(open.row.topic, wallMs())
      waiveOverdue()
    }
    if (event.type === 'sync-started') {
      open.sessions += 1
      announce(open, {
        type: 'sync-started',
        remoteNodeId: remote,
        sessionId,
        incomingOperations: metrics.inboundSyncOperations,
        outgoingOperations: metrics.outboundSyncOperations,
        incomingBytes: metrics.inboundSyncBytes,
        outgoingBytes: metrics.outboundSyncBytes,
        topicSessions: open.sessions,
      })
      return
    }
    const error = event.type === 'session-ended' ? event.error : null
    if (event.type === 'session-ended') {
      open.sessions = Math.max(0, open.sessions - 1)
      open.sentBytes += sentBytes
      open.receivedBytes += receivedBytes
      // The end of live mode is no news; a failure is.
      if (!error) return
    }
    announce(open, {
      type: 'sync-ended',
      remoteNodeId: remote,
      sessionId,
      sentOperations: metrics.sentSyncOperations + metrics.sentLiveOperations,
      receivedOperations: metrics.receivedSyncOperations + metrics.receivedLiveOperations,
      sentBytes,
      receivedBytes,
      sentBytesTopicTotal: open.sentBytes + (event.type === 'sync-finished' ? sentBytes : 0),
      receivedBytesTopicTotal: open.receivedBytes + (event.type === 'sync-finished' ? receivedBytes : 0),
      ...(error ? { error } : {}),
    })
  }

  function requireRunning(): void {
    if (stopped) throw new ThicketError('node-closed', 'the node is closed')
  }

  function topicRow(topic: Topic): TopicRow {
    return store.logs.findTopic(topic) ?? store.transact(tx => store.logs.ensureTopic(tx, topic, LogId.ofTopic(topic)))
  }

  watchWaiting()
  resumeSoon()

  return {
    id,
    store,
    subscribe<Message>(topic: Topic, streamOptions: StreamOptions<Message>) {
      requireRunning()
      const row = topicRow(topic)
      const name = consumerName(row, streamOptions.consumer)
      const consumer = store.consumers.find(name) ?? store.transact(tx => store.consumers.ensure(tx, row, name))
      acks.flush()
      const by = (streamOptions.ordering ?? options.ordering) === 'causal' ? 'place' : 'position'
      const plan = planReplay(store, row, consumer, streamOptions.from ?? 'frontier', by)
      const open = topics.get(topic) ?? newOpenTopic(row)
      const subscription: Subscription<Message> = new Subscription({
        store,
        topic: row,
        consumer,
        acks,
        codec: streamOptions.codec,
        ackPolicy: streamOptions.ackPolicy ?? options.ackPolicy,
        plan,
        ...(streamOptions.onAcknowledged ? { onAcknowledged: streamOptions.onAcknowledged } : {}),
        sourceOf: position => open.sources.get(position) ?? LOCAL_STORE,
        onClosed() {
          open.subscriptions.delete(subscription as Subscription<unknown>)
          if (open.subscriptions.size > 0 || topics.get(topic) !== open) return
          topics.delete(topic)
          topicOfLog.delete(row.logId)
          if (!stopped) sync.topicRemoved(topic)
        },
      })
      open.subscriptions.add(subscription as Subscription<unknown>)
      if (!topics.has(topic)) {
        topics.set(topic, open)
        topicOfLog.set(row.logId, row)
        topicRows.set(row.topic, row)
        sync.topicAdded(topic)
      }
      return subscription
    },
    publish(topic, body, prune, publishOptions = {}) {
      requireRunning()
      if (body && body.length > MAX_BODY_BYTES) {
        throw new ThicketError('message-too-large', `a message has at most ${MAX_BODY_BYTES} bytes`, {
          got: body.length,
        })
      }
      const causal = (publishOptions.ordering ?? options.ordering) === 'causal'
      return pipeline.publish(topicRow(topic), { body, prune, causal, dependsOn: publishOptions.dependsOn ?? [] })
    },
    beginImport(topic) {
      requireRunning()
      const open = topics.get(topic)
      if (!open) throw new ThicketError('topic-unknown', 'the stream of the topic is closed', { topic })
      const sessionId = open.imports++
      announce(open, { type: 'import-started', sessionId })
      return {
        sessionId,
        receive(operations, done) {
          requireRunning()
          pipeline.receive(open.row, { importId: sessionId }, operations, done)
        },
        end() {
          if (!stopped) announce(open, { type: 'import-ended', sessionId })
        },
      }
    },
    readStored(topic, position, limit) {
      requireRunning()
      const row = store.logs.findTopic(topic)
      return row ? store.operations.afterPosition(row, position, limit) : []
    },
    onNodeEvent(handler) {
      nodeEventHandlers.add(handler)
      return () => nodeEventHandlers.delete(handler)
    },
    connect(address) {
      requireRunning()
      transport.connect(address)
    },
    addresses: () => transport.addresses(),
    flush: () => acks.flush(),
    stateHash: () => stateHash(store, bytes => crypto.hash(bytes)),
    syncMetrics: () => sync.metrics(),
    metrics: () => ({
      operations: store.operations.count(),
      held: store.held.count(),
      forks: store.forks.count(),
      waiting: store.ordering.countAll(),
      ...counters,
      sync: sync.metrics(),
    }),
    stop() {
      if (stopped) return
      stopped = true
      waitTimer?.cancel()
      sync.stop()
      for (const open of [...topics.values()])
        for (const subscription of [...open.subscriptions]) subscription.abandon()
      acks.flush()
      acks.stop()
      transport.stop()
      store.close()
    },
  }
}

function newOpenTopic(row: TopicRow): OpenTopic {
  return { row, subscriptions: new Set(), sources: new Map(), sentBytes: 0, receivedBytes: 0, sessions: 0, imports: 0 }
}

function remember(open: OpenTopic, position: number, source: Source): void {
  if (open.sources.size >= REMEMBERED_SOURCES) {
    const oldest = open.sources.keys().next()
    if (!oldest.done) open.sources.delete(oldest.value)
  }
  open.sources.set(position, source)
}

function sourceOf(open: OpenTopic, from: Origin): Source {
  if (!('remote' in from)) return { type: 'external-stream', sessionId: from.importId }
  const { metrics } = from
  const sentBytes = metrics.sentSyncBytes + metrics.sentLiveBytes
  const receivedBytes = metrics.receivedSyncBytes + metrics.receivedLiveBytes
  return {
    type: 'sync-session',
    remoteNodeId: from.remote,
    sessionId: from.sessionId,
    phase: from.phase,
    sentOperations: metrics.sentSyncOperations + metrics.sentLiveOperations,
    receivedOperations: metrics.receivedSyncOperations + metrics.receivedLiveOperations,
    sentBytes,
    receivedBytes,
    sentBytesTopicTotal: open.sentBytes + sentBytes,
    receivedBytesTopicTotal: open.receivedBytes + receivedBytes,
  }
}

const TOPIC_CLOSED: ReceivedOutcome = {
  outcome: 'refused',
  fatal: true,
  error: new ThicketError('topic-unknown', 'the topic is no longer open here'),
}

function outcomeOf(judged: Judged): ReceivedOutcome {
  const header = judged.operation?.header
  return {
    outcome: judged.outcome,
    ...(header ? { author: header.author, logId: header.extensions.logId, seqNum: header.seqNum } : {}),
    ...(judged.error ? { error: judged.error } : {}),
    ...(judged.fatal ? { fatal: true } : {}),
  }
}

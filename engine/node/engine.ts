/**
 * The synchronous heart of a node: every input is processed to its end, SQLite included, before the next one. The
 * public node wraps it in promises; the simulator drives it as it is.
 */

import { type Broadcast, createBroadcast, DEFAULT_BROADCAST_SETTINGS, type StoredNews } from '../broadcast/index.js'
import { LogId, ThicketError, type Topic, type VerifyingKey } from '../core/index.js'
import { type Committed, createPipeline } from '../pipeline/index.js'
import { openStore, stateHash, type TopicRow } from '../store/index.js'
import {
  consumerName,
  createAcks,
  createEphemeralStreams,
  planReplay,
  runAppWork,
  Subscription,
} from '../streams/index.js'
import { createSyncManager, DEFAULT_SYNC_LIMITS, protocolId, type SyncEvent, type SyncManager } from '../sync/index.js'
import { EVERYBODY } from './access.js'
import { createBroadcastSource } from './broadcast-source.js'
import type { EngineOptions } from './config.js'
import { createDirectNetwork } from './direct-network.js'
import type { Engine, NodeEvent, StreamOptions } from './engine-types.js'
import { createInspection } from './inspect.js'
import type { Network, NetworkConfig } from './network.js'
import { LOCAL_STORE, OpenTopic, type Origin } from './open-topic.js'
import { createOverlayNetwork } from './overlay-network.js'
import { watchReleases } from './releases.js'
import { createSyncSink } from './sync-sink.js'
import { createSyncSource } from './sync-source.js'

/** What a peer would refuse must not enter a log: nothing after it could ever be synced. */
const MAX_BODY_BYTES = DEFAULT_SYNC_LIMITS.bodyBytes

export function createEngine(options: EngineOptions): Engine {
  const { clock, crypto, database, signingKey, transport, trace } = options
  const id = signingKey.verifyingKey
  const access = options.access ?? EVERYBODY
  const store = openStore(database)
  const acks = createAcks(store, clock)
  const topics = new Map<Topic, OpenTopic>()
  const topicOfLog = new Map<LogId, TopicRow>()
  const nodeEventHandlers = new Set<(event: NodeEvent) => void>()
  const dirty = new Set<Topic>()
  /** What was stored since the last turn, for the radios, with the radio that brought it. */
  const aired = new Map<Topic, (Omit<StoredNews, 'origin'> & { readonly radio: string | null })[]>()
  const counters = { stored: 0, refused: 0, pruned: 0, waived: 0 }
  /** Rows by number, for topics that streams of this life were opened on. */
  const topicRows = new Map<number, TopicRow>()
  /** Since when each peer can be dialled, wall-clock microseconds. */
  const peersSince = new Map<VerifyingKey, bigint>()
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
  const releases = watchReleases({
    clock,
    store,
    pipeline,
    trace,
    dependencyWaitMs: options.dependencyWaitMs,
    openTopics: () => [...topics.values()].map(open => open.row),
  })
  const protocol = protocolId(options.networkId)

  const sync: SyncManager = createSyncManager({
    id,
    clock,
    random: options.random,
    trace,
    protocol,
    // Only over iroh can there be nodes of p2panda, and they do not wait for each other.
    pairing: transport.addressing?.kind === 'iroh' ? 'both' : 'one',
    dial: (peer, name, done) => network.dial(peer, name, done),
    source: createSyncSource(
      store,
      (topic, peer) => topics.has(topic) && access.mayServe(peer, topic, null),
      ({ id: topic, logId }, author, peer) => access.mayServe(peer, topic, { author, logId }),
      logId => topicOfLog.get(logId),
    ),
    sink: createSyncSink(
      pipeline,
      topic => topics.get(topic),
      () => stopped,
    ),
    listener: onSyncEvent,
  })

  const networkConfig: NetworkConfig = {
    signingKey,
    networkId: options.networkId,
    clock,
    random: options.random,
    crypto,
    transport,
    access,
    book: store.addressBook,
    discovery: options.discovery ?? {},
    trace,
    sync,
    acceptors: new Map([[protocol, connection => sync.accept(connection)]]),
    onPeer: (nodeId, isThere) => tell({ type: isThere ? 'peer-found' : 'peer-lost', nodeId }),
  }
  const { addressing } = transport
  const network: Network = addressing
    ? createOverlayNetwork(networkConfig, addressing)
    : createDirectNetwork(networkConfig)
  const ephemeral = createEphemeralStreams({ gossip: network.gossip, crypto, clock, signingKey, trace })

  const broadcasts: readonly Broadcast[] = (options.radios ?? []).map(radio =>
    createBroadcast({
      self: id,
      radio,
      clock,
      random: options.random,
      crypto,
      trace,
      settings: options.broadcast ?? DEFAULT_BROADCAST_SETTINGS,
      source: topic => createBroadcastSource(store, topic),
      deliver(topic, operations, done) {
        const open = topics.get(topic)
        if (!open || stopped) return
        pipeline.receive(open.row, { radio: radio.name }, operations, judged => {
          if (!stopped) done(judged)
        })
      },
    }),
  )

  network.start()

  function tell(event: NodeEvent): void {
    if (event.type === 'peer-found') peersSince.set(event.nodeId, clock.wallUs())
    else peersSince.delete(event.nodeId)
    trace?.event(event.type, { peer: event.nodeId })
    for (const handler of nodeEventHandlers) handler(event)
  }

  function onCommitted({ topic, changes, judged, origin }: Committed<Origin>): void {
    const open = topic ? topics.get(topic.id) : undefined
    counters.stored += changes.stored.length
    counters.pruned += changes.pruned
    counters.waived += changes.waived
    const source = open && origin ? open.sourceOf(origin) : LOCAL_STORE
    const remote = origin && 'remote' in origin ? origin.remote : null
    for (const ref of changes.stored) {
      trace?.event('stored', {
        id: ref.operation.id,
        author: ref.operation.header.author,
        seqNum: ref.operation.header.seqNum,
      })
      if (open && source !== LOCAL_STORE) open.remember(ref.position, source)
    }
    for (const fork of changes.forks) {
      trace?.event('fork-detected', { author: fork.author, seqNum: fork.seqNum })
      open?.announce({ type: 'fork-detected', logId: topic!.logId, remote, ...fork })
    }
    for (const { id: dropped, error } of changes.dropped) {
      open?.announce({ type: 'processing-failed', id: dropped, author: null, error, source })
    }
    for (const { outcome, error, operation } of judged) {
      if (outcome !== 'refused' || !error) continue
      counters.refused += 1
      trace?.event('refused', { code: error.code, id: operation?.id })
      open?.announce({
        type: 'processing-failed',
        id: operation?.id ?? null,
        author: operation?.header.author ?? null,
        error,
        source,
      })
    }
    if (topic && broadcasts.length > 0 && open) {
      const news = aired.get(topic.id) ?? []
      const radio = origin && 'radio' in origin ? origin.radio : null
      for (const { operation } of changes.stored) {
        const { author, seqNum, extensions } = operation.header
        news.push({ author, seqNum, radio, isPrune: extensions.variant === 'basic' && extensions.prune })
      }
      aired.set(topic.id, news)
    }
    if (topic && changes.stored.length > 0) notify(topic.id)
    for (const released of new Set(changes.released.map(ref => ref.topic))) {
      const row = topicRows.get(released)
      if (row && row.id !== topic?.id) notify(row.id)
    }
    if (changes.released.length > 0) releases.resumeSoon()
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
        const news = aired.get(name)
        aired.delete(name)
        for (const broadcast of broadcasts) broadcast.stored(name, newsFor(broadcast.radio, news ?? []))
        for (const subscription of topics.get(name)?.subscriptions ?? []) subscription.wake()
      }
    })
  }

  /** What this node wrote itself came from nowhere, and goes out first. */
  function newsFor(
    radio: string,
    news: readonly (Omit<StoredNews, 'origin'> & { readonly radio: string | null })[],
  ): readonly StoredNews[] {
    return news.map(({ author, seqNum, isPrune, radio: from }) => ({
      author,
      seqNum,
      isPrune,
      origin: from === radio ? 'air' : author === id && from === null ? 'own' : 'elsewhere',
    }))
  }

  function onSyncEvent(event: SyncEvent): void {
    const open = topics.get(event.topic)
    if (!open) return
    if (event.type === 'sync-started') open.announce(open.sessions.started(event))
    else if (event.type === 'sync-finished') {
      releases.synced(open.row)
      open.announce(open.sessions.finished(event))
    } else {
      const failed = open.sessions.ended(event, event.error)
      if (failed) open.announce(failed)
    }
  }

  function requireRunning(): void {
    if (stopped) throw new ThicketError('node-closed', 'the node is closed')
  }

  /** The callback of `process` and `ack` runs inside a transaction, and these would write beside it. */
  function requireWritable(): void {
    requireRunning()
    requireNoTransaction()
  }

  function requireNoTransaction(): void {
    if (!store.isTransacting()) return
    throw new ThicketError('in-transaction', 'the node is not to be called from the callback of a transaction')
  }

  function topicRow(topic: Topic): TopicRow {
    return store.logs.findTopic(topic) ?? store.transact(tx => store.logs.ensureTopic(tx, topic, LogId.ofTopic(topic)))
  }

  function join(open: OpenTopic, live: boolean): void {
    const { row } = open
    if (topics.has(row.id)) return
    topics.set(row.id, open)
    topicOfLog.set(row.logId, row)
    topicRows.set(row.topic, row)
    sync.topicAdded(row.id, live)
    network.topicAdded(row.id)
    for (const broadcast of broadcasts) broadcast.topicAdded(row.id)
  }

  function leaveUnused(open: OpenTopic): void {
    const { row } = open
    if (open.isUsed || topics.get(row.id) !== open) return
    topics.delete(row.id)
    topicOfLog.delete(row.logId)
    if (stopped) return
    sync.topicRemoved(row.id)
    network.topicRemoved(row.id)
    for (const broadcast of broadcasts) broadcast.topicRemoved(row.id)
  }

  const inspection = createInspection({
    store,
    isOpen: topic => topics.has(topic),
    peers: peersSince,
    sessions: () => sync.sessions(),
  })

  return {
    id,
    store,
    inspect() {
      requireRunning()
      return inspection
    },
    subscribe<Message>(topic: Topic, streamOptions: StreamOptions<Message>) {
      requireWritable()
      const row = topicRow(topic)
      const name = consumerName(row, streamOptions.consumer)
      const consumer = store.consumers.find(name) ?? store.transact(tx => store.consumers.ensure(tx, row, name))
      acks.flush()
      const by = (streamOptions.ordering ?? options.ordering) === 'causal' ? 'place' : 'position'
      const plan = planReplay(store, row, consumer, streamOptions.from ?? 'frontier', by)
      const open = topics.get(topic) ?? new OpenTopic(row)
      const subscription: Subscription<Message> = new Subscription({
        store,
        topic: row,
        consumer,
        acks,
        codec: streamOptions.codec,
        ackPolicy: streamOptions.ackPolicy ?? options.ackPolicy,
        plan,
        ...(streamOptions.onAcknowledged ? { onAcknowledged: streamOptions.onAcknowledged } : {}),
        sourceOf: position => open.sourceAt(position),
        onClosed() {
          open.subscriptions.delete(subscription as Subscription<unknown>)
          leaveUnused(open)
        },
      })
      open.subscriptions.add(subscription as Subscription<unknown>)
      join(open, streamOptions.liveMode ?? true)
      return subscription
    },
    follow(topic) {
      requireWritable()
      const open = topics.get(topic) ?? new OpenTopic(topicRow(topic))
      open.followers += 1
      join(open, true)
      let follows = true
      return () => {
        if (!follows) return
        follows = false
        open.followers -= 1
        leaveUnused(open)
      }
    },
    publish(topic, body, prune, publishOptions = {}) {
      requireWritable()
      if (body && body.length > MAX_BODY_BYTES) {
        throw new ThicketError('message-too-large', `a message has at most ${MAX_BODY_BYTES} bytes`, {
          got: body.length,
        })
      }
      const causal = (publishOptions.ordering ?? options.ordering) === 'causal'
      const { alongside, dependsOn = [] } = publishOptions
      return pipeline.publish(topicRow(topic), {
        body,
        prune,
        causal,
        dependsOn,
        ...(alongside ? { alongside: operation => runAppWork(database, tx => alongside(tx, operation)) } : {}),
      })
    },
    transact(work) {
      requireWritable()
      store.transact(tx => {
        runAppWork(database, work)
        acks.ride(tx)
      })
    },
    beginImport(topic) {
      requireRunning()
      const open = topics.get(topic)
      if (!open) throw new ThicketError('topic-unknown', 'the stream of the topic is closed', { topic })
      const sessionId = open.imports++
      open.announce({ type: 'import-started', sessionId })
      return {
        sessionId,
        receive(operations, done) {
          requireWritable()
          pipeline.receive(open.row, { importId: sessionId }, operations, done)
        },
        end() {
          if (!stopped) open.announce({ type: 'import-ended', sessionId })
        },
      }
    },
    readStored(topic, position, limit) {
      requireRunning()
      const row = store.logs.findTopic(topic)
      return row ? store.operations.afterPosition(row, position, limit) : []
    },
    readForks(topic, after, limit) {
      requireRunning()
      const row = store.logs.findTopic(topic)
      return row ? store.forks.ofTopic(row, after, limit) : []
    },
    ephemeral(topic, onMessage) {
      requireRunning()
      return ephemeral.open(topic, onMessage)
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
    metrics() {
      requireRunning()
      return {
        operations: store.operations.count(),
        held: store.held.count(),
        forks: store.forks.count(),
        waiting: store.ordering.countAll(),
        ...counters,
        sync: sync.metrics(),
        ephemeral: ephemeral.metrics(),
        gossip: network.gossipMetrics(),
        discovery: network.discoveryMetrics(),
      }
    },
    stop() {
      if (stopped) return
      requireNoTransaction()
      stopped = true
      releases.stop()
      pipeline.stop()
      sync.stop()
      for (const broadcast of broadcasts) broadcast.stop()
      ephemeral.stop()
      network.stop()
      for (const open of [...topics.values()])
        for (const subscription of [...open.subscriptions]) subscription.abandon()
      acks.flush()
      acks.stop()
      transport.stop()
      store.close()
    },
  }
}

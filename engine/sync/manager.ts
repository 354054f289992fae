/**
 * Keeps one log-sync session with every partner of a topic, decides who begins and begins again when a session ended.
 * Partners are all peers that were found, and those that an overlay has chosen for one topic.
 *
 * Of two nodes the one with the smaller id dials at once, the other when nothing came for a while. A newer connection
 * replaces the session of its pair and topic, since a peer that was killed comes back before its old connection has
 * timed out; only while both dial at the same moment does the attempt of the smaller id stand.
 *
 * Nodes of p2panda do otherwise: both begin, and both sessions run; what comes too fast they lose without a word. With
 * `pairing: 'both'` each side keeps the session that it has begun, puts up with those of the other, sends no more at a
 * time than such a node takes, and begins again until the heights of the other say that it has all.
 */

import type { ThicketError, Topic, VerifyingKey } from '../core/index.js'
import type { Clock, Connection, Random, Role, Timer, Trace } from '../ports.js'
import { CatchUp } from './catch-up.js'
import type { SessionMetrics, SyncEvent, SyncSink, SyncSource } from './interfaces.js'
import { DEFAULT_SYNC_LIMITS, type SyncLimits } from './limits.js'
import { createRunner, type Runner } from './runner.js'
import type { SessionPhase } from './session-state.js'

export interface SyncManagerConfig {
  readonly id: VerifyingKey
  readonly clock: Clock
  readonly random: Random
  readonly source: SyncSource
  readonly sink: SyncSink
  /** Hears of the sessions; must not throw. */
  readonly listener: (event: SyncEvent) => void
  readonly trace?: Trace | null
  /** As `Transport.dial`. */
  readonly dial: (peer: VerifyingKey, protocol: string, done: (connection: Connection | null) => void) => void
  /** See `protocolId`. */
  readonly protocol: string
  readonly limits?: Partial<SyncLimits>
  /** Whether sessions stay open for what is new; true by default. */
  readonly live?: boolean
  /** `one` session for each peer and topic by default; `both` begin one, as nodes of p2panda do. */
  readonly pairing?: 'one' | 'both'
}

export interface SyncManagerMetrics extends SessionMetrics {
  /** Connections in use now. */
  readonly active: number
  /** Of these in live mode. */
  readonly live: number
  /** Sessions in which both sides exchanged their totals, ever. */
  readonly sessions: number
  /** Sessions that completed their sync phase, ever. */
  readonly completed: number
  /** Sessions and attempts to open one that failed, ever. */
  readonly failed: number
  /** Bytes written to and read from streams. */
  readonly wireBytesSent: number
  readonly wireBytesReceived: number
}

export interface SyncManager {
  /** A partner for every topic. */
  peerFound(peer: VerifyingKey): void
  peerLost(peer: VerifyingKey): void
  /** A partner for a topic that was added; harmless for another. */
  partnerFound(topic: Topic, peer: VerifyingKey): void
  /** A session that exchanges what was missed ends it first; one that only waits for what is new ends in order. */
  partnerLost(topic: Topic, peer: VerifyingKey): void
  accept(connection: Connection): void
  /** @param live whether its sessions stay open for what is new; otherwise they are begun again now and then */
  topicAdded(topic: Topic, live?: boolean): void
  /** Closes the topic's sessions in order. */
  topicRemoved(topic: Topic): void
  /** New operations of the topic lie in the store. */
  stored(topic: Topic): void
  stop(): void
  metrics(): SyncManagerMetrics
  /** Those open now, handshakes included, in the order in which they began. */
  sessions(): readonly SyncSession[]
}

/** A session at one moment. */
export interface SyncSession {
  readonly sessionId: number
  readonly remote: VerifyingKey
  readonly role: Role
  /** Null until the remote has named it. */
  readonly topic: Topic | null
  readonly phase: SessionPhase
  readonly metrics: SessionMetrics
  readonly wireBytes: { readonly sent: number; readonly received: number }
}

/** All there is with one peer about one topic. */
interface Pair {
  readonly topic: Topic
  readonly peer: VerifyingKey
  session: Runner | null
  /** With `both` also those that the peer has begun, the oldest first. */
  readonly accepted: Runner[]
  readonly catchUp: CatchUp
  /** Looks whether the peer has all, when it was sent something. */
  recheck: Timer | null
  /** Our session was ended to look. */
  isRechecking: boolean
  dialing: boolean
  /** In a row, since the last session that completed its sync phase. */
  failures: number
  timer: Timer | null
}

type Counters = { -readonly [Name in keyof SyncManagerMetrics]: number }

export function createSyncManager(config: SyncManagerConfig): SyncManager {
  const { id, clock, random, source, trace } = config
  const limits: SyncLimits = { ...DEFAULT_SYNC_LIMITS, ...config.limits }
  const isBoth = config.pairing === 'both'
  const peers = new Set<VerifyingKey>()
  const topics = new Map<Topic, Map<VerifyingKey, Pair>>()
  /** Partners of one topic alone. */
  const partners = new Map<Topic, Set<VerifyingKey>>()
  /** Topics of this node without live mode. */
  const quietTopics = new Set<Topic>()
  const runners = new Set<Runner>()
  const totals = emptyCounters()
  let dialing = 0
  let nextSessionId = 0
  let stopped = false

  function pairOf(topic: Topic, peer: VerifyingKey): Pair {
    const pairs = topics.get(topic)!
    let pair = pairs.get(peer)
    if (!pair) {
      const catchUp = new CatchUp(limits)
      pair = {
        topic,
        peer,
        session: null,
        accepted: [],
        catchUp,
        recheck: null,
        isRechecking: false,
        dialing: false,
        failures: 0,
        timer: null,
      }
      pairs.set(peer, pair)
    }
    return pair
  }

  function isWanted(pair: Pair): boolean {
    return !stopped && topics.get(pair.topic)?.get(pair.peer) === pair && isPartner(pair)
  }

  function isPartner({ topic, peer }: Pair): boolean {
    return peers.has(peer) || (partners.get(topic)?.has(peer) ?? false)
  }

  /** Only attempts are over: a session that lives on ends by itself. */
  function attemptNoMore(pair: Pair): void {
    if (isPartner(pair)) return
    pair.timer?.cancel()
    pair.timer = null
    forget(pair)
  }

  /** Dials after the delay, unless something is under way already. */
  function dialAfter(pair: Pair, delayMs: number): void {
    if (pair.session || pair.dialing || pair.timer || !isWanted(pair)) return
    if (delayMs === 0) dial(pair)
    else {
      pair.timer = clock.after(delayMs, () => {
        pair.timer = null
        dial(pair)
      })
    }
  }

  function begin(pair: Pair): void {
    dialAfter(pair, yieldMsTo(pair))
  }

  function yieldMsTo(pair: Pair): number {
    return isBoth || id < pair.peer ? 0 : limits.yieldMs
  }

  function again(pair: Pair): void {
    // Doubling from twice the least, of which at least half is waited: never less than the least, never in step.
    // Nothing failed where a session without live mode is over: the next look can wait.
    const isQuiet = pair.failures === 0 && !isLive(pair.topic)
    const spanMs = isQuiet
      ? limits.retryMaxMs
      : Math.min(limits.retryMaxMs, limits.retryMinMs * 2 ** Math.min(pair.failures + 1, 30))
    const delayMs = (spanMs * (1 + random.float())) / 2
    dialAfter(pair, delayMs + yieldMsTo(pair))
  }

  /** Ends a session of ours that waits for what is new, so that the next one says what the peer has. */
  function recheckAfter(pair: Pair, delayMs: number): void {
    pair.recheck ??= clock.after(delayMs, () => {
      pair.recheck = null
      if (pair.session?.phase !== 'live' || !sessionsOf(pair).some(hasSent)) return
      pair.isRechecking = true
      pair.session.close(true)
    })
  }

  function noRecheck(pair: Pair): void {
    pair.recheck?.cancel()
    pair.recheck = null
  }

  function dial(pair: Pair): void {
    if (pair.session || !isWanted(pair)) return
    if (!source.serves(pair.topic, pair.peer) || isFull(pair.peer)) {
      pair.failures++
      again(pair)
      return
    }
    pair.dialing = true
    dialing++
    config.dial(pair.peer, config.protocol, connection => {
      pair.dialing = false
      dialing--
      if (connection === null) {
        totals.failed++
        pair.failures++
        trace?.event('sync-dial-failed', { peer: pair.peer, topic: pair.topic })
        again(pair)
        forget(pair)
      } else if (pair.session || !isWanted(pair)) {
        connection.close(0)
        forget(pair)
      } else {
        pair.session = open(connection, pair.topic)
        pair.session.start()
      }
    })
  }

  function isLive(topic: Topic): boolean {
    return !quietTopics.has(topic) && (config.live ?? true)
  }

  function isFull(peer: VerifyingKey): boolean {
    if (runners.size + dialing >= limits.sessions) return true
    let withPeer = 0
    for (const runner of runners) if (runner.remote === peer) withPeer++
    return withPeer >= limits.sessionsPerPeer
  }

  function open(connection: Connection, topic: Topic | null): Runner {
    const runner = createRunner({
      sessionId: nextSessionId++,
      connection,
      topic,
      live: isLive,
      ...(isBoth ? { window: (name: Topic, lack: number) => windowOf(name, connection, lack) } : {}),
      limits,
      clock,
      source,
      sink: config.sink,
      admit,
      listener,
      onEnded,
    })
    runners.add(runner)
    return runner
  }

  function windowOf(topic: Topic, { remote, role }: Connection, lack: number): number {
    const catchUp = topics.get(topic)?.get(remote)?.catchUp
    if (catchUp === undefined) return limits.windowOperations
    return role === 'initiator' ? catchUp.allow(lack) : catchUp.window
  }

  function admit(topic: Topic, runner: Runner): boolean {
    const peer = runner.remote
    if (stopped || !topics.has(topic) || !source.serves(topic, peer)) return false
    const pair = pairOf(topic, peer)
    if (isBoth) {
      pair.accepted.push(runner)
      if (pair.accepted.length > limits.acceptedPerPair) pair.accepted.shift()!.close(false)
      return true
    }
    const older = pair.session
    if (older?.role === 'initiator' && !older.started && id < peer) return false
    pair.session = runner
    pair.timer?.cancel()
    pair.timer = null
    older?.close(false)
    return true
  }

  function listener(event: SyncEvent): void {
    const pair = topics.get(event.topic)?.get(event.remote)
    const { session } = pair ?? {}
    const isOurs = session?.sessionId === event.sessionId && session.role === 'initiator'
    if (event.type === 'sync-started') totals.sessions++
    if (event.type === 'sync-finished') {
      totals.completed++
      const { sentSyncOperations } = event.metrics
      if (pair && isBoth && isOurs) pair.catchUp.sent(sentSyncOperations)
      if (pair && isBoth && sentSyncOperations > 0) recheckAfter(pair, pair.catchUp.recheckMs)
      // Who chose us keeps the session; one that we opened for a partner since lost has done its work.
      if (pair && session && isOurs && !isPartner(pair)) {
        clock.after(0, () => session.close(true))
      }
    }
    trace?.event(event.type, {
      peer: event.remote,
      topic: event.topic,
      session: event.sessionId,
      sent: event.metrics.sentSyncOperations + event.metrics.sentLiveOperations,
      received: event.metrics.receivedSyncOperations + event.metrics.receivedLiveOperations,
      code: event.type === 'session-ended' ? (event.error?.code ?? null) : undefined,
    })
    config.listener(event)
  }

  function onEnded(runner: Runner, error: ThicketError | null): void {
    runners.delete(runner)
    addTo(totals, runner)
    if (error) totals.failed++
    const pair = runner.topic === null ? undefined : topics.get(runner.topic)?.get(runner.remote)
    if (pair === undefined) return
    if (pair.session !== runner) {
      const at = pair.accepted.indexOf(runner)
      if (at >= 0) pair.accepted.splice(at, 1)
      forget(pair)
      return
    }
    pair.session = null
    pair.failures = runner.completed ? 0 : pair.failures + 1
    const isUnderWay =
      runner.partial || pair.isRechecking || (!isLive(pair.topic) && runner.metrics.sentSyncOperations > 0)
    pair.isRechecking = false
    noRecheck(pair)
    if (isBoth && runner.completed && error === null && isUnderWay) dialAfter(pair, pair.catchUp.pauseMs)
    else again(pair)
    forget(pair)
  }

  /** Drops the pair when nothing is under way and its peer is no partner. */
  function forget(pair: Pair): void {
    if (pair.session || pair.accepted.length > 0 || pair.dialing || pair.timer || isPartner(pair)) return
    noRecheck(pair)
    const pairs = topics.get(pair.topic)
    if (pairs?.get(pair.peer) === pair) pairs.delete(pair.peer)
  }

  return {
    peerFound(peer) {
      if (stopped || peer === id || peers.has(peer)) return
      peers.add(peer)
      for (const topic of topics.keys()) begin(pairOf(topic, peer))
    },
    peerLost(peer) {
      if (!peers.delete(peer)) return
      for (const pairs of topics.values()) {
        const pair = pairs.get(peer)
        if (pair) attemptNoMore(pair)
      }
    },
    partnerFound(topic, peer) {
      const chosen = partners.get(topic)
      if (stopped || peer === id || !chosen || chosen.has(peer)) return
      chosen.add(peer)
      begin(pairOf(topic, peer))
    },
    partnerLost(topic, peer) {
      if (!partners.get(topic)?.delete(peer)) return
      const pair = topics.get(topic)?.get(peer)
      if (!pair || isPartner(pair)) return
      attemptNoMore(pair)
      if (pair.session?.phase === 'live') pair.session.close(true)
    },
    accept(connection) {
      if (stopped || isFull(connection.remote)) connection.close(0)
      else open(connection, null).start()
    },
    topicAdded(topic, live = true) {
      if (stopped || topics.has(topic)) return
      if (!live) quietTopics.add(topic)
      topics.set(topic, new Map())
      partners.set(topic, new Set())
      for (const peer of peers) begin(pairOf(topic, peer))
    },
    topicRemoved(topic) {
      const pairs = topics.get(topic)
      if (!pairs) return
      topics.delete(topic)
      partners.delete(topic)
      quietTopics.delete(topic)
      for (const pair of pairs.values()) {
        pair.timer?.cancel()
        noRecheck(pair)
        for (const session of sessionsOf(pair)) session.close(session.started)
      }
    },
    stored(topic) {
      for (const pair of topics.get(topic)?.values() ?? []) {
        for (const session of sessionsOf(pair)) session.stored()
        if (isBoth && pair.session?.phase === 'live') recheckAfter(pair, limits.recheckLiveMs)
      }
    },
    stop() {
      if (stopped) return
      stopped = true
      for (const pairs of topics.values()) {
        for (const pair of pairs.values()) {
          pair.timer?.cancel()
          noRecheck(pair)
        }
      }
      for (const runner of [...runners]) runner.close(false)
    },
    metrics() {
      const sums = { ...totals }
      for (const runner of runners) {
        addTo(sums, runner)
        sums.active++
        if (runner.phase === 'live') sums.live++
      }
      return sums
    },
    sessions: () =>
      [...runners].map(({ sessionId, remote, role, topic, phase, metrics, wireBytes }) => ({
        sessionId,
        remote,
        role,
        topic,
        phase,
        metrics: { ...metrics },
        wireBytes: { ...wireBytes },
      })),
  }
}

function sessionsOf({ session, accepted }: Pair): readonly Runner[] {
  return session === null ? [...accepted] : [session, ...accepted]
}

function hasSent({ metrics }: Runner): boolean {
  return metrics.sentSyncOperations + metrics.sentLiveOperations > 0
}

function addTo(sums: Counters, runner: Runner): void {
  const { metrics, wireBytes } = runner
  for (const name of SESSION_COUNTERS) sums[name] += metrics[name]
  sums.wireBytesSent += wireBytes.sent
  sums.wireBytesReceived += wireBytes.received
}

const SESSION_COUNTERS = [
  'outboundSyncOperations',
  'outboundSyncBytes',
  'inboundSyncOperations',
  'inboundSyncBytes',
  'sentSyncOperations',
  'sentSyncBytes',
  'receivedSyncOperations',
  'receivedSyncBytes',
  'sentLiveOperations',
  'sentLiveBytes',
  'receivedLiveOperations',
  'receivedLiveBytes',
] as const satisfies readonly (keyof SessionMetrics)[]

function emptyCounters(): Counters {
  const sessionCounters = Object.fromEntries(SESSION_COUNTERS.map(name => [name, 0])) as {
    [Name in keyof SessionMetrics]: number
  }
  return {
    ...sessionCounters,
    active: 0,
    live: 0,
    sessions: 0,
    completed: 0,
    failed: 0,
    wireBytesSent: 0,
    wireBytesReceived: 0,
  }
}

/**
 * Finds out who is interested in our topics and where they are, without telling anybody which topics these are
 * (spec/sync.md 4): walkers visit nodes, others visit us, and each visit shows what both have in common and tells of
 * more nodes. What was learnt of addresses is kept in a store; what was learnt of topics is not.
 *
 * Where the world says who is there (`addressing` is null) nodes come from `peerFound` alone and nobody is told of.
 */

import {
  BoundedMap,
  concatBytes,
  idBytes,
  type SigningKey,
  ThicketError,
  type Topic,
  type VerifyingKey,
} from '../core/index.js'
import type { Addressing, Clock, Connection, Crypto, PeerOrigin, Random, Timer, Trace } from '../ports.js'
import { AddressBook, type AddressBookStore, isDialable, isProbeDue, isStale } from './address-book.js'
import { Doorkeeper } from './doorkeeper.js'
import { Evidence } from './evidence.js'
import { createLearner, type Learnt } from './learner.js'
import { DEFAULT_DISCOVERY_LIMITS, type DiscoveryLimits } from './limits.js'
import { Counters, type DiscoveryMetrics } from './metrics.js'
import { OwnRecord } from './own-record.js'
import { PeerNews, type PeersHandler } from './peer-news.js'
import { Persistence } from './persistence.js'
import type { PsiResult } from './psi.js'
import { type NodeRecord, SALT_BYTES, type ToldRecord } from './psi-wire.js'
import { createDiscoverySession, type DiscoverySession } from './session.js'
import { type DiscoverySettings, defaultDiscoverySettings } from './settings.js'
import { recordsToShare } from './sharing.js'
import { TopicKnowledge } from './topic-knowledge.js'
import { createWalk, markVisited, nextNode } from './walk.js'
import { type VisitOutcome, Walkers } from './walkers.js'

export interface DiscoveryConfig {
  readonly id: VerifyingKey
  readonly clock: Clock
  readonly random: Random
  readonly crypto: Crypto
  readonly signingKey: SigningKey
  readonly trace?: Trace | null
  /** See `discoveryProtocolId`. */
  readonly protocol: string
  /** As `Transport.dial`; its outcomes, too, are told to `dialled`. */
  readonly dial: (peer: VerifyingKey, protocol: string, done: (connection: Connection | null) => void) => void
  readonly addressing: Addressing | null
  /** Null where nothing is to be kept over restarts. */
  readonly book: AddressBookStore | null
  /** Whether both node ids go into every hash; p2panda's sessions are not bound in this way. */
  readonly isBound: boolean
  /** Whether a node may be visited and named as a peer; everybody when absent. */
  readonly mayConnect?: (peer: VerifyingKey) => boolean
  readonly settings?: Partial<DiscoverySettings>
  readonly limits?: Partial<DiscoveryLimits>
}

export interface Discovery {
  readonly protocol: string
  /** To be called once the transport has started. */
  start(): void
  /** A connection that a peer opened and that the owner permits. */
  accept(connection: Connection): void
  /**
   * All topics that others may find out that we share, by the names under which they are looked for: a topic for
   * ephemeral streams, its `membershipTopic` for synced ones. Throws `discovery-too-many-topics`.
   */
  setTopics(topics: readonly Topic[]): void
  peerFound(peer: VerifyingKey, origin?: PeerOrigin): void
  peerLost(peer: VerifyingKey): void
  addressesChanged(): void
  /** Nodes known to be interested in a topic of ours, who are not stale, in ascending order. */
  peersOf(topic: Topic): readonly VerifyingKey[]
  /** Called in a turn of its own whenever `peersOf` says something else for a topic of ours. */
  onPeers(handler: PeersHandler): void
  /** A dial of anybody in this node has ended. */
  dialled(peer: VerifyingKey, isConnected: boolean): void
  /** A peer has reached us. */
  incoming(peer: VerifyingKey): void
  /** Ends all sessions and writes what is not written yet. */
  stop(): void
  metrics(): DiscoveryMetrics
}

/** What a session asks for, and since when. */
interface Asked {
  readonly topics: readonly Topic[]
  readonly atMs: number
}

const CLOSE_CODE = 0
/** Connections that a node is remembered to have been met by, for as long as it matters who begins. */
const REMEMBERED_MEETINGS = 4_096

export function createDiscovery(config: DiscoveryConfig): Discovery {
  const { id, clock, random, addressing, trace } = config
  const limits: DiscoveryLimits = { ...DEFAULT_DISCOVERY_LIMITS, ...config.limits }
  const settings = { ...defaultDiscoverySettings(addressing?.kind ?? null), ...config.settings }
  const kind = addressing?.kind ?? null
  const float = () => random.float()
  const store = kind === null ? null : config.book

  const news = new PeerNews(clock, peersOf)
  const knowledge = new TopicKnowledge(limits.interestedPerTopic)
  const book = new AddressBook(kind ?? 'libp2p', limits, store?.load(kind!) ?? [], forget)
  const earlier = book.get(id)?.record ?? null
  book.remove(id)
  const own = addressing && new OwnRecord(config.signingKey, addressing, clock, earlier)
  const persistence = store && own && new Persistence({ clock, store, kind: own.kind, id, book, own })
  const walk = createWalk(id)
  const evidence = new Evidence()
  const doorkeeper = new Doorkeeper(limits)
  const counters = new Counters()
  const learner = createLearner({ id, clock, crypto: config.crypto, book, addressing, own, limits, counters })

  const sessions = new Set<DiscoverySession>()
  const visiting = new Set<VerifyingKey>()
  const metAtMs = new BoundedMap<VerifyingKey, number>(REMEMBERED_MEETINGS)
  const greetings = new Map<VerifyingKey, Timer>()
  /** When there was something new to ask everybody last. */
  let askedAtMs = Number.NEGATIVE_INFINITY
  let housekeeping: Timer | null = null
  let isRunning = false
  let hasStopped = false

  const walkers = new Walkers({
    clock,
    float,
    settings,
    urgentLimit: limits.urgent,
    canVisit,
    isWorthWaiting: () => book.size > 0,
    next: previous =>
      nextNode(walk, {
        previous,
        known: () => [...book.fresh(), ...book.toProbe(clock.wallUs())].map(({ nodeId }) => nodeId).filter(canVisit),
        bootstraps: () =>
          book
            .bootstraps()
            .map(({ nodeId }) => nodeId)
            .filter(canVisit),
        float,
        resetProbability: settings.resetProbability,
        canVisit,
      }),
    visit,
  })

  function canVisit(node: VerifyingKey): boolean {
    const entry = book.get(node)
    if (!entry || !isDialable(entry) || visiting.has(node) || doorkeeper.isShunned(node, clock.nowMs())) return false
    if (config.mayConnect && !config.mayConnect(node)) return false
    const metMs = metAtMs.get(node) ?? Number.NEGATIVE_INFINITY
    if (metMs >= askedAtMs && clock.nowMs() - metMs < settings.revisitMs) return false
    return !isStale(entry) || isProbeDue(entry, clock.wallUs())
  }

  function askAnew(): void {
    askedAtMs = clock.nowMs()
    walkers.restart()
  }

  function visit(node: VerifyingKey, done: (outcome: VisitOutcome | null) => void): void {
    visiting.add(node)
    const over = (outcome: VisitOutcome | null) => {
      visiting.delete(node)
      done(outcome)
    }
    const record = book.get(node)?.record
    if (record) learner.tellTransport(node, record)
    config.dial(node, config.protocol, connection => {
      if (connection === null) {
        counters.failed('discovery-dial-failed')
        over(null)
      } else if (hasStopped) {
        connection.close(CLOSE_CODE)
        over(null)
      } else open(connection, over)
    })
  }

  function open(connection: Connection, over: (outcome: VisitOutcome | null) => void): void {
    const { remote, role } = connection
    const ends = role === 'initiator' ? [id, remote] : [remote, id]
    const asked: Asked = { topics: knowledge.own, atMs: clock.nowMs() }
    const session = createDiscoverySession({
      connection,
      clock,
      psi: {
        topics: asked.topics,
        salt: random.bytes(SALT_BYTES),
        binding: config.isBound ? concatBytes(...ends.map(idBytes)) : new Uint8Array(0),
        kind,
        limits,
      },
      share: (common, told) => share(remote, common, told),
      onResult: result => take(session, asked, result, over),
      onFailure(error) {
        fail(session, error)
        over(null)
      },
      onEnded() {
        sessions.delete(session)
        counters.bytesSent += session.bytes.sent
        counters.bytesReceived += session.bytes.received
      },
    })
    sessions.add(session)
    session.start()
  }

  function share(remote: VerifyingKey, common: readonly Topic[], told: readonly ToldRecord[]): readonly NodeRecord[] {
    if (own === null) return []
    const others = recordsToShare({ book, knowledge, common, told, remote, share: settings.share, float, limits })
    return [...others, { nodeId: id, record: own.current }].sort((left, right) => (left.nodeId < right.nodeId ? -1 : 1))
  }

  function take(
    session: DiscoverySession,
    asked: Asked,
    result: PsiResult,
    over: (outcome: VisitOutcome | null) => void,
  ): void {
    learner.learn(result.records, learnt => {
      if (hasStopped) return
      if (learnt instanceof ThicketError) {
        // Nobody passes on what is not signed, so nothing else that the remote has said is believed.
        fail(session, learnt)
        persistence?.writeIn(settings.persistMs)
        over(null)
        return
      }
      over(conclude(session, asked, result, learnt))
    })
  }

  function conclude(session: DiscoverySession, asked: Asked, result: PsiResult, learnt: Learnt): VisitOutcome {
    const { remote, role } = session
    if (role === 'initiator') counters.initiated++
    else counters.accepted++
    if (learnt.isOwnSurpassed) persistence?.ownChanged()
    metAtMs.set(remote, asked.atMs)
    markVisited(walk, remote)
    const isHungry = result.common.some(
      topic => !knowledge.topicsOf(remote).has(topic) && knowledge.countOf(topic) < settings.enoughPeers,
    )
    // Of topics that came while this session ran another one may have told already.
    const wereAsked = new Set(asked.topics)
    const others = [...knowledge.topicsOf(remote)].filter(topic => !wereAsked.has(topic))
    news.changed(knowledge.set(remote, [...result.common, ...others], clock.nowMs() + settings.topicMs))
    for (const node of learnt.changed) news.changed(knowledge.topicsOf(node))
    persistence?.writeIn(settings.persistMs)
    trace?.event('discovery-finished', {
      peer: remote,
      role,
      common: result.common.length,
      records: result.records.length,
      learned: learnt.changed.length,
    })
    // Who passes a node on has reached it, or has it from one who has.
    for (const { nodeId } of result.records) book.hint(nodeId)
    const rate = result.records.length === 0 ? 0 : learnt.changed.length / result.records.length
    return {
      told: result.records.map(({ nodeId }) => nodeId).filter(node => book.get(node) !== undefined),
      isSuccess: isHungry || rate >= settings.successRate,
    }
  }

  function fail(session: DiscoverySession, error: ThicketError): void {
    counters.failed(error.code)
    doorkeeper.failed(session.remote, error.code, session.role === 'initiator', clock.nowMs())
    trace?.event('discovery-failed', { peer: session.remote, role: session.role, code: error.code })
  }

  function reached(peer: VerifyingKey): void {
    const nowUs = clock.wallUs()
    const entry = book.get(peer)
    const wasStale = entry !== undefined && isStale(entry)
    for (const other of evidence.succeeded(peer, clock.nowMs())) markFailed(other, nowUs)
    book.succeeded(peer, nowUs)
    if (wasStale) news.changed(knowledge.topicsOf(peer))
    persistence?.writeIn(settings.persistOutcomesMs)
  }

  function markFailed(peer: VerifyingKey, nowUs: bigint): void {
    book.failed(peer, nowUs)
    news.changed(knowledge.topicsOf(peer))
    persistence?.writeIn(settings.persistOutcomesMs)
  }

  /** A peer that came out of nowhere is asked soon, by the smaller id of the two when both may have found each other. */
  function greet(peer: VerifyingKey, origin: PeerOrigin | undefined): void {
    if (!isRunning || greetings.has(peer) || greetings.size >= limits.urgent) return
    const foundAtMs = clock.nowMs()
    const isFirst = origin === 'bootstrap' || id < peer
    const timer = clock.after(isFirst ? 0 : settings.yieldMs, () => {
      greetings.delete(peer)
      if ((metAtMs.get(peer) ?? Number.NEGATIVE_INFINITY) < foundAtMs && canVisit(peer)) walkers.hurryTo(peer)
    })
    greetings.set(peer, timer)
  }

  /** The address book holds the node no more. */
  function forget(node: VerifyingKey): void {
    addressing?.learn(node, [])
    news.changed(knowledge.drop(node))
  }

  function peersOf(topic: Topic): readonly VerifyingKey[] {
    return knowledge.nodesOf(topic).filter(node => {
      const entry = book.get(node)
      return entry !== undefined && isDialable(entry) && !isStale(entry) && (config.mayConnect?.(node) ?? true)
    })
  }

  function keepHouse(): void {
    housekeeping = clock.after(settings.housekeepingMs, () => {
      news.changed(knowledge.expire(clock.nowMs()))
      for (const node of book.removeOlderThan(BigInt(settings.forgetMs) * 1_000n, clock.wallUs())) forget(node)
      persistence?.writeIn(settings.persistMs)
      keepHouse()
    })
  }

  return {
    protocol: config.protocol,
    start() {
      isRunning = true
      for (const { nodeId, record } of book.fresh()) if (record) learner.tellTransport(nodeId, record)
      if (own?.refresh()) persistence?.ownChanged()
      persistence?.writeIn(settings.persistMs)
      keepHouse()
      walkers.start()
      for (const { nodeId, isPresent, isBootstrap } of book.all())
        if (isPresent) greet(nodeId, isBootstrap ? 'bootstrap' : undefined)
    },
    accept(connection) {
      const { remote } = connection
      const refusal = hasStopped ? 'discovery-stopped' : doorkeeper.refusal(remote, clock.nowMs())
      const accepted = [...sessions].filter(({ role }) => role === 'acceptor')
      const isBusy = accepted.filter(session => session.remote === remote).length >= limits.acceptedPerPeer
      if (refusal !== null || isBusy) {
        counters.failed(refusal ?? 'discovery-busy')
        connection.close(CLOSE_CODE)
        return
      }
      if (accepted.length >= limits.acceptedSessions) {
        // Sessions take moments. The oldest of so many is of somebody who holds it open.
        counters.failed('discovery-crowded')
        const oldest = accepted[0]!
        sessions.delete(oldest)
        oldest.abandon()
      }
      open(connection, () => {})
    },
    setTopics(topics) {
      if (topics.length > limits.topics) {
        throw new ThicketError('discovery-too-many-topics', `a node looks for at most ${limits.topics} topics`, {
          got: topics.length,
        })
      }
      const gained = knowledge.setOwn(topics)
      news.setTopics(topics)
      if (gained.length > 0) askAnew()
    },
    peerFound(peer, origin) {
      if (hasStopped || peer === id) return
      book.found(peer, origin, clock.wallUs())
      if (origin === 'incoming') reached(peer)
      news.changed(knowledge.topicsOf(peer))
      persistence?.writeIn(settings.persistMs)
      greet(peer, origin)
    },
    peerLost(peer) {
      if (hasStopped) return
      book.lost(peer)
      greetings.get(peer)?.cancel()
      greetings.delete(peer)
      const topics = knowledge.topicsOf(peer)
      news.changed(book.get(peer) ? topics : knowledge.drop(peer))
      persistence?.writeIn(settings.persistMs)
    },
    addressesChanged() {
      if (!isRunning || hasStopped || !own?.refresh()) return
      persistence?.ownChanged()
      persistence?.writeIn(settings.persistMs)
      if (own.current.addresses.length > 0) askAnew()
    },
    peersOf,
    onPeers: handler => news.listen(handler),
    dialled(peer, isConnected) {
      if (hasStopped) return
      if (isConnected) reached(peer)
      else if (evidence.failed(peer, clock.nowMs())) markFailed(peer, clock.wallUs())
    },
    incoming(peer) {
      if (!hasStopped) reached(peer)
    },
    stop() {
      if (hasStopped) return
      hasStopped = true
      isRunning = false
      walkers.stop()
      housekeeping?.cancel()
      news.stop()
      for (const timer of greetings.values()) timer.cancel()
      for (const session of sessions) session.abandon()
      sessions.clear()
      persistence?.stop()
    },
    metrics() {
      const open = [...sessions]
      return {
        active: open.length,
        initiated: counters.initiated,
        accepted: counters.accepted,
        failures: { ...counters.failures },
        recordsLearned: counters.recordsLearned,
        recordsRefused: { ...counters.recordsRefused },
        bytesSent: open.reduce((sum, { bytes }) => sum + bytes.sent, counters.bytesSent),
        bytesReceived: open.reduce((sum, { bytes }) => sum + bytes.received, counters.bytesReceived),
        nodes: book.size,
        stale: book.all().filter(isStale).length,
      }
    },
  }
}

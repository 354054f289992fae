/**
 * Gossip without an overlay: one connection to every peer that can be dialled, and each message is passed on once to
 * all neighbours who share the topic, so that a line of nodes hears everything. In a full mesh of n nodes a message so
 * travels about n squared times; the overlay that comes behind the same port cures that.
 *
 * Peers are dialled only while a topic is joined, the smaller node id first, the other one when nothing came for a
 * while. Who dials us is let in also without a topic of ours: what it has joined is remembered until we join it.
 */

import { BoundedMap, bytesToHex, hash, invariant, ThicketError, type Topic, type VerifyingKey } from '../core/index.js'
import type { Clock, Connection, Gossip, GossipTopic, GossipVerdict, Random, Timer, Trace } from '../ports.js'
import { DEFAULT_GOSSIP_LIMITS, type GossipLimits } from './limits.js'
import { Neighbour } from './neighbour.js'

export interface DirectGossipConfig {
  readonly id: VerifyingKey
  readonly clock: Clock
  readonly random: Random
  readonly trace?: Trace | null
  /** As `Transport.dial`. */
  readonly dial: (peer: VerifyingKey, protocol: string, done: (connection: Connection | null) => void) => void
  /** See `gossipProtocolId`. */
  readonly protocol: string
  readonly limits?: Partial<GossipLimits>
}

export interface GossipMetrics {
  /** Connections in use now. */
  readonly neighbours: number
  /** Messages written to neighbours, our own and passed on, ever. */
  readonly sent: number
  /** Messages that came from neighbours, ever. */
  readonly received: number
  /** Of these those that had come before. */
  readonly duplicates: number
  /** Messages given up for want of a neighbour or of a quick one. */
  readonly dropped: number
  /** Connections closed because the remote broke the rules. */
  readonly violations: number
}

export interface DirectGossip extends Gossip {
  readonly protocol: string
  peerFound(peer: VerifyingKey): void
  peerLost(peer: VerifyingKey): void
  accept(connection: Connection): void
  stop(): void
  metrics(): GossipMetrics
}

/** All there is with one peer. */
interface Pair {
  readonly peer: VerifyingKey
  neighbour: Neighbour | null
  /** A newer connection that takes the place of the one in use once the remote is heard on it. */
  successor: Neighbour | null
  dialing: boolean
  /** In a row, since the last connection on which the remote was heard. */
  failures: number
  timer: Timer | null
}

interface Joined {
  readonly topic: Topic
  readonly onMessage: (bytes: Uint8Array, from: VerifyingKey) => GossipVerdict
  /** Said while nobody listened; oldest first. */
  readonly waiting: Uint8Array[]
  readonly seen: BoundedMap<string, true>
}

export function createDirectGossip(config: DirectGossipConfig): DirectGossip {
  const { id, clock, random } = config
  const limits: GossipLimits = { ...DEFAULT_GOSSIP_LIMITS, ...config.limits }
  const peers = new Set<VerifyingKey>()
  const pairs = new Map<VerifyingKey, Pair>()
  const topics = new Map<Topic, Joined>()
  /** Monotonic milliseconds before which a peer is not let in. */
  const shunnedUntilMs = new BoundedMap<VerifyingKey, number>(limits.shunnedPeers)
  const counters = { sent: 0, received: 0, duplicates: 0, dropped: 0, violations: 0 }
  let stopped = false

  function pairOf(peer: VerifyingKey): Pair {
    let pair = pairs.get(peer)
    if (!pair) {
      pair = { peer, neighbour: null, successor: null, dialing: false, failures: 0, timer: null }
      pairs.set(peer, pair)
    }
    return pair
  }

  function isWanted(pair: Pair): boolean {
    return !stopped && topics.size > 0 && peers.has(pair.peer)
  }

  /** Dials after the delay, unless something is under way already. */
  function dialAfter(pair: Pair, delayMs: number): void {
    if (pair.neighbour || pair.dialing || pair.timer || !isWanted(pair)) return
    pair.timer = clock.after(delayMs, () => {
      pair.timer = null
      dial(pair)
    })
  }

  function begin(pair: Pair): void {
    dialAfter(pair, id < pair.peer ? 0 : limits.yieldMs)
  }

  function again(pair: Pair): void {
    // Doubling from twice the least, of which at least half is waited: never less than the least, never in step.
    const spanMs = Math.min(limits.retryMaxMs, limits.retryMinMs * 2 ** Math.min(pair.failures + 1, 30))
    dialAfter(pair, (spanMs * (1 + random.float())) / 2 + (id < pair.peer ? 0 : limits.yieldMs))
  }

  function dial(pair: Pair): void {
    if (pair.neighbour || pair.dialing || !isWanted(pair)) return
    if (isFull() || isShunned(pair.peer)) {
      pair.failures++
      again(pair)
      return
    }
    pair.dialing = true
    config.dial(pair.peer, config.protocol, connection => {
      pair.dialing = false
      if (connection === null) {
        pair.failures++
        again(pair)
        forget(pair)
      } else if (pair.neighbour || !isWanted(pair)) {
        connection.close(0)
        forget(pair)
      } else {
        open(pair, connection)
      }
    })
  }

  function isFull(): boolean {
    let inUse = 0
    for (const { neighbour, dialing } of pairs.values()) if (neighbour || dialing) inUse++
    return inUse >= limits.neighbours
  }

  function isShunned(peer: VerifyingKey): boolean {
    return clock.nowMs() < (shunnedUntilMs.get(peer) ?? 0)
  }

  function open(pair: Pair, connection: Connection): void {
    pair.timer?.cancel()
    pair.timer = null
    const neighbour = new Neighbour({
      id,
      connection,
      limits,
      topics: () => topics.keys(),
      receive,
      onHeard(heard) {
        if (pair.successor !== heard) return
        const older = pair.neighbour
        pair.successor = null
        pair.neighbour = heard
        older?.close()
      },
      onShared(topic) {
        const joined = topics.get(topic)
        for (const message of joined?.waiting.splice(0) ?? []) send(topic, message, null)
      },
      onDropped: () => counters.dropped++,
      onEnded,
    })
    config.trace?.event('gossip-connected', { peer: pair.peer })
    if (pair.neighbour) {
      pair.successor?.close()
      pair.successor = neighbour
    } else pair.neighbour = neighbour
    neighbour.start()
  }

  function onEnded(neighbour: Neighbour, error: ThicketError | null): void {
    const pair = pairOf(neighbour.remote)
    config.trace?.event('gossip-ended', { peer: pair.peer, code: error?.code ?? null })
    if (error) {
      counters.violations++
      shunnedUntilMs.set(pair.peer, clock.nowMs() + limits.shunMs)
    }
    if (pair.successor === neighbour) pair.successor = null
    if (pair.neighbour !== neighbour) return
    pair.neighbour = pair.successor
    pair.successor = null
    if (pair.neighbour) return
    pair.failures = neighbour.heard && !error ? 0 : pair.failures + 1
    again(pair)
    forget(pair)
  }

  /** Drops what is known of a peer that cannot be dialled, once nothing is under way. */
  function forget(pair: Pair | undefined): void {
    if (!pair || pair.neighbour || pair.dialing || pair.timer || peers.has(pair.peer)) return
    pairs.delete(pair.peer)
  }

  function receive(topic: Topic, bytes: Uint8Array, from: Neighbour): GossipVerdict {
    const joined = topics.get(topic)
    if (!joined) return 'ignored'
    counters.received++
    const name = bytesToHex(hash(bytes))
    if (joined.seen.get(name)) {
      counters.duplicates++
      return 'ignored'
    }
    joined.seen.set(name, true)
    const verdict = joined.onMessage(bytes, from.remote)
    if (verdict === 'accepted') send(topic, bytes, from)
    return verdict
  }

  /** To all who share the topic but the one who brought it. */
  function send(topic: Topic, bytes: Uint8Array, from: Neighbour | null): void {
    for (const { neighbour } of pairs.values()) {
      if (!neighbour || neighbour === from || !neighbour.shares(topic)) continue
      counters.sent++
      neighbour.send(topic, bytes)
    }
  }

  function neighboursOf(topic: Topic): number {
    let count = 0
    for (const { neighbour } of pairs.values()) if (neighbour?.shares(topic)) count++
    return count
  }

  function broadcast(joined: Joined, bytes: Uint8Array): void {
    invariant(bytes.length <= limits.messageBytes, 'who broadcasts has asked for the largest message')
    joined.seen.set(bytesToHex(hash(bytes)), true)
    if (neighboursOf(joined.topic) > 0) {
      send(joined.topic, bytes, null)
      return
    }
    if (joined.waiting.length >= limits.waitingMessages) {
      joined.waiting.shift()
      counters.dropped++
    }
    joined.waiting.push(bytes)
  }

  function leave(joined: Joined): void {
    if (topics.get(joined.topic) !== joined) return
    topics.delete(joined.topic)
    for (const pair of pairs.values()) {
      pair.successor?.update()
      pair.neighbour?.update()
      if (pair.neighbour?.isIdle) pair.neighbour.close()
      if (topics.size > 0) continue
      pair.timer?.cancel()
      pair.timer = null
    }
  }

  return {
    maxMessageBytes: limits.messageBytes,
    protocol: config.protocol,
    join(topic, onMessage): GossipTopic {
      if (topics.size >= limits.topicsPerNeighbour) {
        throw new ThicketError('gossip-too-many-topics', `a node joins at most ${limits.topicsPerNeighbour} topics`)
      }
      invariant(!topics.has(topic), 'a topic is joined once at a time')
      const joined: Joined = { topic, onMessage, waiting: [], seen: new BoundedMap(limits.rememberedMessages) }
      topics.set(topic, joined)
      for (const { neighbour, successor } of pairs.values()) {
        neighbour?.update()
        successor?.update()
      }
      for (const peer of peers) begin(pairOf(peer))
      return {
        get neighbours() {
          return topics.get(topic) === joined ? neighboursOf(topic) : 0
        },
        broadcast: bytes => {
          if (topics.get(topic) === joined) broadcast(joined, bytes)
        },
        leave: () => leave(joined),
      }
    },
    peerFound(peer) {
      if (stopped || peer === id || peers.has(peer)) return
      peers.add(peer)
      begin(pairOf(peer))
    },
    peerLost(peer) {
      if (!peers.delete(peer)) return
      const pair = pairs.get(peer)
      pair?.timer?.cancel()
      if (pair) pair.timer = null
      forget(pair)
    },
    accept(connection) {
      const pair = pairOf(connection.remote)
      const older = pair.neighbour
      // While both dial at the same moment the attempt of the smaller id stands. Later the newer connection does, once
      // something comes over it: a peer that was killed comes back before its old connection has timed out, but one
      // that dialled before ours reached it closes its own unused.
      const ours = pair.dialing || (older?.role === 'initiator' && !older.heard)
      if (stopped || isShunned(pair.peer) || (ours && id < pair.peer) || (!older && isFull())) {
        connection.close(0)
        forget(pair)
        return
      }
      open(pair, connection)
    },
    stop() {
      stopped = true
      for (const pair of pairs.values()) {
        pair.timer?.cancel()
        pair.successor?.close()
        pair.neighbour?.close()
      }
    },
    metrics() {
      let neighbours = 0
      for (const { neighbour } of pairs.values()) if (neighbour) neighbours++
      return { neighbours, ...counters }
    },
  }
}

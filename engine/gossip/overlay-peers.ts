/**
 * The connections of an overlay: one for each peer, shared by all topics, dialled when there is something to say and
 * closed when no topic needs it any more.
 *
 * Both sides may dial at once, and a peer that was killed comes back before its old connection has timed out. So all
 * connections with a peer are read, and one is written to: the newest on which the peer has been heard, but of two that
 * were opened at the same time the one that the smaller id has dialled. The others are half-closed and end when both
 * sides have done so; p2panda's nodes, which always write to the newest, are none the worse for it.
 */

import { BoundedMap, type ThicketError, type Topic, type VerifyingKey } from '../core/index.js'
import type { Clock, Connection, Timer, Trace } from '../ports.js'
import type { OverlayLimits } from './overlay-limits.js'
import { OverlayLink } from './overlay-link.js'

export interface OverlayPeersConfig {
  readonly id: VerifyingKey
  readonly clock: Clock
  readonly limits: OverlayLimits
  readonly trace: Trace | null
  dial(peer: VerifyingKey, done: (connection: Connection | null) => void): void
  /** A message, not decoded; says what it costs as one of membership, throws coded errors for what breaks the rules. */
  receive(peer: VerifyingKey, topic: Topic, frame: Uint8Array): number
  /** Whether some topic needs the connection. */
  isHeld(peer: VerifyingKey): boolean
  /** No connection with a peer is left, or it could not be dialled. */
  onDisconnected(peer: VerifyingKey, hasFailed: boolean): void
  /** A message was given up. */
  onDropped(): void
  onViolation(peer: VerifyingKey, error: ThicketError): void
}

/** Something to say to a peer that is not connected yet. */
interface Waiting {
  readonly topic: Topic
  readonly frame: Uint8Array
  readonly mayDrop: boolean
  readonly isLast: boolean
}

interface Peer {
  readonly id: VerifyingKey
  /** In the order of opening. */
  readonly links: OverlayLink[]
  /** The one that is written to. */
  out: OverlayLink | null
  waiting: Waiting[]
  isDialling: boolean
  linger: Timer | null
}

interface Rest {
  readonly failures: number
  readonly untilMs: number
}

/** Milliseconds within which two connections count as opened at once: a dial over a slow network takes as long. */
const AT_ONCE_MS = 3_000

export class OverlayPeers {
  readonly #config: OverlayPeersConfig
  readonly #peers = new Map<VerifyingKey, Peer>()
  readonly #dialQueue: Peer[] = []
  /** For connections to which nobody writes any more. */
  readonly #quietTimers = new Set<Timer>()
  /** Until when a peer is not dialled, for it could not be of late. */
  readonly #rests: BoundedMap<VerifyingKey, Rest>
  /** Until when a peer that broke the rules is not let in. */
  readonly #shunnedUntilMs: BoundedMap<VerifyingKey, number>
  #dialling = 0
  #links = 0
  #dialsFailed = 0
  #hasStopped = false

  constructor(config: OverlayPeersConfig) {
    this.#config = config
    this.#rests = new BoundedMap(config.limits.rememberedPeers)
    this.#shunnedUntilMs = new BoundedMap(config.limits.rememberedPeers)
  }

  get connected(): number {
    let count = 0
    for (const { out } of this.#peers.values()) if (out) count++
    return count
  }

  get links(): number {
    return this.#links
  }

  get dialling(): number {
    return this.#dialling
  }

  get dialsFailed(): number {
    return this.#dialsFailed
  }

  /** Sends a framed message, dialling first where there is no connection. `isLast`: nothing follows in this topic. */
  send(id: VerifyingKey, topic: Topic, frame: Uint8Array, mayDrop: boolean, isLast: boolean): void {
    if (this.#hasStopped) return
    const peer = this.#peerOf(id)
    if (peer.out) {
      this.#write(peer.out, { topic, frame, mayDrop, isLast })
      return
    }
    if (peer.waiting.length >= this.#config.limits.queuedMessages) {
      peer.waiting.shift()
      this.#config.onDropped()
    }
    peer.waiting.push({ topic, frame, mayDrop, isLast })
    this.#dial(peer)
  }

  accept(connection: Connection): void {
    const id = connection.remote
    const peer = this.#peerOf(id)
    if (this.#hasStopped || id === this.#config.id || this.#isShunned(id) || !this.#hasRoomFor(peer)) {
      connection.close(0)
      this.#tidy(peer)
      return
    }
    const link = this.#open(peer, connection)
    // Ours is on its way and will stand, unless the peer speaks on this one first.
    if (!peer.out && !(peer.isDialling && this.#config.id < id)) this.#writeTo(peer, link)
    this.review(id)
  }

  /** Dialling a peer makes sense again. */
  forgive(id: VerifyingKey): void {
    this.#rests.set(id, { failures: 0, untilMs: 0 })
  }

  /** Leaves a peer that breaks the rules of a topic. */
  shun(id: VerifyingKey, error: ThicketError): void {
    this.#shunnedUntilMs.set(id, this.#config.clock.nowMs() + this.#config.limits.shunMs)
    this.#config.onViolation(id, error)
    for (const link of [...(this.#peers.get(id)?.links ?? [])]) link.close()
  }

  /** What the topics need may have changed: a connection that none needs lives on for a little while only. */
  review(id: VerifyingKey): void {
    const peer = this.#peers.get(id)
    if (!peer) return
    if (peer.links.length === 0 || this.#config.isHeld(id)) {
      peer.linger?.cancel()
      peer.linger = null
      this.#tidy(peer)
      return
    }
    peer.linger ??= this.#config.clock.after(this.#config.limits.lingerMs, () => {
      peer.linger = null
      if (this.#config.isHeld(id)) return
      for (const link of [...peer.links]) link.close()
    })
  }

  /** Ends everything; what was written before still goes out. */
  stop(): void {
    this.#hasStopped = true
    this.#dialQueue.length = 0
    for (const timer of this.#quietTimers) timer.cancel()
    this.#quietTimers.clear()
    for (const peer of this.#peers.values()) {
      peer.linger?.cancel()
      peer.waiting = []
      for (const link of [...peer.links]) {
        link.retire()
        link.close()
      }
    }
  }

  #peerOf(id: VerifyingKey): Peer {
    let peer = this.#peers.get(id)
    if (!peer) {
      peer = { id, links: [], out: null, waiting: [], isDialling: false, linger: null }
      this.#peers.set(id, peer)
    }
    return peer
  }

  #isShunned(id: VerifyingKey): boolean {
    return this.#config.clock.nowMs() < (this.#shunnedUntilMs.get(id) ?? 0)
  }

  /** Makes room by closing an older connection with the same peer where that helps. */
  #hasRoomFor(peer: Peer): boolean {
    const { connections, connectionsPerPeer } = this.#config.limits
    if (peer.links.length >= connectionsPerPeer) {
      const surplus = peer.links.find(link => link !== peer.out)
      surplus?.close()
      return surplus !== undefined
    }
    return this.#links < connections
  }

  #dial(peer: Peer): void {
    if (peer.isDialling || this.#hasStopped) return
    peer.isDialling = true
    if (this.#dialling >= this.#config.limits.dialsAtOnce) this.#dialQueue.push(peer)
    else this.#dialNow(peer)
  }

  #dialNow(peer: Peer): void {
    this.#dialling++
    const { clock, limits } = this.#config
    const isHopeless =
      this.#isShunned(peer.id) ||
      clock.nowMs() < (this.#rests.get(peer.id)?.untilMs ?? 0) ||
      this.#links >= limits.connections
    if (isHopeless) clock.after(0, () => this.#dialled(peer, null, false))
    else this.#config.dial(peer.id, connection => this.#dialled(peer, connection, true))
  }

  #dialled(peer: Peer, connection: Connection | null, wasTried: boolean): void {
    this.#dialling--
    peer.isDialling = false
    while (this.#dialQueue.length > 0 && this.#dialling < this.#config.limits.dialsAtOnce) {
      this.#dialNow(this.#dialQueue.shift()!)
    }
    if (this.#hasStopped) {
      connection?.close(0)
      return
    }
    if (connection) this.#take(peer, connection)
    else this.#failed(peer, wasTried)
    this.review(peer.id)
    this.#tidy(peer)
  }

  #take(peer: Peer, connection: Connection): void {
    this.forgive(peer.id)
    // The peer dialled meanwhile. Its connection stands if its id is the smaller one; ours ends unused.
    if ((peer.out?.role === 'acceptor' && peer.id < this.#config.id) || this.#isShunned(peer.id)) {
      connection.close(0)
      return
    }
    this.#writeTo(peer, this.#open(peer, connection))
  }

  #failed(peer: Peer, wasTried: boolean): void {
    if (wasTried) {
      this.#dialsFailed++
      const { clock, limits } = this.#config
      const failures = (this.#rests.get(peer.id)?.failures ?? 0) + 1
      const restMs = Math.min(limits.dialRestMaxMs, limits.dialRestMinMs * 2 ** Math.min(failures - 1, 30))
      this.#rests.set(peer.id, { failures, untilMs: clock.nowMs() + restMs })
    }
    const other = peer.links.at(-1)
    if (other) {
      if (!peer.out) this.#writeTo(peer, other)
      return
    }
    peer.waiting = []
    this.#config.onDisconnected(peer.id, true)
  }

  #open(peer: Peer, connection: Connection): OverlayLink {
    const link = new OverlayLink({
      connection,
      clock: this.#config.clock,
      limits: this.#config.limits,
      receive: (topic, frame) => this.#config.receive(peer.id, topic, frame),
      onHeard: heard => this.#heard(peer, heard),
      onQuiet: quiet => this.#quiet(peer, quiet),
      onEnded: (ended, code, error) => this.#ended(peer, ended, code, error),
    })
    peer.links.push(link)
    this.#links++
    this.#config.trace?.event('gossip-connected', { peer: peer.id })
    link.start()
    return link
  }

  #heard(peer: Peer, link: OverlayLink): void {
    this.forgive(peer.id)
    const { out } = peer
    if (out === link) return
    if (out) {
      if (peer.links.indexOf(link) < peer.links.indexOf(out)) return
      const isOutBySmaller = (out.role === 'initiator') === this.#config.id < peer.id
      const isLinkBySmaller = (link.role === 'initiator') === this.#config.id < peer.id
      if (isOutBySmaller && !isLinkBySmaller && link.openedMs - out.openedMs < AT_ONCE_MS) return
    }
    this.#writeTo(peer, link)
  }

  #writeTo(peer: Peer, link: OverlayLink): void {
    const older = peer.out
    if (older === link) return
    peer.out = link
    const { waiting } = peer
    peer.waiting = []
    for (const message of waiting) this.#write(link, message)
    older?.retire()
  }

  #write(link: OverlayLink, { topic, frame, mayDrop, isLast }: Waiting): void {
    if (!link.send(topic, frame, mayDrop)) this.#config.onDropped()
    if (isLast) link.finish(topic)
  }

  /** A connection that neither side writes to any more is of no use. */
  #quiet(peer: Peer, link: OverlayLink): void {
    if (link === peer.out || this.#hasStopped) return
    const timer = this.#config.clock.after(this.#config.limits.lingerMs, () => {
      this.#quietTimers.delete(timer)
      if (link.isQuiet && link !== peer.out) link.close()
    })
    this.#quietTimers.add(timer)
  }

  #ended(peer: Peer, link: OverlayLink, code: number | null, error: ThicketError | null): void {
    const at = peer.links.indexOf(link)
    if (at < 0) return
    peer.links.splice(at, 1)
    this.#links--
    this.#config.trace?.event('gossip-ended', { peer: peer.id, code: error?.code ?? null })
    if (error && !this.#hasStopped) this.shun(peer.id, error)
    if (peer.out === link) {
      peer.out = null
      const other = peer.links.at(-1)
      if (other) this.#writeTo(peer, other)
    }
    if (peer.links.length > 0 || peer.isDialling || this.#hasStopped) return
    peer.linger?.cancel()
    peer.linger = null
    this.#config.onDisconnected(peer.id, code === null || this.#isShunned(peer.id))
    this.#tidy(peer)
  }

  /** Drops what is known of a peer with whom nothing is under way. */
  #tidy(peer: Peer): void {
    if (peer.links.length > 0 || peer.isDialling || peer.waiting.length > 0 || peer.linger) return
    if (this.#peers.get(peer.id) === peer) this.#peers.delete(peer.id)
  }
}

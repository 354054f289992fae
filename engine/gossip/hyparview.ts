/**
 * HyParView: who is whose neighbour in one topic. Each node holds a few neighbours, with whom it keeps connections, and
 * remembers some more peers from whom it replaces those that fail. New nodes make themselves known by a random walk;
 * shuffles now and then mix what is remembered, so that the graph stays random and connected.
 *
 * A pure machine: messages and the ends of connections come in with the time, what is to be sent goes out, and `tick`
 * wants to be called at `deadlineMs`. Two departures from the paper, shared with iroh-gossip: a peer of whom one has only
 * heard becomes a neighbour once it has answered, and a `neighbour` message is the request as well as the answer.
 */

import type { VerifyingKey } from '../core/index.js'
import { Allowance } from './allowance.js'
import { type Chance, jittered, pick, sample } from './chance.js'
import type { MembershipLimits } from './overlay-limits.js'
import type { MembershipMessage, PeerInfo, Priority } from './overlay-wire.js'

export type MembershipEffect =
  | { readonly type: 'send'; readonly to: VerifyingKey; readonly message: MembershipMessage }
  | { readonly type: 'neighbour-up'; readonly peer: VerifyingKey }
  | { readonly type: 'neighbour-down'; readonly peer: VerifyingKey }
  | { readonly type: 'peer-data'; readonly peer: VerifyingKey; readonly data: Uint8Array }
  /** The peer was in this very overlay a moment ago: what it said, or has others pass on, has come. */
  | { readonly type: 'heard-of'; readonly peer: VerifyingKey }

export interface HyParViewConfig {
  readonly id: VerifyingKey
  readonly chance: Chance
  readonly limits: MembershipLimits
  readonly peerData: () => Uint8Array | null
  readonly nowMs: number
}

/** A `neighbour` message that was sent: the next one from the same peer is its answer and is not answered again. */
interface Request {
  readonly deadlineMs: number
  /** Ours was an answer already, so nothing is expected. */
  readonly isAnswer: boolean
}

/** Bytes of what a shuffle says of addresses: with the keys it must stay below the largest frame. */
const SHUFFLE_DATA_BYTES = 3_072

export class HyParView {
  readonly #config: HyParViewConfig
  readonly #limits: MembershipLimits
  readonly #chance: Chance
  /** Both in the order of entry. */
  readonly #active: VerifyingKey[] = []
  readonly #passive: VerifyingKey[] = []
  /** Of peers in a view or asked to enter one. */
  readonly #data = new Map<VerifyingKey, Uint8Array>()
  readonly #requests = new Map<VerifyingKey, Request>()
  /** Passive peers that refused, and until when they are left in peace. */
  readonly #restUntilMs = new Map<VerifyingKey, number>()
  readonly #evictions: Allowance
  #shuffleAtMs: number
  /** A shuffle of ours may be answered, once, by somebody who is no neighbour. */
  #replyUntilMs = 0
  /** Whom a peer told us first when it last told us peers; asked first when that one leaves us. */
  #hint: { readonly from: VerifyingKey; readonly peer: VerifyingKey } | null = null
  #effects: MembershipEffect[] = []

  constructor(config: HyParViewConfig) {
    this.#config = config
    this.#limits = config.limits
    this.#chance = config.chance
    this.#evictions = new Allowance(this.#limits.evictionsPerSecond, this.#limits.evictionsAtOnce, config.nowMs)
    this.#shuffleAtMs = config.nowMs + jittered(config.limits.shuffleIntervalMs, config.chance)
  }

  get active(): readonly VerifyingKey[] {
    return this.#active
  }

  get passive(): readonly VerifyingKey[] {
    return this.#passive
  }

  /** Bounded counts, for tests and figures. */
  get sizes(): { readonly requests: number; readonly data: number; readonly resting: number } {
    return { requests: this.#requests.size, data: this.#data.size, resting: this.#restUntilMs.size }
  }

  /** When `tick` has something to do. */
  get deadlineMs(): number {
    let earliestMs = this.#shuffleAtMs
    for (const { deadlineMs } of this.#requests.values()) if (deadlineMs < earliestMs) earliestMs = deadlineMs
    return earliestMs
  }

  /** Whether the connection to a peer is wanted. */
  holds(peer: VerifyingKey): boolean {
    return this.#active.includes(peer) || this.#requests.has(peer)
  }

  /** Asks a peer to let us into the overlay. */
  join(peer: VerifyingKey): readonly MembershipEffect[] {
    if (peer !== this.#config.id) this.#send(peer, { type: 'join', data: this.#config.peerData() })
    return this.#take()
  }

  /** Asks a peer to become a neighbour whether there is room or not, as who ends the walk of a joining node does. */
  greet(peer: VerifyingKey, nowMs: number): readonly MembershipEffect[] {
    if (peer !== this.#config.id) this.#sendNeighbour(peer, 'high', false, nowMs)
    return this.#take()
  }

  /** Peers that can take the place of neighbours; one is asked if there is room. */
  offer(peers: readonly VerifyingKey[], nowMs: number): readonly MembershipEffect[] {
    for (const peer of peers) this.#remember({ peer, data: null })
    this.#refill(nowMs)
    return this.#take()
  }

  receive(from: VerifyingKey, message: MembershipMessage, nowMs: number): readonly MembershipEffect[] {
    if (from === this.#config.id) return []
    const isNeighbour = this.#active.includes(from)
    switch (message.type) {
      case 'join':
        this.#onJoin({ peer: from, data: message.data }, nowMs)
        break
      case 'neighbour':
        this.#onNeighbour({ peer: from, data: message.data }, message.priority, nowMs)
        break
      case 'disconnect':
        this.#onDisconnect(from, message.isAlive, nowMs)
        break
      case 'shuffle-reply':
        this.#onShuffleReply(from, message.peers, nowMs)
        break
      case 'forward-join':
        if (isNeighbour) this.#onForwardJoin(from, message.joining, message.ttl, nowMs)
        else this.#turnAway(from)
        break
      case 'shuffle':
        if (isNeighbour) this.#onShuffle(from, message.origin, message.peers, message.ttl)
        else this.#turnAway(from)
    }
    return this.#take()
  }

  /** A peer takes us for its neighbour though it is none of ours. */
  turnAway(peer: VerifyingKey): readonly MembershipEffect[] {
    this.#turnAway(peer)
    return this.#take()
  }

  /** There is no connection to a peer any more; it failed, or was only closed. */
  disconnected(peer: VerifyingKey, hasFailed: boolean, nowMs: number): readonly MembershipEffect[] {
    const wasAsked = this.#requests.delete(peer)
    const wasActive = this.#active.includes(peer)
    if (wasActive) this.#drop(peer, !hasFailed)
    else if (hasFailed) this.#forgetPassive(peer)
    if (wasActive || wasAsked) this.#refill(nowMs, peer)
    return this.#take()
  }

  tick(nowMs: number): readonly MembershipEffect[] {
    for (const [peer, request] of [...this.#requests]) {
      if (request.deadlineMs > nowMs) continue
      this.#requests.delete(peer)
      if (request.isAnswer || this.#active.includes(peer)) continue
      this.#forgetPassive(peer)
      this.#refill(nowMs)
    }
    if (this.#shuffleAtMs <= nowMs) {
      this.#shuffleAtMs = nowMs + jittered(this.#limits.shuffleIntervalMs, this.#chance)
      this.#shuffle(nowMs)
    }
    return this.#take()
  }

  /** Leaves the overlay. */
  quit(): readonly MembershipEffect[] {
    for (const peer of [...this.#active]) {
      this.#drop(peer, false)
      this.#sayGoodbye(peer, false)
    }
    this.#requests.clear()
    return this.#take()
  }

  #onJoin(joining: PeerInfo, nowMs: number): void {
    const { peer } = joining
    this.#heardOf(peer)
    // Who joins remembers nothing of a request of ours, mostly because it has started anew, and has to get one again.
    this.#requests.delete(peer)
    this.#learn(joining)
    // Where too many join at once the walks alone find neighbours for them.
    if (this.#admit(peer, 'high', nowMs)) this.#sendNeighbour(peer, 'high', true, nowMs)
    const told = this.#tellable([joining])[0]!
    for (const neighbour of this.#active) {
      if (neighbour === peer) continue
      this.#send(neighbour, { type: 'forward-join', joining: told, ttl: this.#limits.joinWalkHops })
    }
  }

  #onForwardJoin(from: VerifyingKey, joining: PeerInfo, ttl: number, nowMs: number): void {
    const { peer } = joining
    if (peer === this.#config.id) return
    this.#heardOf(peer)
    const left = Math.min(ttl, this.#limits.joinWalkHops)
    // A neighbour that joins has started anew and must hear from us that we still are its neighbour.
    if (this.#active.includes(peer) || this.#active.length <= 1 || (left === 0 && this.#wouldAdopt())) {
      this.#learn(joining)
      this.#sendNeighbour(peer, 'high', false, nowMs)
      return
    }
    if (left === 0) {
      this.#remember(joining)
      return
    }
    if (left === this.#limits.passiveWalkHops) this.#remember(joining)
    if (this.#requests.has(peer)) return
    const next = pick(this.#active, this.#chance, other => other !== from)
    const told = this.#tellable([joining])[0]!
    if (next) this.#send(next, { type: 'forward-join', joining: told, ttl: left - 1 })
  }

  /** Some of those who end a walk with all their neighbours are enough, for each pushes one out that takes it on too. */
  #wouldAdopt(): boolean {
    return this.#active.length < this.#limits.activeView || this.#chance() < this.#limits.adoptionShare
  }

  #onNeighbour(asking: PeerInfo, priority: Priority, nowMs: number): void {
    const { peer } = asking
    const isAnswer = this.#requests.delete(peer)
    this.#learn(asking)
    this.#heardOf(peer)
    if (this.#admit(peer, priority, nowMs)) {
      if (!isAnswer) this.#sendNeighbour(peer, priority, true, nowMs)
      return
    }
    this.#sayGoodbye(peer, true)
    this.#forgetUnseen(peer)
  }

  #onDisconnect(peer: VerifyingKey, isAlive: boolean, nowMs: number): void {
    const wasAsked = this.#requests.delete(peer)
    const wasActive = this.#active.includes(peer)
    if (wasActive) this.#drop(peer, isAlive)
    else if (!isAlive) this.#forgetPassive(peer)
    if (isAlive && this.#passive.includes(peer)) this.#restUntilMs.set(peer, nowMs + this.#limits.refusalRestMs)
    const hint = this.#hint?.from === peer ? this.#hint.peer : null
    this.#hint = null
    if (wasActive) this.#refill(nowMs, peer, hint)
    else if (wasAsked && this.#active.length === 0) this.#refill(nowMs, peer)
  }

  #onShuffle(from: VerifyingKey, origin: VerifyingKey, peers: readonly PeerInfo[], ttl: number): void {
    if (origin === this.#config.id) return
    this.#heardOf(origin)
    const left = Math.min(ttl, this.#limits.shuffleWalkHops)
    const next = left === 0 ? null : pick(this.#active, this.#chance, other => other !== from && other !== origin)
    const taken = peers.slice(0, this.#limits.peersPerMessage)
    if (next && this.#active.length > 1) {
      this.#send(next, { type: 'shuffle', origin, peers: this.#tellable(taken), ttl: left - 1 })
      return
    }
    // What is told is chosen before what was told is learnt, else the origin would hear its own words.
    const reply = this.#known(taken.length, origin)
    for (const peer of taken) this.#remember(peer)
    this.#send(origin, { type: 'shuffle-reply', peers: reply })
  }

  #onShuffleReply(from: VerifyingKey, peers: readonly PeerInfo[], nowMs: number): void {
    if (!this.holds(from)) {
      // Otherwise whoever can dial us could fill our memory with peers of its own.
      if (nowMs > this.#replyUntilMs) return
      this.#replyUntilMs = 0
    }
    for (const peer of peers.slice(0, this.#limits.peersPerMessage)) this.#remember(peer)
    this.#hint = peers[0] ? { from, peer: peers[0].peer } : null
    this.#refill(nowMs)
  }

  #shuffle(nowMs: number): void {
    const target = pick(this.#active, this.#chance, () => true)
    if (!target) return
    const { shuffleActive, shufflePassive, shuffleWalkHops, shuffleIntervalMs } = this.#limits
    const others = sample(this.#active, shuffleActive, this.#chance, peer => peer !== target)
    const peers = [...others, ...sample(this.#passive, shufflePassive, this.#chance)].map(peer => this.#info(peer))
    const self: PeerInfo = { peer: this.#config.id, data: this.#config.peerData() }
    this.#replyUntilMs = nowMs + shuffleIntervalMs / 2
    this.#send(target, {
      type: 'shuffle',
      origin: this.#config.id,
      peers: this.#tellable([self, ...peers]),
      ttl: shuffleWalkHops,
    })
  }

  /** Asks a remembered peer to become a neighbour while there is room for one that is not asked already. */
  #refill(nowMs: number, except: VerifyingKey | null = null, preferred: VerifyingKey | null = null): void {
    let asked = 0
    for (const [peer, { isAnswer }] of this.#requests) if (!isAnswer && !this.#active.includes(peer)) asked++
    if (this.#active.length + asked >= this.#limits.activeView) return
    // A node without any neighbour has no time to leave others in peace.
    const isAlone = this.#active.length === 0
    const mayAsk = (peer: VerifyingKey): boolean =>
      peer !== except && !this.#requests.has(peer) && (isAlone || nowMs >= (this.#restUntilMs.get(peer) ?? 0))
    const isPreferable = preferred !== null && this.#passive.includes(preferred) && mayAsk(preferred)
    const next = isPreferable ? preferred : pick(this.#passive, this.#chance, mayAsk)
    if (next) this.#sendNeighbour(next, isAlone ? 'high' : 'low', false, nowMs)
  }

  /** Makes a peer a neighbour if its priority or our room allows it. */
  #admit(peer: VerifyingKey, priority: Priority, nowMs: number): boolean {
    if (this.#active.includes(peer)) return true
    if (this.#active.length >= this.#limits.activeView) {
      if (priority === 'low' || this.#evictions.waitMs(nowMs) > 0) return false
      this.#evictions.take(nowMs)
      const leaving = pick(this.#active, this.#chance, () => true)!
      this.#drop(leaving, true)
      this.#restUntilMs.set(leaving, nowMs + this.#limits.refusalRestMs)
      this.#sayGoodbye(leaving, true, peer)
    }
    this.#leavePassive(peer)
    this.#active.push(peer)
    this.#effects.push({ type: 'neighbour-up', peer })
    return true
  }

  /** Takes a peer out of the neighbours, into memory if it can be asked again. */
  #drop(peer: VerifyingKey, isKept: boolean): void {
    this.#active.splice(this.#active.indexOf(peer), 1)
    this.#effects.push({ type: 'neighbour-down', peer })
    if (isKept) this.#remember({ peer, data: null })
    else this.#forgetUnseen(peer)
  }

  #remember(info: PeerInfo): void {
    const { peer } = info
    if (peer === this.#config.id) return
    const isKnown = this.#active.includes(peer) || this.#passive.includes(peer)
    if (!isKnown) {
      if (this.#passive.length >= this.#limits.passiveView) {
        this.#forgetPassive(pick(this.#passive, this.#chance, () => true)!)
      }
      this.#passive.push(peer)
    }
    this.#learn(info)
  }

  #forgetPassive(peer: VerifyingKey): void {
    this.#leavePassive(peer)
    this.#forgetUnseen(peer)
  }

  #leavePassive(peer: VerifyingKey): void {
    const at = this.#passive.indexOf(peer)
    if (at >= 0) this.#passive.splice(at, 1)
    this.#restUntilMs.delete(peer)
  }

  /** Drops what is known of a peer that is in no view. */
  #forgetUnseen(peer: VerifyingKey): void {
    if (!this.holds(peer) && !this.#passive.includes(peer)) this.#data.delete(peer)
  }

  #learn({ peer, data }: PeerInfo): void {
    if (data === null || data.length === 0 || data.length > this.#limits.peerDataBytes) return
    const known = this.#data.get(peer)
    if (known && known.length === data.length && known.every((byte, at) => byte === data[at])) return
    // A copy, because what came is a view into a whole frame.
    this.#data.set(peer, data.slice())
    this.#effects.push({ type: 'peer-data', peer, data: data.slice() })
  }

  #info(peer: VerifyingKey): PeerInfo {
    return { peer, data: this.#data.get(peer) ?? null }
  }

  /** As many peers that we know as were told to us, those first that are no neighbours. */
  #known(count: number, except: VerifyingKey): readonly PeerInfo[] {
    const passive = sample(this.#passive, count, this.#chance, peer => peer !== except)
    const active = sample(this.#active, count - passive.length, this.#chance, peer => peer !== except)
    return this.#tellable([...passive, ...active].map(peer => this.#info(peer)))
  }

  /** The same peers, with addresses only as far as they fit a frame. */
  #tellable(peers: readonly PeerInfo[]): readonly PeerInfo[] {
    let roomBytes = SHUFFLE_DATA_BYTES
    return peers.map(({ peer, data }) => {
      if (data === null || data.length > Math.min(roomBytes, this.#limits.peerDataBytes)) return { peer, data: null }
      roomBytes -= data.length
      return { peer, data }
    })
  }

  #sendNeighbour(peer: VerifyingKey, priority: Priority, isAnswer: boolean, nowMs: number): void {
    if (this.#requests.has(peer)) return
    if (!isAnswer && this.#requests.size >= this.#limits.requestsAtOnce) return
    this.#requests.set(peer, { deadlineMs: nowMs + this.#limits.neighbourTimeoutMs, isAnswer })
    this.#send(peer, { type: 'neighbour', priority, data: this.#config.peerData() })
  }

  /**
   * Who is left is told some peers first, lest it runs out of them: it may have only just joined. The one that took its
   * place comes first, for that one mostly has room, and then both ends of the broken link have it between them.
   */
  #sayGoodbye(peer: VerifyingKey, isAlive: boolean, successor: VerifyingKey | null = null): void {
    const { shuffleActive, shufflePassive } = this.#limits
    const first = successor === null ? [] : this.#tellable([this.#info(successor)])
    const others = this.#known(shuffleActive + shufflePassive - first.length, peer)
    this.#send(peer, { type: 'shuffle-reply', peers: [...first, ...others] })
    this.#send(peer, { type: 'disconnect', isAlive })
  }

  #turnAway(peer: VerifyingKey): void {
    // With a request on its way the peer knows, or will, how we stand.
    if (!this.holds(peer)) this.#send(peer, { type: 'disconnect', isAlive: true })
  }

  #heardOf(peer: VerifyingKey): void {
    this.#effects.push({ type: 'heard-of', peer })
  }

  #send(to: VerifyingKey, message: MembershipMessage): void {
    this.#effects.push({ type: 'send', to, message })
  }

  /** Drops what was said of peers that came into no view after all; at most one for each place is kept. */
  #forgetSurplus(): void {
    const { activeView, passiveView, requestsAtOnce } = this.#limits
    if (this.#data.size <= activeView + passiveView + requestsAtOnce) return
    for (const peer of [...this.#data.keys()]) this.#forgetUnseen(peer)
  }

  #take(): readonly MembershipEffect[] {
    this.#forgetSurplus()
    const effects = this.#effects
    this.#effects = []
    return effects
  }
}

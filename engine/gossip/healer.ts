/**
 * What keeps the overlay of a topic in one piece: it knows who is interested, from discovery, and greets some of them.
 *
 * A node without neighbours asks at once. One with too few offers candidates as replacements, which forces nobody.
 * One with all its neighbours can still live in a part of the overlay that knows nothing of another, and cannot tell.
 * So candidates that are new are greeted by a few nodes of all who hear of them: each draws its moment within a span and
 * its chance by how many candidates there are, and lets it be when it hears of one of them through the overlay, for then
 * both parts are one. Besides, some stranger is greeted now and then, the more seldom the more candidates there are.
 */

import type { VerifyingKey } from '../core/index.js'
import { type Chance, jittered, pick, sample } from './chance.js'
import type { HealerLimits } from './overlay-limits.js'

export interface HealerView {
  readonly active: readonly VerifyingKey[]
  /** Others that can be asked. */
  readonly remembered: number
  readonly wanted: number
}

export interface Healing {
  /** To be sent a join. */
  readonly join: readonly VerifyingKey[]
  /** To be made a neighbour in the place of another: one link that unites two parts, a fifth of the unrest of a join. */
  readonly greet: readonly VerifyingKey[]
  /** To be remembered as replacements, of whom one is asked; null when nobody is to be asked. */
  readonly offer: readonly VerifyingKey[] | null
}

const NOTHING: Healing = { join: [], greet: [], offer: null }

export class Healer {
  readonly #limits: HealerLimits
  readonly #chance: Chance
  #candidates: readonly VerifyingKey[] = []
  /** Candidates that are new and of whom the overlay has not told. */
  readonly #fresh = new Set<VerifyingKey>()
  #greetAtMs = Number.POSITIVE_INFINITY
  #lackAtMs = Number.POSITIVE_INFINITY
  #probeAtMs = Number.POSITIVE_INFINITY
  /** Since when the next one is waited for, and a factor about 1 by which it differs from that of other nodes. */
  #probeFromMs = 0
  #probeFactor = 1
  /** Attempts in a row since a neighbour came. */
  #attempts = 0

  constructor(limits: HealerLimits, chance: Chance) {
    this.#limits = limits
    this.#chance = chance
  }

  get candidates(): readonly VerifyingKey[] {
    return this.#candidates
  }

  get deadlineMs(): number {
    return Math.min(this.#greetAtMs, this.#lackAtMs, this.#probeAtMs)
  }

  /** All candidates there are now, without ourselves. */
  setCandidates(peers: readonly VerifyingKey[], view: HealerView, nowMs: number): void {
    const known = new Set(this.#candidates)
    const unique = [...new Set(peers)].sort()
    this.#candidates =
      unique.length > this.#limits.candidates ? sample(unique, this.#limits.candidates, this.#chance) : unique
    const listed = new Set(this.#candidates)
    for (const peer of [...this.#fresh]) if (!listed.has(peer)) this.#fresh.delete(peer)
    const news = this.#candidates.filter(peer => !known.has(peer) && !view.active.includes(peer))
    if (news.length === 0) return
    for (const peer of news) this.#fresh.add(peer)
    if (view.active.length < view.wanted) this.#hope(view, nowMs)
    // Alone there is nothing to unite; what is asked at once is enough.
    if (view.active.length > 0) this.#planGreeting(news.length, nowMs)
    if (this.#probeAtMs === Number.POSITIVE_INFINITY) this.#planProbe(view, nowMs)
  }

  /** A candidate can be reached, perhaps again. */
  found(peer: VerifyingKey, view: HealerView, nowMs: number): void {
    if (view.active.length < view.wanted && !view.active.includes(peer) && this.#candidates.includes(peer)) {
      this.#hope(view, nowMs)
    }
  }

  /** A peer was in the same part of the overlay a moment ago. */
  heardOf(peer: VerifyingKey): void {
    if (!this.#fresh.has(peer)) return
    this.#fresh.clear()
    this.#greetAtMs = Number.POSITIVE_INFINITY
  }

  neighbourUp(view: HealerView): void {
    this.#attempts = 0
    if (view.active.length >= view.wanted) this.#lackAtMs = Number.POSITIVE_INFINITY
  }

  neighbourDown(view: HealerView, nowMs: number): void {
    // HyParView asks a replacement by itself; this is for when that one does not answer.
    this.#lackAtMs = Math.min(this.#lackAtMs, this.#soonMs(view, nowMs))
  }

  tick(view: HealerView, nowMs: number): Healing {
    const isStranger = (peer: VerifyingKey) => !view.active.includes(peer)
    let healing = NOTHING
    if (this.#lackAtMs <= nowMs) healing = this.#mendLack(view, isStranger, nowMs)
    if (this.#greetAtMs <= nowMs) {
      this.#greetAtMs = Number.POSITIVE_INFINITY
      const greeted = pick([...this.#fresh], this.#chance, isStranger)
      this.#fresh.clear()
      if (greeted) healing = { ...healing, greet: [greeted] }
    }
    if (this.#probeAtMs <= nowMs) {
      const stranger = this.#probe(view, isStranger, nowMs)
      if (stranger) healing = { ...healing, greet: [...healing.greet, stranger] }
    }
    return healing
  }

  #probe(view: HealerView, isStranger: (peer: VerifyingKey) => boolean, nowMs: number): VerifyingKey | null {
    const dueMs = this.#probeFromMs + this.#probeDelayMs(view)
    if (dueMs > nowMs && this.#candidates.length > 0) {
      this.#probeAtMs = dueMs
      return null
    }
    this.#planProbe(view, nowMs)
    return view.active.length === 0 ? null : pick(this.#candidates, this.#chance, isStranger)
  }

  #mendLack(view: HealerView, isStranger: (peer: VerifyingKey) => boolean, nowMs: number): Healing {
    const lacks = view.active.length < view.wanted
    const canAsk = view.remembered > 0 || this.#candidates.some(isStranger)
    if (!lacks || !canAsk) {
      this.#lackAtMs = Number.POSITIVE_INFINITY
      return NOTHING
    }
    this.#attempts++
    const spanMs = Math.min(this.#limits.retryMaxMs, this.#limits.retryMinMs * 2 ** Math.min(this.#attempts, 30))
    this.#lackAtMs = nowMs + jittered(spanMs, this.#chance)
    const isAlone = view.active.length === 0
    const count = isAlone ? this.#limits.joinsAtOnce : this.#limits.offersAtOnce
    const chosen = sample(this.#candidates, count, this.#chance, isStranger)
    return isAlone ? { ...NOTHING, join: chosen, offer: [] } : { ...NOTHING, offer: chosen }
  }

  /** Somebody new can be asked. Who is alone does so at once; who only lacks some keeps its pace, for news may be many. */
  #hope(view: HealerView, nowMs: number): void {
    const isAlone = view.active.length === 0
    if (!isAlone && this.#lackAtMs < Number.POSITIVE_INFINITY) return
    if (isAlone) this.#attempts = 0
    this.#lackAtMs = Math.min(this.#lackAtMs, this.#soonMs(view, nowMs))
  }

  #soonMs(view: HealerView, nowMs: number): number {
    return view.active.length === 0 ? nowMs : nowMs + jittered(this.#limits.retryMinMs, this.#chance)
  }

  #planGreeting(news: number, nowMs: number): void {
    const { spreadPerCandidateMs, spreadMinMs, spreadMaxMs, greetingFactor } = this.#limits
    const count = this.#candidates.length
    if (this.#chance() >= greetingFactor * (news / count) ** 2) return
    const spanMs = Math.min(spreadMaxMs, Math.max(spreadMinMs, spreadPerCandidateMs * count))
    this.#greetAtMs = Math.min(this.#greetAtMs, nowMs + this.#chance() * spanMs)
  }

  /** Milliseconds to the next greeting of a stranger; the overlay may have grown since it was planned. */
  #probeDelayMs(view: HealerView): number {
    // How many others there are cannot be known; who knows one candidate alone may know many by the overlay.
    const others = Math.max(this.#candidates.length, view.active.length + view.remembered)
    return this.#limits.probeMs * others * this.#probeFactor
  }

  #planProbe(view: HealerView, nowMs: number): void {
    this.#probeFromMs = nowMs
    this.#probeFactor = jittered(1, this.#chance)
    this.#probeAtMs = this.#candidates.length === 0 ? Number.POSITIVE_INFINITY : nowMs + this.#probeDelayMs(view)
  }
}

/**
 * One node in the overlay of one topic: who its neighbours are, what is broadcast among them, and what keeps the whole
 * in one piece, in one pure machine.
 */

import type { VerifyingKey } from '../core/index.js'
import type { Chance } from './chance.js'
import { Healer, type HealerView, type Healing } from './healer.js'
import { HyParView, type MembershipEffect } from './hyparview.js'
import type { OverlayLimits } from './overlay-limits.js'
import { ANNOUNCEMENT_BYTES, isMembership, type OverlayMessage, type Payload } from './overlay-wire.js'
import { PlumTree, type TreeEffect } from './plumtree.js'

export type SwarmEffect = Exclude<MembershipEffect, { readonly type: 'heard-of' }> | TreeEffect

export interface SwarmConfig {
  readonly id: VerifyingKey
  readonly chance: Chance
  readonly limits: OverlayLimits
  readonly peerData: () => Uint8Array | null
  readonly nowMs: number
}

export class Swarm {
  readonly #id: VerifyingKey
  readonly #wanted: number
  readonly #membership: HyParView
  readonly #tree: PlumTree
  readonly #healer: Healer
  #effects: SwarmEffect[] = []

  constructor({ id, chance, limits, peerData, nowMs }: SwarmConfig) {
    this.#id = id
    this.#wanted = limits.activeView
    this.#membership = new HyParView({ id, chance, limits, peerData, nowMs })
    // Two variants and a length of two bytes come before the announcements; a frame must stay below the limit.
    const announcementsPerFrame = Math.floor((limits.frameBytes - 5) / ANNOUNCEMENT_BYTES)
    this.#tree = new PlumTree({ limits, announcementsPerFrame })
    this.#healer = new Healer(limits, chance)
  }

  get neighbours(): readonly VerifyingKey[] {
    return this.#membership.active
  }

  get passive(): readonly VerifyingKey[] {
    return this.#membership.passive
  }

  get tree(): PlumTree {
    return this.#tree
  }

  get deadlineMs(): number {
    return Math.min(this.#membership.deadlineMs, this.#tree.deadlineMs, this.#healer.deadlineMs)
  }

  /** Whether the connection to a peer is wanted. */
  holds(peer: VerifyingKey): boolean {
    return this.#membership.holds(peer)
  }

  setCandidates(peers: readonly VerifyingKey[], nowMs: number): readonly SwarmEffect[] {
    const others = peers.filter(peer => peer !== this.#id)
    this.#healer.setCandidates(others, this.#view(), nowMs)
    return this.tick(nowMs)
  }

  /** A peer can be reached, perhaps again. */
  found(peer: VerifyingKey, nowMs: number): readonly SwarmEffect[] {
    this.#healer.found(peer, this.#view(), nowMs)
    return this.tick(nowMs)
  }

  /** @throws `overlay-id-mismatch` */
  receive(from: VerifyingKey, message: OverlayMessage, nowMs: number): readonly SwarmEffect[] {
    if (isMembership(message)) this.#enact(this.#membership.receive(from, message, nowMs), nowMs)
    else {
      // Its content may be news all the same; but it has to learn that we are no neighbours.
      if (!this.#membership.holds(from)) this.#enact(this.#membership.turnAway(from), nowMs)
      this.#effects.push(...this.#tree.receive(from, message, nowMs))
    }
    return this.#take()
  }

  accept(payload: Payload, from: VerifyingKey, nowMs: number): readonly SwarmEffect[] {
    return this.#tree.accept(payload, from, nowMs)
  }

  broadcast(content: Uint8Array, nowMs: number): readonly SwarmEffect[] {
    return this.#tree.broadcast(content, nowMs)
  }

  disconnected(peer: VerifyingKey, hasFailed: boolean, nowMs: number): readonly SwarmEffect[] {
    this.#enact(this.#membership.disconnected(peer, hasFailed, nowMs), nowMs)
    return this.#take()
  }

  tick(nowMs: number): readonly SwarmEffect[] {
    if (this.#membership.deadlineMs <= nowMs) this.#enact(this.#membership.tick(nowMs), nowMs)
    if (this.#tree.deadlineMs <= nowMs) this.#effects.push(...this.#tree.tick(nowMs))
    if (this.#healer.deadlineMs <= nowMs) this.#heal(this.#healer.tick(this.#view(), nowMs), nowMs)
    return this.#take()
  }

  quit(nowMs: number): readonly SwarmEffect[] {
    this.#enact(this.#membership.quit(), nowMs)
    return this.#take()
  }

  #heal({ join, greet, offer }: Healing, nowMs: number): void {
    for (const peer of join) this.#enact(this.#membership.join(peer), nowMs)
    for (const peer of greet) this.#enact(this.#membership.greet(peer, nowMs), nowMs)
    if (offer) this.#enact(this.#membership.offer(offer, nowMs), nowMs)
  }

  #enact(effects: readonly MembershipEffect[], nowMs: number): void {
    for (const effect of effects) {
      if (effect.type === 'heard-of') {
        this.#healer.heardOf(effect.peer)
        continue
      }
      if (effect.type === 'neighbour-up') {
        this.#tree.neighbourUp(effect.peer)
        this.#healer.neighbourUp(this.#view())
      } else if (effect.type === 'neighbour-down') {
        this.#tree.neighbourDown(effect.peer)
        this.#healer.neighbourDown(this.#view(), nowMs)
      }
      this.#effects.push(effect)
    }
  }

  #view(): HealerView {
    const { active, passive } = this.#membership
    return { active, remembered: passive.length, wanted: this.#wanted }
  }

  #take(): readonly SwarmEffect[] {
    const effects = this.#effects
    this.#effects = []
    return effects
  }
}

/**
 * PlumTree: broadcast over the neighbours of one topic. A message is pushed at once to eager neighbours; the others are
 * told its id only, a little later. Who brings what is known already is pruned to the latter, so that the eager links
 * become a tree; who hears of an id without getting the message asks for it, which mends the tree.
 *
 * A pure machine, like HyParView beside it. It does not judge: what is new goes out as `deliver`, and is passed on only
 * when it comes back as `accept`. Unlike the crates it listens to neighbours alone, keeps every memory within bounds and
 * answers the same question of one neighbour only so often.
 */

import { bytesToHex, hash, ThicketError, type VerifyingKey } from '../core/index.js'
import type { TreeLimits } from './overlay-limits.js'
import { type Announcement, MAX_ROUND, type MessageId, type Payload, type TreeMessage } from './overlay-wire.js'

export type TreeEffect =
  | { readonly type: 'send'; readonly to: VerifyingKey; readonly message: TreeMessage }
  /** A message that was not known; to be judged and, when it is good, handed to `accept`. */
  | { readonly type: 'deliver'; readonly from: VerifyingKey; readonly payload: Payload }
  /** A neighbour brought what had come before. */
  | { readonly type: 'duplicate'; readonly from: VerifyingKey }

export interface PlumTreeConfig {
  readonly limits: TreeLimits
  /** Announcements that one frame holds. */
  readonly announcementsPerFrame: number
}

interface Neighbour {
  readonly peer: VerifyingKey
  isEager: boolean
  /** To be announced at the next dispatch; oldest first. */
  announcements: Announcement[]
  /** Missing messages that are waited for by the word of this one. */
  missing: number
}

interface Cached {
  readonly payload: Payload
  readonly expiresMs: number
  /** How often each neighbour has asked for it. */
  readonly asked: Map<VerifyingKey, number>
}

interface Missing {
  /** Who is said to have it, in the order in which they are asked. */
  readonly sources: { readonly peer: VerifyingKey; readonly round: number }[]
  /** The shortest way heard of. */
  nearest: { readonly peer: VerifyingKey; readonly round: number }
  /** By whose word it is waited for. */
  readonly owner: VerifyingKey
  dueMs: number
}

export class PlumTree {
  readonly #limits: TreeLimits
  readonly #announcementsPerFrame: number
  /** In the order of their ids. */
  readonly #neighbours: Neighbour[] = []
  /** Until when an id is known; in the order of arrival, which is that of expiry. */
  readonly #seen = new Map<MessageId, number>()
  /** In the order of arrival as well. */
  readonly #cache = new Map<MessageId, Cached>()
  readonly #missing = new Map<MessageId, Missing>()
  #cachedBytes = 0
  #dispatchAtMs = Number.POSITIVE_INFINITY
  #effects: TreeEffect[] = []

  constructor(config: PlumTreeConfig) {
    this.#limits = config.limits
    this.#announcementsPerFrame = config.announcementsPerFrame
  }

  get eager(): readonly VerifyingKey[] {
    return this.#neighbours.filter(({ isEager }) => isEager).map(({ peer }) => peer)
  }

  get lazy(): readonly VerifyingKey[] {
    return this.#neighbours.filter(({ isEager }) => !isEager).map(({ peer }) => peer)
  }

  /** Bounded counts, for tests and figures. */
  get sizes(): { readonly seen: number; readonly cached: number; readonly bytes: number; readonly missing: number } {
    return {
      seen: this.#seen.size,
      cached: this.#cache.size,
      bytes: this.#cachedBytes,
      missing: this.#missing.size,
    }
  }

  /** When `tick` has something to do. */
  get deadlineMs(): number {
    let earliestMs = this.#dispatchAtMs
    for (const { dueMs } of this.#missing.values()) if (dueMs < earliestMs) earliestMs = dueMs
    const { evictMs } = this.#limits
    for (const [, { expiresMs }] of this.#cache) {
      earliestMs = Math.min(earliestMs, Math.ceil(expiresMs / evictMs) * evictMs)
      break
    }
    for (const [, expiresMs] of this.#seen) {
      earliestMs = Math.min(earliestMs, Math.ceil(expiresMs / evictMs) * evictMs)
      break
    }
    return earliestMs
  }

  neighbourUp(peer: VerifyingKey): void {
    if (this.#find(peer)) return
    this.#neighbours.push({ peer, isEager: true, announcements: [], missing: 0 })
    this.#neighbours.sort((left, right) => (left.peer < right.peer ? -1 : 1))
  }

  neighbourDown(peer: VerifyingKey): void {
    const at = this.#neighbours.findIndex(neighbour => neighbour.peer === peer)
    if (at < 0) return
    this.#neighbours.splice(at, 1)
    for (const [id, missing] of [...this.#missing]) {
      const left = missing.sources.filter(source => source.peer !== peer)
      missing.sources.splice(0, missing.sources.length, ...left)
      if (left.length === 0) this.#stopWaiting(id)
      else if (missing.nearest.peer === peer) missing.nearest = nearestOf(left)
    }
  }

  /** Says something to all, and takes its coming back for known. */
  broadcast(content: Uint8Array, nowMs: number): readonly TreeEffect[] {
    this.#evict(nowMs)
    const payload: Payload = { type: 'payload', id: bytesToHex(hash(content)), content, round: 0 }
    this.#see(payload.id, nowMs)
    this.#spread(payload, null, nowMs)
    return this.#take()
  }

  /** @throws `overlay-id-mismatch` */
  receive(from: VerifyingKey, message: TreeMessage, nowMs: number): readonly TreeEffect[] {
    this.#evict(nowMs)
    const neighbour = this.#find(from)
    switch (message.type) {
      case 'payload':
        this.#onPayload(from, neighbour, message, nowMs)
        break
      case 'prune':
        if (neighbour) neighbour.isEager = false
        break
      case 'graft':
        if (neighbour) this.#onGraft(neighbour, message.id)
        break
      case 'announce':
        if (neighbour)
          for (const announcement of message.announcements) this.#onAnnounced(neighbour, announcement, nowMs)
    }
    return this.#take()
  }

  /** A delivered message is good: it is passed on, and kept for who asks for it. */
  accept(payload: Payload, from: VerifyingKey, nowMs: number): readonly TreeEffect[] {
    if (payload.round !== null) {
      this.#spread({ ...payload, round: Math.min(payload.round + 1, MAX_ROUND) }, from, nowMs)
    }
    return this.#take()
  }

  tick(nowMs: number): readonly TreeEffect[] {
    this.#evict(nowMs)
    if (this.#dispatchAtMs <= nowMs) this.#dispatch()
    for (const [id, missing] of [...this.#missing]) if (missing.dueMs <= nowMs) this.#ask(id, missing, nowMs)
    return this.#take()
  }

  #onPayload(from: VerifyingKey, neighbour: Neighbour | null, payload: Payload, nowMs: number): void {
    if (this.#seen.has(payload.id)) {
      this.#effects.push({ type: 'duplicate', from })
      if (!neighbour) return
      neighbour.isEager = false
      this.#send(from, { type: 'prune' })
      return
    }
    const id = bytesToHex(hash(payload.content))
    if (id !== payload.id) {
      throw new ThicketError('overlay-id-mismatch', 'the id of a message is not the hash of its content', {
        claimed: payload.id,
        actual: id,
      })
    }
    if (payload.round !== null) {
      this.#see(id, nowMs)
      const missing = this.#missing.get(id)
      if (missing && neighbour) this.#optimise(neighbour, payload.round, missing)
      this.#stopWaiting(id)
    }
    this.#effects.push({ type: 'deliver', from, payload: { ...payload, content: payload.content.slice() } })
  }

  /** Takes a much shorter way, when one is known, in the place of the one by which a message came. */
  #optimise(sender: Neighbour, round: number, { nearest }: Missing): void {
    if (round + 1 - nearest.round < this.#limits.optimisationHops || nearest.peer === sender.peer) return
    const nearer = this.#find(nearest.peer)
    if (!nearer) return
    if (!nearer.isEager) {
      nearer.isEager = true
      this.#send(nearer.peer, { type: 'graft', id: null, round: nearest.round })
    }
    sender.isEager = false
    this.#send(sender.peer, { type: 'prune' })
  }

  #onGraft(neighbour: Neighbour, id: MessageId | null): void {
    neighbour.isEager = true
    const cached = id === null ? undefined : this.#cache.get(id)
    if (!cached) return
    const asked = cached.asked.get(neighbour.peer) ?? 0
    if (asked >= this.#limits.answersPerPeer) return
    cached.asked.set(neighbour.peer, asked + 1)
    this.#send(neighbour.peer, cached.payload)
  }

  #onAnnounced(neighbour: Neighbour, { id, round }: Announcement, nowMs: number): void {
    if (this.#seen.has(id)) return
    const source = { peer: neighbour.peer, round }
    const known = this.#missing.get(id)
    if (known) {
      if (known.sources.some(({ peer }) => peer === source.peer)) return
      known.sources.push(source)
      if (round < known.nearest.round) known.nearest = source
      return
    }
    if (this.#missing.size >= this.#limits.missingIds || neighbour.missing >= this.#limits.missingIdsPerPeer) return
    neighbour.missing++
    const dueMs = nowMs + this.#limits.missingMs
    this.#missing.set(id, { sources: [source], nearest: source, owner: neighbour.peer, dueMs })
  }

  #ask(id: MessageId, missing: Missing, nowMs: number): void {
    const source = missing.sources.shift()
    const neighbour = source && this.#find(source.peer)
    if (!source || !neighbour) {
      this.#stopWaiting(id)
      return
    }
    neighbour.isEager = true
    this.#send(neighbour.peer, { type: 'graft', id, round: source.round })
    missing.dueMs = nowMs + this.#limits.graftMs
  }

  #stopWaiting(id: MessageId): void {
    const missing = this.#missing.get(id)
    if (!missing) return
    this.#missing.delete(id)
    const owner = this.#find(missing.owner)
    if (owner) owner.missing--
  }

  /** To eager neighbours at once, to the others by name at the next dispatch. */
  #spread(payload: Payload, from: VerifyingKey | null, nowMs: number): void {
    this.#keep(payload, nowMs)
    for (const neighbour of this.#neighbours) {
      if (neighbour.peer === from) continue
      if (neighbour.isEager) {
        this.#send(neighbour.peer, payload)
        continue
      }
      if (neighbour.announcements.length >= this.#limits.announcements) neighbour.announcements.shift()
      neighbour.announcements.push({ id: payload.id, round: payload.round ?? 0 })
      this.#dispatchAtMs = Math.min(this.#dispatchAtMs, nowMs + this.#limits.lazyDispatchMs)
    }
  }

  #dispatch(): void {
    this.#dispatchAtMs = Number.POSITIVE_INFINITY
    for (const neighbour of this.#neighbours) {
      const waiting = neighbour.announcements
      neighbour.announcements = []
      for (let at = 0; at < waiting.length; at += this.#announcementsPerFrame) {
        const announcements = waiting.slice(at, at + this.#announcementsPerFrame)
        this.#send(neighbour.peer, { type: 'announce', announcements })
      }
    }
  }

  #see(id: MessageId, nowMs: number): void {
    // Set anew it moves to the end, where its new time belongs.
    this.#seen.delete(id)
    this.#seen.set(id, nowMs + this.#limits.seenMs)
    if (this.#seen.size > this.#limits.seenIds) deleteFirst(this.#seen)
  }

  #keep(payload: Payload, nowMs: number): void {
    if (this.#cache.has(payload.id)) return
    this.#cache.set(payload.id, { payload, expiresMs: nowMs + this.#limits.cacheMs, asked: new Map() })
    this.#cachedBytes += payload.content.length
    while (this.#cache.size > this.#limits.cachedMessages || this.#cachedBytes > this.#limits.cachedBytes)
      this.#uncache()
  }

  #uncache(): void {
    const oldest = deleteFirst(this.#cache)
    if (oldest) this.#cachedBytes -= oldest.payload.content.length
  }

  #evict(nowMs: number): void {
    for (const { expiresMs } of this.#cache.values()) {
      if (expiresMs > nowMs) break
      this.#uncache()
    }
    for (const expiresMs of this.#seen.values()) {
      if (expiresMs > nowMs) break
      deleteFirst(this.#seen)
    }
  }

  #find(peer: VerifyingKey): Neighbour | null {
    return this.#neighbours.find(neighbour => neighbour.peer === peer) ?? null
  }

  #send(to: VerifyingKey, message: TreeMessage): void {
    this.#effects.push({ type: 'send', to, message })
  }

  #take(): readonly TreeEffect[] {
    const effects = this.#effects
    this.#effects = []
    return effects
  }
}

function nearestOf(sources: Missing['sources']): Missing['nearest'] {
  return sources.reduce((best, source) => (source.round < best.round ? source : best))
}

function deleteFirst<Value>(map: Map<MessageId, Value>): Value | undefined {
  for (const [id, value] of map) {
    map.delete(id)
    return value
  }
  return undefined
}

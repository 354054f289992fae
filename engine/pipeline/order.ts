/**
 * Order by causality within one transaction. What is stored is released at once when everything it names is released,
 * and waits otherwise; releasing it may release others, and so on, in bounded steps. Log order is the same rule: an
 * operation also waits for its predecessor.
 *
 * Written back at the end of the transaction: the frontier and the last place of each topic, which change with every
 * operation and matter only at the commit.
 */

import type { Header, OperationId } from '../core/index.js'
import type { Store, TopicRow, Transaction } from '../store/index.js'
import { storedHeader } from './stored-header.js'

/** What became readable in a topic; in the order of release. */
export interface Released {
  readonly topic: number
  readonly position: number
  readonly place: number
}

export interface OrderLimits {
  /** Operations that may wait per topic; past it the oldest is released without what it misses (contract.md 1). */
  readonly waitingPerTopic: number
  /** Operations released by one transaction beyond those it stores; the rest of a cascade takes later ones. */
  readonly releasesPerStep: number
}

export const DEFAULT_ORDER_LIMITS: OrderLimits = { waitingPerTopic: 100_000, releasesPerStep: 4_096 }

interface Releasable {
  readonly position: number
  readonly topic: number
  readonly header: Header
}

interface FreshWaiting extends Releasable {
  readonly awaited: Set<OperationId>
}

export class Order {
  readonly released: Released[] = []
  /** Operations released without something they name. */
  waived = 0
  readonly #store: Store
  readonly #tx: Transaction
  readonly #limits: OrderLimits
  readonly #nowMs: number
  readonly #lastPlaces = new Map<number, number>()
  /** Operations that wait, by topic, and by how many that differs from what is written. */
  readonly #waiting = new Map<number, { count: number; unwritten: number }>()
  /** What this transaction has stored and whether it is released: what follows it most often names it. */
  readonly #released = new Map<OperationId, boolean>()
  /** Stored by this transaction and not yet released, by position; written where they still wait at its end. */
  readonly #fresh = new Map<number, FreshWaiting>()
  /** Positions of those, by what they wait for. */
  readonly #freshWaiters = new Map<OperationId, number[]>()
  /** Net changes of frontiers, by topic. */
  readonly #frontiers = new Map<number, Map<OperationId, 'add' | 'remove'>>()
  /** Most nodes wait for nothing most of the time, and then their operations should not pay for looking. */
  #anyEdges: boolean
  #anyWaived: boolean

  /** @param nowMs wall-clock milliseconds */
  constructor(store: Store, tx: Transaction, nowMs: number, limits: OrderLimits = DEFAULT_ORDER_LIMITS) {
    this.#store = store
    this.#tx = tx
    this.#nowMs = nowMs
    this.#limits = limits
    this.#anyEdges = store.ordering.hasEdges()
    this.#anyWaived = store.ordering.hasWaived()
  }

  /** Decides before the operation is stored: what it still waits for, and what it will never get. */
  plan(
    header: Header,
    predecessorWaits: boolean,
  ): { readonly awaited: readonly OperationId[]; readonly missing: readonly OperationId[] } {
    const { extensions } = header
    if (extensions.variant === 'basic' && !predecessorWaits) return NOTHING
    const awaited = new Set<OperationId>()
    const missing = new Set<OperationId>()
    if (predecessorWaits && header.backlink) awaited.add(header.backlink)
    for (const id of extensions.variant === 'causal' ? extensions.previous : []) {
      const isReleased = this.#isReleased(id)
      if (isReleased !== null) {
        if (!isReleased) awaited.add(id)
      } else if (this.#store.ordering.wasPruned(id) || this.#store.forks.isConflicting(id)) {
        missing.add(id)
      } else {
        awaited.add(id)
      }
    }
    return { awaited: [...awaited], missing: [...missing] }
  }

  /** The newest operation of a log is stored and waits; nearly no log ever is in that state. */
  waits(topic: TopicRow, tip: OperationId): boolean {
    return this.#waitingIn(topic.topic).count > 0 && this.#isReleased(tip) === false
  }

  /** Null where the operation is not stored. */
  #isReleased(id: OperationId): boolean | null {
    const own = this.#released.get(id)
    if (own !== undefined) return own
    const known = this.#store.operations.locate(id)
    return known ? known.place !== null : null
  }

  #waitingIn(topic: number): { count: number; unwritten: number } {
    let waiting = this.#waiting.get(topic)
    if (!waiting) {
      waiting = { count: this.#store.ordering.count({ topic }), unwritten: 0 }
      this.#waiting.set(topic, waiting)
    }
    return waiting
  }

  #countWaiting(topic: number, change: number): void {
    const waiting = this.#waitingIn(topic)
    waiting.count += change
    waiting.unwritten += change
  }

  nextPlace(topic: number): number {
    const place = (this.#lastPlaces.get(topic) ?? this.#store.operations.lastPlace({ topic })) + 1
    this.#lastPlaces.set(topic, place)
    return place
  }

  /** The operation was stored at this place: everything that waits for it alone follows. */
  storedReleased(released: Releasable, place: number): void {
    this.#note(released, place)
    this.#cascade(this.#resolve(released.header.id, false))
  }

  storedWaiting(topic: TopicRow, waiting: Releasable, awaited: readonly OperationId[]): void {
    const { position, header } = waiting
    this.#released.set(header.id, false)
    this.#fresh.set(position, { ...waiting, awaited: new Set(awaited) })
    for (const id of awaited) {
      const waiters = this.#freshWaiters.get(id)
      if (waiters) waiters.push(position)
      else this.#freshWaiters.set(id, [position])
    }
    this.#countWaiting(topic.topic, 1)
    while (this.#waitingIn(topic.topic).count > this.#limits.waitingPerTopic) {
      this.#writeWaiting()
      const [oldest] = this.#store.ordering.waiting(topic, 1)
      if (!oldest) return
      this.waive(oldest.position)
    }
  }

  /** The operation is about to be stored and will never get these. */
  miss(position: number, missing: readonly OperationId[]): void {
    this.#anyWaived = true
    this.#store.ordering.miss(this.#tx, position, missing)
  }

  /** Releases a waiting operation without what it still misses. */
  waive(position: number): void {
    this.#anyWaived = true
    this.#writeWaiting()
    for (const one of this.#waitingPredecessors(position)) {
      this.#store.ordering.waive(this.#tx, one)
      this.#cascade([one])
    }
  }

  /** Whatever is waived, a log stays in sequence: those before it in its log that wait come first, the oldest ahead. */
  #waitingPredecessors(position: number): readonly number[] {
    const chain = [position]
    for (let at = position; ; ) {
      const stored = this.#store.operations.atPosition(at)
      const before =
        stored && stored.seqNum > 0 ? this.#store.operations.atSeq(stored.log, stored.seqNum - 1) : undefined
      if (!before || before.place !== null) return chain.reverse()
      chain.push(before.position)
      at = before.position
    }
  }

  /** An operation will never be released here (it is of a refused branch, or is being pruned): nothing waits for it. */
  giveUp(id: OperationId): void {
    this.#cascade(this.#resolve(id, true))
  }

  /** Before the operations of a log below a sequence number are deleted. */
  pruning(topic: TopicRow, log: number, seqNum: number): void {
    this.#writeFrontiers()
    this.#writeWaiting()
    // What is deleted may be among what this transaction has stored.
    this.#waiting.clear()
    this.#released.clear()
    for (const id of this.#store.ordering.pruning(this.#tx, topic, log, seqNum)) this.giveUp(id)
  }

  /** Goes on with a cascade that an earlier transaction had to leave. Says whether there is still more. */
  resume(): boolean {
    const ready = this.#store.ordering.ready(this.#limits.releasesPerStep)
    this.#cascade(ready.map(({ position }) => position))
    return this.#store.ordering.ready(1).length > 0
  }

  /** To be called once, right before the commit. */
  finish(): void {
    for (const [topic, place] of this.#lastPlaces) this.#store.operations.setLastPlace(this.#tx, topic, place)
    this.#writeFrontiers()
    this.#writeWaiting()
  }

  /** What the next publication in a topic should name, as of now. */
  frontier(topic: TopicRow): readonly OperationId[] {
    this.#writeFrontiers()
    return this.#store.ordering.frontier(topic)
  }

  /** Positions that miss nothing any more, and whatever their release sets free; stops at the bound of a step. */
  #cascade(ready: readonly number[]): void {
    const queue = [...ready]
    for (let at = 0; at < queue.length; at++) {
      if (this.released.length >= this.#limits.releasesPerStep) return
      const position = queue[at]!
      const fresh = this.#fresh.get(position)
      const waiting = fresh ?? this.#readWaiting(position)
      if (!waiting) continue
      const place = this.nextPlace(waiting.topic)
      this.#store.operations.release(this.#tx, position, place)
      if (fresh) this.#fresh.delete(position)
      const hasWaited = fresh !== undefined || this.#store.ordering.done(this.#tx, position)
      if (hasWaited) this.#countWaiting(waiting.topic, -1)
      this.#note(waiting, place)
      queue.push(...this.#resolve(waiting.header.id, false))
    }
  }

  /** The operation is released, or (`isMissing`) will never be; gives the positions that now wait for nothing. */
  #resolve(id: OperationId, isMissing: boolean): readonly number[] {
    const written = this.#anyEdges ? this.#store.ordering.resolve(this.#tx, id, isMissing) : []
    if (isMissing && this.#anyEdges) this.#anyWaived = true
    const waiters = this.#freshWaiters.get(id)
    if (!waiters) return written
    this.#freshWaiters.delete(id)
    const ready = [...written]
    for (const position of waiters) {
      const fresh = this.#fresh.get(position)
      if (!fresh) continue
      fresh.awaited.delete(id)
      if (isMissing) this.miss(position, [id])
      if (fresh.awaited.size === 0) ready.push(position)
    }
    return ready
  }

  #readWaiting(position: number): Releasable | null {
    const stored = this.#store.operations.atPosition(position)
    if (!stored || stored.place !== null) return null
    return { position, topic: stored.topic, header: storedHeader(stored.header, stored.id) }
  }

  #note({ position, topic, header }: Releasable, place: number): void {
    this.released.push({ topic, position, place })
    this.#released.set(header.id, true)
    if (header.backlink) this.#change(topic, header.backlink, 'remove')
    if (header.extensions.variant === 'causal') {
      for (const id of header.extensions.previous) this.#change(topic, id, 'remove')
      if (this.#anyWaived && this.#store.ordering.missed(position).length > 0) this.waived += 1
    }
    // What was released without waiting for this one names it all the same, so it is no head.
    if (!this.#anyWaived || !this.#store.ordering.wasWaived(header.id)) this.#change(topic, header.id, 'add')
  }

  #change(topic: number, id: OperationId, change: 'add' | 'remove'): void {
    let changes = this.#frontiers.get(topic)
    if (!changes) {
      changes = new Map()
      this.#frontiers.set(topic, changes)
    }
    // A head of this transaction that was named within it was never written.
    if (change === 'remove' && changes.get(id) === 'add') changes.delete(id)
    else changes.set(id, change)
  }

  #writeFrontiers(): void {
    for (const [topic, changes] of this.#frontiers) {
      for (const [id, change] of changes) {
        if (change === 'add') this.#store.ordering.addToFrontier(this.#tx, { topic }, id)
        else this.#store.ordering.removeFromFrontier(this.#tx, { topic }, id)
      }
      changes.clear()
    }
  }

  /** Most of what waits within a transaction is released within it, and then nothing was written about it. */
  #writeWaiting(): void {
    for (const { position, topic, awaited } of this.#fresh.values()) {
      this.#store.ordering.wait(this.#tx, { topic }, position, [...awaited], this.#nowMs)
      if (awaited.size > 0) this.#anyEdges = true
    }
    this.#fresh.clear()
    this.#freshWaiters.clear()
    for (const [topic, waiting] of this.#waiting) {
      if (waiting.unwritten !== 0) this.#store.ordering.addToCount(this.#tx, { topic }, waiting.unwritten)
      waiting.unwritten = 0
    }
  }
}

const NOTHING = { awaited: [], missing: [] } as const

/**
 * The rules by which one verified operation enters the store, within a transaction.
 *
 * What p2panda 0.7.1 leaves open is closed here: the log id must be that of the topic, a prune flag waives only what is
 * unknowable (a predecessor that is gone), nothing is pruned by what was not stored, early operations are held instead
 * of forgotten, and a second signed operation for one place is evidence, not noise (spec/node.md 5.2 and 8.1).
 */

import { type Header, type Operation, type OperationId, ThicketError, u64Bytes } from '../core/index.js'
import type { LogRow, LogTip, Store, TopicRow, Transaction } from '../store/index.js'
import type { Order, Released } from './order.js'
import { storedHeader } from './stored-header.js'

export type Outcome = 'stored' | 'duplicate' | 'held' | 'refused'

/** An operation that is stored. */
export interface StoredRef {
  readonly operation: Operation
  readonly position: number
}

export interface Fork {
  /** The sequence number that two branches claim, or the first one whose backlink names an unknown branch. */
  readonly seqNum: number
  readonly author: Header['author']
  readonly known: Uint8Array
  readonly conflicting: Uint8Array
}

export interface Ingested {
  readonly outcome: Outcome
  readonly error: ThicketError | null
}

/** What one transaction changed, collected for those who are told after its commit. */
export interface Changes {
  readonly stored: StoredRef[]
  /** What became readable, also in other topics. */
  readonly released: readonly Released[]
  readonly forks: Fork[]
  /** Early operations whose gap closed and that turned out not to fit. */
  readonly dropped: { readonly id: OperationId; readonly error: ThicketError }[]
  pruned: number
  /** Released without something that they name. */
  waived: number
}

/** Ingests operations of one topic one after the other; log rows are read once a transaction. */
export class Ingest {
  readonly #store: Store
  readonly #tx: Transaction
  readonly #topic: TopicRow
  readonly #logs = new Map<string, LogRow>()
  readonly #order: Order
  /** Authors whose newest operation is not yet written into the row of their log. */
  readonly #movedTips = new Set<Header['author']>()
  /** Authors whose held operations up to the newest one are stored by now, and held no longer. */
  readonly #caughtUp = new Set<Header['author']>()
  #lastPosition: number | null = null
  readonly changes: Changes

  constructor(store: Store, tx: Transaction, topic: TopicRow, order: Order) {
    this.#store = store
    this.#tx = tx
    this.#topic = topic
    this.#order = order
    this.changes = { stored: [], released: order.released, forks: [], dropped: [], pruned: 0, waived: 0 }
  }

  /** To be called once, right before the commit. */
  finish(): void {
    this.#writeLogs()
    this.#order.finish()
    this.changes.waived = this.#order.waived
  }

  /** The tip of an author's log, for whoever forges the next operation. */
  tipOf(author: Header['author']): LogTip | null {
    return this.#logOf(author)?.tip ?? null
  }

  /** The operation must be verified and its body match its header. */
  add(operation: Operation): Ingested {
    const result = this.#judge(operation)
    if (result.outcome === 'stored') this.#releaseHeld(operation.header.author)
    return result
  }

  #judge(operation: Operation): Ingested {
    const { header } = operation
    if (header.extensions.logId !== this.#topic.logId) {
      return refused('log-id-mismatch', 'the operation belongs to the log of another topic', {
        expected: this.#topic.logId,
        got: header.extensions.logId,
      })
    }
    const tip = this.tipOf(header.author)
    if (tip && header.seqNum <= tip.seqNum) return this.#addBelowTip(operation, tip)
    const next = tip ? tip.seqNum + 1 : 0
    if (header.seqNum === next) return this.#addNext(operation, tip)
    return isPrune(header) ? this.#addAcrossGap(operation) : this.#hold(operation)
  }

  #addBelowTip(operation: Operation, tip: LogTip): Ingested {
    const { header } = operation
    const log = this.#logOf(header.author)!
    const known = this.#store.operations.atSeq(log.log, header.seqNum)
    if (known?.id === operation.id) return DUPLICATE
    if (known) return this.#fork(log, known.header, header, header.seqNum)
    return refused(
      'seq-num-non-incremental',
      `sequence number ${header.seqNum} lies below ${tip.seqNum} and was pruned away`,
      {
        author: header.author,
        expected: tip.seqNum + 1,
        got: header.seqNum,
      },
    )
  }

  #addNext(operation: Operation, tip: LogTip | null): Ingested {
    const { header } = operation
    if (tip && header.backlink !== tip.id) {
      const known = this.#store.operations.find(tip.id)
      return known
        ? this.#fork(this.#logOf(header.author)!, known.header, header, tip.seqNum)
        : refused('backlink-mismatch', 'the backlink does not name the newest operation of the log', {
            author: header.author,
          })
    }
    this.#insert(operation)
    return STORED
  }

  /** A prune point whose predecessor is not here: everything below it is waived by its author. */
  #addAcrossGap(operation: Operation): Ingested {
    const { header } = operation
    const log = this.#ensureLog(header.author)
    if (log.held > 0) this.#compareWithHeld(log, header)
    this.#insert(operation)
    return STORED
  }

  /** Both are signed, so what waits beside or right before a prune point and does not agree with it is evidence. */
  #compareWithHeld(log: LogRow, header: Header): void {
    const beside = this.#store.held.atSeq(log.log, header.seqNum)
    if (beside && beside.id !== header.id) this.#fork(log, beside.header, header, header.seqNum)
    const before = this.#store.held.atSeq(log.log, header.seqNum - 1)
    if (before && before.id !== header.backlink) this.#fork(log, before.header, header, header.seqNum - 1)
  }

  #hold(operation: Operation): Ingested {
    const { header } = operation
    const log = this.#ensureLog(header.author)
    const waiting = this.#store.held.atSeq(log.log, header.seqNum)
    if (waiting?.id === operation.id) return DUPLICATE
    if (waiting) return this.#fork(log, waiting.header, header, header.seqNum)
    // What is held is bounded by rows: how many there are, and how far from the tip of their log.
    this.#writeLogs()
    const kept = this.#store.held.keep(this.#tx, this.#topic, {
      id: operation.id,
      log: log.log,
      seqNum: header.seqNum,
      header: header.bytes,
      body: operation.body,
    })
    // Where others had to go for it this counts too many, which costs a look and loses nothing.
    this.#logs.set(header.author, { ...log, held: log.held + 1 })
    if (kept) return HELD
    return refused('held-limit', 'the operation came too early and there is no room to hold it', {
      author: header.author,
      seqNum: header.seqNum,
    })
  }

  #insert(operation: Operation): void {
    const { header } = operation
    const log = this.#ensureLog(header.author)
    const position = (this.#lastPosition ?? this.#store.operations.lastPosition()) + 1
    this.#lastPosition = position
    // What a prune point follows is deleted by it, so it waits for nothing.
    const predecessorWaits = !isPrune(header) && log.tip !== null && this.#order.waits(this.#topic, log.tip.id)
    const { awaited, missing } = this.#order.plan(header, predecessorWaits)
    const place = awaited.length === 0 ? this.#order.nextPlace(this.#topic.topic) : null
    const row = { id: operation.id, log: log.log, seqNum: header.seqNum, header: header.bytes, body: operation.body }
    this.#store.operations.insert(this.#tx, this.#topic, row, position, place)
    if (missing.length > 0) this.#order.miss(position, missing)
    const tip: LogTip = { seqNum: header.seqNum, id: operation.id, timestamp: u64Bytes(header.extensions.timestamp) }
    this.#logs.set(header.author, { ...log, tip })
    this.#movedTips.add(header.author)
    this.changes.stored.push({ operation, position })
    if (isPrune(header)) this.#prune(log, header)
    const stored = { position, topic: this.#topic.topic, header }
    if (place !== null) this.#order.storedReleased(stored, place)
    else this.#order.storedWaiting(this.#topic, stored, awaited)
  }

  /** Once for all operations of a log; the cached rows know better in between. */
  #writeLogs(): void {
    for (const author of this.#movedTips) {
      const log = this.#logs.get(author)
      if (log?.tip) this.#store.logs.setTip(this.#tx, log.log, log.tip)
    }
    this.#movedTips.clear()
    for (const author of this.#caughtUp) {
      const log = this.#logs.get(author)
      if (log?.tip) this.#store.held.dropBelow(this.#tx, this.#topic, log.log, log.tip.seqNum + 1)
    }
    this.#caughtUp.clear()
  }

  #prune(log: LogRow, header: Header): void {
    this.#order.pruning(this.#topic, log.log, header.seqNum)
    this.changes.pruned += this.#store.operations.deleteBelow(this.#tx, log.log, header.seqNum)
    this.#store.consumers.dropExceptionsBelow(this.#tx, log.log, header.seqNum)
    // What is held at the prune point itself would be another branch; it went through as this operation.
    if (log.held === 0) return
    // What was released is not counted any more, so it must not be dropped here a second time.
    this.#writeLogs()
    const dropped = this.#store.held.dropBelow(this.#tx, this.#topic, log.log, header.seqNum + 1)
    this.#logs.set(header.author, { ...this.#logOf(header.author)!, held: log.held - dropped })
  }

  /** The gap closed: what waited behind it follows, at most as many as the log may hold. */
  #releaseHeld(author: Header['author']): void {
    for (;;) {
      const log = this.#logOf(author)
      if (!log?.tip || log.held === 0) return
      const page = this.#store.held.from(log.log, log.tip.seqNum + 1, Math.min(log.held, HELD_PAGE))
      if (page[0]?.seqNum !== log.tip.seqNum + 1) return
      this.#caughtUp.add(author)
      for (const held of page) {
        const before = this.#logOf(author)!
        if (held.seqNum !== before.tip!.seqNum + 1) return
        this.#logs.set(author, { ...before, held: before.held - 1 })
        const { outcome, error } = this.#judge({
          id: held.id,
          header: storedHeader(held.header, held.id),
          body: held.body,
        })
        if (outcome !== 'refused' || !error) continue
        this.#store.held.drop(this.#tx, this.#topic, log.log, held.seqNum)
        this.changes.dropped.push({ id: held.id, error })
        return
      }
    }
  }

  #fork(log: LogRow, known: Uint8Array, conflicting: Header, seqNum: number): Ingested {
    const isNew = this.#store.forks.add(this.#tx, {
      log: log.log,
      seqNum,
      conflictingId: conflicting.id,
      known,
      conflicting: conflicting.bytes,
    })
    this.#order.giveUp(conflicting.id)
    if (isNew) this.changes.forks.push({ seqNum, author: conflicting.author, known, conflicting: conflicting.bytes })
    return refused(
      'fork-detected',
      `the author signed two branches at sequence number ${seqNum}; the first one seen stays`,
      {
        author: conflicting.author,
        seqNum,
      },
    )
  }

  #logOf(author: Header['author']): LogRow | undefined {
    const cached = this.#logs.get(author)
    if (cached) return cached
    const log = this.#store.logs.findLog(this.#topic, author)
    if (log) this.#logs.set(author, log)
    return log
  }

  #ensureLog(author: Header['author']): LogRow {
    const known = this.#logOf(author)
    if (known) return known
    const log = this.#store.logs.ensureLog(this.#tx, this.#topic, author)
    this.#logs.set(author, log)
    return log
  }
}

/** Held operations read at once: a log that catches up releases many. */
const HELD_PAGE = 32

const STORED: Ingested = { outcome: 'stored', error: null }
const DUPLICATE: Ingested = { outcome: 'duplicate', error: null }
const HELD: Ingested = { outcome: 'held', error: null }

function refused(code: string, message: string, details: Readonly<Record<string, unknown>>): Ingested {
  return { outcome: 'refused', error: new ThicketError(code, message, details) }
}

function isPrune(header: Header): boolean {
  return header.extensions.variant === 'basic' && header.extensions.prune
}

/**
 * The only door for operations: own ones are forged and ingested in one transaction, received ones are decoded,
 * verified elsewhere where the world can, and ingested a batch a transaction. It never asks where an operation came
 * from, and tells its listeners what changed only after the commit.
 */

import {
  acceptHeader,
  forgeHeader,
  isThicketError,
  nextTimestamp,
  type Operation,
  type OperationId,
  parseHeader,
  type SigningKey,
  signedMessage,
  ThicketError,
  type UnverifiedHeader,
  u64FromBytes,
  validateOperation,
} from '../core/index.js'
import type { Clock, Crypto } from '../ports.js'
import type { LogTip, Store, TopicRow, Transaction } from '../store/index.js'
import { type Changes, Ingest, type Outcome, type StoredRef } from './ingest.js'
import { Order, type OrderLimits } from './order.js'

export interface RawOperation {
  readonly header: Uint8Array
  readonly body: Uint8Array | null
}

/** The verdict on one received operation. */
export interface Judged {
  readonly outcome: Outcome
  readonly operation?: Operation
  readonly error?: ThicketError
  /** The bytes themselves are at fault, so whoever sent them is. */
  readonly fatal?: boolean
}

export interface Publication {
  /** Encoded message; null or empty for none. */
  readonly body: Uint8Array | null
  readonly prune: boolean
  /** Whether it names the frontier of the topic; a prune point names nothing, the wire has no place for it. */
  readonly causal?: boolean
  /** Named beside the frontier; each must be stored here. */
  readonly dependsOn?: readonly OperationId[]
  /** Writes of the app that commit together with the operation; when it throws, there is no operation either. */
  readonly alongside?: (id: OperationId) => void
}

/** What one committed transaction changed in a topic. `origin` is handed through from the caller, unread. */
export interface Committed<Origin> {
  /** Null where nothing was stored, only released. */
  readonly topic: TopicRow | null
  readonly changes: Changes
  readonly judged: readonly Judged[]
  readonly origin: Origin | null
}

export interface PipelineOptions<Origin> {
  readonly store: Store
  readonly crypto: Crypto
  readonly clock: Clock
  readonly signingKey: SigningKey
  /** Called after each commit that judged something. */
  readonly onCommitted: (committed: Committed<Origin>) => void
  /** Writes that ride along in every transaction, such as acknowledgements: one fsync for many. */
  readonly onCommitting: (tx: Transaction) => void
  readonly orderLimits?: OrderLimits
}

export interface Pipeline<Origin> {
  /** Forges, ingests and commits; durable on return. */
  publish(topic: TopicRow, publication: Publication): StoredRef
  /** Goes on with releases that a transaction had to leave for later. Says whether there are still more. */
  resume(): boolean
  /**
   * Releases what has waited in the topic since `beforeMs` or longer (wall clock), without what it misses, oldest first
   * and a bounded number at a time. Says how many.
   */
  waive(topic: TopicRow, beforeMs: number): number
  /** As `SyncSink.receive`: `done` comes after the commit, in order of the calls. */
  receive(
    topic: TopicRow,
    origin: Origin,
    operations: readonly RawOperation[],
    done: (judged: readonly Judged[]) => void,
  ): boolean
  /** What is still being verified elsewhere is refused (`node-closed`) when it comes back: the database may be closed. */
  stop(): void
}

export function createPipeline<Origin>(options: PipelineOptions<Origin>): Pipeline<Origin> {
  const { store, crypto, clock, signingKey } = options
  let stopped = false

  function ingest(ingester: Ingest, operation: Operation): Judged {
    const { outcome, error } = ingester.add(operation)
    return error ? { outcome, operation, error } : { outcome, operation }
  }

  function publish(topic: TopicRow, publication: Publication): StoredRef {
    const body = publication.body && publication.body.length > 0 ? publication.body : null
    let committed: Committed<Origin> | undefined
    const ref = store.transact(tx => {
      const order = newOrder(tx)
      const ingester = new Ingest(store, tx, topic, order)
      const tip = ingester.tipOf(signingKey.verifyingKey)
      if (tip && tip.seqNum >= MAX_SEQ_NUM) {
        throw new ThicketError('log-full', 'the log has reached its last sequence number', { seqNum: tip.seqNum })
      }
      const previous = dependencies(topic, order, publication, tip)
      const timestamp = nextTimestamp(clock.wallUs(), tip ? u64FromBytes(tip.timestamp) : null)
      const { logId } = topic
      const header = forgeHeader(crypto, signingKey, {
        payload: body,
        seqNum: tip ? tip.seqNum + 1 : 0,
        backlink: tip ? tip.id : null,
        extensions:
          previous.length > 0
            ? { variant: 'causal', logId, timestamp, previous }
            : { variant: 'basic', logId, timestamp, prune: publication.prune },
      })
      const operation: Operation = { id: header.id, header, body }
      const judged = ingest(ingester, operation)
      if (judged.outcome !== 'stored')
        throw judged.error ?? new ThicketError('publish-failed', 'the own operation was not stored')
      ingester.finish()
      publication.alongside?.(operation.id)
      options.onCommitting(tx)
      committed = { topic, changes: ingester.changes, judged: [judged], origin: null }
      return ingester.changes.stored[0]!
    })
    options.onCommitted(committed!)
    return ref
  }

  function receive(
    topic: TopicRow,
    origin: Origin,
    operations: readonly RawOperation[],
    done: (judged: readonly Judged[]) => void,
  ): boolean {
    const parsed = operations.map(parse)
    const wellFormed = parsed.filter(isParsed)
    return crypto.verifyBatch(
      wellFormed.map(item => signedMessage(item.unverified)),
      verdicts => {
        if (stopped) {
          done(operations.map(() => CLOSED))
          return
        }
        let next = 0
        const judged = parsed.map(item => (isParsed(item) ? accept(item, verdicts[next++] === true) : item))
        done(commit(topic, origin, judged))
      },
    )
  }

  function parse(raw: RawOperation): Parsed | Judged {
    try {
      return { unverified: parseHeader(raw.header), body: raw.body }
    } catch (error) {
      return refusal(error, true)
    }
  }

  /** An extension that a later version understands is nobody's fault: it must not end the session of the peer. */
  function accept(item: Parsed, signatureIsGood: boolean): Operation | Judged {
    try {
      const header = acceptHeader(item.unverified, signatureIsGood)
      const operation: Operation = { id: header.id, header, body: item.body }
      validateOperation(operation)
      return operation
    } catch (error) {
      return refusal(
        error,
        !isThicketError(error, 'decoding-extensions') && !isThicketError(error, 'missing-extensions'),
      )
    }
  }

  function commit(topic: TopicRow, origin: Origin, items: readonly (Operation | Judged)[]): readonly Judged[] {
    let committed: Committed<Origin>
    try {
      committed = store.transact(tx => {
        const ingester = new Ingest(store, tx, topic, newOrder(tx))
        const judged = items.map(item => ('header' in item ? ingest(ingester, item) : item))
        ingester.finish()
        options.onCommitting(tx)
        return { topic, changes: ingester.changes, judged, origin }
      })
    } catch (error) {
      // The disk refused (full, broken): nothing of the batch is stored, and the session that brought it must end.
      const judged = refusal(error, true)
      return items.map(() => judged)
    }
    options.onCommitted(committed)
    return committed.judged
  }

  /** Releases without storing anything. */
  function release(work: (order: Order) => void): Changes {
    const changes = store.transact(tx => {
      const order = newOrder(tx)
      work(order)
      order.finish()
      options.onCommitting(tx)
      return { stored: [], released: order.released, forks: [], dropped: [], pruned: 0, waived: order.waived }
    })
    options.onCommitted({ topic: null, changes, judged: [], origin: null })
    return changes
  }

  return {
    publish,
    receive,
    resume() {
      let isMore = false
      release(order => {
        isMore = order.resume()
      })
      return isMore
    },
    waive(topic, beforeMs) {
      const due = store.ordering.waiting(topic, WAIVED_PER_STEP).filter(({ sinceMs }) => sinceMs <= beforeMs)
      if (due.length > 0) {
        release(order => {
          for (const { position } of due) order.waive(position)
        })
      }
      return due.length
    },
    stop() {
      stopped = true
    },
  }

  function newOrder(tx: Transaction): Order {
    return new Order(store, tx, Number(clock.wallUs() / 1_000n), options.orderLimits)
  }

  /** The frontier without the own tip, which the backlink names, and what the app names beside it; sorted. */
  function dependencies(
    topic: TopicRow,
    order: Order,
    publication: Publication,
    tip: LogTip | null,
  ): readonly OperationId[] {
    if (publication.prune) return []
    const heads = publication.causal ? order.frontier(topic).filter(id => id !== tip?.id) : []
    const named = new Set(heads.slice(0, FRONTIER_NAMED))
    for (const id of publication.dependsOn ?? []) {
      if (!store.operations.has(id)) {
        throw new ThicketError('dependency-unknown', 'a dependency is not stored here', { id })
      }
      if (id !== tip?.id) named.add(id)
    }
    return [...named].sort()
  }
}

/** Heads that one operation names at most; the others stay in the frontier for the next (contract.md 1). */
const FRONTIER_NAMED = 64

/** Operations released by one transaction because their time of waiting is over. */
const WAIVED_PER_STEP = 256

const MAX_SEQ_NUM = 0xffff_ffff

const CLOSED: Judged = { outcome: 'refused', error: new ThicketError('node-closed', 'the node is closed') }

interface Parsed {
  readonly unverified: UnverifiedHeader
  readonly body: Uint8Array | null
}

function isParsed(item: Parsed | Judged): item is Parsed {
  return 'unverified' in item
}

/** Coded errors become verdicts; everything else is a bug or a dead database and goes up. */
function refusal(error: unknown, fatal: boolean): Judged {
  if (isThicketError(error)) return { outcome: 'refused', error, fatal }
  throw error
}

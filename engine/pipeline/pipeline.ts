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
  parseHeader,
  type SigningKey,
  signedMessage,
  ThicketError,
  type UnverifiedHeader,
  u64FromBytes,
  validateOperation,
} from '../core/index.js'
import type { Clock, Crypto } from '../ports.js'
import type { Store, TopicRow, Transaction } from '../store/index.js'
import { type Changes, Ingest, type Outcome, type StoredRef } from './ingest.js'

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
}

/** What one committed transaction changed in a topic. `origin` is handed through from the caller, unread. */
export interface Committed<Origin> {
  readonly topic: TopicRow
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
}

export interface Pipeline<Origin> {
  /** Forges, ingests and commits; durable on return. */
  publish(topic: TopicRow, publication: Publication): StoredRef
  /** As `SyncSink.receive`: `done` comes after the commit, in order of the calls. */
  receive(
    topic: TopicRow,
    origin: Origin,
    operations: readonly RawOperation[],
    done: (judged: readonly Judged[]) => void,
  ): boolean
}

export function createPipeline<Origin>(options: PipelineOptions<Origin>): Pipeline<Origin> {
  const { store, crypto, clock, signingKey } = options

  function ingest(ingester: Ingest, operation: Operation): Judged {
    const { outcome, error } = ingester.add(operation)
    return error ? { outcome, operation, error } : { outcome, operation }
  }

  function publish(topic: TopicRow, publication: Publication): StoredRef {
    const body = publication.body && publication.body.length > 0 ? publication.body : null
    let committed: Committed<Origin> | undefined
    const ref = store.transact(tx => {
      const ingester = new Ingest(store, tx, topic)
      const tip = ingester.tipOf(signingKey.verifyingKey)
      if (tip && tip.seqNum >= MAX_SEQ_NUM) {
        throw new ThicketError('log-full', 'the log has reached its last sequence number', { seqNum: tip.seqNum })
      }
      const header = forgeHeader(crypto, signingKey, {
        payload: body,
        seqNum: tip ? tip.seqNum + 1 : 0,
        backlink: tip ? tip.id : null,
        extensions: {
          variant: 'basic',
          logId: topic.logId,
          timestamp: nextTimestamp(clock.wallUs(), tip ? u64FromBytes(tip.timestamp) : null),
          prune: publication.prune,
        },
      })
      const operation: Operation = { id: header.id, header, body }
      const judged = ingest(ingester, operation)
      if (judged.outcome !== 'stored')
        throw judged.error ?? new ThicketError('publish-failed', 'the own operation was not stored')
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
        const ingester = new Ingest(store, tx, topic)
        const judged = items.map(item => ('header' in item ? ingest(ingester, item) : item))
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

  return { publish, receive }
}

const MAX_SEQ_NUM = 0xffff_ffff

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

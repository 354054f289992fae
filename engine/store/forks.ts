/** Evidence that an author signed two operations for one place in a log: both headers, as signed. */

import { idBytes, idFromBytes, type OperationId, type VerifyingKey } from '../core/index.js'
import type { Database } from '../ports.js'
import type { TopicRow } from './logs.js'
import { assertOpen, type Transaction } from './transaction.js'

export interface ForkEvidence {
  readonly log: number
  /** Sequence number of the conflicting operation. */
  readonly seqNum: number
  readonly conflictingId: OperationId
  readonly known: Uint8Array
  readonly conflicting: Uint8Array
}

export interface ForkOfTopic extends ForkEvidence {
  readonly author: VerifyingKey
}

export interface Forks {
  /** Says whether this evidence is new. */
  add(tx: Transaction, evidence: ForkEvidence): boolean
  of(log: number): readonly ForkEvidence[]
  /** Evidence of a topic by log and conflicting id, after some given before (null: from the first). */
  ofTopic(
    topic: TopicRow,
    after: Pick<ForkEvidence, 'log' | 'conflictingId'> | null,
    limit: number,
  ): readonly ForkOfTopic[]
  /** Whether this id is the second branch of a known fork. */
  isConflicting(id: OperationId): boolean
  count(): number
}

/** One author can sign any number of branches; more than a few prove nothing further. */
export const FORK_EVIDENCE_PER_LOG = 16

export function createForks(database: Database): Forks {
  const insert = database.prepare(
    'INSERT INTO forks (log, conflicting_id, seq, known, conflicting) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
  )
  const countOf = database.prepare('SELECT count(*) AS count FROM forks WHERE log = ?')
  const select = database.prepare(
    'SELECT conflicting_id, seq, known, conflicting FROM forks WHERE log = ? ORDER BY conflicting_id',
  )
  const selectOfTopic = database.prepare(
    `SELECT f.log, author, conflicting_id, seq, known, conflicting FROM forks f JOIN logs USING (log)
     WHERE topic = ? AND (f.log, conflicting_id) > (?, ?) ORDER BY f.log, conflicting_id LIMIT ?`,
  )
  const selectConflicting = database.prepare('SELECT 1 AS found FROM forks WHERE conflicting_id = ? LIMIT 1')
  const countAll = database.prepare('SELECT count(*) AS count FROM forks')
  return {
    add(tx, fork) {
      assertOpen(tx)
      if ((countOf.get<{ count: number }>(fork.log)?.count ?? 0) >= FORK_EVIDENCE_PER_LOG) return false
      const changes = insert.run(fork.log, idBytes(fork.conflictingId), fork.seqNum, fork.known, fork.conflicting)
      return changes > 0
    },
    of(log) {
      return select.all<RawFork>(log).map(row => evidence(row, log))
    },
    ofTopic(topic, after, limit) {
      const from = after ? idBytes(after.conflictingId) : NO_ID
      const rows = selectOfTopic.all<RawFork & { log: number; author: Uint8Array }>(
        topic.topic,
        after?.log ?? 0,
        from,
        limit,
      )
      return rows.map(row => ({
        ...evidence(row, row.log),
        author: idFromBytes<VerifyingKey>(row.author, 'author'),
      }))
    },
    isConflicting: id => selectConflicting.get(idBytes(id)) !== undefined,
    count: () => countAll.get<{ count: number }>()?.count ?? 0,
  }
}

/** Sorts before every id. */
const NO_ID = new Uint8Array(0)

interface RawFork {
  conflicting_id: Uint8Array
  seq: number
  known: Uint8Array
  conflicting: Uint8Array
}

function evidence(row: RawFork, log: number): ForkEvidence {
  return {
    log,
    seqNum: row.seq,
    conflictingId: idFromBytes<OperationId>(row.conflicting_id, 'operation id'),
    known: row.known,
    conflicting: row.conflicting,
  }
}

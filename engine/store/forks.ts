/** Evidence that an author signed two operations for one place in a log: both headers, as signed. */

import { idBytes, idFromBytes, type OperationId } from '../core/index.js'
import type { Database } from '../ports.js'
import { assertOpen, type Transaction } from './transaction.js'

export interface ForkEvidence {
  readonly log: number
  /** Sequence number of the conflicting operation. */
  readonly seqNum: number
  readonly conflictingId: OperationId
  readonly known: Uint8Array
  readonly conflicting: Uint8Array
}

export interface Forks {
  /** Says whether this evidence is new. */
  add(tx: Transaction, evidence: ForkEvidence): boolean
  of(log: number): readonly ForkEvidence[]
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
  const selectConflicting = database.prepare('SELECT 1 AS found FROM forks WHERE conflicting_id = ? LIMIT 1')
  const countAll = database.prepare('SELECT count(*) AS count FROM forks')
  return {
    add(tx, evidence) {
      assertOpen(tx)
      if ((countOf.get<{ count: number }>(evidence.log)?.count ?? 0) >= FORK_EVIDENCE_PER_LOG) return false
      const changes = insert.run(
        evidence.log,
        idBytes(evidence.conflictingId),
        evidence.seqNum,
        evidence.known,
        evidence.conflicting,
      )
      return changes > 0
    },
    of(log) {
      const rows = select.all<{ conflicting_id: Uint8Array; seq: number; known: Uint8Array; conflicting: Uint8Array }>(
        log,
      )
      return rows.map(row => ({
        log,
        seqNum: row.seq,
        conflictingId: idFromBytes<OperationId>(row.conflicting_id, 'operation id'),
        known: row.known,
        conflicting: row.conflicting,
      }))
    },
    isConflicting: id => selectConflicting.get(idBytes(id)) !== undefined,
    count: () => countAll.get<{ count: number }>()?.count ?? 0,
  }
}

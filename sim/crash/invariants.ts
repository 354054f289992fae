/**
 * What must hold in a node's database after any recovery, whatever was promised: SQLite's own check is clean, and
 * everything that the store counts, points at or derives agrees with the rows it stands for. A transaction of which a
 * half survived shows here.
 */

import {
  bytesToHex,
  type Header,
  isThicketError,
  type OperationId,
  validateBacklink,
  validateOperation,
} from '../../engine/core/index.js'
import { storedHeader } from '../../engine/pipeline/index.js'
import type { Database } from '../../engine/ports.js'
import type { Finding } from './types.js'

/** An operation as it lies in the store. */
export interface StoredRow {
  readonly id: OperationId
  readonly position: number
  readonly topic: number
  readonly log: number
  readonly seqNum: number
  readonly place: number | null
  readonly body: Uint8Array | null
  readonly header: Header
}

export interface Inspection {
  readonly findings: readonly Finding[]
  readonly operations: readonly StoredRow[]
  /** False while the schema was not yet complete when the power went; then nothing can have been stored. */
  readonly hasSchema: boolean
}

/** Reads the whole database; meant for the small ones of an enumeration. */
export function inspectDatabase(database: Database): Inspection {
  const findings: Finding[] = []
  const find = (check: string, detail: string) => findings.push({ check, detail })
  for (const { message } of database
    .prepare('SELECT integrity_check AS message FROM pragma_integrity_check')
    .all<{ message: string }>()) {
    if (message !== 'ok') find('integrity', message)
  }
  // The table of the newest migration stands for all of them.
  const hasSchema = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'frontier'").get() !== undefined
  if (!hasSchema) return { findings, operations: [], hasSchema }
  for (const { name, sql } of RULES) {
    for (const row of database.prepare(`${sql} LIMIT ${SHOWN_ROWS}`).all<Record<string, unknown>>())
      find(name, describe(row))
  }
  const operations = readOperations(database, find)
  checkLogs(operations, find)
  return { findings, operations, hasSchema }
}

/** One broken rule tells the story with a few rows. */
const SHOWN_ROWS = 5

/** Each gives the rows that break it. */
const RULES: readonly { readonly name: string; readonly sql: string }[] = [
  {
    name: 'tip',
    sql: `SELECT l.log, l.height, o.seq FROM logs l
          LEFT JOIN operations o ON o.log = l.log AND o.seq = (SELECT max(seq) FROM operations WHERE log = l.log)
          WHERE l.height IS NOT o.seq OR l.tip IS NOT o.id OR (l.timestamp IS NULL) <> (o.seq IS NULL)`,
  },
  {
    name: 'orphan',
    sql: `SELECT o.position, o.log FROM operations o LEFT JOIN logs l ON l.log = o.log
          WHERE l.log IS NULL OR l.topic <> o.topic`,
  },
  {
    name: 'held-count',
    sql: `SELECT log, held FROM logs WHERE held <> (SELECT count(*) FROM held WHERE held.log = logs.log)`,
  },
  {
    name: 'held-bytes',
    sql: `SELECT topic, held_bytes FROM topics
          WHERE held_bytes <> (SELECT coalesce(sum(length(header) + coalesce(length(body), 0)), 0)
                               FROM held WHERE held.topic = topics.topic)`,
  },
  {
    name: 'held-early',
    sql: `SELECT h.log, h.seq FROM held h LEFT JOIN logs l ON l.log = h.log
          WHERE l.log IS NULL OR l.topic <> h.topic OR h.seq <= coalesce(l.height, -1) + 1`,
  },
  {
    name: 'waiting-count',
    sql: `SELECT topic, waiting FROM topics
          WHERE waiting <> (SELECT count(*) FROM waiting WHERE waiting.topic = topics.topic)`,
  },
  {
    name: 'waiting',
    sql: `SELECT o.position, o.place FROM operations o LEFT JOIN waiting w ON w.position = o.position
          WHERE (o.place IS NULL) <> (w.position IS NOT NULL) OR (w.position IS NOT NULL AND w.topic <> o.topic)`,
  },
  {
    name: 'waiting-orphan',
    sql: `SELECT position FROM waiting WHERE position NOT IN (SELECT position FROM operations)`,
  },
  {
    name: 'missing-count',
    sql: `SELECT position, missing FROM waiting
          WHERE missing <> (SELECT count(*) FROM edges WHERE edges.position = waiting.position)`,
  },
  { name: 'edge', sql: `SELECT position FROM edges WHERE position NOT IN (SELECT position FROM waiting)` },
  {
    name: 'edge-released',
    sql: `SELECT e.position FROM edges e JOIN operations o ON o.id = e.dependency WHERE o.place IS NOT NULL`,
  },
  { name: 'waived', sql: `SELECT position FROM waived WHERE position NOT IN (SELECT position FROM operations)` },
  {
    name: 'place',
    sql: `SELECT o.topic, o.place FROM operations o JOIN topics t ON t.topic = o.topic
          WHERE o.place < 1 OR o.place > t.last_place`,
  },
  {
    name: 'place-twice',
    sql: `SELECT topic, place FROM operations WHERE place IS NOT NULL GROUP BY topic, place HAVING count(*) > 1`,
  },
  {
    name: 'frontier',
    sql: `SELECT f.topic, hex(f.id) AS id FROM frontier f LEFT JOIN operations o ON o.id = f.id
          WHERE o.place IS NULL OR o.topic <> f.topic`,
  },
  {
    name: 'frontier-empty',
    sql: `SELECT topic FROM topics WHERE EXISTS (SELECT 1 FROM operations o WHERE o.topic = topics.topic AND place IS NOT NULL)
          AND NOT EXISTS (SELECT 1 FROM frontier f WHERE f.topic = topics.topic)`,
  },
  {
    name: 'mark',
    sql: `SELECT m.consumer, m.log, m.seq FROM marks m LEFT JOIN logs l ON l.log = m.log
          LEFT JOIN consumers c ON c.consumer = m.consumer
          WHERE l.log IS NULL OR c.consumer IS NULL OR c.topic <> l.topic OR m.seq > coalesce(l.height, -1)`,
  },
  { name: 'foreign-key', sql: `SELECT "table", rowid, parent FROM pragma_foreign_key_check` },
]

function readOperations(database: Database, find: (check: string, detail: string) => void): StoredRow[] {
  const rows = database
    .prepare('SELECT position, id, topic, log, seq, place, header, body FROM operations ORDER BY log, seq')
    .all<{
      position: number
      id: Uint8Array
      topic: number
      log: number
      seq: number
      place: number | null
      header: Uint8Array
      body: Uint8Array | null
    }>()
  const operations: StoredRow[] = []
  for (const row of rows) {
    const id = bytesToHex(row.id) as OperationId
    try {
      const header = storedHeader(row.header, id)
      validateOperation({ id, header, body: row.body })
      if (header.seqNum !== row.seq) find('altered', `operation ${id.slice(0, 12)} lies at ${row.seq}`)
      if (header.payloadHash !== null && row.body === null) find('altered', `operation ${id.slice(0, 12)} has no body`)
      const { position, topic, log, place, body } = row
      operations.push({ id, position, topic, log, seqNum: row.seq, place, body, header })
    } catch (error) {
      if (!isThicketError(error)) throw error
      find('altered', `operation ${id.slice(0, 12)}: ${error.message}`)
    }
  }
  return operations
}

/** Each log is one chain, from its first operation or its newest prune point. */
function checkLogs(operations: readonly StoredRow[], find: (check: string, detail: string) => void): void {
  for (const [at, operation] of operations.entries()) {
    const { header, seqNum, id } = operation
    const before = operations[at - 1]
    const isPrune = header.extensions.variant === 'basic' && header.extensions.prune
    if (before?.log !== operation.log) {
      if (seqNum > 0 && !isPrune) find('chain', `operation ${id.slice(0, 12)} at ${seqNum} follows nothing`)
      continue
    }
    if (isPrune) find('chain', `the prune point ${id.slice(0, 12)} left something before it`)
    try {
      validateBacklink({ ...before.header, id: before.id }, { ...header, id })
    } catch (error) {
      if (!isThicketError(error)) throw error
      find('chain', `operation ${id.slice(0, 12)}: ${error.message}`)
    }
  }
}

function describe(row: Readonly<Record<string, unknown>>): string {
  return Object.entries(row)
    .map(([name, value]) => `${name} ${value instanceof Uint8Array ? bytesToHex(value).slice(0, 12) : value}`)
    .join(', ')
}

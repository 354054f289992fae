/**
 * Operations that came before their predecessor: verified, persisted, invisible to everyone until the gap closes.
 * When a bound is reached the operation farthest from its gap goes first, since it is the last that could be released.
 */

import { idBytes, idFromBytes, type OperationId } from '../core/index.js'
import type { Database } from '../ports.js'
import type { TopicRow } from './logs.js'
import { assertOpen, type Transaction } from './transaction.js'

export interface HeldOperation {
  readonly id: OperationId
  readonly log: number
  readonly seqNum: number
  readonly header: Uint8Array
  readonly body: Uint8Array | null
}

export interface HeldLimits {
  readonly operationsPerLog: number
  readonly bytesPerTopic: number
}

export interface Held {
  /** Keeps the operation unless it is itself the farthest from its gap where a bound is reached; says whether it is kept. */
  keep(tx: Transaction, topic: TopicRow, operation: HeldOperation): boolean
  atSeq(log: number, seqNum: number): HeldOperation | undefined
  /** What waits from a sequence number on, ascending; it stays until it is dropped. */
  from(log: number, seqNum: number, limit: number): readonly HeldOperation[]
  /** Drops what waits at this sequence number and says whether anything did. */
  drop(tx: Transaction, topic: TopicRow, log: number, seqNum: number): boolean
  /** Drops what lies strictly below a sequence number. */
  dropBelow(tx: Transaction, topic: TopicRow, log: number, seqNum: number): number
  count(): number
  bytes(topic: TopicRow): number
}

interface RawHeld {
  id: Uint8Array
  log: number
  seq: number
  header: Uint8Array
  body: Uint8Array | null
  bytes: number
}

export function createHeld(database: Database, limits: HeldLimits): Held {
  const columns = 'id, log, seq, header, body, bytes'
  const insert = database.prepare(
    'INSERT INTO held (log, seq, topic, id, header, body, bytes) VALUES (?, ?, ?, ?, ?, ?, ?)',
  )
  const remove = database.prepare('DELETE FROM held WHERE log = ? AND seq = ? RETURNING bytes')
  const selectFrom = database.prepare(`SELECT ${columns} FROM held WHERE log = ? AND seq >= ? ORDER BY seq LIMIT ?`)
  const selectAtSeq = database.prepare(`SELECT ${columns} FROM held WHERE log = ? AND seq = ?`)
  const selectLast = database.prepare('SELECT seq, bytes FROM held WHERE log = ? ORDER BY seq DESC LIMIT 1')
  const selectBelow = database.prepare(
    'SELECT count(*) AS count, coalesce(sum(bytes), 0) AS bytes FROM held WHERE log = ? AND seq < ?',
  )
  const deleteBelow = database.prepare('DELETE FROM held WHERE log = ? AND seq < ?')
  const addToLog = database.prepare('UPDATE logs SET held = held + ? WHERE log = ?')
  const addToTopic = database.prepare('UPDATE topics SET held_bytes = held_bytes + ? WHERE topic = ?')
  const selectLogHeld = database.prepare('SELECT held, coalesce(height, -1) AS height FROM logs WHERE log = ?')
  const selectTopicBytes = database.prepare('SELECT held_bytes FROM topics WHERE topic = ?')
  // Runs only when the byte bound of the topic is reached; the newest of each log is its farthest.
  const selectFarthest = database.prepare(
    `SELECT l.log AS log, h.seq AS seq, h.bytes AS bytes, h.seq - coalesce(l.height, -1) AS distance
     FROM logs l JOIN held h ON h.log = l.log AND h.seq = (SELECT max(seq) FROM held WHERE log = l.log)
     WHERE l.topic = ? AND l.held > 0 ORDER BY distance DESC, l.log LIMIT 1`,
  )
  const countAll = database.prepare('SELECT count(*) AS count FROM held')

  const bytes = (topic: TopicRow) => selectTopicBytes.get<{ held_bytes: number }>(topic.topic)?.held_bytes ?? 0

  function drop(topic: TopicRow, log: number, seqNum: number): boolean {
    const removed = remove.get<{ bytes: number }>(log, seqNum)
    if (!removed) return false
    addToLog.run(-1, log)
    addToTopic.run(-removed.bytes, topic.topic)
    return true
  }

  return {
    keep(tx, topic, operation) {
      assertOpen(tx)
      const size = operation.header.length + (operation.body?.length ?? 0)
      const state = selectLogHeld.get<{ held: number; height: number }>(operation.log)
      if (!state || size > limits.bytesPerTopic) return false
      if (state.held >= limits.operationsPerLog) {
        const last = selectLast.get<{ seq: number; bytes: number }>(operation.log)
        if (!last || last.seq < operation.seqNum) return false
        drop(topic, operation.log, last.seq)
      }
      while (bytes(topic) + size > limits.bytesPerTopic) {
        const farthest = selectFarthest.get<{ log: number; seq: number; bytes: number; distance: number }>(topic.topic)
        if (!farthest || farthest.distance <= operation.seqNum - state.height) return false
        drop(topic, farthest.log, farthest.seq)
      }
      insert.run(
        operation.log,
        operation.seqNum,
        topic.topic,
        idBytes(operation.id),
        operation.header,
        operation.body,
        size,
      )
      addToLog.run(1, operation.log)
      addToTopic.run(size, topic.topic)
      return true
    },
    atSeq(log, seqNum) {
      const row = selectAtSeq.get<RawHeld>(log, seqNum)
      return row && heldOperation(row)
    },
    from: (log, seqNum, limit) => selectFrom.all<RawHeld>(log, seqNum, limit).map(heldOperation),
    drop(tx, topic, log, seqNum) {
      assertOpen(tx)
      return drop(topic, log, seqNum)
    },
    dropBelow(tx, topic, log, seqNum) {
      assertOpen(tx)
      const below = selectBelow.get<{ count: number; bytes: number }>(log, seqNum)
      if (!below || below.count === 0) return 0
      deleteBelow.run(log, seqNum)
      addToLog.run(-below.count, log)
      addToTopic.run(-below.bytes, topic.topic)
      return below.count
    },
    count: () => countAll.get<{ count: number }>()?.count ?? 0,
    bytes,
  }
}

function heldOperation(row: RawHeld): HeldOperation {
  return {
    id: idFromBytes<OperationId>(row.id, 'operation id'),
    log: row.log,
    seqNum: row.seq,
    header: row.header,
    body: row.body,
  }
}

/** Operations: stored once each, readable by id, by place in their log, by order of ingest and by order of release. */

import { idBytes, idFromBytes, type OperationId } from '../core/index.js'
import type { Database } from '../ports.js'
import type { TopicRow } from './logs.js'
import { assertOpen, type Transaction } from './transaction.js'

export interface StoredOperation {
  /** Order of ingest over all topics. */
  readonly position: number
  /** Order of release within the topic; null while it waits for its dependencies. */
  readonly place: number | null
  readonly id: OperationId
  readonly log: number
  readonly seqNum: number
  readonly header: Uint8Array
  readonly body: Uint8Array | null
}

export interface NewOperation {
  readonly id: OperationId
  readonly log: number
  readonly seqNum: number
  readonly header: Uint8Array
  readonly body: Uint8Array | null
}

/** Where an operation lies, without its bytes. */
export interface OperationPlace {
  readonly topic: number
  readonly log: number
  readonly seqNum: number
  readonly place: number | null
}

export interface Operations {
  /** Stores at a position; nobody reads it by place before it is released. */
  insert(tx: Transaction, topic: TopicRow, operation: NewOperation, position: number, place: number | null): void
  release(tx: Transaction, position: number, place: number): void
  /** The place given out last in a topic; written once for all releases of a transaction. */
  setLastPlace(tx: Transaction, topic: number, place: number): void
  atPosition(position: number): (StoredOperation & { readonly topic: number }) | undefined
  has(id: OperationId): boolean
  find(id: OperationId): StoredOperation | undefined
  locate(id: OperationId): OperationPlace | undefined
  atSeq(log: number, seqNum: number): StoredOperation | undefined
  /** Deletes what lies strictly below a sequence number and says how many rows that were. */
  deleteBelow(tx: Transaction, log: number, seqNum: number): number
  delete(tx: Transaction, id: OperationId): boolean
  deletePayload(tx: Transaction, id: OperationId): boolean
  /** Grows with every deletion since the store was opened: what was read before it last grew may be gone. */
  deletions(): number
  /** Ascending, `after` exclusive (null: from the start), `until` inclusive. */
  range(log: number, after: number | null, until: number, limit: number): readonly StoredOperation[]
  /** Count and bytes of headers and of the bodies that are held. */
  measure(log: number, after: number | null, until: number): { readonly operations: number; readonly bytes: number }
  /** By order of ingest, `position` exclusive. */
  afterPosition(topic: TopicRow, position: number, limit: number): readonly StoredOperation[]
  /** By order of release, `place` exclusive. */
  afterPlace(topic: TopicRow, place: number, limit: number): readonly StoredOperation[]
  lastPosition(): number
  lastPlace(topic: Pick<TopicRow, 'topic'>): number
  /** Place and position of the first operation of a log above a sequence number (null: of any). */
  firstAbove(
    log: number,
    seqNum: number | null,
  ): { readonly place: number | null; readonly position: number } | undefined
  /** How many operations with a body lie above a sequence number (null: of any), up to a place or a position. */
  countAbove(log: number, seqNum: number | null, by: 'place' | 'position', until: number): number
  count(): number
}

interface RawOperation {
  position: number
  place: number | null
  id: Uint8Array
  log: number
  seq: number
  header: Uint8Array
  body: Uint8Array | null
}

export function createOperations(database: Database): Operations {
  const columns = 'position, place, id, log, seq, header, body'
  const insert = database.prepare(
    'INSERT INTO operations (position, id, topic, log, seq, place, header, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  )
  const setPlace = database.prepare('UPDATE operations SET place = ? WHERE position = ?')
  const selectAtPosition = database.prepare(`SELECT topic, ${columns} FROM operations WHERE position = ?`)
  const setLastPlace = database.prepare('UPDATE topics SET last_place = ? WHERE topic = ?')
  const selectLastPlace = database.prepare('SELECT last_place FROM topics WHERE topic = ?')
  const selectLastPosition = database.prepare('SELECT max(position) AS last FROM operations')
  const selectHas = database.prepare('SELECT 1 AS found FROM operations WHERE id = ?')
  const selectById = database.prepare(`SELECT ${columns} FROM operations WHERE id = ?`)
  const selectPlace = database.prepare('SELECT topic, log, seq AS seqNum, place FROM operations WHERE id = ?')
  const selectAtSeq = database.prepare(`SELECT ${columns} FROM operations WHERE log = ? AND seq = ?`)
  const deleteBelow = database.prepare('DELETE FROM operations WHERE log = ? AND seq < ?')
  const deleteById = database.prepare('DELETE FROM operations WHERE id = ?')
  const deletePayload = database.prepare('UPDATE operations SET body = NULL WHERE id = ?')
  const selectRange = database.prepare(
    `SELECT ${columns} FROM operations WHERE log = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?`,
  )
  const selectSize = database.prepare(
    `SELECT count(*) AS operations, coalesce(sum(length(header) + coalesce(length(body), 0)), 0) AS bytes
     FROM operations WHERE log = ? AND seq > ? AND seq <= ?`,
  )
  const selectAfterPosition = database.prepare(
    `SELECT ${columns} FROM operations WHERE topic = ? AND position > ? ORDER BY position LIMIT ?`,
  )
  const selectAfterPlace = database.prepare(
    `SELECT ${columns} FROM operations WHERE topic = ? AND place IS NOT NULL AND place > ? ORDER BY place LIMIT ?`,
  )
  const selectFirst = database.prepare(
    'SELECT place, position FROM operations WHERE log = ? AND seq > ? ORDER BY seq LIMIT 1',
  )
  const countUpTo = (column: 'place' | 'position') =>
    database.prepare(
      `SELECT count(*) AS count FROM operations WHERE log = ? AND seq > ? AND body IS NOT NULL AND ${column} <= ?`,
    )
  const countAbove = { place: countUpTo('place'), position: countUpTo('position') }
  const countAll = database.prepare('SELECT count(*) AS count FROM operations')

  let deletions = 0

  const lastPosition = () => selectLastPosition.get<{ last: number | null }>()?.last ?? 0
  const lastPlace = (topic: Pick<TopicRow, 'topic'>) =>
    selectLastPlace.get<{ last_place: number }>(topic.topic)?.last_place ?? 0

  return {
    insert(tx, topic, operation, position, place) {
      assertOpen(tx)
      const { id, log, seqNum, header, body } = operation
      insert.run(position, idBytes(id), topic.topic, log, seqNum, place, header, body)
    },
    release(tx, position, place) {
      assertOpen(tx)
      setPlace.run(place, position)
    },
    setLastPlace(tx, topic, place) {
      assertOpen(tx)
      setLastPlace.run(place, topic)
    },
    atPosition(position) {
      const row = selectAtPosition.get<RawOperation & { topic: number }>(position)
      return row && { ...stored(row), topic: row.topic }
    },
    has: id => selectHas.get(idBytes(id)) !== undefined,
    find: id => storedOperation(selectById.get<RawOperation>(idBytes(id))),
    locate: id => selectPlace.get<OperationPlace>(idBytes(id)),
    atSeq: (log, seqNum) => storedOperation(selectAtSeq.get<RawOperation>(log, seqNum)),
    deleteBelow(tx, log, seqNum) {
      assertOpen(tx)
      const deleted = deleteBelow.run(log, seqNum)
      deletions += deleted
      return deleted
    },
    delete(tx, id) {
      assertOpen(tx)
      const isDeleted = deleteById.run(idBytes(id)) > 0
      if (isDeleted) deletions += 1
      return isDeleted
    },
    deletePayload(tx, id) {
      assertOpen(tx)
      return deletePayload.run(idBytes(id)) > 0
    },
    deletions: () => deletions,
    range: (log, after, until, limit) => selectRange.all<RawOperation>(log, after ?? -1, until, limit).map(stored),
    measure: (log, after, until) =>
      selectSize.get<{ operations: number; bytes: number }>(log, after ?? -1, until) ?? { operations: 0, bytes: 0 },
    afterPosition: (topic, position, limit) =>
      selectAfterPosition.all<RawOperation>(topic.topic, position, limit).map(stored),
    afterPlace: (topic, place, limit) => selectAfterPlace.all<RawOperation>(topic.topic, place, limit).map(stored),
    lastPosition,
    lastPlace,
    firstAbove: (log, seqNum) => selectFirst.get<{ place: number | null; position: number }>(log, seqNum ?? -1),
    countAbove: (log, seqNum, by, until) => countAbove[by].get<{ count: number }>(log, seqNum ?? -1, until)?.count ?? 0,
    count: () => countAll.get<{ count: number }>()?.count ?? 0,
  }
}

function stored(row: RawOperation): StoredOperation {
  return {
    position: row.position,
    place: row.place,
    id: idFromBytes<OperationId>(row.id, 'operation id'),
    log: row.log,
    seqNum: row.seq,
    header: row.header,
    body: row.body,
  }
}

function storedOperation(row: RawOperation | undefined): StoredOperation | undefined {
  return row && stored(row)
}

/**
 * What each consumer has acknowledged: a mark per log up to which all is acknowledged, and the exceptions below it.
 * Marks only grow; `reset` is the one way back, for a stream that starts over.
 */

import type { Database } from '../ports.js'
import type { TopicRow } from './logs.js'
import { assertOpen, type Transaction } from './transaction.js'

export interface ConsumerRow {
  readonly consumer: number
  readonly name: string
}

export interface Consumers {
  ensure(tx: Transaction, topic: TopicRow, name: string): ConsumerRow
  find(name: string): ConsumerRow | undefined
  of(topic: TopicRow): readonly ConsumerRow[]
  /** Mark of each log that has one. */
  marks(consumer: ConsumerRow): ReadonlyMap<number, number>
  exceptions(consumer: ConsumerRow): ReadonlyMap<number, ReadonlySet<number>>
  /** Raises the mark of a log; a lower or equal one changes nothing. */
  raise(tx: Transaction, consumer: ConsumerRow, log: number, seqNum: number): void
  /** Leaves an operation out of later marks; one that a mark has passed already stays acknowledged. */
  addException(tx: Transaction, consumer: ConsumerRow, log: number, seqNum: number): void
  removeException(tx: Transaction, consumer: ConsumerRow, log: number, seqNum: number): void
  /** Forgets what was pruned away. */
  dropExceptionsBelow(tx: Transaction, log: number, seqNum: number): void
  reset(tx: Transaction, consumer: ConsumerRow): void
}

export function createConsumers(database: Database): Consumers {
  const insert = database.prepare('INSERT INTO consumers (topic, name) VALUES (?, ?) ON CONFLICT DO NOTHING')
  const selectByName = database.prepare('SELECT consumer, name FROM consumers WHERE name = ?')
  const selectByTopic = database.prepare('SELECT consumer, name FROM consumers WHERE topic = ? ORDER BY name')
  const selectMarks = database.prepare('SELECT log, seq FROM marks WHERE consumer = ? ORDER BY log')
  const selectExceptions = database.prepare('SELECT log, seq FROM exceptions WHERE consumer = ? ORDER BY log, seq')
  const upsertMark = database.prepare(
    'INSERT INTO marks (consumer, log, seq) VALUES (?, ?, ?) ON CONFLICT (consumer, log) DO UPDATE SET seq = max(seq, excluded.seq)',
  )
  // What a mark has passed without an exception is acknowledged, and stays so.
  const insertException = database.prepare(
    `INSERT INTO exceptions (consumer, log, seq) SELECT ?1, ?2, ?3
     WHERE NOT EXISTS (SELECT 1 FROM marks WHERE consumer = ?1 AND log = ?2 AND seq >= ?3) ON CONFLICT DO NOTHING`,
  )
  const deleteException = database.prepare('DELETE FROM exceptions WHERE consumer = ? AND log = ? AND seq = ?')
  const deleteExceptionsBelow = database.prepare(
    'DELETE FROM exceptions WHERE log = ? AND seq < ? AND consumer IN (SELECT consumer FROM consumers)',
  )
  const deleteMarks = database.prepare('DELETE FROM marks WHERE consumer = ?')
  const deleteExceptions = database.prepare('DELETE FROM exceptions WHERE consumer = ?')
  const anyException = database.prepare('SELECT 1 AS found FROM exceptions LIMIT 1')

  const find = (name: string) => selectByName.get<ConsumerRow>(name)

  return {
    ensure(tx, topic, name) {
      assertOpen(tx)
      const known = find(name)
      if (known) return known
      insert.run(topic.topic, name)
      return find(name)!
    },
    find,
    of: topic => selectByTopic.all<ConsumerRow>(topic.topic),
    marks(consumer) {
      return new Map(selectMarks.all<{ log: number; seq: number }>(consumer.consumer).map(row => [row.log, row.seq]))
    },
    exceptions(consumer) {
      const byLog = new Map<number, Set<number>>()
      for (const row of selectExceptions.all<{ log: number; seq: number }>(consumer.consumer)) {
        const known = byLog.get(row.log)
        if (known) known.add(row.seq)
        else byLog.set(row.log, new Set([row.seq]))
      }
      return byLog
    },
    raise(tx, consumer, log, seqNum) {
      assertOpen(tx)
      upsertMark.run(consumer.consumer, log, seqNum)
    },
    addException(tx, consumer, log, seqNum) {
      assertOpen(tx)
      insertException.run(consumer.consumer, log, seqNum)
    },
    removeException(tx, consumer, log, seqNum) {
      assertOpen(tx)
      deleteException.run(consumer.consumer, log, seqNum)
    },
    dropExceptionsBelow(tx, log, seqNum) {
      assertOpen(tx)
      // The table is nearly always empty, and then a prune should not pay for a scan over it.
      if (anyException.get()) deleteExceptionsBelow.run(log, seqNum)
    },
    reset(tx, consumer) {
      assertOpen(tx)
      deleteMarks.run(consumer.consumer)
      deleteExceptions.run(consumer.consumer)
    },
  }
}

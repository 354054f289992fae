/** Topics and logs: which there are, and where each log stands. */

import {
  idBytes,
  idFromBytes,
  invariant,
  type LogId,
  type OperationId,
  type Topic,
  type VerifyingKey,
} from '../core/index.js'
import type { Database } from '../ports.js'
import { assertOpen, type Transaction } from './transaction.js'

export interface TopicRow {
  readonly topic: number
  readonly id: Topic
  readonly logId: LogId
}

/** The newest stored operation of a log; what is held for later does not count. */
export interface LogTip {
  readonly seqNum: number
  readonly id: OperationId
  readonly timestamp: Uint8Array
}

export interface LogRow {
  readonly log: number
  readonly author: VerifyingKey
  readonly tip: LogTip | null
  /** Operations held because their predecessor is missing. */
  readonly held: number
}

export interface Logs {
  /** Finds the topic or makes its row. */
  ensureTopic(tx: Transaction, id: Topic, logId: LogId): TopicRow
  findTopic(id: Topic): TopicRow | undefined
  topics(): readonly TopicRow[]
  ensureLog(tx: Transaction, topic: TopicRow, author: VerifyingKey): LogRow
  findLog(topic: TopicRow, author: VerifyingKey): LogRow | undefined
  /** The author of an existing log. */
  authorOf(log: number): VerifyingKey
  /** Every log of the topic, by author. */
  logsOf(topic: TopicRow): readonly LogRow[]
  setTip(tx: Transaction, log: number, tip: LogTip): void
}

interface RawLog {
  log: number
  author: Uint8Array
  height: number | null
  tip: Uint8Array | null
  timestamp: Uint8Array | null
  held: number
}

export function createLogs(database: Database): Logs {
  const insertTopic = database.prepare('INSERT INTO topics (id, log_id) VALUES (?, ?) ON CONFLICT DO NOTHING')
  const selectTopic = database.prepare('SELECT topic, id, log_id FROM topics WHERE id = ?')
  const selectTopics = database.prepare('SELECT topic, id, log_id FROM topics ORDER BY id')
  const insertLog = database.prepare('INSERT INTO logs (topic, author) VALUES (?, ?) ON CONFLICT DO NOTHING')
  const columns = 'log, author, height, tip, timestamp, held'
  const selectLog = database.prepare(`SELECT ${columns} FROM logs WHERE topic = ? AND author = ?`)
  const selectLogs = database.prepare(`SELECT ${columns} FROM logs WHERE topic = ? ORDER BY author`)
  const selectAuthor = database.prepare('SELECT author FROM logs WHERE log = ?')
  const updateTip = database.prepare('UPDATE logs SET height = ?, tip = ?, timestamp = ? WHERE log = ?')

  function findTopic(id: Topic): TopicRow | undefined {
    const row = selectTopic.get<{ topic: number; id: Uint8Array; log_id: Uint8Array }>(idBytes(id))
    return row && { topic: row.topic, id, logId: idFromBytes<LogId>(row.log_id, 'log id') }
  }

  function findLog(topic: TopicRow, author: VerifyingKey): LogRow | undefined {
    const row = selectLog.get<RawLog>(topic.topic, idBytes(author))
    return row && logRow(row, author)
  }

  return {
    ensureTopic(tx, id, logId) {
      assertOpen(tx)
      const known = findTopic(id)
      if (known) return known
      insertTopic.run(idBytes(id), idBytes(logId))
      return findTopic(id)!
    },
    findTopic,
    topics() {
      return selectTopics.all<{ topic: number; id: Uint8Array; log_id: Uint8Array }>().map(row => ({
        topic: row.topic,
        id: idFromBytes<Topic>(row.id, 'topic'),
        logId: idFromBytes<LogId>(row.log_id, 'log id'),
      }))
    },
    ensureLog(tx, topic, author) {
      assertOpen(tx)
      const known = findLog(topic, author)
      if (known) return known
      insertLog.run(topic.topic, idBytes(author))
      return findLog(topic, author)!
    },
    findLog,
    authorOf(log) {
      const row = selectAuthor.get<{ author: Uint8Array }>(log)
      invariant(row, 'a log that operations refer to is never deleted')
      return idFromBytes<VerifyingKey>(row.author, 'author')
    },
    logsOf(topic) {
      return selectLogs
        .all<RawLog>(topic.topic)
        .map(row => logRow(row, idFromBytes<VerifyingKey>(row.author, 'author')))
    },
    setTip(tx, log, tip) {
      assertOpen(tx)
      updateTip.run(tip.seqNum, idBytes(tip.id), tip.timestamp, log)
    },
  }
}

function logRow(row: RawLog, author: VerifyingKey): LogRow {
  const tip =
    row.height === null || row.tip === null || row.timestamp === null
      ? null
      : { seqNum: row.height, id: idFromBytes<OperationId>(row.tip, 'tip'), timestamp: row.timestamp }
  return { log: row.log, author, tip, held: row.held }
}

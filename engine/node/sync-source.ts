/** What log sync reads of the store. */

import type { LogId, Topic, VerifyingKey } from '../core/index.js'
import type { Store, StoredOperation, TopicRow } from '../store/index.js'
import type { LogHeights, LogRange, StoredRawOperation, SyncSource } from '../sync/index.js'

export function createSyncSource(
  store: Store,
  serves: (topic: Topic, peer: VerifyingKey) => boolean,
  servesLog: (topic: TopicRow, author: VerifyingKey, peer: VerifyingKey) => boolean,
  topicOfLog: (logId: LogId) => TopicRow | undefined,
): SyncSource {
  function rowOf(range: LogRange): { topic: TopicRow; log: number } | undefined {
    const topic = topicOfLog(range.logId)
    const row = topic && store.logs.findLog(topic, range.author)
    return topic && row && { topic, log: row.log }
  }

  return {
    serves,
    heights(id, peer) {
      const heights = new Map<VerifyingKey, ReadonlyMap<LogId, number>>()
      const topic = store.logs.findTopic(id)
      const position = store.operations.lastPosition()
      if (!topic) return { heights, position }
      for (const { author, tip } of store.logs.logsOf(topic)) {
        if (tip && servesLog(topic, author, peer)) heights.set(author, new Map([[topic.logId, tip.seqNum]]))
      }
      return { heights: heights as LogHeights, position }
    },
    measure(ranges) {
      let operations = 0
      let bytes = 0
      for (const range of ranges) {
        const row = rowOf(range)
        if (!row) continue
        const size = store.operations.measure(row.log, range.after, range.until)
        operations += size.operations
        bytes += size.bytes
      }
      return { operations, bytes }
    },
    readRange(range, limit, maxBytes) {
      const row = rowOf(range)
      if (!row) return []
      const rows = store.operations.range(row.log, range.after, range.until, limit)
      return withinBytes(rows, maxBytes).map(stored => raw(stored, range.author, range.logId))
    },
    readAfter(id, position, limit, maxBytes, peer) {
      const topic = store.logs.findTopic(id)
      if (!topic) return []
      // An empty page would say that there is nothing more, so pages without anything for this peer are passed over.
      for (let from = position; ; ) {
        const rows = withinBytes(store.operations.afterPosition(topic, from, limit), maxBytes)
        const operations = rows
          .map(stored => raw(stored, store.logs.authorOf(stored.log), topic.logId))
          .filter(({ author }) => servesLog(topic, author, peer))
        if (operations.length > 0 || rows.length === 0) return operations
        from = rows.at(-1)!.position
      }
    },
  }
}

/** At least one operation, so that a large one cannot stop the reader for ever. */
function withinBytes(rows: readonly StoredOperation[], maxBytes: number): readonly StoredOperation[] {
  let bytes = 0
  for (const [index, row] of rows.entries()) {
    bytes += row.header.length + (row.body?.length ?? 0)
    if (bytes > maxBytes && index > 0) return rows.slice(0, index)
  }
  return rows
}

function raw(stored: StoredOperation, author: VerifyingKey, logId: LogId): StoredRawOperation {
  return {
    author,
    logId,
    seqNum: stored.seqNum,
    position: stored.position,
    header: stored.header,
    body: stored.body,
  }
}

/** What the broadcast room reads of the store, for one topic. */

import type { TopicSource } from '../broadcast/index.js'
import { type OperationId, parseHeader, type Topic } from '../core/index.js'
import type { Store, TopicRow } from '../store/index.js'

export function createBroadcastSource(store: Store, topic: Topic): TopicSource {
  let known: TopicRow | undefined
  const row = () => {
    known ??= store.logs.findTopic(topic)
    return known
  }
  const atSeq = (author: Parameters<TopicSource['read']>[0], seqNum: number) => {
    const found = row()
    const log = found && store.logs.findLog(found, author)
    return log ? store.operations.atSeq(log.log, seqNum) : undefined
  }
  return {
    logs() {
      const found = row()
      if (!found) return []
      return store.logs.logsOf(found).flatMap(({ log, author, tip }) => {
        if (!tip) return []
        const [oldest] = store.operations.range(log, null, tip.seqNum, 1)
        return [{ author, first: oldest?.seqNum ?? tip.seqNum, height: tip.seqNum }]
      })
    },
    read(author, seqNum) {
      const stored = atSeq(author, seqNum)
      return stored ? { id: stored.id, header: stored.header, body: stored.body } : null
    },
    idOf: (author, seqNum) => atSeq(author, seqNum)?.id ?? null,
    timestampOf(author, seqNum) {
      const stored = atSeq(author, seqNum)
      return stored ? (parseHeader(stored.header).extensions?.timestamp ?? null) : null
    },
    placeOf(id: OperationId) {
      const place = store.operations.locate(id)
      if (!place || place.topic !== row()?.topic) return null
      return { author: store.logs.authorOf(place.log), seqNum: place.seqNum }
    },
  }
}

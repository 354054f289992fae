/**
 * What an operator may ask of a node: its topics and logs, whom it can reach, which sessions are open, one operation.
 * Everything is read when it is asked for, nothing is kept for it, and every answer has a bound.
 */

import type { Header, LogId, OperationId, Topic, VerifyingKey } from '../core/index.js'
import { storedHeader } from '../pipeline/index.js'
import type { Store, TopicRow } from '../store/index.js'
import type { SyncSession } from '../sync/index.js'

export interface Inspection {
  /** Every topic that was ever opened here. */
  topics(): readonly InspectedTopic[]
  /** Logs of a topic that have operations, by author, after one read before (null: from the first). */
  logs(topic: Topic, after: VerifyingKey | null, limit: number): readonly InspectedLog[]
  /** Peers that can be dialled now. */
  peers(): readonly InspectedPeer[]
  /** Sync sessions that are open now. */
  sessions(): readonly SyncSession[]
  operation(id: OperationId): InspectedOperation | null
}

export interface InspectedTopic {
  readonly topic: Topic
  readonly logId: LogId
  /** Whether it is synced now. */
  readonly isOpen: boolean
  readonly logs: number
  /** Operations that wait for what they name. */
  readonly waiting: number
}

export interface InspectedLog {
  readonly topic: Topic
  readonly author: VerifyingKey
  readonly logId: LogId
  /** Sequence numbers of the oldest operation that was not pruned and of the newest. */
  readonly first: number
  readonly last: number
  readonly lastId: OperationId
  /** Operations held because their predecessor is missing. */
  readonly held: number
}

export interface InspectedPeer {
  readonly nodeId: VerifyingKey
  /** Microseconds since the UNIX epoch at which it was found. */
  readonly sinceUs: bigint
}

export interface InspectedOperation {
  readonly id: OperationId
  readonly topic: Topic
  readonly header: Header
  readonly body: Uint8Array | null
  /** False while it waits for what it names. */
  readonly isReleased: boolean
}

export interface InspectionSources {
  readonly store: Store
  readonly isOpen: (topic: Topic) => boolean
  readonly peers: ReadonlyMap<VerifyingKey, bigint>
  readonly sessions: () => readonly SyncSession[]
}

export function createInspection({ store, isOpen, peers, sessions }: InspectionSources): Inspection {
  const topicOf = (row: TopicRow): InspectedTopic => ({
    topic: row.id,
    logId: row.logId,
    isOpen: isOpen(row.id),
    logs: store.logs.logsOf(row).filter(({ tip }) => tip !== null).length,
    waiting: store.ordering.count(row),
  })
  return {
    topics: () => store.logs.topics().map(topicOf),
    logs(topic, after, limit) {
      const row = store.logs.findTopic(topic)
      const found: InspectedLog[] = []
      for (const { log, author, tip, held } of row ? store.logs.logsOf(row) : []) {
        if (!tip || (after !== null && author <= after)) continue
        if (found.length >= limit) break
        const [oldest] = store.operations.range(log, null, tip.seqNum, 1)
        const first = oldest?.seqNum ?? tip.seqNum
        found.push({ topic, author, logId: row!.logId, first, last: tip.seqNum, lastId: tip.id, held })
      }
      return found
    },
    peers: () => [...peers].map(([nodeId, sinceUs]) => ({ nodeId, sinceUs })),
    sessions,
    operation(id) {
      const place = store.operations.locate(id)
      const stored = place && store.operations.find(id)
      const topic = place && store.logs.topics().find(row => row.topic === place.topic)
      if (!stored || !topic) return null
      const header = storedHeader(stored.header, id)
      return { id, topic: topic.id, header, body: stored.body, isReleased: stored.place !== null }
    },
  }
}

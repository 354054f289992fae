/** Where a stream begins: what counts as acknowledged for it, and how much it will replay. */

import { type Cursor, type LogId, ThicketError, type VerifyingKey } from '../core/index.js'
import type { ConsumerRow, Store, TopicRow } from '../store/index.js'

export type StreamFrom = 'frontier' | 'start' | Cursor

/** By what a stream reads: places are the order of release, positions the order of ingest. */
export type ReadBy = 'place' | 'position'

/** The part of the order that is replayed, and what of it is left out. */
export interface ReplayPlan {
  readonly by: ReadBy
  /** Nothing at or below this place (or position) is owed. */
  readonly after: number
  /** The last place (or position) that belongs to the replay. */
  readonly until: number
  /** Operations with a body that will be replayed. */
  readonly total: number
  /** Whether an operation of the replayed part is owed to the app. */
  owes(log: number, seqNum: number): boolean
}

/** The cursor of the default consumer is named by the topic, others `topic/name`. */
export function consumerName(topic: TopicRow, name: string | undefined): string {
  if (name === undefined) return topic.id
  if (name === '' || name.length > MAX_CONSUMER_NAME) {
    throw new ThicketError('invalid-name', `a consumer's name has 1 to ${MAX_CONSUMER_NAME} characters`, {
      got: name.length,
    })
  }
  return `${topic.id}/${name}`
}

/** Names are keys of a table, not texts. */
const MAX_CONSUMER_NAME = 256

/** `start` forgets the consumer's acknowledgements for good; a cursor only selects what is replayed. */
export function planReplay(
  store: Store,
  topic: TopicRow,
  consumer: ConsumerRow,
  from: StreamFrom,
  by: ReadBy = 'place',
): ReplayPlan {
  if (from === 'start') store.transact(tx => store.consumers.reset(tx, consumer))
  const { marks, exceptions } =
    typeof from === 'string'
      ? { marks: store.consumers.marks(consumer), exceptions: store.consumers.exceptions(consumer) }
      : { marks: marksOfCursor(store, topic, consumer, from), exceptions: new Map<number, ReadonlySet<number>>() }
  const until = lastRank(store, topic, by)
  let total = 0
  let first = until + 1
  for (const { log, tip } of store.logs.logsOf(topic)) {
    if (!tip) continue
    const mark = marks.get(log) ?? null
    if (mark === null || mark < tip.seqNum) {
      total += store.operations.countAbove(log, mark, by, until)
      first = Math.min(first, store.operations.firstAbove(log, mark)?.[by] ?? first)
    }
    for (const seqNum of exceptions.get(log) ?? []) {
      if (mark === null || seqNum > mark) continue
      const excepted = store.operations.atSeq(log, seqNum)
      const rank = excepted?.[by]
      if (!excepted?.body || rank === undefined || rank === null || rank > until) continue
      total += 1
      first = Math.min(first, rank)
    }
  }
  return {
    by,
    after: first - 1,
    until,
    total,
    owes(log, seqNum) {
      const mark = marks.get(log)
      return mark === undefined || seqNum > mark || (exceptions.get(log)?.has(seqNum) ?? false)
    },
  }
}

/** The last place or position that exists now. */
export function lastRank(store: Store, topic: TopicRow, by: ReadBy): number {
  return by === 'place' ? store.operations.lastPlace(topic) : store.operations.lastPosition()
}

function marksOfCursor(
  store: Store,
  topic: TopicRow,
  consumer: ConsumerRow,
  cursor: Cursor,
): ReadonlyMap<number, number> {
  if (cursor.name !== consumer.name) {
    throw new ThicketError('invalid-name', 'the cursor belongs to another topic or consumer', {
      given: cursor.name,
      expected: consumer.name,
    })
  }
  const marks = new Map<number, number>()
  for (const { log, author } of store.logs.logsOf(topic)) {
    const height = heightIn(cursor, author, topic.logId)
    if (height !== undefined) marks.set(log, height)
  }
  return marks
}

function heightIn(cursor: Cursor, author: VerifyingKey, logId: LogId): number | undefined {
  return cursor.state.get(author)?.get(logId)
}

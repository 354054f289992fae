/** Where a stream begins: what counts as acknowledged for it, and how much it will replay. */

import { type Cursor, type LogId, ThicketError, type VerifyingKey } from '../core/index.js'
import type { ConsumerRow, Store, TopicRow } from '../store/index.js'

export type StreamFrom = 'frontier' | 'start' | Cursor

/** The part of the order of release that is replayed, and what of it is left out. */
export interface ReplayPlan {
  /** Nothing at or below this place is owed. */
  readonly afterPlace: number
  /** The last place that belongs to the replay. */
  readonly untilPlace: number
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
export function planReplay(store: Store, topic: TopicRow, consumer: ConsumerRow, from: StreamFrom): ReplayPlan {
  if (from === 'start') store.transact(tx => store.consumers.reset(tx, consumer))
  const { marks, exceptions } =
    typeof from === 'string'
      ? { marks: store.consumers.marks(consumer), exceptions: store.consumers.exceptions(consumer) }
      : { marks: marksOfCursor(store, topic, consumer, from), exceptions: new Map<number, ReadonlySet<number>>() }
  const untilPlace = store.operations.lastPlace(topic)
  let total = 0
  let firstPlace = untilPlace + 1
  for (const { log, tip } of store.logs.logsOf(topic)) {
    if (!tip) continue
    const mark = marks.get(log) ?? null
    if (mark === null || mark < tip.seqNum) {
      total += store.operations.countAbove(log, mark, untilPlace)
      firstPlace = Math.min(firstPlace, store.operations.firstPlaceAbove(log, mark) ?? firstPlace)
    }
    for (const seqNum of exceptions.get(log) ?? []) {
      if (mark === null || seqNum > mark) continue
      const excepted = store.operations.atSeq(log, seqNum)
      if (!excepted?.body || excepted.place === null) continue
      total += 1
      firstPlace = Math.min(firstPlace, excepted.place)
    }
  }
  return {
    afterPlace: firstPlace - 1,
    untilPlace,
    total,
    owes(log, seqNum) {
      const mark = marks.get(log)
      return mark === undefined || seqNum > mark || (exceptions.get(log)?.has(seqNum) ?? false)
    },
  }
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

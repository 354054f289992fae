/**
 * Goal: a stream announces exactly as many operations as it will replay.
 * Method: marks and heights in a real store, the pairs of spec/node.md 7.2 among them; then what p2panda counts wrongly,
 * since it counts sequence numbers and not rows.
 */

import { describe, expect, it } from 'vitest'
import { openBetterSqlite } from '../adapters/better-sqlite.js'
import { Cursor, LogId, type OperationId, Topic, type VerifyingKey } from '../core/index.js'
import { type ConsumerRow, openStore } from '../store/index.js'
import { consumerName, planReplay } from './start.js'

const TOPIC = Topic.fromBytes(new Uint8Array(32).fill(7))
const author = (number: number) => number.toString(16).padStart(64, '0') as VerifyingKey

function fixture() {
  const store = openStore(openBetterSqlite(':memory:'))
  const topic = store.transact(tx => store.logs.ensureTopic(tx, TOPIC, LogId.ofTopic(TOPIC)))
  const consumer = store.transact(tx => store.consumers.ensure(tx, topic, consumerName(topic, undefined)))
  let ids = 0

  return {
    store,
    topic,
    consumer,
    plan: (
      from: Parameters<typeof planReplay>[3] = 'frontier',
      by: 'place' | 'position' = 'place',
      who: ConsumerRow = consumer,
    ) => planReplay(store, topic, who, from, by),
    /** A log with the operations 0 to `until`; null makes an empty one. */
    log(
      number: number,
      until: number | null,
      shape: { body?: (seqNum: number) => boolean; waits?: (seqNum: number) => boolean } = {},
    ) {
      return store.transact(tx => {
        const { log } = store.logs.ensureLog(tx, topic, author(number))
        for (let seqNum = 0; until !== null && seqNum <= until; seqNum++) {
          ids += 1
          const id = ids.toString(16).padStart(64, '0') as OperationId
          const place = shape.waits?.(seqNum) ? null : store.operations.lastPlace(topic) + 1
          const body = (shape.body?.(seqNum) ?? true) ? new Uint8Array([1]) : null
          const row = { id, log, seqNum, header: new Uint8Array([0]), body }
          store.operations.insert(tx, topic, row, store.operations.lastPosition() + 1, place)
          if (place !== null) store.operations.setLastPlace(tx, topic.topic, place)
          store.logs.setTip(tx, log, { seqNum, id, timestamp: new Uint8Array(8) })
        }
        return log
      })
    },
    acknowledge: (log: number, seqNum: number) =>
      store.transact(tx => store.consumers.raise(tx, consumer, log, seqNum)),
    except: (log: number, seqNum: number) =>
      store.transact(tx => store.consumers.addException(tx, consumer, log, seqNum)),
    prune: (log: number, below: number) => store.transact(tx => store.operations.deleteBelow(tx, log, below)),
  }
}

describe('the replay count', () => {
  it.each([
    [null, 12, 13],
    [0, 12, 12],
    [5, 7, 2],
    [77, 80, 3],
    [null, 3, 4],
    [10, 20, 10],
    [100, null, 0],
    [null, 0, 1],
    [0, 0, 0],
    [null, null, 0],
    [1, 1, 0],
  ])('[7.2] Replay count: mark %s, height %s, owed %s', (mark, height, owed) => {
    for (const by of ['place', 'position'] as const) {
      const { log, acknowledge, plan } = fixture()
      const row = log(1, height)
      if (mark !== null) acknowledge(row, mark)
      expect(plan('frontier', by).total).toBe(owed)
    }
  })

  it('adds up over logs, and begins at the first operation that is owed', () => {
    const { log, acknowledge, plan } = fixture()
    const [a, b] = [log(1, 9), log(2, 4)]
    acknowledge(a, 7)
    acknowledge(b, 1)
    expect(plan()).toMatchObject({ total: 5, after: 8, until: 15 })
    expect([plan().owes(a, 7), plan().owes(a, 8), plan().owes(b, 2)]).toEqual([false, true, true])
  })

  it('counts rows: not what was pruned, not what has no body, not what still waits for its dependencies', () => {
    const { log, prune, plan } = fixture()
    prune(log(1, 9), 6)
    log(2, 5, { body: seqNum => seqNum % 2 === 0 })
    log(3, 5, { waits: seqNum => seqNum > 3 })
    expect(plan().total).toBe(4 + 3 + 4)
    expect(plan('frontier', 'position').total, 'by order of ingest nothing waits').toBe(4 + 3 + 6)
  })

  it('counts exceptions below the mark, save those that are gone or have no body', () => {
    const { log, acknowledge, except, prune, plan } = fixture()
    const row = log(1, 9, { body: seqNum => seqNum !== 5 })
    for (const seqNum of [1, 4, 5]) except(row, seqNum)
    acknowledge(row, 8)
    expect(plan()).toMatchObject({ total: 3, after: 1 })
    expect([1, 2, 4, 9].map(seqNum => plan().owes(row, seqNum))).toEqual([true, false, true, true])
    prune(row, 3)
    expect(plan().total).toBe(2)
  })

  it('start owes everything and forgets the marks of this consumer alone', () => {
    const { store, topic, consumer, log, acknowledge, except, plan } = fixture()
    const row = log(1, 5)
    except(row, 1)
    acknowledge(row, 5)
    const other = store.transact(tx => {
      const named = store.consumers.ensure(tx, topic, consumerName(topic, 'other'))
      store.consumers.raise(tx, named, row, 4)
      return named
    })
    expect(plan('start').total).toBe(6)
    expect(plan('frontier').total).toBe(6)
    expect(store.consumers.exceptions(consumer).size).toBe(0)
    expect(plan('frontier', 'place', other).total).toBe(1)
  })

  it('a cursor owes what lies above it, whatever the marks, and moves none', () => {
    const { store, consumer, topic, log, acknowledge, plan } = fixture()
    const row = log(1, 5)
    log(2, 2)
    acknowledge(row, 5)
    const cursor = new Cursor(TOPIC).advance(author(1), topic.logId, 2)
    expect(plan(cursor)).toMatchObject({ total: 3 + 3 })
    expect([...store.consumers.marks(consumer)]).toEqual([[row, 5]])
    expect(() => plan(new Cursor('another'))).toThrow(expect.objectContaining({ code: 'invalid-name' }))
  })
})

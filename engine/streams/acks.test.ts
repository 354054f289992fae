/**
 * Goal: acknowledgements cost one transaction for many, and say truly when they are durable.
 * Method: a real store whose transactions are counted and can be made to fail, and a clock moved by hand.
 */

import { describe, expect, it } from 'vitest'
import { openBetterSqlite } from '../adapters/better-sqlite.js'
import { LogId, ThicketError, Topic, type VerifyingKey } from '../core/index.js'
import { ManualClock } from '../pipeline/fixtures.contract.js'
import { DatabaseDead } from '../ports.js'
import { openStore, type Store } from '../store/index.js'
import { createAcks } from './acks.js'
import { ACK_GROUP_MS } from './limits.js'

const TOPIC = Topic.fromBytes(new Uint8Array(32).fill(7))

function fixture() {
  const inner = openStore(openBetterSqlite(':memory:'))
  const { topic, consumer, logs } = inner.transact(tx => {
    const row = inner.logs.ensureTopic(tx, TOPIC, LogId.ofTopic(TOPIC))
    const of = (number: number) =>
      inner.logs.ensureLog(tx, row, number.toString(16).padStart(64, '0') as VerifyingKey).log
    return { topic: row, consumer: inner.consumers.ensure(tx, row, TOPIC), logs: [of(1), of(2)] as const }
  })
  const state = { transactions: 0, fails: null as Error | null }
  const store: Store = {
    ...inner,
    transact(work) {
      state.transactions += 1
      return inner.transact(tx => {
        const result = work(tx)
        if (state.fails) throw state.fails
        return result
      })
    },
  }
  const clock = new ManualClock()
  const acks = createAcks(store, clock)
  const heard: string[] = []
  const hear = (name: string) => (error: Error | null) => {
    heard.push(error ? `${name}: ${error instanceof ThicketError ? error.code : error.message}` : name)
  }
  const marks = () => [...inner.consumers.marks(consumer)]
  const exceptions = (log: number) => [...(inner.consumers.exceptions(consumer).get(log) ?? [])]
  return {
    store,
    inner,
    topic,
    consumer,
    log: logs[0],
    otherLog: logs[1],
    state,
    clock,
    acks,
    heard,
    hear,
    marks,
    exceptions,
  }
}

const full = new ThicketError('database-full', 'the disk is full')

describe('the group commit', () => {
  it('many acknowledgements are one transaction, and each resolves after its commit', () => {
    const { acks, clock, consumer, log, otherLog, state, heard, hear, marks } = fixture()
    for (let seqNum = 0; seqNum < 100; seqNum++) acks.acknowledge(consumer, log, seqNum, hear(`${seqNum}`))
    acks.acknowledge(consumer, otherLog, 3, hear('other'))
    clock.advance(ACK_GROUP_MS - 1)
    expect([heard, marks(), state.transactions]).toEqual([[], [], 0])
    clock.advance(1)
    expect(state.transactions).toBe(1)
    expect(heard).toHaveLength(101)
    expect(marks()).toEqual([
      [log, 99],
      [otherLog, 3],
    ])
    clock.advance(1_000)
    expect(state.transactions, 'nothing waits any more').toBe(1)
  })

  it('they ride along in a transaction that comes first, and resolve only after its commit', () => {
    const { acks, clock, consumer, log, store, state, heard, hear, marks } = fixture()
    acks.acknowledge(consumer, log, 4, hear('four'))
    store.transact(tx => {
      acks.ride(tx)
      expect(heard, 'not before the commit').toEqual([])
    })
    expect(heard).toEqual(['four'])
    expect(marks()).toEqual([[log, 4]])
    clock.advance(1_000)
    expect(state.transactions).toBe(1)
  })

  it('a transaction that rolls back leaves the group for the next one', () => {
    const { acks, clock, consumer, log, store, state, heard, hear, marks } = fixture()
    acks.acknowledge(consumer, log, 4, hear('four'))
    state.fails = full
    expect(() => store.transact(acks.ride)).toThrow(full)
    expect([heard, marks()]).toEqual([[], []])
    state.fails = null
    clock.advance(ACK_GROUP_MS)
    expect([heard, marks()]).toEqual([['four'], [[log, 4]]])
  })

  it('a failure of the group’s own transaction reaches everybody in it, once, and the next group is free of it', () => {
    const { acks, clock, consumer, log, otherLog, state, heard, hear, marks } = fixture()
    acks.acknowledge(consumer, log, 1, hear('one'))
    acks.acknowledge(consumer, otherLog, 2, hear('two'))
    state.fails = full
    clock.advance(ACK_GROUP_MS)
    expect(heard).toEqual(['one: database-full', 'two: database-full'])
    state.fails = null
    acks.acknowledge(consumer, otherLog, 5, hear('five'))
    acks.flush()
    expect(heard.slice(2)).toEqual(['five'])
    expect(marks()).toEqual([[otherLog, 5]])
  })

  it('a dead database is nobody’s error: it goes up, and nobody is told anything', () => {
    const { acks, consumer, log, state, heard, hear } = fixture()
    acks.acknowledge(consumer, log, 1, hear('one'))
    state.fails = new DatabaseDead('power cut')
    expect(() => acks.flush()).toThrow(DatabaseDead)
    expect(heard).toEqual([])
  })

  it('settle resolves when all that waited is durable or has failed, at once when nothing waits', () => {
    const { acks, consumer, log, state, heard, hear } = fixture()
    acks.settle(hear('nothing'))
    acks.acknowledge(consumer, log, 1, hear('one'))
    acks.settle(hear('settled'))
    state.fails = full
    acks.acknowledge(consumer, log, 2, hear('two'))
    acks.settle(hear('settled'))
    expect(heard).toEqual(['nothing', 'one', 'settled', 'two: database-full', 'settled: database-full'])
  })

  it('from within a transaction a flush waits for its turn instead of nesting', () => {
    const { acks, clock, consumer, log, store, heard, hear } = fixture()
    acks.acknowledge(consumer, log, 1, hear('one'))
    store.transact(() => acks.flush())
    expect(heard).toEqual([])
    clock.advance(ACK_GROUP_MS)
    expect(heard).toEqual(['one'])
  })

  it('after stop everything is refused with node-closed, and no timer is left', () => {
    const { acks, clock, consumer, log, state, heard, hear, marks } = fixture()
    acks.acknowledge(consumer, log, 1, hear('lost, as in a crash'))
    acks.stop()
    acks.acknowledge(consumer, log, 2, hear('late'))
    acks.except(consumer, log, 3)
    expect(() => acks.commit(consumer, log, 4, () => {})).toThrow(expect.objectContaining({ code: 'node-closed' }))
    clock.advance(1_000)
    expect([heard, marks(), state.transactions]).toEqual([['late: node-closed'], [], 0])
  })
})

describe('marks and exceptions', () => {
  it('marks only grow, also when several streams of one consumer acknowledge out of order', () => {
    const { acks, inner, consumer, log, marks } = fixture()
    const again = inner.consumers.find(consumer.name)!
    acks.acknowledge(consumer, log, 7)
    acks.acknowledge(again, log, 3)
    acks.flush()
    acks.acknowledge(again, log, 5)
    acks.flush()
    expect(marks()).toEqual([[log, 7]])
  })

  it('an exception stays below later marks until it is acknowledged itself, in one group or in several', () => {
    for (const flushes of [false, true]) {
      const { acks, consumer, log, marks, exceptions } = fixture()
      const step = () => {
        if (flushes) acks.flush()
      }
      acks.except(consumer, log, 1)
      step()
      acks.acknowledge(consumer, log, 2)
      acks.flush()
      expect([marks(), exceptions(log)]).toEqual([[[log, 2]], [1]])
      acks.acknowledge(consumer, log, 1)
      step()
      acks.except(consumer, log, 1)
      acks.flush()
      expect([marks(), exceptions(log)], 'what is acknowledged stays acknowledged').toEqual([[[log, 2]], []])
    }
  })

  it('an app’s work takes what waits along, exceptions before the mark that passes them', () => {
    const { acks, consumer, log, marks, exceptions, heard, hear, state } = fixture()
    acks.acknowledge(consumer, log, 0, hear('zero'))
    acks.except(consumer, log, 1)
    acks.commit(consumer, log, 2, () => {})
    expect([marks(), exceptions(log), heard, state.transactions]).toEqual([[[log, 2]], [1], ['zero'], 1])
  })
})

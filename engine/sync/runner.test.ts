/**
 * Goal: a runner carries a session over a connection: both catch up, stay live, slow down and are told of in order.
 * Method: two runners on the two ends of a connection in memory, with a clock turned by hand.
 */

import { describe, expect, it } from 'vitest'
import type { ThicketError } from '../core/index.js'
import { connect, FakeClock, type FakeConnection, FakeStore, keyOf, makeOperation, TOPIC } from './fakes.contract.js'
import type { SyncEvent } from './interfaces.js'
import { DEFAULT_SYNC_LIMITS, type SyncLimits } from './limits.js'
import { createRunner, type Runner } from './runner.js'

interface Side {
  readonly runner: Runner
  readonly store: FakeStore
  readonly connection: FakeConnection
  readonly events: SyncEvent[]
  /** Undefined while it lives. */
  error?: ThicketError | null
}

function pair(limits: Partial<SyncLimits> = {}, highWaterBytes = Number.POSITIVE_INFINITY, live = true) {
  const clock = new FakeClock()
  const connections = connect(clock, keyOf(1), keyOf(2))
  const [left, right] = connections.map((connection): Side => {
    connection.highWaterBytes = highWaterBytes
    const store = new FakeStore()
    const events: SyncEvent[] = []
    const runner = createRunner({
      sessionId: 5,
      connection,
      topic: connection.role === 'initiator' ? TOPIC : null,
      live,
      limits: { ...DEFAULT_SYNC_LIMITS, ...limits },
      clock,
      source: store,
      sink: store,
      admit: () => store.served,
      listener: event => events.push(event),
      onEnded: (_, error) => {
        side.error = error
      },
    })
    const side: Side = { runner, store, connection, events }
    store.onStored = () => runner.stored()
    return side
  }) as [Side, Side]
  const start = () => {
    left.runner.start()
    right.runner.start()
    clock.advance(10)
  }
  return { clock, left, right, start }
}

const types = (side: Side) => side.events.map(({ type }) => type)

function fill(store: FakeStore, author: number, count: number, bodyBytes = 20): void {
  for (let seqNum = 0; seqNum < count; seqNum++) store.add(makeOperation(keyOf(author), seqNum, bodyBytes))
}

describe('two runners', () => {
  it('catch up, exchange what is new and close in order', () => {
    const { clock, left, right, start } = pair()
    fill(left.store, 10, 3)
    fill(right.store, 11, 2)
    start()
    expect(left.store.ids()).toEqual(right.store.ids())
    right.store.publish(makeOperation(keyOf(11), 2))
    clock.advance(10)
    expect(left.store.ids()).toHaveLength(6)
    expect([left.runner.phase, right.runner.phase]).toEqual(['live', 'live'])
    expect(clock.pending).toBe(0)

    left.runner.close(true)
    clock.advance(10)
    for (const side of [left, right]) {
      expect(side.error).toBeNull()
      expect(types(side)).toEqual(['sync-started', 'sync-finished', 'session-ended'])
      expect(side.connection.closed).toBe(true)
      expect(side.events[0]).toMatchObject({ topic: TOPIC, sessionId: 5, remote: side.connection.remote })
    }
    expect(right.events.at(-1)?.metrics).toMatchObject({
      receivedSyncOperations: 3,
      sentSyncOperations: 2,
      sentLiveOperations: 1,
    })
    expect(left.runner.wireBytes).toEqual({
      sent: right.runner.wireBytes.received,
      received: right.runner.wireBytes.sent,
    })
    expect(clock.pending).toBe(0)
  })

  it('end by themselves without live mode', () => {
    const { left, right, start } = pair({}, Number.POSITIVE_INFINITY, false)
    fill(left.store, 10, 3)
    start()
    expect([left.error, right.error]).toEqual([null, null])
    expect(right.store.ids()).toEqual(left.store.ids())
  })

  it('never have more in the stream than it takes, one write and one page', () => {
    const { left, right, start, clock } = pair({ writeBytes: 1000, pageBytes: 1000 }, 4000)
    right.store.deferred = true
    right.store.window = 1
    fill(left.store, 10, 200)
    start()
    for (let turn = 0; turn < 400 && right.store.operations.length < 200; turn++) {
      const unread = left.runner.wireBytes.sent - right.runner.wireBytes.received
      expect(unread).toBeLessThanOrEqual(4000 + 1000 + 1000)
      right.store.settle()
      clock.advance(1)
    }
    expect(right.store.ids()).toEqual(left.store.ids())
    expect(left.runner.phase).toBe('live')
  })

  it('end with a timeout when the remote falls silent', () => {
    const { clock, left } = pair()
    left.runner.start()
    clock.advance(DEFAULT_SYNC_LIMITS.handshakeMs)
    expect(left.error?.code).toBe('session-timeout')
    expect(left.connection.closed).toBe(true)
    expect(types(left)).toEqual([])
    expect(clock.pending).toBe(0)
  })

  it('tell of a lost connection', () => {
    const { left, right, start } = pair()
    start()
    left.connection.lose(null)
    expect(left.error?.code).toBe('decode-message')
    right.connection.lose(null)
    expect(types(right)).toEqual(['sync-started', 'sync-finished', 'session-ended'])
  })

  it('a refused topic looks like a closed connection and is no session of the topic', () => {
    const { left, right, start } = pair()
    right.store.served = false
    start()
    expect(left.error?.code).toBe('topic-unknown')
    expect(right.error?.code).toBe('topic-unknown')
    expect([...types(left), ...types(right)]).toEqual([])
  })

  it('abort streams that do not belong to the session', () => {
    const { clock, left, right, start } = pair()
    start()
    let aborted = false
    left.connection.openBi().onAbort(() => {
      aborted = true
    })
    clock.advance(1)
    expect(aborted).toBe(true)
    expect(right.runner.phase).toBe('live')
  })
})

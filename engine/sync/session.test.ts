/**
 * Goal: one side of a session keeps its rules whatever the remote does: order of messages, limits of time and size,
 * back-pressure, the way it closes, and that every end by another's fault has its code.
 * Method: one session driven by hand against a list as its store; hostile frames as a table.
 */

import { describe, expect, it } from 'vitest'
import { bytesToHex, concatBytes, encodeFrame, hexToBytes, type VerifyingKey } from '../core/index.js'
import { Drive, type DriveOptions } from './drive.contract.js'
import { FakeStore, keyOf, LOG, makeOperation, TOPIC } from './fakes.contract.js'
import { DEFAULT_SYNC_LIMITS } from './limits.js'
import { decodeSync, encodeHandshake, encodeSync, type SyncMessage } from './wire.js'

const AUTHOR = keyOf(1)
const OTHER = keyOf(2)
const HAVE: SyncMessage = { type: 'have', heights: new Map() }
const PRE_SYNC: SyncMessage = { type: 'pre_sync', operations: 1, bytes: 1 }
const DONE: SyncMessage = { type: 'done' }
const CLOSE: SyncMessage = { type: 'close' }
const GARBAGE: SyncMessage = { type: 'operation', operation: { header: Uint8Array.of(0xff), body: null } }
const operation = (seqNum: number, author = AUTHOR): SyncMessage => ({
  type: 'operation',
  operation: makeOperation(author, seqNum),
})
const live = (seqNum: number, author = AUTHOR): SyncMessage => ({
  type: 'live',
  operation: makeOperation(author, seqNum),
})

function storeWith(...seqNums: number[]): FakeStore {
  const store = new FakeStore()
  for (const seqNum of seqNums) store.add(makeOperation(AUTHOR, seqNum))
  return store
}

function drive(options: Partial<DriveOptions> = {}): Drive {
  const driven = new Drive({ role: 'initiator', store: new FakeStore(), ...options })
  driven.store.onStored = () => driven.feed({ type: 'stored' })
  return driven
}

/** A session in live mode that holds what its store held before. */
const inLive = (options: Partial<DriveOptions> = {}) => drive(options).open().sync(HAVE, DONE)

const types = (driven: Drive) =>
  driven.frames('sync').map(frame => decodeSync(frame.subarray(4), DEFAULT_SYNC_LIMITS).type)

describe('hostile or broken remotes', () => {
  const frame = (hex: string) => encodeFrame(hexToBytes(hex))
  const table: [string, (driven: Drive) => unknown, string][] = [
    ['a Done instead of a Have', d => d.sync(DONE), 'unexpected-message'],
    ['an Operation before the Have', d => d.sync(operation(0)), 'unexpected-message'],
    ['an Operation before the PreSync', d => d.sync(HAVE, operation(0)), 'unexpected-message'],
    ['a second Have', d => d.sync(HAVE, HAVE), 'unexpected-message'],
    ['a Have after the PreSync', d => d.sync(HAVE, PRE_SYNC, HAVE), 'unexpected-message'],
    ['a second PreSync', d => d.sync(HAVE, PRE_SYNC, PRE_SYNC), 'unexpected-message'],
    ['Done twice', d => d.sync(HAVE, DONE, DONE), 'unexpected-protocol-message'],
    [
      'Done twice after operations',
      d => d.sync(HAVE, PRE_SYNC, operation(0), DONE, DONE),
      'unexpected-protocol-message',
    ],
    ['a Live before its Done', d => d.sync(HAVE, PRE_SYNC, live(0)), 'message-stream'],
    ['a Close before its Done', d => d.sync(HAVE, PRE_SYNC, CLOSE), 'message-stream'],
    ['a Close instead of a Have', d => d.sync(CLOSE), 'message-stream'],
    ['a garbage header', d => d.sync(HAVE, PRE_SYNC, GARBAGE), 'decoding-header'],
    [
      'a garbage header in live mode',
      d => d.sync(HAVE, DONE, { ...GARBAGE, type: 'live' } as SyncMessage),
      'decoding-header',
    ],
    ['an empty frame', d => d.data('sync', frame('')), 'message-stream'],
    ['an unknown message', d => d.data('sync', frame('09')), 'message-stream'],
    ['an unknown message in live mode', d => d.sync(HAVE, DONE).data('sync', frame('09')), 'decode-message'],
    ['a frame that announces too much', d => d.data('sync', hexToBytes('7fffffff')), 'frame-too-large'],
    [
      'a frame that is cut off',
      d =>
        d
          .sync(HAVE)
          .data('sync', hexToBytes('00000005 0001'.replace(' ', '')))
          .feed({ type: 'end', stream: 'sync' }),
      'frame-truncated',
    ],
    [
      'the end of the stream instead of a Have',
      d => d.feed({ type: 'end', stream: 'sync' }),
      'unexpected-stream-closure',
    ],
    [
      'the end of the stream before its Done',
      d => d.sync(HAVE, PRE_SYNC, operation(0)).feed({ type: 'end', stream: 'sync' }),
      'unexpected-stream-closure',
    ],
    [
      'the end of the stream in live mode',
      d => d.sync(HAVE, DONE).feed({ type: 'end', stream: 'sync' }),
      'unexpected-stream-closure',
    ],
    ['a lost connection before its Have', d => d.feed({ type: 'lost', stream: 'connection' }), 'topic-unknown'],
    [
      'a lost connection in the sync phase',
      d => d.sync(HAVE).feed({ type: 'lost', stream: 'connection' }),
      'message-stream',
    ],
    [
      'a lost connection in live mode',
      d => d.sync(HAVE, DONE).feed({ type: 'lost', stream: 'connection' }),
      'decode-message',
    ],
  ]

  it.each(table)('%s', (_, act, code) => {
    const driven = drive().open()
    act(driven)
    expect(driven.outcome).toBe(code)
  })

  it.each([
    ['a Done instead of the topic', 'acceptor', '01', 'unexpected-message'],
    ['a topic instead of a Done', 'initiator', `0020${TOPIC}`, 'unexpected-message'],
    ['garbage', 'acceptor', '05', 'message-stream'],
    ['a topic of 31 bytes', 'acceptor', `001f${'07'.repeat(31)}`, 'message-stream'],
    ['a frame beyond the limit', 'acceptor', '00'.repeat(1025), 'frame-too-large'],
  ] as const)('%s in the handshake', (_, role, hex, code) => {
    expect(drive({ role }).feed({ type: 'start' }).data('handshake', frame(hex)).outcome).toBe(code)
  })

  it('say the two sentences that p2panda asserts', () => {
    const early = drive().open().sync(HAVE).feed({ type: 'end', stream: 'sync' })
    expect(early.error?.message).toBe('remote unexpectedly closed stream during initial sync')
    const late = inLive().feed({ type: 'end', stream: 'sync' })
    expect(late.error?.message).toBe('remote unexpectedly closed stream in live-mode')
  })

  it('a key that is no curve point fails the whole Have', () => {
    const heights = new Map([[`02${'00'.repeat(31)}` as VerifyingKey, new Map([[LOG, 1]])]])
    const driven = drive().open().sync({ type: 'have', heights })
    expect(driven.outcome).toBe('message-stream')
  })

  it('what came before the fault is still handed to the sink', () => {
    const driven = drive().open()
    driven.data('sync', concatBytes(...[HAVE, PRE_SYNC, operation(0), DONE, HAVE].map(m => encodeFrame(encodeSync(m)))))
    expect(driven.outcome).toBe('unexpected-protocol-message')
    expect(driven.store.operations).toHaveLength(1)
  })
})

describe('the handshake', () => {
  it('lets an acceptor refuse a topic without a word', () => {
    const store = new FakeStore()
    store.served = false
    const driven = drive({ role: 'acceptor', store }).open()
    expect(driven.outcome).toBe('topic-unknown')
    expect(driven.frames('handshake').map(bytesToHex)).toEqual(['0000000101'])
    expect(driven.written.sync).toEqual([])
  })

  it('may be overtaken by the second stream', () => {
    const driven = drive({ role: 'acceptor', store: storeWith(0) })
      .feed({ type: 'start' })
      .sync(HAVE, DONE)
    expect(driven.written.sync).toEqual([])
    driven.data(
      'handshake',
      encodeFrame(encodeHandshake({ type: 'topic', topic: TOPIC })),
      encodeFrame(hexToBytes('01')),
    )
    expect(types(driven)).toEqual(['have', 'pre_sync', 'operation', 'done'])
    expect(driven.session.phase).toBe('live')
  })
})

describe('the sync phase', () => {
  it('sends what the remote lacks and exactly one Done, pages however small', () => {
    for (const pageOperations of [1, 2, 3, 100]) {
      const driven = drive({ store: storeWith(0, 1, 2), limits: { pageOperations } })
        .open()
        .sync(HAVE, DONE)
      expect(types(driven)).toEqual(['have', 'pre_sync', 'operation', 'operation', 'operation', 'done'])
    }
  })

  it('tolerates more and fewer operations than were announced', () => {
    const more = drive().open().sync(HAVE, PRE_SYNC, operation(0), operation(1), DONE)
    expect(more.metricsOf('sync-finished')).toMatchObject({ inboundSyncOperations: 1, receivedSyncOperations: 2 })
    expect(drive().open().sync(HAVE, PRE_SYNC, DONE).session.phase).toBe('live')
  })

  it('sends what is left when part of a range was pruned in between', () => {
    const driven = drive({ store: storeWith(0, 1, 2, 3), limits: { pageOperations: 1 } })
    driven.writable = false
    driven.open().sync(HAVE, DONE)
    driven.store.operations.splice(2, 2)
    driven.writable = true
    driven.feed({ type: 'writable' })
    expect(types(driven)).toEqual(['have', 'pre_sync', 'operation', 'operation', 'done'])
    expect(driven.session.phase).toBe('live')
  })

  it('reads while it cannot write', () => {
    const driven = drive({ store: storeWith(0) })
    driven.writable = false
    driven.open().sync(HAVE, PRE_SYNC, operation(0, OTHER), DONE)
    expect(driven.store.operations).toHaveLength(2)
    expect(types(driven)).toEqual(['have', 'pre_sync'])
    driven.writable = true
    driven.feed({ type: 'writable' })
    expect(driven.session.phase).toBe('live')
  })

  it('acts upon the Done of the remote only when everything before it has come back', () => {
    const driven = drive()
    driven.store.deferred = true
    driven.open().sync(HAVE, PRE_SYNC, operation(0), DONE, live(1))
    expect(driven.events.map(({ type }) => type)).toEqual(['sync-started'])
    driven.store.settle()
    expect(driven.events.map(({ type }) => type)).toEqual(['sync-started', 'sync-finished', 'live-started'])
    driven.store.settle()
    expect(driven.store.phases).toEqual(['sync', 'live'])
  })

  it('without live mode half-closes and waits for the remote to do the same', () => {
    const driven = drive({ live: false }).open().sync(HAVE, DONE)
    expect(driven.ended).toBe(false)
    expect(driven.halfClosed.has('sync')).toBe(true)
    expect(driven.feed({ type: 'end', stream: 'sync' }).outcome).toBeNull()
  })
})

describe('back-pressure', () => {
  it('stops reading when the sink says so and goes on with its next outcomes', () => {
    const driven = drive()
    driven.store.deferred = true
    driven.store.window = 1
    driven.open().sync(HAVE, PRE_SYNC)
    const frames = [0, 1, 2].map(seqNum => encodeFrame(encodeSync(operation(seqNum))))
    driven.sync(operation(0))
    expect(driven.paused).toBe(true)
    driven.data('sync', concatBytes(...frames.slice(1)))
    expect(driven.store.waiting).toBe(1)
    driven.store.settle()
    expect(driven.store.waiting).toBe(1)
    driven.store.window = 5
    driven.store.settle()
    expect(driven.paused).toBe(false)
    expect(driven.sync(DONE).session.phase).toBe('live')
  })

  it('hands no more to the sink than its limit, and batches within theirs', () => {
    const driven = drive({ limits: { unprocessedOperations: 5, batchOperations: 2 } })
    driven.store.deferred = true
    driven.open().sync(HAVE, PRE_SYNC)
    const frames = Array.from({ length: 12 }, (_, seqNum) => encodeFrame(encodeSync(operation(seqNum))))
    driven.data('sync', concatBytes(...frames.slice(0, 4)))
    expect(driven.paused).toBe(false)
    driven.data('sync', concatBytes(...frames.slice(4)))
    expect(driven.paused).toBe(true)
    expect(driven.batches).toEqual([2, 2, 1])
    while (driven.store.waiting > 0) driven.store.settle()
    expect(driven.store.operations).toHaveLength(12)
    expect(driven.paused).toBe(false)
  })

  it('pulls no page while the stream takes nothing', () => {
    const driven = drive({ store: storeWith(0, 1, 2, 3), limits: { pageOperations: 1, writeBytes: 1 } })
    driven.writable = false
    driven.open().sync(HAVE, DONE)
    for (let sent = 1; sent <= 4; sent++) {
      driven.feed({ type: 'writable' })
      expect(types(driven).filter(type => type === 'operation')).toHaveLength(sent)
    }
    driven.feed({ type: 'writable' })
    expect(driven.session.phase).toBe('live')
  })

  it.each([
    [0, undefined],
    [1, 'inbound-overflow'],
  ])('takes buffered bytes up to the limit plus %i', (extra, outcome) => {
    const driven = drive({ role: 'acceptor', limits: { bufferedBytes: 1000 } }).feed({ type: 'start' })
    expect(driven.data('sync', new Uint8Array(1000 + extra)).outcome).toBe(outcome)
  })
})

describe('live mode', () => {
  it('sends what is stored after the Have, once, and nothing that the remote sent', () => {
    const driven = inLive({ store: storeWith(0) })
    driven.sync(live(0, OTHER), live(1, OTHER))
    driven.store.publish(makeOperation(AUTHOR, 1))
    driven.store.publish(makeOperation(OTHER, 2))
    driven.feed({ type: 'stored' })
    expect(types(driven)).toEqual(['have', 'pre_sync', 'operation', 'done', 'live', 'live'])
    expect(driven.session.metrics).toMatchObject({ sentLiveOperations: 2, receivedLiveOperations: 2 })
  })

  it('reads on where the Have was taken, and from there once for each page and once more', () => {
    const driven = inLive({ store: storeWith(0, 1, 2), limits: { pageOperations: 2 } })
    expect(driven.positions).toEqual([3])
    driven.store.publish(makeOperation(AUTHOR, 3))
    expect(driven.positions).toEqual([3, 3, 4])
    expect(types(driven).at(-1)).toBe('live')
  })

  it('sends in live mode what was stored during the sync phase', () => {
    const driven = drive({ store: storeWith(0) }).open()
    driven.store.publish(makeOperation(AUTHOR, 1))
    driven.sync(HAVE, DONE)
    expect(types(driven)).toEqual(['have', 'pre_sync', 'operation', 'done', 'live'])
  })

  it('does not echo an operation whose outcome has not been told yet', () => {
    const driven = inLive()
    const late = makeOperation(AUTHOR, 0)
    driven.store.deferred = true
    driven.sync({ type: 'live', operation: late })
    driven.store.publish(late)
    expect(types(driven)).toEqual(['have', 'done'])
    driven.store.settle()
    driven.feed({ type: 'stored' })
    expect(types(driven)).toEqual(['have', 'done'])
  })

  it('does not send what the remote said it has', () => {
    const driven = drive()
      .open()
      .sync({ type: 'have', heights: new Map([[AUTHOR, new Map([[LOG, 3]])]]) }, DONE)
    for (let seqNum = 0; seqNum <= 4; seqNum++) driven.store.publish(makeOperation(AUTHOR, seqNum))
    expect(types(driven)).toEqual(['have', 'done', 'live'])
  })

  it('does not count repeats', () => {
    const driven = inLive().sync(live(0), live(0))
    expect(driven.session.metrics.receivedLiveOperations).toBe(1)
    expect(driven.sync(CLOSE).metricsOf('ended')?.receivedLiveOperations).toBe(1)
  })
})

describe('closing', () => {
  it('ends well when the remote closes, after what it sent has come back', () => {
    const driven = inLive()
    driven.store.deferred = true
    driven.sync(live(0), CLOSE)
    expect(driven.ended).toBe(false)
    driven.store.settle()
    expect(driven.outcome).toBeNull()
    expect(driven.halfClosed.has('sync')).toBe(true)
    expect(types(driven)).not.toContain('close')
  })

  it.each([
    ['the end of the stream', (d: Drive) => d.feed({ type: 'end', stream: 'sync' })],
    ['a Close of its own', (d: Drive) => d.sync(CLOSE)],
    ['a lost connection', (d: Drive) => d.feed({ type: 'lost', stream: 'connection' })],
    ['a broken message', (d: Drive) => d.data('sync', encodeFrame(hexToBytes('09')))],
    ['a stray message', (d: Drive) => d.sync(DONE)],
    ['silence', (d: Drive) => d.wait(DEFAULT_SYNC_LIMITS.closeMs)],
  ])('after our Close ends well with %s', (_, act) => {
    const driven = inLive().feed({ type: 'close', wait: true }).sync(live(0))
    expect(types(driven)).toEqual(['have', 'done', 'close'])
    expect(driven.ended).toBe(false)
    expect(driven.store.operations).toHaveLength(1)
    act(driven)
    expect(driven.outcome).toBeNull()
  })

  it('asked for in the sync phase is honoured in live mode, or when its time is over', () => {
    const driven = drive().open().feed({ type: 'close', wait: true }).sync(HAVE, DONE)
    expect(types(driven)).toEqual(['have', 'done', 'close'])
    const stuck = drive().open().feed({ type: 'close', wait: true })
    expect(stuck.wait(DEFAULT_SYNC_LIMITS.closeMs - 1).ended).toBe(false)
    expect(stuck.wait(1).outcome).toBeNull()
  })

  it('at once waits for nothing', () => {
    const driven = inLive().feed({ type: 'close', wait: false })
    expect(types(driven)).toEqual(['have', 'done', 'close'])
    expect(driven.outcome).toBeNull()
    expect(drive().open().feed({ type: 'close', wait: false }).outcome).toBeNull()
  })
})

describe('limits of time', () => {
  const { handshakeMs, exchangeMs, idleMs } = DEFAULT_SYNC_LIMITS
  it.each([
    ['the topic', () => drive({ role: 'acceptor' }).feed({ type: 'start' }), handshakeMs],
    ['the end of the handshake', () => drive().feed({ type: 'start' }), handshakeMs],
    ['the Have', () => drive().open(), exchangeMs],
    ['the PreSync', () => drive().open().sync(HAVE), exchangeMs],
    ['operations', () => drive().open().sync(HAVE, PRE_SYNC), idleMs],
  ])('for %s', (_, begin, limitMs) => {
    const driven = begin()
    expect(driven.wait(limitMs - 1).ended).toBe(false)
    expect(driven.wait(1).outcome).toBe('session-timeout')
  })

  it('a trickle does not prolong the handshake', () => {
    const driven = drive({ role: 'acceptor' }).feed({ type: 'start' })
    const topic = encodeFrame(encodeHandshake({ type: 'topic', topic: TOPIC }))
    for (let at = 0; at * 1000 < handshakeMs; at++) driven.wait(1000).data('handshake', topic.subarray(at, at + 1))
    expect(driven.outcome).toBe('session-timeout')
  })

  it('bytes that progress keep a long catch-up alive', () => {
    const driven = drive().open().sync(HAVE, PRE_SYNC)
    for (let seqNum = 0; seqNum < 10; seqNum++) driven.wait(idleMs - 1).sync(operation(seqNum))
    expect(driven.sync(DONE).session.phase).toBe('live')
  })

  it('our own slow sink is not held against the remote', () => {
    const driven = drive().open().sync(HAVE, PRE_SYNC)
    driven.store.deferred = true
    driven.sync(operation(0)).wait(10 * idleMs)
    expect(driven.ended).toBe(false)
    driven.store.settle()
    expect(driven.wait(idleMs - 1).ended).toBe(false)
    expect(driven.wait(1).outcome).toBe('session-timeout')
  })

  it('there are none in live mode', () => {
    const driven = inLive()
    expect(driven.deadlineMs).toBeNull()
  })
})

/**
 * Goal: no bytes make `step` throw or end without a code, and two sessions end with the union however the world delays.
 * Method: fast-check draws bytes, frames and cuts for one session, and for two joined in memory the sizes of chunks and
 * pages, when sinks answer, when streams drain and when something is published.
 */

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { concatBytes, encodeFrame, ThicketError } from '../core/index.js'
import { Drive } from './drive.contract.js'
import { FakeStore, keyOf, LOG, makeOperation, TOPIC } from './fakes.contract.js'
import type { StreamName } from './session-types.js'
import { encodeHandshake, encodeSync } from './wire.js'

const operation = makeOperation(keyOf(1), 0)
const frames = fc.oneof(
  fc.constantFrom(
    encodeSync({ type: 'have', heights: new Map() }),
    encodeSync({ type: 'have', heights: new Map([[keyOf(1), new Map([[LOG, 1]])]]) }),
    encodeSync({ type: 'pre_sync', operations: 1, bytes: 1 }),
    encodeSync({ type: 'operation', operation }),
    encodeSync({ type: 'live', operation }),
    encodeSync({ type: 'done' }),
    encodeSync({ type: 'close' }),
    encodeHandshake({ type: 'topic', topic: TOPIC }),
    encodeHandshake({ type: 'done' }),
  ),
  fc.uint8Array({ maxLength: 12 }),
)
const chunk = fc.oneof(
  { weight: 5, arbitrary: frames.map(message => encodeFrame(message)) },
  fc.uint8Array({ maxLength: 9 }),
)

it('whatever comes, a session lives or ends with a coded error', () => {
  const act = fc.record({
    chunk,
    stream: fc.constantFrom<StreamName>('sync', 'sync', 'handshake'),
    cut: fc.nat(20),
    kind: fc.nat(24),
  })
  const opening = fc.constantFrom('nothing', 'handshake', 'live')
  fc.assert(
    fc.property(fc.boolean(), opening, fc.array(act, { maxLength: 25 }), (accepts, begin, acts) => {
      const store = new FakeStore()
      store.add(makeOperation(keyOf(3), 0))
      const drive = new Drive({ role: accepts ? 'acceptor' : 'initiator', store })
      if (begin === 'nothing') drive.feed({ type: 'start' })
      else drive.open()
      if (begin === 'live') drive.sync({ type: 'have', heights: new Map() }, { type: 'done' })
      for (const { chunk: bytes, stream, cut, kind } of acts) {
        store.deferred = cut % 2 === 0
        if (kind === 0) drive.feed({ type: 'end', stream })
        else if (kind === 1) drive.feed({ type: 'lost', stream })
        else if (kind === 2) drive.wait(40_000)
        else if (kind === 3) drive.feed({ type: 'close', wait: cut % 3 > 0 })
        else if (kind === 4) drive.feed({ type: 'stored' })
        else if (kind < 8) store.settle()
        else drive.data(stream, bytes.subarray(0, cut), bytes.subarray(cut))
      }
      const { error } = drive
      expect(error === undefined || error === null || error instanceof ThicketError).toBe(true)
      expect(drive.ended).toBe(error !== undefined)
      expect(drive.events.filter(({ type }) => type === 'ended').length).toBe(drive.ended ? 1 : 0)
      expect(drive.events.filter(({ type }) => type === 'sync-finished').length).toBeLessThanOrEqual(1)
    }),
    { numRuns: 400 },
  )
})

interface Pipe {
  bytes: Uint8Array
  readonly from: Drive
  readonly to: Drive
  readonly stream: StreamName
}

it('two sessions end with the union, each operation sent once', () => {
  const heights = fc.record({ left: fc.nat(8), right: fc.nat(8) })
  const world = fc.record({
    logs: fc.array(heights, { maxLength: 4 }),
    pageOperations: fc.integer({ min: 1, max: 5 }),
    writeBytes: fc.integer({ min: 1, max: 2000 }),
    batchOperations: fc.integer({ min: 1, max: 4 }),
    unprocessedOperations: fc.integer({ min: 1, max: 6 }),
    window: fc.integer({ min: 1, max: 3 }),
    published: fc.nat(6),
    choices: fc.array(fc.nat(1_000_000), { minLength: 50, maxLength: 400 }),
  })
  fc.assert(
    fc.property(world, ({ logs, window, published, choices, ...limits }) => {
      const stores = [new FakeStore(), new FakeStore()] as const
      for (const [index, { left, right }] of logs.entries()) {
        for (let seqNum = 0; seqNum < left; seqNum++) stores[0].add(makeOperation(keyOf(10 + index), seqNum))
        for (let seqNum = 0; seqNum < right; seqNum++) stores[1].add(makeOperation(keyOf(10 + index), seqNum))
      }
      const before = stores.map(store => store.ids())
      const drives = [
        new Drive({ role: 'initiator', store: stores[0], limits }),
        new Drive({ role: 'acceptor', store: stores[1], limits }),
      ] as const
      const pipes: Pipe[] = []
      for (const [index, drive] of drives.entries()) {
        const store = stores[index]!
        store.deferred = true
        store.window = window
        store.onStored = () => drive.feed({ type: 'stored' })
        drive.writable = false
        for (const stream of ['handshake', 'sync'] as const) {
          pipes.push({ bytes: new Uint8Array(0), from: drive, to: drives[1 - index]!, stream })
        }
        drive.onWrite = (stream, bytes) => {
          const pipe = pipes.find(candidate => candidate.from === drive && candidate.stream === stream)!
          pipe.bytes = concatBytes(pipe.bytes, bytes)
        }
      }
      for (const drive of drives) drive.feed({ type: 'start' })

      let left = published
      const seqNums = [0, 0]
      const publish = (choice: number) => {
        const index = choice % 2
        left--
        stores[index]!.publish(makeOperation(keyOf(50 + index), seqNums[index]!++))
      }
      const moves = (choice: number) => {
        const list: (() => void)[] = []
        for (const pipe of pipes) {
          if (pipe.bytes.length > 0 && !(pipe.stream === 'sync' && pipe.to.paused)) {
            list.push(() => {
              const size = 1 + ((choice % 997) % pipe.bytes.length)
              const bytes = pipe.bytes.subarray(0, size)
              pipe.bytes = pipe.bytes.subarray(size)
              pipe.to.data(pipe.stream, bytes)
            })
          }
        }
        for (const drive of drives) {
          const full = pipes.some(pipe => pipe.from === drive && pipe.bytes.length > 600)
          if (!full && !drive.session.writable) list.push(() => drive.feed({ type: 'writable' }))
          if (drive.store.waiting > 0) list.push(() => drive.store.settle())
        }
        if (left > 0) list.push(() => publish(choice))
        return list
      }
      for (let turn = 0; turn < 20_000; turn++) {
        const choice = choices[turn % choices.length]! + turn * 7
        const list = moves(choice)
        if (list.length === 0) break
        list[choice % list.length]!()
      }
      expect(drives.map(drive => [drive.session.phase, drive.outcome])).toEqual([
        ['live', undefined],
        ['live', undefined],
      ])
      const union = [...new Set([...before.flat(), ...stores[0].ids(), ...stores[1].ids()])].sort()
      expect(stores[0].ids()).toEqual(union)
      expect(stores[1].ids()).toEqual(union)
      for (const [index, { session }] of drives.entries()) {
        const other = drives[1 - index]!.session.metrics
        const sent = session.metrics.sentSyncOperations + session.metrics.sentLiveOperations
        const missing = union.length - before[1 - index]!.length - seqNums[1 - index]!
        expect(sent).toBe(missing)
        expect(other.receivedSyncOperations).toBe(session.metrics.sentSyncOperations)
        expect(other.receivedLiveOperations).toBe(session.metrics.sentLiveOperations)
        expect(session.metrics.outboundSyncOperations).toBe(session.metrics.sentSyncOperations)
      }
    }),
    { numRuns: 150 },
  )
})

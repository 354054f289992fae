/**
 * Goal: only what its author signed, for this topic and this place in the log, enters the store, and nothing is lost,
 * pruned or forwarded by anything else.
 * Method: hand-made operations against a real store; the named lines of spec/node.md 7.2 and 7.5, the defects of 8.1
 * that this pipeline must not have, and random orders of arrival.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { idBytes, type Operation } from '../core/index.js'
import { author, chain, OTHER_TOPIC, operation, pipelineFixture } from './fixtures.contract.js'

const alice = author(2)
const bob = author(3)

describe('ingest', () => {
  it('[7.5] takes 128 consecutive operations, and each of them once', () => {
    const { receive, seqNums } = pipelineFixture()
    const operations = chain(alice, 128)
    expect(receive(operations).every(({ outcome }) => outcome === 'stored')).toBe(true)
    expect(receive(operations).every(({ outcome }) => outcome === 'duplicate')).toBe(true)
    expect(seqNums(alice)).toEqual(operations.map((_, seqNum) => seqNum))
  })

  it('[7.5] keeps the order in which operations came', () => {
    const { receive, store, topic } = pipelineFixture()
    const [a, b] = [chain(alice, 3), chain(bob, 3)]
    receive([a[0]!, b[0]!, b[1]!, a[1]!, b[2]!, a[2]!])
    expect(store.operations.afterPlace(topic, 0, 10).map(row => row.id)).toEqual(
      [a[0], b[0], b[1], a[1], b[2], a[2]].map(item => item!.id),
    )
  })

  it('[7.2] a valid operation passes with its id; the same one under another author fails', () => {
    const { receive } = pipelineFixture()
    const good = operation(alice, { seqNum: 0 })
    const forged = new Uint8Array(good.header.bytes)
    forged.set(idBytes(bob.verifyingKey), 4)
    const [bad] = receive([{ header: { bytes: forged }, body: good.body }])
    expect(bad).toMatchObject({ outcome: 'refused', fatal: true, error: { code: 'invalid-signature' } })
    const [verdict] = receive([good])
    expect(verdict).toMatchObject({ outcome: 'stored', operation: { id: good.id } })
  })

  it('[7.5] an operation whose predecessors are missing is held, not stored, and after a pruned start an older one fails', () => {
    const { receive, store, seqNums } = pipelineFixture()
    const operations = chain(alice, 5, [3])
    expect(receive([operations[2]!])[0]).toMatchObject({ outcome: 'held' })
    expect(store.operations.count()).toBe(0)
    expect(receive([operations[3]!])[0]).toMatchObject({ outcome: 'stored' })
    expect(receive([operations[0]!])[0]).toMatchObject({
      outcome: 'refused',
      error: { code: 'seq-num-non-incremental' },
    })
    expect(seqNums(alice)).toEqual([3])
    expect(store.held.count(), 'what was held lies below the prune point').toBe(0)
  })

  it('a body that is not the one signed is refused and its peer blamed; a missing body is legal', () => {
    const { receive } = pipelineFixture()
    const [first, second] = chain(alice, 2)
    expect(receive([{ ...first!, body: new Uint8Array([1]) }])[0]).toMatchObject({
      fatal: true,
      error: { code: 'payload-mismatch' },
    })
    expect(receive([{ ...first!, body: new Uint8Array(0) }])[0]).toMatchObject({ error: { code: 'payload-mismatch' } })
    expect(receive([{ ...first!, body: null }, second!]).map(({ outcome }) => outcome)).toEqual(['stored', 'stored'])
  })

  it('garbage among good operations costs only itself', () => {
    const { receive, seqNums } = pipelineFixture()
    const operations = chain(alice, 2)
    const judged = receive([operations[0]!, { header: { bytes: new Uint8Array([0xff]) }, body: null }, operations[1]!])
    expect(judged.map(({ outcome }) => outcome)).toEqual(['stored', 'refused', 'stored'])
    expect(seqNums(alice)).toEqual([0, 1])
  })
})

describe('what p2panda leaves open (spec/node.md 8.1)', () => {
  it('1: a forged prune with a garbage signature deletes nothing', () => {
    const { receive, seqNums } = pipelineFixture()
    receive(chain(alice, 4))
    const prune = operation(alice, { seqNum: 1_000, backlink: operation(bob, { seqNum: 0 }).id, prune: true })
    const forged = new Uint8Array(prune.header.bytes)
    forged[50]! ^= 1
    expect(receive([{ header: { bytes: forged }, body: prune.body }])[0]).toMatchObject({
      error: { code: 'invalid-signature' },
    })
    expect(seqNums(alice)).toEqual([0, 1, 2, 3])
  })

  it('2: a genuine operation of another topic is refused here, also at sequence number 0 and with a prune flag', () => {
    const { receive, store } = pipelineFixture()
    const first = operation(alice, { seqNum: 0, topic: OTHER_TOPIC })
    const prune = operation(alice, { seqNum: 9, backlink: first.id, prune: true, topic: OTHER_TOPIC })
    for (const verdict of receive([first, prune])) {
      expect(verdict).toMatchObject({ outcome: 'refused', error: { code: 'log-id-mismatch' } })
    }
    expect(store.operations.count()).toBe(0)
  })

  it('3: a prune flag below the tip, at the tip, or with a wrong backlink right after it changes nothing', () => {
    const { receive, seqNums } = pipelineFixture()
    const operations = chain(alice, 5)
    receive(operations)
    const stranger = operation(bob, { seqNum: 0 }).id
    for (const seqNum of [2, 4, 5]) {
      const prune = operation(alice, { seqNum, backlink: stranger, prune: true, body: null })
      expect(receive([prune])[0], `at ${seqNum}`).toMatchObject({
        outcome: 'refused',
        error: { code: 'fork-detected' },
      })
    }
    expect(seqNums(alice)).toEqual([0, 1, 2, 3, 4])
  })

  it('13: pruning and the operation that prunes are one transaction', () => {
    const { receive, seqNums, committed } = pipelineFixture()
    const operations = chain(alice, 4, [3])
    receive(operations.slice(0, 3))
    receive([operations[3]!])
    expect(seqNums(alice)).toEqual([3])
    expect(committed.at(-1)!.changes).toMatchObject({ pruned: 3 })
  })

  it('14: nothing is told to anyone before it is stored, and a refused operation to nobody', () => {
    const { receive, committed, store } = pipelineFixture()
    const [first] = chain(alice, 1)
    receive([first!, operation(alice, { seqNum: 0, topic: OTHER_TOPIC })])
    const told = committed.flatMap(({ changes }) => changes.stored.map(ref => ref.operation.id))
    expect(told).toEqual([first!.id])
    expect(told.every(id => store.operations.has(id))).toBe(true)
  })

  it('17: the last sequence number ends a log instead of wrapping it', () => {
    const { receive, pipeline, topic, seqNums } = pipelineFixture()
    const own = author(1)
    const last = operation(own, { seqNum: 0xffff_ffff, backlink: operation(bob, { seqNum: 0 }).id, prune: true })
    expect(receive([last])[0]).toMatchObject({ outcome: 'stored' })
    expect(() => pipeline.publish(topic, { body: new Uint8Array([1]), prune: false })).toThrow(
      expect.objectContaining({ code: 'log-full' }),
    )
    expect(seqNums(own)).toEqual([0xffff_ffff])
  })
})

describe('forks', () => {
  it('two operations for one place: the first stays, both headers are evidence, and it is told once', () => {
    const { receive, store, committed, seqNums } = pipelineFixture()
    const [mine, theirs] = [chain(alice, 3), chain(alice, 3, [], ' of the other branch')]
    receive(mine)
    receive(theirs)
    receive(theirs)
    const forks = committed.flatMap(({ changes }) => changes.forks)
    expect(forks.map(fork => fork.seqNum)).toEqual([0, 1, 2])
    expect(forks[0]).toMatchObject({ known: mine[0]!.header.bytes, conflicting: theirs[0]!.header.bytes })
    expect(store.forks.count()).toBe(3)
    expect(seqNums(alice)).toEqual([0, 1, 2])
  })

  it('a backlink that names another branch is a fork at our tip', () => {
    const { receive, committed } = pipelineFixture()
    const [mine, theirs] = [chain(alice, 2), chain(alice, 3, [], ' of the other branch')]
    receive(mine)
    expect(receive([theirs[2]!])[0]).toMatchObject({ error: { code: 'fork-detected' } })
    expect(committed.at(-1)!.changes.forks).toMatchObject([
      { seqNum: 1, known: mine[1]!.header.bytes, conflicting: theirs[2]!.header.bytes },
    ])
  })

  it('a held branch that does not fit when the gap closes is dropped and told', () => {
    const { receive, committed, seqNums } = pipelineFixture()
    const [mine, theirs] = [chain(alice, 2), chain(alice, 3, [], ' of the other branch')]
    receive([theirs[2]!])
    receive(mine)
    expect(committed.at(-1)!.changes.dropped).toMatchObject([{ id: theirs[2]!.id, error: { code: 'fork-detected' } }])
    expect(seqNums(alice)).toEqual([0, 1])
  })
})

describe('early operations', () => {
  it('any order of arrival, with duplicates and in any batches, ends in the same log', () => {
    const operations = [...chain(alice, 8), ...chain(bob, 8)]
    const orders = fc.shuffledSubarray([...operations.keys(), ...operations.keys()], { minLength: 32, maxLength: 32 })
    fc.assert(
      fc.property(
        orders,
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 32, maxLength: 32 }),
        (order, sizes) => {
          const fixture = pipelineFixture()
          for (let at = 0, batch = 0; at < order.length; batch++) {
            const size = sizes[batch % sizes.length]!
            fixture.receive(order.slice(at, at + size).map(index => operations[index]!))
            at += size
          }
          const all = Array.from({ length: 8 }, (_, seqNum) => seqNum)
          expect(fixture.seqNums(alice)).toEqual(all)
          expect(fixture.seqNums(bob)).toEqual(all)
          expect(fixture.store.held.count()).toBe(0)
          expect(
            releasedInSequence(fixture.committed.flatMap(({ changes }) => changes.stored.map(ref => ref.operation))),
          ).toBe(true)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('what is held survives a restart and is released when the gap closes', () => {
    const folder = mkdtempSync(join(tmpdir(), 'thicket-'))
    try {
      const path = join(folder, 'node.db')
      const operations = chain(alice, 4)
      const first = pipelineFixture(undefined, path)
      first.receive(operations.slice(1))
      expect(first.store.held.count()).toBe(3)
      first.store.close()
      const second = pipelineFixture(undefined, path)
      second.receive([operations[0]!])
      expect(second.seqNums(alice)).toEqual([0, 1, 2, 3])
      second.store.close()
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('a full hold drops the farthest, and what was dropped comes again with the next sync', () => {
    const { receive, seqNums, store } = pipelineFixture({ held: { operationsPerLog: 2, bytesPerTopic: 1 << 20 } })
    const operations = chain(alice, 6)
    expect(receive(operations.slice(1)).map(({ outcome }) => outcome)).toEqual([
      'held',
      'held',
      'refused',
      'refused',
      'refused',
    ])
    receive([operations[0]!])
    expect(seqNums(alice)).toEqual([0, 1, 2])
    receive(operations.slice(3))
    expect(seqNums(alice)).toEqual([0, 1, 2, 3, 4, 5])
    expect(store.held.count()).toBe(0)
  })

  it('a gap that closes and a prune point across the next gap, in one batch, leave nothing held behind', () => {
    const { receive, seqNums, store } = pipelineFixture()
    const operations = chain(alice, 26, [20])
    receive([...operations.slice(1, 6), ...operations.slice(10, 16), ...operations.slice(21)])
    expect(store.held.count()).toBe(16)
    receive([operations[0]!, operations[20]!])
    expect(seqNums(alice)).toEqual([20, 21, 22, 23, 24, 25])
    expect(store.held.count()).toBe(0)
  })

  it('a thousand held operations are released in one go', () => {
    const { receive, seqNums } = pipelineFixture()
    const operations = chain(alice, 1_025)
    receive(operations.slice(1))
    receive([operations[0]!])
    expect(seqNums(alice)).toHaveLength(1_025)
  })
})

describe('publishing', () => {
  it('[7.2] two operations on a topic give log height 1', () => {
    const { pipeline, topic, store } = pipelineFixture()
    pipeline.publish(topic, { body: new Uint8Array([1]), prune: false })
    pipeline.publish(topic, { body: new Uint8Array([2]), prune: false })
    expect(store.logs.findLog(topic, author(1).verifyingKey)?.tip?.seqNum).toBe(1)
  })

  it('timestamps of a log grow though the clock stands or goes back', () => {
    const { pipeline, topic, clock } = pipelineFixture()
    const publish = () => pipeline.publish(topic, { body: null, prune: false }).operation.header.extensions.timestamp
    const first = publish()
    expect(publish()).toBe(first + 1n)
    clock.wall -= 5_000_000n
    expect(publish()).toBe(first + 2n)
  })

  it('an empty body is no body', () => {
    const { pipeline, topic } = pipelineFixture()
    const { operation: published } = pipeline.publish(topic, { body: new Uint8Array(0), prune: false })
    expect(published).toMatchObject({ body: null, header: { payloadSize: 0, payloadHash: null } })
  })

  it('prune removes what lies below and keeps itself', () => {
    const { pipeline, topic, seqNums } = pipelineFixture()
    for (let count = 0; count < 3; count++) pipeline.publish(topic, { body: new Uint8Array([count]), prune: false })
    pipeline.publish(topic, { body: new Uint8Array([9]), prune: true })
    expect(seqNums(author(1))).toEqual([3])
  })
})

/** Within each log the released sequence numbers only grow. */
function releasedInSequence(operations: readonly Operation[]): boolean {
  const last = new Map<string, number>()
  return operations.every(({ header }) => {
    const before = last.get(header.author) ?? -1
    last.set(header.author, header.seqNum)
    return header.seqNum === before + 1
  })
}

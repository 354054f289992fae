/**
 * Goal: each fault of the format does what it says, alone and overlapping, and what it cannot break stays whole.
 * Method: small scenarios with one fault each, judged by their reports and by what the world traced meanwhile.
 */

import { describe, expect, it } from 'vitest'
import { storedHeader } from '../../engine/pipeline/index.js'
import { complaints, type Parts, reportOn, type TracedEvent, testWorld } from './scenario.contract.js'

async function traceOf(parts: Parts): Promise<readonly TracedEvent[]> {
  const { world, traced } = await testWorld(parts)
  while (!world.run({ maxEvents: 10_000 }));
  world.discard()
  return traced
}

/** Operations by `author` that `node` processed between two moments, in milliseconds. */
function processedBetween(traced: readonly TracedEvent[], node: string, fromMs: number, toMs: number): number {
  return traced.filter(
    ({ type, node: by, tUs }) => type === 'processed' && by === node && tUs >= fromMs * 1_000 && tUs < toMs * 1_000,
  ).length
}

const ONE_WRITER = '[{ at: 1s, node: a, publish: { topic: chat, count: 20, every: 500ms } }]'
const TWO = { nodes: '[{ name: a }, { name: b }]', links: '[{ mesh: [a, b] }]', workload: ONE_WRITER } as const

describe('faults of the network', () => {
  it.each([
    ['a partition', 'partition: [[a], [b]], for: 4s'],
    ['a partition against the rest', 'partition: [[a], rest], for: 4s'],
    ['isolation', 'isolate: b, for: 4s'],
    ['a link that is down', 'link: [a, b], down-for: 4s'],
    ['a link that is down, written with for', 'link: [a, b], for: 4s'],
    ['a clogged link', 'clog: [a, b], for: 4s'],
    ['the way there alone taken away', 'one-way: [b, a], for: 4s'],
  ])('%s: nothing comes through meanwhile, everything afterwards', async (_, fault) => {
    const parts = { ...TWO, faults: `[{ at: 3s, ${fault} }]` }
    expect(complaints(await reportOn(parts))).toEqual([])
    const traced = await traceOf(parts)
    expect(processedBetween(traced, 'b', 0, 3_000)).toBeGreaterThan(2)
    expect(processedBetween(traced, 'b', 3_100, 7_000)).toBe(0)
    expect(processedBetween(traced, 'b', 7_000, 60_000)).toBeGreaterThan(10)
  })

  it('one way alone: what goes that way arrives, what goes back waits', async () => {
    const workload = '[{ at: 1s, node: [a, b], publish: { topic: chat, count: 20, every: 500ms } }]'
    const parts = { ...TWO, workload, faults: '[{ at: 3s, one-way: [a, b], for: 4s }]' }
    expect(complaints(await reportOn(parts))).toEqual([])
    const traced = await traceOf(parts)
    // Each processes its own 8 of these four seconds; b hears from a, too.
    expect(processedBetween(traced, 'a', 3_100, 7_000)).toBeLessThanOrEqual(8)
    expect(processedBetween(traced, 'b', 3_100, 7_000)).toBeGreaterThan(8)
  })

  it('overlapping partitions heal when the last one ends', async () => {
    const faults = '[{ at: 2s, partition: [[a], rest], for: 4s }, { at: 4s, partition: [[a, b], rest], for: 10s }]'
    const parts = { workload: ONE_WRITER, faults }
    expect(complaints(await reportOn(parts))).toEqual([])
    const traced = await traceOf(parts)
    expect(processedBetween(traced, 'b', 4_100, 6_000)).toBe(0)
    expect(processedBetween(traced, 'b', 6_000, 14_000)).toBeGreaterThan(0)
    expect(processedBetween(traced, 'c', 4_100, 14_000)).toBe(0)
    expect(processedBetween(traced, 'c', 14_000, 60_000)).toBeGreaterThan(10)
  })

  it('one that never ends keeps its nodes apart, and the report says who', async () => {
    const report = await reportOn({ ...TWO, faults: '[{ at: 3s, isolate: b }]' })
    expect(report.verdict).toBe('fail')
    expect(report.convergedAtMs).toBeNull()
    expect(complaints(report).join('\n')).toMatch(/converged: not by the end: .*\bb\b/)
  })
})

describe('faults of a node', () => {
  it('a pause: the node does nothing, and goes on as if nothing had been', async () => {
    const workload = '[{ at: 1s, node: [a, b], publish: { topic: chat, count: 20, every: 500ms } }]'
    const parts = { ...TWO, workload, faults: '[{ at: 3s, pause: b, for: 4s }, { at: 4s, pause: b, for: 1s }]' }
    const report = await reportOn(parts)
    expect(complaints(report)).toEqual([])
    expect(report.nodes.map(({ operations }) => operations)).toEqual([40, 40])
    const traced = await traceOf(parts)
    expect(processedBetween(traced, 'b', 3_001, 7_000)).toBe(0)
    expect(processedBetween(traced, 'a', 3_001, 7_000)).toBe(7)
    expect(processedBetween(traced, 'b', 7_000, 60_000)).toBeGreaterThan(15)
  })

  it('a pause with a crash inside it', async () => {
    const faults = '[{ at: 3s, pause: b, for: 6s }, { at: 4s, crash: b, restart-after: 1s }]'
    const report = await reportOn({ ...TWO, faults })
    expect(complaints(report)).toEqual([])
    expect(report.nodes[1]!.crashes).toBe(1)
  })

  it.each(['-1h', '1h', '-3ms'])('a clock that jumps by %s: timestamps of its author still grow', async jump => {
    const faults = `[{ at: 3s, clock: a, jump: ${jump} }, { at: 6s, crash: a, restart-after: 500ms }]`
    const { world } = await testWorld({ ...TWO, faults })
    while (!world.run({ maxEvents: 10_000 }));
    expect(world.disagreement()).toBeNull()
    const [a, b] = world.nodes
    const engine = b!.engine!
    const topic = world.topics.get('chat')!
    const log = engine.store.logs.findLog(engine.store.logs.findTopic(topic)!, a!.id)!
    const headers = [...engine.store.operations.range(log.log, null, log.tip!.seqNum, 100)]
    const times = headers.map(({ header, id }) => storedHeader(header, id).extensions.timestamp)
    expect(times).toHaveLength(world.ledger.size)
    for (const [index, time] of times.entries()) if (index > 0) expect(time > times[index - 1]!).toBe(true)
    // The jump outlives the crash: the clock of a board goes on.
    if (jump === '1h') expect(times.at(-1)! - times[0]! > 3_600_000_000n).toBe(true)
    world.discard()
  })

  it('a node that never comes back is not waited for', async () => {
    const report = await reportOn({ faults: '[{ at: 3500ms, crash: c }]' })
    expect(complaints(report)).toEqual([])
    const [a, , c] = report.nodes
    expect(c).toMatchObject({ crashes: 1, operations: 0, stateHash: '' })
    // What c wrote before it died reached the others.
    expect(a!.operations).toBeGreaterThan(16)
  })

  it('a crash of everybody at once', async () => {
    const report = await reportOn({ faults: '[{ at: 4500ms, crash: [a, b, c], restart-after: 2s }]' })
    expect(complaints(report)).toEqual([])
    expect(report.nodes.map(({ crashes }) => crashes)).toEqual([1, 1, 1])
  })
})

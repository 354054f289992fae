/**
 * Goal: every kind of work of the format happens as written, to those whom it concerns.
 * Method: small scenarios, judged by their reports and by the nodes' stores at the end.
 */

import { expect, it } from 'vitest'
import { complaints, type Parts, reportOn, testWorld } from './scenario.contract.js'

const PUBLISH = '{ at: 1s, node: a, publish: { topic: chat, count: 10, every: 1s } }'

async function finished(parts: Parts) {
  const { world } = await testWorld(parts)
  while (!world.run({ maxEvents: 10_000 }));
  return world
}

it('acknowledges explicitly, also across a crash', async () => {
  const report = await reportOn({
    workload: `[{ at: 0s, node: [b, c], ack: explicit }, ${PUBLISH}]`,
    faults: '[{ at: 5s, crash: b, restart-after: 2s }]',
  })
  expect(complaints(report)).toEqual([])
  expect(report.nodes.map(({ acked }) => acked)).toEqual([10, 10, 10])
})

it('goes back to automatic acknowledgement', async () => {
  const report = await reportOn({
    workload: `[{ at: 0s, node: b, ack: explicit }, { at: 5500ms, node: b, ack: automatic }, ${PUBLISH}]`,
  })
  expect(complaints(report)).toEqual([])
  expect(report.nodes[1]!.acked).toBe(10)
})

it('gives a named consumer everything from the start, which is no duplicate', async () => {
  const report = await reportOn({
    workload: `[${PUBLISH}, { at: 6500ms, node: b, consumer: audit, ack: explicit }]`,
    faults: '[{ at: 8500ms, crash: b, restart-after: 2s }]',
    expect: '[{ converged: { within: 30s } }, { delivered: 100% }, { duplicates: { max: 3 } }]',
  })
  expect(complaints(report)).toEqual([])
})

it('keeps topics with different subscribers apart', async () => {
  const world = await finished({
    nodes: '[{ name: a }, { name: b }, { name: c, subscribe: [chat, maps] }]',
    topics: '[chat, { name: maps, subscribers: [a] }, { name: nobody, subscribers: [b] }]',
    workload: `[${PUBLISH}, { at: 1s, node: a, publish: { topic: maps, count: 5, every: 1s } }]`,
  })
  expect(world.disagreement()).toBeNull()
  expect(world.nodes.map(node => [...node.topics].length)).toEqual([2, 2, 2])
  expect(world.nodes.map(node => node.engine!.store.operations.count())).toEqual([15, 10, 15])
  expect(world.nodes[1]!.checks.delivered.size).toBe(10)
  world.discard()
})

it('lets a node subscribe late, unsubscribe and subscribe again', async () => {
  const parts = {
    topics: '[{ name: chat, subscribers: [a, b] }]',
    workload: `[${PUBLISH}, { at: 3500ms, node: c, subscribe: chat }, { at: 6500ms, node: c, unsubscribe: chat }, { at: 9500ms, node: c, subscribe: chat }]`,
  }
  const report = await reportOn(parts)
  expect(complaints(report)).toEqual([])
  expect(report.nodes[2]).toMatchObject({ operations: 10, delivered: 10 })
})

it('asks nothing of a node that has unsubscribed', async () => {
  const report = await reportOn({ workload: `[${PUBLISH}, { at: 5500ms, node: c, unsubscribe: chat }]` })
  expect(complaints(report)).toEqual([])
  expect(report.nodes[2]!.delivered).toBe(5)
})

it('subscribes during a pause, and means it afterwards', async () => {
  const report = await reportOn({
    topics: '[{ name: chat, subscribers: [a, b] }]',
    workload: `[${PUBLISH}, { at: 4s, node: c, subscribe: chat }]`,
    faults: '[{ at: 3s, pause: c, for: 3s }]',
  })
  expect(complaints(report)).toEqual([])
  expect(report.nodes[2]!.delivered).toBe(10)
})

it('draws `any` anew for each publication, among those who are up', async () => {
  const any = '[{ at: 1s, node: any, publish: { topic: chat, count: 30, every: 500ms } }]'
  const world = await finished({ workload: any, faults: '[{ at: 0s, crash: c }]' })
  const authors = new Set([...world.ledger.entries()].map(({ author }) => author))
  expect(authors).toEqual(new Set([world.nodes[0]!.id, world.nodes[1]!.id]))
  expect(world.ledger.size).toBe(30)
  world.discard()
})

it('skips what `any` should publish while nobody is up, and counts it', async () => {
  const parts: Parts = {
    workload: '[{ at: 1s, node: any, publish: { topic: chat, count: 10, every: 1s } }]',
    faults: '[{ at: 3500ms, crash: [a, b, c], restart-after: 4s }]',
  }
  const world = await finished(parts)
  expect(world.ledger.size).toBe(6)
  expect(world.skippedPublications).toBe(4)
  world.discard()
  expect(complaints(await reportOn(parts))).toEqual([])
})

it('prunes while a peer is away: the peer ends with the same, and nothing is called lost', async () => {
  const report = await reportOn({
    workload: `[${PUBLISH}, { at: 6500ms, node: a, prune: { topic: chat } }]`,
    faults: '[{ at: 3500ms, isolate: c, for: 10s }]',
  })
  expect(complaints(report)).toEqual([])
  expect(new Set(report.nodes.map(({ operations }) => operations))).toEqual(new Set([5]))
})

it('prunes a log in which nothing stands yet', async () => {
  const report = await reportOn({ workload: `[{ at: 500ms, node: a, prune: { topic: chat } }, ${PUBLISH}]` })
  expect(complaints(report)).toEqual([])
})

it('says what nobody keeps to those who subscribe at that moment, across a line and a crash', async () => {
  const { world, traced } = await testWorld({
    nodes: '[{ name: a }, { name: b }, { name: c }, { name: d, subscribe: [maps] }]',
    topics: '[chat, maps]',
    links: '[{ between: [a, b] }, { between: [b, c] }, { between: [c, d] }]',
    workload: '[{ at: 10s, node: a, ephemeral: { topic: chat, count: 20, every: 1s, size: 3900 } }]',
    faults: '[{ at: 20500ms, crash: c, restart-after: 5s }]',
  })
  while (!world.run({ maxEvents: 10_000 }));
  const heard = (name: string) => traced.filter(({ type, node }) => type === 'ephemeral-received' && node === name)
  expect(world.ephemeral.published).toBe(20)
  expect(heard('b')).toHaveLength(20)
  // Down for five seconds and then, for some more, without a neighbour.
  expect(heard('c').length).toBeGreaterThanOrEqual(11)
  expect(heard('c').length).toBeLessThanOrEqual(15)
  expect(heard('d')).toEqual([])
  expect(traced.filter(({ type }) => type === 'ephemeral-refused')).toEqual([])
  expect(traced.at(-1)).toMatchObject({ type: 'ephemeral-totals', fields: world.ephemeral })
  expect(world.ephemeral.received).toBe(heard('b').length + heard('c').length)
  expect(world.nodes.map(node => node.engine!.store.operations.count())).toEqual([0, 0, 0, 0])
  world.discard()
})

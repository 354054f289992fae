/**
 * Goal: the plan has done by each node what the simulated world has done by it, in the same order and with the same
 * bytes. Method: whole worlds whose ledgers are compared with plans; and a look at single actions.
 */

import { describe, expect, it } from 'vitest'
import { bytesToHex, hash } from '../../engine/core/index.js'
import { parseScenario } from '../../scenarios/index.js'
import { drawnScenario } from '../world/index.js'
import { type Parts, scenarioText, testWorld } from '../world/scenario.contract.js'
import { type Action, planOf } from './plan.js'

const scenarioOf = (parts: Parts, seed: number) =>
  drawnScenario(parseScenario(scenarioText(parts), 'planned.yaml'), seed)
const actionsOf = (parts: Parts, seed = 1) => planOf(scenarioOf(parts, seed), seed).actions
const ofType = <Type extends Action['type']>(actions: readonly Action[], type: Type) =>
  actions.filter((action): action is Action & { readonly type: Type } => action.type === type)

const BUSY: Parts = {
  nodes: '[{ name: a }, { name: b }, { name: v, count: 4 }]',
  topics: '[chat, { name: news, subscribers: [a, v] }]',
  links: '[{ mesh: [a, b, v] }]',
  workload: `
  - { at: 1s, node: [a, v], publish: { topic: chat, count: 6, every: 700ms, size: { from: 1, to: 90 } } }
  - { at: 0, node: any, publish: { topic: news, count: 40, every: 130ms } }
  - { at: 2s, node: any, prune: { topic: news } }
  - { at: 2500ms, node: b, subscribe: news }
  - { at: 3s, node: v1, unsubscribe: news }
  - { at: 1s, node: any, ephemeral: { topic: chat, count: 9, every: 300ms } }`,
  faults: `
  - { at: 1200ms, crash: [v1, v2], restart-after: 1s }
  - { at: 1500ms, crash: v1, restart-after: 3s }
  - { at: 2s, for: 2s, churn: { rate: 2/s, down-for: 400ms, nodes: v } }
  - { at: 3s, crash: b }
  - { at: 2s, pause: a, for: 200ms }
  - { at: 2s, for: 1s, partition: [[a, v1], rest] }`,
  duration: '20s',
  expect: '[]',
}

describe('a plan', () => {
  it.each([1, 2])('publishes what the simulated world publishes, seed %i', async seed => {
    const { world } = await testWorld(BUSY, seed)
    while (!world.run());
    const published = [...world.ledger.entries()].map(entry => ({
      atMs: entry.atUs / 1_000,
      author: world.nodes.find(({ id }) => id === entry.author)!.name,
      topic: entry.topic,
      body: entry.bodyHash,
      prune: entry.prune,
    }))
    const skipped = world.skippedPublications
    const said = world.ephemeral.published
    world.discard()
    const scenario = scenarioOf(BUSY, seed)
    const plan = planOf(scenario, seed)
    const planned = ofType(plan.actions, 'publish').map(({ atMs, node, topic, body, prune }) => ({
      atMs,
      author: scenario.nodes[node]!.name,
      topic,
      body: body && bytesToHex(hash(body)),
      prune,
    }))
    // What a paused node is asked to do it does later; the order of the ledger is that of doing.
    const inOrder = (entries: typeof planned) =>
      entries.map(({ author, topic, body, prune }) => `${author} ${topic} ${body} ${prune}`).sort()
    expect(inOrder(planned)).toEqual(inOrder(published))
    for (const name of ['b', 'v1', 'v2', 'v3', 'v4']) {
      const of = (entries: typeof planned) => entries.filter(({ author }) => author === name)
      expect(of(planned)).toEqual(of(published))
    }
    expect([plan.skipped, ofType(plan.actions, 'say').length]).toEqual([skipped, said])
    expect(plan.calmMs * 1_000).toBe(world.calmUs)
    expect(plan.settledMs * 1_000).toBe(world.settledUs)
  })

  it('is the same for a seed, and another for another', () => {
    expect(actionsOf(BUSY, 3)).toEqual(actionsOf(BUSY, 3))
    expect(actionsOf(BUSY, 3)).not.toEqual(actionsOf(BUSY, 4))
  })

  it('goes forward in time, and boots everybody first', () => {
    const actions = actionsOf(BUSY)
    expect(actions.slice(0, 6).map(({ type, node }) => `${type} ${node}`)).toEqual(
      [0, 1, 2, 3, 4, 5].map(node => `boot ${node}`),
    )
    for (const [index, { atMs }] of actions.entries())
      expect(atMs).toBeGreaterThanOrEqual(actions[index - 1]?.atMs ?? 0)
  })

  it('kills who is up and boots who is down, by turns', () => {
    for (let node = 0; node < 6; node++) {
      const lives = actionsOf(BUSY).filter(action => action.node === node && /^(kill|boot)$/.test(action.type))
      for (const [index, { type }] of lives.entries()) expect(type).toBe(index % 2 === 0 ? 'boot' : 'kill')
    }
  })

  it('leaves out what lies beyond the end', () => {
    const actions = actionsOf({
      duration: '5s',
      faults: '[{ at: 4s, crash: b, restart-after: 30s }]',
      expect: '[]',
      workload: '[]',
    })
    expect(actions.filter(({ node }) => node === 1).map(({ type }) => type)).toEqual(['boot', 'kill'])
  })
})

describe('who is cut off from whom', () => {
  const refusals = (faults: string, nodes = '[{ name: a }, { name: b }, { name: c }]') =>
    ofType(actionsOf({ faults, nodes, workload: '[]' }), 'refuse').map(
      ({ atMs, node, peers }) => `${atMs} ${'abcd'[node]}: ${peers.map(peer => 'abcd'[peer]).join('')}`,
    )

  it('is told to each whom a partition or its end changes anything for', () => {
    expect(refusals('[{ at: 1s, partition: [[a], rest], for: 1s }]')).toEqual([
      ...['1000 a: bc', '1000 b: a', '1000 c: a'],
      ...['2000 a: ', '2000 b: ', '2000 c: '],
    ])
  })

  it('holds while the last of several faults does', () => {
    const faults = '[{ at: 1s, partition: [[a], rest], for: 3s }, { at: 2s, isolate: b, for: 1s }]'
    expect(refusals(faults)).toEqual([
      ...['1000 a: bc', '1000 b: a', '1000 c: a'],
      ...['2000 b: ac', '2000 c: ab'],
      ...['3000 b: a', '3000 c: a'],
      ...['4000 a: ', '4000 b: ', '4000 c: '],
    ])
  })

  it('is both ends of a link that breaks, is clogged or goes one way alone', () => {
    for (const fault of ['link: [a, b], down-for: 1s', 'clog: [a, b], for: 1s', 'one-way: [a, b], for: 1s']) {
      expect(refusals(`[{ at: 1s, ${fault} }]`)).toEqual(['1000 a: b', '1000 b: a', '2000 a: ', '2000 b: '])
    }
  })
})

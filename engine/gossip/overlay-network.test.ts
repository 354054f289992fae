/**
 * Goal: hundreds of nodes that know one of them become one overlay of a handful of neighbours each, which survives
 * deaths and partitions, carries what is said along a tree, and is quiet when nothing happens.
 * Method: machines alone in virtual time, seeds fixed; the figures that matter are bounded here and printed on demand
 * (`OVERLAY_FIGURES=1`).
 */

import { beforeAll, describe, expect, it } from 'vitest'
import { OverlayWorld, type WorldNode } from './overlay-world.contract.js'

const MINUTE_MS = 60_000

function figure(what: string, values: object): void {
  if (process.env.OVERLAY_FIGURES) console.info(what, JSON.stringify(values))
}

function each(world: OverlayWorld, knows: (at: number) => readonly number[]): void {
  for (const { at } of world.alive) world.tell(at, knows(at))
}

/** What one message costs, over all nodes. */
function costOf(world: OverlayWorld, say: () => void, withinMs = 3_000) {
  const before = [world.sum('payload', 'messages'), world.sum('control', 'messages')] as const
  say()
  world.advance(withinMs)
  const others = world.alive.length - 1
  return {
    payloadsPerNode: (world.sum('payload', 'messages') - before[0]) / others,
    controlsPerNode: (world.sum('control', 'messages') - before[1]) / others,
  }
}

describe.each([
  { nodes: 200, seed: 1 },
  { nodes: 1_000, seed: 3 },
])('$nodes nodes, seed $seed', ({ nodes, seed }) => {
  const world = new OverlayWorld({ nodes, seed })
  /** Whom discovery has told each node of. */
  const known = world.nodes.map(() => Array.from({ length: 60 }, () => Math.floor(world.chance() * nodes)))
  const half = (node: WorldNode) => node.at % 2

  beforeAll(() => {
    world.joinThrough(0, nodes * 30)
    world.advance(nodes * 30)
  })

  it('become one overlay through one of them, with a handful of neighbours each', () => {
    const tookMs = world.until(() => world.components().length === 1, MINUTE_MS)
    world.advance(MINUTE_MS)
    const degrees = world.degrees()
    figure('joined', { nodes, tookMs, ...degrees, lopsided: world.lopsided() })
    expect(tookMs).not.toBeNull()
    expect(world.components()).toEqual([nodes])
    expect(degrees.max).toBeLessThanOrEqual(5)
    expect(degrees.min).toBeGreaterThanOrEqual(2)
    expect(degrees.mean).toBeGreaterThan(4.5)
  })

  it('are quiet: hardly a change of neighbours, and some bytes', () => {
    world.advance(5 * MINUTE_MS)
    const before = { bytes: world.sum('membership', 'bytes'), changes: world.neighbourChanges }
    world.advance(5 * MINUTE_MS)
    const bytesPerNodeMinute = (world.sum('membership', 'bytes') - before.bytes) / nodes / 5
    const changesPerNodeMinute = (world.neighbourChanges - before.changes) / nodes / 5
    figure('quiet', { nodes, bytesPerNodeMinute, changesPerNodeMinute, lopsided: world.lopsided() })
    expect(bytesPerNodeMinute).toBeLessThan(4_000)
    expect(changesPerNodeMinute).toBeLessThan(0.1)
    expect(world.lopsided()).toBe(0)
  })

  it('hear what one says, each once, and after some messages hardly any comes twice', () => {
    const costs = Array.from({ length: 10 }, (_, n) => {
      const cost = costOf(world, () => world.say(7, `settled ${n}`))
      expect(world.heard(`settled ${n}`)).toEqual({ nodes: nodes - 1, most: 1 })
      return cost
    })
    const last = costs.slice(5)
    const payloadsPerNode = last.reduce((sum, cost) => sum + cost.payloadsPerNode, 0) / last.length
    const controlsPerNode = last.reduce((sum, cost) => sum + cost.controlsPerNode, 0) / last.length
    figure('broadcast', { nodes, first: costs[0]!.payloadsPerNode, payloadsPerNode, controlsPerNode })
    expect(costs[0]!.payloadsPerNode).toBeGreaterThan(3)
    expect(payloadsPerNode).toBeLessThan(1.3)
  })

  it('hear it also when links of the tree lose it without a word', () => {
    let isLosing = true
    let lost = 0
    const dead = new Set<string>()
    world.loses = (from, to, message) => {
      if (!isLosing || message.type !== 'payload' || to.at % 4 !== 0) return false
      // Each fourth node loses what its parent in the tree sends first; the link is broken for payloads from then on.
      if (dead.size < nodes / 4 && ![...dead].some(link => link.endsWith(`>${to.at}`))) dead.add(`${from.at}>${to.at}`)
      if (!dead.has(`${from.at}>${to.at}`)) return false
      lost++
      return true
    }
    const cost = costOf(world, () => world.say(7, 'over broken links'), 5_000)
    isLosing = false
    figure('repaired', { nodes, lost, ...cost })
    expect(lost).toBeGreaterThan(nodes / 8)
    expect(world.heard('over broken links')).toEqual({ nodes: nodes - 1, most: 1 })
  })

  it('become one again after a partition, once discovery tells of the others', () => {
    each(world, at => known[at]!)
    world.advance(MINUTE_MS)
    world.partition(half)
    world.advance(4 * MINUTE_MS)
    expect(world.components()).toEqual([nodes / 2, nodes / 2])
    each(world, at => known[at]!.filter(other => other % 2 === at % 2))
    world.partition(() => 0)
    world.advance(1_000)
    const before = world.neighbourChanges
    each(world, at => known[at]!)
    const tookMs = world.until(() => world.components().length === 1, 5 * MINUTE_MS)
    world.advance(2 * MINUTE_MS)
    const changesPerNode = (world.neighbourChanges - before) / nodes
    figure('partition healed', { nodes, tookMs, changesPerNode, ...world.degrees() })
    expect(tookMs).not.toBeNull()
    expect(world.components()).toEqual([nodes])
    expect(changesPerNode).toBeLessThan(20)
    costOf(world, () => world.say(0, 'across'), 5_000)
    expect(world.heard('across')).toEqual({ nodes: nodes - 1, most: 1 })
  })

  it('stay one when three of ten die at once', () => {
    const doomed = world.nodes.filter(({ at }) => at > 0 && world.chance() < 0.3)
    for (const { at } of doomed) world.kill(at)
    const torn = world.components()
    const tookMs = world.until(() => world.components().length === 1 && world.degrees().min >= 3, 5 * MINUTE_MS)
    world.advance(MINUTE_MS)
    figure('deaths healed', { nodes, died: doomed.length, torn: torn.slice(0, 5), tookMs, ...world.degrees() })
    expect(tookMs).not.toBeNull()
    expect(world.components()).toEqual([world.alive.length])
    costOf(world, () => world.say(0, 'survivors'), 5_000)
    expect(world.heard('survivors')).toEqual({ nodes: world.alive.length - 1, most: 1 })
  })
})

describe('small overlays', () => {
  it.each([2, 3, 6])('%i nodes are neighbours all, and no message is wasted when nothing happens', nodes => {
    const world = new OverlayWorld({ nodes, seed: nodes })
    const all = world.nodes.map(({ at }) => at)
    each(world, () => all)
    world.advance(2 * MINUTE_MS)
    expect(world.degrees()).toEqual({ mean: nodes - 1, min: nodes - 1, max: nodes - 1 })
    const [changes, messages] = [world.neighbourChanges, world.sum('membership', 'messages')]
    world.advance(10 * MINUTE_MS)
    expect(world.neighbourChanges).toBe(changes)
    expect((world.sum('membership', 'messages') - messages) / nodes / 10).toBeLessThan(12)
  })

  it('two parts that never knew of each other become one when candidates tell, and not before', () => {
    const world = new OverlayWorld({ nodes: 100, seed: 8 })
    const all = world.nodes.map(({ at }) => at)
    each(world, at => all.filter(other => other % 2 === at % 2))
    world.advance(30 * MINUTE_MS)
    expect(world.components()).toEqual([50, 50])
    const before = world.neighbourChanges
    each(world, () => all)
    const tookMs = world.until(() => world.components().length === 1, MINUTE_MS)
    world.advance(5 * MINUTE_MS)
    figure('strangers united', { tookMs, changesPerNode: (world.neighbourChanges - before) / 100 })
    expect(tookMs).not.toBeNull()
    expect(world.components()).toEqual([100])
  })

  it('two parts that never hear of a change find each other all the same', () => {
    const world = new OverlayWorld({ nodes: 16, seed: 5 })
    const all = world.nodes.map(({ at }) => at)
    world.partition(({ at }) => at % 2)
    each(world, () => all)
    world.advance(5 * MINUTE_MS)
    expect(world.components()).toEqual([8, 8])
    world.partition(() => 0)
    const tookMs = world.until(() => world.components().length === 1, 60 * MINUTE_MS)
    figure('found by chance', { tookMs })
    expect(tookMs).not.toBeNull()
  })

  it('one that loses every second message all at once still comes together', () => {
    const world = new OverlayWorld({ nodes: 30, seed: 6 })
    world.loses = () => world.chance() < 0.5
    each(world, () => [0, 1, 2])
    world.advance(10 * MINUTE_MS)
    world.loses = () => false
    world.advance(5 * MINUTE_MS)
    expect(world.components()).toEqual([30])
  })
})

it('repeats to the byte with the same seed', () => {
  const figures = [1, 1, 2].map(seed => {
    const world = new OverlayWorld({ nodes: 50, seed })
    world.joinThrough(0, 1_000)
    world.advance(MINUTE_MS)
    world.say(3, 'x')
    world.advance(1_000)
    return [world.sum('membership', 'bytes'), world.sum('payload', 'bytes'), world.neighbourChanges].join()
  })
  expect(figures[0]).toBe(figures[1])
  expect(figures[0]).not.toBe(figures[2])
})

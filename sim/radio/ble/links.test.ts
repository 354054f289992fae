/**
 * Goal: nodes with BLE radios find those who are near, hold links while something gets through, and lose them in time;
 * nobody is left out of a crowd; what stands still costs nothing.
 * Method: a few nodes that stand, walk, are moved, blocked or switched off, and a list of what the links did and when.
 */

import { describe, expect, it } from 'vitest'
import { createKernel, type Kernel, WORLD } from '../../kernel/index.js'
import type { AirNode, Place, Waypoint } from '../air.js'
import { EDGE_SPEC } from './edge-spec.contract.js'
import { CONNECTION_INTERVAL_MS, LEAST_STAND_MS, MAX_CONNECTIONS, SETUP_EVENTS } from './limits.js'
import { type BleLinks, type BleLinksOptions, createBleLinks } from './links.js'
import type { BleSpec } from './spec.js'

const SPEC = EDGE_SPEC
/** Where half of all full packets break, -96.9 dBm, and where nothing gets through, -103.1 dBm. */
const CONNECT_M = 189
const SILENCE_M = 334
const SETUP_MS = SETUP_EVENTS * CONNECTION_INTERVAL_MS

class Bench {
  readonly kernel: Kernel
  readonly links: BleLinks
  readonly log: { readonly atMs: number; readonly what: string; readonly pair: string }[] = []
  readonly nodes: readonly AirNode[]

  constructor(
    places: readonly (Place & { readonly move?: readonly Waypoint[] })[],
    spec: Partial<BleSpec> = {},
    options: Partial<BleLinksOptions> & { readonly seed?: number; readonly areOn?: boolean } = {},
  ) {
    this.kernel = createKernel({ seed: options.seed ?? 4 })
    const say = (what: string) => (a: number, b: number) => {
      this.log.push({ atMs: this.kernel.nowUs / 1_000, what, pair: `${a}-${b}` })
    }
    this.nodes = places.map(({ xM, yM, move }, node) => ({
      node,
      name: `n${node}`,
      at: { xM, yM },
      move: move ?? [],
      antenna: { gainDb: 0, heightM: 1 },
    }))
    this.links = createBleLinks({
      kernel: this.kernel,
      spec: { ...SPEC, ...spec },
      nodes: this.nodes,
      handlers: {
        linked: say('linked'),
        faded: say('faded'),
        recovered: say('recovered'),
        lost: say('lost'),
      },
      ...options,
    })
    if (options.areOn ?? true) for (const { node } of this.nodes) this.links.setPresence(node, 'on')
  }

  pass(ms: number): void {
    this.kernel.schedule(ms * 1_000, 'test', WORLD, () => {})
    this.kernel.run({ untilUs: this.kernel.nowUs + ms * 1_000 })
  }

  /** What happened since the last look, without the moments. */
  whats(): string[] {
    return this.log.splice(0).map(({ what, pair }) => `${what} ${pair}`)
  }

  degree(node: number): number {
    return this.nodes.filter(other => other.node !== node && this.links.isLinked(node, other.node)).length
  }
}

const at = (xM: number, yM = 0): Place => ({ xM, yM })

/** Nodes in a small circle: all in range of each other. */
function crowd(count: number): Place[] {
  return Array.from({ length: count }, (_, index) => {
    const angle = (2 * Math.PI * index) / count
    return at(10 * Math.cos(angle), 10 * Math.sin(angle))
  })
}

describe('BLE links', () => {
  it('come about between those in range, and no others', () => {
    const bench = new Bench([at(0), at(CONNECT_M - 5), at(2 * CONNECT_M + 5)])
    bench.pass(60_000)
    expect(bench.whats()).toEqual(['linked 0-1'])
    expect([bench.links.isLinked(0, 1), bench.links.isLinked(1, 2)]).toEqual([true, false])
    expect(bench.links.frameErrorRate(0, 1, 251)).toBeLessThan(0.5)
    expect(bench.links.frameErrorRate(1, 2, 251)).toBe(1)
  })

  it('take intervals and windows to come about, and the setup', () => {
    const delays: number[] = []
    for (let seed = 0; seed < 200; seed++) {
      const bench = new Bench([at(0), at(10)], {}, { seed })
      bench.pass(10_000)
      delays.push(bench.log[0]!.atMs - SETUP_MS)
    }
    delays.sort((x, y) => x - y)
    // At the best an advert is heard at once and the next one is answered.
    expect(delays[0]).toBeGreaterThan(100)
    // Either side's adverts fall into a window three times in ten, and drift by 5 ms an event where they do not.
    expect(delays[100]).toBeGreaterThan(150)
    expect(delays[100]).toBeLessThan(600)
    expect(delays[199]).toBeLessThan(3_000)
    const wide = new Bench([at(0), at(10)], { windowMs: 100 })
    wide.pass(10_000)
    expect(wide.log[0]!.atMs - SETUP_MS).toBeLessThan(350)
  })

  it('cost nothing once they stand', () => {
    const bench = new Bench([at(0), at(10), at(20)])
    bench.pass(60_000)
    expect(bench.kernel.scheduled).toBe(0)
    expect(bench.links.account()).toMatchObject({ connections: 3, frames: 0, airtimeUs: 0, maxDutyCycle: 0 })
    // Three advertisers for a minute at 3 · 376 us in 105 ms, and three links with 160 us in 30 ms for nearly as long.
    const idleUs = bench.links.account().idleAirtimeUs
    const expectedUs = 180_000_000 * ((3 * 376) / 105_000 + 160 / 30_000)
    expect(idleUs / expectedUs).toBeGreaterThan(0.98)
    expect(idleUs).toBeLessThanOrEqual(expectedUs)
  })

  it('begin and end where nodes pass each other', () => {
    const walk: Waypoint[] = [{ atMs: 0, to: at(1_000), speedMps: 2 }]
    const bench = new Bench([at(0), { ...at(-1_000), move: walk }])
    bench.pass(1_100_000)
    const moments = bench.log.map(({ atMs }) => atMs)
    expect(bench.whats()).toEqual(['linked 0-1', 'faded 0-1', 'lost 0-1'])
    const inRangeMs = ((1_000 - CONNECT_M) / 2) * 1_000
    expect(moments[0]).toBeGreaterThan(inRangeMs - 1_000)
    expect(moments[0]).toBeLessThan(inRangeMs + 5_000)
    expect(Math.abs(moments[1]! - ((1_000 + SILENCE_M) / 2) * 1_000)).toBeLessThan(1_000)
    expect(moments[2]).toBe(moments[1]! + 4_000)
    expect(bench.kernel.scheduled).toBe(0)
    // A walk of 17 minutes: looked at once a minute, and at its crossings.
    expect(bench.kernel.events).toBeLessThan(60)
  })

  it('survive a silence that is shorter than the supervision timeout', () => {
    const bench = new Bench([at(0), at(10)])
    bench.pass(10_000)
    bench.links.place(1, at(5_000))
    bench.pass(3_900)
    bench.links.place(1, at(20))
    bench.pass(10_000)
    expect(bench.whats()).toEqual(['linked 0-1', 'faded 0-1', 'recovered 0-1'])
    bench.links.place(1, at(5_000))
    bench.pass(4_001)
    bench.links.place(1, at(20))
    bench.pass(10_000)
    expect(bench.whats()).toEqual(['faded 0-1', 'lost 0-1', 'linked 0-1'])
  })

  it('are blocked in both directions by a block in one', () => {
    const bench = new Bench([at(0), at(10)])
    bench.pass(10_000)
    const end = bench.links.block((from, to) => from === 1 && to === 0)
    bench.pass(60_000)
    end()
    end()
    bench.pass(10_000)
    expect(bench.whats()).toEqual(['linked 0-1', 'faded 0-1', 'lost 0-1', 'linked 0-1'])
  })

  it('end at once when both know, and after the timeout when only one does', () => {
    const bench = new Bench([at(0), at(10)])
    bench.pass(10_000)
    bench.links.hangUp(1, 0)
    expect(bench.whats()).toEqual(['linked 0-1', 'lost 0-1'])
    bench.pass(10_000)
    expect(bench.whats()).toEqual(['linked 0-1'])
    bench.links.setPresence(0, 'off')
    bench.pass(100)
    // Its next boot knows nothing of the link, whose place the other one still holds.
    bench.links.setPresence(0, 'on')
    bench.pass(3_899)
    expect(bench.whats()).toEqual(['faded 0-1'])
    bench.pass(10_000)
    expect(bench.whats()).toEqual(['lost 0-1', 'linked 0-1'])
  })

  it('let what was said last go out when a process ends in order', () => {
    const bench = new Bench([at(0), at(10)])
    bench.pass(10_000)
    bench.whats()
    bench.links.setPresence(1, 'leaving')
    bench.pass(3_999)
    expect(bench.whats()).toEqual([])
    bench.links.setPresence(1, 'off')
    bench.pass(60_000)
    expect(bench.whats()).toEqual(['lost 0-1'])
    expect(bench.kernel.scheduled).toBe(0)
  })

  describe('in a crowd', () => {
    it('are no more than a node has places', () => {
      const bench = new Bench(crowd(MAX_CONNECTIONS + 1))
      bench.pass(20_000)
      for (const { node } of bench.nodes) expect(bench.degree(node)).toBe(MAX_CONNECTIONS)
      expect(bench.kernel.scheduled).toBe(0)
      const larger = new Bench(crowd(20))
      for (let n = 0; n < 60; n++) {
        larger.pass(10_000)
        for (const { node } of larger.nodes) {
          expect(larger.degree(node)).toBeLessThanOrEqual(MAX_CONNECTIONS)
          expect(larger.degree(node)).toBeGreaterThan(0)
        }
      }
    })

    it('make room for a newcomer soon when they have stood for a while', () => {
      const places = [...crowd(MAX_CONNECTIONS + 1), at(5_000)]
      const bench = new Bench(places)
      bench.pass(LEAST_STAND_MS + 20_000)
      bench.whats()
      const newcomer = places.length - 1
      bench.links.place(newcomer, at(0))
      bench.pass(10_000)
      expect(bench.degree(newcomer)).toBeGreaterThan(0)
    })

    it('make room within their least stand even when they are new', () => {
      const places = [...crowd(MAX_CONNECTIONS + 1), at(5_000)]
      const bench = new Bench(places)
      bench.pass(10_000)
      const newcomer = places.length - 1
      bench.links.place(newcomer, at(0))
      bench.pass(LEAST_STAND_MS)
      expect(bench.degree(newcomer)).toBeGreaterThan(0)
    })

    it('change slowly: a node lets one go for another at most once in a while', () => {
      const bench = new Bench(crowd(10))
      bench.pass(60_000)
      bench.whats()
      const minutes = 20
      bench.pass(minutes * 60_000)
      const lost = bench.whats().filter(what => what.startsWith('lost')).length
      expect(lost).toBeLessThanOrEqual(((minutes * 60_000) / LEAST_STAND_MS + 1) * 10)
      expect(lost).toBeGreaterThan(0)
    })

    it('bring everybody together with everybody in the long run', () => {
      const bench = new Bench(crowd(12))
      bench.pass(60 * 60_000)
      const pairs = new Set(bench.log.filter(({ what }) => what === 'linked').map(({ pair }) => pair))
      expect(pairs.size).toBe((12 * 11) / 2)
    })
  })

  it('repeat bit for bit, and a node far away shifts nothing', () => {
    const run = (places: readonly Place[], seed: number): string => {
      const bench = new Bench(places, { propagation: { ...SPEC.propagation, sigmaDb: 4 } }, { seed })
      bench.pass(300_000)
      return JSON.stringify(bench.log)
    }
    const places = [...crowd(9), at(150), at(300)]
    expect(run(places, 1)).toBe(run(places, 1))
    expect(run(places, 2)).not.toBe(run(places, 1))
    expect(run([...places, at(50_000)], 1)).toBe(run(places, 1))
  })

  it('depend on shadowing that is the same in both directions and whatever the order of nodes', () => {
    const spec = { propagation: { ...SPEC.propagation, sigmaDb: 6 } }
    const bench = new Bench([at(0), at(150), at(0, 150)], spec)
    const rate = (from: number, to: number): number => bench.links.frameErrorRate(from, to, 251)
    expect([rate(1, 0), rate(2, 0), rate(2, 1)]).toEqual([rate(0, 1), rate(0, 2), rate(1, 2)])
    const linked = new Set<boolean>()
    for (let seed = 0; seed < 20; seed++) {
      const other = new Bench([at(0), at(CONNECT_M)], spec, { seed })
      other.pass(20_000)
      linked.add(other.links.isLinked(0, 1))
    }
    expect(linked.size).toBe(2)
  })
})

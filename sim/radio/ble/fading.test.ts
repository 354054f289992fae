/**
 * Goal: where a BLE radio fades, links at the edge come and go though nobody walks, adverts at the edge are heard now and
 * then, both as often as the error curve says over a normal distribution; where nothing fades or fading changes nothing,
 * nothing costs anything.
 * Method: two nodes at a chosen distance for hours; integrals of the error curve as expectation; then whole scenarios.
 */

import { describe, expect, it } from 'vitest'
import { sharedCrypto } from '../../../engine/adapters/index.js'
import { parseScenario } from '../../../scenarios/index.js'
import { createKernel, type Kernel, WORLD } from '../../kernel/index.js'
import { type Report, runScenario } from '../../world/index.js'
import type { AirNode, Waypoint } from '../air.js'
import type { FadingLaw } from '../fading.js'
import { advertForm, advertTimes } from './advert.js'
import { createBleAdvertising } from './advertising.js'
import type { ConnectionPace } from './connection-events.js'
import { EDGE_SPEC } from './edge-spec.contract.js'
import { packetErrorRate } from './error-rate.js'
import { SUPERVISION_TIMEOUT_MS } from './limits.js'
import { type BleLinks, createBleLinks } from './links.js'
import type { BleSpec } from './spec.js'

const SPEC: BleSpec = {
  ...EDGE_SPEC,
  windowMs: 100,
}

/** Where a signal arrives with so many dBm on average. */
function distanceOf(rssiDbm: number): number {
  return 10 ** ((-rssiDbm - 40) / 25)
}

function nodesAt(places: readonly number[], moves: readonly (readonly Waypoint[])[] = []): AirNode[] {
  return places.map((xM, node) => ({
    node,
    name: `n${node}`,
    at: { xM, yM: 0 },
    move: moves[node] ?? [],
    antenna: { gainDb: 0, heightM: 1 },
  }))
}

function pass(kernel: Kernel, ms: number): void {
  kernel.schedule(ms * 1_000, 'test', WORLD, () => {})
  kernel.run({ untilUs: kernel.nowUs + ms * 1_000 })
}

/** The mean of something over the normal distribution of the strength, cut off at three deviations as the process is. */
function overFading(meanDbm: number, sigmaDb: number, of: (rssiDbm: number) => number): number {
  let sum = 0
  let weights = 0
  for (let z = -6; z <= 6; z += 1 / 128) {
    const weight = Math.exp((-z * z) / 2)
    sum += weight * of(meanDbm + sigmaDb * Math.max(-3, Math.min(3, z)))
    weights += weight
  }
  return sum / weights
}

const LENGTH = 20
const EXTENDED = advertTimes(advertForm('extended', SPEC), LENGTH)

/** Of an advert that falls into the window. */
function readable(rssiDbm: number): number {
  const pointer = packetErrorRate('1M', rssiDbm, EXTENDED.primaryBytes)
  return (1 - pointer) * (1 - packetErrorRate('1M', rssiDbm, EXTENDED.aux!.bytes))
}

/** Sends one advert each so many milliseconds and says which of them were heard. */
function advertised(options: {
  readonly rssiDbm: number
  readonly fading?: FadingLaw | null
  readonly count: number
  readonly everyMs: number
  readonly seed?: number
  readonly others?: readonly number[]
}): { readonly heard: readonly boolean[]; readonly weak: number; readonly levels: readonly number[] } {
  const kernel = createKernel({ seed: options.seed ?? 11 })
  const nodes = nodesAt([0, distanceOf(options.rssiDbm), ...(options.others ?? [])])
  const spec = { ...SPEC, fading: options.fading ?? null }
  const air = createBleAdvertising({ kernel, spec, nodes, events: 1 })
  const heard = Array.from({ length: options.count }, () => false)
  const levels: number[] = []
  const [radio] = nodes.map(({ node }) => {
    const made = air.attach(node)
    if (node === 1) {
      made.onFrame((frame, { rssiDbm }) => {
        heard[new DataView(frame.buffer).getUint32(0)] = true
        levels.push(rssiDbm)
      })
    }
    return made
  })
  for (let at = 0; at < options.count; at++) {
    kernel.schedule(at * options.everyMs * 1_000, 'test', WORLD, () => {
      const frame = new Uint8Array(LENGTH)
      new DataView(frame.buffer).setUint32(0, at)
      radio!.send(frame, 'operation', () => {})
    })
  }
  kernel.run()
  return { heard, weak: air.account().losses.weak, levels }
}

function share(of: readonly boolean[]): number {
  return of.filter(Boolean).length / of.length
}

describe('a BLE advertiser that fades', () => {
  const law: FadingLaw = { sigmaDb: 5, coherenceMs: 10_000 }

  it.each([
    ['where it would always be heard', -94, 0.99, 1],
    ['at the edge', -98, 0.5, 0.8],
    ['where it would never be heard', -102, 0, 0.001],
  ])('is heard as often as the error curve says, %s', (_, rssiDbm, least, most) => {
    const steady = readable(rssiDbm)
    expect(steady).toBeGreaterThanOrEqual(least)
    expect(steady).toBeLessThanOrEqual(most)
    const expected = overFading(rssiDbm, law.sigmaDb, readable)
    expect(expected).toBeGreaterThan(0.1)
    expect(expected).toBeLessThan(0.9)
    // Ten coherence times between two: the share of 3,000 errs by less than 0.01.
    const { heard, weak } = advertised({ rssiDbm, fading: law, count: 3_000, everyMs: 100_000 })
    expect(Math.abs(share(heard) - expected)).toBeLessThan(0.03)
    expect(weak / 3_000).toBeGreaterThan(1 - expected - 0.03)
  })

  it('is heard or missed for as long as its fading lasts', () => {
    const { heard } = advertised({ rssiDbm: -98, fading: law, count: 20_000, everyMs: 1_000 })
    const turns = heard.filter((was, at) => at > 0 && was !== heard[at - 1]).length
    const mean = share(heard)
    // Of two that know nothing of each other, 2 p (1 - p) differ.
    expect(turns / heard.length / (2 * mean * (1 - mean))).toBeLessThan(0.5)
    expect(turns).toBeGreaterThan(100)
  })

  it('tells the strength at which it was heard, within the bound', () => {
    const { levels } = advertised({ rssiDbm: -70, fading: law, count: 2_000, everyMs: 100_000 })
    const strays = levels.map(level => level + 70)
    const sigmaDb = Math.sqrt(strays.reduce((sum, db) => sum + db * db, 0) / strays.length)
    expect(Math.abs(sigmaDb - law.sigmaDb)).toBeLessThan(0.3)
    expect(Math.max(...strays.map(Math.abs))).toBeLessThan(15.1)
  })

  it('is not counted where even the best moment is too weak', () => {
    const { heard, weak } = advertised({ rssiDbm: -120, fading: law, count: 500, everyMs: 100_000 })
    expect([share(heard), weak]).toEqual([0, 0])
  })

  it('runs alike for all others when a node far away joins in', () => {
    const options = { rssiDbm: -98, fading: law, count: 300, everyMs: 5_000 }
    expect(advertised({ ...options, others: [50_000] })).toEqual(advertised(options))
    expect(advertised({ ...options, seed: 12 })).not.toEqual(advertised(options))
  })

  it('keeps its mean where somebody asks for the error rate without fading', () => {
    const nodes = nodesAt([0, distanceOf(-98)])
    const rate = (fading: FadingLaw | null): number =>
      createBleAdvertising({ kernel: createKernel({ seed: 1 }), spec: { ...SPEC, fading }, nodes }).frameErrorRate(
        0,
        1,
        LENGTH,
      )
    expect(rate(law)).toBe(rate(null))
  })
})

class LinkBench {
  readonly kernel: Kernel
  readonly links: BleLinks
  readonly log: { readonly atMs: number; readonly what: string; readonly pair: string }[] = []
  paces: readonly [ConnectionPace, ConnectionPace] | null = null

  constructor(nodes: readonly AirNode[], fading: FadingLaw | null, seed = 4) {
    this.kernel = createKernel({ seed })
    const say = (what: string) => (a: number, b: number) => {
      this.log.push({ atMs: this.kernel.nowUs / 1_000, what, pair: `${a}-${b}` })
    }
    const linked = say('linked')
    this.links = createBleLinks({
      kernel: this.kernel,
      spec: { ...SPEC, fading },
      nodes,
      handlers: {
        linked: (a, b, _latencyMs, paces) => {
          this.paces = paces
          linked(a, b)
        },
        faded: say('faded'),
        recovered: say('recovered'),
        lost: say('lost'),
      },
    })
    for (const { node } of nodes) this.links.setPresence(node, 'on')
  }

  count(what: string): number {
    return this.log.filter(entry => entry.what === what).length
  }
}

const HOUR_MS = 3_600_000

describe('a BLE link that fades', () => {
  const law: FadingLaw = { sigmaDb: 5, coherenceMs: 30_000 }
  const marginal = nodesAt([0, distanceOf(-96)])

  it('stands for ever without fading, and is lost and found again with it, though nobody walks', () => {
    const steady = new LinkBench(marginal, null)
    pass(steady.kernel, 6 * HOUR_MS)
    expect(steady.log.map(({ what }) => what)).toEqual(['linked'])

    const bench = new LinkBench(marginal, law)
    pass(bench.kernel, 6 * HOUR_MS)
    expect(bench.count('lost')).toBeGreaterThan(5)
    expect(bench.count('recovered')).toBeGreaterThan(5)
    expect(Math.abs(bench.count('linked') - bench.count('lost'))).toBeLessThanOrEqual(1)
    // The process is looked at about once a second; only where it crosses an edge is that an event.
    expect(bench.kernel.events).toBeLessThan(6 * 3_600)
  })

  it('is lost when its silence has lasted as long as the supervision timeout, and not before', () => {
    const bench = new LinkBench(marginal, law)
    pass(bench.kernel, 6 * HOUR_MS)
    for (const [at, { what, atMs }] of bench.log.entries()) {
      const before = bench.log[at - 1]
      if (what === 'lost') {
        expect(before?.what).toBe('faded')
        expect(atMs - before!.atMs).toBe(SUPERVISION_TIMEOUT_MS)
      }
      if (what === 'recovered') {
        expect(before?.what).toBe('faded')
        expect(atMs - before!.atMs).toBeLessThan(SUPERVISION_TIMEOUT_MS)
      }
    }
  })

  it('comes about now and then where it never would without', () => {
    // Too weak on average even to keep a link.
    const nodes = nodesAt([0, distanceOf(-105)])
    const steady = new LinkBench(nodes, null)
    const bench = new LinkBench(nodes, law)
    for (const { kernel } of [steady, bench]) pass(kernel, 6 * HOUR_MS)
    expect(steady.log).toEqual([])
    expect(bench.count('linked')).toBeGreaterThan(1)
    expect(bench.count('lost')).toBeGreaterThan(1)
  })

  it('keeps its mean where somebody asks for the error rate without fading', () => {
    const nodes = nodesAt([0, distanceOf(-96)])
    const rate = (fading: FadingLaw | null): number => new LinkBench(nodes, fading).links.frameErrorRate(0, 1, 244)
    expect(rate(law)).toBe(rate(null))
    expect(rate(law)).toBeGreaterThan(0)
  })

  it('costs nothing where fading takes it over no edge', () => {
    const bench = new LinkBench(nodesAt([0, distanceOf(-70), 20_000]), law)
    pass(bench.kernel, HOUR_MS)
    expect(bench.log.map(({ what, pair }) => `${what} ${pair}`)).toEqual(['linked 0-1'])
    expect(bench.kernel.scheduled).toBe(0)
  })

  it('breaks packets as often as the error curve says', () => {
    // Weak enough that packets break, and never so weak that the link is silent.
    const [meanDbm, fading] = [-96, { sigmaDb: 2, coherenceMs: 2_000 }] as const
    const bench = new LinkBench(nodesAt([0, distanceOf(meanDbm)]), fading)
    let first = 0
    let count = 0
    const send = (): void => {
      // 10 bytes of an app are 17 of the link layer.
      if (bench.paces !== null && bench.links.isLinked(0, 1)) {
        count++
        if (bench.paces[0].transmit(10).again > 0) first++
      }
      bench.kernel.schedule(20_000_000, 'test', WORLD, send)
    }
    bench.kernel.schedule(10_000_000, 'test', WORLD, send)
    pass(bench.kernel, 20 * HOUR_MS)
    expect(count).toBeGreaterThan(3_400)
    expect(bench.count('lost')).toBe(0)
    const expected = overFading(meanDbm, fading.sigmaDb, rssiDbm => packetErrorRate('1M', rssiDbm, 17))
    expect(expected).toBeGreaterThan(5 * packetErrorRate('1M', meanDbm, 17))
    expect(Math.abs(first / count - expected)).toBeLessThan(0.02)
  })

  it('carries a packet through a fade that ends in time, and gives up in one that does not', () => {
    // Often too weak for packets with data, and never silent: what ends a link here is data that does not get through.
    const bench = new LinkBench(nodesAt([0, distanceOf(-97)]), { sigmaDb: 2, coherenceMs: 10_000 })
    const agains: number[] = []
    const send = (): void => {
      if (bench.paces !== null && bench.links.isLinked(0, 1)) agains.push(bench.paces[1].transmit(244).again)
      bench.kernel.schedule(10_000_000, 'test', WORLD, send)
    }
    bench.kernel.schedule(10_000_000, 'test', WORLD, send)
    pass(bench.kernel, 3 * HOUR_MS)
    expect(agains.filter(again => again === 0).length).toBeGreaterThan(100)
    expect(agains.filter(again => again > 2).length).toBeGreaterThan(20)
    expect(bench.count('lost')).toBeGreaterThan(0)
    expect(bench.count('faded')).toBe(0)
    // A packet each 30 ms for 4 s.
    expect(Math.max(...agains)).toBeLessThan(140)
  })

  it('begins and ends where two pass each other, sooner or later than without', () => {
    const walk: Waypoint[] = [{ atMs: 0, to: { xM: 1_500, yM: 0 }, speedMps: 2 }]
    const nodes = nodesAt([0, -1_500], [[], walk])
    const steady = new LinkBench(nodes, null)
    pass(steady.kernel, 1_600_000)
    const firsts = Array.from({ length: 20 }, (_, seed) => {
      const bench = new LinkBench(nodes, law, seed)
      pass(bench.kernel, 1_600_000)
      expect(bench.log.at(-1)?.what).toBe('lost')
      expect(bench.kernel.scheduled).toBe(0)
      return bench.log[0]!.atMs
    })
    // Who fades has more than one try: the first good moment comes sooner than the mean one.
    expect(firsts.filter(atMs => atMs < steady.log[0]!.atMs).length).toBeGreaterThan(12)
  })

  it('repeats bit for bit, both ways alike, and a node far away shifts nothing', () => {
    const run = (places: readonly number[], seed: number): string => {
      const bench = new LinkBench(nodesAt(places), law, seed)
      pass(bench.kernel, HOUR_MS)
      return JSON.stringify(bench.log)
    }
    const places = [0, 150, 320]
    expect(run(places, 1)).toBe(run(places, 1))
    expect(run(places, 2)).not.toBe(run(places, 1))
    expect(run([...places, 50_000], 1)).toBe(run(places, 1))
  })
})

describe('a scenario whose BLE radios fade', () => {
  const text = (mode: string, fading: string): string => `
thicket: 1
name: porches
seed: 2
duration: 30m
nodes:
  - { name: porch, count: 3, place: { line: { from: [0m, 0m], spacing: 160m, bearing: 90 } }, radios: [phone] }
radios:
  phone: { type: ble, mode: ${mode}${fading} }
topics: [chat]
workload:
  - { at: 1m, node: any, publish: { topic: chat, count: 20, every: 20s, size: 40 } }
expect:
  - converged: { within: 20m }
`
  const run = async (mode: string, fading: string): Promise<Report> => {
    const scenario = parseScenario(text(mode, fading), 'porches.yaml')
    return (await runScenario({ scenario, version: 'test', crypto: sharedCrypto() })).report
  }

  it.each(['connect', 'advertise'])('runs the same from the same seed, and not as without: %s', async mode => {
    const fading = ', fading: { sigma: 5dB, coherence: 20s }'
    const [one, again, without] = [await run(mode, fading), await run(mode, fading), await run(mode, '')]
    expect(again.fingerprint).toBe(one.fingerprint)
    expect(without.fingerprint).not.toBe(one.fingerprint)
    expect([one.verdict, without.verdict]).toEqual(['pass', 'pass'])
    expect((await run(mode, ', fading: 0dB')).fingerprint).toBe(without.fingerprint)
  })
})

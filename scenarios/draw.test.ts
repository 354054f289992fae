/**
 * Goal: the same chance draws the same scenario, each range evenly and within its bounds, and a drawn scenario names
 * single nodes alone. Method: chance from a seeded generator or fixed by hand.
 */

import seedrandom from 'seedrandom'
import { describe, expect, it } from 'vitest'
import { drawScenario, parseScenario } from './index.js'

const RANGES = parseScenario(
  `thicket: 1
name: ranges
duration: { from: 1h, to: 2h }
nodes:
  - { name: v, count: { from: 2, to: 5 }, clock: { skew: { from: -1s, to: 1s }, drift: { from: -10ppm, to: 10ppm } } }
  - { name: hub }
topics: [chat]
links:
  - { mesh: [v, hub], latency: { from: 10ms, to: 90ms }, loss: { from: 0.01%, to: 0.05% }, bandwidth: { from: 1kbit/s, to: 1Mbit/s } }
workload:
  - { at: { from: 0, to: 1m }, node: any, publish: { topic: chat, count: { from: 1, to: 6 }, every: 1s, size: { from: 10, to: 20B } } }
faults:
  - { at: 5m, crash: hub, at-write: { from: 1, to: 3 }, restart-after: { from: 1s, to: 2s } }
`,
  'ranges.yaml',
)

const RADIOS = parseScenario(
  `thicket: 1
name: radios
duration: 2h
nodes:
  - name: v
    count: 3
    place: { line: { from: [{ from: -1km, to: 1km }, 0], spacing: { from: 1m, to: 9m }, bearing: { from: 0, to: 90 } } }
    radios: [r, b]
    antenna: { gain: { from: -1dB, to: 1dB }, height: { from: 1m, to: 10m } }
    move: [{ at: { from: 1m, to: 1h }, to: [0, { from: 0, to: 1km }], speed: { from: 1m/s, to: 2m/s } }]
  - { name: g, count: 4, place: { grid: { rows: { from: 2, to: 5 }, columns: { from: 2, to: 5 }, spacing: 1m } } }
radios:
  r:
    { type: lora, sf: { from: 7, to: 9 }, bw: { from: 31.25kHz, to: 250kHz }, cr: { from: 4/5, to: 4/8 },
      preamble: { from: 8, to: 16 }, frequency: { from: 868.3MHz, to: 868.4MHz }, region: EU868, power: { from: 1dBm, to: 14dBm },
      loss: { from: 1%, to: 3% }, fading: { sigma: { from: 1dB, to: 2dB }, coherence: { from: 1s, to: 2s } },
      propagation: { exponent: { from: 2, to: 3 }, sigma: { from: 0, to: 4 } } }
  b: { type: ble, interval: { from: 100ms, to: 200ms }, window: { from: 10ms, to: 30ms } }
faults: [{ at: 1m, move: v2, to: [{ from: 0, to: 1m }, 0] }]
expect:
  - airtime: { max-per-node: { from: 0.01%, to: 0.02% } }
  - over-floor: { max: { from: 1.1, to: 1.9 } }
`,
  'radios.yaml',
)

const GROUPS = parseScenario(
  `thicket: 1
name: groups
nodes: [{ name: v, count: 3 }, { name: w, count: 2, subscribe: [v] }, { name: solo, count: 1 }, { name: hub }]
topics: [{ name: v, subscribers: [v, hub] }, { name: news }]
links: [{ between: [v, w] }, { between: [hub, solo], latency: 5ms }, { mesh: [hub, v] }]
workload:
  - { at: 1s, node: v, publish: { topic: v } }
  - { at: 2s, node: [w, hub], subscribe: v }
  - { at: 3s, node: any, prune: { topic: v } }
faults:
  - { at: 1s, partition: [[v, hub], w, rest] }
  - { at: 2s, isolate: v }
  - { at: 3s, crash: [hub, w] }
  - { at: 4s, link: [hub, solo], down-for: 1s }
  - { at: 5s, clock: w, jump: 1s }
`,
  'groups.yaml',
)

const namesIn = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (_, item) =>
    item?.name && item.line && Object.keys(item).length === 3 ? item.name : item,
  )

describe('drawing', () => {
  it('gives the same scenario for the same chance, and others for others', () => {
    const draw = (seed: string) => drawScenario(RANGES, seedrandom(seed))
    expect(draw('a')).toEqual(draw('a'))
    expect(draw('a')).not.toEqual(draw('b'))
  })

  it('asks chance once for each range, in the order of the file', () => {
    const asked: number[] = []
    drawScenario(RANGES, () => asked.push(0) / 100)
    expect(asked).toHaveLength(12)
  })

  it('draws nothing where nothing is a range', () => {
    drawScenario(GROUPS, () => {
      throw new Error('there is nothing to draw')
    })
  })

  it('stays within the bounds, both of them possible', () => {
    const least = drawScenario(RANGES, () => 0)
    const most = drawScenario(RANGES, () => 1 - 2 ** -53)
    expect([least.durationMs, most.durationMs]).toEqual([3_600_000, 7_200_000])
    expect([least.nodes.length, most.nodes.length]).toEqual([3, 6])
    expect(least.nodes[0]?.clock).toEqual({ skewMs: -1_000, driftPpm: -10 })
    expect(most.nodes[0]?.clock).toEqual({ skewMs: 1_000, driftPpm: 10 })
    expect(least.links[0]).toMatchObject({ latencyMs: 10, loss: 0.0001, bandwidthBps: 1_000 })
    expect(most.links[0]).toMatchObject({ latencyMs: 90, loss: 0.0005, bandwidthBps: 1_000_000 })
    expect(least.workload[0]).toMatchObject({ atMs: 0, count: 1, size: 10 })
    expect(most.workload[0]).toMatchObject({ atMs: 60_000, count: 6, size: 20 })
    expect(least.faults[0]).toMatchObject({ atWrite: 1, restartAfterMs: 1_000 })
    expect(most.faults[0]).toMatchObject({ atWrite: 3, restartAfterMs: 2_000 })
  })

  it('draws evenly, whole numbers where only those make sense', () => {
    const random = seedrandom('evenly')
    const runs = 3_000
    const counts = new Map<number, number>()
    const latencies: number[] = []
    for (let run = 0; run < runs; run++) {
      const drawn = drawScenario(RANGES, random)
      const [work] = drawn.workload
      if (work?.type === 'publish') counts.set(work.count, (counts.get(work.count) ?? 0) + 1)
      latencies.push(drawn.links[0]!.latencyMs)
    }
    // Six values of 500 each; five standard deviations of a binomial are 102.
    expect([...counts.keys()].sort()).toEqual([1, 2, 3, 4, 5, 6])
    for (const times of counts.values()) expect(Math.abs(times - runs / 6)).toBeLessThan(102)
    // Even over 10 to 90: a mean of 50, give or take five times 80/√12/√3000.
    expect(Math.abs(latencies.reduce((sum, ms) => sum + ms, 0) / runs - 50)).toBeLessThan(2.2)
    expect(latencies.every(ms => Number.isInteger(Math.round(ms * 1e6) / 1e3))).toBe(true)
  })

  it('draws radios, places and ways as fine as they can be set', () => {
    const random = seedrandom('radios')
    const draws = Array.from({ length: 400 }, () => drawScenario(RADIOS, random))
    const radios = draws.map(({ radios }) => radios[0]!).filter(radio => radio.type === 'lora')
    const seen = (values: readonly number[]) => [...new Set(values)].sort((a, b) => a - b)
    expect(seen(radios.map(({ spreadingFactor }) => spreadingFactor))).toEqual([7, 8, 9])
    expect(seen(radios.map(({ codingRate }) => codingRate))).toEqual([5, 6, 7, 8])
    expect(seen(radios.map(({ preambleSymbols }) => preambleSymbols))).toEqual([8, 9, 10, 11, 12, 13, 14, 15, 16])
    expect(seen(radios.map(({ bandwidthHz }) => bandwidthHz))).toEqual([
      31_250, 41_700, 62_500, 125_000, 203_125, 250_000,
    ])
    expect(radios.every(({ frequencyHz }) => Number.isInteger(frequencyHz))).toBe(true)
    expect(seen(radios.map(({ loss }) => loss)).length).toBeGreaterThan(390)
    const floors = draws.map(({ expect }) => expect[1]!).map(each => (each.type === 'over-floor' ? each.max : 0))
    expect(floors.every(max => max >= 1.1 && max <= 1.9)).toBe(true)
    expect(seen(floors).length).toBeGreaterThan(200)
    const shares = draws.map(({ expect }) => expect[0]!).map(each => (each.type === 'airtime' ? each.maxPerNode : 0))
    expect(shares.every(share => share >= 0.0001 && share <= 0.0002)).toBe(true)
    expect(seen(shares).length).toBeGreaterThan(390)
    for (const { nodes } of draws) {
      expect(nodes.every(({ at, place }) => at !== null && place === null)).toBe(true)
      // Of one line of the file: they stand in one line, and have the same antenna and the same way.
      const [v1, v2, v3] = nodes
      expect(v3!.at!.xM - v2!.at!.xM).toBeCloseTo(v2!.at!.xM - v1!.at!.xM, 2)
      expect([v2!.antenna, v2!.move]).toEqual([v1!.antenna, v1!.move])
    }
  })

  it('expands groups wherever nodes are listed, and leaves topics of the same name alone', () => {
    const drawn = drawScenario(GROUPS, () => 0)
    const v = ['v1', 'v2', 'v3']
    const w = ['w1', 'w2']
    expect(drawn.nodes.map(({ name, count }) => [name, count])).toEqual(
      [...v, ...w, 'solo1', 'hub'].map(name => [name, null]),
    )
    expect(namesIn(drawn.nodes[3]?.subscribe)).toEqual(['v'])
    expect(drawn.topics.map(({ name, subscribers }) => [name, namesIn(subscribers)])).toEqual([
      ['v', [...v, 'hub']],
      ['news', null],
    ])
    expect(drawn.links.map(({ shape, nodes }) => [shape, namesIn(nodes)])).toEqual([
      ...v.flatMap(a => w.map(b => ['pair', [a, b]])),
      ['pair', ['hub', 'solo1']],
      ['mesh', ['hub', ...v]],
    ])
    expect(drawn.workload.map(({ node }) => namesIn(node))).toEqual([v, [...w, 'hub'], 'any'])
    expect(drawn.workload.map(work => namesIn('topic' in work ? work.topic : 'topics' in work && work.topics))).toEqual(
      ['v', ['v'], 'v'],
    )
    expect(
      drawn.faults.map(fault => namesIn('groups' in fault ? fault.groups : 'pair' in fault ? fault.pair : fault.nodes)),
    ).toEqual([[[...v, 'hub'], w, ['rest']], v, ['hub', ...w], ['hub', 'solo1'], w])
  })

  it('leaves what was written untouched', () => {
    const before = JSON.stringify(RANGES)
    drawScenario(RANGES, seedrandom('x'))
    expect(JSON.stringify(RANGES)).toBe(before)
  })
})

describe('every draw', () => {
  const wrong = (lines: string) => () =>
    parseScenario(
      `thicket: 1\nname: t\nnodes: [{ name: v, count: { from: 2, to: 4 } }]\ntopics: [x]\n${lines}`,
      't.yaml',
    )

  it('is possible, or the file is refused', () => {
    expect(wrong('workload: [{ at: 1s, node: v2, prune: { topic: x } }]')).not.toThrow()
    expect(wrong('workload: [{ at: 1s, node: v3, prune: { topic: x } }]')).toThrow(/t\.yaml:5:28: no node is named v3/)
    expect(
      wrong('duration: { from: 1m, to: 9m }\nworkload: [{ at: { from: 1s, to: 2m }, node: v, prune: { topic: x } }]'),
    ).toThrow(/2m lies beyond the end; expected a moment within the duration of 1m/)
    expect(
      wrong(
        'workload: [{ at: 1s, node: any, publish: { topic: x, every: { from: 1s, to: 1m }, count: { from: 1, to: 100 } } }]',
      ),
    ).toThrow(/the last of 100 publications/)
  })
})

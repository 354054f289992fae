/**
 * Goal: a LoRa frame reaches those who are near enough, undisturbed and listening, and nobody else; the books say what
 * became of each; blocks, deaths, moves and profiles change what they should and nothing more.
 * Method: two or three nodes with levels set to the decibel and starts set to the microsecond; each rule alone.
 */

import { describe, expect, it } from 'vitest'
import { LORA_PRESETS } from '../../../scenarios/index.js'
import { AirBench, IN_THE_OPEN, SPEC, SYMBOL_US, type TestNode } from './air-bench.contract.js'
import type { LoraSpec } from './lora-air.js'
import { noiseFloorDbm, requiredSnrDb } from './noise.js'

const NOISE_DBM = noiseFloorDbm(SPEC.bandwidthHz)
const NO_LOSSES = { weak: 0, collision: 0, halfDuplex: 0, random: 0, dutyCycleHeld: 0 }
const STEP_DB = 1 / 1_024

/** Two who send and one who hears them, the first so much stronger than the second. */
const rivals = (strongerDb: number): TestNode[] => [{ gainDb: strongerDb }, {}, {}]

describe('a LoRa frame', () => {
  it('reaches all in range once, and those far away do not count', () => {
    const bench = new AirBench([{}, { xM: 1_000 }, { xM: 3_000 }, { xM: 60_000 }], IN_THE_OPEN)
    bench.send(0)
    bench.end()
    expect(bench.heard).toEqual([[], [0], [0], []])
    expect(bench.air.account()).toMatchObject({ frames: 1, bytes: 20, receptions: 2, losses: NO_LOSSES })
    expect(bench.air.account().airtimeUs).toBe(bench.air.airtimeUs(20))
  })

  it('is heard at any distance where the scenario knows no propagation', () => {
    const bench = new AirBench([{}, { xM: 1_000_000 }])
    bench.send(0)
    bench.end()
    expect(bench.heard[1]).toEqual([0])
  })

  it('gives each hearer bytes of its own', () => {
    const bench = new AirBench([{}, {}, {}])
    const got: Uint8Array[] = []
    for (const index of [1, 2]) bench.radios[index]!.onFrame(frame => got.push(frame))
    bench.radios[0]!.send(Uint8Array.of(1, 2), 'digest', () => {})
    bench.end()
    got[0]![0] = 9
    expect(got[1]).toEqual(Uint8Array.of(1, 2))
  })

  it('is told with its level and its ratio to the noise', () => {
    const bench = new AirBench([{ gainDb: 2 }, { gainDb: 1 }])
    bench.radios[1]!.onFrame((_, { rssiDbm, snrDb }) => bench.outcomes.push(`${rssiDbm} ${snrDb.toFixed(2)}`))
    bench.send(0)
    bench.end()
    expect(bench.outcomes).toContain('-77 37.02')
  })

  it('fails when it is empty or too long for the modem', () => {
    const bench = new AirBench([{}, {}])
    bench.send(0, 0, 0)
    bench.send(1, 0, 256)
    bench.end()
    expect(bench.outcomes).toEqual(['0 failed', '1 failed'])
    expect(bench.air.account().frames).toBe(0)
  })

  it('is lost to noise as often as the error rate says', () => {
    const snrDb = requiredSnrDb(11) - 2
    const bench = new AirBench([{}, {}], { powerDbm: NOISE_DBM + snrDb })
    const rate = bench.air.frameErrorRate(0, 1, 20)
    expect(rate).toBeGreaterThan(0.1)
    expect(rate).toBeLessThan(0.9)
    bench.sendMany(0, 1_000)
    bench.end()
    const { weak } = bench.air.account().losses
    expect(Math.abs(weak / 1_000 - rate)).toBeLessThan(4 * Math.sqrt((rate * (1 - rate)) / 1_000))
    expect(bench.heard[1]!.length).toBe(1_000 - weak)
  })

  it.each(['lorasim', 'meshtasticator'] as const)('arrives at the required ratio and never below it: %s', profile => {
    for (const [powerDbm, arrived] of [
      [NOISE_DBM + requiredSnrDb(11), 50],
      [NOISE_DBM + requiredSnrDb(11) - STEP_DB, 0],
    ] as const) {
      const bench = new AirBench([{}, {}], { profile, powerDbm })
      bench.sendMany(0, 50)
      bench.end()
      expect(bench.air.account()).toMatchObject({ receptions: arrived, losses: { ...NO_LOSSES, weak: 50 - arrived } })
    }
  })

  it('is lost by chance as often as the scenario says', () => {
    const bench = new AirBench([{}, {}], { loss: 0.2 })
    bench.sendMany(0, 2_000)
    bench.end()
    expect(Math.abs(bench.air.account().losses.random / 2_000 - 0.2)).toBeLessThan(0.036)
    const hopeless = new AirBench([{}, {}], { loss: 1 })
    hopeless.sendMany(0, 20)
    hopeless.end()
    expect(hopeless.air.account()).toMatchObject({ receptions: 0, losses: { ...NO_LOSSES, random: 20 } })
  })
})

describe('two frames at once', () => {
  it('of stations that cannot hear each other collide between them, carrier sense or not', () => {
    const propagation = { ...SPEC.propagation, model: 'log-distance', exponent: 5 } as const
    const places = [{ xM: -1_800 }, {}, { xM: 1_800 }]
    const bench = new AirBench(places, { powerDbm: 14, propagation }, { mac: 'csma' })
    bench.send(0, 0, 200)
    bench.send(2, 0, 200)
    bench.end()
    expect(bench.heard[1]).toEqual([])
    expect(bench.air.account()).toMatchObject({ receptions: 0, losses: { ...NO_LOSSES, collision: 2 } })
  })

  it.each([
    // Of the wanted frame and of the other one: symbols until it begins; then how much stronger it has to be.
    [0, 2, 6],
    [0, 5.75, 6],
    [0, 6, 3],
    [0, 30, 3],
    [4, 0, 6],
    [30, 0, 6],
  ])(
    'begun after %s and %s symbols: the first is heard when it is %s dB stronger, and not with less',
    (own, other, needed) => {
      for (const [strongerDb, arrived] of [
        [needed, [0]],
        [needed - STEP_DB, []],
      ] as const) {
        const bench = new AirBench(rivals(strongerDb))
        bench.send(0, own * SYMBOL_US)
        bench.send(1, other * SYMBOL_US)
        bench.end()
        expect(bench.heard[2]).toEqual(arrived)
      }
    },
  )

  it('count together against a third', () => {
    // Two that are 4 dB weaker each are 1 dB weaker together.
    for (const [gainDb, arrived] of [
      [-4, []],
      [-6.1, [0]],
    ] as const) {
      const bench = new AirBench([{}, { gainDb }, { gainDb }, {}])
      bench.send(0)
      for (const index of [1, 2]) bench.send(index, 10 * SYMBOL_US)
      bench.end()
      expect(bench.heard[3]).toEqual(arrived)
    }
  })

  it('leave the second unharmed where the first ends within its first ten symbols, and the second locks on later', () => {
    const firstUs = new AirBench([{}]).air.airtimeUs(20)
    const graceUs = 10 * SYMBOL_US
    const beginning = (secondUs: number, third?: { readonly atUs: number; readonly gainDb: number }): number[] => {
      const bench = new AirBench([{}, {}, {}, { gainDb: third?.gainDb ?? 0 }])
      bench.send(0)
      bench.send(1, secondUs, 40)
      if (third) bench.send(3, third.atUs)
      bench.end()
      return bench.heard[2]!
    }
    expect(beginning(firstUs)).toEqual([0, 1])
    expect(beginning(firstUs - graceUs)).toEqual([1])
    expect(beginning(firstUs - graceUs - 1)).toEqual([])
    // Locked on six symbols after the first one has ended, and not before.
    const lockedUs = firstUs + 6 * SYMBOL_US
    expect(beginning(firstUs - graceUs, { atUs: lockedUs, gainDb: -4 })).toEqual([1])
    expect(beginning(firstUs - graceUs, { atUs: lockedUs - 1, gainDb: -4 })).toEqual([])
  })

  it.each(['lorasim', 'meshtasticator'] as const)('leave both unharmed there, and no other pair alike: %s', profile => {
    const firstUs = new AirBench([{}]).air.airtimeUs(20)
    const graceUs = 11 * SYMBOL_US
    const beginning = (secondUs: number, strongerDb = 0): number[] => {
      const bench = new AirBench(rivals(strongerDb), { profile })
      bench.send(0)
      bench.send(1, secondUs)
      bench.end()
      return bench.heard[2]!
    }
    expect(beginning(firstUs - graceUs)).toEqual([0, 1])
    expect(beginning(firstUs - graceUs - 1)).toEqual([])
    expect(beginning(20 * SYMBOL_US, 6)).toEqual([0])
    expect(beginning(20 * SYMBOL_US, 6 - STEP_DB)).toEqual([])
  })
})

describe('a LoRa radio', () => {
  it('hears nothing while it sends, however little the frames overlap', () => {
    const airtimeUs = new AirBench([{}]).air.airtimeUs(20)
    for (const laterUs of [0, 1, airtimeUs - 1]) {
      const bench = new AirBench([{}, {}])
      bench.send(0)
      bench.send(1, laterUs)
      bench.end()
      expect(bench.heard).toEqual([[], []])
      expect(bench.air.account().losses).toEqual({ ...NO_LOSSES, halfDuplex: 2 })
    }
  })

  it('is deaf for five milliseconds after it has sent, which a long preamble outlasts and a short one does not', () => {
    const heardLater = (spec: Partial<LoraSpec>, laterUs: number): number[] => {
      const bench = new AirBench([{}, {}], spec)
      bench.send(0)
      bench.send(1, bench.air.airtimeUs(20) + laterUs)
      bench.end()
      return bench.heard[0]!
    }
    expect(heardLater({}, 1_000)).toEqual([1])
    // Ten spare symbols of 256 us.
    expect(heardLater(LORA_PRESETS.SHORT_TURBO, 5_000 - 2_560 - 1)).toEqual([])
    expect(heardLater(LORA_PRESETS.SHORT_TURBO, 5_000 - 2_560)).toEqual([1])
  })

  it('has one boot at a time', () => {
    const bench = new AirBench([{}])
    expect(() => bench.air.attach(0)).toThrow('one radio of a kind')
    expect(() => bench.air.attach(7)).toThrow('carries this radio')
  })

  it('breaks its frame off when its power goes, and nobody gets it', () => {
    const bench = new AirBench([{}, {}, {}])
    bench.send(0)
    bench.pass(100)
    bench.air.detach(0)
    bench.end()
    expect(bench.heard).toEqual([[], [], []])
    expect(bench.outcomes).toEqual([])
    expect(bench.air.account()).toMatchObject({ frames: 1, airtimeUs: 100_000, losses: { ...NO_LOSSES, weak: 2 } })
    bench.reattach(0)
    bench.send(0)
    bench.end()
    expect(bench.heard).toEqual([[], [0], [0]])
  })

  it('disturbs nobody any more after its frame broke off', () => {
    const bench = new AirBench([{}, {}, {}])
    bench.send(0, 0, 200)
    bench.pass(100)
    bench.air.detach(0)
    bench.send(1)
    bench.end()
    expect(bench.heard[2]).toEqual([1])
  })

  it('that is off hears nothing and does not count; switched on in mid-frame it hears the next one', () => {
    const bench = new AirBench([{}, {}])
    bench.air.detach(1)
    bench.sendMany(0, 2)
    bench.pass(100)
    bench.reattach(1)
    bench.end()
    expect(bench.heard[1]).toEqual([0])
    expect(bench.air.account()).toMatchObject({ frames: 2, receptions: 1, losses: NO_LOSSES })
  })

  it('that went off and on within a frame has lost it', () => {
    const bench = new AirBench([{}, {}])
    bench.send(0)
    bench.pass(100)
    bench.air.detach(1)
    bench.reattach(1)
    bench.end()
    expect(bench.heard[1]).toEqual([])
    expect(bench.air.account()).toMatchObject({ receptions: 0, losses: NO_LOSSES })
  })
})

describe('the LoRa air', () => {
  it('keeps blocked nodes apart in one direction, and disturbs nothing by what is blocked', () => {
    const bench = new AirBench([{}, {}, {}])
    const unblock = bench.air.block((from, to) => from === 0 && to === 2)
    bench.send(0)
    bench.send(1, 10 * SYMBOL_US)
    bench.end()
    expect(bench.heard[2]).toEqual([1])
    bench.send(2)
    bench.end()
    expect(bench.heard[0]).toEqual([2])
    unblock()
    bench.send(0)
    bench.end()
    expect(bench.heard[2]).toEqual([1, 0])
    // Of eight pairs one was blocked, and is in no book; the first two senders missed each other.
    expect(bench.air.account()).toMatchObject({ frames: 4, receptions: 5, losses: { ...NO_LOSSES, halfDuplex: 2 } })
  })

  it('moves a node at once', () => {
    const bench = new AirBench([{}, { xM: 1_000 }], IN_THE_OPEN)
    for (const xM of [1_000, 60_000, 2_000]) {
      bench.air.place(1, { xM, yM: 0 })
      expect(bench.air.frameErrorRate(0, 1, 20)).toBe(xM > 10_000 ? 1 : 0)
      bench.send(0)
      bench.end()
    }
    expect(bench.heard[1]).toEqual([0, 0])
  })

  it('loses a node that walks away, and finds it where it comes back', () => {
    const away = { atMs: 0, to: { xM: 40_000, yM: 0 }, speedMps: 100 }
    const back = { atMs: 500_000, to: { xM: 0, yM: 0 }, speedMps: 100 }
    const bench = new AirBench([{}, { move: [away, back] }], IN_THE_OPEN)
    for (let round = 0; round <= 18; round++) bench.send(0, round * 50_000_000, 20 + round)
    bench.end()
    // Five kilometres are fifty seconds away, and near enough; ten are not.
    const rounds = bench.of('frame-received').map(({ fields }) => Number(fields.bytes) - 20)
    expect(rounds).toEqual([0, 1, 17, 18])
    expect(bench.air.frameErrorRate(0, 1, 20)).toBe(0)
  })

  it('shadows a pair alike in both directions, and whoever else is there', () => {
    const spec = { ...IN_THE_OPEN, propagation: { ...SPEC.propagation, model: 'log-distance', sigmaDb: 7 } } as const
    const places = [0, 5_000, 6_000, 7_000].map(xM => ({ xM }))
    const small = new AirBench(places.slice(0, 3), spec).air
    const large = new AirBench(places, spec).air
    const rates = [0, 1, 2].flatMap(from => [0, 1, 2].map(to => large.frameErrorRate(from, to, 20)))
    expect(rates).toEqual([0, 1, 2].flatMap(from => [0, 1, 2].map(to => small.frameErrorRate(from, to, 20))))
    expect(large.frameErrorRate(0, 2, 20)).toBe(large.frameErrorRate(2, 0, 20))
    const seeds = [1, 2, 3, 4, 5, 6, 7, 8]
    expect(
      new Set(seeds.map(seed => new AirBench(places, spec, { seed }).air.frameErrorRate(0, 1, 20))).size,
    ).toBeGreaterThan(1)
  })

  it('fades slowly, by as much as it should, the same for both', () => {
    const bench = new AirBench([{}, {}], { fading: { sigmaDb: 4, coherenceMs: 10_000 } })
    const levels: number[] = []
    for (const radio of bench.radios) radio.onFrame((_, { rssiDbm }) => levels.push(rssiDbm + 80))
    for (let round = 0; round < 600; round++) {
      bench.send(0, round * 60_000_000)
      bench.send(1, round * 60_000_000 + bench.air.airtimeUs(20) + 10_000)
    }
    bench.end()
    expect(levels).toHaveLength(1_200)
    const sum = (of: (level: number, at: number) => number): number =>
      levels.reduce((so, level, at) => so + of(level, at), 0)
    expect(Math.abs(sum(level => level) / 1_200)).toBeLessThan(0.7)
    expect(Math.sqrt(sum(level => level ** 2) / 1_200)).toBeGreaterThan(3.5)
    expect(Math.sqrt(sum(level => level ** 2) / 1_200)).toBeLessThan(4.5)
    // Half a second after: e^(-0.05) of it is left.
    const change = sum((level, at) => (at % 2 === 0 ? (levels[at + 1]! - level) ** 2 : 0)) / 600
    expect(Math.sqrt(change)).toBeLessThan(2)
  })

  it('is the same from the same seed, and another from another', () => {
    const run = (seed: number): [string, unknown] => {
      const bench = new AirBench([{}, {}, {}, {}], { loss: 0.1 }, { seed, mac: 'csma' })
      for (const index of [0, 1, 2, 3]) bench.sendMany(index, 20)
      bench.end()
      return [bench.kernel.fingerprint(), bench.events]
    }
    expect(run(1)).toEqual(run(1))
    expect(run(1)[0]).not.toBe(run(2)[0])
  })

  it('runs alike for all others when a node far away joins in', () => {
    const spec: Partial<LoraSpec> = {
      ...IN_THE_OPEN,
      loss: 0.1,
      fading: { sigmaDb: 3, coherenceMs: 5_000 },
      propagation: { ...SPEC.propagation, model: 'log-distance', sigmaDb: 5 },
    }
    const near = [0, 2_000, 4_000, 6_000].map(xM => ({ xM }))
    const run = (nodes: readonly TestNode[]): unknown => {
      const bench = new AirBench(nodes, spec, { mac: 'csma' })
      for (const index of nodes.keys()) bench.sendMany(index, 20)
      bench.end()
      return bench.events.filter(({ fields }) => fields.at !== 'n4')
    }
    expect(run([...near, { xM: 500_000 }])).toEqual(run(near))
  })

  it('finds the same neighbours among many as among few, however far a shadow lets them hear', () => {
    const spec: Partial<LoraSpec> = {
      ...IN_THE_OPEN,
      fading: { sigmaDb: 3, coherenceMs: 5_000 },
      propagation: { ...SPEC.propagation, model: 'log-distance', exponent: 3.5, sigmaDb: 6 },
    }
    // From 64 nodes on, the air asks an index of places.
    const places = Array.from({ length: 120 }, (_, at) => ({ xM: ((at * 37) % 120) * 400 }))
    const run = (nodes: number): unknown => {
      const bench = new AirBench(places.slice(0, nodes), spec)
      for (let node = 0; node < 60; node++) bench.send(node, node * 10_000_000)
      bench.end()
      return bench.events.filter(({ fields }) => Number(String(fields.at).slice(1)) < 60)
    }
    expect(run(120)).toEqual(run(60))
  })
})

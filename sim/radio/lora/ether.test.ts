/**
 * Goal: LoRa radios of two kinds disturb each other by as much as their channels say, and in nothing else.
 * Method: two airs over one kernel and one ether; levels set to the decibel and starts to the microsecond, each rule alone.
 */

import { describe, expect, it } from 'vitest'
import { LORA_PRESETS } from '../../../scenarios/index.js'
import { createKernel } from '../../kernel/index.js'
import { AirBench, type BenchOptions, IN_THE_OPEN, SPEC, type TestNode } from './air-bench.contract.js'
import { weakestSnrDb } from './error-rate.js'
import { LoraEther } from './ether.js'
import type { LoraSpec } from './lora-air.js'
import { noiseFloorDbm } from './noise.js'
import { symbolUs } from './time-on-air.js'

const NO_LOSSES = { weak: 0, collision: 0, halfDuplex: 0, random: 0, dutyCycleHeld: 0 }
const STEP_DB = 1 / 1_024
/** What half of a channel takes, as levels are rounded. */
const HALF_DB = -3_083 / 1_024
/** Number of the first node of the other kind, where both kinds have nodes of their own. */
const ELSEWHERE = 100

interface Kind {
  readonly nodes: readonly TestNode[]
  readonly spec?: Partial<LoraSpec>
  readonly options?: BenchOptions
}

function kinds(first: Kind, second: Kind, seed = 5): readonly [AirBench, AirBench] {
  const kernel = createKernel({ seed })
  const shared = { kernel, ether: new LoraEther(kernel) }
  const one = new AirBench(first.nodes, { powerDbm: -60, ...first.spec }, { ...shared, ...first.options })
  const other = new AirBench(
    second.nodes,
    { powerDbm: -60, name: 'other', ...second.spec },
    { ...shared, first: ELSEWHERE, ...second.options },
  )
  return [one, other]
}

interface Attempt {
  readonly wanted?: Partial<LoraSpec>
  readonly other?: Partial<LoraSpec>
  /** By which the wanted frame is stronger. */
  readonly byDb: number
  /** Symbols of the wanted frame after which the other begins. */
  readonly afterSymbols?: number
  readonly bytes?: number
}

/** Whether a frame arrives while another kind sends one. */
function arrives({ wanted = {}, other = {}, byDb, afterSymbols = 12, bytes = 20 }: Attempt): boolean {
  const [one, two] = kinds({ nodes: [{ gainDb: byDb }, {}], spec: wanted }, { nodes: [{}], spec: other })
  one.send(0)
  two.send(0, Math.round(afterSymbols * symbolUs({ ...SPEC, ...wanted })), bytes)
  one.end()
  const { receptions, losses } = one.air.account()
  expect(losses).toEqual({ ...NO_LOSSES, collision: 1 - receptions })
  expect(one.heard[1]).toEqual(receptions === 1 ? [0] : [])
  return receptions === 1
}

describe('a frame of another spreading factor', () => {
  it.each([
    // Wanted, interferer, decibels: Goursaud's rows, which no transposed table has.
    [7, 8, -16],
    [8, 7, -24],
    [7, 12, -20],
    [12, 7, -36],
    [9, 7, -27],
    [9, 10, -23],
    [10, 9, -30],
    [10, 12, -28],
    [11, 12, -29],
    [11, 7, -33],
    [12, 11, -36],
    [8, 12, -22],
  ])('SF%i survives one of SF%i that is so much stronger and no more: %i dB', (sf, otherSf, neededDb) => {
    const [wanted, other] = [{ spreadingFactor: sf }, { spreadingFactor: otherSf }]
    expect(arrives({ wanted, other, byDb: neededDb })).toBe(true)
    expect(arrives({ wanted, other, byDb: neededDb - STEP_DB })).toBe(false)
  })

  it('harms alike before the lock and after it, and not where it ends within the first symbols', () => {
    const [wanted, other] = [LORA_PRESETS.LONG_FAST, LORA_PRESETS.SHORT_FAST]
    for (const afterSymbols of [0, 3, 20]) {
      const attempt = { wanted, other, afterSymbols, bytes: 200 }
      expect(arrives({ ...attempt, byDb: -33 })).toBe(true)
      expect(arrives({ ...attempt, byDb: -33 - STEP_DB })).toBe(false)
    }
    // Twenty bytes take 32.4 ms, and ten symbols 81.9 ms.
    expect(arrives({ wanted, other, afterSymbols: 0, byDb: -50 })).toBe(true)
    expect(arrives({ wanted, other, afterSymbols: 7, byDb: -50 })).toBe(false)
  })

  it('counts for the part of its power that falls into the channel', () => {
    const wide = { bandwidthHz: 500_000, spreadingFactor: 9 }
    // To 250 kHz it looks like SF7.
    const wanted = { spreadingFactor: 11 }
    expect(arrives({ wanted, other: wide, byDb: -33 + HALF_DB })).toBe(true)
    expect(arrives({ wanted, other: wide, byDb: -33 + HALF_DB - STEP_DB })).toBe(false)
    const beside = { spreadingFactor: 7, frequencyHz: SPEC.frequencyHz + 125_000 }
    expect(arrives({ wanted, other: beside, byDb: -33 + HALF_DB })).toBe(true)
    expect(arrives({ wanted, other: beside, byDb: -33 + HALF_DB - STEP_DB })).toBe(false)
  })

  it('adds to others of its kind', () => {
    const run = (byDb: number): number => {
      const [one, two] = kinds({ nodes: [{ gainDb: byDb }, {}] }, { nodes: [{}, {}], spec: { spreadingFactor: 7 } })
      one.send(0)
      for (const index of [0, 1]) two.send(index, 100_000)
      one.end()
      return one.air.account().receptions
    }
    expect(run(-33)).toBe(0)
    expect(run(-29.9)).toBe(1)
  })
})

describe('a frame at the edge of what can be received', () => {
  const collisions = (sf: number, byDb: number, gainsDb: readonly number[], otherSf: number): number => {
    const weakestDbm = noiseFloorDbm(SPEC.bandwidthHz) + weakestSnrDb(sf)
    const [one, two] = kinds(
      { nodes: [{ gainDb: byDb }, {}], spec: { spreadingFactor: sf, powerDbm: weakestDbm } },
      { nodes: gainsDb.map(gainDb => ({ gainDb })), spec: { spreadingFactor: otherSf, powerDbm: weakestDbm } },
    )
    one.send(0)
    for (const index of gainsDb.keys()) two.send(index, 0, 100)
    one.end()
    return one.air.account().losses.collision
  }

  it('is drowned by what chirps alike and is weaker than anything that can be received', () => {
    expect(collisions(11, 1, [-4.9], 11)).toBe(1)
    expect(collisions(11, 1, [-5.1], 11)).toBe(0)
  })

  it('is jammed by four strangers together, each of which could not even harm the weakest', () => {
    const gainDb = 3 + 16 - 6 + 0.5
    expect(collisions(7, 3, [gainDb, gainDb, gainDb], 8)).toBe(0)
    expect(collisions(7, 3, [gainDb, gainDb, gainDb, gainDb], 8)).toBe(1)
  })

  it('is jammed by a stranger at its best moment, though on average it is too weak', () => {
    // The mean lies 5 dB below what is needed, and three deviations are 12 dB.
    const weakestDbm = noiseFloorDbm(SPEC.bandwidthHz) + weakestSnrDb(7)
    const [one, two] = kinds(
      { nodes: [{ gainDb: 3 }, {}], spec: { spreadingFactor: 7, powerDbm: weakestDbm } },
      {
        nodes: [{ gainDb: 14 }],
        spec: { spreadingFactor: 8, powerDbm: weakestDbm, fading: { sigmaDb: 4, coherenceMs: 1_000 } },
      },
    )
    for (let round = 0; round < 500; round++) {
      one.send(0, round * 10_000_000)
      two.send(0, round * 10_000_000, 100)
    }
    one.end()
    // One in nine normal numbers is greater than 1.25.
    expect(Math.abs(one.air.account().losses.collision / 500 - 0.106)).toBeLessThan(0.05)
  })
})

describe('a frame that chirps at the same rate', () => {
  it.each([
    ['of the same settings', {}, {}, 0],
    ['of another coding rate', {}, { codingRate: 8 }, 0],
    [
      'twice as wide and two factors up',
      { spreadingFactor: 9 },
      { spreadingFactor: 11, bandwidthHz: 500_000 },
      HALF_DB,
    ],
    ['half as wide and two factors down', {}, { spreadingFactor: 9, bandwidthHz: 125_000 }, 0],
    ['half beside it', {}, { frequencyHz: SPEC.frequencyHz - 125_000 }, HALF_DB],
  ])('counts like one of its own kind: %s', (_, wanted, other, withinDb) => {
    const bytes = 100
    for (const [afterSymbols, neededDb] of [
      [2, 6],
      [12, 3],
    ] as const) {
      const attempt = { wanted, other, afterSymbols, bytes }
      expect(arrives({ ...attempt, byDb: neededDb + withinDb })).toBe(true)
      expect(arrives({ ...attempt, byDb: neededDb + withinDb - STEP_DB })).toBe(false)
    }
  })

  it('counts like one of its own kind when it was there first', () => {
    for (const [byDb, arrived] of [
      [6, [0]],
      [6 - STEP_DB, []],
    ] as const) {
      const [one, two] = kinds({ nodes: [{ gainDb: byDb }, {}] }, { nodes: [{}] })
      two.send(0, 0, 100)
      one.send(0, 100_000)
      one.end()
      expect(one.heard[1]).toEqual(arrived)
    }
  })

  it('is not received for all that', () => {
    const [one, two] = kinds({ nodes: [{}, {}] }, { nodes: [{}, {}] })
    one.send(0)
    two.send(0, 2_000_000)
    one.end()
    expect(one.heard).toEqual([[], [0]])
    expect(two.heard).toEqual([[], [0]])
  })

  it('is detected on the channel, as no other frame is', () => {
    const overlaps = (other: Partial<LoraSpec>): number => {
      const [one, two] = kinds({ nodes: [{}, {}], options: { mac: 'csma' } }, { nodes: [{}], spec: other })
      let count = 0
      for (let round = 0; round < 100; round++) {
        two.send(0, 0, 255)
        one.send(0, 50_000)
        one.end()
        if (one.stays().at(-1)!.startUs < two.stays().at(-1)!.endUs) count++
      }
      return count
    }
    // One detection in twenty misses it, and a long frame is asked for several times.
    expect(overlaps({})).toBeLessThan(25)
    expect(overlaps({ bandwidthHz: 500_000, spreadingFactor: 12, frequencyHz: SPEC.frequencyHz })).toBe(100)
    expect(overlaps({ frequencyHz: SPEC.frequencyHz + 250_000 })).toBe(100)
  })
})

describe('frames of two kinds', () => {
  it('do nothing to each other on channels that do not overlap, however strong', () => {
    expect(arrives({ other: { frequencyHz: SPEC.frequencyHz + 250_000 }, byDb: -40 })).toBe(true)
    expect(arrives({ other: { frequencyHz: SPEC.frequencyHz + 249_999 }, byDb: -40 })).toBe(true)
    expect(arrives({ other: { frequencyHz: SPEC.frequencyHz + 240_000 }, byDb: -40 })).toBe(false)
    const beside = { frequencyHz: SPEC.frequencyHz - 375_000, bandwidthHz: 500_000 }
    expect(arrives({ other: beside, byDb: -40 })).toBe(true)
  })

  it.each(['lorasim', 'meshtasticator'] as const)('are orthogonal where one is judged by the rules of %s', profile => {
    for (const spreadingFactor of [7, 11]) {
      expect(arrives({ wanted: { profile }, other: { spreadingFactor }, byDb: -40 })).toBe(true)
      expect(arrives({ other: { profile, spreadingFactor }, byDb: -40 })).toBe(true)
    }
  })

  it('disturb each other as far as partitions let them', () => {
    const [one, two] = kinds({ nodes: [{ gainDb: -40 }, {}] }, { nodes: [{}], spec: { spreadingFactor: 7 } })
    const round = (): number[] => {
      one.send(0)
      two.send(0, 100_000)
      one.end()
      return one.heard[1]!.splice(0)
    }
    expect(round()).toEqual([])
    const unblock = one.air.block((from, to) => from === ELSEWHERE && to === 1)
    expect(round()).toEqual([0])
    unblock()
    expect(round()).toEqual([])
  })

  it('disturb each other in both directions, each by its own row of the table', () => {
    // To SF7 one of SF11 does harm from 19 dB on, to SF11 one of SF7 from 33 dB on.
    const run = (strongerDb: number): readonly number[] => {
      const [one, two] = kinds(
        { nodes: [{ gainDb: strongerDb }, {}] },
        { nodes: [{}, {}], spec: { spreadingFactor: 7 } },
      )
      one.send(0, 0, 100)
      two.send(0, 100_000, 100)
      one.end()
      return [one.air.account().receptions, two.air.account().receptions]
    }
    expect(run(19)).toEqual([1, 1])
    expect(run(19 + STEP_DB)).toEqual([1, 0])
    expect(run(-33)).toEqual([1, 1])
    expect(run(-33 - STEP_DB)).toEqual([0, 1])
  })

  it('are done with each other when one breaks off', () => {
    const [one, two] = kinds({ nodes: [{ gainDb: -40 }, {}] }, { nodes: [{}], spec: { spreadingFactor: 12 } })
    const breakingOffAfter = (ms: number): number[] => {
      two.send(0, 0, 255)
      one.send(0)
      one.pass(ms)
      two.air.detach(ELSEWHERE)
      two.reattach(0)
      one.end()
      return one.heard[1]!.splice(0)
    }
    // Within the ten spare symbols, and a millisecond later.
    expect(breakingOffAfter(81)).toEqual([0])
    expect(breakingOffAfter(83)).toEqual([])
    two.send(0, 0, 255)
    one.pass(50)
    two.air.detach(ELSEWHERE)
    one.send(0)
    one.end()
    expect(one.heard[1]).toEqual([0])
  })

  it('disturb each other where they are near', () => {
    const other = { ...IN_THE_OPEN, spreadingFactor: 7 }
    const run = (xM: number): number => {
      const [one, two] = kinds({ nodes: [{}, { xM: 5_000 }], spec: IN_THE_OPEN }, { nodes: [{ xM }], spec: other })
      one.send(0)
      two.send(0, 100_000)
      one.end()
      return one.air.account().receptions
    }
    // 33 dB are a factor of 31 at an exponent of 2.2: 5 km to 158 m.
    expect(run(5_000 + 150)).toBe(0)
    expect(run(5_000 - 150)).toBe(0)
    expect(run(5_000 + 165)).toBe(1)
    expect(run(100_000)).toBe(1)
  })

  it('notice when somebody of the other kind is moved', () => {
    const [one, two] = kinds(
      { nodes: [{}, { xM: 5_000 }], spec: IN_THE_OPEN },
      { nodes: [{ xM: 5_050 }], spec: { ...IN_THE_OPEN, spreadingFactor: 7 } },
    )
    const round = (): number[] => {
      one.send(0)
      two.send(0, 100_000)
      one.end()
      return one.heard[1]!.splice(0)
    }
    expect(round()).toEqual([])
    two.air.place(ELSEWHERE, { xM: 9_000, yM: 0 })
    expect(round()).toEqual([0])
    one.air.place(1, { xM: 8_950, yM: 0 })
    one.air.place(0, { xM: 4_000, yM: 0 })
    expect(round()).toEqual([])
  })

  it('find each other among many as among few', () => {
    const shady = {
      ...IN_THE_OPEN,
      fading: { sigmaDb: 3, coherenceMs: 5_000 },
      propagation: { ...SPEC.propagation, model: 'log-distance', exponent: 3, sigmaDb: 6 },
    } as const
    // From 64 nodes on, the air asks an index of places.
    const places = Array.from({ length: 120 }, (_, at) => ({ xM: ((at * 37) % 120) * 200 }))
    const run = (nodes: number) => {
      const jammers = [{ xM: 1_000 }, { xM: 4_000 }, { xM: 7_000 }, { xM: 12_000 }]
      const [one, two] = kinds(
        { nodes: places.slice(0, nodes), spec: shady },
        { nodes: jammers, spec: { ...shady, spreadingFactor: 9 } },
      )
      for (let node = 0; node < 60; node++) {
        one.send(node, node * 10_000_000)
        for (const jammer of jammers.keys()) two.send(jammer, node * 10_000_000 + 100_000)
      }
      one.end()
      return one.events.filter(({ fields }) => Number(String(fields.at).slice(1)) < 60)
    }
    const few = run(60)
    expect(run(120)).toEqual(few)
    expect(few.filter(({ fields }) => fields.cause === 'collision').length).toBeGreaterThan(50)
  })

  it('leave each other as they are where the channels differ, draw for draw', () => {
    const run = (other: Partial<LoraSpec>) => {
      const spec = { ...IN_THE_OPEN, loss: 0.1, fading: { sigmaDb: 3, coherenceMs: 5_000 } }
      const [one, two] = kinds(
        { nodes: [{}, { xM: 900 }, { xM: 1_800 }], spec, options: { mac: 'csma' } },
        { nodes: [{ xM: 300 }, { xM: 600 }], spec: { ...spec, ...other } },
      )
      for (const index of [0, 1, 2]) one.sendMany(index, 20)
      for (const index of [0, 1]) two.sendMany(index, 20)
      one.end()
      return one.events
    }
    const alone = run({ frequencyHz: 868_300_000 })
    expect(run({ frequencyHz: 868_500_000 })).toEqual(alone)
    expect(run({})).not.toEqual(alone)
  })

  it('run the same from the same seed', () => {
    const run = (seed: number): readonly unknown[] => {
      const spec = { ...IN_THE_OPEN, propagation: { ...SPEC.propagation, model: 'log-distance', sigmaDb: 5 } } as const
      const [one, two] = kinds(
        { nodes: [{}, { xM: 2_000 }, { xM: 4_000 }], spec },
        { nodes: [{ xM: 100 }, { xM: 3_000 }], spec: { ...spec, spreadingFactor: 9 } },
        seed,
      )
      for (const index of [0, 1, 2]) one.sendMany(index, 20)
      for (const index of [0, 1]) two.sendMany(index, 40)
      one.end()
      return [one.kernel.fingerprint(), one.events, two.events]
    }
    expect(run(1)).toEqual(run(1))
    expect(run(1)[0]).not.toBe(run(2)[0])
  })
})

describe('a node with two LoRa radios', () => {
  /** Nodes 0 and 1 speak the first kind; node 1 sends with its other radio after so many microseconds. */
  const heardBeside = (other: Partial<LoraSpec>, afterUs: number, wantedAfterUs = 0, bytes = 20): AirBench => {
    const [one, two] = kinds({ nodes: [{}, {}] }, { nodes: [{}], spec: other, options: { first: 1 } })
    one.send(0, wantedAfterUs)
    two.send(0, afterUs, bytes)
    one.end()
    return one
  }

  it('is deaf with one while it sends with the other on a channel that overlaps', () => {
    const beside = { frequencyHz: SPEC.frequencyHz + 200_000 }
    for (const other of [LORA_PRESETS.SHORT_FAST, LORA_PRESETS.LONG_FAST, beside]) {
      for (const afterUs of [0, 100_000, 200_000]) {
        const bench = heardBeside(other, afterUs, 0, 200)
        expect(bench.heard[1]).toEqual([])
        expect(bench.air.account().losses).toEqual({ ...NO_LOSSES, halfDuplex: 1 })
      }
    }
  })

  it('hears with one while it sends with the other on a channel of its own', () => {
    for (const afterUs of [0, 100_000]) {
      expect(heardBeside({ frequencyHz: SPEC.frequencyHz + 250_000 }, afterUs).heard[1]).toEqual([0])
    }
  })

  it('hears a frame of which it missed no more than a preamble can spare', () => {
    // Ten symbols of 8.192 ms; its other receiver has nothing to turn round.
    const missedUs = new AirBench([{}], LORA_PRESETS.SHORT_FAST).air.airtimeUs(200) - 81_920
    expect(heardBeside(LORA_PRESETS.SHORT_FAST, 0, missedUs, 200).heard[1]).toEqual([0])
    expect(heardBeside(LORA_PRESETS.SHORT_FAST, 0, missedUs - 1, 200).heard[1]).toEqual([])
  })

  it('sends with both at once', () => {
    const [one, two] = kinds(
      { nodes: [{}, {}] },
      { nodes: [{}, {}], spec: { spreadingFactor: 7 }, options: { first: 0 } },
    )
    one.send(0)
    two.send(0)
    one.end()
    expect([one.air.account().frames, two.air.account().frames]).toEqual([1, 1])
    expect([one.heard[1], two.heard[1]]).toEqual([[0], [0]])
  })
})

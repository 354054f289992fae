/**
 * Goal: the fading of a pair is a normal process with the deviation and the memory it was given, the same both ways, of
 * nobody else's making, and never farther from the mean than its bound.
 * Method: many draws of a fixed seed, against the moments of an Ornstein-Uhlenbeck process; then single rules.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createKernel, roundDb } from '../kernel/index.js'
import { createFading, FADING_BOUND, type Fading, type FadingLaw } from './fading.js'
import { createPairs } from './pair-chance.js'

const LAW: FadingLaw = { sigmaDb: 4, coherenceMs: 10_000 }

function fadingOf(law: FadingLaw | null, seed = 3): Fading | null {
  return createFading(law, createPairs(createKernel({ seed }).random('test')))
}

/** One pair, asked every so many milliseconds. */
function walk(count: number, everyMs: number, law = LAW, seed = 3): number[] {
  const pair = fadingOf(law, seed)!.of('a', 'b', 0)
  return Array.from({ length: count }, (_, at) => pair.db(at * everyMs * 1_000))
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Between each value and the one so many steps later. */
function correlation(values: readonly number[], steps: number): number {
  const products = values.slice(steps).map((value, at) => value * values[at]!)
  return mean(products) / mean(values.map(value => value * value))
}

describe('slow fading', () => {
  it('is normal with the deviation it was given', () => {
    // Ten coherence times apart, draws know nothing of each other: the mean of 20,000 errs by 0.028 dB.
    const values = walk(20_000, 100_000)
    expect(Math.abs(mean(values))).toBeLessThan(0.1)
    const sigmaDb = Math.sqrt(mean(values.map(value => value * value)))
    // The bound takes 0.5 % of the variance.
    expect(Math.abs(sigmaDb - LAW.sigmaDb)).toBeLessThan(0.1)
    const within = (deviations: number): number =>
      values.filter(value => Math.abs(value) <= deviations * LAW.sigmaDb).length / values.length
    expect(Math.abs(within(1) - 0.6827)).toBeLessThan(0.01)
    expect(Math.abs(within(2) - 0.9545)).toBeLessThan(0.005)
  })

  it('forgets all but the e-th part within its coherence time, however often it was asked', () => {
    const atOnce = walk(20_000, LAW.coherenceMs)
    expect(Math.abs(correlation(atOnce, 1) - Math.exp(-1))).toBeLessThan(0.02)
    // Twenty steps on the way: 4,000 coherence times of one path.
    const inSteps = walk(80_000, LAW.coherenceMs / 20)
    expect(Math.abs(correlation(inSteps, 20) - Math.exp(-1))).toBeLessThan(0.04)
    expect(Math.abs(correlation(inSteps, 40) - Math.exp(-2))).toBeLessThan(0.05)
  })

  it('begins as it goes on: over many pairs, and after a coherence time', () => {
    const fading = fadingOf(LAW)!
    const names = Array.from({ length: 5_000 }, (_, at) => `n${at}`)
    const first = names.map(name => fading.of('hub', name, 0).db(0))
    const later = names.map(name => fading.of('hub', name, 0).db(LAW.coherenceMs * 1_000))
    for (const values of [first, later]) {
      expect(Math.abs(Math.sqrt(mean(values.map(value => value * value))) - LAW.sigmaDb)).toBeLessThan(0.15)
    }
    const kept = mean(first.map((value, at) => value * later[at]!)) / LAW.sigmaDb ** 2
    expect(Math.abs(kept - Math.exp(-1))).toBeLessThan(0.05)
  })

  it('is the same both ways, and does not change while no time passes', () => {
    const fading = fadingOf(LAW)!
    const there = fading.of('a', 'b', 0)
    const back = fading.of('b', 'a', 0)
    for (let atUs = 0; atUs < 60_000_000; atUs += 700_000) {
      const db = there.db(atUs)
      expect(back.db(atUs)).toBe(db)
      expect(there.db(atUs)).toBe(db)
    }
  })

  it('belongs to the two alone: others shift nothing', () => {
    const alone = walk(50, 3_000)
    const fading = fadingOf(LAW)!
    const pair = fading.of('b', 'a', 0)
    const among = alone.map((_, at) => {
      fading.of('a', `c${at}`, at).db(at * 3_000_000)
      return pair.db(at * 3_000_000)
    })
    expect(among).toEqual(alone)
    expect(fading.of('a', 'c0', 0).db(200_000_000)).not.toBe(fading.of('b', 'c0', 0).db(200_000_000))
    expect(walk(50, 3_000, LAW, 4)).not.toEqual(alone)
  })

  it("draws from a stream of its own, not from that of the pair's shadow", () => {
    const chanceOf = createPairs(createKernel({ seed: 3 }).random('test'))
    const shadow = LAW.sigmaDb * chanceOf('a', 'b').normal()
    expect(Math.abs(walk(1, 1)[0]! - shadow)).toBeGreaterThan(0.01)
    // The LoRa air's figures from this seed, so that runs from before keep their fingerprints.
    const atUs = [0, 0, 7_000_000, 7_000_001, 500_000_000]
    const pair = createFading(LAW, chanceOf)!.of('a', 'b', 0)
    const chance = chanceOf('b/fading', 'a/fading')
    let valueDb = roundDb(4 * chance.normal())
    const expected = atUs.map((us, at) => {
      const elapsedMs = (us - (atUs[at - 1] ?? 0)) / 1_000
      const kept = Math.exp(-elapsedMs / 10_000)
      if (elapsedMs > 0) valueDb = roundDb(valueDb * kept + 4 * Math.sqrt(1 - kept * kept) * chance.normal())
      return valueDb
    })
    expect(atUs.map(us => pair.db(us))).toEqual(expected)
  })

  it('stays within its bound, and comes to it', () => {
    fc.assert(
      fc.property(fc.integer(), fc.double({ min: 0.1, max: 20, noNaN: true }), (seed, sigmaDb) => {
        const values = walk(200, 20_000, { sigmaDb, coherenceMs: 5_000 }, seed)
        return values.every(value => Math.abs(value) <= FADING_BOUND * sigmaDb)
      }),
      { numRuns: 50 },
    )
    const bounds = new Set(walk(5_000, 100_000).map(value => Math.abs(value)))
    expect(Math.max(...bounds)).toBe(FADING_BOUND * LAW.sigmaDb)
    expect(fadingOf(LAW)!.mostDb).toBe(12)
  })

  it('is nothing at all where nothing was said or nothing strays', () => {
    expect(fadingOf(null)).toBeNull()
    expect(fadingOf({ sigmaDb: 0, coherenceMs: 1_000 })).toBeNull()
  })

  it('is not asked about the past', () => {
    const pair = fadingOf(LAW)!.of('a', 'b', 1_000)
    pair.db(5_000)
    expect(() => pair.db(4_999)).toThrow()
  })
})

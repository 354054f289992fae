/**
 * Goal: a pair's fading may be asked for any moment from now on, in any order and in either direction, and the answer is
 * one path with the deviation and the memory it was given.
 * Method: the strength between two nodes of a reach at moments of a kernel whose clock runs on, over many pairs and paths.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createKernel, type Kernel, WORLD } from '../../kernel/index.js'
import type { FadingLaw } from '../fading.js'
import { EDGE_SPEC } from './edge-spec.contract.js'
import { LEAST_FADING_STEP_MS, MOST_FADING_STEP_MS } from './limits.js'
import { Reach } from './reach.js'

const MEAN_DBM = -65

/** Everybody is ten metres from the first one. */
function bench(law: FadingLaw | null, nodes = 2, seed = 9): { readonly kernel: Kernel; readonly reach: Reach } {
  const kernel = createKernel({ seed })
  const spec = {
    ...EDGE_SPEC,
    fading: law,
  } as const
  const at = (node: number) => (node === 0 ? { xM: 0, yM: 0 } : { xM: 10, yM: 0 })
  const antenna = { gainDb: 0, heightM: 1 }
  const all = Array.from({ length: nodes }, (_, node) => ({ node, name: `n${node}`, at: at(node), move: [], antenna }))
  return { kernel, reach: new Reach(kernel, spec, all) }
}

function pass(kernel: Kernel, us: number): void {
  kernel.schedule(us, 'test', WORLD, () => {})
  kernel.run({ untilUs: kernel.nowUs + us })
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

const LAW: FadingLaw = { sigmaDb: 4, coherenceMs: 10_000 }

describe('the fading of a BLE pair', () => {
  it('strays from the mean by its deviation and forgets within its coherence time', () => {
    const { kernel, reach } = bench(LAW, 3_001)
    const strays = (): number[] => reach.nodes.slice(1).map(node => reach.rssiDbm(0, node) - MEAN_DBM)
    const first = strays()
    pass(kernel, LAW.coherenceMs * 1_000)
    const second = strays()
    for (const values of [first, second]) {
      expect(Math.abs(mean(values))).toBeLessThan(0.3)
      expect(Math.abs(Math.sqrt(mean(values.map(db => db * db))) - LAW.sigmaDb)).toBeLessThan(0.2)
    }
    const kept = mean(first.map((db, at) => db * second[at]!)) / LAW.sigmaDb ** 2
    expect(Math.abs(kept - Math.exp(-1))).toBeLessThan(0.06)
    for (const db of first) expect(Math.abs(db)).toBeLessThanOrEqual(reach.mostFadingDb + 0.001)
  })

  it('is the same both ways, and in whatever order moments are asked for', () => {
    const moment = fc.integer({ min: 0, max: 20_000_000 })
    const asked = fc.array(fc.tuple(moment, fc.boolean()), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(asked, moment, (asks, nowUs) => {
        const one = bench(LAW)
        const other = bench(LAW)
        for (const { kernel, reach } of [one, other]) {
          reach.rssiDbm(0, 1)
          pass(kernel, nowUs)
        }
        const answers = (reach: Reach, order: typeof asks): Map<number, number> =>
          new Map(order.map(([us, isBack]) => [us, reach.rssiDbm(isBack ? 1 : 0, isBack ? 0 : 1, nowUs + us)]))
        const there = answers(one.reach, asks)
        const back = answers(
          other.reach,
          [...asks].reverse().map(([us, isBack]) => [us, !isBack]),
        )
        for (const [us, dbm] of there) expect(back.get(us)).toBe(dbm)
      }),
      { numRuns: 100 },
    )
  })

  it('keeps to what it said of a moment that has come since', () => {
    const { kernel, reach } = bench(LAW)
    const foretold = Array.from({ length: 60 }, (_, second) => reach.rssiDbm(0, 1, second * 1_000_000))
    const come = foretold.map(() => {
      const dbm = reach.rssiDbm(1, 0)
      pass(kernel, 1_000_000)
      return dbm
    })
    expect(come).toEqual(foretold)
    expect(new Set(come).size).toBeGreaterThan(50)
  })

  it.each([
    ['a long coherence time', 600_000, MOST_FADING_STEP_MS],
    ['a short one', 10, LEAST_FADING_STEP_MS],
    ['one between', 32_000, 500],
  ])('holds still for a step of its own: %s', (_, coherenceMs, stepMs) => {
    const { reach } = bench({ sigmaDb: 4, coherenceMs })
    const stepUs = stepMs * 1_000
    expect([reach.nextFadeUs(0), reach.nextFadeUs(stepUs - 1), reach.nextFadeUs(stepUs)]).toEqual([
      stepUs,
      stepUs,
      2 * stepUs,
    ])
    expect(reach.rssiDbm(0, 1, stepUs - 1)).toBe(reach.rssiDbm(0, 1, 0))
    expect(reach.rssiDbm(0, 1, stepUs)).not.toBe(reach.rssiDbm(0, 1, 0))
  })

  it('leaves the mean alone, and who is in range', () => {
    const { reach } = bench(LAW)
    const steady = bench(null).reach
    expect([steady.rssiDbm(0, 1), steady.mostFadingDb, steady.nextFadeUs(5)]).toEqual([MEAN_DBM, 0, Infinity])
    expect([reach.meanDbm(0, 1), reach.mostFadingDb]).toEqual([MEAN_DBM, 12])
    const { reach: large } = bench(LAW, 20)
    expect(large.hearers(0, MEAN_DBM)).toEqual(large.nodes.slice(1))
    expect(large.hearers(0, MEAN_DBM + 0.01)).toEqual([])
    expect(reach.rangeM(0, 1, -80)).toBe(steady.rangeM(0, 1, -80))
  })
})

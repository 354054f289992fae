/**
 * Goal: churn crashes nodes at the rate that was asked for, evenly, never one that it holds already, and the same way for
 * the same chance. Method: long plans from a seeded generator; properties over all plans.
 */

import fc from 'fast-check'
import seedrandom from 'seedrandom'
import { describe, expect, it } from 'vitest'
import { planChurn } from './index.js'

const HOUR_MS = 3_600_000
const plan = (churn: Partial<Parameters<typeof planChurn>[0]>, seed = 'churn') =>
  planChurn(
    { atMs: 0, lengthMs: 1_000 * HOUR_MS, ratePerHour: 10, downForMs: 1_000, nodes: 20, ...churn },
    seedrandom(seed),
  )

describe('a plan', () => {
  it('has about as many crashes as the rate says, spread evenly over nodes and time', () => {
    const crashes = plan({})
    // Poisson: 10,000 expected with a deviation of 100.
    expect(Math.abs(crashes.length - 10_000)).toBeLessThan(400)
    for (let node = 0; node < 20; node++) {
      const own = crashes.filter(crash => crash.node === node).length
      expect(Math.abs(own - 500)).toBeLessThan(100)
    }
    const early = crashes.filter(({ atMs }) => atMs < 500 * HOUR_MS).length
    expect(Math.abs(early - 5_000)).toBeLessThan(300)
  })

  it('has gaps as chance makes them: some short, some long', () => {
    const crashes = plan({})
    const gaps = crashes.slice(1).map(({ atMs }, index) => (atMs - crashes[index]!.atMs) / HOUR_MS)
    const share = (most: number) => gaps.filter(gap => gap < most).length / gaps.length
    expect(share(0.01)).toBeCloseTo(1 - Math.exp(-0.1), 1)
    expect(share(0.1)).toBeCloseTo(1 - Math.exp(-1), 1)
  })

  it('is the same for the same chance, and another for another', () => {
    expect(plan({}, 'a')).toEqual(plan({}, 'a'))
    expect(plan({}, 'a')).not.toEqual(plan({}, 'b'))
  })

  it('takes nobody where all are down already', () => {
    const crashes = plan({ nodes: 2, downForMs: HOUR_MS, lengthMs: 100 * HOUR_MS, ratePerHour: 1_000 })
    expect(crashes.length).toBeGreaterThan(150)
    expect(crashes.length).toBeLessThanOrEqual(202)
  })

  it('is empty for no time at all', () => {
    expect(plan({ lengthMs: 0 })).toEqual([])
  })

  it('lies within its time, to the microsecond, and never takes a node that it holds', () => {
    fc.assert(
      fc.property(
        fc.record({
          atMs: fc.nat(HOUR_MS),
          lengthMs: fc.nat(10 * HOUR_MS),
          ratePerHour: fc.double({ min: 0.1, max: 500, noNaN: true }),
          downForMs: fc.integer({ min: 1, max: HOUR_MS }),
          nodes: fc.integer({ min: 1, max: 30 }),
        }),
        fc.string(),
        (churn, seed) => {
          const crashes = plan(churn, seed)
          const backAtMs = new Map<number, number>()
          let before = churn.atMs
          for (const { atMs, node } of crashes) {
            expect(atMs).toBeGreaterThanOrEqual(before)
            expect(atMs).toBeLessThanOrEqual(churn.atMs + churn.lengthMs)
            expect(Number.isInteger(Math.round(atMs * 1_000_000) / 1_000)).toBe(true)
            expect(node).toBeLessThan(churn.nodes)
            expect(atMs).toBeGreaterThanOrEqual((backAtMs.get(node) ?? 0) - 0.001)
            backAtMs.set(node, atMs + churn.downForMs)
            before = atMs
          }
        },
      ),
      { numRuns: 50 },
    )
  })
})

/**
 * Goal: sensitivities, error rates and isolation are those of data sheets and of the literature.
 * Method: tables; the tail of the normal distribution against known values; properties of the curve.
 */

import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { gaussianTail } from '../gaussian-tail.js'
import { bitErrorRate, frameErrorRate, weakestSnrDb } from './error-rate.js'
import { isolationDb } from './isolation.js'
import { noiseFloorDbm, requiredSnrDb, sensitivityDbm } from './noise.js'

describe('noise', () => {
  it.each([
    [62_500, -120.04, [-127.54, -130.04, -132.54, -135.04, -137.54, -140.04]],
    [125_000, -117.03, [-124.53, -127.03, -129.53, -132.03, -134.53, -137.03]],
    [250_000, -114.02, [-121.52, -124.02, -126.52, -129.02, -131.52, -134.02]],
    [500_000, -111.01, [-118.51, -121.01, -123.51, -126.01, -128.51, -131.01]],
  ])('at %i Hz has its floor and its sensitivities', (bandwidthHz, floorDbm, sensitivities) => {
    expect(noiseFloorDbm(bandwidthHz)).toBeCloseTo(floorDbm, 2)
    const got = [7, 8, 9, 10, 11, 12].map(sf => sensitivityDbm(sf, bandwidthHz))
    expect(got.map(dbm => dbm.toFixed(2))).toEqual(sensitivities.map(dbm => dbm.toFixed(2)))
  })

  it('takes the ratios of the data sheet, and another noise figure', () => {
    expect([6, 7, 8, 9, 10, 11, 12].map(requiredSnrDb)).toEqual([-5, -7.5, -10, -12.5, -15, -17.5, -20])
    expect(noiseFloorDbm(125_000, 4)).toBe(noiseFloorDbm(125_000) - 2)
  })
})

describe('the tail of the normal distribution', () => {
  it.each([
    [0, 0.5],
    [1, 0.15865525393145705],
    [2, 0.02275013194817921],
    [3, 0.0013498980316300933],
    [5, 2.866515718791939e-7],
    [8, 6.220960574271785e-16],
    [20, 2.7536241186062337e-89],
    [-2, 0.9772498680518208],
  ])('at %f is %f', (x, expected) => {
    expect(Math.abs(gaussianTail(x) / expected - 1)).toBeLessThan(1e-11)
  })

  it('joins where its two forms meet', () => {
    expect(Math.abs(gaussianTail(3 - 1e-9) / gaussianTail(3) - 1)).toBeLessThan(1e-8)
  })
})

describe('frame error rate', () => {
  /** For 20 bytes: spreading factor, decibels from the required ratio, rate, tolerance of the published rounding. */
  it.each([
    [7, 0, 0.022, 0.0005],
    [9, 0, 0.004, 0.0005],
    [12, 0, 0, 0.0005],
    [7, -1, 0.23, 0.005],
    [9, -1, 0.08, 0.005],
    [12, -1, 0.005, 0.0005],
    [7, -3, 0.996, 0.0005],
    [9, -3, 0.977, 0.0005],
    [12, -3, 0.68, 0.005],
  ])('SF%i at %i dB from the threshold', (sf, offsetDb, expected, tolerance) => {
    expect(Math.abs(frameErrorRate(sf, requiredSnrDb(sf) + offsetDb, 20) - expected)).toBeLessThanOrEqual(tolerance)
  })

  it('agrees with the closed form on every step, falls with the ratio and rises with the length', () => {
    const snrs = fc.integer({ min: -35 * 1_024, max: 10 * 1_024 }).map(step => step / 1_024)
    fc.assert(
      fc.property(fc.integer({ min: 5, max: 12 }), snrs, fc.integer({ min: 8, max: 254 }), (sf, snrDb, bytes) => {
        const rate = frameErrorRate(sf, snrDb, bytes)
        expect(rate).toBeCloseTo(1 - (1 - bitErrorRate(sf, snrDb)) ** (8 * bytes), 5)
        expect(frameErrorRate(sf, snrDb + 0.25, bytes)).toBeLessThanOrEqual(rate)
        expect(frameErrorRate(sf, snrDb, bytes + 1)).toBeGreaterThanOrEqual(rate)
      }),
    )
  })

  it('neither saves short frames nor gains by where its table ends', () => {
    expect(frameErrorRate(9, -15, 0)).toBe(frameErrorRate(9, -15, 8))
    for (let sf = 5; sf <= 12; sf++) {
      const [low, high] = [requiredSnrDb(sf) - 12, requiredSnrDb(sf) + 8]
      expect(frameErrorRate(sf, low, 8)).toBe(1)
      expect(frameErrorRate(sf, low - 1 / 1_024, 8)).toBe(1)
      expect(frameErrorRate(sf, high - 1 / 1_024, 255)).toBe(0)
      expect(frameErrorRate(sf, high, 255)).toBe(0)
    }
  })

  it('names the weakest ratio at which anything arrives, the same each time', () => {
    for (let sf = 5; sf <= 12; sf++) {
      const weakest = weakestSnrDb(sf)
      expect(weakestSnrDb(sf)).toBe(weakest)
      expect(frameErrorRate(sf, weakest, 8)).toBeLessThan(1)
      expect(frameErrorRate(sf, weakest - 1 / 16, 8)).toBe(1)
      expect(weakest).toBeLessThan(requiredSnrDb(sf) - 3)
    }
  })
})

describe('isolation', () => {
  it('holds both tables', () => {
    expect([7, 8, 12].map(sf => isolationDb(sf, sf))).toEqual([6, 6, 6])
    expect([8, 9, 10, 11, 12].map(sf => isolationDb(7, sf))).toEqual([-16, -18, -19, -19, -20])
    expect([7, 8, 9, 10, 11].map(sf => isolationDb(12, sf))).toEqual([-36, -36, -36, -36, -36])
    expect(isolationDb(10, 11)).toBe(-26)
    expect([7, 8, 9, 10, 11, 12].map(sf => isolationDb(9, sf, 'croce'))).toEqual([-15, -13, 1, -13, -14, -15])
  })

  it('takes the nearest neighbour for what is not tabled', () => {
    expect(isolationDb(5, 5)).toBe(6)
    expect(isolationDb(5, 6)).toBe(-16)
    expect(isolationDb(6, 7)).toBe(-16)
    expect(isolationDb(6, 12)).toBe(-20)
    expect(isolationDb(12, 5)).toBe(-36)
    expect(() => isolationDb(7, 13)).toThrow('12')
  })
})

/**
 * Goal: losses and ranges are those that other simulators compute with the same models.
 * Method: check values at 908.75 MHz with antennas a metre above ground; ranges of Meshtastic's presets; properties.
 */

import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OULU, type PathLossModel, pathLossDb, rangeM } from './path-loss.js'

const ENDS = { frequencyHz: 908_750_000, fromHeightM: 1, toHeightM: 1 }
const DISTANCES_M = [100, 500, 1_000, 2_000, 5_000]

const model = (changes: Partial<PathLossModel>): PathLossModel => ({
  model: 'log-distance',
  ...OULU,
  environment: 'suburban',
  ...changes,
})

const LORASIM = model({ exponent: 2.08, referenceM: 40, lossAtReferenceDb: 127.41 })
const MACRO = model({ model: '3gpp' })
const hata = (environment: PathLossModel['environment']) => model({ model: 'okumura-hata', environment })

describe('path loss', () => {
  it.each<[string, PathLossModel, readonly number[]]>([
    ['log-distance as LoRaSim has it', LORASIM, [135.687, 150.226, 156.487, 162.749, 171.026]],
    ['Okumura-Hata, town', hata('urban'), [103.304, 134.688, 148.204, 161.72, 179.588]],
    ['Okumura-Hata, large city', hata('metropolitan'), [103.349, 134.733, 148.249, 161.765, 179.633]],
    ['Okumura-Hata, suburb', hata('suburban'), [93.336, 124.72, 138.236, 151.752, 169.62]],
    ['Okumura-Hata, open land', hata('open'), [74.716, 106.099, 119.616, 133.132, 150.999]],
    ['3GPP, suburb', MACRO, [102.952, 134.336, 147.852, 161.368, 179.236]],
    ['3GPP, town', model({ model: '3gpp', environment: 'urban' }), [105.952, 137.336, 150.852, 164.368, 182.236]],
  ])('%s', (_, spec, expectedDb) => {
    for (const [index, distanceM] of DISTANCES_M.entries()) {
      // Losses are rounded to 1/1024 dB, the published values to 1/1000.
      expect(Math.abs(pathLossDb(spec, distanceM, ENDS) - expectedDb[index]!)).toBeLessThan(0.001)
    }
  })

  /** 30 dBm, antennas of 0 dBi, the sensitivities of Meshtasticator. */
  it.each([
    ['SHORT_TURBO', -118.5, 1_033.8],
    ['SHORT_FAST', -121.5, 1_205.7],
    ['SHORT_SLOW', -124, 1_370.6],
    ['MEDIUM_FAST', -126.5, 1_558.1],
    ['MEDIUM_SLOW', -129, 1_771.3],
    ['LONG_TURBO', -128.5, 1_726.4],
    ['LONG_FAST', -131.5, 2_013.5],
    ['LONG_MODERATE', -134.5, 2_348.4],
    ['LONG_SLOW', -137, 2_669.7],
  ])('3GPP carries %s down to %f dBm over %f m', (_, sensitivityDbm, expectedM) => {
    expect(Math.abs(rangeM(MACRO, 30 - sensitivityDbm, ENDS) - expectedM)).toBeLessThan(0.15)
  })

  it('carries 14 dBm on LONG_FAST over 5.7 km with our intercept and an exponent of 2.2', () => {
    expect(rangeM(model({ exponent: 2.2 }), 14 + 131.52, ENDS) / 1_000).toBeCloseTo(5.7, 1)
  })

  it('knows no loss where there is no model, and none below zero', () => {
    const none = model({ model: 'none' })
    expect(pathLossDb(none, 1e6, ENDS)).toBe(0)
    expect(rangeM(none, 0, ENDS)).toBe(Infinity)
    expect(pathLossDb(model({ exponent: 6 }), 0, ENDS)).toBe(0)
    expect(rangeM(LORASIM, 10, ENDS)).toBe(0)
  })

  it('never falls with distance, and ranges are where losses pass', () => {
    const specs = fc.constantFrom(LORASIM, MACRO, model({}), hata('urban'), hata('open'), hata('metropolitan'))
    fc.assert(
      fc.property(
        specs,
        fc.double({ min: 0, max: 1e5, noNaN: true }),
        fc.integer({ min: 1, max: 30 }),
        (spec, metres, height) => {
          const ends = { ...ENDS, fromHeightM: height }
          const lossDb = pathLossDb(spec, metres, ends)
          expect(lossDb * 1_024).toBe(Math.round(lossDb * 1_024))
          expect(pathLossDb(spec, metres * 1.1 + 1, ends)).toBeGreaterThanOrEqual(lossDb)
          const range = rangeM(spec, lossDb, ends)
          expect(range).toBeGreaterThanOrEqual(Math.max(metres, 1) - 0.01)
          if (lossDb > 0) expect(pathLossDb(spec, range + 0.011, ends)).toBeGreaterThan(lossDb)
        },
      ),
    )
  })

  it('refuses antennas in the ground', () => {
    expect(() => pathLossDb(MACRO, 100, { ...ENDS, toHeightM: 0 })).toThrow('above the ground')
  })
})

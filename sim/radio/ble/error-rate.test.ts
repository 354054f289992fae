/**
 * Goal: packets break as often as BabbleSim's simple modem says.
 * Method: its curve at nine strengths for a full legacy advert and a full data packet on 1M and 2M; then the order of
 * the PHYs, and the inverse.
 */

import { describe, expect, it } from 'vitest'
import { bitErrorRate, noiseFloorDbm, packetErrorRate, weakestDbm } from './error-rate.js'
import type { BlePhy } from './pdu.js'

/** Strength; bit error rate on 1M; packets of 37 bytes on 1M, 251 on 1M, 251 on 2M. */
const CURVE = [
  [-92, 1.1e-9, 0, 0, 0.069],
  [-93, 4.7e-8, 0, 1e-4, 0.331],
  [-94, 9.6e-7, 4e-4, 0.002, 0.801],
  [-95, 1.1e-5, 0.004, 0.0223, 0.993],
  [-96, 7.6e-5, 0.0276, 0.1465, 1],
  [-97, 3.7e-4, 0.1262, 0.5335, 1],
  [-98, 1.3e-3, 0.3811, 0.9336, 1],
  [-99, 3.6e-3, 0.7382, 0.9995, 1],
  [-100, 8.4e-3, 0.9545, 1, 1],
] as const

describe('BLE error rates', () => {
  it.each(CURVE)('at %d dBm', (rssiDbm, bits, advert, full, fast) => {
    expect(Math.abs(bitErrorRate('1M', rssiDbm) / bits - 1)).toBeLessThan(0.06)
    // The published values have four and three decimals.
    expect(Math.abs(packetErrorRate('1M', rssiDbm, 37) - advert)).toBeLessThan(0.00006)
    expect(Math.abs(packetErrorRate('1M', rssiDbm, 251) - full)).toBeLessThan(0.00006)
    expect(Math.abs(packetErrorRate('2M', rssiDbm, 251) - fast)).toBeLessThan(0.0006)
  })

  it('have a noise floor that follows the bandwidth', () => {
    expect(noiseFloorDbm('1M')).toBeCloseTo(-109.586, 3)
    expect(noiseFloorDbm('2M')).toBeCloseTo(-106.021, 3)
    expect(noiseFloorDbm('S=8')).toBe(noiseFloorDbm('1M'))
  })

  it('are 4 and 9 dB better on the coded PHYs', () => {
    for (const [phy, gainDb] of [
      ['S=2', 4],
      ['S=8', 9],
    ] as const) {
      expect(packetErrorRate(phy, -97 - gainDb, 37)).toBeCloseTo(packetErrorRate('1M', -97, 37), 6)
    }
  })

  it('stay 0 and 1 far from the edge, also for the longest packets', () => {
    for (const phy of ['1M', '2M', 'S=2', 'S=8'] as BlePhy[]) {
      expect(packetErrorRate(phy, -40, 255)).toBe(0)
      expect(packetErrorRate(phy, -140, 0)).toBe(1)
    }
  })

  it('can be asked for the weakest signal', () => {
    for (const phy of ['1M', '2M', 'S=2', 'S=8'] as BlePhy[]) {
      const edgeDbm = weakestDbm(phy, 37, 0.5)
      expect(packetErrorRate(phy, edgeDbm, 37)).toBeLessThanOrEqual(0.5)
      expect(packetErrorRate(phy, edgeDbm - 2 / 1_024, 37)).toBeGreaterThan(0.5)
    }
  })
})

/**
 * Goal: what one kind of LoRa frame does to another follows from both channels and from the isolation table.
 * Method: golden pairs of channels; judgements just above and just below what is needed, for groups and moments.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LORA_BANDWIDTHS_HZ } from '../../../scenarios/index.js'
import { type Channel, isJammed, overlapDb, type Stranger, spreadingFactorSeen } from './interference.js'

const MHZ = 1_000_000
const STEP_DB = 1 / 1_024

const channel = (spreadingFactor: number, bandwidthKhz: number, frequencyHz = 869 * MHZ): Channel => ({
  spreadingFactor,
  bandwidthHz: bandwidthKhz * 1_000,
  frequencyHz,
})

describe('what falls into a channel', () => {
  it.each([
    ['all of its like', 250, 250, 0, 0],
    ['all of a narrower one', 500, 125, 0, 0],
    ['all of a narrower one at its edge', 500, 125, 187_500, 0],
    ['half of one twice as wide', 250, 500, 0, -3.01],
    ['a quarter of one four times as wide, wherever it lies in it', 125, 500, 187_500, -6.02],
    ['half of one that lies beside it', 250, 250, 125_000, -3.01],
    ['a hundredth of one that just touches it', 250, 250, 247_500, -20],
  ])('is %s', (_, wantedKhz, otherKhz, offsetHz, expectedDb) => {
    for (const sign of [1, -1]) {
      const other = channel(7, otherKhz, 869 * MHZ + sign * offsetHz)
      expect(overlapDb(channel(9, wantedKhz), other)).toBeCloseTo(expectedDb, 2)
    }
  })

  it('is nothing from the next channel on', () => {
    expect(overlapDb(channel(7, 250), channel(7, 250, 869 * MHZ + 250_000))).toBeNull()
    expect(overlapDb(channel(7, 125), channel(7, 500, 869 * MHZ - 312_500))).toBeNull()
    expect(overlapDb(channel(7, 125), channel(7, 500, 869 * MHZ - 312_499))).not.toBeNull()
  })

  it('is never more than was sent, and the same power density both ways', () => {
    const any = fc.record({
      spreadingFactor: fc.integer({ min: 5, max: 12 }),
      bandwidthHz: fc.constantFrom(...LORA_BANDWIDTHS_HZ),
      frequencyHz: fc.integer({ min: 868 * MHZ, max: 870 * MHZ }),
    })
    fc.assert(
      fc.property(any, any, (one, other) => {
        const [there, back] = [overlapDb(one, other), overlapDb(other, one)]
        expect(there === null).toBe(back === null)
        if (there === null || back === null) return
        expect(Math.max(there, back)).toBeLessThanOrEqual(0)
        const widthsDb = 10 * Math.log10(one.bandwidthHz / other.bandwidthHz)
        expect(Math.abs(there - back - widthsDb)).toBeLessThan(2 * STEP_DB)
      }),
    )
  })
})

describe('the factor that a channel sees', () => {
  it.each([
    // Wanted and interferer as factor and kilohertz; what is seen.
    [11, 250, 7, 250, 7],
    [7, 250, 11, 250, 11],
    [11, 250, 10, 500, 8],
    [11, 250, 9, 125, null],
    [9, 125, 11, 250, null],
    [7, 125, 9, 250, null],
    [9, 250, 9, 250, null],
    [9, 250, 7, 62.5, 11],
    // Beyond the tables the last one that is not the wanted one itself.
    [11, 250, 7, 500, 7],
    [7, 250, 7, 500, 8],
    [11, 250, 11, 125, 12],
    [12, 250, 12, 125, 11],
    [12, 125, 7, 15.6, 11],
    // Four times 10.4 kHz is called 41.7, and is the same rate.
    [7, 10.4, 11, 41.7, null],
    // 203 kHz chirp at two thirds of the rate of 250: not orthogonal factors, but not alike either.
    [9, 250, 9, 203.125, 10],
    [9, 203.125, 9, 250, 8],
    // Below the tables.
    [5, 250, 6, 250, 7],
    [6, 250, 5, 250, 7],
  ])('at SF%s and %s kHz, of SF%s at %s kHz, is %s', (sf, khz, otherSf, otherKhz, seen) => {
    expect(spreadingFactorSeen(channel(sf, khz), channel(otherSf, otherKhz))).toBe(seen)
  })

  it('lies in the tables and is never the wanted one', () => {
    const any = fc.record({
      spreadingFactor: fc.integer({ min: 5, max: 12 }),
      bandwidthHz: fc.constantFrom(...LORA_BANDWIDTHS_HZ),
      frequencyHz: fc.constant(869 * MHZ),
    })
    fc.assert(
      fc.property(any, any, (one, other) => {
        const seen = spreadingFactorSeen(one, other)
        expect(seen === null).toBe(spreadingFactorSeen(other, one) === null)
        if (seen === null) return
        expect(seen).not.toBe(one.spreadingFactor)
        expect(seen).toBeGreaterThanOrEqual(7)
        expect(seen).toBeLessThanOrEqual(12)
      }),
    )
  })
})

describe('a frame among strangers', () => {
  const wanted = { flight: { startUs: 1_000, endUs: 2_000 }, rssiDbm: -100 }
  const stranger = (asSf: number, rssiDbm: number, startUs = 0, endUs = 3_000): Stranger => ({
    asSf,
    rssiDbm,
    flight: { startUs, endUs },
  })
  const jammed = (...strangers: readonly Stranger[]): boolean =>
    isJammed(wanted, strangers, { spreadingFactor: 9, graceUs: 100 })

  it('survives what is stronger by the isolation, and no more', () => {
    expect(jammed(stranger(7, -73))).toBe(false)
    expect(jammed(stranger(7, -73 + STEP_DB))).toBe(true)
    expect(jammed(stranger(10, -77))).toBe(false)
    expect(jammed(stranger(10, -77 + STEP_DB))).toBe(true)
  })

  it('has those of one factor against it together, and other factors each for itself', () => {
    expect(jammed(stranger(7, -76), stranger(7, -76))).toBe(true)
    expect(jammed(stranger(7, -76.1), stranger(7, -76.1))).toBe(false)
    expect(jammed(stranger(7, -73), stranger(8, -73), stranger(10, -77))).toBe(false)
  })

  it('has together against it what is there at once, not what comes one after the other', () => {
    const inTurns = [0, 1, 2, 3].map(turn => stranger(7, -73, 1_000 + 250 * turn, 1_250 + 250 * turn))
    expect(jammed(...inTurns)).toBe(false)
    expect(jammed(...inTurns, stranger(7, -85, 1_400, 1_410))).toBe(true)
  })

  it('is not harmed by what ends within its grace or begins when it is over', () => {
    expect(jammed(stranger(7, 0, 0, 1_100), stranger(8, 0, 2_000, 3_000))).toBe(false)
    expect(jammed(stranger(7, 0, 0, 1_101))).toBe(true)
    expect(jammed(stranger(8, 0, 1_999, 3_000))).toBe(true)
  })
})

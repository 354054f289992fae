/**
 * Goal: the time on air is right to the microsecond, and the mistakes that others published would be noticed.
 * Method: tables of data sheets, ns-3 and mesh firmware; four mutants, each of which must differ on named rows; properties.
 */

import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LORA_PRESET_NAMES, LORA_PRESETS, type LoraPreset } from '../../../scenarios/index.js'
import { bitRate, isLowDataRate, type Modulation, symbolUs, timeOnAir } from './time-on-air.js'

/** What each Meshtastic frame carries before its payload. */
const MESHTASTIC_HEADER_BYTES = 16
const PAYLOADS = [0, 20, 40, 120, 239]

/** Milliseconds for the payloads above. */
const MESHTASTIC: readonly (readonly [LoraPreset, readonly number[]])[] = [
  ['SHORT_TURBO', [14.912, 21.312, 28.992, 58.432, 101.952]],
  ['SHORT_FAST', [29.824, 42.624, 57.984, 116.864, 203.904]],
  ['SHORT_SLOW', [54.528, 80.128, 105.728, 208.128, 361.728]],
  ['MEDIUM_TURBO', [49.408, 75.008, 95.488, 187.648, 320.768]],
  ['MEDIUM_FAST', [98.816, 150.016, 190.976, 375.296, 641.536]],
  ['MEDIUM_SLOW', [197.632, 279.552, 361.472, 689.152, 1180.672]],
  ['LONG_TURBO', [214.016, 345.088, 476.16, 934.912, 1655.808]],
  ['LONG_FAST', [354.304, 518.144, 681.984, 1255.424, 2156.544]],
  ['LONG_MODERATE', [987.136, 1511.424, 2166.784, 4526.08, 7933.952]],
  ['LONG_SLOW', [1974.272, 3022.848, 4071.424, 8265.728, 14295.04]],
  ['LITE_FAST', [197.632, 300.032, 381.952, 750.592, 1283.072]],
  ['LITE_SLOW', [395.264, 559.104, 722.944, 1378.304, 2361.344]],
  ['NARROW_FAST', [131.584, 193.024, 266.752, 549.376, 967.168]],
  ['NARROW_SLOW', [238.592, 361.472, 484.352, 975.872, 1713.152]],
]

/** ns-3's lorawan module, its own tests: SF, kHz, CR - 4, bytes, implicit header, preamble, low data rate, milliseconds. */
const NS3: readonly (readonly [number, number, number, number, 0 | 1, number, 0 | 1, number])[] = [
  [7, 125, 1, 10, 0, 8, 0, 41.216],
  [8, 125, 1, 10, 0, 8, 0, 72.192],
  [8, 125, 1, 10, 1, 8, 0, 72.192],
  [8, 125, 2, 10, 1, 8, 0, 78.336],
  [8, 125, 2, 10, 1, 10, 0, 82.432],
  [8, 125, 2, 10, 1, 10, 1, 82.432],
  [10, 125, 2, 10, 1, 10, 1, 280.576],
  [10, 250, 2, 10, 1, 10, 1, 140.288],
  [10, 500, 2, 10, 1, 10, 1, 70.144],
  [10, 500, 2, 10, 0, 10, 1, 82.432],
  [10, 500, 2, 10, 0, 8, 1, 78.336],
  [12, 500, 2, 10, 0, 8, 1, 264.192],
  [12, 500, 2, 50, 0, 8, 1, 657.408],
  [12, 125, 2, 50, 0, 8, 1, 2629.632],
  [12, 125, 1, 50, 0, 8, 1, 2301.952],
]

/** Preamble 8, checksum, header, low data rate where it is due: SF, kHz, denominator, bytes, milliseconds. */
const LORAWAN: readonly (readonly [number, number, number, number, number])[] = [
  [7, 125, 5, 13, 46.336],
  [7, 125, 5, 20, 56.576],
  [7, 125, 5, 51, 102.656],
  [7, 125, 5, 222, 348.416],
  [8, 125, 5, 20, 102.912],
  [9, 125, 5, 20, 185.344],
  [10, 125, 5, 20, 370.688],
  [11, 125, 5, 20, 741.376],
  [12, 125, 5, 20, 1318.912],
  [12, 125, 8, 20, 1712.128],
  [12, 125, 5, 51, 2465.792],
  [11, 250, 5, 20, 329.728],
  [12, 250, 5, 20, 659.456],
  [12, 500, 5, 20, 329.728],
  [7, 250, 5, 120, 99.968],
]

/** MeshCore: SF, kHz, denominator, preamble, bytes, milliseconds. */
const MESHCORE: readonly (readonly [number, number, number, number, number, number])[] = [
  [8, 62.5, 8, 16, 20, 312.32],
  [8, 62.5, 8, 32, 20, 377.856],
  [8, 62.5, 8, 16, 60, 640],
  [8, 62.5, 8, 32, 60, 705.536],
  [8, 62.5, 8, 16, 120, 1131.52],
  [8, 62.5, 8, 32, 120, 1197.056],
  [8, 62.5, 8, 16, 184, 1655.808],
  [8, 62.5, 8, 32, 184, 1721.344],
  [10, 250, 5, 16, 20, 218.112],
  [10, 250, 5, 16, 60, 381.952],
  [10, 250, 5, 16, 120, 627.712],
  [10, 250, 5, 16, 184, 873.472],
]

const lorawan = ([spreadingFactor, kHz, codingRate]: readonly number[]): Modulation => ({
  spreadingFactor: spreadingFactor!,
  bandwidthHz: kHz! * 1_000,
  codingRate: codingRate!,
  preambleSymbols: 8,
})

const us = (ms: number): number => Math.round(ms * 1_000)

describe('time on air', () => {
  it.each(MESHTASTIC)('%s agrees with the published table', (preset, expectedMs) => {
    const got = PAYLOADS.map(bytes => timeOnAir(LORA_PRESETS[preset], bytes + MESHTASTIC_HEADER_BYTES).us)
    expect(got).toEqual(expectedMs.map(us))
  })

  it.each(NS3)(
    'SF%i at %i kHz agrees with ns-3 (CR %i, %i bytes, implicit %i, preamble %i, low data rate %i)',
    (...row) => {
      const [spreadingFactor, kHz, rate, bytes, implicit, preambleSymbols, low, expectedMs] = row
      const modulation: Modulation = {
        spreadingFactor,
        bandwidthHz: kHz * 1_000,
        codingRate: rate + 4,
        preambleSymbols,
        implicitHeader: implicit === 1,
        crc: true,
        lowDataRate: low === 1,
      }
      expect(timeOnAir(modulation, bytes).us).toBe(us(expectedMs))
    },
  )

  it.each(LORAWAN)('SF%i at %i kHz, 4/%i, %i bytes takes %f ms', (...row) => {
    expect(timeOnAir(lorawan(row), row[3]).us).toBe(us(row[4]))
  })

  it.each(MESHCORE)('MeshCore: SF%i at %f kHz, 4/%i, preamble %i, %i bytes takes %f ms', (...row) => {
    const modulation = { ...lorawan(row), preambleSymbols: row[3] }
    expect(timeOnAir(modulation, row[4]).us).toBe(us(row[5]))
  })

  it('tells the two chips apart at SF6 and SF5 alone', () => {
    const short: Modulation = { ...lorawan([6, 500, 5]), implicitHeader: true }
    expect(timeOnAir(short, 20)).toMatchObject({ us: 7_072, symbols: 55.25 })
    expect(timeOnAir({ ...short, chip: 'sx126x' }, 20)).toMatchObject({ us: 7_328, symbols: 57.25 })
    expect(timeOnAir({ ...short, spreadingFactor: 7, chip: 'sx126x' }, 20)).toEqual(
      timeOnAir({ ...short, spreadingFactor: 7 }, 20),
    )
  })

  it('counts symbols with the preamble, to the quarter', () => {
    const frame = timeOnAir(LORA_PRESETS.LONG_FAST, 56)
    expect(frame).toEqual({ us: 681_984, symbols: 83.25, preambleUs: 165_888, payloadSymbols: 63 })
    expect(frame.us).toBe(frame.symbols * symbolUs(LORA_PRESETS.LONG_FAST))
  })

  it('sends long symbols at a low data rate, whatever the bandwidth', () => {
    const isLow = (sf: number, kHz: number) => isLowDataRate(lorawan([sf, kHz, 5]))
    const widths = [62.5, 125, 250, 500]
    expect(widths.map(kHz => [7, 8, 9, 10, 11, 12].filter(sf => isLow(sf, kHz)))).toEqual([
      [10, 11, 12],
      [11, 12],
      [12],
      [],
    ])
  })

  it('knows the bit rates that firmware documents', () => {
    expect(Math.round(bitRate(LORA_PRESETS.LONG_FAST))).toBe(1_074)
    expect(Math.round(bitRate(LORA_PRESETS.SHORT_TURBO))).toBe(21_875)
    expect(Math.round(bitRate(LORA_PRESETS.LONG_SLOW))).toBe(183)
  })
})

describe('published mistakes', () => {
  /** The formula as it stands in data sheets, in floats, with a way to get each part wrong. */
  function mutant(modulation: Modulation, bytes: number, wrong: 'nothing' | 'cr' | 'ceil' | 'crc' | 'low'): number {
    const { spreadingFactor: sf, bandwidthHz, codingRate, preambleSymbols } = modulation
    const isLow = wrong === 'low' ? bandwidthHz === 125_000 && sf >= 11 : isLowDataRate(modulation)
    const blocks = (8 * bytes - 4 * sf + 28 + (wrong === 'crc' ? 0 : 16)) / (4 * (sf - (isLow ? 2 : 0)))
    const rate = wrong === 'cr' ? codingRate + 4 : codingRate
    const payload = wrong === 'ceil' ? Math.ceil(blocks * rate) : Math.ceil(blocks) * rate
    return Math.round((preambleSymbols + 4.25 + 8 + Math.max(payload, 0)) * symbolUs(modulation))
  }

  const LONG_FAST = LORA_PRESETS.LONG_FAST
  const rows: readonly (readonly [string, 'cr' | 'ceil' | 'crc' | 'low', Modulation, number, number])[] = [
    ['the coding rate added twice', 'cr', LONG_FAST, 56, 1_042_432],
    ['rounding up after the coding rate', 'ceil', LONG_FAST, 56, 649_216],
    ['the checksum forgotten', 'crc', LONG_FAST, 56, 641_024],
    ['low data rate at 125 kHz alone, SF12 at 250 kHz', 'low', lorawan([12, 250, 5]), 51, 1_069_056],
    ['low data rate at 125 kHz alone, SF10 at 62.5 kHz', 'low', lorawan([10, 62.5, 5]), 51, 1_232_896],
  ]

  it.each(rows)('%s would be noticed', (_, wrong, modulation, bytes, mistakenUs) => {
    expect(mutant(modulation, bytes, 'nothing')).toBe(timeOnAir(modulation, bytes).us)
    expect(mutant(modulation, bytes, wrong)).toBe(mistakenUs)
    expect(timeOnAir(modulation, bytes).us).not.toBe(mistakenUs)
  })
})

describe('time on air, in general', () => {
  const modulations = fc.record({
    spreadingFactor: fc.integer({ min: 5, max: 12 }),
    bandwidthHz: fc.constantFrom(7_800, 15_600, 41_700, 62_500, 125_000, 203_125, 250_000, 500_000, 812_500, 1_625_000),
    codingRate: fc.integer({ min: 5, max: 8 }),
    preambleSymbols: fc.integer({ min: 6, max: 65_535 }),
    implicitHeader: fc.boolean(),
    crc: fc.boolean(),
    chip: fc.constantFrom('sx127x' as const, 'sx126x' as const),
  })

  it('is the same as the form that drivers use, never shorter for more bytes, and whole', () => {
    fc.assert(
      fc.property(modulations, fc.integer({ min: 0, max: 254 }), (modulation, bytes) => {
        const { us: shorter, symbols } = timeOnAir(modulation, bytes)
        expect(Number.isSafeInteger(shorter)).toBe(true)
        expect(Math.abs(symbols * symbolUs(modulation) - shorter)).toBeLessThanOrEqual(0.5)
        expect(timeOnAir(modulation, bytes + 1).us).toBeGreaterThanOrEqual(shorter)
        // RadioLib's integers for the SX126x, symbols times four.
        const { spreadingFactor: sf } = modulation
        if (modulation.chip !== 'sx126x') return
        const bits =
          8 * bytes + (modulation.crc ? 16 : 0) - 4 * sf + (sf <= 6 ? 0 : 8) + (modulation.implicitHeader ? 0 : 20)
        const divisor = 4 * (isLowDataRate(modulation) ? sf - 2 : sf)
        const blocks = Math.floor((Math.max(bits, 0) + divisor - 1) / divisor)
        const quarters = 4 * (modulation.preambleSymbols + blocks * modulation.codingRate + 8) + (sf <= 6 ? 25 : 17)
        expect(symbols * 4).toBe(quarters)
      }),
    )
  })

  it('refuses what no frame has', () => {
    const good = LORA_PRESETS.LONG_FAST
    expect(timeOnAir(good, 255).us).toBe(2_156_544)
    for (const bytes of [-1, 256, 1.5]) expect(() => timeOnAir(good, bytes)).toThrow('255')
    for (const spreadingFactor of [4, 13]) expect(() => timeOnAir({ ...good, spreadingFactor }, 1)).toThrow('5 to 12')
    for (const codingRate of [4, 9]) expect(() => timeOnAir({ ...good, codingRate }, 1)).toThrow('5 to 8')
    expect(() => timeOnAir({ ...good, bandwidthHz: 0 }, 1)).toThrow('bandwidth')
    expect(timeOnAir({ ...good, preambleSymbols: 65_535 }, 1).us).toBeGreaterThan(0)
    expect(() => timeOnAir({ ...good, preambleSymbols: 65_536 }, 1)).toThrow('preamble')
  })

  it('covers all presets', () => {
    for (const name of LORA_PRESET_NAMES) expect(timeOnAir(LORA_PRESETS[name], 20).us).toBeGreaterThan(0)
  })
})

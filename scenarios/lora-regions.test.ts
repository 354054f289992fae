/** Goal: presets and laws are the published ones, and a channel lies in a band with its whole width. Method: tables. */

import { describe, expect, it } from 'vitest'
import {
  LORA_BANDWIDTHS_HZ,
  LORA_PRESET_NAMES,
  LORA_PRESETS,
  LORA_REGION_NAMES,
  LORA_REGIONS,
  loraBandOf,
} from './index.js'

describe('presets', () => {
  // Symbol times in microseconds as the firmware's table has them: 2^SF / BW.
  it.each([
    ['SHORT_TURBO', 256, 5],
    ['SHORT_FAST', 512, 5],
    ['SHORT_SLOW', 1_024, 5],
    ['MEDIUM_TURBO', 1_024, 5],
    ['MEDIUM_FAST', 2_048, 5],
    ['MEDIUM_SLOW', 4_096, 5],
    ['LONG_TURBO', 4_096, 8],
    ['LONG_FAST', 8_192, 5],
    ['LONG_MODERATE', 16_384, 8],
    ['LONG_SLOW', 32_768, 8],
    ['LITE_FAST', 4_096, 5],
    ['LITE_SLOW', 8_192, 5],
    ['NARROW_FAST', 2_048, 6],
    ['NARROW_SLOW', 4_096, 6],
  ] as const)('%s has symbols of %d us and a coding rate of 4/%d', (name, symbolUs, codingRate) => {
    const preset = LORA_PRESETS[name]
    expect((2 ** preset.spreadingFactor * 1e6) / preset.bandwidthHz).toBe(symbolUs)
    expect(preset.codingRate).toBe(codingRate)
    expect(preset.preambleSymbols).toBe(16)
  })

  it('are set as a chip can be set', () => {
    for (const name of LORA_PRESET_NAMES) expect(LORA_BANDWIDTHS_HZ).toContain(LORA_PRESETS[name].bandwidthHz)
  })
})

describe('regions', () => {
  it.each([
    ['EU868-K', 863, 865, 0.001, 14],
    ['EU868-L', 865, 868, 0.01, 14],
    ['EU868-M', 868, 868.6, 0.01, 14],
    ['EU868-N', 868.7, 869.2, 0.001, 14],
    ['EU868-P', 869.4, 869.65, 0.1, 27],
    ['EU868-Q', 869.7, 870, 0.01, 14],
    ['US915', 902, 928, 1, 30],
  ] as const)('%s is one band from %d to %d MHz', (name, fromMHz, toMHz, dutyCycle, maxPowerDbm) => {
    expect(LORA_REGIONS[name].bands).toHaveLength(1)
    expect(LORA_REGIONS[name].bands[0]).toMatchObject({
      fromHz: Math.round(fromMHz * 1e6),
      toHz: Math.round(toMHz * 1e6),
      dutyCycle,
      maxPowerDbm,
    })
  })

  it('have a frequency of their own at which LONG_FAST may be sent', () => {
    for (const name of LORA_REGION_NAMES)
      expect([name, loraBandOf(name, LORA_REGIONS[name].frequencyHz, 250_000)?.name]).not.toContain(undefined)
  })

  it('limit how long a frame stays on a channel in America alone, and not on wide ones', () => {
    const limited = LORA_REGION_NAMES.filter(name => LORA_REGIONS[name].bands.some(band => band.maxDwellMs !== null))
    expect(limited).toEqual(['US915'])
    expect(LORA_REGIONS.US915.bands[0]).toMatchObject({ maxDwellMs: 400, dwellBandwidthHz: 500_000 })
  })

  it.each([
    ['EU868-P', 869_525_000, 250_000, 'P'],
    ['EU868-P', 869_525_001, 250_000, undefined],
    ['EU868-P', 869_400_000, 125_000, undefined],
    ['EU868', 868_300_000, 500_000, 'M'],
    ['EU868', 868_650_000, 62_500, undefined],
    ['EU868', 868_000_000, 125_000, undefined],
    ['EU868', 869_850_000, 250_000, 'Q'],
    ['none', 2_403_000_000, 812_500, 'none'],
  ] as const)('%s has for %d Hz, %d wide, the band %s', (region, frequencyHz, bandwidthHz, band) => {
    expect(loraBandOf(region, frequencyHz, bandwidthHz)?.name).toBe(band)
  })
})

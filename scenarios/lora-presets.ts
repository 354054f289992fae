/**
 * Named settings of LoRa modems, as mesh firmware ships them: everything that decides how long a frame takes and how far
 * it reaches, but neither the frequency nor the power, which the law of a region decides.
 */

export interface LoraModem {
  readonly spreadingFactor: number
  readonly bandwidthHz: number
  /** The denominator of the coding rate: 5 for 4/5 up to 8 for 4/8. */
  readonly codingRate: number
  readonly preambleSymbols: number
}

/** Meshtastic sends 16 symbols of preamble with each of its presets below 1 GHz. */
const MESHTASTIC_PREAMBLE_SYMBOLS = 16

/** Meshtastic firmware of July 2026. Those in ham bands (TINY) are 15.6 kHz wide. */
export const LORA_PRESETS = {
  SHORT_TURBO: modem(7, 500_000, 5),
  SHORT_FAST: modem(7, 250_000, 5),
  SHORT_SLOW: modem(8, 250_000, 5),
  MEDIUM_TURBO: modem(9, 500_000, 5),
  MEDIUM_FAST: modem(9, 250_000, 5),
  MEDIUM_SLOW: modem(10, 250_000, 5),
  LONG_TURBO: modem(11, 500_000, 8),
  LONG_FAST: modem(11, 250_000, 5),
  LONG_MODERATE: modem(11, 125_000, 8),
  LONG_SLOW: modem(12, 125_000, 8),
  LITE_FAST: modem(9, 125_000, 5),
  LITE_SLOW: modem(10, 125_000, 5),
  NARROW_FAST: modem(7, 62_500, 6),
  NARROW_SLOW: modem(8, 62_500, 6),
  TINY_FAST: modem(7, 15_600, 5),
  TINY_SLOW: modem(8, 15_600, 6),
  /** What MeshCore ships for Europe; its preamble is longer up to a spreading factor of 8. */
  MESHCORE_NARROW: { spreadingFactor: 8, bandwidthHz: 62_500, codingRate: 8, preambleSymbols: 32 },
} as const satisfies Readonly<Record<string, LoraModem>>

export type LoraPreset = keyof typeof LORA_PRESETS

export const LORA_PRESET_NAMES = Object.keys(LORA_PRESETS) as readonly LoraPreset[]

/** Nominal widths that the chips can be set to: SX127x and SX126x below 1 GHz, SX128x above. */
export const LORA_BANDWIDTHS_HZ: readonly number[] = [
  7_800, 10_400, 15_600, 20_800, 31_250, 41_700, 62_500, 125_000, 203_125, 250_000, 406_250, 500_000, 812_500,
  1_625_000,
]

function modem(spreadingFactor: number, bandwidthHz: number, codingRate: number): LoraModem {
  return { spreadingFactor, bandwidthHz, codingRate, preambleSymbols: MESHTASTIC_PREAMBLE_SYMBOLS }
}

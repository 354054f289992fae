/**
 * What the law of a region asks of a LoRa radio: where it may send, how loud, and for how much of the time. Each band is
 * accounted by itself. A channel has to lie within one band with its whole width.
 */

export interface LoraBand {
  readonly name: string
  readonly fromHz: number
  readonly toHz: number
  /** Of any window of an hour, as a fraction of 1; 1 where there is no such limit. */
  readonly dutyCycle: number
  /** What a radio may be set to, as regulators and firmware list it: in Europe effective radiated power. */
  readonly maxPowerDbm: number
  /** Radiated by an antenna of any gain, compared with one that radiates alike in all directions. */
  readonly maxEirpDbm: number
  /** Longest stay of one frame on channels narrower than `dwellBandwidthHz`; null without such a limit. */
  readonly maxDwellMs: number | null
  readonly dwellBandwidthHz: number
}

export interface LoraRegion {
  readonly bands: readonly LoraBand[]
  /** Where a scenario says nothing. */
  readonly frequencyHz: number
}

/** Effective radiated power is measured against a half-wave dipole, which has this gain over an isotropic antenna. */
const DIPOLE_GAIN_DB = 2.15

/** The window over which a duty cycle is counted. EN 300 220-1: one hour. */
export const DUTY_WINDOW_MS = 3_600_000

/** Sub-bands of EN 300 220-2; 25 mW are 14 dBm and 500 mW 27 dBm, effective radiated power. */
const K = european('K', 863_000_000, 865_000_000, 0.001, 14)
const L = european('L', 865_000_000, 868_000_000, 0.01, 14)
const M = european('M', 868_000_000, 868_600_000, 0.01, 14)
const N = european('N', 868_700_000, 869_200_000, 0.001, 14)
const P = european('P', 869_400_000, 869_650_000, 0.1, 27)
const Q = european('Q', 869_700_000, 870_000_000, 0.01, 14)

/** FCC 15.247: 30 dBm into an antenna of up to 6 dBi; hopping channels, narrower than 500 kHz, are left after 400 ms. */
const US: LoraBand = {
  name: 'US915',
  fromHz: 902_000_000,
  toHz: 928_000_000,
  dutyCycle: 1,
  maxPowerDbm: 30,
  maxEirpDbm: 36,
  maxDwellMs: 400,
  dwellBandwidthHz: 500_000,
}

/** No law at all, only what radios can do: an experiment on a cable, or a comparison with other simulators. */
const LAWLESS: LoraBand = {
  name: 'none',
  fromHz: 0,
  toHz: 3_000_000_000,
  dutyCycle: 1,
  maxPowerDbm: 50,
  maxEirpDbm: 100,
  maxDwellMs: null,
  dwellBandwidthHz: 0,
}

export const LORA_REGIONS = {
  'EU868-K': { bands: [K], frequencyHz: 864_000_000 },
  'EU868-L': { bands: [L], frequencyHz: 866_500_000 },
  'EU868-M': { bands: [M], frequencyHz: 868_300_000 },
  'EU868-N': { bands: [N], frequencyHz: 868_950_000 },
  'EU868-P': { bands: [P], frequencyHz: 869_525_000 },
  'EU868-Q': { bands: [Q], frequencyHz: 869_850_000 },
  /** The frequency decides which of the bands it is. */
  EU868: { bands: [K, L, M, N, P, Q], frequencyHz: 869_525_000 },
  EU433: { bands: [european('EU433', 433_050_000, 434_790_000, 0.1, 10)], frequencyHz: 433_875_000 },
  US915: { bands: [US], frequencyHz: 906_875_000 },
  none: { bands: [LAWLESS], frequencyHz: 869_525_000 },
} as const satisfies Readonly<Record<string, LoraRegion>>

export type LoraRegionName = keyof typeof LORA_REGIONS

export const LORA_REGION_NAMES = Object.keys(LORA_REGIONS) as readonly LoraRegionName[]

/** The band in which a channel lies with its whole width; null where it lies in none. */
export function loraBandOf(region: LoraRegionName, frequencyHz: number, bandwidthHz: number): LoraBand | null {
  const bands: readonly LoraBand[] = LORA_REGIONS[region].bands
  const [fromHz, toHz] = [frequencyHz - bandwidthHz / 2, frequencyHz + bandwidthHz / 2]
  return bands.find(band => fromHz >= band.fromHz && toHz <= band.toHz) ?? null
}

function european(name: string, fromHz: number, toHz: number, dutyCycle: number, maxPowerDbm: number): LoraBand {
  const maxEirpDbm = maxPowerDbm + DIPOLE_GAIN_DB
  return { name, fromHz, toHz, dutyCycle, maxPowerDbm, maxEirpDbm, maxDwellMs: null, dwellBandwidthHz: 0 }
}

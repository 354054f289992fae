/**
 * Quantities with their units, as people write them: `90s`, `1h30m`, `1Mbit/s`, `10%`, `3km`, `14dBm`. A plain number is
 * milliseconds, bytes, bit/s, parts per million, metres, dB, dBm, Hz, m/s, degrees, times an hour or, for shares, a fraction of 1. Each unit reads a value to a number, or to null where
 * it cannot, and has the pattern of its texts for the JSON Schema. Amounts are rounded to the thousandth of their unit
 * (shares to a thousandth of a millionth), so that 2% and 0.02, or 1.1kB and 1100, are the same number.
 */

export interface Unit {
  /** What a text may look like, without a sign; null where there are only numbers. */
  readonly pattern: string | null
  read(value: unknown): number | null
}

type Units = Readonly<Record<string, number>>

const AMOUNT = '\\d+(?:\\.\\d+)?'
const DURATIONS_MS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1, us: 0.001 } as const
const SIZES = { B: 1, kB: 1e3, MB: 1e6, KiB: 1_024, MiB: 1_024 ** 2 } as const
const DISTANCES_M = { m: 1, km: 1e3 } as const
const FREQUENCIES_HZ = { Hz: 1, kHz: 1e3, MHz: 1e6, GHz: 1e9 } as const
const SPEEDS_MPS = { 'm/s': 1, 'km/h': 1 / 3.6 } as const
const POWERS_DBM = { dBm: 1 } as const
const LEVELS_DB = { dB: 1 } as const
/** Over an antenna that radiates alike in all directions, which is what a plain dB of gain means as well. */
const GAINS_DB = { dB: 1, dBi: 1 } as const
const ANGLES_DEG = { deg: 1, '°': 1 } as const
const BANDWIDTHS = { 'bit/s': 1, 'kbit/s': 1e3, 'Mbit/s': 1e6, 'Gbit/s': 1e9 } as const

/** How often in an hour. */
const TIMES_PER_HOUR = { s: 3_600, m: 60, h: 1 } as const

/** Each unit once, the greatest first: 1h30m, never 30m1h or 1m1m. */
const DURATION_PATTERN = `(?=\\d)${Object.keys(DURATIONS_MS)
  .map(unit => `(?:(?:${AMOUNT}) ?${unit}(?: (?=\\d))?)?`)
  .join('')}`
const DURATION = new RegExp(`^[+-]?${DURATION_PATTERN}$`)
const DURATION_PART = new RegExp(`(${AMOUNT}) ?(us|ms|s|m|h|d)`, 'g')

/** Milliseconds, to the microsecond; may be negative where the caller allows it. */
export function readDuration(value: unknown): number | null {
  if (typeof value === 'number') return rounded(value, 1e3)
  if (typeof value !== 'string') return null
  const text = value.trim()
  if (!DURATION.test(text)) return null
  let ms = 0
  for (const [, amount, unit] of text.matchAll(DURATION_PART))
    ms += Number(amount) * DURATIONS_MS[unit as keyof typeof DURATIONS_MS]
  return rounded(text.startsWith('-') ? -ms : ms, 1e3)
}

/** The shortest text that reads back as these milliseconds: 1h30m. */
export function writeDuration(ms: number): string {
  let restUs = Math.round(Math.abs(ms) * 1_000)
  let text = ''
  for (const [unit, unitMs] of Object.entries(DURATIONS_MS)) {
    const unitUs = Math.round(unitMs * 1_000)
    const whole = Math.floor(restUs / unitUs)
    restUs -= whole * unitUs
    if (whole > 0) text += `${whole}${unit}`
  }
  return `${ms < 0 ? '-' : ''}${text || '0s'}`
}

export function readSize(value: unknown): number | null {
  return scaled(value, SIZES)
}

export function readBandwidth(value: unknown): number | null {
  return scaled(value, BANDWIDTHS)
}

/** A share between 0 and 1, from `10%` or from a fraction. */
export function readShare(value: unknown): number | null {
  if (typeof value === 'number') return rounded(value, 1e9)
  const percent = typeof value === 'string' ? PERCENT.exec(value.trim()) : null
  return percent ? rounded(Number(percent[1]) / 100, 1e9) : null
}

/** Parts per million: a plain number or `20ppm`. */
export function readDrift(value: unknown): number | null {
  if (typeof value === 'number') return rounded(value, 1e3)
  const drift = typeof value === 'string' ? DRIFT.exec(value.trim()) : null
  return drift ? rounded(Number(drift[1]), 1e3) : null
}

/** Hertz, whole ones: no radio is set finer. */
export function readFrequency(value: unknown): number | null {
  return scaled(value, FREQUENCIES_HZ, { parts: 1 })
}

/** In the greatest unit that leaves at least 1: 869.525MHz. */
export function writeFrequency(hz: number): string {
  const [unit, unitHz] = Object.entries(FREQUENCIES_HZ)
    .reverse()
    .find(([, each]) => Math.abs(hz) >= each) ?? ['Hz', 1]
  return `${hz / unitHz}${unit}`
}

/** Metres, to the millimetre; may be negative where the caller allows it. */
export function readDistance(value: unknown): number | null {
  return scaled(value, DISTANCES_M, { form: SIGNED })
}

/** Metres a second. */
export function readSpeed(value: unknown): number | null {
  return scaled(value, SPEEDS_MPS)
}

export function readPower(value: unknown): number | null {
  return scaled(value, POWERS_DBM, { form: SIGNED })
}

export function readLevel(value: unknown): number | null {
  return scaled(value, LEVELS_DB, { form: SIGNED })
}

export function readGain(value: unknown): number | null {
  return scaled(value, GAINS_DB, { form: SIGNED })
}

/** Degrees. */
export function readAngle(value: unknown): number | null {
  return scaled(value, ANGLES_DEG, { form: SIGNED })
}

/** Times an hour: a plain number, or `10/h`, `2/m`, `1/s`. */
export function readRate(value: unknown): number | null {
  if (typeof value === 'number') return rounded(value, 1e3)
  const [, amount, unit] = (typeof value === 'string' && RATE.exec(value.trim())) || []
  return unit === undefined ? null : rounded(Number(amount) * TIMES_PER_HOUR[unit as keyof typeof TIMES_PER_HOUR], 1e3)
}

/** The denominator of a coding rate: 5, or as data sheets have it 4/5. */
export function readCodingRate(value: unknown): number | null {
  if (typeof value === 'number') return value
  const rate = typeof value === 'string' ? CODING_RATE.exec(value.trim()) : null
  return rate ? Number(rate[1]) : null
}

const CODING_RATE = /^4\/([5-8])$/
const PERCENT = new RegExp(`^(${AMOUNT}) ?%$`)
const DRIFT = new RegExp(`^([+-]?${AMOUNT}) ?ppm$`)
const RATE_PATTERN = `(${AMOUNT}) ?/ ?(${Object.keys(TIMES_PER_HOUR).join('|')})`
const RATE = new RegExp(`^${RATE_PATTERN}$`)
const SCALED = new RegExp(`^(${AMOUNT}) ?([A-Za-z/]+)$`)
const SIGNED = new RegExp(`^([+-]?${AMOUNT}) ?([A-Za-z°]+)$`)

export const UNITS = {
  duration: { pattern: DURATION_PATTERN, read: readDuration },
  size: { pattern: scaledPattern(SIZES), read: readSize },
  bandwidth: { pattern: scaledPattern(BANDWIDTHS), read: readBandwidth },
  share: { pattern: `${AMOUNT} ?%`, read: readShare },
  drift: { pattern: `${AMOUNT} ?ppm`, read: readDrift },
  frequency: { pattern: scaledPattern(FREQUENCIES_HZ), read: readFrequency },
  distance: { pattern: scaledPattern(DISTANCES_M), read: readDistance },
  speed: { pattern: scaledPattern(SPEEDS_MPS), read: readSpeed },
  power: { pattern: scaledPattern(POWERS_DBM), read: readPower },
  level: { pattern: scaledPattern(LEVELS_DB), read: readLevel },
  gain: { pattern: scaledPattern(GAINS_DB), read: readGain },
  rate: { pattern: RATE_PATTERN, read: readRate },
  angle: { pattern: scaledPattern(ANGLES_DEG), read: readAngle },
  codingRate: { pattern: '4/[5-8]', read: readCodingRate },
  ratio: { pattern: null, read: (value: unknown) => (typeof value === 'number' ? rounded(value, 1e3) : null) },
  count: { pattern: null, read: (value: unknown) => (typeof value === 'number' ? value : null) },
} as const satisfies Readonly<Record<string, Unit>>

function scaledPattern(units: Units): string {
  return `${AMOUNT} ?(?:${Object.keys(units).join('|')})`
}

function scaled(value: unknown, units: Units, { parts = 1e3, form = SCALED } = {}): number | null {
  if (typeof value === 'number') return rounded(value, parts)
  const match = typeof value === 'string' ? form.exec(value.trim()) : null
  const unit = match?.[2] ?? ''
  return match && Object.hasOwn(units, unit) ? rounded(Number(match[1]) * units[unit]!, parts) : null
}

/** Null for what is no finite number; never -0, which no file could tell from 0. */
function rounded(value: number, parts: number): number | null {
  const result = Math.round(value * parts) / parts
  return Number.isFinite(result) ? result + 0 : null
}

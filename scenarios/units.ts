/**
 * Quantities with their units, as people write them: `90s`, `1h30m`, `1Mbit/s`, `10%`. A plain number is milliseconds,
 * bytes, bit/s, parts per million or, for shares, a fraction of 1. Each unit reads a value to a number, or to null where
 * it cannot, and has the pattern of its texts for the JSON Schema. Amounts are rounded to the thousandth of their unit
 * (shares to a thousandth of a millionth), so that 2% and 0.02, or 1.1kB and 1100, are the same number.
 */

export interface Unit {
  /** What a text may look like, without a sign; null where there are only numbers. */
  readonly pattern: string | null
  read(value: unknown): number | null
}

const AMOUNT = '\\d+(?:\\.\\d+)?'
const DURATIONS_MS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1, us: 0.001 } as const
const SIZES = { B: 1, kB: 1e3, MB: 1e6, KiB: 1_024, MiB: 1_024 ** 2 } as const
const RATES = { 'bit/s': 1, 'kbit/s': 1e3, 'Mbit/s': 1e6, 'Gbit/s': 1e9 } as const

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
  return scaled(value, RATES)
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

const PERCENT = new RegExp(`^(${AMOUNT}) ?%$`)
const DRIFT = new RegExp(`^([+-]?${AMOUNT}) ?ppm$`)
const SCALED = new RegExp(`^(${AMOUNT}) ?([A-Za-z/]+)$`)

export const UNITS = {
  duration: { pattern: DURATION_PATTERN, read: readDuration },
  size: { pattern: scaledPattern(SIZES), read: readSize },
  bandwidth: { pattern: scaledPattern(RATES), read: readBandwidth },
  share: { pattern: `${AMOUNT} ?%`, read: readShare },
  drift: { pattern: `${AMOUNT} ?ppm`, read: readDrift },
  count: { pattern: null, read: (value: unknown) => (typeof value === 'number' ? value : null) },
} as const satisfies Readonly<Record<string, Unit>>

function scaledPattern(units: Readonly<Record<string, number>>): string {
  return `${AMOUNT} ?(?:${Object.keys(units).join('|')})`
}

function scaled(value: unknown, units: Readonly<Record<string, number>>): number | null {
  if (typeof value === 'number') return rounded(value, 1e3)
  const match = typeof value === 'string' ? SCALED.exec(value.trim()) : null
  const unit = match?.[2] ?? ''
  return match && Object.hasOwn(units, unit) ? rounded(Number(match[1]) * units[unit]!, 1e3) : null
}

/** Null for what is no finite number; never -0, which no file could tell from 0. */
function rounded(value: number, parts: number): number | null {
  const result = Math.round(value * parts) / parts
  return Number.isFinite(result) ? result + 0 : null
}

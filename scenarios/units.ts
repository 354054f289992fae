/**
 * Quantities with their units, as people write them: `90s`, `1h30m`, `1Mbit/s`, `10%`. A plain number is milliseconds,
 * bytes, bit/s or, for shares, a fraction of 1. Each reader gives a number in one unit, or null for what it cannot read.
 */

const DURATIONS_MS: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}
const SIZES: Readonly<Record<string, number>> = { B: 1, kB: 1e3, MB: 1e6, KiB: 1_024, MiB: 1_024 ** 2 }
const RATES: Readonly<Record<string, number>> = { 'bit/s': 1, 'kbit/s': 1e3, 'Mbit/s': 1e6, 'Gbit/s': 1e9 }

/** Milliseconds, to the microsecond; may be negative where the caller allows it. */
export function readDuration(value: unknown): number | null {
  if (typeof value === 'number') return toMicroseconds(value)
  if (typeof value !== 'string') return null
  const text = value.trim()
  const sign = text.startsWith('-') ? -1 : 1
  const parts = text.replace(/^[+-]/, '')
  if (!/^(?:\d+(?:\.\d+)?(?:us|ms|s|m|h|d))+$/.test(parts)) return null
  let ms = 0
  for (const [, amount, unit] of parts.matchAll(/(\d+(?:\.\d+)?)(us|ms|s|m|h|d)/g))
    ms += Number(amount) * DURATIONS_MS[unit!]!
  return toMicroseconds(sign * ms)
}

export function readSize(value: unknown): number | null {
  const bytes = scaled(value, SIZES)
  return bytes === null ? null : Math.round(bytes)
}

export function readBandwidth(value: unknown): number | null {
  return scaled(value, RATES)
}

/** A share between 0 and 1, from `10%` or from a fraction. */
export function readShare(value: unknown): number | null {
  if (typeof value === 'number') return value
  const percent = typeof value === 'string' ? /^(\d+(?:\.\d+)?)\s*%$/.exec(value.trim()) : null
  // Rounded so that 2% is the same number as 0.02, however it was reached.
  return percent ? Math.round(Number(percent[1]) * 1e7) / 1e9 : null
}

/** Parts per million: a plain number or `20ppm`. */
export function readDrift(value: unknown): number | null {
  if (typeof value === 'number') return value
  const drift = typeof value === 'string' ? /^([+-]?\d+(?:\.\d+)?)\s*ppm$/.exec(value.trim()) : null
  return drift ? Number(drift[1]) : null
}

function scaled(value: unknown, units: Readonly<Record<string, number>>): number | null {
  if (typeof value === 'number') return value
  const match = typeof value === 'string' ? /^(\d+(?:\.\d+)?)\s*([A-Za-z/]+)$/.exec(value.trim()) : null
  const factor = match && units[match[2]!]
  return factor ? Number(match[1]) * factor : null
}

function toMicroseconds(ms: number): number | null {
  return Number.isFinite(ms) ? Math.round(ms * 1_000) / 1_000 : null
}

/**
 * Rounding for what decides or schedules. `Math.log`, `Math.cos` and the like may differ in their last bits between
 * engines and versions; rounded to a step far above those bits they agree, save on the edge of a step.
 */

/** Rounds to a multiple of `step`; the step should be a power of two, so that the division is exact. */
export function roundTo(value: number, step: number): number {
  return Math.round(value / step) * step
}

/** Whole microseconds, the unit of virtual time. */
export function roundUs(us: number): number {
  return Math.round(us)
}

/** Milliseconds, perhaps fractional, to whole microseconds. */
export function msToUs(ms: number): number {
  return Math.round(ms * 1_000)
}

/** Decibels to 1/1024. */
export function roundDb(db: number): number {
  return roundTo(db, 1 / 1_024)
}

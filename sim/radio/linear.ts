/**
 * Decibels to milliwatts, so that the powers of several frames can be added. `Math.pow` may differ in its last bits between
 * engines; here decibels are multiples of 1/1024 already, and the powers come from a table whose values are rounded far
 * above those bits.
 */

import { roundDb } from '../kernel/index.js'

const STEPS_PER_DB = 1_024
const STEPS_PER_DECADE = 10 * STEPS_PER_DB
/** Significant bits of a value of the table: a hundred thousand times finer than a step. */
const ROUNDING = 2 ** 32

const WITHIN_DECADE = Float64Array.from(
  { length: STEPS_PER_DECADE },
  (_, step) => Math.round(10 ** (step / STEPS_PER_DECADE) * ROUNDING) / ROUNDING,
)

/** Decades that are told apart; nothing that a radio hears or sends lies outside. */
const LEAST_DECADE = -40
const GREATEST_DECADE = 20
/** Read as literals are, which is exact to the last bit everywhere. */
const DECADES = Float64Array.from({ length: GREATEST_DECADE - LEAST_DECADE + 1 }, (_, at) =>
  Number(`1e${at + LEAST_DECADE}`),
)

/** Milliwatts of a level that is a multiple of 1/1024 dBm. */
export function milliwatts(dbm: number): number {
  const steps = dbm * STEPS_PER_DB
  const decade = Math.max(LEAST_DECADE, Math.min(GREATEST_DECADE, Math.floor(steps / STEPS_PER_DECADE)))
  const rest = Math.max(0, Math.min(STEPS_PER_DECADE - 1, steps - decade * STEPS_PER_DECADE))
  return WITHIN_DECADE[rest]! * DECADES[decade - LEAST_DECADE]!
}

/** How much stronger one power is than another, in decibels to 1/1024; infinity over nothing. */
export function ratioDb(power: number, over: number): number {
  return over <= 0 ? Infinity : roundDb(10 * Math.log10(power / over))
}

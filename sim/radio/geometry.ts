/** Distances on the plane that the nodes of a scenario stand on. */

import type { Place } from './air.js'

/**
 * Rounded to a millimetre: what is decided by a distance must not hang on the last bits of a square root, and no antenna
 * is placed more exactly.
 */
export function distanceM(from: Place, to: Place): number {
  const x = to.xM - from.xM
  const y = to.yM - from.yM
  return Math.round(Math.sqrt(x * x + y * y) * 1_000) / 1_000
}

/** The point so many metres from `from` on the straight way to `to`, which it does not overshoot. */
export function towards(from: Place, to: Place, metres: number): Place {
  const wholeM = distanceM(from, to)
  if (metres >= wholeM) return to
  const share = Math.max(0, metres) / wholeM
  return { xM: from.xM + (to.xM - from.xM) * share, yM: from.yM + (to.yM - from.yM) * share }
}

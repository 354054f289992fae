/**
 * The chance that a normal variable exceeds x, usually written Q(x), with a relative error below 1e-11 also far out where
 * one minus the rest would leave nothing but rounding.
 */

/** From here on the continued fraction converges quickly; below, the series loses less than three digits. */
const FAR_OUT = 3
/** Enough terms for full precision: of the fraction at 3, of the series below it. */
const FRACTION_TERMS = 120
const SERIES_TERMS = 80

export function gaussianTail(x: number): number {
  if (x < 0) return 1 - gaussianTail(-x)
  const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)
  return x < FAR_OUT ? 0.5 - density * series(x) : density / fraction(x)
}

/** x + x^3/3 + x^5/(3·5) + … */
function series(x: number): number {
  let term = x
  let sum = x
  for (let index = 1; index < SERIES_TERMS; index++) {
    term *= (x * x) / (2 * index + 1)
    sum += term
  }
  return sum
}

/** Laplace: x + 1/(x + 2/(x + 3/(x + …))), evaluated from its end. */
function fraction(x: number): number {
  let value = x
  for (let index = FRACTION_TERMS; index >= 1; index--) value = x + index / value
  return value
}

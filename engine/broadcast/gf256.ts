/**
 * The field of 256 elements, as bytes: addition is exclusive or, multiplication that of polynomials modulo
 * x^8 + x^4 + x^3 + x^2 + 1, in which 2 generates every element but zero.
 */

const POLYNOMIAL = 0x11d

/** PRODUCT[256 * a + b]. 64 KiB of tables make the inner loop one load and one exclusive or a byte. */
const PRODUCT = new Uint8Array(256 * 256)
const INVERSE = new Uint8Array(256)

for (let a = 1; a < 256; a++) {
  for (let b = 1; b < 256; b++) {
    let product = 0
    for (let left = a, right = b; right > 0; right >>= 1) {
      if (right & 1) product ^= left
      left = left & 0x80 ? (left << 1) ^ POLYNOMIAL : left << 1
    }
    PRODUCT[256 * a + b] = product
    if (product === 1) INVERSE[a] = b
  }
}

export function multiply(a: number, b: number): number {
  return PRODUCT[256 * a + b]!
}

/** Zero has none, and gives zero. */
export function inverse(a: number): number {
  return INVERSE[a]!
}

/** target += factor * source. What the source is longer by must be zero or of no interest. */
export function addMultiple(target: Uint8Array, source: Uint8Array, factor: number): void {
  if (factor === 0) return
  const length = Math.min(target.length, source.length)
  const row = 256 * factor
  for (let at = 0; at < length; at++) target[at]! ^= PRODUCT[row + source[at]!]!
}

/** target *= factor. */
export function scale(target: Uint8Array, factor: number): void {
  const row = 256 * factor
  for (let at = 0; at < target.length; at++) target[at] = PRODUCT[row + target[at]!]!
}

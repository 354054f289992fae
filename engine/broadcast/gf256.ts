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

/** The multiples of each element. */
const ROWS = Array.from({ length: 256 }, (_, a) => PRODUCT.subarray(256 * a, 256 * a + 256))

export function multiply(a: number, b: number): number {
  return PRODUCT[256 * a + b]!
}

/** Zero has none, and gives zero. */
export function inverse(a: number): number {
  return INVERSE[a]!
}

/** target += factor * source, over the bytes that both have. */
export function addMultiple(target: Uint8Array, source: Uint8Array, factor: number): void {
  if (factor === 0) return
  const length = Math.min(target.length, source.length)
  const products = ROWS[factor]!
  let at = 0
  // Four at a time: a third faster than one, and this is where repair spends its time.
  for (const most = length - 3; at < most; at += 4) {
    target[at]! ^= products[source[at]!]!
    target[at + 1]! ^= products[source[at + 1]!]!
    target[at + 2]! ^= products[source[at + 2]!]!
    target[at + 3]! ^= products[source[at + 3]!]!
  }
  for (; at < length; at++) target[at]! ^= products[source[at]!]!
}

/** target *= factor. */
export function scale(target: Uint8Array, factor: number): void {
  const products = ROWS[factor]!
  for (let at = 0; at < target.length; at++) target[at] = products[target[at]!]!
}

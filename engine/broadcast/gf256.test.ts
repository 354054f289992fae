/** Goal: the tables are a field. Method: its laws over all elements, and known products. */

import { describe, expect, it } from 'vitest'
import { addMultiple, inverse, multiply, scale } from './gf256.js'

describe('the field of 256 elements', () => {
  it('has the products that others print for this polynomial', () => {
    // Powers of the generator 2: 2^8 is the polynomial without its highest term, 2^255 is 1 again.
    expect(multiply(0x80, 2)).toBe(0x1d)
    const powers = [1]
    for (let exponent = 1; exponent < 256; exponent++) powers.push(multiply(powers.at(-1)!, 2))
    expect(powers[25]).toBe(3)
    expect(powers[255]).toBe(1)
    expect(new Set(powers.slice(0, 255)).size).toBe(255)
  })

  it('is commutative, has one, zero and inverses, and distributes', () => {
    for (let a = 0; a < 256; a++) {
      expect(multiply(a, 1)).toBe(a)
      expect(multiply(a, 0)).toBe(0)
      if (a > 0) expect(multiply(a, inverse(a))).toBe(1)
      for (let b = 0; b < 256; b++) {
        if (multiply(a, b) !== multiply(b, a)) throw new Error(`${a} * ${b}`)
        if (multiply(a, b ^ 0x5a) !== (multiply(a, b) ^ multiply(a, 0x5a))) throw new Error(`${a} * (${b} + 90)`)
      }
    }
    expect(inverse(0)).toBe(0)
  })

  it('works on whole strings of bytes', () => {
    const source = Uint8Array.from({ length: 256 }, (_, at) => at)
    const target = new Uint8Array(300).fill(9)
    addMultiple(target, source, 7)
    expect(target).toEqual(Uint8Array.from({ length: 300 }, (_, at) => 9 ^ (at < 256 ? multiply(7, at) : 0)))
    addMultiple(target, source, 0)
    addMultiple(target, source, 7)
    expect(target).toEqual(new Uint8Array(300).fill(9))
    addMultiple(target.subarray(0, 3), source, 1)
    expect(target.slice(0, 4)).toEqual(Uint8Array.of(9, 8, 11, 9))
    scale(source, 3)
    expect(source[200]).toBe(multiply(3, 200))
  })
})

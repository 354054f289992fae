/**
 * Goal: an array comes apart into the very bytes of its items, and nothing but one deterministic array does.
 * Method: properties over values of messages, and every odd form by hand.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesToHex, concatBytes, encodeCbor, hexToBytes, isThicketError, splitCborArray } from './index.js'

const value = fc.letrec(tie => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.integer(),
    fc.string({ unit: 'grapheme' }),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array(),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string({ unit: 'grapheme' }), tie('value'), { maxKeys: 4 }),
  ),
})).value as fc.Arbitrary<never>

describe('splitCborArray', () => {
  it('gives the bytes of each item', () => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 30 }), items => {
        const parts = splitCborArray(encodeCbor(items)).map(bytesToHex)
        expect(parts).toEqual(items.map(item => bytesToHex(encodeCbor(item))))
      }),
    )
  })

  it.each([
    ['nothing', ''],
    ['no array', '01'],
    ['a map', 'a0'],
    ['a tag before the array', 'c68101'],
    ['a byte after the array', '810100'],
    ['an item too few', '8201'],
    ['a wide length', '980101'],
    ['an indefinite length', '9f01ff'],
    ['a wide number inside', '811801'],
  ])('refuses %s', (_, hex) => {
    expect(() => splitCborArray(hexToBytes(hex))).toThrow(expect.objectContaining({ code: 'decoding-cbor' }))
  })

  it('throws nothing but coded errors for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), bytes => {
        try {
          const head = bytes[0]! & 31
          expect(splitCborArray(bytes).length).toBe(head < 24 ? head : bytes[1])
        } catch (error) {
          if (!isThicketError(error, 'decoding-cbor')) throw error
        }
      }),
    )
    expect(splitCborArray(concatBytes(hexToBytes('80')))).toEqual([])
  })
})

/**
 * Goal: what JSON can say comes back as it was; of everything else the bytes come too.
 * Method: properties over JSON and over CBOR values, and examples of what JSON has no word for.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CborFloat, type CborValue, encodeCbor } from '../../core/index.js'
import { base64Of, bodyOf, bytesOfBase64, contentOf } from './bodies.js'
import type { Json } from './client/messages.js'

/** Half a surrogate pair is no text, and CBOR refuses it; -0 is no number of JSON's own. */
const json = fc
  .jsonValue({ maxDepth: 4, stringUnit: 'grapheme' })
  .map(value => JSON.parse(JSON.stringify(value)) as Json)

describe('bodies', () => {
  it('carry any JSON there and back', () => {
    fc.assert(
      fc.property(json, message => {
        expect(contentOf(bodyOf({ message }))).toEqual({ message })
      }),
    )
  })

  it('carry any bytes there and back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), bytes => {
        const { message, bytes: shown } = contentOf(bodyOf({ bytes: base64Of(bytes) }))
        // Where no bytes are shown the message says all of them.
        expect(shown === undefined ? bodyOf({ message: message! }) : bytesOfBase64(shown)).toEqual(bytes)
      }),
    )
  })

  it.each<[string, CborValue, Json]>([
    ['a number beyond 53 bits', 2n ** 64n - 1n, '18446744073709551615'],
    ['bytes', Uint8Array.of(1, 2), 'AQI'],
    ['not a number', Number.NaN, null],
    ['infinity', [Number.POSITIVE_INFINITY], [null]],
    ['a float that is whole', new CborFloat(1), 1],
    ['a map with numbers as keys', new Map([[1, 'one']]), [[1, 'one']]],
  ])('show %s in JSON, and the bytes beside it', (_, value, message) => {
    const body = encodeCbor(value)
    expect(contentOf(body)).toEqual({ message, bytes: base64Of(body) })
  })

  it('of other codecs are bytes alone', () => {
    expect(contentOf(Uint8Array.of(0xff, 0x00))).toEqual({ bytes: '_wA' })
  })
})

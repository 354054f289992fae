/** Goal: bytes and hex are one to one, and bytes are ordered without sign. Method: every byte, properties, bad digits. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { portableBytesToHex } from './bytes.js'
import { bytesEqual, bytesToHex, compareBytes, concatBytes, hexToBytes } from './index.js'

const bytes = fc.uint8Array({ maxLength: 100 })

describe('hex', () => {
  it('comes back as the bytes it was made of, whichever way it was made, also within a larger buffer', () => {
    fc.assert(
      fc.property(bytes, bytes, (before, value) => {
        const view = concatBytes(before, value).subarray(before.length)
        expect(bytesToHex(view)).toBe(portableBytesToHex(value))
        expect(hexToBytes(bytesToHex(view))).toEqual(value)
        expect(hexToBytes(bytesToHex(view).toUpperCase())).toEqual(value)
      }),
    )
  })

  it.each(['0', 'zz', '0g', '+1', ' 1', '\u0100\u0100', '1\uff11'])('"%s" is a coded error', text => {
    expect(() => hexToBytes(text)).toThrow(expect.objectContaining({ code: 'invalid-hex-encoding' }))
  })
})

describe('comparison', () => {
  it('is the order of the hex, a prefix first', () => {
    fc.assert(
      fc.property(bytes, bytes, (left, right) => {
        const [low, high] = [bytesToHex(left), bytesToHex(right)]
        expect(Math.sign(compareBytes(left, right))).toBe(low < high ? -1 : low > high ? 1 : 0)
        expect(bytesEqual(left, right)).toBe(low === high)
      }),
    )
  })
})

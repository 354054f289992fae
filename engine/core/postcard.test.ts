/**
 * Goal: postcard reads and writes as the released crates do, and nothing but a coded error comes of bytes that are none.
 * Method: rules of spec/sync.md 1.2 as tables, round trips and random bytes with fast-check.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesToHex, hexToBytes } from './bytes.js'
import { isThicketError } from './errors.js'
import { PostcardReader, PostcardWriter } from './postcard.js'

const reader = (hex: string) => new PostcardReader(hexToBytes(hex))
const code = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    if (isThicketError(error)) return error.code
    throw error
  }
  return 'none'
}

describe('postcard varints', () => {
  it.each([
    [0, '00'],
    [127, '7f'],
    [128, '8001'],
    [444, 'bc03'],
    [65_535, 'ffff03'],
    [4_294_967_295, 'ffffffff0f'],
  ])('writes and reads %i', (value, hex) => {
    expect(bytesToHex(new PostcardWriter().varint(value).finish())).toBe(hex)
    expect(bytesToHex(new PostcardWriter().u64(BigInt(value)).finish())).toBe(hex)
    expect(reader(hex).u32()).toBe(value)
    expect(reader(hex).u64()).toBe(BigInt(value))
  })

  it('takes non-minimal forms within the longest length', () => {
    expect(reader('8080808000').u32()).toBe(0)
    expect(reader('80808080808080808000').u64()).toBe(0n)
    expect(reader('ffffffffffffffffff01').u64()).toBe(0xffff_ffff_ffff_ffffn)
  })

  it.each([
    ['one bit past 32', () => reader('ffffffff1f').u32()],
    ['six bytes for 32 bits', () => reader('808080808000').u32()],
    ['one bit past 64', () => reader('ffffffffffffffffff02').u64()],
    ['eleven bytes for 64 bits', () => reader('8080808080808080808000').u64()],
    ['an end inside', () => reader('80').u32()],
    ['a length past the end', () => reader('0201').bytes()],
    ['a length of 2^64 - 1', () => reader('ffffffffffffffffff01').bytes()],
    ['a count that cannot fit', () => reader('020000').length(2)],
    ['a boolean of 2', () => reader('02').bool()],
    ['an option of 2', () => reader('02').option(inner => inner.u8())],
    ['an unknown variant', () => reader('03').variant(3)],
    ['a string that is not UTF-8', () => reader('01ff').string()],
  ])('refuses %s', (_, run) => {
    expect(code(run)).toBe('decoding-postcard')
  })
})

describe('postcard values', () => {
  it('come back as they were written', () => {
    const values = fc.record({
      number: fc.nat(0xffff_ffff),
      large: fc.bigInt(0n, 0xffff_ffff_ffff_ffffn),
      bytes: fc.uint8Array({ maxLength: 600 }),
      text: fc.string(),
      option: fc.option(fc.nat(200)),
      flag: fc.boolean(),
    })
    fc.assert(
      fc.property(values, value => {
        const writer = new PostcardWriter().varint(value.number).u64(value.large).bytes(value.bytes).string(value.text)
        const bytes = writer
          .option(value.option, (inner, n) => inner.varint(n))
          .bool(value.flag)
          .finish()
        const back = new PostcardReader(bytes)
        expect({
          number: back.u32(),
          large: back.u64(),
          bytes: Uint8Array.from(back.bytes()),
          text: back.string(),
          option: back.option(inner => inner.u32()),
          flag: back.bool(),
        }).toEqual(value)
        expect(back.remaining).toBe(0)
      }),
      { numRuns: 100 },
    )
  })
})

/**
 * Goal: messages are written in the one deterministic form and read in no other, as p2panda's released crates do.
 * Method: recorded values, every odd form of the table, examples of RFC 8949 appendix A, properties, random bytes.
 */

import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bytesToHex,
  CborFloat,
  type CborValue,
  decodeCbor,
  encodeCbor,
  hexToBytes,
  isThicketError,
  MAX_CBOR_DEPTH,
} from './index.js'

const recorded = JSON.parse(readFileSync(new URL('./vectors/cbor.json', import.meta.url), 'utf8')) as {
  encoded: { value: string; hex: string }[]
  decoded: { input: string; result: string }[]
}

const hexOf = (value: CborValue) => bytesToHex(encodeCbor(value))
const decoded = (hex: string) => decodeCbor(hexToBytes(hex))

function codeOf(hex: string): string {
  try {
    decoded(hex)
    return 'accepted'
  } catch (error) {
    return isThicketError(error) ? error.code : String(error)
  }
}

describe('values recorded from the crates', () => {
  const values: readonly (readonly [string, CborValue])[] = [
    ['struct', { zebra: 1, id: 'x', a: null }],
    ['unit', 'Unit'],
    ['newtype', { New: 1 }],
    ['tuple', { Tup: [1, 2] }],
    ['structvariant', { St: { description: 'q', a: 1 } }],
    ['vec u8', [1, 2, 24, 255]],
    ['f64 1.5', 1.5],
    ['f64 0.1', 0.1],
    ['f32 0.1', Math.fround(0.1)],
    ['i -5', -5],
    ['u64 max', 0xffff_ffff_ffff_ffffn],
    ['char', 'x'],
    ['unit ()', null],
    ['bool', true],
    ['some', 3],
    ['none', null],
    ['string', 'Hello, Panda!'],
    ['f64 1.0', new CborFloat(1)],
    ['nan', Number.NaN],
  ]

  it.each(values)('%s encodes to the same bytes', (name, value) => {
    const hexes = recorded.encoded.filter(entry => entry.value === name).map(entry => entry.hex)
    expect(hexes).toContain(hexOf(value))
  })

  it.each(recorded.encoded)('$value decodes and encodes to itself', ({ value, hex }) => {
    // A float that is whole comes back as a number, which would be written as an integer.
    if (value !== 'f64 1.0') expect(hexOf(decoded(hex))).toBe(hex)
  })

  /** Bytes of the recorded inputs that are named but not written out there. */
  const inputs: Record<string, string> = {
    'wide int 1801': '1801',
    'trailing 01ff': '01ff',
    'indef 9f0102ff': '9f0102ff',
    'indef text 7f6161ff': '7f6161ff',
    'tagged c601': 'c601',
    'f16 f93e00': 'f93e00',
    'wide float fb3ff8000000000000': 'fb3ff8000000000000',
    'bignum c24101': 'c24101',
    'undefined f7': 'f7',
    empty: '',
    'unsorted map': 'a2657a65627261016269646178',
    'dup keys': 'a2616101616102',
    'unsorted keys': 'a2616201616101',
    deep300: `${'81'.repeat(300)}01`,
  }

  it.each(recorded.decoded.filter(({ input }) => input in inputs))(
    '$input has the same verdict',
    ({ input, result }) => {
      expect(codeOf(inputs[input]!)).toBe(result.startsWith('Ok') ? 'accepted' : 'decoding-cbor')
    },
  )
})

describe('encodeCbor', () => {
  // RFC 8949 appendix A, those in their shortest form.
  const examples: readonly (readonly [CborValue, string])[] = [
    [0, '00'],
    [23, '17'],
    [24, '1818'],
    [255, '18ff'],
    [256, '190100'],
    [65_535, '19ffff'],
    [65_536, '1a00010000'],
    [4_294_967_295, '1affffffff'],
    [4_294_967_296, '1b0000000100000000'],
    [Number.MAX_SAFE_INTEGER, '1b001fffffffffffff'],
    [Number.MIN_SAFE_INTEGER, '3b001ffffffffffffe'],
    [18_446_744_073_709_551_616n, 'c249010000000000000000'],
    [-18_446_744_073_709_551_616n, '3bffffffffffffffff'],
    [-18_446_744_073_709_551_617n, 'c349010000000000000000'],
    [-1, '20'],
    [-100, '3863'],
    [-0, 'f98000'],
    [1.1, 'fb3ff199999999999a'],
    [new CborFloat(65_504), 'f97bff'],
    [new CborFloat(100_000), 'fa47c35000'],
    [3.4028234663852886e38, 'fa7f7fffff'],
    [1e300, 'fb7e37e43c8800759c'],
    [2 ** -24, 'f90001'],
    [2 ** -14, 'f90400'],
    [-4.1, 'fbc010666666666666'],
    [Number.POSITIVE_INFINITY, 'f97c00'],
    [Number.NEGATIVE_INFINITY, 'f9fc00'],
    [hexToBytes('01020304'), '4401020304'],
    ['', '60'],
    ['\u{10151}', '64f0908591'],
    [[1, [2, 3], [4, 5]], '8301820203820405'],
    [
      new Map<CborValue, CborValue>([
        [1, 2],
        [3, 4],
      ]),
      'a201020304',
    ],
    [{ a: 'A', b: 'B' }, 'a26161614161626142'],
  ]

  it.each(examples.map(([value, hex]) => ({ value, hex })))('writes $hex', ({ value, hex }) =>
    expect(hexOf(value)).toBe(hex),
  )

  it('sorts keys by their encoded bytes, shorter ones first', () => {
    expect(hexOf({ zebra: 1, id: 'x', a: null })).toBe('a36161f66269646178657a6562726101')
    expect(
      hexOf(
        new Map<CborValue, CborValue>([
          ['a', 1],
          [-1, 2],
          [100, 3],
          [10, 4],
        ]),
      ),
    ).toBe('a40a041864032002616101')
  })

  it('leaves out properties that are undefined', () => expect(hexOf({ a: undefined, b: 1 })).toBe('a1616201'))

  class Point {
    x = 1
  }
  const cycle: CborValue[] = []
  cycle.push(cycle)
  const refused: readonly (readonly [string, unknown])[] = [
    ['undefined', undefined],
    ['an undefined item', [undefined]],
    ['a hole', new Array(1)],
    ['a function', () => 1],
    ['a symbol', Symbol('x')],
    ['a Date', new Date(0)],
    ['an instance of a class', new Point()],
    ['a set', new Set([1])],
    ['a text with half a surrogate pair', '\ud800'],
    [
      'a map with one key twice',
      new Map<CborValue, CborValue>([
        [1, 1],
        [1n, 2],
      ]),
    ],
    ['an array that contains itself', cycle],
  ]

  it.each(refused)('refuses %s', (_, value) => {
    expect(() => encodeCbor(value as CborValue)).toThrow(expect.objectContaining({ code: 'encoding-cbor' }))
  })

  it('writes as many levels as a reader takes, and not one more', () => {
    const nested = (levels: number): CborValue => (levels === 0 ? 1 : [nested(levels - 1)])
    expect(decodeCbor(encodeCbor(nested(MAX_CBOR_DEPTH)))).toEqual(nested(MAX_CBOR_DEPTH))
    expect(() => encodeCbor(nested(MAX_CBOR_DEPTH + 1))).toThrow(expect.objectContaining({ code: 'encoding-cbor' }))
  })
})

describe('decodeCbor', () => {
  it.each([
    ['1800', 'an integer with a byte too many'],
    ['190017', 'an integer with two bytes too many'],
    ['1a0000ffff', 'an integer with two bytes too many'],
    ['1b00000000ffffffff', 'an integer with four bytes too many'],
    ['580101', 'a length with a byte too many'],
    ['5f4101ff', 'a byte string in pieces'],
    ['7f6161ff', 'a text in pieces'],
    ['9f01ff', 'an array without length'],
    ['bf0101ff', 'a map without length'],
    ['ff', 'a break'],
    ['1c', 'a reserved head'],
    ['fa3fc00000', 'a single that fits a half'],
    ['fb3ff8000000000000', 'a double that fits a half'],
    ['fb3fb99999a0000000', 'a double that fits a single'],
    ['fa7fc00000', 'a wide NaN'],
    ['fb7ff8000000000000', 'a wider NaN'],
    ['f818', 'a simple value below 32 in two bytes'],
    ['f7', 'undefined'],
    ['e0', 'a simple value without meaning'],
    ['f8ff', 'another'],
    ['c24101', 'a big number that is small'],
    ['c24900ffffffffffffffff', 'a big number with a zero in front'],
    ['c34801ffffffffffffff', 'a negative big number that fits a head'],
    ['a2616201616101', 'a map out of order'],
    ['a2616101616102', 'a map with one key twice'],
    ['62c328', 'a text that is not UTF-8'],
    ['63eda080', 'a text with half a surrogate pair'],
    ['62c080', 'a text with an overlong zero'],
    ['', 'nothing'],
    ['18', 'half a head'],
    ['4201', 'a byte string that ends too early'],
    ['8201', 'an array that ends too early'],
    ['a101', 'a map that ends too early'],
    ['c6', 'a tag before nothing'],
    ['9bffffffffffffffff', 'an array of 2^64 - 1 items'],
    ['5bffffffffffffffff00', 'a byte string of 2^64 - 1 bytes'],
  ])('refuses %s: %s', hex => expect(codeOf(hex)).toBe('decoding-cbor'))

  it('reads one item and ignores what follows', () => expect(decoded('01ff')).toBe(1))

  it('drops tags, in front and within', () => expect(decoded('c682c60102')).toEqual([1, 2]))

  it('takes 200 levels of any kind, not 201', () => {
    for (const level of ['81', 'c5', 'a100']) {
      expect(codeOf(`${level.repeat(200)}01`)).toBe('accepted')
      expect(codeOf(`${level.repeat(201)}01`)).toBe('decoding-cbor')
    }
  })

  it('keeps integers exact', () => {
    expect(decoded('1b001fffffffffffff')).toBe(Number.MAX_SAFE_INTEGER)
    expect(decoded('1b0020000000000000')).toBe(2n ** 53n)
    expect(decoded('3b0020000000000000')).toBe(-(2n ** 53n) - 1n)
    expect(decoded('c249010000000000000000')).toBe(2n ** 64n)
    expect(decoded('c349010000000000000000')).toBe(-(2n ** 64n) - 1n)
  })

  it('makes objects of maps with text keys, also of a key that would be special', () => {
    const value = decoded('a1695f5f70726f746f5f5f01') as Record<string, CborValue>
    expect(Object.keys(value)).toEqual(['__proto__'])
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(decoded('a10102')).toEqual(new Map([[1, 2]]))
    expect(decoded('a0')).toEqual({})
  })

  it('gives bytes of its own', () => {
    const input = hexToBytes('4101')
    const value = decodeCbor(input) as Uint8Array
    input[1] = 9
    expect(value).toEqual(Uint8Array.of(1))
  })
})

describe('both', () => {
  const { value } = fc.letrec<{ value: CborValue }>(tie => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.constant(null),
      fc.boolean(),
      fc.integer(),
      fc.maxSafeInteger(),
      fc.double().filter(number => !Object.is(number, -0)),
      fc.bigInt({ min: 2n ** 53n, max: 2n ** 70n }),
      fc.bigInt({ min: -(2n ** 70n), max: -(2n ** 53n) }),
      fc.string({ unit: 'grapheme' }),
      fc.uint8Array({ maxLength: 40 }),
      fc.array(tie('value'), { maxLength: 5 }),
      fc.dictionary(fc.string({ unit: 'grapheme' }), tie('value'), { maxKeys: 5 }).map(entries => ({ ...entries })),
    ),
  }))

  it('give back what was written, and the same bytes again', () => {
    fc.assert(
      fc.property(value, written => {
        const bytes = encodeCbor(written)
        expect(decodeCbor(bytes)).toEqual(written)
        expect(encodeCbor(decodeCbor(bytes))).toEqual(bytes)
      }),
      { numRuns: 500 },
    )
  })

  it('throw nothing but coded errors at random bytes, and accept only the form they write', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), bytes => {
        let value: CborValue
        try {
          value = decodeCbor(bytes)
        } catch (error) {
          expect(isThicketError(error, 'decoding-cbor')).toBe(true)
          return
        }
        expect(() => encodeCbor(value)).not.toThrow()
      }),
      { numRuns: 3000 },
    )
  })
})

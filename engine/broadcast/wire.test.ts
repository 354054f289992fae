/**
 * Goal: what nodes say about a topic means the same at both ends and keeps its bytes for good, and nothing that comes off
 * the air throws. Method: round trips of whatever a node can say, golden bytes of each message, random and mutilated
 * bytes, and each limit met and passed by one.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesToHex, concatBytes, hexToBytes } from '../core/index.js'
import {
  type Digest,
  decodeDigest,
  decodeFragment,
  decodeHeights,
  decodeIntroduction,
  decodeRepairHead,
  decodeWant,
  encodeDigest,
  encodeFragment,
  encodeHeights,
  encodeIntroduction,
  encodeRanges,
  encodeRepairHead,
  encodeWant,
  FRAGMENT_HEAD_BYTES,
  FRAME_KIND,
  type FragmentHead,
  type Heights,
  type Introduction,
  MAX_WINDOW,
  pagesOfHeights,
  REPAIR_HEAD_BYTES,
  type RepairHead,
  splitRanges,
  type Want,
} from './wire.js'

const U32_MAX = 0xffff_ffff

const u32 = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: U32_MAX }), fc.constantFrom(0, U32_MAX))
const u16 = fc.integer({ min: 0, max: 0xffff })
const tag = fc.oneof(u16, u32, fc.constantFrom(0, 0xfffe, 0xffff, 0x1_0000, U32_MAX))
const bytes = (constraints: fc.IntArrayConstraints = {}) => fc.uint8Array(constraints)
const byte = fc.integer({ min: 0, max: 0xff })
const said = { sender: u16, counter: u32 }

const digest = fc.record<Digest>({ ...said, total: u32, hash: bytes({ minLength: 8, maxLength: 8 }) })
const height = fc.record({ author: tag, exists: u32, head: fc.option(byte) })
const heights = fc.record<Heights>({ ...said, heights: fc.array(height, { maxLength: 60 }) })
const range = fc.record({ author: tag, from: u32, length: fc.integer({ min: 1, max: 16 }) })
const want: fc.Arbitrary<Want> = fc.array(range, { maxLength: MAX_WINDOW / 16 }).chain(ranges => {
  const size = ranges.reduce((sum, { length }) => sum + length, 0)
  const mask = Math.ceil(size / 8)
  return fc.record<Want>({
    ...said,
    deficit: u32,
    ranges: fc.constant(ranges),
    holes: bytes({ minLength: mask, maxLength: mask }),
    strangers: fc.array(tag, { maxLength: 16 }),
    long: fc.array(fc.record({ author: tag, seqNum: u32 }), { maxLength: 4 }),
  })
})
const introduction = fc.record<Introduction>({
  keys: fc.array(
    fc.record({ key: bytes({ minLength: 32, maxLength: 32 }), exists: fc.integer({ min: -1, max: U32_MAX - 1 }) }),
    { maxLength: 6 },
  ),
})
const repairHead = fc.record<RepairHead>({
  window: u16,
  seed: byte,
  remaining: fc.integer({ min: 0, max: 127 }),
  isDescribed: fc.boolean(),
})
const fragmentHead = fc.record<FragmentHead>({ author: tag, seqNum: u32, seed: byte, count: u32, length: u32 })

const decoders = {
  digest: decodeDigest,
  heights: decodeHeights,
  want: decodeWant,
  introduction: decodeIntroduction,
  fragment: decodeFragment,
}

describe('what is said comes back', () => {
  function comesBack<Message>(
    messages: fc.Arbitrary<Message>,
    encode: (message: Message) => Uint8Array,
    decode: (encoded: Uint8Array) => Message | null,
  ): void {
    fc.assert(
      fc.property(messages, message => {
        expect(decode(encode(message))).toEqual(message)
      }),
    )
  }

  it('as a digest', () => comesBack(digest, encodeDigest, decodeDigest))
  it('as heights', () => comesBack(heights, encodeHeights, decodeHeights))
  it('as a WANT', () => comesBack(want, encodeWant, decodeWant))
  it('as an introduction', () => comesBack(introduction, encodeIntroduction, decodeIntroduction))

  it('as the head of a symbol, which counts at most 127 that follow', () => {
    fc.assert(
      fc.property(repairHead, head => {
        const encoded = encodeRepairHead(head)
        expect(encoded).toHaveLength(REPAIR_HEAD_BYTES)
        expect(decodeRepairHead(encoded)).toEqual(head)
      }),
    )
    expect(decodeRepairHead(encodeRepairHead({ window: 0, seed: 0, remaining: 256, isDescribed: false }))).toEqual({
      window: 0,
      seed: 0,
      remaining: 127,
      isDescribed: false,
    })
  })

  it('as a description that stands before a symbol', () => {
    fc.assert(
      fc.property(want, bytes({ maxLength: 200 }), ({ ranges }, symbol) => {
        expect(splitRanges(concatBytes(encodeRanges(ranges), symbol))).toEqual({ ranges, symbol })
      }),
    )
    expect(splitRanges(Uint8Array.of(1, 0, 1))).toBeNull()
  })

  it('as a piece of an operation', () => {
    fc.assert(
      fc.property(fragmentHead, bytes({ maxLength: 200 }), (head, symbol) => {
        expect(decodeFragment(encodeFragment(head, symbol))).toEqual({ head, symbol })
      }),
    )
  })

  it('in memory of its own: the frame may be overwritten', () => {
    const encoded = encodeWant({ ...sample.want, holes: Uint8Array.of(5) })
    const decoded = decodeWant(encoded)
    encoded.fill(0)
    expect(decoded?.holes).toEqual(Uint8Array.of(5))
  })
})

const sample = {
  digest: { sender: 0x1234, counter: 0x6890_0001, total: 300, hash: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) },
  heights: {
    sender: 0x1234,
    counter: 2,
    heights: [
      { author: 7, exists: 0, head: null },
      { author: 0x0102, exists: 200, head: 0xab },
      // Two authors share the tag ffff, so this one has four bytes behind the escape.
      { author: 0xffff_0001, exists: 1, head: 0xcd },
    ],
  },
  want: {
    sender: 0x1234,
    counter: 3,
    deficit: 2,
    ranges: [
      { author: 0x0102, from: 130, length: 6 },
      { author: 0x0001_0000, from: 0, length: 2 },
    ],
    holes: Uint8Array.of(0b0100_0001),
    strangers: [0xbeef],
    long: [{ author: 0x0102, seqNum: 9 }],
  },
  introduction: {
    keys: [
      { key: new Uint8Array(32).fill(0x11), exists: -1 },
      { key: new Uint8Array(32).fill(0x22), exists: 127 },
    ],
  },
  repairHead: { window: 0xcafe, seed: 9, remaining: 4, isDescribed: true },
  fragmentHead: { author: 0x0102, seqNum: 3, seed: 0x81, count: 12, length: 2100 },
} as const

describe('golden bytes', () => {
  it('numbers the kinds of frames for good', () => {
    expect(FRAME_KIND).toEqual({
      operation: 0,
      digest: 1,
      heights: 2,
      want: 3,
      repair: 4,
      introduction: 5,
      fragment: 6,
      relay: 7,
    })
  })

  it.each([
    ['digest', () => encodeDigest(sample.digest), '1234 68900001 ac02 0102030405060708'],
    ['heights', () => encodeHeights(sample.heights), '1234 00000002 0007 00 0102 9103 ab ffff ffff0001 03 cd'],
    ['want', () => encodeWant(sample.want), '1234 00000003 02 02 0102 8201 06 ffff 00010000 00 02 41 01 beef 0102 09'],
    ['introduction', () => encodeIntroduction(sample.introduction), `${'11'.repeat(32)} 00 ${'22'.repeat(32)} 8001`],
    ['head of a symbol', () => encodeRepairHead(sample.repairHead), 'cafe 09 84'],
    ['description of a window', () => encodeRanges(sample.want.ranges), '02 0102 8201 06 ffff 00010000 00 02'],
    ['piece', () => encodeFragment(sample.fragmentHead, Uint8Array.of(0xaa, 0xbb)), '0102 03 81 0c b410 aabb'],
  ] as const)('%s', (_, encode, expected) => {
    expect(bytesToHex(encode())).toBe(expected.replaceAll(' ', ''))
  })
})

describe('garbage', () => {
  it('is null or a message, and never throws', () => {
    fc.assert(
      fc.property(bytes({ maxLength: 80 }), garbage => {
        for (const decode of Object.values(decoders)) {
          const message = decode(garbage)
          expect(message === null || typeof message === 'object').toBe(true)
        }
      }),
      { numRuns: 2_000 },
    )
  })

  it('is null wherever a message was cut short, or has a byte too many', () => {
    const whole = {
      digest: encodeDigest(sample.digest),
      want: encodeWant({ ...sample.want, long: [] }),
    }
    for (const [name, encoded] of Object.entries(whole)) {
      const decode = decoders[name as keyof typeof whole]
      for (let length = 0; length < encoded.length; length++) expect(decode(encoded.subarray(0, length))).toBeNull()
      expect(decode(encoded)).not.toBeNull()
      expect(decode(Uint8Array.of(...encoded, 1))).toBeNull()
    }
  })

  it.each([
    ['heights', () => encodeHeights({ ...sample.heights, heights: [sample.heights.heights[1]] }), 6],
    ['introduction', () => encodeIntroduction({ keys: [sample.introduction.keys[0]] }), 0],
  ] as const)('%s end between two of their items or not at all', (name, encode, least) => {
    const encoded = encode()
    for (let length = 0; length < encoded.length; length++) {
      const isWhole = length === least
      expect(decoders[name](encoded.subarray(0, length)) !== null).toBe(isWhole)
    }
  })
})

describe('limits', () => {
  const wantOf = (...lengths: number[]) =>
    encodeWant({
      ...sample.want,
      ranges: lengths.map(length => ({ author: 1, from: 0, length })),
      holes: new Uint8Array(Math.ceil(lengths.reduce((sum, length) => sum + length, 0) / 8)),
    })

  it('a window has at most 128 operations, in all its ranges together', () => {
    expect(MAX_WINDOW).toBe(128)
    expect(decodeWant(wantOf(128))?.holes).toHaveLength(16)
    expect(decodeWant(wantOf(64, 64))).not.toBeNull()
    expect(decodeWant(wantOf(129))).toBeNull()
    expect(decodeWant(wantOf(64, 65))).toBeNull()
    expect(decodeWant(wantOf(1_000_000))).toBeNull()
  })

  it('a range holds at least one operation', () => {
    expect(decodeWant(wantOf(1))).not.toBeNull()
    expect(decodeWant(wantOf(0))).toBeNull()
    expect(decodeWant(wantOf(3, 0))).toBeNull()
  })

  it('a count of ranges or strangers that the bytes cannot hold is refused before anything is made of it', () => {
    const head = '1234 00000003 02'.replaceAll(' ', '')
    expect(decodeWant(hexToBytes(`${head}ffffffff0f`))).toBeNull()
    expect(decodeWant(hexToBytes(`${head}00ffffffff0f`))).toBeNull()
    expect(decodeWant(hexToBytes(`${head}0000`))).toMatchObject({ ranges: [], strangers: [] })
  })

  it('a height is a 32-bit number', () => {
    const one = (exists: number) =>
      decodeHeights(encodeHeights({ ...sample.heights, heights: [{ author: 1, exists, head: null }] }))
    expect(one(U32_MAX)?.heights[0]?.exists).toBe(U32_MAX)
    expect(one(U32_MAX + 1)).toBeNull()
  })

  it('the head of a piece takes no more bytes than are reckoned with', () => {
    fc.assert(
      fc.property(u16, u32, byte, fc.nat(127), fc.nat(0xffff), (author, seqNum, seed, count, length) => {
        fc.pre(author < 0xffff)
        expect(encodeFragment({ author, seqNum, seed, count, length }, new Uint8Array()).length).toBeLessThanOrEqual(
          FRAGMENT_HEAD_BYTES,
        )
      }),
    )
  })
})

describe('pages of heights', () => {
  it('hold all of them in their order, each within its bytes, and none is empty', () => {
    fc.assert(
      fc.property(fc.array(height, { maxLength: 120 }), fc.integer({ min: 40, max: 245 }), (all, maxBytes) => {
        const pages = pagesOfHeights(all, maxBytes)
        expect(pages.flat()).toEqual(all)
        for (const page of pages) {
          expect(page.length).toBeGreaterThan(0)
          expect(encodeHeights({ sender: 1, counter: 1, heights: page }).length).toBeLessThanOrEqual(maxBytes)
        }
      }),
    )
  })

  it('forty authors with long logs share one LoRa frame', () => {
    const all = Array.from({ length: 40 }, (_, at) => ({ author: at * 1_600, exists: 5_000 + at, head: at }))
    expect(pagesOfHeights(all, 255 - 10)).toHaveLength(1)
  })

  it('are filled to the last byte and not past it', () => {
    const all = [1, 2].map(author => ({ author, exists: 0, head: null }))
    expect(pagesOfHeights(all, 6 + 3 + 3)).toHaveLength(1)
    expect(pagesOfHeights(all, 6 + 3 + 2)).toHaveLength(2)
  })
})

/**
 * Goal: whatever was signed comes back byte for byte from its compact form, at the sizes promised. Method: all recorded
 * operations of the released crates, random headers, sizes and golden bytes of each form, and mutilated input.
 */

import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nativeCrypto } from '../adapters/index.js'
import {
  bytesToHex,
  concatBytes,
  decodeHeader,
  encodeHeader,
  hexToBytes,
  OperationId,
  type SigningKey,
  Topic,
  U64_MAX,
} from '../core/index.js'
import {
  type CompactOptions,
  compactOf,
  encodeCompact,
  nearest,
  parseCompact,
  SEAL_OVERHEAD_BYTES,
  SHORT_BYTES,
  sealCompact,
} from './compact.js'
import { fakeId, KnownTopic, signingKeyOf, type Written, write } from './known-topic.contract.js'
import { rebuild } from './rebuild.js'
import { openFrame } from './seal.js'

const crypto = nativeCrypto({ workers: 0 })
const topic = Topic.fromHex('11'.repeat(32))
const START_US = 1_754_300_000_000_000n

/** Through a frame and back, as another node with the same knowledge has it. */
function thereAndBack(known: KnownTopic, written: Written, options?: CompactOptions) {
  const compact = encodeCompact(crypto, known.keys, written, known, options)
  const frame = sealCompact(crypto, known.keys, compact)
  const opened = openFrame(crypto, [known.keys], frame)
  expect(opened && compactOf(opened)).toEqual(compact)
  const parsed = parseCompact(compact)
  expect(parsed).not.toBeNull()
  const rebuilt = rebuild(parsed!, known, crypto, known.keys)
  return { compact, frame, parsed: parsed!, rebuilt }
}

function expectSame(written: Written, { rebuilt }: ReturnType<typeof thereAndBack>): void {
  expect(rebuilt.type === 'rebuilt' && bytesToHex(rebuilt.header)).toBe(bytesToHex(encodeHeader(written.header)))
  expect(rebuilt).toMatchObject({
    author: written.header.author,
    seqNum: written.header.seqNum,
    id: written.header.id,
    body: written.body,
  })
}

interface Recorded {
  readonly name: string
  readonly topic: string
  readonly body: string | null
  readonly header: string
}

const recorded = (
  JSON.parse(readFileSync(new URL('../core/vectors/operations.json', import.meta.url), 'utf8')) as {
    operations: Recorded[]
  }
).operations

describe('recorded operations', () => {
  it.each(recorded)('$name', ({ topic, body, header: hex }) => {
    const header = decodeHeader(hexToBytes(hex), crypto)
    const written = { header, body: body === null ? null : hexToBytes(body) }
    const known = new KnownTopic(crypto, Topic.fromHex(topic)).know(header.author, header.seqNum - 1)
    const { seqNum, backlink, extensions } = header
    if (backlink) known.holdAs(header.author, seqNum - 1, backlink, extensions.timestamp)
    expectSame(written, thereAndBack(known, written))
    expectSame(written, thereAndBack(known, written, { long: true }))
    // The same with all dependencies known, so that they shrink.
    if (extensions.variant !== 'causal') return
    for (const [at, id] of extensions.previous.entries()) {
      known.holdAs(signingKeyOf(at).verifyingKey, at, id, extensions.timestamp - 1n)
    }
    const short = thereAndBack(known, written)
    expectSame(written, short)
    expect(short.compact).toHaveLength(SHORT_BYTES + 2 * extensions.previous.length + written.body!.length)
  })
})

describe('sizes', () => {
  it.each([
    [0, 98],
    [1, 100],
    [2, 102],
    [3, 104],
    [64, 226],
  ])('with %i dependencies and a body of 20 bytes', (dependencies, bytes) => {
    const { known, written } = frontier(dependencies)
    const result = thereAndBack(known, written)
    expectSame(written, result)
    expect(result.frame).toHaveLength(bytes)
    expect(result.frame).toHaveLength(result.compact.length + SEAL_OVERHEAD_BYTES)
  })

  it('of basic extensions is that of no dependencies', () => {
    const known = new KnownTopic(crypto, topic)
    const first = write(crypto, known.keys, signingKeyOf(0), { seqNum: 0, timestamp: START_US })
    known.hold(first)
    const written = write(crypto, known.keys, signingKeyOf(0), {
      seqNum: 1,
      backlink: first.header.id,
      timestamp: START_US + 1n,
      body: new Uint8Array(20),
    })
    expect(thereAndBack(known, written).frame).toHaveLength(98)
  })

  it('of dependencies written out is 32 for an unknown id and little for a place', () => {
    const { known, written } = frontier(3)
    expect(thereAndBack(known, written, { wide: true }).frame).toHaveLength(98 + 1 + 3 * 4)
    const { extensions } = written.header
    const [foreign] = extensions.variant === 'causal' ? extensions.previous : []
    known.drop(known.placeOf(foreign!)!.author, known.placeOf(foreign!)!.seqNum)
    const result = thereAndBack(known, written)
    expectSame(written, result)
    expect(result.frame).toHaveLength(98 + 1 + 33 + 2 * 4)
  })
})

/** An operation on the last operations of so many other authors. */
function frontier(dependencies: number) {
  const known = new KnownTopic(crypto, topic)
  const previous: OperationId[] = []
  for (let index = 0; index < dependencies; index++) {
    const id = fakeId(crypto, `dependency ${index}`)
    previous.push(id)
    known.holdAs(signingKeyOf(index + 1).verifyingKey, 40 + (index % 7), id, START_US - BigInt(index))
  }
  const backlink = fakeId(crypto, 'predecessor')
  known.holdAs(signingKeyOf(0).verifyingKey, 41, backlink, START_US - 1_000_000n)
  const body = new Uint8Array(20).fill(9)
  const written = write(crypto, known.keys, signingKeyOf(0), {
    seqNum: 42,
    backlink,
    timestamp: START_US,
    body,
    previous,
  })
  return { known, written }
}

describe('random headers', () => {
  const bodyBytes = fc.constantFrom(0, 1, 23, 24, 25, 255, 256, 257, 300)
  const bigNumber = fc.constantFrom(0, 1, 2, 23, 24, 127, 128, 255, 256, 257, 65_535, 65_536, 2 ** 32 - 1)
  const timestamp = fc.oneof(
    fc.constantFrom(0n, 23n, 24n, 1n << 39n, (1n << 40n) - 1n, 1n << 40n, U64_MAX),
    fc.bigInt({ min: 0n, max: U64_MAX }),
  )
  const shift = fc.constantFrom(
    0n,
    1n,
    -1n,
    45_000_000n,
    (1n << 39n) - 1n,
    1n - (1n << 39n),
    1n << 39n,
    -(1n << 39n),
    1n << 41n,
  )

  it('come back', () => {
    fc.assert(
      fc.property(
        fc.record({
          writer: fc.nat(3),
          seqNum: bigNumber,
          before: timestamp,
          shift,
          bytes: bodyBytes,
          variant: fc.constantFrom('basic', 'prune', 'causal'),
          dependencies: fc.array(
            fc.record({
              author: fc.nat(40),
              seqNum: fc.oneof(fc.nat(100), fc.nat(100_000)),
              ageUs: fc.bigInt(0n, 1n << 42n),
              isKnown: fc.boolean(),
            }),
            { maxLength: 64 },
          ),
          areKnown: fc.boolean(),
          wide: fc.boolean(),
        }),
        given => {
          const known = new KnownTopic(crypto, topic)
          const stamp = clamp(given.before + given.shift)
          const signingKey = signingKeyOf(given.writer)
          const backlink = fakeId(crypto, 'predecessor')
          known.know(signingKey.verifyingKey, given.seqNum - 1)
          if (given.seqNum > 0) known.holdAs(signingKey.verifyingKey, given.seqNum - 1, backlink, given.before)
          const previous = given.dependencies.map(({ author, seqNum, ageUs, isKnown }) => {
            const key = signingKeyOf(100 + author).verifyingKey
            const id = fakeId(crypto, `${author}/${seqNum}`)
            if (isKnown || given.areKnown) known.holdAs(key, seqNum, id, clamp(stamp - ageUs))
            return id
          })
          const written = write(crypto, known.keys, signingKey, {
            seqNum: given.seqNum,
            backlink,
            timestamp: stamp,
            body: new Uint8Array(given.bytes).fill(given.bytes),
            prune: given.variant === 'prune',
            ...(given.variant === 'causal' ? { previous } : {}),
          })
          const result = thereAndBack(known, written, { wide: given.wide })
          expectSame(written, result)
          expect(result.parsed.form).toBe('short')
        },
      ),
      { numRuns: 300 },
    )
  })

  it('are the same compact bytes from whoever encodes them', () => {
    const { known, written } = frontier(5)
    const other = new KnownTopic(crypto, topic)
    for (const { author, exists } of known.authors()) {
      other.holdAs(author, exists, known.idOf(author, exists)!, known.timestampOf(author, exists)!)
      // Knowing more of the logs changes nothing.
      other.know(author, exists + 1000)
    }
    expect(encodeCompact(crypto, other.keys, written, other)).toEqual(encodeCompact(crypto, known.keys, written, known))
  })
})

function clamp(value: bigint): bigint {
  return value < 0n ? 0n : value > U64_MAX ? U64_MAX : value
}

describe('the long form', () => {
  const forms = ({ known, written }: ReturnType<typeof frontier>) => thereAndBack(known, written)

  it('stands in for a payload that is gone', () => {
    const given = frontier(1)
    const result = forms({ ...given, written: { header: given.written.header, body: null } as never })
    expect(result.parsed.form).toBe('long')
    expect(result.rebuilt).toMatchObject({ type: 'rebuilt', body: null, id: given.written.header.id })
  })

  it('stands in where the predecessor is not held, or is another than the backlink says', () => {
    const given = frontier(1)
    const author = signingKeyOf(0).verifyingKey
    given.known.holdAs(author, 41, fakeId(crypto, 'a fork'), START_US)
    expect(forms(given).parsed.form).toBe('long')
    given.known.drop(author, 41)
    const result = forms(given)
    expect(result.parsed.form).toBe('long')
    expectSame(given.written, result)
  })

  it('is refused with another body, another topic or another signature', () => {
    const { known, written } = frontier(0)
    const compact = encodeCompact(crypto, known.keys, written, known, { long: true })
    const judge = (bytes: Uint8Array, keys = known.keys) => rebuild(parseCompact(bytes)!, known, crypto, keys).type
    expect(judge(compact)).toBe('rebuilt')
    expect(judge(changed(compact, compact.length - 1))).toBe('failed')
    expect(judge(changed(compact, 5))).toBe('failed')
    expect(judge(concatBytes(compact, Uint8Array.of(0)))).toBe('failed')
    expect(judge(compact, new KnownTopic(crypto, Topic.fromHex('22'.repeat(32))).keys)).toBe('failed')
  })
})

describe('mutilated bytes', () => {
  it('give null or fields, and never throw', () => {
    const { known, written } = frontier(3)
    const forms = [{}, { long: true }, { wide: true }].map(options =>
      encodeCompact(crypto, known.keys, written, known, options),
    )
    fc.assert(
      fc.property(
        fc.constantFrom(...forms),
        fc.nat(400),
        fc.nat(400),
        fc.nat(255),
        fc.boolean(),
        (form, cut, at, value, isCut) => {
          const bytes = form.slice(0, isCut ? cut : form.length)
          if (at < bytes.length) bytes[at] = value
          const parsed = parseCompact(bytes)
          if (!parsed) return
          const rebuilt = rebuild(parsed, known, crypto, known.keys)
          if (bytes.some((byte, index) => byte !== form[index]) || bytes.length < form.length) {
            // A longer encoding of the same number may still mean the same.
            if (rebuilt.type === 'rebuilt') expect(rebuilt.id).toBe(written.header.id)
          }
        },
      ),
      { numRuns: 1500 },
    )
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), bytes => void parseCompact(bytes)))
  })

  it('with more dependencies than a header may have are null', () => {
    const { known, written } = frontier(1)
    const short = encodeCompact(crypto, known.keys, written, known)
    const head = short.slice(0, SHORT_BYTES)
    const words = (count: number) =>
      Uint8Array.from({ length: 2 * count }, (_, at) => (at % 2 === 0 && at < 2 * count - 2 ? 0x80 : 0))
    expect(parseCompact(concatBytes(head, words(512)))).not.toBeNull()
    expect(parseCompact(concatBytes(head, words(513)))).toBeNull()
  })
})

function changed(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice()
  copy[at]! ^= 1
  return copy
}

describe('golden bytes', () => {
  const LONG =
    '05 signature 5bdb 0099 870158201b8a0fbf8bb3084fc324745011ebb60dbad0ee4027ef46dffce3263482ff0d3e055820ea8f163db38682925e4491c5e58d4bb3506ef8c14eb78a86e908c5624a67200f01582001328e13c7613f9b0d505ec633fb7616807c618451a86aad425753d5637e99d8850100582091f47563f3da92036f6fb227245b2833d0b42d76b1cc04afe198e92cf3749f611b00063b86cc545802f4 68656c6c6f'
  const key: SigningKey = signingKeyOf(0)
  const known = new KnownTopic(crypto, topic)
  const body = new TextEncoder().encode('hello')
  const compactHex = (written: Written, options?: CompactOptions) => {
    const result = thereAndBack(known, written, options)
    expectSame(written, result)
    const signature = bytesToHex(written.header.signature)
    return bytesToHex(result.compact).replace(signature, 'signature')
  }
  const first = write(crypto, known.keys, key, { seqNum: 0, timestamp: START_US, body })
  known.hold(first)
  const other = fakeId(crypto, 'other')
  known.holdAs(signingKeyOf(1).verifyingKey, 7, other, START_US + 1n)

  const later = (writing: { previous?: readonly OperationId[]; prune?: boolean; timestamp?: bigint }) =>
    write(crypto, known.keys, key, {
      seqNum: 1,
      backlink: first.header.id,
      timestamp: START_US + 2n,
      body,
      ...writing,
    })

  it.each([
    ['the first of a log', first, {}, '08 signature 5bdb 00 00063b86cc545800 68656c6c6f'],
    ['basic', later({}), {}, '00 signature 5bdb 01 86cc545802 68656c6c6f'],
    [
      'prune',
      later({ prune: true }),
      {},
      '09 signature 5bdb 01 00063b86cc545802 01328e13c7613f9b0d505ec633fb7616807c618451a86aad425753d5637e99d8 68656c6c6f',
    ],
    [
      'clock jump',
      later({ timestamp: START_US + (1n << 39n) }),
      {},
      '08 signature 5bdb 01 00063c06cc545800 68656c6c6f',
    ],
    ['causal, none', later({ previous: [] }), {}, '02 signature 5bdb 01 86cc545802 68656c6c6f'],
    ['causal, one', later({ previous: [other] }), {}, '03 signature 5bdb 01 86cc545802 0baa 68656c6c6f'],
    [
      'causal, two',
      later({ previous: [other, first.header.id] }),
      {},
      '03 signature 5bdb 01 86cc545802 8baa 5bdb 68656c6c6f',
    ],
    [
      'causal, foreign',
      later({ previous: [other, OperationId.fromHex('ab'.repeat(32))] }),
      {},
      '04 signature 5bdb 01 86cc545802 02 01 0ba3 07 00 abababababababababababababababababababababababababababababababab 68656c6c6f',
    ],
    [
      'causal, wide',
      later({ previous: [other] }),
      { wide: true },
      '04 signature 5bdb 01 86cc545802 01 01 0ba3 07 68656c6c6f',
    ],
    ['long', later({}), { long: true }, LONG],
  ])('%s', (_name, written, options, expected) => {
    expect(compactHex(written, options)).toBe(expected.replaceAll(' ', ''))
  })
})

describe('the nearest number with given low bits', () => {
  it.each([
    [5n, 256n, 0n, 5n],
    [5n, 256n, 260n, 261n],
    [250n, 256n, 260n, 250n],
    [200n, 256n, 5n, 200n],
    [0n, 256n, 128n, 0n],
    [0n, 256n, 129n, 256n],
  ])('%i of %i near %i is %i', (low, range, hint, expected) => {
    expect(nearest(low, range, hint)).toBe(expected)
  })

  it('is found again for all that lies less than half a range away', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 1n << 50n), fc.bigInt(-(1n << 39n) + 1n, (1n << 39n) - 1n), (value, off) => {
        const hint = clamp(value + off)
        expect(nearest(value & ((1n << 40n) - 1n), 1n << 40n, hint)).toBe(value)
      }),
    )
  })
})

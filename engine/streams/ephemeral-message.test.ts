/**
 * Goal: ephemeral messages are those of p2panda 0.7.1 to the byte, verify as they came, and have one encoding only.
 * Method: the published vectors, round trips, every field changed, the limit and one past it, random bytes.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bytesToHex,
  type CborValue,
  concatBytes,
  decodeCbor,
  encodeCbor,
  hexToBytes,
  idBytes,
  isThicketError,
  portableCrypto,
  SigningKey,
  U64_MAX,
} from '../core/index.js'
import { type EphemeralMessage, encodeEphemeral, parseEphemeral, verifyEphemeral } from './ephemeral-message.js'

const MAX_BYTES = 4_096
const key = SigningKey.fromBytes(Uint8Array.from({ length: 32 }, (_, at) => at))
const timestamp = { wallUs: 1_754_300_000_000_000n, lamport: 0n }
const encode = (body: CborValue, stamp = timestamp) =>
  encodeEphemeral(key, portableCrypto, stamp, encodeCbor(body), MAX_BYTES)
const decode = (bytes: Uint8Array): EphemeralMessage =>
  verifyEphemeral(parseEphemeral(bytes, MAX_BYTES), portableCrypto)

function codeOf(bytes: Uint8Array): string {
  try {
    decode(bytes)
    return 'accepted'
  } catch (error) {
    if (!isThicketError(error)) throw error
    return error.code
  }
}

/** A message of any fields, signed over what stands in it. */
function forged(fields: { [Name in 'version' | 'author' | 'wall' | 'lamport' | 'body']?: CborValue }): Uint8Array {
  const all = {
    version: 1,
    author: idBytes(key.verifyingKey),
    wall: timestamp.wallUs,
    lamport: 0,
    body: 'x',
    ...fields,
  }
  const signature = key.sign(encodeCbor([all.version, all.author, all.wall, all.lamport, all.body]))
  return encodeCbor([all.version, all.author, signature, all.wall, all.lamport, all.body])
}

describe('the published messages', () => {
  it('spec/node.md 6.10', () => {
    const bytes = encode('Hello, Icebear!')
    const author = bytesToHex(idBytes(key.verifyingKey))
    const signature =
      '15bb29b6fbf5babe608bd463fd7d8ec6f049a638e81f085f968d11d617fb0373cab2a7a1e7fc30cd1c13a82276700018742443856a0703e0b0f7075f14c7430a'
    expect(bytesToHex(bytes)).toBe(
      `86015820${author}5840${signature}1b00063b86cc545800006f48656c6c6f2c204963656265617221`,
    )
    const message = decode(bytes)
    expect(message).toMatchObject({ author: key.verifyingKey, timestamp })
    expect(decodeCbor(message.body)).toBe('Hello, Icebear!')
  })

  it('spec/sync.md 11: 115 bytes, 112 of them around the body', () => {
    const other = SigningKey.fromHex('f47b55d7a1cc5ee3effd80a4e4a0c33112317d0432da9de6ae019ae7e78e16aa')
    const stamp = { wallUs: 1_788_000_000_000_000n, lamport: 0n }
    const bytes = encodeEphemeral(other, portableCrypto, stamp, encodeCbor('hi'), MAX_BYTES)
    expect(bytes).toHaveLength(115)
    expect(bytesToHex(bytes)).toContain(
      'da5ec389fd5b90f083e65784cdfefd712ccb0965ad85af169dac1883536ce5465aa1ea89a29e8f694bc1cb8f18137deea5b5c2ea55f315ccc0a2394fb3a45e0b',
    )
  })
})

it('[7.2] ephemeral wrapper: round-trip equality, and a fresh message verifies', () => {
  const u64 = fc.bigInt({ min: 0n, max: U64_MAX })
  const body = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 60 }), fc.uint8Array({ maxLength: 60 }), fc.integer())
  fc.assert(
    fc.property(u64, u64, body, (wallUs, lamport, value) => {
      const item = encodeCbor(value)
      const bytes = encodeEphemeral(key, portableCrypto, { wallUs, lamport }, item, MAX_BYTES)
      expect(decode(bytes)).toEqual({ author: key.verifyingKey, timestamp: { wallUs, lamport }, body: item })
    }),
    { numRuns: 40 },
  )
})

describe('limits', () => {
  const around = encode('').length - 1

  it('takes a message of exactly the limit, and none of one byte more', () => {
    // A text of more than 255 bytes has a head of 3.
    const largest = MAX_BYTES - around - 3
    const bytes = encode('x'.repeat(largest))
    expect(bytes).toHaveLength(MAX_BYTES)
    expect(codeOf(bytes)).toBe('accepted')
    expect(() => encode('x'.repeat(largest + 1))).toThrow(expect.objectContaining({ code: 'message-too-large' }))
    const oversized = encodeEphemeral(
      key,
      portableCrypto,
      timestamp,
      encodeCbor('x'.repeat(largest + 1)),
      MAX_BYTES + 1,
    )
    expect(oversized).toHaveLength(MAX_BYTES + 1)
    expect(codeOf(oversized)).toBe('message-too-large')
  })
})

describe('what is refused', () => {
  const good = encode('Hello')

  it('a change of any byte', () => {
    for (let at = 0; at < good.length; at++) {
      const changed = Uint8Array.from(good)
      changed[at]! ^= 1
      expect(codeOf(changed), `byte ${at}`).not.toBe('accepted')
    }
  })

  it.each<[string, Uint8Array, string]>([
    ['another version', forged({ version: 2 }), 'unsupported-version'],
    ['a version that is a text', forged({ version: 'one' }), 'ephemeral-malformed'],
    ['a short key', forged({ author: new Uint8Array(31) }), 'ephemeral-malformed'],
    ['a key that is no point', forged({ author: Uint8Array.of(2, ...new Uint8Array(31)) }), 'invalid-verifying-key'],
    ['a key of small order', forged({ author: Uint8Array.of(1, ...new Uint8Array(31)) }), 'invalid-signature'],
    ['a negative timestamp', forged({ wall: -1 }), 'ephemeral-malformed'],
    ['a timestamp beyond 64 bits', forged({ wall: U64_MAX + 1n }), 'ephemeral-malformed'],
    ['a lamport that is a float', forged({ lamport: 0.5 }), 'ephemeral-malformed'],
    ['an empty array', hexToBytes('80'), 'ephemeral-malformed'],
    ['five items', encodeCbor([1, idBytes(key.verifyingKey), new Uint8Array(64), 0, 0]), 'ephemeral-malformed'],
    ['seven items', concatBytes(Uint8Array.of(0x87), good.subarray(1), Uint8Array.of(0)), 'ephemeral-malformed'],
    ['a byte after the message', concatBytes(good, Uint8Array.of(0)), 'decoding-cbor'],
    ['a tag before the message', concatBytes(Uint8Array.of(0xc6), good), 'decoding-cbor'],
    [
      'a tag before the version',
      concatBytes(good.subarray(0, 1), Uint8Array.of(0xc6), good.subarray(1)),
      'ephemeral-malformed',
    ],
    ['nothing', new Uint8Array(), 'decoding-cbor'],
  ])('%s', (_, bytes, code) => {
    expect(codeOf(bytes)).toBe(code)
  })

  it('another author’s key under a good signature', () => {
    const bytes = Uint8Array.from(good)
    bytes.set(idBytes(SigningKey.fromBytes(new Uint8Array(32).fill(9)).verifyingKey), 4)
    expect(codeOf(bytes)).toBe('invalid-signature')
  })

  it('a tag before the body, which p2panda would drop: the same message would pass for another', () => {
    const body = encodeCbor('Hello')
    const tagged = concatBytes(good.subarray(0, good.length - body.length), Uint8Array.of(0xc6), body)
    expect(codeOf(tagged)).toBe('invalid-signature')
  })

  it('a body that is no item, or two', () => {
    for (const hex of ['', '0101', 'ff', '1801']) {
      const bytes = encodeEphemeral(key, portableCrypto, timestamp, hexToBytes(hex), MAX_BYTES)
      expect(codeOf(bytes), hex).toBe('decoding-cbor')
    }
  })

  it('random bytes and random changes, with coded errors alone', () => {
    const mutated = fc
      .array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
      .map(changes => {
        const bytes = Uint8Array.from(good)
        for (const [at, byte] of changes) bytes[at] = byte
        return bytes
      })
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), mutated), bytes => {
        const code = codeOf(bytes)
        if (code === 'accepted') expect(bytes).toEqual(good)
      }),
      { numRuns: 500 },
    )
  })
})

/**
 * Goal: frames open for members of the topic only, unchanged or not at all, and no nonce serves two contents. Method:
 * round trips, every bit flipped, foreign topics, golden bytes, and ChaCha20 of OpenSSL beside ours.
 */

import { createCipheriv } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesToHex, hash, hexToBytes, Topic, VerifyingKey } from '../core/index.js'
import {
  CONTROL_OVERHEAD_BYTES,
  OPERATION_OVERHEAD_BYTES,
  openFrame,
  SYMBOL_OVERHEAD_BYTES,
  sealControl,
  sealOperation,
  sealSymbol,
} from './seal.js'
import { authorTag, topicKeys } from './topic-keys.js'
import { FRAME_KIND } from './wire.js'

const crypto = { hash }
const keys = topicKeys(crypto, Topic.fromHex('11'.repeat(32)))
const signature = Uint8Array.from({ length: 64 }, (_, at) => at)
const clear = Uint8Array.of(1, 2, 3, 4)
const secret = new TextEncoder().encode('hello')

const frames = {
  operation: () => sealOperation(crypto, keys, 9, signature, secret),
  control: () => sealControl(crypto, keys, FRAME_KIND.want, secret, 3),
  symbol: () => sealSymbol(crypto, keys, FRAME_KIND.repair, clear, secret, 1),
}

describe('the keys of a topic', () => {
  it('are these, and do not follow from the log id', () => {
    expect(keys.logId).toBe('91f47563f3da92036f6fb227245b2833d0b42d76b1cc04afe198e92cf3749f61')
    expect(keys.tag).toBe(0x46)
    expect([keys.cipherKey, keys.macKey, keys.tagKey].map(bytesToHex)).toEqual([
      '897f3f62c63d544bd7847427dd4dce76b961429837285bc15247bf3977709913',
      '19978861b1a827e35d94e4e4ca2ea899688f5ec952fce968f71318be0e50e028',
      '7f00409bb0bdb28b2c4bac95397e1757f5852e2dc8283f35dc4bff750a4a9c1e',
    ])
    const author = VerifyingKey.fromHex('03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8')
    expect(authorTag(crypto, keys, author)).toBe(0x5f4b)
    const ofLogId = topicKeys(crypto, Topic.fromHex(keys.logId))
    expect(ofLogId.cipherKey).not.toEqual(keys.cipherKey)
    expect(authorTag(crypto, ofLogId, author)).not.toBe(authorTag(crypto, keys, author))
  })
})

describe('golden bytes', () => {
  it.each([
    [
      'operation',
      '09 46 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f 04d173efc1 e5614a55',
    ],
    ['control', '63 46 118b5aa2fd7675a9 ffef5222a3'],
    ['symbol', '81 46 01020304 83ee6c83 fdbd9f9fb4'],
  ] as const)('%s', (form, expected) => {
    expect(bytesToHex(frames[form]())).toBe(expected.replaceAll(' ', ''))
  })

  it('hold ChaCha20 as others compute it', () => {
    const frame = frames.operation()
    // OpenSSL takes the block counter in front of the nonce.
    const nonce = Buffer.concat([new Uint8Array(4), signature.subarray(0, 8), frame.subarray(-4)])
    const expected = createCipheriv('chacha20', keys.cipherKey, nonce).update(secret)
    expect(bytesToHex(frame.subarray(66, -4))).toBe(bytesToHex(expected))
  })
})

describe('a frame', () => {
  it.each([
    ['operation', OPERATION_OVERHEAD_BYTES, FRAME_KIND.operation, 9, signature],
    ['control', CONTROL_OVERHEAD_BYTES, FRAME_KIND.want, 3, new Uint8Array()],
    ['symbol', SYMBOL_OVERHEAD_BYTES, FRAME_KIND.repair, 1, clear],
  ] as const)('of form %s opens to what was sealed, %i bytes longer', (form, overhead, kind, flags, inClear) => {
    const frame = frames[form]()
    expect(frame).toHaveLength(secret.length + overhead)
    expect(openFrame(crypto, [keys], frame)).toEqual({ kind, flags, keys, clear: inClear, plaintext: secret })
  })

  it('may be as long or as empty as one likes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.integer({ min: 0, max: 7 }), (bytes, kind) => {
        const frame =
          kind === FRAME_KIND.operation
            ? sealOperation(crypto, keys, 0, signature, bytes)
            : kind === FRAME_KIND.repair
              ? sealSymbol(crypto, keys, kind, clear, bytes)
              : sealControl(crypto, keys, kind, bytes)
        expect(openFrame(crypto, [keys], frame)).toMatchObject({ kind, plaintext: bytes })
      }),
      { numRuns: 60 },
    )
  })

  it.each(['operation', 'control', 'symbol'] as const)('of form %s opens with no bit changed and no byte cut', form => {
    const frame = frames[form]()
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const changed = frame.slice()
      changed[bit >> 3]! ^= 1 << (bit & 7)
      expect(openFrame(crypto, [keys], changed)).toBeNull()
    }
    for (let length = 0; length < frame.length; length++) {
      expect(openFrame(crypto, [keys], frame.slice(0, length))).toBeNull()
    }
  })

  it('of garbage opens to nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
        if (bytes.length > 1) bytes[1] = keys.tag
        expect(openFrame(crypto, [keys], bytes)).toBeNull()
      }),
    )
  })

  it('finds its topic among those with the same tag', () => {
    const others = Array.from({ length: 600 }, (_, at) =>
      topicKeys(crypto, Topic.fromBytes(hash(Uint8Array.of(at >> 8, at & 0xff)))),
    )
    const twins = others.filter(other => other.tag === keys.tag)
    expect(twins.length).toBeGreaterThan(0)
    expect(openFrame(crypto, others, frames.control())).toBeNull()
    expect(openFrame(crypto, [...others, keys], frames.control())?.keys).toBe(keys)
  })

  it('opens for each who has the same topic, with keys of their own', () => {
    const frame = frames.control()
    const mine = { ...keys }
    expect(openFrame(crypto, [keys], frame)?.keys).toBe(keys)
    expect(openFrame(crypto, [mine], frame)?.keys).toBe(mine)
  })

  it('is opened anew when the buffer it stands in was used again', () => {
    const buffer = frames.control()
    expect(openFrame(crypto, [keys], buffer)?.plaintext).toEqual(secret)
    const other = Uint8Array.of(7, 7, 7, 7, 7)
    buffer.set(sealControl(crypto, keys, FRAME_KIND.digest, other))
    expect(openFrame(crypto, [keys], buffer)).toMatchObject({ kind: FRAME_KIND.digest, plaintext: other })
    buffer[12]! ^= 1
    expect(openFrame(crypto, [keys], buffer)).toBeNull()
  })
})

describe('the stream of a frame', () => {
  /** What the cipher added, whatever the content was. */
  const stream = (frame: Uint8Array, at: number, plaintext: Uint8Array) =>
    bytesToHex(plaintext.map((byte, index) => byte ^ frame[at + index]!))

  it('differs as soon as anything in the frame does', () => {
    const contents = [secret, Uint8Array.of(1, 2, 3, 4, 5)]
    const streams = contents.flatMap(content => [
      stream(sealOperation(crypto, keys, 0, signature, content), 66, content),
      stream(sealOperation(crypto, keys, 5, signature, content), 66, content),
      stream(sealControl(crypto, keys, FRAME_KIND.digest, content), 10, content),
      stream(sealControl(crypto, keys, FRAME_KIND.want, content), 10, content),
      stream(sealSymbol(crypto, keys, FRAME_KIND.repair, clear, content), 10, content),
      stream(sealSymbol(crypto, keys, FRAME_KIND.repair, hexToBytes('01020305'), content), 10, content),
    ])
    expect(new Set(streams).size).toBe(streams.length)
  })
})

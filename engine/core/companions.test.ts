/** Goal: ids are made from text, bytes and chance, and nothing wrong becomes one. Method: edges of length and digits. */

import { describe, expect, it } from 'vitest'
import {
  bytesToHex,
  encodeCbor,
  Hash,
  hexToBytes,
  idBytes,
  isPoint,
  LogId,
  OperationId,
  portableCrypto,
  Topic,
  VerifyingKey,
} from './index.js'

const KEY = '03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8'
const makers = { Hash, LogId, OperationId, Topic, VerifyingKey }

describe.each(Object.entries(makers))('%s', (_, { fromHex, fromBytes }) => {
  it('[7.3] comes from hex of either case and from 32 bytes, and is lower-case hex', () => {
    expect(fromHex(KEY.toUpperCase())).toBe(KEY)
    expect(fromBytes(hexToBytes(KEY))).toBe(KEY)
    expect(JSON.stringify(fromHex(KEY))).toBe(`"${KEY}"`)
  })

  it('[7.3] is a byte string of 32 in CBOR', () => {
    expect(bytesToHex(encodeCbor(idBytes(fromHex(KEY))))).toBe(`5820${KEY}`)
  })

  it('[7.3] refuses other lengths and other digits', () => {
    for (const length of [0, 31, 33]) {
      expect(() => fromBytes(new Uint8Array(length))).toThrow(
        expect.objectContaining({ code: 'invalid-length', details: { actual: length, expected: 32 } }),
      )
      expect(() => fromHex('00'.repeat(length))).toThrow(expect.objectContaining({ code: 'invalid-length' }))
    }
    for (const hex of ['g'.repeat(64), `${KEY} `, KEY.slice(1), 'not really hex']) {
      expect(() => fromHex(hex)).toThrow(expect.objectContaining({ code: 'invalid-hex-encoding' }))
    }
  })
})

describe('the companions', () => {
  it('[7.2] derive a log id that is not the topic', () => {
    const topic = Topic.fromHex('11'.repeat(32))
    expect(LogId.ofTopic(topic)).toBe(Hash.of(idBytes(topic)))
    expect(LogId.ofTopic(topic)).not.toBe(topic)
  })

  it('draw topics from the chance they are given', () => {
    const random = { bytes: (length: number) => new Uint8Array(length).fill(9), float: () => 0 }
    expect(Topic.random(random)).toBe('09'.repeat(32))
    expect(Topic.fromHash(Hash.fromHex(KEY))).toBe(KEY)
  })

  it('order as their bytes do', () => {
    const low = Hash.fromHex('00ff'.repeat(16))
    const high = Hash.fromHex('0100'.repeat(16))
    expect(low < high).toBe(true)
  })
})

describe('verifying keys', () => {
  it('are points: y = 2 is none', () => {
    expect(() => VerifyingKey.fromHex(`02${'00'.repeat(31)}`)).toThrow(
      expect.objectContaining({ code: 'invalid-verifying-key' }),
    )
  })

  it('may be of small order, not reduced, or have the sign of a zero x', () => {
    for (const hex of [
      `01${'00'.repeat(31)}`,
      `01${'00'.repeat(30)}80`,
      `ee${'ff'.repeat(30)}7f`,
      `ee${'ff'.repeat(30)}ff`,
      `f0${'ff'.repeat(30)}7f`,
    ]) {
      expect(VerifyingKey.fromHex(hex)).toBe(hex)
    }
  })

  it('give the same verdict when asked again', () => {
    for (let index = 0; index < 50; index++) {
      const bytes = portableCrypto.hash(Uint8Array.of(index))
      const first = isPoint(bytes)
      expect(isPoint(bytes)).toBe(first)
      expect(isPoint(bytes, bytesToHex(bytes))).toBe(first)
    }
  })
})

/** Goal: a secret leaves its object only when asked for by name. Method: every way in which objects get printed. */

import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { bytesToHex, hexToBytes, idBytes, portableCrypto, SigningKey } from './index.js'

const SEED = '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'
const key = SigningKey.fromHex(SEED)

describe('a signing key', () => {
  it('knows its public key and signs', () => {
    expect(key.verifyingKey).toBe('03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8')
    const message = Uint8Array.of(1, 2, 3)
    const signature = key.sign(message)
    expect(portableCrypto.verify({ verifyingKey: idBytes(key.verifyingKey), message, signature })).toBe(true)
  })

  it('does not leak its seed', () => {
    const prints = [`${key}`, String(key), inspect(key, { showHidden: true, depth: 9 }), JSON.stringify({ key })]
    for (const print of [...prints, inspect(Object.entries(key)), inspect({ ...key })]) {
      expect(print).not.toContain(SEED)
      expect(print).not.toContain('0, 1, 2')
      expect(print).not.toContain('00 01 02')
    }
  })

  it('gives it to who asks for it by name, as a copy', () => {
    expect(key.toHex()).toBe(SEED)
    key.toBytes().fill(0)
    expect(bytesToHex(key.toBytes())).toBe(SEED)
  })

  it('keeps a copy of the seed it was made from', () => {
    const seed = hexToBytes(SEED)
    const made = SigningKey.fromBytes(seed)
    seed.fill(0)
    expect(made.toHex()).toBe(SEED)
  })

  it('comes from chance that is handed in', () => {
    const random = { bytes: (length: number) => new Uint8Array(length).fill(3), float: () => 0 }
    expect(SigningKey.random(random).toHex()).toBe('03'.repeat(32))
  })

  it('has 32 bytes, not 31 and not 33', () => {
    for (const length of [31, 33]) {
      expect(() => SigningKey.fromBytes(new Uint8Array(length))).toThrow(
        expect.objectContaining({ code: 'invalid-length' }),
      )
    }
    expect(() => SigningKey.fromHex('xx')).toThrow(expect.objectContaining({ code: 'invalid-hex-encoding' }))
  })
})

/**
 * What every implementation of the Crypto port must agree on, to the last verdict (spec/node.md 1.2). Signatures that
 * no honest signer makes are built here on the points of the curve, so that a lenient library would accept them.
 */

import { Point } from '@noble/ed25519'
import { sha512 } from '@noble/hashes/sha2.js'
import { describe, expect, it } from 'vitest'
import type { Crypto, SignedMessage } from '../ports.js'
import { bytesEqual, bytesToHex, concatBytes, hexToBytes } from './bytes.js'

const L = Point.CURVE().n
const utf8 = new TextEncoder()

/** All ways to write a point of small order: seven values of y, each with both signs of x. */
export const SMALL_ORDER_ENCODINGS: readonly Uint8Array[] = [
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
].flatMap(y => [
  hexToBytes(y),
  hexToBytes(`${y.slice(0, 62)}${(Number.parseInt(y.slice(62), 16) | 0x80).toString(16)}`),
])

/** RFC 8032 section 7.1, tests 1 to 3: seed, key, message, signature. */
const RFC_8032 = [
  [
    '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
  [
    'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    'af82',
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  ],
] as const

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${bytesToHex(Uint8Array.from(bytes).reverse())}`)
}

function scalarBytes(scalar: bigint): Uint8Array {
  return hexToBytes(scalar.toString(16).padStart(64, '0')).reverse()
}

function challenge(r: Uint8Array, key: Uint8Array, message: Uint8Array): bigint {
  return littleEndian(sha512(concatBytes(r, key, message))) % L
}

/** Whether sB - hA, written canonically, is R: the equation alone, without any of the rules around it. */
function equationHolds({ verifyingKey, message, signature }: SignedMessage): boolean {
  const r = signature.subarray(0, 32)
  const s = littleEndian(signature.subarray(32))
  const h = challenge(r, verifyingKey, message)
  const key = Point.fromBytes(verifyingKey, true)
  const expected = Point.BASE.multiplyUnsafe(s % L).add(key.negate().multiplyUnsafe(h))
  return bytesEqual(expected.toBytes(), r)
}

/** Tries messages until one gives a signature for which the equation holds. */
function grind(build: (message: Uint8Array) => SignedMessage): SignedMessage | null {
  for (let attempt = 0; attempt < 400; attempt++) {
    const signed = build(utf8.encode(`attempt ${attempt}`))
    if (equationHolds(signed)) return signed
  }
  return null
}

const SECRET = 98_765n
const NONCE = 12_345n
const HONEST_KEY = Point.BASE.multiply(SECRET)
/** A point of order 8. */
const TORSION = Point.fromBytes(SMALL_ORDER_ENCODINGS[10]!, true)

/** R = rB and s = r + ha for a key whose part of large order is aB. */
function signedWith(key: Uint8Array, secret: bigint, message: Uint8Array): SignedMessage {
  const r = Point.BASE.multiply(NONCE).toBytes()
  const s = (NONCE + challenge(r, key, message) * secret) % L
  return { verifyingKey: key, message, signature: concatBytes(r, scalarBytes(s)) }
}

/** A given R, and s = ha. */
function signedUnder(r: Uint8Array, key: Uint8Array, secret: bigint, message: Uint8Array): SignedMessage {
  const s = (challenge(r, key, message) * secret) % L
  return { verifyingKey: key, message, signature: concatBytes(r, scalarBytes(s)) }
}

let smallR: readonly SignedMessage[] | null = null

/** One signature for each key and each encoding of a small R; built once, since it takes some thousand multiplications. */
function forgedUnderSmallR(): readonly SignedMessage[] {
  smallR ??= [HONEST_KEY, HONEST_KEY.add(TORSION)].flatMap(point => {
    const key = point.toBytes()
    return SMALL_ORDER_ENCODINGS.map(r => {
      const isCanonical = bytesEqual(Point.fromBytes(r, true).toBytes(), r)
      const forged = isCanonical && point !== HONEST_KEY ? grind(message => signedUnder(r, key, SECRET, message)) : null
      return forged ?? signedUnder(r, key, SECRET, utf8.encode('x'))
    })
  })
  return smallR
}

export function cryptoContract(name: string, make: () => Crypto): void {
  describe(`the Crypto contract on ${name}`, () => {
    const crypto = make()

    it.each(RFC_8032)('signs and verifies the RFC 8032 vector of seed %s', (seed, key, message, signature) => {
      expect(bytesToHex(crypto.verifyingKey(hexToBytes(seed)))).toBe(key)
      expect(bytesToHex(crypto.sign(hexToBytes(seed), hexToBytes(message)))).toBe(signature)
      expect(crypto.verify(signed(key, message, signature))).toBe(true)
    })

    it('refuses each signature, key and message with one bit flipped', () => {
      const [, key, message, signature] = RFC_8032[2]
      const parts = { verifyingKey: hexToBytes(key), message: hexToBytes(message), signature: hexToBytes(signature) }
      for (const part of ['verifyingKey', 'message', 'signature'] as const) {
        for (let bit = 0; bit < parts[part].length * 8; bit += 5) {
          const flipped = Uint8Array.from(parts[part])
          flipped[bit >> 3]! ^= 1 << (bit & 7)
          expect(crypto.verify({ ...parts, [part]: flipped })).toBe(false)
        }
      }
    })

    it.each(SMALL_ORDER_ENCODINGS.map(bytesToHex))('refuses the key %s of small order', hex => {
      const key = hexToBytes(hex)
      const forged = grind(message => signedWith(key, 0n, message))
      expect(forged, 'the equation must hold, or the test proves nothing').not.toBeNull()
      expect(crypto.verify(forged!)).toBe(false)
    })

    it('refuses every R of small order under an honest key and under one of mixed order', () => {
      for (const forged of forgedUnderSmallR()) expect(crypto.verify(forged)).toBe(false)
      // The identity under the honest key, and all eight canonical encodings under the mixed one.
      expect(forgedUnderSmallR().filter(equationHolds)).toHaveLength(9)
    })

    it('takes a key of mixed order when the equation holds without the cofactor, and only then', () => {
      const key = HONEST_KEY.add(TORSION).toBytes()
      const good = grind(message => signedWith(key, SECRET, message))!
      expect(crypto.verify(good)).toBe(true)
      let refused = 0
      for (let index = 0; index < 40; index++) {
        const candidate = signedWith(key, SECRET, utf8.encode(`mixed ${index}`))
        if (equationHolds(candidate)) continue
        refused += 1
        expect(crypto.verify(candidate)).toBe(false)
      }
      expect(refused).toBeGreaterThan(20)
    })

    it('refuses the published signature that holds only with the cofactor', () => {
      const key = 'b502ff3d92e31d8190b4aa4ea0414005167fad089c4de9dac8a2fc850fed4f58'
      const signature =
        'e1a7fca94a835127885b99e2eba733d6ee5bf5dc463ed8385eb6f1dcaa1117c04d62f96743ea168828f1f5ae22cc957f99df5ce4146fdbb9dec0935e3821a60f'
      expect(crypto.verify({ ...signed(key, '', signature), message: utf8.encode('hello') })).toBe(false)
    })

    it('refuses s at or above the group order', () => {
      const { verifyingKey, message, signature } = signedWith(HONEST_KEY.toBytes(), SECRET, utf8.encode('order'))
      expect(crypto.verify({ verifyingKey, message, signature })).toBe(true)
      const s = littleEndian(signature.subarray(32))
      const moved = concatBytes(signature.subarray(0, 32), scalarBytes(s + L))
      expect(equationHolds({ verifyingKey, message, signature: moved })).toBe(true)
      expect(crypto.verify({ verifyingKey, message, signature: moved })).toBe(false)
    })

    it('refuses keys whose y is not reduced as it refuses any other wrong key, without throwing', () => {
      for (let low = 0xed; low <= 0xff; low++) {
        const key = hexToBytes(`${low.toString(16)}${'ff'.repeat(30)}7f`)
        expect(crypto.verify(signedWith(key, SECRET, utf8.encode('y')))).toBe(false)
      }
    })

    it('says false, never throws, for keys and signatures of other lengths', () => {
      const good = signedWith(HONEST_KEY.toBytes(), SECRET, utf8.encode('length'))
      for (const length of [0, 31, 33]) {
        expect(crypto.verify({ ...good, verifyingKey: new Uint8Array(length) })).toBe(false)
      }
      for (const length of [0, 63, 65]) {
        expect(crypto.verify({ ...good, signature: new Uint8Array(length) })).toBe(false)
      }
    })

    it('leaves the bytes it is given alone', () => {
      const good = signedWith(HONEST_KEY.toBytes(), SECRET, utf8.encode('untouched'))
      const before = [good.verifyingKey, good.message, good.signature].map(bytesToHex)
      crypto.verify(good)
      expect([good.verifyingKey, good.message, good.signature].map(bytesToHex)).toEqual(before)
    })
  })
}

function signed(key: string, message: string, signature: string): SignedMessage {
  return { verifyingKey: hexToBytes(key), message: hexToBytes(message), signature: hexToBytes(signature) }
}

/**
 * The Crypto port in plain JavaScript: runs everywhere, decides nothing differently from the fast ones. Its `verify` is
 * written out on points, because the library's own is cofactored and would accept what p2panda refuses.
 */

import { getPublicKey, hashes, Point, sign } from '@noble/ed25519'
import { sha512 } from '@noble/hashes/sha2.js'
import type { Crypto, SignedMessage } from '../ports.js'
import { bytesEqual, concatBytes } from './bytes.js'
import { hash } from './hash.js'
import { isSmallOrder } from './small-order.js'

hashes.sha512 = sha512

/** Order of the base point. */
const L = Point.CURVE().n
const KEY_BYTES = 32
const SIGNATURE_BYTES = 64

export const portableCrypto: Crypto = Object.freeze({
  hash,
  verifyingKey: (seed: Uint8Array) => getPublicKey(seed),
  sign: (seed: Uint8Array, message: Uint8Array) => sign(message, seed),
  verify,
  verifyBatch(messages: readonly SignedMessage[], done: (verdicts: readonly boolean[]) => void) {
    done(messages.map(verify))
    return true
  },
})

function verify({ verifyingKey, message, signature }: SignedMessage): boolean {
  if (verifyingKey.length !== KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false
  const r = signature.subarray(0, 32)
  const s = littleEndian(signature.subarray(32))
  if (s >= L || isSmallOrder(verifyingKey) || isSmallOrder(r)) return false
  const key = decompress(verifyingKey)
  if (!key) return false
  const challenge = littleEndian(sha512(concatBytes(r, verifyingKey, message))) % L
  const expected = Point.BASE.multiplyUnsafe(s).add(key.negate().multiplyUnsafe(challenge))
  // Comparing encodings, not points: R must be written canonically, and nothing is multiplied by the cofactor.
  return bytesEqual(expected.toBytes(), r)
}

function decompress(bytes: Uint8Array): Point | null {
  try {
    return Point.fromBytes(bytes, true)
  } catch {
    return null
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n
  for (let at = bytes.length - 1; at >= 0; at--) value = (value << 8n) | BigInt(bytes[at]!)
  return value
}

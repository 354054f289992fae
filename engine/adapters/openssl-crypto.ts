/**
 * The Crypto port on node's own OpenSSL, for machines on which libsodium does not load: about 120 us a verification.
 * OpenSSL checks s < L and compares the bytes of R without a cofactor; small orders it takes, so we refuse them.
 */

import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { bytesToHex, hash, isNonCanonical, isSmallOrder, portableCrypto } from '../core/index.js'
import type { Crypto, SignedMessage } from '../ports.js'

/** RFC 8410: what stands before the 32 bytes of a seed in PKCS #8, and of a key in SubjectPublicKeyInfo. */
const SEED_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const KEY_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
const KEY_BYTES = 32
const SIGNATURE_BYTES = 64
/** Key objects kept; making one costs as much as a verification. They hold native memory, so not many. */
const MAX_KEY_OBJECTS = 1024

export function opensslCrypto(): Crypto {
  const keys = new Map<string, KeyObject>()

  function keyObject(bytes: Uint8Array): KeyObject {
    const hex = bytesToHex(bytes)
    const known = keys.get(hex)
    if (known) return known
    const key = createPublicKey({ key: Buffer.concat([KEY_PREFIX, bytes]), format: 'der', type: 'spki' })
    if (keys.size >= MAX_KEY_OBJECTS) keys.clear()
    keys.set(hex, key)
    return key
  }

  function verifyOne(signed: SignedMessage): boolean {
    const { verifyingKey, message, signature } = signed
    if (verifyingKey.length !== KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false
    if (isSmallOrder(verifyingKey) || isSmallOrder(signature)) return false
    // Versions of OpenSSL differ in what they make of these few keys.
    if (isNonCanonical(verifyingKey)) return portableCrypto.verify(signed)
    return verify(null, message, keyObject(verifyingKey), signature)
  }

  return {
    hash,
    verifyingKey(seed) {
      const spki = createPublicKey(privateKey(seed)).export({ format: 'der', type: 'spki' })
      return new Uint8Array(spki.subarray(KEY_PREFIX.length))
    },
    sign: (seed, message) => new Uint8Array(sign(null, message, privateKey(seed))),
    verify: verifyOne,
    verifyBatch(messages, done) {
      done(messages.map(verifyOne))
      return true
    },
  }
}

function privateKey(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([SEED_PREFIX, seed]), format: 'der', type: 'pkcs8' })
}

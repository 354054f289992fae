/**
 * The Crypto port on libsodium, in this thread: about 50 us a verification.
 *
 * libsodium itself refuses small orders, s >= L and wrong encodings of R, and compares bytes without a cofactor. In one
 * thing it is stricter than p2panda: it refuses every key whose y is not below p. Those few keys go to the portable
 * code, so that no key in the world gets two verdicts; the check for small orders is repeated because it is ours.
 */

import { createRequire } from 'node:module'
import { hash, isNonCanonical, isSmallOrder, portableCrypto } from '../core/index.js'
import type { Crypto, SignedMessage } from '../ports.js'

type Sodium = typeof import('sodium-native')

const KEY_BYTES = 32
const SIGNATURE_BYTES = 64
const EMPTY = new Uint8Array(0)

/** Null where the native module does not load. */
export function sodiumCrypto(): Crypto | null {
  const sodium = load()
  if (!sodium) return null

  function keypair(seed: Uint8Array): { publicKey: Uint8Array; secretKey: Uint8Array } {
    const publicKey = new Uint8Array(KEY_BYTES)
    const secretKey = new Uint8Array(sodium!.crypto_sign_SECRETKEYBYTES)
    sodium!.crypto_sign_seed_keypair(publicKey, secretKey, seed)
    return { publicKey, secretKey }
  }

  function verify(signed: SignedMessage): boolean {
    const { verifyingKey, message, signature } = signed
    if (verifyingKey.length !== KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false
    if (isSmallOrder(verifyingKey) || isSmallOrder(signature)) return false
    if (isNonCanonical(verifyingKey)) return portableCrypto.verify(signed)
    // The binding takes no detached or absent buffer for "no bytes".
    return sodium!.crypto_sign_verify_detached(signature, message.length > 0 ? message : EMPTY, verifyingKey)
  }

  return {
    hash,
    verifyingKey: seed => keypair(seed).publicKey,
    sign(seed, message) {
      const { secretKey } = keypair(seed)
      const signature = new Uint8Array(SIGNATURE_BYTES)
      sodium.crypto_sign_detached(signature, message, secretKey)
      secretKey.fill(0)
      return signature
    },
    verify,
    verifyBatch(messages, done) {
      done(messages.map(verify))
      return true
    },
  }
}

function load(): Sodium | null {
  try {
    return createRequire(import.meta.url)('sodium-native') as Sodium
  } catch {
    return null
  }
}

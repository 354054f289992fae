/** The fastest Crypto of this machine that needs no other thread. */

import { portableCrypto } from '../core/index.js'
import type { Crypto } from '../ports.js'
import { opensslCrypto } from './openssl-crypto.js'
import { sodiumCrypto } from './sodium-crypto.js'

export function syncCrypto(): Crypto {
  return sodiumCrypto() ?? openssl() ?? portableCrypto
}

/** OpenSSL builds without Ed25519 exist; one signature tells. */
function openssl(): Crypto | null {
  try {
    const crypto = opensslCrypto()
    const seed = new Uint8Array(32)
    const message = Uint8Array.of(1)
    const signature = crypto.sign(seed, message)
    return crypto.verify({ verifyingKey: crypto.verifyingKey(seed), message, signature }) ? crypto : null
  } catch {
    return null
  }
}

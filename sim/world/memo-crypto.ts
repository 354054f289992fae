/**
 * In a world of many nodes each signature is checked by everyone who receives it. The answer is the same for the same
 * bytes, so it is computed once in a process and remembered; who asked cannot tell.
 */

import { bytesToHex, concatBytes } from '../../engine/core/index.js'
import type { Crypto, SignedMessage } from '../../engine/ports.js'

/** Verdicts remembered: a little over 100 bytes each. */
const REMEMBERED = 1 << 18

export function memoCrypto(crypto: Crypto): Crypto {
  const verdicts = new Map<string, boolean>()

  function verify(message: SignedMessage): boolean {
    const key = bytesToHex(crypto.hash(concatBytes(message.verifyingKey, message.signature, message.message)))
    const known = verdicts.get(key)
    if (known !== undefined) return known
    const verdict = crypto.verify(message)
    if (verdicts.size >= REMEMBERED) verdicts.clear()
    verdicts.set(key, verdict)
    return verdict
  }

  return {
    hash: bytes => crypto.hash(bytes),
    verifyingKey: seed => crypto.verifyingKey(seed),
    sign: (seed, message) => crypto.sign(seed, message),
    verify,
    verifyBatch(messages, done) {
      done(messages.map(verify))
      return true
    },
  }
}

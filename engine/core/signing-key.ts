/** The secret of an author. It shows itself only when asked for by name: no print, no JSON, no inspection leaks it. */

import type { Random } from '../ports.js'
import { bytesToHex, hexToBytes } from './bytes.js'
import { ThicketError } from './errors.js'
import { idFromBytes, type VerifyingKey } from './ids.js'
import { portableCrypto } from './portable-crypto.js'

const SEED_BYTES = 32

export class SigningKey {
  readonly #seed: Uint8Array
  /** The public key that belongs to this secret. */
  readonly verifyingKey: VerifyingKey

  private constructor(seed: Uint8Array) {
    this.#seed = seed
    this.verifyingKey = idFromBytes(portableCrypto.verifyingKey(seed), 'verifying key')
  }

  static random(random: Random): SigningKey {
    return SigningKey.fromBytes(random.bytes(SEED_BYTES))
  }

  /** @throws `invalid-length`, `invalid-hex-encoding` */
  static fromHex(hex: string): SigningKey {
    return SigningKey.fromBytes(hexToBytes(hex))
  }

  /** @throws `invalid-length` */
  static fromBytes(seed: Uint8Array): SigningKey {
    if (seed.length !== SEED_BYTES) {
      throw new ThicketError('invalid-length', `a signing key has ${SEED_BYTES} bytes, not ${seed.length}`, {
        actual: seed.length,
        expected: SEED_BYTES,
      })
    }
    return new SigningKey(new Uint8Array(seed))
  }

  /** 64 bytes. */
  sign(message: Uint8Array): Uint8Array {
    return portableCrypto.sign(this.#seed, message)
  }

  /** The secret itself, as a copy. */
  toBytes(): Uint8Array {
    return new Uint8Array(this.#seed)
  }

  /** The secret itself. */
  toHex(): string {
    return bytesToHex(this.#seed)
  }

  toString(): string {
    return `SigningKey(of ${this.verifyingKey})`
  }

  toJSON(): string {
    return this.toString()
  }
}

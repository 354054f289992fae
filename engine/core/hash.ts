/**
 * BLAKE3-256. The WASM build is many times faster than JavaScript at every size (of 200 bytes: 0.6 us against 12), so
 * it does the work wherever WebAssembly runs; the portable code is the fallback and the judge in the tests.
 *
 * Determinism: a pure function of the bytes; the instances below hold state within one call or one hasher only.
 */

import { blake3 } from '@noble/hashes/blake3.js'
import { createBLAKE3, type IHasher } from 'hash-wasm'

/** One instance for single calls, one that the incremental hashers share, so that neither has to save for the other. */
const [single, shared] = await Promise.all([instance(), instance()])

async function instance(): Promise<IHasher | null> {
  try {
    return await createBLAKE3()
  } catch {
    return null
  }
}

/** BLAKE3, 32 bytes, unkeyed. */
export function hash(bytes: Uint8Array): Uint8Array {
  return single ? single.init().update(bytes).digest('binary') : blake3(bytes)
}

export interface Hasher {
  update(bytes: Uint8Array): this
  /** The hash of all bytes so far; more may follow. */
  digest(): Uint8Array
}

/** Hashes what comes piece by piece. Cheap while one hasher works at a time; a change of hand costs about 4 KiB copied. */
export function createHasher(): Hasher {
  return shared ? new WasmHasher(shared) : new PortableHasher()
}

/** Whose state the shared instance holds. */
let owner: WasmHasher | null = null

class WasmHasher implements Hasher {
  readonly #instance: IHasher
  /** Null while the instance holds it, or before the first byte. */
  #saved: Uint8Array | null = null
  #isFresh = true

  constructor(wasm: IHasher) {
    this.#instance = wasm
  }

  update(bytes: Uint8Array): this {
    this.#takeOver()
    this.#instance.update(bytes)
    return this
  }

  digest(): Uint8Array {
    this.#takeOver()
    const state = this.#instance.save()
    const digest = this.#instance.digest('binary')
    this.#instance.load(state)
    return digest
  }

  #takeOver(): void {
    if (owner === this) return
    if (owner) owner.#saved = this.#instance.save()
    if (this.#saved) this.#instance.load(this.#saved)
    else if (this.#isFresh) this.#instance.init()
    this.#saved = null
    this.#isFresh = false
    owner = this
  }
}

class PortableHasher implements Hasher {
  readonly #state = blake3.create()

  update(bytes: Uint8Array): this {
    this.#state.update(bytes)
    return this
  }

  digest(): Uint8Array {
    return this.#state.clone().digest()
  }
}

/**
 * What a run did, in 32 bytes: a chain of BLAKE3 over every event and everything that was noted.
 *
 * Records gather in a buffer that is hashed when it is full and every 4,096 events; each hash takes the one before it
 * in. Where the buffer is cut depends on what was written alone, so equal runs have equal chains, and the values at the
 * cuts are checkpoints by which two runs can be compared without keeping either.
 */

import { createBLAKE3 } from 'hash-wasm'
import { bytesToHex } from '../../engine/core/index.js'

/** Events between two checkpoints: hashing costs little against so many events, and a re-run narrows them down fast. */
export const CHECKPOINT_EVENTS = 4_096
/** Checkpoints kept. One more, and every second one is dropped, so a run of any length costs at most some 600 kB. */
export const MAX_CHECKPOINTS = 4_096
/** Bytes gathered before they are hashed. */
const BUFFER_BYTES = 64 * 1024
/** Bytes of one event's record: time, order (f64 each), kind, node (i32 each). */
const EVENT_BYTES = 24

/** Tags keep records of different sorts apart; no event has a negative time, so none begins like one of these. */
const NUMBERS_TAG = -1
const BYTES_TAG = -2
const TEXT_TAG = -3

export interface Checkpoint {
  /** Events run so far. */
  readonly events: number
  readonly timeUs: number
  /** Value of the chain, 64 hex characters. */
  readonly digest: string
}

// One hasher serves every kernel of the process: each use begins anew and ends before control returns.
const blake3 = await createBLAKE3()

/** BLAKE3 over the parts, one after the other. */
export function hashParts(...parts: readonly Uint8Array[]): Uint8Array {
  blake3.init()
  for (const part of parts) blake3.update(part)
  return blake3.digest('binary')
}

const encoder = new TextEncoder()

export class Fingerprint {
  readonly #buffer = new Uint8Array(BUFFER_BYTES)
  readonly #view = new DataView(this.#buffer.buffer)
  #used = 0
  #chain: Uint8Array = new Uint8Array(32)
  #events = 0
  #untilCheckpoint = CHECKPOINT_EVENTS
  #checkpoints: Checkpoint[] = []
  /** Checkpoints are kept when their number of events is a multiple of this. */
  #stride = CHECKPOINT_EVENTS

  get events(): number {
    return this.#events
  }

  get checkpoints(): readonly Checkpoint[] {
    return this.#checkpoints
  }

  event(timeUs: number, order: number, kind: number, node: number): void {
    if (this.#used + EVENT_BYTES > BUFFER_BYTES) this.#cut()
    const view = this.#view
    const at = this.#used
    view.setFloat64(at, timeUs, true)
    view.setFloat64(at + 8, order, true)
    view.setInt32(at + 16, kind, true)
    view.setInt32(at + 20, node, true)
    this.#used = at + EVENT_BYTES
    this.#events++
    if (--this.#untilCheckpoint === 0) this.#checkpoint(timeUs)
  }

  number(value: number): void {
    this.#head(NUMBERS_TAG, 1)
    this.#float(value)
  }

  numbers(values: readonly number[]): void {
    this.#head(NUMBERS_TAG, values.length)
    for (const value of values) this.#float(value)
  }

  bytes(bytes: Uint8Array): void {
    this.#head(BYTES_TAG, bytes.length)
    this.#raw(bytes)
  }

  text(text: string): void {
    const bytes = encoder.encode(text)
    this.#head(TEXT_TAG, bytes.length)
    this.#raw(bytes)
  }

  /** The value so far; asking changes nothing. */
  digest(): string {
    return bytesToHex(hashParts(this.#chain, this.#buffer.subarray(0, this.#used)))
  }

  #head(tag: number, length: number): void {
    this.#float(tag)
    this.#float(length)
  }

  #float(value: number): void {
    if (this.#used + 8 > BUFFER_BYTES) this.#cut()
    this.#view.setFloat64(this.#used, value, true)
    this.#used += 8
  }

  #raw(bytes: Uint8Array): void {
    let from = 0
    while (from < bytes.length) {
      if (this.#used === BUFFER_BYTES) this.#cut()
      const part = bytes.subarray(from, from + BUFFER_BYTES - this.#used)
      this.#buffer.set(part, this.#used)
      this.#used += part.length
      from += part.length
    }
  }

  #cut(): void {
    this.#chain = hashParts(this.#chain, this.#buffer.subarray(0, this.#used))
    this.#used = 0
  }

  #checkpoint(timeUs: number): void {
    this.#cut()
    this.#untilCheckpoint = CHECKPOINT_EVENTS
    if (this.#events % this.#stride !== 0) return
    this.#checkpoints.push({ events: this.#events, timeUs, digest: bytesToHex(this.#chain) })
    if (this.#checkpoints.length <= MAX_CHECKPOINTS) return
    this.#stride *= 2
    this.#checkpoints = this.#checkpoints.filter(checkpoint => checkpoint.events % this.#stride === 0)
  }
}

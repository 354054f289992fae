/**
 * Frames of all p2panda stream protocols: a 4-byte big-endian length, then that many bytes (spec/sync.md 1.3).
 *
 * The decoder takes bytes in chunks of any size and hands out whole frames one by one. A frame that announces more than
 * the limit is refused as soon as its length is there. Each byte is copied a bounded number of times however finely
 * the chunks are cut, and memory grows with what has come, never with what was announced.
 */

import { ThicketError } from './errors.js'

const LENGTH_BYTES = 4

/** What the released crates send and accept at most, in bytes: 128 MiB. */
export const MAX_FRAME_BYTES = 134_217_728

/** First allocation for a frame, in bytes; it doubles as more arrives, so an announcement alone costs no memory. */
const FIRST_ALLOCATION_BYTES = 4096

/** Puts the length before a message; throws `frame-too-large` beyond the limit. */
export function encodeFrame(message: Uint8Array, limitBytes: number = MAX_FRAME_BYTES): Uint8Array {
  if (message.length > limitBytes) throw frameTooLarge(message.length, limitBytes)
  const frame = new Uint8Array(LENGTH_BYTES + message.length)
  new DataView(frame.buffer).setUint32(0, message.length)
  frame.set(message, LENGTH_BYTES)
  return frame
}

export class FrameDecoder {
  readonly #limitBytes: number
  readonly #chunks: Uint8Array[] = []
  /** Index of the first chunk in use, and of the first byte in it that is not consumed. */
  #chunk = 0
  #at = 0
  /** Bytes in the chunks that are not consumed. */
  #waiting = 0
  #lengthSoFar = 0
  #lengthBytes = 0
  #frame: Uint8Array | null = null
  #filled = 0

  constructor(limitBytes: number = MAX_FRAME_BYTES) {
    this.#limitBytes = limitBytes
  }

  /** Bytes that came and belong to no frame handed out yet. */
  get bufferedBytes(): number {
    return this.#waiting + this.#lengthBytes + this.#filled
  }

  /** The decoder keeps the chunk until it is consumed; frames are copies. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    this.#chunks.push(chunk)
    this.#waiting += chunk.length
  }

  /** The next whole frame, or null when more bytes are needed. Throws `frame-too-large`. */
  next(): Uint8Array | null {
    while (this.#lengthBytes < LENGTH_BYTES) {
      if (this.#waiting === 0) return null
      this.#lengthSoFar = this.#lengthSoFar * 256 + this.#chunks[this.#chunk]![this.#at]!
      this.#lengthBytes++
      this.#consume(1)
    }
    const length = this.#lengthSoFar
    if (length > this.#limitBytes) throw frameTooLarge(length, this.#limitBytes)
    this.#frame ??= new Uint8Array(Math.min(length, Math.max(FIRST_ALLOCATION_BYTES, this.#waiting)))
    while (this.#filled < length) {
      if (this.#waiting === 0) return null
      const source = this.#chunks[this.#chunk]!
      const taken = Math.min(length - this.#filled, source.length - this.#at)
      this.#reserve(this.#filled + taken, length)
      this.#frame.set(source.subarray(this.#at, this.#at + taken), this.#filled)
      this.#filled += taken
      this.#consume(taken)
    }
    const frame = this.#frame
    this.#frame = null
    this.#filled = 0
    this.#lengthBytes = 0
    this.#lengthSoFar = 0
    return frame
  }

  /** To be called when the bytes have ended and no whole frame is left: throws `frame-truncated` inside a frame. */
  finish(): void {
    if (this.bufferedBytes > 0) {
      throw new ThicketError('frame-truncated', 'the stream ended inside a frame', {
        announced: this.#lengthBytes === LENGTH_BYTES ? this.#lengthSoFar : null,
        received: this.#filled,
      })
    }
  }

  #reserve(needed: number, length: number): void {
    const frame = this.#frame!
    if (needed <= frame.length) return
    const larger = new Uint8Array(Math.min(length, Math.max(needed, frame.length * 2)))
    larger.set(frame.subarray(0, this.#filled))
    this.#frame = larger
  }

  #consume(count: number): void {
    this.#at += count
    this.#waiting -= count
    if (this.#at < this.#chunks[this.#chunk]!.length) return
    this.#at = 0
    this.#chunk++
    if (this.#chunk === this.#chunks.length) {
      this.#chunks.length = 0
      this.#chunk = 0
    } else if (this.#chunk >= 1024 && this.#chunk * 2 >= this.#chunks.length) {
      // Dropping the consumed half now and then keeps the cost of a chunk constant and frees its memory.
      this.#chunks.splice(0, this.#chunk)
      this.#chunk = 0
    }
  }
}

function frameTooLarge(length: number, limitBytes: number): ThicketError {
  return new ThicketError('frame-too-large', `a frame of ${length} bytes exceeds the limit of ${limitBytes}`, {
    length,
    limitBytes,
  })
}

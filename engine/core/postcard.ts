/**
 * Postcard, the compact encoding of all p2panda wire messages (spec/sync.md 1.2): no names, no types, varints for
 * integers wider than a byte, a length before what varies. Decoding takes non-minimal varints and leaves surplus bytes
 * at the end alone, as the released crates do; whatever else is wrong is a `decoding-postcard` error.
 */

import { ThicketError } from './errors.js'

/** Longest varints, in bytes: 7 bits a byte. */
const U32_VARINT_BYTES = 5
const U64_VARINT_BYTES = 10
const U32_MAX = 0xffff_ffff
const U64_MAX = 0xffff_ffff_ffff_ffffn

export class PostcardReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get remaining(): number {
    return this.#bytes.length - this.#at
  }

  u8(): number {
    const byte = this.#bytes[this.#at]
    if (byte === undefined) throw this.#wrong('the bytes end too early')
    this.#at++
    return byte
  }

  bool(): boolean {
    return this.#flag('a boolean')
  }

  u32(): number {
    let value = 0
    for (let index = 0; index < U32_VARINT_BYTES; index++) {
      const byte = this.u8()
      // Shifts work on 32 signed bits, so the last group is added by multiplication.
      value += (byte & 0x7f) * 2 ** (7 * index)
      if (byte < 0x80) {
        if (value > U32_MAX) throw this.#wrong('a varint exceeds 32 bits')
        return value
      }
    }
    throw this.#wrong('a 32-bit varint is longer than 5 bytes')
  }

  u64(): bigint {
    let value = 0n
    for (let index = 0; index < U64_VARINT_BYTES; index++) {
      const byte = this.u8()
      value |= BigInt(byte & 0x7f) << BigInt(7 * index)
      if (byte < 0x80) {
        if (value > U64_MAX) throw this.#wrong('a varint exceeds 64 bits')
        return value
      }
    }
    throw this.#wrong('a 64-bit varint is longer than 10 bytes')
  }

  /** A length or count: a 64-bit varint that must not exceed what could still follow at `itemBytes` an item. */
  length(itemBytes = 1): number {
    const length = this.u64()
    if (length * BigInt(itemBytes) > BigInt(this.remaining)) throw this.#wrong('a length exceeds the bytes that follow')
    return Number(length)
  }

  /** A length-prefixed byte vector; a view into the message. */
  bytes(): Uint8Array {
    return this.fixed(this.length())
  }

  /** Exactly `length` bytes without a prefix; a view into the message. */
  fixed(length: number): Uint8Array {
    if (length > this.remaining) throw this.#wrong('the bytes end too early')
    const view = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    return view
  }

  string(): string {
    const bytes = this.bytes()
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    } catch (cause) {
      throw this.#wrong('a string is not UTF-8', cause)
    }
  }

  option<Value>(read: (reader: PostcardReader) => Value): Value | null {
    return this.#flag('an option') ? read(this) : null
  }

  /** The index of an enum variant, below `variants`. */
  variant(variants: number): number {
    const index = this.u32()
    if (index >= variants) throw this.#wrong(`variant ${index} is unknown`)
    return index
  }

  #flag(what: string): boolean {
    const byte = this.u8()
    if (byte > 1) throw this.#wrong(`${what} is neither 0 nor 1`)
    return byte === 1
  }

  #wrong(message: string, cause?: unknown): ThicketError {
    return new ThicketError(
      'decoding-postcard',
      message,
      { position: this.#at },
      cause === undefined ? undefined : { cause },
    )
  }
}

/** First allocation of a writer, in bytes; it doubles when needed. */
const FIRST_ALLOCATION_BYTES = 256

export class PostcardWriter {
  #bytes = new Uint8Array(FIRST_ALLOCATION_BYTES)
  #length = 0

  u8(value: number): this {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
    return this
  }

  bool(value: boolean): this {
    return this.u8(value ? 1 : 0)
  }

  /** Any non-negative safe integer; the widths of u16, u32 and usize differ in their limits alone. */
  varint(value: number): this {
    let rest = value
    while (rest >= 0x80) {
      this.u8((rest % 0x80) | 0x80)
      rest = Math.floor(rest / 0x80)
    }
    return this.u8(rest)
  }

  u64(value: bigint): this {
    let rest = value
    while (rest >= 0x80n) {
      this.u8(Number(rest & 0x7fn) | 0x80)
      rest >>= 7n
    }
    return this.u8(Number(rest))
  }

  bytes(bytes: Uint8Array): this {
    return this.varint(bytes.length).fixed(bytes)
  }

  fixed(bytes: Uint8Array): this {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
    return this
  }

  string(text: string): this {
    return this.bytes(new TextEncoder().encode(text))
  }

  option<Value>(value: Value | null, write: (writer: this, value: Value) => void): this {
    this.bool(value !== null)
    if (value !== null) write(this, value)
    return this
  }

  /** What was written so far, as a copy. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(this.#length + count, this.#bytes.length * 2))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
  }
}

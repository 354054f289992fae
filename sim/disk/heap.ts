/**
 * The memory of the WASM module: views that survive its growth, strings, and a scratch area for the values of one
 * statement. Scratch bytes hold until the statement has been reset; as everything is synchronous, one area serves all
 * databases of the process.
 */

import { ThicketError } from '../../engine/core/index.js'
import type { Pointer, SqliteApi } from './sqlite-api.js'

/** Bytes kept for the values of one statement; larger ones get memory of their own until it is reset. */
const SCRATCH_BYTES = 64 * 1024
/** A text up to this many characters is copied by hand, which is faster than a call of the encoder or decoder. */
const SHORT_TEXT = 48

/** `WebAssembly.Memory`, of which the types of this project know nothing; its buffer is replaced when it grows. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer
}

export class Heap {
  private readonly memory: WasmMemory
  private readonly api: SqliteApi
  private readonly encoder = new TextEncoder()
  private readonly decoder = new TextDecoder()
  private view: Uint8Array
  private data: DataView
  private readonly scratch: Pointer
  private used = 0
  private readonly large: Pointer[] = []

  constructor(memory: WasmMemory, api: SqliteApi) {
    this.memory = memory
    this.api = api
    this.view = new Uint8Array(memory.buffer)
    this.data = new DataView(memory.buffer)
    this.scratch = this.allocate(SCRATCH_BYTES)
  }

  /** Only good until SQLite runs again, since the memory may grow then. */
  get bytes(): Uint8Array {
    // A view of memory that has grown since is detached and has no bytes.
    if (this.view.length === 0) this.renew()
    return this.view
  }

  get words(): DataView {
    if (this.view.length === 0) this.renew()
    return this.data
  }

  allocate(bytes: number): Pointer {
    const pointer = this.api.sqlite3_malloc(bytes)
    if (pointer === 0) throw new ThicketError('database-out-of-memory', `SQLite has no ${bytes} bytes left`, { bytes })
    return pointer
  }

  free(pointer: Pointer): void {
    this.api.sqlite3_free(pointer)
  }

  /** Memory for a value, never null, until `releaseScratch`. */
  take(bytes: number): Pointer {
    if (this.used + bytes > SCRATCH_BYTES) {
      const pointer = this.allocate(bytes)
      this.large.push(pointer)
      return pointer
    }
    const pointer = this.scratch + this.used
    // The next value starts at a multiple of eight, so that a 64-bit result can be written there too.
    this.used += (bytes + 8) & ~7
    return pointer
  }

  releaseScratch(): void {
    this.used = 0
    while (this.large.length > 0) this.free(this.large.pop()!)
  }

  putBytes(bytes: Uint8Array): Pointer {
    const pointer = this.take(bytes.length)
    this.bytes.set(bytes, pointer)
    return pointer
  }

  /** Calls back with where the UTF-8 bytes are, followed by a zero, and how many they are. */
  putText(text: string): { pointer: Pointer; bytes: number } {
    // UTF-8 takes at most three bytes for a unit of UTF-16.
    const capacity = text.length * 3
    const pointer = this.take(capacity + 1)
    const view = this.bytes
    let bytes = 0
    if (text.length <= SHORT_TEXT) {
      while (bytes < text.length) {
        const unit = text.charCodeAt(bytes)
        if (unit >= 0x80) break
        view[pointer + bytes] = unit
        bytes += 1
      }
    }
    if (bytes < text.length) bytes = this.encoder.encodeInto(text, view.subarray(pointer, pointer + capacity)).written
    view[pointer + bytes] = 0
    return { pointer, bytes }
  }

  copyBytes(pointer: Pointer, length: number): Uint8Array {
    return this.bytes.slice(pointer, pointer + length)
  }

  text(pointer: Pointer, length: number): string {
    const view = this.bytes
    if (length <= SHORT_TEXT) {
      let text = ''
      let at = 0
      for (; at < length; at++) {
        const byte = view[pointer + at]!
        if (byte >= 0x80) break
        text += String.fromCharCode(byte)
      }
      if (at === length) return text
    }
    return this.decoder.decode(view.subarray(pointer, pointer + length))
  }

  /** A string that ends with a zero byte. */
  cString(pointer: Pointer): string {
    return this.text(pointer, this.bytes.indexOf(0, pointer) - pointer)
  }

  private renew(): void {
    this.view = new Uint8Array(this.memory.buffer)
    this.data = new DataView(this.memory.buffer)
  }
}

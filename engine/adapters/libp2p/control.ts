/** The control stream of one connection: messages, whole or not at all, and what is said in one turn in one write. */

import type { Stream as LibStream } from '@libp2p/interface'
import { concatBytes, FrameDecoder, isThicketError } from '../../core/index.js'
import { attach, endSoon, trySend } from './stream-events.js'
import { type ControlMessage, decodeControl, encodeControl, MAX_CONTROL_BYTES } from './wire.js'

export interface ControlHandlers {
  heard(message: ControlMessage): void
  violated(code: string): void
  /** The remote has ended or reset it, or the link is gone. */
  gone(): void
}

export class ControlStream {
  readonly #lib: LibStream
  readonly #maxUnreadBytes: number
  readonly #handlers: ControlHandlers
  readonly #frames = new FrameDecoder(MAX_CONTROL_BYTES)
  #said: Uint8Array[] = []

  /** @param maxUnreadBytes what may wait for a remote that makes us answer and does not listen */
  constructor(lib: LibStream, maxUnreadBytes: number, handlers: ControlHandlers) {
    this.#lib = lib
    this.#maxUnreadBytes = maxUnreadBytes
    this.#handlers = handlers
  }

  /** Begins to listen; an initiator says its head first. */
  start(head: Uint8Array | null): void {
    if (head !== null) trySend(this.#lib, head)
    attach(this.#lib, {
      data: bytes => this.#take(bytes),
      end: () => this.#handlers.gone(),
      gone: () => this.#handlers.gone(),
    })
  }

  say(message: ControlMessage): void {
    this.#said.push(encodeControl(message))
    if (this.#said.length === 1) setImmediate(() => this.#flush())
  }

  /** Half-closes after what was said. */
  end(): void {
    this.#flush()
    endSoon(this.#lib)
  }

  abort(why: string): void {
    this.#said = []
    this.#lib.abort(new Error(why))
  }

  #flush(): void {
    if (this.#said.length === 0) return
    trySend(this.#lib, concatBytes(...this.#said))
    this.#said = []
    if (this.#lib.writeBufferLength > this.#maxUnreadBytes) this.#handlers.violated('control-unread')
  }

  #take(bytes: Uint8Array): void {
    this.#frames.push(bytes)
    for (let message = this.#next(); message !== null; message = this.#next()) this.#handlers.heard(message)
  }

  #next(): ControlMessage | null {
    try {
      const frame = this.#frames.next()
      return frame === null ? null : decodeControl(frame)
    } catch (error) {
      if (!isThicketError(error)) throw error
      this.#handlers.violated('control-malformed')
      return null
    }
  }
}

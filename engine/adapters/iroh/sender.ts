/**
 * The sending half of one QUIC stream: what is handed in leaves in order, one call of the library at a time, and small
 * pieces leave together. The library locks a stream while a call is under way, so a reset waits for the write before it.
 */

import type { SendStream } from './binding.js'
import { numbersOf } from './bytes.js'
import { streamFailure } from './failures.js'
import { CALL_BYTES } from './limits.js'

export interface SenderOwner {
  /** The library has taken so many bytes. */
  sent(bytes: number): void
  /** The remote wants no more of it; so many bytes were not sent, nor will what is pushed from now on be. */
  stopped(code: number, unsentBytes: number): void
  /** Bytes that were pushed after that. */
  dropped(bytes: number): void
  /** Nothing of it will be sent any more, and what was is with the remote if it still is there. */
  settled(): void
}

export class Sender {
  readonly #owner: SenderOwner
  #stream: SendStream | null = null
  #waiting: Uint8Array[] = []
  /** Handed in, and not reported as sent. */
  #pendingBytes = 0
  #isLast = false
  #hasStopped = false
  #resetCode: number | null = null
  #isRunning = false
  #isSettled = false

  constructor(owner: SenderOwner) {
    this.#owner = owner
  }

  get isSettled(): boolean {
    return this.#isSettled
  }

  /** Whether it was told its end, and the remote may not have all of it. */
  get isFinishing(): boolean {
    return this.#isLast && !this.#isSettled
  }

  opened(stream: SendStream): void {
    this.#stream = stream
    if (this.#resetCode !== null) this.#sendReset(stream, this.#resetCode)
    else this.#run()
  }

  push(bytes: Uint8Array, isLast: boolean): void {
    if (this.#hasStopped && bytes.length > 0) this.#owner.dropped(bytes.length)
    if (this.#isSettled || this.#resetCode !== null) return
    if (bytes.length > 0) this.#waiting.push(bytes)
    this.#pendingBytes += bytes.length
    this.#isLast ||= isLast
    this.#run()
  }

  reset(code: number): void {
    if (this.#isSettled || this.#resetCode !== null) return
    this.#resetCode = code
    this.#waiting = []
    if (this.#stream !== null) this.#sendReset(this.#stream, code)
  }

  /** The connection is gone. */
  lost(): void {
    this.#waiting = []
    this.#settle()
  }

  #run(): void {
    if (this.#stream === null || this.#isRunning || this.#isSettled) return
    this.#isRunning = true
    void this.#send(this.#stream)
  }

  async #send(stream: SendStream): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const bytes = this.#take()
        await stream.writeAll(numbersOf(bytes))
        if (this.#resetCode !== null) return
        this.#pendingBytes -= bytes.length
        this.#owner.sent(bytes.length)
      }
      if (!this.#isLast) return
      await stream.finish()
      // Resolves once the remote has all of it: only then may the connection end.
      await stream.stopped()
      this.#settle()
    } catch (error) {
      this.#failed(error)
    } finally {
      this.#isRunning = false
      // What was handed in while the last call returned.
      if (this.#waiting.length > 0) this.#run()
    }
  }

  #failed(error: unknown): void {
    if (this.#resetCode !== null) return
    const failure = streamFailure(error)
    this.#hasStopped = failure.type === 'aborted'
    this.#settle()
    if (failure.type === 'aborted') this.#owner.stopped(failure.code, this.#pendingBytes)
  }

  #sendReset(stream: SendStream, code: number): void {
    const settle = (): void => this.#settle()
    stream.reset(BigInt(code)).then(settle, settle)
  }

  #settle(): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.#waiting = []
    this.#owner.settled()
  }

  #take(): Uint8Array {
    const first = this.#waiting[0]!
    let bytes = 0
    let count = 0
    for (const piece of this.#waiting) {
      if (count > 0 && bytes + piece.length > CALL_BYTES) break
      bytes += piece.length
      count++
    }
    const pieces = this.#waiting.splice(0, count)
    if (count === 1) return first
    const joined = new Uint8Array(bytes)
    let at = 0
    for (const piece of pieces) {
      joined.set(piece, at)
      at += piece.length
    }
    return joined
  }
}

/**
 * The receiving half of one QUIC stream. It asks the library for more only while its reader keeps up; what is not asked
 * for fills the window of the stream, and then the remote stops.
 */

import { MAX_STREAM_BYTES } from '../../connection-end.js'
import type { RecvStream } from './binding.js'
import { bytesOf } from './bytes.js'
import { streamFailure } from './failures.js'
import { CALL_BYTES } from './limits.js'

export interface ReceiverOwner {
  received(bytes: Uint8Array): void
  ended(): void
  aborted(code: number): void
  /** Nothing of it will come any more, in whatever way; told after the others. */
  over(): void
}

export class Receiver {
  readonly #owner: ReceiverOwner
  #stream: RecvStream | null = null
  /** Handed to the owner and not taken by the reader. */
  #unreadBytes = 0
  #goOn: (() => void) | null = null
  #isStopped = false
  #isOver = false

  constructor(owner: ReceiverOwner) {
    this.#owner = owner
  }

  get isOver(): boolean {
    return this.#isOver
  }

  get unreadBytes(): number {
    return this.#unreadBytes
  }

  opened(stream: RecvStream): void {
    if (this.#isStopped) return
    this.#stream = stream
    void this.#receive(stream)
  }

  taken(bytes: number): void {
    this.#unreadBytes = Math.max(0, this.#unreadBytes - bytes)
    if (this.#unreadBytes < MAX_STREAM_BYTES) this.#wake()
  }

  /** Wants no more. The library tells the remote once a read that is under way has returned. */
  stop(code: number): void {
    if (this.#isStopped || this.#isOver) return
    this.#isStopped = true
    this.#unreadBytes = 0
    this.#stream?.stop(BigInt(code)).catch(() => {})
    this.#wake()
    this.#end()
  }

  /** The connection is gone, and nothing that is left is of interest. */
  lost(): void {
    this.#isStopped = true
    this.#wake()
    this.#end()
  }

  async #receive(stream: RecvStream): Promise<void> {
    while (!this.#isStopped) {
      let numbers: readonly number[]
      try {
        numbers = await stream.read(CALL_BYTES)
      } catch (error) {
        this.#failed(error)
        return
      }
      if (this.#isStopped) return
      if (numbers.length === 0) {
        this.#owner.ended()
        this.#end()
        return
      }
      this.#unreadBytes += numbers.length
      this.#owner.received(bytesOf(numbers))
      if (this.#unreadBytes >= MAX_STREAM_BYTES) await new Promise<void>(resolve => this.#waitWith(resolve))
    }
  }

  #waitWith(resolve: () => void): void {
    if (this.#isStopped) resolve()
    else this.#goOn = resolve
  }

  #wake(): void {
    const goOn = this.#goOn
    this.#goOn = null
    goOn?.()
  }

  #failed(error: unknown): void {
    if (this.#isStopped) return
    const failure = streamFailure(error)
    if (failure.type === 'aborted') this.#owner.aborted(failure.code)
    this.#end()
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#owner.over()
  }
}

/**
 * A WebSocket that goes no faster than both sides can. Messages are handed on one at a time, in the order they came, each
 * in a turn of its own, so that a client with much to say does not hold up the others. While too many wait, or while
 * what we say is not taken, nothing is read; who takes nothing and says nothing for long is gone.
 */

import type { RawData, WebSocket } from 'ws'
import type { BrokerLimits } from './limits.js'

export interface SocketOwner {
  /** The next message comes when it has resolved; it never rejects. */
  onText(text: string): Promise<void>
  /** Bytes instead of text, or a first message longer than any hello. */
  onUnreadable(reason: 'binary' | 'long-hello'): void
  /** More may be sent again. */
  onRoom(): void
  onProtocolError(error: Error): void
  /** Nothing was heard for too long; the connection is cut. */
  onSilent(): void
  /** Called once, last of all. */
  onClosed(): void
}

/** Milliseconds for the other side to answer a close. */
const CLOSE_MS = 2_000
/** Looks that may find a connection silent. */
const SILENT_LOOKS = 2

export class PacedSocket {
  readonly #socket: WebSocket
  readonly #limits: BrokerLimits
  readonly #owner: SocketOwner
  readonly #queue: { readonly text: string; readonly bytes: number }[] = []
  #queuedBytes = 0
  #hasSpoken = false
  #isServing = false
  #isPaused = false
  #isOver = false
  #silentLooks = 0

  constructor(socket: WebSocket, limits: BrokerLimits, owner: SocketOwner) {
    this.#socket = socket
    this.#limits = limits
    this.#owner = owner
    socket.on('message', (data, isBinary) => this.#received(data, isBinary))
    socket.on('pong', () => this.#alive())
    // The library closes the connection itself, with the code for it.
    socket.on('error', error => owner.onProtocolError(error))
    socket.on('close', () => {
      this.#isOver = true
      this.#queue.length = 0
      owner.onClosed()
    })
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Whether more bytes would only wait in memory. */
  get isChoked(): boolean {
    return this.#socket.bufferedAmount > this.#limits.bufferedBytes
  }

  send(text: string): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    this.#socket.send(text, () => this.#sent())
    // Answers that nobody reads are not made without end.
    if (this.isChoked) this.#pause()
  }

  /** Asks whether the other side is still there. */
  look(): void {
    if (this.#silentLooks >= SILENT_LOOKS) {
      this.#owner.onSilent()
      this.#socket.terminate()
      return
    }
    this.#silentLooks += 1
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping()
  }

  /** What was sent before still goes out; nothing is heard any more. */
  close(code: number, reason: string): void {
    this.#isOver = true
    this.#resume()
    this.#socket.close(code, reason)
    const timer = setTimeout(() => this.#socket.terminate(), CLOSE_MS)
    timer.unref()
    this.#socket.once('close', () => clearTimeout(timer))
  }

  #received(data: RawData, isBinary: boolean): void {
    if (this.#isOver) return
    this.#alive()
    const bytes = Buffer.isBuffer(data) ? data : Buffer.from(data as ArrayBuffer)
    const isFirst = !this.#hasSpoken
    this.#hasSpoken = true
    if (isBinary) this.#owner.onUnreadable('binary')
    else if (isFirst && bytes.length > this.#limits.helloBytes) this.#owner.onUnreadable('long-hello')
    else {
      this.#queue.push({ text: bytes.toString('utf8'), bytes: bytes.length })
      this.#queuedBytes += bytes.length
      if (this.#isFull) this.#pause()
      if (!this.#isServing) void this.#serve()
    }
  }

  async #serve(): Promise<void> {
    this.#isServing = true
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
      this.#queuedBytes -= next.bytes
      await this.#owner.onText(next.text)
      await new Promise(resolve => setImmediate(resolve))
      if (this.#isOver) break
      this.#resumeWithRoom()
    }
    this.#isServing = false
  }

  /** Bytes have left for the network: the reader is slow perhaps, but there. */
  #sent(): void {
    if (this.#isOver) return
    this.#alive()
    this.#resumeWithRoom()
    if (!this.isChoked) this.#owner.onRoom()
  }

  #alive(): void {
    this.#silentLooks = 0
  }

  get #isFull(): boolean {
    return this.#queue.length >= this.#limits.requests || this.#queuedBytes >= this.#limits.requestBytes
  }

  #pause(): void {
    if (this.#isPaused || this.#isOver) return
    this.#isPaused = true
    this.#socket.pause()
  }

  #resumeWithRoom(): void {
    if (!this.#isFull && !this.isChoked) this.#resume()
  }

  #resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#socket.resume()
  }
}

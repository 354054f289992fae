/**
 * One end of one stream: what is written waits until the way is free, what arrives waits until the reader takes it.
 * `ConnectionEnd` owns it and says how the two ends hang together.
 */

import { invariant } from './core/index.js'
import type { Stream } from './ports.js'

/** Bytes of one stream, unsent and in flight, from which `write` says false; also the receive window. */
export const MAX_STREAM_BYTES = 256 * 1024
/** Writing may go on once so few are left; half, so that a slow way does not make a drain of every parcel. */
export const DRAIN_BYTES = MAX_STREAM_BYTES / 2
/** What a reader has taken is told to the sender in lumps of at least this: short streams then need no word at all. */
export const CREDIT_BYTES = MAX_STREAM_BYTES / 8

/** The way between two ends. */
export interface Carrier {
  /** The end has something to send: `take` it when the way is free. Called again and again; never calls back at once. */
  wake(): void
  /** Bytes of a stream were taken by the reader: `credit` the remote end with them, now or later. */
  consumed(stream: number, bytes: number): void
  /** Runs the callback soon, and not from within this call. */
  soon(callback: () => void): void
}

/** A piece of one stream on its way. */
export interface StreamParcel {
  readonly type: 'stream'
  readonly stream: number
  readonly kind: 'bi' | 'uni'
  /** May be empty. */
  readonly bytes: Uint8Array
  /** The sender half-closed after these bytes. */
  readonly isLast: boolean
  readonly abort: number | null
}

/** What a stream needs of its connection. */
export interface StreamOwner {
  /** Something is to be sent. */
  queue(stream: StreamEnd): void
  /** The reader has taken what it would. */
  hasRead(stream: StreamEnd): void
}

export interface Unread {
  readonly bytes: number
  /** The objects that hold them: many small ones fill memory as well as few large ones. */
  readonly pieces: number
}

export const NO_BYTES = new Uint8Array(0)

export class StreamEnd implements Stream {
  readonly id: number
  readonly kind: 'bi' | 'uni'
  /** Whether this end opened it. */
  readonly isOurs: boolean
  /** Whether it stands in its connection's queue of senders. */
  isQueued = false
  readonly #owner: StreamOwner
  readonly #carrier: Carrier
  readonly #writes: boolean
  readonly #reads: boolean
  readonly #unsent: Uint8Array[] = []
  /** Bytes of the first unsent piece that have been sent. */
  #offset = 0
  #unsentBytes = 0
  #inFlightBytes = 0
  #isDrainDue = false
  #hasEnded = false
  #hasSentEnd = false
  #abortCode: number | null = null
  readonly #inbox: Uint8Array[] = []
  #inboxBytes = 0
  #hasRemoteEnded = false
  #hasToldEnd = false
  #isPaused = false
  /** Taken by the reader and not told to the sender yet. */
  #uncredited = 0
  #isReadingNow = false
  #isDeliveryDue = false
  /** Aborted, lost or owned by nobody: nothing is told any more. */
  #isSilent = false
  /** What `onAbort` is to be told, when it was not set in time. */
  #verdict: { readonly code: number | null } | null = null
  #onDrain: (() => void) | null = null
  #onData: ((bytes: Uint8Array) => void) | null = null
  #onEnd: (() => void) | null = null
  #onAbort: ((code: number | null) => void) | null = null

  constructor(owner: StreamOwner, carrier: Carrier, id: number, kind: 'bi' | 'uni', isOurs: boolean) {
    this.#owner = owner
    this.#carrier = carrier
    this.id = id
    this.kind = kind
    this.isOurs = isOurs
    this.#writes = kind === 'bi' || isOurs
    this.#reads = kind === 'bi' || !isOurs
  }

  write(bytes: Uint8Array): boolean {
    invariant(this.#writes, 'only its opener writes on a uni stream')
    if (this.#isSilent) return false
    invariant(!this.#hasEnded, 'nothing is written after end()')
    if (bytes.length > 0) {
      this.#unsent.push(bytes)
      this.#unsentBytes += bytes.length
      this.#owner.queue(this)
    }
    if (this.#unsentBytes + this.#inFlightBytes < MAX_STREAM_BYTES) return true
    this.#isDrainDue = true
    return false
  }

  end(): void {
    if (!this.#writes || this.#hasEnded) return
    this.#hasEnded = true
    if (!this.#isSilent) this.#owner.queue(this)
  }

  abort(code: number): void {
    if (this.#isSilent) return
    this.#drop()
    this.#abortCode = code
    this.#owner.queue(this)
  }

  onDrain(handler: () => void): void {
    this.#onDrain = handler
  }

  onData(handler: (bytes: Uint8Array) => void): void {
    this.#onData = handler
    this.#deliverSoon()
  }

  onEnd(handler: () => void): void {
    this.#onEnd = handler
    this.#deliverSoon()
  }

  onAbort(handler: (code: number | null) => void): void {
    this.#onAbort = handler
    if (this.#verdict !== null) this.#carrier.soon(() => this.#tellAbort())
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#deliverSoon()
  }

  /** Whether something is left that its reader means to take: it has a handler for it and has only paused. */
  get isReading(): boolean {
    if (this.#isSilent) return false
    return this.#inbox.length > 0 ? this.#onData !== null : this.#isEndDue && this.#onEnd !== null
  }

  /** What has arrived and no reader has taken. */
  get unread(): Unread {
    return { bytes: this.#inboxBytes, pieces: this.#inbox.length }
  }

  /** Whether something is left to be sent, now or when the remote's reader goes on. */
  get hasUnsent(): boolean {
    return this.#unsentBytes > 0 || this.#abortCode !== null || (this.#hasEnded && !this.#hasSentEnd)
  }

  get hasParcel(): boolean {
    if (this.#abortCode !== null) return true
    if (this.#unsentBytes > 0) return this.#inFlightBytes < MAX_STREAM_BYTES
    return this.#hasEnded && !this.#hasSentEnd
  }

  /** Nothing of this stream can travel in either direction any more. */
  get isDone(): boolean {
    if (this.#isSilent) return !this.hasUnsent
    return (!this.#writes || this.#hasSentEnd) && (!this.#reads || this.#hasToldEnd)
  }

  take(maxBytes: number): StreamParcel | null {
    const { id, kind } = this
    if (this.#abortCode !== null) {
      const abort = this.#abortCode
      this.#abortCode = null
      this.#hasSentEnd = true
      return { type: 'stream', stream: id, kind, bytes: NO_BYTES, isLast: false, abort }
    }
    if (!this.hasParcel) return null
    const bytes = this.#takeBytes(Math.min(maxBytes, this.#unsentBytes, MAX_STREAM_BYTES - this.#inFlightBytes))
    const isLast = this.#hasEnded && this.#unsentBytes === 0
    if (isLast) this.#hasSentEnd = true
    return { type: 'stream', stream: id, kind, bytes, isLast, abort: null }
  }

  put(parcel: StreamParcel): void {
    if (this.#isSilent) return
    if (parcel.abort !== null) {
      this.#aborted(parcel.abort)
      return
    }
    if (!this.#reads) return
    if (parcel.bytes.length > 0) {
      this.#inbox.push(parcel.bytes)
      this.#inboxBytes += parcel.bytes.length
    }
    if (parcel.isLast) this.#hasRemoteEnded = true
    this.#deliver()
  }

  credit(bytes: number): void {
    this.#inFlightBytes = Math.max(0, this.#inFlightBytes - bytes)
    if (this.hasParcel) this.#owner.queue(this)
    const isDrained = this.#isDrainDue && this.#unsentBytes + this.#inFlightBytes <= DRAIN_BYTES
    if (!isDrained || this.#isSilent || this.#hasEnded) return
    this.#isDrainDue = false
    this.#onDrain?.()
  }

  /** The connection is gone; whoever still expected something of this stream is told. */
  lose(): void {
    const hasEndedBothWays = (!this.#writes || this.#hasSentEnd) && (!this.#reads || this.#hasToldEnd)
    if (this.#isSilent || hasEndedBothWays) this.silence()
    else this.#aborted(null)
  }

  /** Tells nobody anything any more; what was written may still be sent. */
  silence(): void {
    this.#isSilent = true
    this.#inbox.length = 0
    this.#inboxBytes = 0
  }

  #aborted(code: number | null): void {
    this.#drop()
    this.#hasSentEnd = true
    this.#verdict = { code }
    this.#tellAbort()
  }

  #drop(): void {
    this.silence()
    this.#unsent.length = 0
    this.#unsentBytes = 0
    this.#hasEnded = true
  }

  #tellAbort(): void {
    const verdict = this.#verdict
    if (verdict === null || this.#onAbort === null) return
    this.#verdict = null
    this.#onAbort(verdict.code)
  }

  #deliverSoon(): void {
    const hasNews = this.#inbox.length > 0 || this.#isEndDue
    if (!hasNews || this.#isReadingNow || this.#isDeliveryDue || this.#isSilent) return
    this.#isDeliveryDue = true
    this.#carrier.soon(() => {
      this.#isDeliveryDue = false
      this.#deliver()
    })
  }

  #deliver(): void {
    if (this.#isReadingNow) return
    this.#isReadingNow = true
    try {
      while (this.#canRead && this.#onData !== null && this.#inbox.length > 0) {
        const bytes = this.#inbox.shift()!
        this.#inboxBytes -= bytes.length
        this.#creditLater(bytes.length)
        this.#onData(bytes)
      }
      if (this.#canRead && this.#inbox.length === 0 && this.#isEndDue && this.#onEnd) {
        this.#hasToldEnd = true
        this.#onEnd()
      }
    } finally {
      this.#isReadingNow = false
    }
    this.#owner.hasRead(this)
  }

  #creditLater(bytes: number): void {
    this.#uncredited += bytes
    if (this.#uncredited < CREDIT_BYTES) return
    this.#carrier.consumed(this.id, this.#uncredited)
    this.#uncredited = 0
  }

  get #isEndDue(): boolean {
    return this.#hasRemoteEnded && !this.#hasToldEnd
  }

  get #canRead(): boolean {
    return !this.#isPaused && !this.#isSilent
  }

  #takeBytes(count: number): Uint8Array {
    if (count === 0) return NO_BYTES
    this.#unsentBytes -= count
    this.#inFlightBytes += count
    const first = this.#unsent[0]!
    if (first.length - this.#offset >= count) {
      const bytes = first.subarray(this.#offset, this.#offset + count)
      this.#skip(count)
      return bytes
    }
    const bytes = new Uint8Array(count)
    for (let filled = 0; filled < count; ) {
      const piece = this.#unsent[0]!.subarray(this.#offset, this.#offset + count - filled)
      bytes.set(piece, filled)
      filled += piece.length
      this.#skip(piece.length)
    }
    return bytes
  }

  #skip(count: number): void {
    this.#offset += count
    if (this.#offset < this.#unsent[0]!.length) return
    this.#unsent.shift()
    this.#offset = 0
  }
}

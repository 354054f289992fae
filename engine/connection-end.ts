/**
 * One end of a connection between two nodes that share a process or a simulated world: it implements the `Connection`
 * and `Stream` ports, and leaves the way between the ends to a `Carrier`.
 *
 * The carrier takes parcels from an end when the way is free and puts them into the other end in the same order. An end
 * calls back only from `put`, `credit`, `lose` and from what the carrier runs for it through `soon`; so nothing calls
 * back from within a call that the owner of the connection makes.
 *
 * Back-pressure is by credit: what the remote's reader has not taken yet counts as in flight, a stream has at most
 * `MAX_STREAM_BYTES` in flight, and `write` says false from the same figure on, in flight and unsent together.
 */

import { invariant, type VerifyingKey } from './core/index.js'
import type { Connection, Role, Stream } from './ports.js'
import { type Carrier, NO_BYTES, StreamEnd, type StreamOwner, type StreamParcel, type Unread } from './stream-end.js'

export { type Carrier, MAX_STREAM_BYTES, type StreamParcel } from './stream-end.js'

/** Streams of one connection that are open at once; a session uses two. One more from the remote is refused. */
export const MAX_STREAMS = 256
/** The code a refused stream is aborted with. */
const REFUSED = 0

/** What travels from one end to the other, in order. */
export type Parcel = StreamParcel | { readonly type: 'close'; readonly code: number }

export class ConnectionEnd implements Connection, StreamOwner {
  readonly remote: VerifyingKey
  readonly role: Role
  readonly protocol: string
  readonly #carrier: Carrier
  readonly #streams = new Map<number, StreamEnd>()
  /** Streams that may have something to send, in turn; the flag in each keeps them from standing here twice. */
  #sending: StreamEnd[] = []
  readonly #refusals: StreamParcel[] = []
  /** Streams of the remote that wait for a handler. */
  #unannounced: StreamEnd[] = []
  #nextStream: number
  readonly #arrivals: Arrivals
  /** Open streams that we and that the remote opened. */
  #ownStreams = 0
  #remoteStreams = 0
  #streamHandler: ((stream: Stream) => void) | null = null
  #closeHandler: ((code: number | null) => void) | null = null
  /** `closing`: closed here, what was written is still to be sent. `closed`: nothing is sent or heard any more. */
  #state: 'open' | 'closing' | 'closed' = 'open'
  #localCode = 0
  /** The remote's close, held until the readers have taken what came before it. */
  #remoteCode: number | null = null
  /** What `onClose` is to be told, when it was not set in time. */
  #verdict: { readonly code: number | null } | null = null

  constructor(carrier: Carrier, remote: VerifyingKey, role: Role, protocol: string) {
    this.#carrier = carrier
    this.remote = remote
    this.role = role
    this.protocol = protocol
    this.#nextStream = role === 'initiator' ? 0 : 1
    this.#arrivals = new Arrivals(1 - this.#nextStream)
  }

  openBi(): Stream {
    return this.#open('bi')
  }

  openUni(): Stream {
    return this.#open('uni')
  }

  onStream(handler: (stream: Stream) => void): void {
    this.#streamHandler = handler
    if (this.#unannounced.length > 0) this.#carrier.soon(() => this.#announce())
  }

  onClose(handler: (code: number | null) => void): void {
    this.#closeHandler = handler
    if (this.#verdict !== null) this.#carrier.soon(() => this.#tell())
  }

  close(code: number): void {
    if (this.#state !== 'open') return
    this.#state = 'closing'
    this.#localCode = code
    for (const stream of this.#streams.values()) stream.silence()
    this.#unannounced = []
    this.#verdict = { code }
    this.#carrier.soon(() => this.#tell())
    this.#carrier.wake()
  }

  /** Whether this end is closed or lost, or closing with its last parcel gone. */
  get isOver(): boolean {
    return this.#state === 'closed'
  }

  /** Whether it was closed here and what was written before is still to be sent. */
  get isClosing(): boolean {
    return this.#state === 'closing'
  }

  /** What has arrived on all streams and no reader has taken. */
  get unread(): Unread {
    let bytes = 0
    let pieces = 0
    for (const { unread } of this.#streams.values()) {
      bytes += unread.bytes
      pieces += unread.pieces
    }
    return { bytes, pieces }
  }

  /** Whether `take` would give something. */
  get hasParcel(): boolean {
    if (this.#state === 'closed') return false
    if (this.#refusals.length > 0 || this.#sending.some(stream => stream.hasParcel)) return true
    return this.#state === 'closing' && this.#isFlushed
  }

  /** The next parcel, with at most so many bytes; streams take turns. */
  take(maxBytes: number): Parcel | null {
    if (this.#state === 'closed') return null
    const refusal = this.#refusals.shift()
    if (refusal !== undefined) return refusal
    for (let left = this.#sending.length; left > 0; left--) {
      const stream = this.#sending.shift()!
      const parcel = stream.take(maxBytes)
      if (stream.hasParcel) this.#sending.push(stream)
      else stream.isQueued = false
      this.#forgetIfDone(stream)
      if (parcel !== null) return parcel
    }
    if (this.#state !== 'closing' || !this.#isFlushed) return null
    this.#end()
    return { type: 'close', code: this.#localCode }
  }

  /** A parcel has arrived. */
  put(parcel: Parcel): void {
    if (this.#state === 'closed') return
    if (parcel.type === 'close') {
      // Both closed: each end has told its owner its own code, and nothing is left to wait for.
      if (this.#state === 'closing') this.#end()
      this.#remoteCode = parcel.code
      this.#closeIfRead()
      return
    }
    const stream = this.#streams.get(parcel.stream) ?? this.#welcome(parcel)
    stream?.put(parcel)
    if (stream !== undefined) this.#forgetIfDone(stream)
  }

  /** The remote's reader has taken so many bytes of the stream. */
  credit(streamId: number, bytes: number): void {
    const stream = this.#streams.get(streamId)
    if (stream === undefined || this.#state === 'closed') return
    stream.credit(bytes)
    this.#forgetIfDone(stream)
  }

  /** The connection is gone: reset, or its link or peer has been silent for too long. */
  lose(): void {
    if (this.#state === 'closed') return
    const wasOpen = this.#state === 'open'
    const streams = [...this.#streams.values()]
    this.#end()
    if (!wasOpen) return
    for (const stream of streams) stream.lose()
    this.#verdict = { code: null }
    this.#tell()
  }

  /** The process that owns this end is gone: nothing of it is called or sent any more. */
  die(): void {
    for (const stream of this.#streams.values()) stream.silence()
    this.#streamHandler = null
    this.#closeHandler = null
    this.#verdict = null
    this.#end()
  }

  /** For the streams: something is to be sent. */
  queue(stream: StreamEnd): void {
    if (!stream.isQueued) {
      stream.isQueued = true
      this.#sending.push(stream)
    }
    this.#carrier.wake()
  }

  /** For the streams: a reader has taken what it would. */
  hasRead(stream: StreamEnd): void {
    this.#forgetIfDone(stream)
    this.#closeIfRead()
  }

  /** Ends the connection once its readers have taken all, when the remote has closed it. */
  #closeIfRead(): void {
    if (this.#remoteCode === null || this.#state !== 'open') return
    for (const stream of this.#streams.values()) if (stream.isReading) return
    const code = this.#remoteCode
    const streams = [...this.#streams.values()]
    this.#end()
    for (const stream of streams) stream.lose()
    this.#verdict = { code }
    this.#tell()
  }

  get #isFlushed(): boolean {
    for (const stream of this.#streams.values()) if (stream.hasUnsent) return false
    return true
  }

  #open(kind: 'bi' | 'uni'): Stream {
    const stream = new StreamEnd(this, this.#carrier, this.#nextStream, kind, true)
    this.#nextStream += 2
    if (this.#state !== 'open') {
      // The owner has not heard yet that the connection is gone; it will, through onClose.
      stream.silence()
      return stream
    }
    invariant(this.#ownStreams < MAX_STREAMS, `a protocol holds at most ${MAX_STREAMS} streams open`)
    this.#ownStreams++
    this.#streams.set(stream.id, stream)
    return stream
  }

  #welcome(parcel: StreamParcel): StreamEnd | undefined {
    if (this.#state !== 'open' || !this.#arrivals.isNew(parcel.stream)) return undefined
    if (this.#remoteStreams >= MAX_STREAMS) {
      const { stream, kind } = parcel
      this.#refusals.push({ type: 'stream', stream, kind, bytes: NO_BYTES, isLast: false, abort: REFUSED })
      this.#carrier.wake()
      return undefined
    }
    const stream = new StreamEnd(this, this.#carrier, parcel.stream, parcel.kind, false)
    this.#remoteStreams++
    this.#streams.set(stream.id, stream)
    this.#unannounced.push(stream)
    this.#announce()
    return stream
  }

  #announce(): void {
    while (this.#streamHandler !== null && this.#unannounced.length > 0) {
      const stream = this.#unannounced.shift()!
      this.#streamHandler(stream)
    }
  }

  #forgetIfDone(stream: StreamEnd): void {
    if (!stream.isDone || !this.#streams.delete(stream.id)) return
    if (stream.isOurs) this.#ownStreams--
    else this.#remoteStreams--
  }

  #end(): void {
    this.#state = 'closed'
    this.#streams.clear()
    this.#sending = []
    this.#unannounced = []
    this.#refusals.length = 0
  }

  #tell(): void {
    const verdict = this.#verdict
    if (verdict === null || this.#closeHandler === null) return
    this.#verdict = null
    this.#closeHandler(verdict.code)
  }
}

/**
 * Tells a stream that is new from one that has come to its end. The remote numbers its streams in the order in which it
 * opens them and may write to them in another, so numbers that were passed over are remembered.
 */
class Arrivals {
  #next: number
  readonly #passedOver = new Set<number>()

  constructor(first: number) {
    this.#next = first
  }

  isNew(stream: number): boolean {
    if (stream % 2 !== this.#next % 2) return false
    if (stream < this.#next) return this.#passedOver.delete(stream)
    // More than a remote may hold open cannot be on their way; what lies further back is refused as old.
    this.#next = Math.max(this.#next, stream - 2 * MAX_STREAMS)
    for (; this.#next < stream; this.#next += 2) this.#passedOver.add(this.#next)
    this.#next = stream + 2
    if (this.#passedOver.size > MAX_STREAMS) {
      for (const oldest of this.#passedOver) {
        if (this.#passedOver.size <= MAX_STREAMS) break
        this.#passedOver.delete(oldest)
      }
    }
    return true
  }
}

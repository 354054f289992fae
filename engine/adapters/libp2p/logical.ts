/**
 * One connection of the port over streams of libp2p. `ConnectionEnd` keeps its state and its back-pressure, as it does
 * in one process and under simulation; here its parcels find their way: each stream is one of libp2p, and a control
 * stream carries credit, aborts and the close, which libp2p has no words for.
 *
 * A reader that pauses stops the sender by giving no credit, so libp2p's streams are never paused, and what a stream may
 * have on its way is bounded by us and not by the windows of yamux. Who sends more is cut off.
 */

import type { Stream as LibStream } from '@libp2p/interface'
import { type Carrier, ConnectionEnd, MAX_STREAM_BYTES, type StreamParcel } from '../../connection-end.js'
import type { VerifyingKey } from '../../core/index.js'
import type { Role } from '../../ports.js'
import { Arrivals } from './arrivals.js'
import { ControlStream } from './control.js'
import { type Libp2pLimits, PIECE_BYTES, TURN_BYTES, WRITE_BYTES } from './limits.js'
import { attach, endSoon, trySend } from './stream-events.js'
import { parcelOf, StreamRecord } from './stream-record.js'
import { type ControlMessage, encodeHead, MAX_STREAM, type StreamName } from './wire.js'

/** What a connection needs of the link that carries it. */
export interface LogicalHost {
  readonly remote: VerifyingKey
  readonly limits: Libp2pLimits
  openStream(protocol: string): Promise<LibStream>
  /** The remote broke the rules: the whole link ends. */
  violated(code: string): void
  /** Bytes that wait for readers have become more or fewer. */
  unread(bytes: number): void
  /** No message of this connection will come any more; a reader may still be at what came before. */
  over(connection: LogicalConnection): void
}

export class LogicalConnection implements Carrier {
  readonly end: ConnectionEnd
  readonly token: string
  readonly protocol: string
  readonly #host: LogicalHost
  readonly #control: ControlStream
  readonly #streams = new Map<number, StreamRecord>()
  readonly #arrivals: Arrivals
  /** Streams of the remote that were aborted before they arrived. */
  readonly #abortedEarly = new Set<number>()
  /** Streams that we have aborted and the remote has not reset yet. */
  readonly #abandoned = new Map<LibStream, NodeJS.Timeout>()
  readonly #parity: number
  #isDue = false
  /** `closing`: our close waits until all ends are known to have arrived. `told`: it was sent. */
  #state: 'open' | 'closing' | 'told' | 'over' = 'open'
  #closeCode = 0
  #remoteStreams = 0
  #unreadBytes = 0
  #closeTimer: NodeJS.Timeout | null = null

  constructor(host: LogicalHost, control: LibStream, token: string, role: Role, protocol: string) {
    this.#host = host
    this.#control = new ControlStream(control, host.limits.controlBytes, {
      heard: message => this.#obey(message),
      violated: code => host.violated(code),
      gone: () => this.#controlGone(),
    })
    this.token = token
    this.protocol = protocol
    this.#parity = role === 'initiator' ? 0 : 1
    this.#arrivals = new Arrivals(1 - this.#parity)
    this.end = new ConnectionEnd(this, host.remote, role, protocol)
  }

  /** Sends the head of an initiator, and begins to listen. */
  start(): void {
    this.#control.start(this.end.role === 'initiator' ? encodeHead({ token: this.token, name: null }) : null)
  }

  /** Bytes that its readers have not taken, with what holds them; also after the connection is over. */
  get unreadBytes(): number {
    const { bytes, pieces } = this.end.unread
    return bytes + pieces * PIECE_BYTES
  }

  get streams(): number {
    return this.#streams.size
  }

  /** A stream of the remote has said that it belongs here; what came with its head is handed in by `attach`. */
  adopt({ stream, kind }: StreamName, lib: LibStream): void {
    if (this.#state === 'over' || this.#state === 'told' || this.#abortedEarly.delete(stream)) {
      lib.abort(new Error('the connection or the stream is over'))
      return
    }
    if (!this.#arrivals.take(stream)) {
      this.#host.violated('stream-number-invalid')
      return
    }
    if (++this.#remoteStreams > this.#host.limits.streams) {
      this.#host.violated('streams-exceeded')
      return
    }
    const record = new StreamRecord({ stream, kind }, false, lib)
    this.#streams.set(stream, record)
    if (kind === 'uni') endSoon(lib)
    this.end.put(parcelOf(record))
    this.#listen(record, lib)
  }

  wake(): void {
    if (this.#isDue) return
    this.#isDue = true
    setImmediate(() => {
      this.#isDue = false
      this.#carry()
    })
  }

  soon(callback: () => void): void {
    setImmediate(callback)
  }

  consumed(stream: number, bytes: number): void {
    this.#recount()
    const record = this.#streams.get(stream)
    if (record === undefined) return
    record.uncreditedBytes -= bytes
    if (!record.hasRemoteEnded) this.#say({ type: 'credit', stream, bytes })
  }

  /** The link is gone. */
  lose(): void {
    if (this.#state === 'over') return
    this.#finish()
    this.end.lose()
  }

  #carry(): void {
    if (this.#state === 'over') {
      // The owner has closed what the remote had closed before: nobody is to be told.
      while (this.end.take(WRITE_BYTES) !== null);
      return
    }
    for (let bytes = 0; bytes < TURN_BYTES; ) {
      const parcel = this.end.take(WRITE_BYTES)
      if (parcel === null) break
      if (parcel.type === 'close') {
        this.#beginClose(parcel.code)
        return
      }
      bytes += parcel.bytes.length
      this.#sendParcel(parcel)
    }
    if (this.end.hasParcel) this.wake()
    else if (this.end.isClosing) this.#limitClose()
  }

  #sendParcel(parcel: StreamParcel): void {
    const { stream, kind } = parcel
    if (parcel.abort !== null) {
      this.#say({ type: 'abort', stream, kind, code: parcel.abort >>> 0 })
      this.#abandon(stream)
      return
    }
    const record = this.#streams.get(stream) ?? this.#open(parcel)
    if (record === null) return
    if (parcel.bytes.length > 0) {
      record.sentBytes += parcel.bytes.length
      if (record.lib === null) record.waiting.push(parcel.bytes)
      else trySend(record.lib, parcel.bytes)
    }
    if (!parcel.isLast) return
    record.hasSentEnd = true
    if (record.lib !== null) endSoon(record.lib)
  }

  #open(name: StreamName): StreamRecord | null {
    if (name.stream % 2 !== this.#parity) return null
    if (name.stream > MAX_STREAM) {
      this.#fail()
      return null
    }
    const record = new StreamRecord(name, true, null)
    this.#streams.set(name.stream, record)
    this.#host.openStream(this.protocol).then(
      lib => this.#opened(record, lib),
      () => {
        if (this.#streams.get(record.stream) === record) this.#fail()
      },
    )
    return record
  }

  #opened(record: StreamRecord, lib: LibStream): void {
    if (this.#streams.get(record.stream) !== record) {
      lib.abort(new Error('the stream was aborted before it was open'))
      return
    }
    record.lib = lib
    trySend(lib, encodeHead({ token: this.token, name: record }))
    for (const bytes of record.waiting) trySend(lib, bytes)
    record.waiting.length = 0
    if (record.hasSentEnd) endSoon(lib)
    this.#listen(record, lib)
  }

  #listen(record: StreamRecord, lib: LibStream): void {
    attach(lib, {
      data: bytes => this.#arrived(record, bytes),
      end: () => this.#ended(record),
      gone: () => {
        // The remote says on the control stream what it aborts, and leaves the stream to us.
        if (this.#streams.get(record.stream) === record && !record.isQuiet) this.#fail()
      },
    })
  }

  #arrived(record: StreamRecord, bytes: Uint8Array): void {
    if (this.#streams.get(record.stream) !== record) return
    if (!record.isRead) {
      this.#host.violated('uni-stream-answered')
      return
    }
    record.uncreditedBytes += bytes.length
    if (record.uncreditedBytes > MAX_STREAM_BYTES) {
      this.#host.violated('credit-exceeded')
      return
    }
    this.end.put({ ...parcelOf(record), bytes })
    this.#recount()
  }

  #ended(record: StreamRecord): void {
    if (this.#streams.get(record.stream) !== record || record.hasRemoteEnded) return
    record.hasRemoteEnded = true
    if (!record.isRead) return
    this.#say({ type: 'ended', stream: record.stream })
    this.#forgetIfDone(record)
    this.end.put({ ...parcelOf(record), isLast: true })
  }

  #obey(message: ControlMessage): void {
    if (this.#state === 'over') return
    if (message.type === 'close') {
      this.#remoteClosed(message.code)
      return
    }
    const record = this.#streams.get(message.stream)
    switch (message.type) {
      case 'credit':
        if (record === undefined) return
        record.creditedBytes += message.bytes
        // Credit for what has not left yet would make us pile it up.
        if (record.creditedBytes > record.leftBytes) {
          this.#host.violated('credit-forged')
          return
        }
        this.end.credit(message.stream, message.bytes)
        return
      case 'ended':
        if (record === undefined) return
        if (!record.hasSentEnd) {
          this.#host.violated('end-forged')
          return
        }
        record.isEndKnown = true
        this.#forgetIfDone(record)
        this.#closeIfKnown()
        return
      case 'abort':
        this.#remoteAborted(message.stream, message.kind, message.code)
        return
    }
  }

  #remoteAborted(stream: number, kind: 'bi' | 'uni', code: number): void {
    if (this.#streams.has(stream)) this.#drop(stream)
    else if (stream % 2 !== this.#parity) {
      if (!this.#arrivals.take(stream)) return
      this.#abortedEarly.add(stream)
      for (const oldest of this.#abortedEarly) {
        if (this.#abortedEarly.size <= this.#host.limits.streams) break
        this.#abortedEarly.delete(oldest)
      }
    }
    this.end.put({ ...parcelOf({ stream, kind }), abort: code })
    this.#closeIfKnown()
  }

  #beginClose(code: number): void {
    this.#state = 'closing'
    this.#closeCode = code
    this.#limitClose()
    this.#closeIfKnown()
  }

  /** From the owner's close on, the remote has so long to take what was written before. */
  #limitClose(): void {
    if (this.#closeTimer !== null) return
    this.#closeTimer = setTimeout(() => this.#fail(), this.#host.limits.closeMs)
    this.#closeTimer.unref()
  }

  /** The streams and the control stream are in no order of their own, so the close waits for the ends before it. */
  #closeIfKnown(): void {
    if (this.#state !== 'closing') return
    for (const record of this.#streams.values()) if (record.hasSentEnd && !record.isEndKnown) return
    this.#state = 'told'
    this.#say({ type: 'close', code: this.#closeCode >>> 0 })
    this.#control.end()
  }

  #remoteClosed(code: number): void {
    this.#control.end()
    this.#finish()
    this.end.put({ type: 'close', code })
  }

  #controlGone(): void {
    if (this.#state === 'told') this.#finish()
    else if (this.#state !== 'over') this.#fail()
  }

  /** Nothing more can be said or heard, and it was not agreed upon. */
  #fail(): void {
    if (this.#state === 'over') return
    this.#control.abort('the connection is lost')
    this.lose()
  }

  #finish(): void {
    this.#state = 'over'
    if (this.#closeTimer !== null) clearTimeout(this.#closeTimer)
    for (const stream of [...this.#streams.keys()]) this.#drop(stream)
    for (const lib of [...this.#abandoned.keys()]) lib.abort(new Error('the connection is over'))
    this.#host.over(this)
  }

  /** Forgets a stream at once, and lets libp2p tell the remote so. */
  #drop(stream: number): void {
    const record = this.#streams.get(stream)
    if (record === undefined) return
    this.#forget(record)
    record.waiting.length = 0
    record.lib?.abort(new Error('the stream is over'))
  }

  /**
   * Forgets a stream that we have aborted. A reset might overtake the code, so it is left to the remote, for a time.
   */
  #abandon(stream: number): void {
    const record = this.#streams.get(stream)
    if (record === undefined) return
    this.#forget(record)
    record.waiting.length = 0
    const { lib } = record
    if (lib === null) return
    const timer = setTimeout(() => lib.abort(new Error('the stream is over')), this.#host.limits.closeMs)
    timer.unref()
    this.#abandoned.set(lib, timer)
    lib.addEventListener('close', () => {
      clearTimeout(timer)
      this.#abandoned.delete(lib)
    })
  }

  #forgetIfDone(record: StreamRecord): void {
    if (record.isDone) this.#forget(record)
  }

  #forget(record: StreamRecord): void {
    if (!this.#streams.delete(record.stream)) return
    if (!record.isOurs) this.#remoteStreams--
  }

  /** A reader that goes on tells of it in lumps; what was read since counts until somebody looks closely. */
  #recount(): void {
    const before = this.#unreadBytes
    this.#unreadBytes = this.unreadBytes
    this.#host.unread(this.#unreadBytes - before)
  }

  #say(message: ControlMessage): void {
    if (this.#state !== 'over') this.#control.say(message)
  }
}

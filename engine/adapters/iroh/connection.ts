/**
 * One connection of the port over one connection of QUIC. `ConnectionEnd` keeps its state and its back-pressure, as it
 * does in one process and under simulation; here its parcels find their way: a stream is a stream of QUIC, what the
 * library has taken counts as arrived, and a close waits until all that was half-closed before is with the remote.
 */

import { type Carrier, ConnectionEnd, type StreamParcel } from '../../connection-end.js'
import type { VerifyingKey } from '../../core/index.js'
import type { Role } from '../../ports.js'
import type { QuicConnection, RecvStream, SendStream } from './binding.js'
import { closeCode } from './failures.js'
import { CALL_BYTES, type IrohLimits, TURN_BYTES } from './limits.js'
import { Receiver } from './receiver.js'
import { Sender } from './sender.js'

/** What a connection needs of its transport. */
export interface ConnectionHost {
  readonly limits: IrohLimits
  /** Bytes that wait for readers have become more or fewer. */
  unread(bytes: number): void
  moved(sentBytes: number, receivedBytes: number): void
  /** The QUIC connection is gone, and nothing that came over it is left. */
  over(connection: IrohConnection): void
}

interface StreamRecord {
  readonly stream: number
  readonly kind: 'bi' | 'uni'
  readonly sender: Sender | null
  readonly receiver: Receiver | null
}

const EMPTY = new Uint8Array(0)

export class IrohConnection implements Carrier {
  readonly end: ConnectionEnd
  readonly #host: ConnectionHost
  readonly #quic: QuicConnection
  readonly #streams = new Map<number, StreamRecord>()
  /** Streams of the remote are numbered here, in the order in which they come. */
  #nextRemote: number
  #isDue = false
  /** `closing`: our close waits for what was written before. `closed`: QUIC was told. */
  #state: 'open' | 'closing' | 'closed' | 'over' = 'open'
  #closeCode = 0
  #closeTimer: NodeJS.Timeout | null = null
  /** Loops that still may bring streams of the remote. */
  #accepting = 2
  /** What the remote closed with, held until all that came before is read. */
  #remoteCode: number | null = null

  constructor(host: ConnectionHost, quic: QuicConnection, remote: VerifyingKey, role: Role, protocol: string) {
    this.#host = host
    this.#quic = quic
    this.#nextRemote = role === 'initiator' ? 1 : 0
    this.end = new ConnectionEnd(this, remote, role, protocol)
  }

  get streams(): number {
    return this.#streams.size
  }

  get unreadBytes(): number {
    let bytes = 0
    for (const { receiver } of this.#streams.values()) bytes += receiver?.unreadBytes ?? 0
    return bytes
  }

  /** Begins to listen; whoever owns the end has set its handlers or does so in this turn. */
  start(): void {
    const { streams, receiveWindowBytes } = this.#host.limits
    this.#quic.setMaxConcurrentBiStreams(BigInt(streams))
    this.#quic.setMaxConcurrentUniStreams(BigInt(streams))
    this.#quic.setReceiveWindow(BigInt(receiveWindowBytes))
    void this.#acceptBi()
    void this.#acceptUni()
    void this.#quic.closed().then(verdict => this.#quicClosed(verdict))
  }

  /** Ends it at once; the owner is told that it was lost. */
  cut(): void {
    this.#tellQuic(0)
    this.#lose()
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
    const receiver = this.#streams.get(stream)?.receiver
    if (receiver === null || receiver === undefined) return
    this.#account(receiver, () => receiver.taken(bytes))
  }

  #carry(): void {
    if (this.#state === 'closed' || this.#state === 'over' || this.#remoteCode !== null) {
      // Nobody is to be told any more.
      while (this.end.take(CALL_BYTES) !== null);
      this.#finishIfRead()
      return
    }
    for (let bytes = 0; bytes < TURN_BYTES; ) {
      const parcel = this.end.take(CALL_BYTES)
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

  #sendParcel({ stream, kind, bytes, isLast, abort }: StreamParcel): void {
    const record = this.#streams.get(stream) ?? (abort === null ? this.#open(stream, kind) : null)
    if (record === null) return
    if (abort === null) {
      record.sender?.push(bytes, isLast)
      return
    }
    record.sender?.reset(abort >>> 0)
    this.#stopReading(record, abort >>> 0)
    if (record.sender?.isSettled === false) this.#limitReset(record.sender)
  }

  /** A reset waits for the write before it, which waits for a remote that may never read: then all of it ends. */
  #limitReset(sender: Sender): void {
    const timer = setTimeout(() => {
      if (!sender.isSettled) this.cut()
    }, this.#host.limits.closeMs)
    timer.unref()
  }

  #open(stream: number, kind: 'bi' | 'uni'): StreamRecord {
    const record = this.#newRecord(stream, kind, true, kind === 'bi')
    const opened = kind === 'bi' ? this.#quic.openBi() : this.#quic.openUni()
    opened.then(
      streams => {
        if ('recv' in streams) {
          record.sender?.opened(streams.send)
          record.receiver?.opened(streams.recv)
        } else record.sender?.opened(streams)
      },
      // The connection is gone, which is told by itself.
      () => {},
    )
    return record
  }

  async #acceptBi(): Promise<void> {
    await this.#accept(async () => {
      const { send, recv } = await this.#quic.acceptBi()
      return () => this.#adopt('bi', send, recv)
    })
  }

  async #acceptUni(): Promise<void> {
    await this.#accept(async () => {
      const recv = await this.#quic.acceptUni()
      return () => this.#adopt('uni', null, recv)
    })
  }

  async #accept(next: () => Promise<() => void>): Promise<void> {
    for (;;) {
      let adopt: () => void
      try {
        adopt = await next()
      } catch {
        break
      }
      if (this.#state === 'over') break
      adopt()
    }
    this.#accepting--
    this.#finishIfRead()
  }

  #adopt(kind: 'bi' | 'uni', send: SendStream | null, recv: RecvStream): void {
    const stream = this.#nextRemote
    this.#nextRemote += 2
    const record = this.#newRecord(stream, kind, send !== null, true)
    if (send !== null) record.sender?.opened(send)
    this.end.put(parcelOf(record))
    record.receiver?.opened(recv)
  }

  #newRecord(stream: number, kind: 'bi' | 'uni', writes: boolean, reads: boolean): StreamRecord {
    const sender = writes
      ? new Sender({
          sent: bytes => {
            this.#host.moved(bytes, 0)
            this.end.credit(stream, bytes)
          },
          stopped: (code, unsentBytes) => this.#remoteStopped(stream, kind, code, unsentBytes),
          dropped: bytes => this.end.credit(stream, bytes),
          settled: () => {
            this.#forgetIfDone(stream)
            this.#closeIfDelivered()
          },
        })
      : null
    const receiver: Receiver | null = reads
      ? new Receiver({
          received: bytes => {
            this.#host.moved(0, bytes.length)
            this.#host.unread(bytes.length)
            this.end.put({ ...parcelOf({ stream, kind }), bytes })
          },
          ended: () => this.end.put({ ...parcelOf({ stream, kind }), isLast: true }),
          aborted: code => this.#remoteAborted(stream, kind, code),
          over: () => {
            this.#forgetIfDone(stream)
            this.#finishIfRead()
          },
        })
      : null
    const record: StreamRecord = { stream, kind, sender, receiver }
    this.#streams.set(stream, record)
    return record
  }

  #remoteAborted(stream: number, kind: 'bi' | 'uni', code: number): void {
    // One abort is for both directions, and QUIC has one for each.
    this.#streams.get(stream)?.sender?.reset(code)
    this.end.put({ ...parcelOf({ stream, kind }), abort: code })
  }

  /**
   * A node of p2panda lets go of its reading half as soon as it has said its last word, which we may not have read yet.
   * So while something can still come, the end of that tells what there is to tell.
   */
  #remoteStopped(stream: number, kind: 'bi' | 'uni', code: number, unsentBytes: number): void {
    const receiver = this.#streams.get(stream)?.receiver
    if (receiver?.isOver !== false) this.end.put({ ...parcelOf({ stream, kind }), abort: code })
    else this.end.credit(stream, unsentBytes)
  }

  #stopReading({ receiver }: StreamRecord, code: number): void {
    if (receiver !== null) this.#account(receiver, () => receiver.stop(code))
  }

  #account(receiver: Receiver, change: () => void): void {
    const before = receiver.unreadBytes
    change()
    this.#host.unread(receiver.unreadBytes - before)
  }

  #beginClose(code: number): void {
    this.#state = 'closing'
    this.#closeCode = code >>> 0
    this.#limitClose()
    this.#closeIfDelivered()
  }

  /** From the owner's close on, the remote has so long to take what was written before. */
  #limitClose(): void {
    if (this.#closeTimer !== null) return
    this.#closeTimer = setTimeout(() => this.cut(), this.#host.limits.closeMs)
    this.#closeTimer.unref()
  }

  #closeIfDelivered(): void {
    if (this.#state !== 'closing') return
    for (const { sender } of this.#streams.values()) if (sender?.isFinishing) return
    this.#tellQuic(this.#closeCode)
    this.#finish()
  }

  #tellQuic(code: number): void {
    if (this.#state === 'closed' || this.#state === 'over') return
    this.#state = 'closed'
    try {
      this.#quic.close(BigInt(code), [])
    } catch {
      // It is gone already.
    }
  }

  #quicClosed(verdict: string): void {
    if (this.#state === 'over') return
    const code = closeCode(verdict)
    if (code === null || this.#state !== 'open') {
      this.#lose()
      return
    }
    this.#remoteCode = code
    for (const { sender } of this.#streams.values()) sender?.lost()
    this.#finishIfRead()
  }

  /** Hands on the close of the remote once all that came before it has been handed on. */
  #finishIfRead(): void {
    const code = this.#remoteCode
    if (code === null || this.#state === 'over' || this.#accepting > 0) return
    if (!this.end.isOver && !this.end.isClosing) {
      for (const { receiver } of this.#streams.values()) if (receiver?.isOver === false) return
    }
    this.#finish()
    this.end.put({ type: 'close', code })
  }

  #lose(): void {
    if (this.#state === 'over') return
    this.#finish()
    this.end.lose()
  }

  #finish(): void {
    this.#state = 'over'
    if (this.#closeTimer !== null) clearTimeout(this.#closeTimer)
    this.#host.unread(-this.unreadBytes)
    const records = [...this.#streams.values()]
    this.#streams.clear()
    for (const { sender, receiver } of records) {
      sender?.lost()
      receiver?.lost()
    }
    this.#host.over(this)
  }

  #forgetIfDone(stream: number): void {
    const record = this.#streams.get(stream)
    if (record === undefined || record.sender?.isSettled === false || record.receiver?.isOver === false) return
    this.#host.unread(-(record.receiver?.unreadBytes ?? 0))
    this.#streams.delete(stream)
  }
}

function parcelOf({ stream, kind }: Pick<StreamRecord, 'stream' | 'kind'>): StreamParcel {
  return { type: 'stream', stream, kind, bytes: EMPTY, isLast: false, abort: null }
}

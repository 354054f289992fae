/**
 * One libp2p connection to one peer and the connections of the port in it. It finds out to which of these a stream
 * belongs, and ends as a whole when the remote breaks a rule: what was agreed with somebody who cheats is worth nothing.
 */

import { randomBytes } from 'node:crypto'
import type { Connection as LibConnection, Stream as LibStream } from '@libp2p/interface'
import { bytesToHex, ThicketError, type VerifyingKey } from '../../core/index.js'
import type { Connection } from '../../ports.js'
import { readHead } from './head-reader.js'
import { type Libp2pLimits, RECENT_CONNECTIONS } from './limits.js'
import { LogicalConnection, type LogicalHost } from './logical.js'
import { type Head, type StreamName, TOKEN_BYTES } from './wire.js'

/** What a link needs of the transport. */
export interface LinkHost {
  readonly limits: Libp2pLimits
  /** Whether a token is in use on another link: tokens are secrets of two peers. */
  isForeign(token: string, link: Link): boolean
  /** The remote opened a connection. */
  accept(connection: Connection): void
  violated(link: Link, code: string): void
  unread(bytes: number): void
}

/** A stream whose connection has not been heard of. */
interface Waiting {
  readonly name: StreamName
  readonly lib: LibStream
  readonly timer: NodeJS.Timeout
}

export class Link implements LogicalHost {
  readonly remote: VerifyingKey
  readonly limits: Libp2pLimits
  readonly lib: LibConnection
  readonly #host: LinkHost
  readonly #connections = new Map<string, LogicalConnection>()
  /** Connections that are over and whose readers may still be at what came before. */
  readonly #lingering = new Set<LogicalConnection>()
  readonly #recent = new Set<string>()
  readonly #waiting = new Map<string, Waiting[]>()
  /** Streams that have not said their head, or wait for their connection. */
  #pendingStreams = 0
  #openings = 0
  readonly #waitingOpenings: (() => void)[] = []
  #unreadBytes = 0
  #isOver = false
  #idleSinceMs: number | null = performance.now()

  constructor(host: LinkHost, lib: LibConnection, remote: VerifyingKey) {
    this.#host = host
    this.limits = host.limits
    this.lib = lib
    this.remote = remote
  }

  get isOpen(): boolean {
    return !this.#isOver && this.lib.status === 'open'
  }

  /** Milliseconds since the last connection was over; 0 while there is one. */
  idleMs(nowMs: number): number {
    return this.#idleSinceMs === null ? 0 : nowMs - this.#idleSinceMs
  }

  get connections(): Iterable<LogicalConnection> {
    return this.#connections.values()
  }

  has(token: string): boolean {
    return this.#connections.has(token)
  }

  /** Bytes that wait for readers, counted anew. */
  get unreadBytes(): number {
    let bytes = 0
    for (const connection of this.#connections.values()) bytes += connection.unreadBytes
    for (const connection of this.#lingering) {
      if (connection.end.isOver) this.#lingering.delete(connection)
      else bytes += connection.unreadBytes
    }
    this.#host.unread(bytes - this.#unreadBytes)
    this.#unreadBytes = bytes
    return bytes
  }

  /** Opens a connection; rejects when the remote does not speak the protocol or the link is gone. */
  async dial(protocol: string): Promise<Connection> {
    if (this.#connections.size >= this.limits.connections) {
      throw new ThicketError('connections-exceeded', 'the peer would take no more connections', { peer: this.remote })
    }
    const control = await this.openStream(protocol)
    if (!this.isOpen) throw new ThicketError('connection-lost', 'the peer is gone', { peer: this.remote })
    const token = bytesToHex(randomBytes(TOKEN_BYTES))
    const connection = new LogicalConnection(this, control, token, 'initiator', protocol)
    this.#connections.set(token, connection)
    this.#idleSinceMs = null
    connection.start()
    return connection.end
  }

  /** Streams that are opened at the same time take turns, or the remote would take it for an attack. */
  async openStream(protocol: string): Promise<LibStream> {
    if (this.#openings < this.limits.openings) this.#openings++
    else await new Promise<void>(resolve => this.#waitingOpenings.push(resolve))
    try {
      return await this.lib.newStream(protocol, {
        maxOutboundStreams: this.limits.linkStreams,
        signal: AbortSignal.timeout(this.limits.negotiationMs),
      })
    } finally {
      // The place goes from hand to hand while somebody waits for it.
      const next = this.#waitingOpenings.shift()
      if (next === undefined) this.#openings--
      else next()
    }
  }

  /** A stream of the remote has agreed on one of our protocols. */
  arrived(lib: LibStream): void {
    if (++this.#pendingStreams > this.limits.pendingStreams) {
      this.violated('pending-streams-exceeded')
      return
    }
    readHead(lib, this.limits.headMs, {
      head: head => {
        this.#pendingStreams--
        this.#place(lib, head)
      },
      failed: code => {
        this.#pendingStreams--
        if (code !== null) this.violated(code)
      },
    })
  }

  violated(code: string): void {
    if (this.#isOver) return
    this.#host.violated(this, code)
    this.cut(code)
  }

  /** Ends the link at once. */
  cut(why: string): void {
    this.lib.abort(new Error(why))
    this.lost()
  }

  /** The libp2p connection is gone. */
  lost(): void {
    if (this.#isOver) return
    this.#isOver = true
    for (const waiting of this.#waiting.values()) for (const { timer } of waiting) clearTimeout(timer)
    this.#waiting.clear()
    for (const connection of [...this.#connections.values()]) connection.lose()
    // What was closed in order before may be read to its end; nothing more is added to it.
    this.#host.unread(-this.#unreadBytes)
    this.#unreadBytes = 0
  }

  unread(bytes: number): void {
    if (this.#isOver) return
    this.#unreadBytes += bytes
    this.#host.unread(bytes)
    if (bytes <= 0 || this.#unreadBytes <= this.limits.unreadBytesPerLink) return
    if (this.unreadBytes > this.limits.unreadBytesPerLink) this.violated('unread-bytes-exceeded')
  }

  over(connection: LogicalConnection): void {
    if (!this.#connections.delete(connection.token)) return
    if (this.#connections.size === 0) this.#idleSinceMs = performance.now()
    this.#recent.add(connection.token)
    for (const oldest of this.#recent) {
      if (this.#recent.size <= RECENT_CONNECTIONS) break
      this.#recent.delete(oldest)
    }
    if (!this.#isOver) this.#lingering.add(connection)
  }

  #place(lib: LibStream, { token, name }: Head): void {
    if (this.#isOver) return
    const connection = this.#connections.get(token)
    if (name === null) {
      if (connection !== undefined || this.#recent.has(token)) {
        this.violated('token-taken')
        return
      }
      this.#accept(lib, token)
      return
    }
    if (connection !== undefined) {
      if (connection.protocol !== lib.protocol) {
        this.violated('protocol-mixed')
        return
      }
      connection.adopt(name, lib)
      return
    }
    // It was opened while we closed.
    if (this.#recent.has(token)) {
      lib.abort(new Error('the connection is over'))
      return
    }
    if (this.#host.isForeign(token, this)) {
      this.violated('token-taken')
      return
    }
    // Acceptors have odd streams, and what we have dialled we know.
    if (name.stream % 2 === 1) {
      this.violated('token-unknown')
      return
    }
    this.#await(lib, token, name)
  }

  /** Streams that libp2p has opened one after the other may become known to us in another order. */
  #await(lib: LibStream, token: string, name: StreamName): void {
    if (++this.#pendingStreams > this.limits.pendingStreams) {
      this.violated('pending-streams-exceeded')
      return
    }
    const timer = setTimeout(() => this.violated('token-unknown'), this.limits.headMs)
    timer.unref()
    const waiting = this.#waiting.get(token) ?? []
    waiting.push({ name, lib, timer })
    this.#waiting.set(token, waiting)
  }

  #accept(lib: LibStream, token: string): void {
    if (this.#host.isForeign(token, this)) {
      this.violated('token-taken')
      return
    }
    this.#sweep()
    if (this.#connections.size + this.#lingering.size >= this.limits.connections) {
      this.violated('connections-exceeded')
      return
    }
    const connection = new LogicalConnection(this, lib, token, 'acceptor', lib.protocol)
    this.#connections.set(token, connection)
    this.#idleSinceMs = null
    this.#host.accept(connection.end)
    connection.start()
    const waiting = this.#waiting.get(token) ?? []
    this.#waiting.delete(token)
    for (const { name, lib: stream, timer } of waiting) {
      clearTimeout(timer)
      this.#pendingStreams--
      if (stream.protocol !== lib.protocol) {
        this.violated('protocol-mixed')
        return
      }
      connection.adopt(name, stream)
    }
  }

  #sweep(): void {
    for (const connection of this.#lingering) if (connection.end.isOver) this.#lingering.delete(connection)
  }
}

/** A WebSocket that says exactly what a test tells it to, and keeps what comes back. */

import { WebSocket } from 'ws'
import type { ServerMessage } from './client/index.js'
import type { Broker } from './index.js'

export type Received = ServerMessage & { readonly [field: string]: unknown }

export interface RawOptions {
  readonly origin?: string
  readonly host?: string
  readonly path?: string
}

export class RawClient {
  readonly socket: WebSocket
  readonly received: Received[] = []
  /** Code and reason of the close; null while it is open. */
  closed: { readonly code: number; readonly reason: string } | null = null
  #at = 0
  #wakes: (() => void)[] = []

  constructor(broker: Pick<Broker, 'url'>, { origin, host, path = '/ws' }: RawOptions = {}) {
    const headers: Record<string, string> = {}
    if (origin !== undefined) headers.Origin = origin
    if (host !== undefined) headers.Host = host
    this.socket = new WebSocket(`${broker.url.replace('http', 'ws')}${path}`, { headers })
    this.socket.on('message', data => {
      this.received.push(JSON.parse(String(data)) as Received)
      this.#wake()
    })
    this.socket.on('close', (code, reason) => {
      this.closed = { code, reason: String(reason) }
      this.#wake()
    })
    this.socket.on('error', () => {})
  }

  send(message: unknown): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message))
  }

  /** Whether the server took the connection. */
  opened(): Promise<boolean> {
    if (this.socket.readyState === WebSocket.OPEN) return Promise.resolve(true)
    return new Promise(resolve => {
      this.socket.once('open', () => resolve(true))
      this.socket.once('error', () => resolve(false))
    })
  }

  /** Opens and says hello. */
  async hello(token: string, client = 'test'): Promise<this> {
    await this.opened()
    this.send({ type: 'hello', token, client })
    await this.next('welcome')
    return this
  }

  /** The next message of a type, after those that were asked for before; others are passed over. */
  async next(type: string, matches: (message: Received) => boolean = () => true): Promise<Received> {
    for (;;) {
      while (this.#at < this.received.length) {
        const message = this.received[this.#at++]!
        if (message.type === type && matches(message)) return message
      }
      if (this.closed) throw new Error(`closed (${this.closed.code} ${this.closed.reason}) before any ${type}`)
      await new Promise<void>(resolve => this.#wakes.push(resolve))
    }
  }

  /** The next `processed` event's operation. */
  async nextOperation(): Promise<Record<string, unknown> & { readonly id: string; readonly message: unknown }> {
    const { event } = (await this.next('event', message => isProcessed(message))) as unknown as {
      event: { operation: Record<string, unknown> & { readonly id: string; readonly message: unknown } }
    }
    return event.operation
  }

  async whenClosed(): Promise<{ readonly code: number; readonly reason: string }> {
    while (!this.closed) await new Promise<void>(resolve => this.#wakes.push(resolve))
    return this.closed
  }

  /** What came by now, after everything sent before was answered. */
  async settled(): Promise<readonly Received[]> {
    this.send({ type: 'ping' })
    await this.next('pong')
    return this.received
  }

  operations(): readonly { readonly id: string; readonly message: unknown }[] {
    return this.received.filter(isProcessed).map(message => {
      const { operation } = message.event as unknown as {
        operation: { readonly id: string; readonly message: unknown }
      }
      return operation
    })
  }

  async close(): Promise<void> {
    this.socket.close()
    await this.whenClosed()
  }

  #wake(): void {
    for (const wake of this.#wakes.splice(0)) wake()
  }
}

function isProcessed(message: Received): message is Received & { readonly event: unknown } {
  return message.type === 'event' && (message.event as { readonly type: string }).type === 'processed'
}

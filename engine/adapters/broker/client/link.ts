/**
 * One connection to the broker after another: opens, says hello, notices when the other side has gone silent, and begins
 * again. A refused token is the end of it; anything else may pass.
 */

import { Backoff } from './backoff.js'
import { BrokerError } from './errors.js'
import { ANSWER_MS, DOUBT_MS, RETRY_MAX_MS, RETRY_MIN_MS, SILENCE_MS, STEADY_MS, WELCOME_MS } from './limits.js'
import type { ClientMessage, ServerMessage } from './messages.js'
import type { SocketConstructor, SocketLike, Surroundings } from './world.js'

export type LinkState = 'connecting' | 'online' | 'offline' | 'refused' | 'closed'

export interface LinkOptions {
  readonly url: string
  readonly WebSocket: SocketConstructor
  readonly hello: ClientMessage
  readonly surroundings: Surroundings
  readonly retry: { readonly minMs?: number; readonly maxMs?: number }
  onState(state: LinkState, error: BrokerError | null): void
  onMessage(message: ServerMessage): void
}

type Timer = ReturnType<typeof setTimeout>

export class Link {
  readonly #options: LinkOptions
  readonly #backoff: Backoff
  #state: LinkState = 'offline'
  #socket: SocketLike | null = null
  #retryTimer: Timer | undefined
  /** Until the welcome, then until the next look. */
  #watchTimer: Timer | undefined
  #steadyTimer: Timer | undefined

  constructor(options: LinkOptions) {
    this.#options = options
    const { minMs = RETRY_MIN_MS, maxMs = RETRY_MAX_MS } = options.retry
    this.#backoff = new Backoff(minMs, maxMs, Math.random)
  }

  get state(): LinkState {
    return this.#state
  }

  start(): void {
    for (const type of ['online', 'offline', 'visibilitychange', 'pageshow']) {
      this.#options.surroundings.addEventListener?.(type, this.#doubt)
    }
    this.#open()
  }

  send(message: ClientMessage): void {
    if (this.#state === 'online') this.#socket?.send(JSON.stringify(message))
  }

  /** The broker answers that it cannot do it now: a new attempt, later. */
  restart(): void {
    if (this.#state === 'online') this.#down()
  }

  close(): void {
    if (this.#state === 'closed') return
    const socket = this.#letGo()
    for (const type of ['online', 'offline', 'visibilitychange', 'pageshow']) {
      this.#options.surroundings.removeEventListener?.(type, this.#doubt)
    }
    this.#become('closed', null)
    socket?.close(1000, 'bye')
  }

  /** Something happened to the network or the machine: whoever is offline tries at once, whoever is online asks. */
  readonly #doubt = (): void => {
    if (this.#state === 'offline') {
      this.#backoff.succeeded()
      clearTimeout(this.#retryTimer)
      this.#open()
    } else if (this.#state === 'online') this.#ask(DOUBT_MS)
  }

  #open(): void {
    const { url, WebSocket, hello } = this.#options
    this.#become('connecting', null)
    let socket: SocketLike
    try {
      socket = new WebSocket(url)
    } catch {
      this.#down()
      return
    }
    this.#socket = socket
    this.#watch(WELCOME_MS, () => this.#down())
    socket.onopen = () => socket.send(JSON.stringify(hello))
    socket.onmessage = (event: { readonly data: unknown }) => {
      if (this.#socket === socket) this.#received(event.data)
    }
    socket.onerror = () => {}
    socket.onclose = () => {
      if (this.#socket === socket) this.#down()
    }
  }

  #received(data: unknown): void {
    let message: ServerMessage
    try {
      message = JSON.parse(String(data)) as ServerMessage
    } catch {
      this.#down()
      return
    }
    if (message.type === 'error' && message.code === 'unauthorized') {
      const socket = this.#letGo()
      this.#become('refused', new BrokerError(message.code, message.message))
      socket?.close(1000, 'bye')
      return
    }
    this.#watch(SILENCE_MS, () => this.#ask(ANSWER_MS))
    if (message.type === 'welcome') {
      this.#steadyTimer = setTimeout(() => this.#backoff.succeeded(), STEADY_MS)
      this.#become('online', null)
    }
    this.#options.onMessage(message)
  }

  #ask(withinMs: number): void {
    this.#watch(withinMs, () => this.#down())
    this.send({ type: 'ping' })
  }

  #watch(delayMs: number, then: () => void): void {
    clearTimeout(this.#watchTimer)
    this.#watchTimer = setTimeout(then, delayMs)
  }

  #down(): void {
    const socket = this.#letGo()
    this.#retryTimer = setTimeout(() => this.#open(), this.#backoff.failed())
    this.#become('offline', null)
    socket?.close()
  }

  /** Nothing of this connection is heard any more. */
  #letGo(): SocketLike | null {
    const socket = this.#socket
    this.#socket = null
    clearTimeout(this.#watchTimer)
    clearTimeout(this.#retryTimer)
    clearTimeout(this.#steadyTimer)
    return socket
  }

  #become(state: LinkState, error: BrokerError | null): void {
    if (this.#state === state) return
    this.#state = state
    this.#options.onState(state, error)
  }
}

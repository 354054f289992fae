/**
 * A client of a broker, for browsers and Node. Publications wait until the broker has them, subscriptions go on with
 * their consumer after every interruption; the app hears of the network only if it asks.
 *
 * ```ts
 * const client = connectBroker({ url: 'http://127.0.0.1:4000', token, storage: localStorage })
 * await client.publish(topic, { text: 'Hello, Panda!' })
 * for await (const event of client.subscribe<{ text: string }>(topic, { consumer: 'kitchen' })) {
 *   if (event.type !== 'processed') continue
 *   console.log(event.operation.message.text)
 *   event.operation.ack()
 * }
 * ```
 */

import { BrokerError } from './errors.js'
import { DEFAULT_WINDOW } from './limits.js'
import { Link, type LinkState } from './link.js'
import type { Content, ErrorMessage, From, Json, PublishMessage, ServerMessage } from './messages.js'
import { Outbox } from './outbox.js'
import { ClientSubscription } from './subscription.js'
import { globalSocket, randomName, type SocketConstructor, type StorageLike, type Surroundings } from './world.js'

export interface ClientOptions {
  /** The broker's address: http, https, ws or wss. */
  readonly url: string
  readonly token: string
  /** Who publishes: the same name after a reload. Kept in the storage, or made anew, when it is not given. */
  readonly client?: string
  /** Needed where there is no global one, as in Node 20; the one of the package `ws` will do. */
  readonly WebSocket?: SocketConstructor
  /** Where publications wait while nobody runs; `localStorage` in a page. Without one they end with the client. */
  readonly storage?: StorageLike
  /** Begins the names of what is stored; another one for another broker. */
  readonly storageKey?: string
  /** Milliseconds between attempts to connect: the first, and the most. */
  readonly retry?: { readonly minMs?: number; readonly maxMs?: number }
}

export interface SubscribeOptions {
  /** The name under which the node remembers what was acknowledged. */
  readonly consumer: string
  /** `frontier` (default): what is not acknowledged; `start`: everything again; or after a cursor. */
  readonly from?: From
  /** Unacknowledged messages at a time. */
  readonly window?: number
}

export interface ClientPublishOptions {
  readonly dependsOn?: readonly string[]
}

export function connectBroker(options: ClientOptions): BrokerClient {
  return new BrokerClient(options)
}

export class BrokerClient {
  /** The name under which this client publishes. */
  readonly name: string
  readonly #link: Link
  /** The longest message that the broker takes. */
  #messageBytes = Number.POSITIVE_INFINITY
  readonly #outbox: Outbox
  readonly #subscriptions = new Map<string, ClientSubscription<unknown>>()
  readonly #stateHandlers = new Set<(state: LinkState, error: BrokerError | null) => void>()
  readonly #pendingHandlers = new Set<() => void>()

  constructor(options: ClientOptions) {
    const { storage = null, storageKey = 'thicket' } = options
    const WebSocket = options.WebSocket ?? globalSocket()
    if (!WebSocket) {
      throw new BrokerError('websocket-missing', 'there is no global WebSocket here: hand one in, such as that of ws')
    }
    this.name = options.client ?? keptName(storage, `${storageKey}:client`)
    this.#outbox = new Outbox(storage, `${storageKey}:outbox:${this.name}`)
    this.#link = new Link({
      url: socketUrl(options.url),
      WebSocket,
      hello: { type: 'hello', token: options.token, client: this.name },
      surroundings: globalThis as Surroundings,
      retry: options.retry ?? {},
      onState: (state, error) => this.#onState(state, error),
      onMessage: message => this.#onMessage(message),
    })
    this.#link.start()
  }

  get state(): LinkState {
    return this.#link.state
  }

  /** Called with each change, and with the reason where the broker gave one. The function returned ends it. */
  onState(handler: (state: LinkState, error: BrokerError | null) => void): () => void {
    this.#stateHandlers.add(handler)
    return () => this.#stateHandlers.delete(handler)
  }

  /** Publications that the broker has not acknowledged yet, also those from before a reload. */
  get pending(): readonly PublishMessage[] {
    return this.#outbox.entries
  }

  /** Called when `pending` is another one. The function returned ends it. */
  onPending(handler: () => void): () => void {
    this.#pendingHandlers.add(handler)
    return () => this.#pendingHandlers.delete(handler)
  }

  /**
   * Resolves with the id of the operation once it is durable in the node; waits as long as that takes. Rejects with what
   * the broker refuses for good; with `client-closed` when the client is closed first, and `unauthorized` when its token is
   * refused: then the publication stays in the storage, if there is one, for a client that comes later.
   */
  publish(topic: string, message: Json, options: ClientPublishOptions = {}): Promise<string> {
    return this.#publish(topic, { message }, options)
  }

  /** As `publish`, with the body as it is, in base64url. */
  publishBytes(topic: string, bytes: string, options: ClientPublishOptions = {}): Promise<string> {
    return this.#publish(topic, { bytes }, options)
  }

  /** One subscription of a consumer at a time; a second one ends the first. */
  subscribe<Message = Json>(topic: string, options: SubscribeOptions): ClientSubscription<Message> {
    const { consumer, from = 'frontier', window = DEFAULT_WINDOW } = options
    const key = keyOf(topic, consumer)
    this.#subscriptions.get(key)?.close()
    const subscription = new ClientSubscription<Message>({
      topic,
      consumer,
      from,
      window,
      sendAck: id => this.#link.send({ type: 'ack', topic, consumer, id }),
      onClosed: () => {
        if (this.#subscriptions.get(key) !== subscription) return
        this.#subscriptions.delete(key)
        this.#link.send({ type: 'unsubscribe', topic, consumer })
      },
    })
    if (this.#isOver) {
      subscription.fail(this.#overError)
      return subscription
    }
    this.#subscriptions.set(key, subscription as ClientSubscription<unknown>)
    this.#subscribe(subscription as ClientSubscription<unknown>)
    return subscription
  }

  /** Ends everything; publications that wait stay in the storage. */
  close(): void {
    for (const subscription of [...this.#subscriptions.values()]) subscription.close()
    this.#link.close()
    this.#outbox.abandon(new BrokerError('client-closed', 'the client was closed'))
  }

  #publish(topic: string, content: Content, { dependsOn }: ClientPublishOptions): Promise<string> {
    if (this.#isOver) return Promise.reject(this.#overError)
    return new Promise((resolve, reject) => {
      const entry: PublishMessage = {
        type: 'publish',
        ref: randomName(),
        topic,
        ...content,
        ...(dependsOn ? { dependsOn } : {}),
      }
      this.#outbox.add(entry, { resolve, reject })
      this.#changed()
      this.#sendPublications()
    })
  }

  get #isOver(): boolean {
    return this.state === 'closed' || this.state === 'refused'
  }

  get #overError(): BrokerError {
    return this.state === 'refused'
      ? new BrokerError('client-refused', 'the broker has refused the token of this client')
      : new BrokerError('client-closed', 'the client was closed')
  }

  #onState(state: LinkState, error: BrokerError | null): void {
    if (state === 'offline' || state === 'refused') {
      this.#outbox.rewind()
      for (const subscription of this.#subscriptions.values()) subscription.rewind()
    }
    if (state === 'refused') {
      for (const subscription of this.#subscriptions.values()) subscription.fail(error!)
      this.#subscriptions.clear()
      this.#outbox.abandon(error!)
    }
    for (const handler of this.#stateHandlers) handler(state, error)
  }

  /** A connection is there: everything goes on. */
  #begin(): void {
    for (const subscription of this.#subscriptions.values()) this.#subscribe(subscription)
    this.#sendPublications()
  }

  #onMessage(message: ServerMessage): void {
    if (message.type === 'welcome') {
      this.#messageBytes = message.messageBytes
      this.#begin()
    } else if (message.type === 'published') {
      this.#outbox.published(message.ref, message.id)
      this.#changed()
      this.#sendPublications()
    } else if (message.type === 'event') {
      this.#subscriptions.get(keyOf(message.topic, message.consumer))?.push(message.event)
    } else if (message.type === 'error') this.#onError(message)
  }

  #onError(message: ErrorMessage): void {
    if (message.retry) {
      this.#link.restart()
      return
    }
    const error = new BrokerError(message.code, message.message)
    if (message.ref !== undefined) {
      this.#outbox.refused(message.ref, error)
      this.#changed()
      this.#sendPublications()
    } else if (message.topic !== undefined && message.consumer !== undefined) {
      // Of an acknowledgement that came after the end of its subscription.
      if (message.code === 'consumer-unknown') return
      const key = keyOf(message.topic, message.consumer)
      this.#subscriptions.get(key)?.fail(error)
      this.#subscriptions.delete(key)
    }
  }

  #subscribe({ topic, consumer, from, window }: ClientSubscription<unknown>): void {
    this.#link.send({ type: 'subscribe', topic, consumer, from, window })
  }

  #sendPublications(): void {
    if (this.state !== 'online') return
    for (const entry of this.#outbox.take()) {
      if (fits(JSON.stringify(entry), this.#messageBytes)) this.#link.send(entry)
      else {
        // The broker would end the connection, and with the next one it would come again.
        this.#outbox.refused(entry.ref, new BrokerError('message-too-large', 'the broker takes no message as long'))
        this.#changed()
      }
    }
  }

  #changed(): void {
    for (const handler of this.#pendingHandlers) handler()
  }
}

function keptName(storage: StorageLike | null, key: string): string {
  const kept = storage?.getItem(key)
  if (kept) return kept
  const name = randomName()
  storage?.setItem(key, name)
  return name
}

function socketUrl(text: string): string {
  const url = new URL(text)
  url.protocol = url.protocol.replace(/^http/, 'ws')
  // A proxy may serve the broker below a path of its own.
  if (!url.pathname.endsWith('/ws')) url.pathname = `${url.pathname.replace(/\/$/, '')}/ws`
  url.search = ''
  url.hash = ''
  return url.href
}

function fits(text: string, bytes: number): boolean {
  // Three bytes a character are the most that UTF-8 takes; only what might be too long is measured.
  return text.length * 3 <= bytes || new TextEncoder().encode(text).length <= bytes
}

function keyOf(topic: string, consumer: string): string {
  return `${topic}/${consumer}`
}

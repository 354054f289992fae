/**
 * Carries one consumer's events to one connection: never more unacknowledged than its window holds, never more bytes
 * than its reader takes. It pulls from the store, so a slow reader costs no memory.
 */

import type { OperationId, Topic } from '../../core/index.js'
import type { StreamSubscription } from '../../node/index.js'
import type { ServerMessage } from './client/messages.js'
import { eventJson } from './events.js'
import { Window } from './window.js'

/** The connection, as a delivery sees it. */
export interface Reader {
  send(message: ServerMessage): void
  /** Whether more bytes would only wait; `onRoom` of the delivery is called when that is over. */
  isChoked(): boolean
}

export interface DeliveryOptions {
  readonly topic: Topic
  readonly consumer: string
  readonly window: number
  readonly reader: Reader
  /** The stream failed, or the node was closed. */
  onFailed(error: unknown): void
}

export class Delivery {
  readonly topic: Topic
  readonly consumer: string
  readonly #options: DeliveryOptions
  readonly #window: Window
  #rx: StreamSubscription<Uint8Array> | null = null
  #wake: (() => void) | null = null
  #isOver = false
  #ended: Promise<void> = Promise.resolve()

  constructor(options: DeliveryOptions) {
    this.#options = options
    this.topic = options.topic
    this.consumer = options.consumer
    this.#window = new Window(options.window)
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Takes over the stream; one that comes too late is closed at once. */
  async begin(rx: StreamSubscription<Uint8Array>): Promise<void> {
    if (this.#isOver) {
      await rx.close()
      return
    }
    this.#rx = rx
    this.#ended = this.#run(rx)
  }

  acknowledge(id: OperationId): void {
    // An id from before a take-over or a reconnection is let pass: the message comes again and is acknowledged then.
    const owed = this.#window.acknowledged(id)
    if (owed === null || !this.#rx) return
    this.#rx.ack(id, { owed }).catch((error: unknown) => this.#fail(error))
    this.onRoom()
  }

  /** Something may go out again. */
  onRoom(): void {
    const wake = this.#wake
    this.#wake = null
    wake?.()
  }

  /** Nothing is delivered any more; resolves when what was acknowledged is durable. */
  async stop(): Promise<void> {
    this.#isOver = true
    this.onRoom()
    const rx = this.#rx
    this.#rx = null
    if (rx) await rx.close()
    await this.#ended
  }

  async #run(rx: StreamSubscription<Uint8Array>): Promise<void> {
    const events = rx[Symbol.asyncIterator]()
    const { reader, topic, consumer } = this.#options
    try {
      for (;;) {
        await this.#room(() => this.#window.isFull || reader.isChoked())
        if (this.#isOver) return
        const { done, value: event } = await events.next()
        if (this.#isOver) return
        if (done) {
          this.#fail(null)
          return
        }
        if (event.type === 'processed') {
          const { id, author, header } = event.operation
          this.#window.delivered(id, author, header.seqNum)
        }
        // Other subscriptions of the connection may have filled it meanwhile.
        await this.#room(() => reader.isChoked())
        if (this.#isOver) return
        reader.send({ type: 'event', topic, consumer, event: eventJson(event) })
      }
    } catch (error) {
      this.#fail(error)
    }
  }

  async #room(isFull: () => boolean): Promise<void> {
    while (!this.#isOver && isFull()) {
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }

  #fail(error: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    this.onRoom()
    const rx = this.#rx
    this.#rx = null
    // It has failed already; how it ends is no news.
    rx?.close().catch(() => {})
    this.#options.onFailed(error)
  }
}

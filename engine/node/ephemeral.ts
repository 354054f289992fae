/** The public side of ephemeral streams: promises and an async iterable. */

import { type CborValue, decodeCbor, encodeCbor, type Topic, type VerifyingKey } from '../core/index.js'
import type { EphemeralMessage, EphemeralStream } from '../streams/index.js'
import type { Turns } from './turns.js'

/** Messages that wait for a slow reader, as many as p2panda's channel holds; beyond it the oldest is dropped. */
const BUFFERED_MESSAGES = 128

export interface ReceivedEphemeral<Message> {
  readonly topic: Topic
  /** The node that signed it. */
  readonly author: VerifyingKey
  /** Microseconds of the author's clock. */
  readonly timestamp: bigint
  readonly body: Message
}

export type EphemeralPair<Message> = [EphemeralPublisher<Message>, EphemeralSubscription<Message>]

export class EphemeralPublisher<Message> {
  readonly topic: Topic
  readonly #stream: EphemeralStream
  readonly #turns: Turns

  constructor(topic: Topic, stream: EphemeralStream, turns: Turns) {
    this.topic = topic
    this.#stream = stream
    this.#turns = turns
  }

  /**
   * Signs a message and hands it to whoever listens now; before the first neighbour is there up to 128 wait for it.
   * Resolving says nothing of anybody having heard it.
   *
   * @throws `message-too-large` beyond some 3,980 bytes of deterministic CBOR, `encoding-cbor`, `stream-closed`
   */
  async publish(message: Message): Promise<void> {
    this.#stream.publish(encodeCbor(message as CborValue))
    await this.#turns.take()
  }
}

export class EphemeralSubscription<Message> implements AsyncIterable<ReceivedEphemeral<Message>> {
  readonly topic: Topic
  readonly #turns: Turns
  readonly #buffer: EphemeralMessage[] = []
  #stream: EphemeralStream | null = null
  #waiting: (() => void)[] = []
  #dropped = 0
  #closed = false

  constructor(topic: Topic, turns: Turns) {
    this.topic = topic
    this.#turns = turns
  }

  /** Messages lost because they were not read in time. */
  get dropped(): number {
    return this.#dropped
  }

  /** For the node: where messages come from. */
  attach(stream: EphemeralStream): void {
    this.#stream = stream
  }

  /** For the node: a message has come. */
  push(message: EphemeralMessage): void {
    if (this.#closed) return
    if (this.#buffer.length >= BUFFERED_MESSAGES) {
      this.#buffer.shift()
      this.#dropped++
    }
    this.#buffer.push(message)
    this.#wake()
  }

  /** Messages of others as they come; leaving the loop ends nothing, a new loop goes on. */
  [Symbol.asyncIterator](): AsyncIterator<ReceivedEphemeral<Message>, undefined> {
    return { next: () => this.#next(), return: async () => ({ done: true, value: undefined }) }
  }

  /** Leaves the topic, unless another stream of this node listens to it; its publisher ends too. */
  async close(): Promise<void> {
    this.end()
  }

  /** As `close`, at once. */
  end(): void {
    if (this.#closed) return
    this.#closed = true
    this.#buffer.length = 0
    this.#stream?.close()
    this.#wake()
  }

  async #next(): Promise<IteratorResult<ReceivedEphemeral<Message>, undefined>> {
    await this.#turns.take()
    for (;;) {
      const message = this.#buffer.shift()
      if (message) {
        const { author, timestamp, body } = message
        const value = { topic: this.topic, author, timestamp: timestamp.wallUs, body: decodeCbor(body) as Message }
        return { done: false, value }
      }
      if (this.#closed) return { done: true, value: undefined }
      await new Promise<void>(resolve => this.#waiting.push(resolve))
    }
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}

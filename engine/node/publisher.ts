/** The public side of publishing: promises around the synchronous engine. */

import { type OperationId, ThicketError, type Topic } from '../core/index.js'
import type { Codec } from '../streams/index.js'
import type { Ordering } from './config.js'
import type { Engine, PublishOptions } from './engine-types.js'
import { type ForeignOperation, type Imported, importOperations } from './import.js'
import type { Turns } from './turns.js'

/** What became of an operation in the pipeline. */
export type Processed = { readonly ok: true } | { readonly ok: false; readonly error: ThicketError }

export interface Published {
  readonly id: OperationId
  readonly processed: Promise<Processed>
}

/** `dependsOn`: named beside the frontier. `alongside`: the app's own rows that commit together with the message. */
export type MessageOptions = Pick<PublishOptions, 'dependsOn' | 'alongside'>

export class StreamPublisher<Message> {
  readonly topic: Topic
  readonly #engine: Engine
  readonly #codec: Codec<Message>
  readonly #turns: Turns
  readonly #ordering: Ordering | undefined

  constructor(topic: Topic, engine: Engine, codec: Codec<Message>, turns: Turns, ordering?: Ordering) {
    this.#ordering = ordering
    this.topic = topic
    this.#engine = engine
    this.#codec = codec
    this.#turns = turns
  }

  /** Signs and stores a message; resolves when it is durable, whether or not anyone reads the subscription. */
  async publish(message: Message, options: MessageOptions = {}): Promise<Published> {
    return this.#forge(this.#encode(message), false, options)
  }

  /** Removes everything of our own log before this operation, here and at all peers; a snapshot may take its place. */
  async prune(...snapshot: [message?: Message]): Promise<Published> {
    const [message] = snapshot
    return this.#forge(message === undefined ? null : this.#encode(message), true)
  }

  /** Takes in operations that came by other ways: a file, another transport. All are verified. */
  async import(operations: AsyncIterable<ForeignOperation> | Iterable<ForeignOperation>): Promise<Imported> {
    return importOperations(this.#engine, this.topic, operations)
  }

  #encode(message: Message): Uint8Array {
    let body: unknown
    try {
      body = this.#codec.encode(message)
    } catch (cause) {
      const why = cause instanceof Error ? `: ${cause.message}` : ''
      throw new ThicketError('message-encoding', `the message cannot be encoded${why}`, {}, { cause })
    }
    if (!(body instanceof Uint8Array)) throw new ThicketError('message-encoding', 'the codec gave no bytes')
    // The wire knows no empty body: it would be an operation without one, which is delivered to nobody.
    if (body.length === 0) throw new ThicketError('message-empty', 'a message has at least one byte')
    return body
  }

  async #forge(body: Uint8Array | null, prune: boolean, options: MessageOptions = {}): Promise<Published> {
    const { operation } = this.#engine.publish(this.topic, body, prune, {
      ...options,
      ...(this.#ordering === undefined ? {} : { ordering: this.#ordering }),
    })
    await this.#turns.take()
    return { id: operation.id, processed: Promise.resolve({ ok: true }) }
  }
}

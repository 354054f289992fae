/** The public side of a subscription: an async iterable around the synchronous one. */

import type { OperationId, Topic } from '../core/index.js'
import type { AppTransaction, ProcessedOperation, StreamEvent, Subscription } from '../streams/index.js'
import type { Turns } from './turns.js'

export interface ProcessOptions<Message> {
  /** Says whether to go on behind an operation whose callback threw; stops by default. */
  readonly onError?: (error: unknown, operation: ProcessedOperation<Message>) => 'continue' | 'stop'
  /** Hears of everything that is not a message. */
  readonly onEvent?: (event: Exclude<StreamEvent<Message>, { readonly type: 'processed' }>) => void
}

export class StreamSubscription<Message> implements AsyncIterable<StreamEvent<Message>> {
  readonly topic: Topic
  readonly #core: Subscription<Message>
  readonly #turns: Turns
  /** Calls to `next` are served one after the other, in the order they were made. */
  #last: Promise<unknown> = Promise.resolve()
  #wake: (() => void) | null = null

  constructor(topic: Topic, core: Subscription<Message>, turns: Turns) {
    this.topic = topic
    this.#core = core
    this.#turns = turns
    core.onWake(() => {
      const wake = this.#wake
      this.#wake = null
      wake?.()
    })
  }

  /**
   * Iterates over events as they come. Leaving the loop by `break` or a throw ends nothing and acknowledges nothing: a
   * new loop goes on where the old one stopped.
   */
  [Symbol.asyncIterator](): AsyncIterator<StreamEvent<Message>, undefined> {
    return { next: () => this.#next(), return: async () => ({ done: true, value: undefined }) }
  }

  /**
   * Acknowledges an operation and everything before it in its log; resolves when that is durable. What is named in `owed`
   * is left out: it comes again with the next stream of this consumer, unless it is acknowledged by itself.
   */
  ack(id: OperationId, options: { readonly owed?: readonly OperationId[] } = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#core.ack(id, error => (error ? reject(error) : resolve()), options.owed)
    })
  }

  /**
   * Reads the stream for the app: each message is handed to the callback, and what it writes through `tx` into the node's
   * own database commits together with the acknowledgement, or neither does. The callback is synchronous. Resolves when
   * the subscription is closed.
   *
   * When the callback throws, its transaction is rolled back and the operation stays unacknowledged. By default the
   * returned promise then rejects with the error; `onError` may go on instead: the operation comes again with the next
   * stream.
   */
  async process(
    callback: (tx: AppTransaction, operation: ProcessedOperation<Message>) => void,
    options: ProcessOptions<Message> = {},
  ): Promise<void> {
    for (;;) {
      const { done, value: event } = await this.#next()
      if (done) return
      if (event.type !== 'processed') {
        options.onEvent?.(event)
        continue
      }
      const { operation } = event
      try {
        this.#core.process(operation, tx => callback(tx, operation))
      } catch (error) {
        if (options.onError?.(error, operation) !== 'continue') throw error
      }
    }
  }

  /**
   * Ends the subscription; with automatic acknowledgement the operation delivered last counts as read. Resolves when its
   * acknowledgements are durable; rejects when the last one could not be written.
   */
  close(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#core.close(error => (error ? reject(error) : resolve()))
    })
  }

  #next(): Promise<IteratorResult<StreamEvent<Message>, undefined>> {
    const result = this.#last.then(() => this.#pull())
    this.#last = result.catch(() => undefined)
    return result
  }

  async #pull(): Promise<IteratorResult<StreamEvent<Message>, undefined>> {
    await this.#turns.take()
    for (;;) {
      const event = this.#core.next()
      if (event) return { done: false, value: event }
      if (this.#core.closed) return { done: true, value: undefined }
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }
}

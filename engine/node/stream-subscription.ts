/** The public side of a subscription: an async iterable around the synchronous one. */

import type { OperationId, Topic } from '../core/index.js'
import type { StreamEvent, Subscription } from '../streams/index.js'
import type { Turns } from './turns.js'

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

  /** Acknowledges an operation and everything before it in its log; resolves when that is durable. */
  ack(id: OperationId): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#core.ack(id, error => (error ? reject(error) : resolve()))
    })
  }

  /** Ends the subscription; with automatic acknowledgement the operation delivered last counts as read. */
  async close(): Promise<void> {
    this.#core.close()
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

/** System events as an async iterable. They only inform, so a reader that lags loses the oldest. */

import type { NodeEvent } from './engine-types.js'

/** As p2panda's broadcast of system events. */
const BUFFERED_EVENTS = 64

export class NodeEvents implements AsyncIterable<NodeEvent> {
  readonly #buffer: NodeEvent[] = []
  readonly #onEnd: () => void
  #waiting: (() => void)[] = []
  #ended = false

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd
  }

  push(event: NodeEvent): void {
    if (this.#buffer.length >= BUFFERED_EVENTS) this.#buffer.shift()
    this.#buffer.push(event)
    this.#wake()
  }

  end(): void {
    this.#ended = true
    this.#onEnd()
    this.#wake()
  }

  [Symbol.asyncIterator](): AsyncIterator<NodeEvent, undefined> {
    return {
      next: async () => {
        for (;;) {
          const event = this.#buffer.shift()
          if (event) return { done: false, value: event }
          if (this.#ended) return { done: true, value: undefined }
          await new Promise<void>(resolve => this.#waiting.push(resolve))
        }
      },
      return: async () => {
        this.end()
        return { done: true, value: undefined }
      },
    }
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}

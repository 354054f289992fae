/** Tells who is interested in a topic whenever that has changed: once for all changes of a turn, in a turn of its own. */

import type { Topic, VerifyingKey } from '../core/index.js'
import type { Clock } from '../ports.js'

export type PeersHandler = (topic: Topic, peers: readonly VerifyingKey[]) => void

export class PeerNews {
  readonly #clock: Clock
  readonly #peersOf: (topic: Topic) => readonly VerifyingKey[]
  readonly #handlers: PeersHandler[] = []
  readonly #topics = new Set<Topic>()
  readonly #changed = new Set<Topic>()
  /** What was told of each topic last. */
  readonly #told = new Map<Topic, string>()
  #hasStopped = false

  constructor(clock: Clock, peersOf: (topic: Topic) => readonly VerifyingKey[]) {
    this.#clock = clock
    this.#peersOf = peersOf
  }

  listen(handler: PeersHandler): void {
    this.#handlers.push(handler)
  }

  /** The topics of which is told. */
  setTopics(topics: readonly Topic[]): void {
    this.#topics.clear()
    for (const topic of topics) this.#topics.add(topic)
    for (const topic of [...this.#told.keys()]) if (!this.#topics.has(topic)) this.#told.delete(topic)
  }

  /** The peers of these topics may be others now. */
  changed(topics: Iterable<Topic>): void {
    const isDue = this.#changed.size > 0
    for (const topic of topics) this.#changed.add(topic)
    if (isDue || this.#changed.size === 0) return
    this.#clock.after(0, () => {
      const due = [...this.#changed].sort()
      this.#changed.clear()
      for (const topic of due) this.#tell(topic)
    })
  }

  stop(): void {
    this.#hasStopped = true
  }

  #tell(topic: Topic): void {
    if (this.#hasStopped || !this.#topics.has(topic)) return
    const peers = this.#peersOf(topic)
    const text = peers.join()
    if ((this.#told.get(topic) ?? '') === text) return
    this.#told.set(topic, text)
    for (const handler of this.#handlers) handler(topic, peers)
  }
}

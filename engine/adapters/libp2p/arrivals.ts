/**
 * Tells a stream that is new from one that was there before. The remote numbers its streams in the order in which it
 * opens them, and they may arrive in another, so numbers that were passed over are remembered.
 */

import { SKIPPED_STREAMS } from './limits.js'

export class Arrivals {
  readonly #parity: number
  #next: number
  readonly #skipped = new Set<number>()

  /** @param first the number of the remote's first stream; the others follow in steps of two */
  constructor(first: number) {
    this.#parity = first
    this.#next = first
  }

  /** Whether the number may come now; it may not come again. */
  take(stream: number): boolean {
    if (stream % 2 !== this.#parity) return false
    if (stream < this.#next) return this.#skipped.delete(stream)
    if ((stream - this.#next) / 2 > SKIPPED_STREAMS - this.#skipped.size) return false
    for (; this.#next < stream; this.#next += 2) this.#skipped.add(this.#next)
    this.#next = stream + 2
    return true
  }
}

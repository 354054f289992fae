/**
 * What one subscription has delivered and nobody has acknowledged yet. Acknowledgements of the node are marks in each
 * log; those of a client are for one message each, so what was delivered before it in its log stays owed.
 */

import type { OperationId, VerifyingKey } from '../../core/index.js'

export class Window {
  readonly #size: number
  readonly #flying = new Map<OperationId, { readonly author: VerifyingKey; readonly seqNum: number }>()

  constructor(size: number) {
    this.#size = size
  }

  get isFull(): boolean {
    return this.#flying.size >= this.#size
  }

  get flying(): number {
    return this.#flying.size
  }

  delivered(id: OperationId, author: VerifyingKey, seqNum: number): void {
    this.#flying.set(id, { author, seqNum })
  }

  /** What stays owed below it; null when it is not among what was delivered and not acknowledged. */
  acknowledged(id: OperationId): readonly OperationId[] | null {
    const place = this.#flying.get(id)
    if (!place) return null
    this.#flying.delete(id)
    const owed: OperationId[] = []
    for (const [other, { author, seqNum }] of this.#flying) {
      if (author === place.author && seqNum < place.seqNum) owed.push(other)
    }
    return owed
  }
}

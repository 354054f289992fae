/**
 * For whom an operation has to be said once more. Who hears whom is learnt of what others ask for and of the heights they
 * say, at no cost in frames; the weighing itself is in neighbours.ts.
 */

import type { Author, Authors } from './authors.js'
import type { Column } from './linear-system.js'
import type { Neighbours } from './neighbours.js'
import type { Pace } from './pace.js'
import type { Window } from './window.js'

export class Relays {
  readonly #authors: Authors
  readonly #neighbours: Neighbours
  readonly #pace: Pace

  constructor(authors: Authors, neighbours: Neighbours, pace: Pace) {
    this.#authors = authors
    this.#neighbours = neighbours
    this.#pace = pace
  }

  /** What somebody lacks of a window, and what he does not. */
  onWant(listener: number, columns: Window['columns'], holes: Uint8Array): void {
    for (const [index, { author, seqNum, column }] of columns.entries()) {
      const isMissing = ((holes[index >> 3]! >> (index & 7)) & 1) === 1
      this.#neighbours.weigh({ author: author.tag, seqNum, column }, listener, !isMissing)
    }
  }

  /** The sender of some heights does not even know of what these transmitters sent. */
  onHeight(listener: number, author: Author, exists: number): void {
    for (let seqNum = exists + 1; seqNum <= Math.min(author.exists, exists + 4); seqNum++) {
      const column = this.#authors.column(author, seqNum)
      this.#neighbours.weigh({ author: author.tag, seqNum, column }, listener, false)
    }
  }

  isNeeded(author: Author, column: Column, nowMs: number): boolean {
    return this.#neighbours.needsRelay(column, author.tag, nowMs - this.#pace.units(NEIGHBOUR_AGE))
  }
}

/** A neighbour that was silent for so long is none any more. */
const NEIGHBOUR_AGE = 6_000

/**
 * For whom an operation has to be said once more. Who hears whom is learnt of what others ask for and of the heights they
 * say, at no cost in frames; the weighing itself is in neighbours.ts.
 */

import type { Author, Authors } from './authors.js'
import { hasBit } from './bitmap.js'
import type { Column } from './linear-system.js'
import type { Neighbours } from './neighbours.js'
import type { Outbox } from './outbox.js'
import type { Pace } from './pace.js'
import type { Window } from './window.js'

export class Relays {
  readonly #authors: Authors
  readonly #neighbours: Neighbours
  readonly #pace: Pace
  readonly #outbox: Outbox

  constructor(authors: Authors, neighbours: Neighbours, pace: Pace, outbox: Outbox) {
    this.#authors = authors
    this.#neighbours = neighbours
    this.#pace = pace
    this.#outbox = outbox
  }

  /** What somebody lacks of a window, and what he does not. */
  onWant(listener: number, columns: Window['columns'], holes: Uint8Array): void {
    for (const [index, { author, seqNum, column }] of columns.entries()) {
      const isMissing = hasBit(holes, index)
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

  /**
   * All that somebody lacks and this node holds goes into no combination here, as others may combine other bytes of it:
   * the long forms of a few, for symbols would bring him nothing.
   */
  giveAlone(columns: Window['columns'], holes: Uint8Array, nowMs: number): void {
    const held = columns.filter(
      ({ author, seqNum }, index) => hasBit(holes, index) && !author.isForked && this.#authors.has(author, seqNum),
    )
    if (held.some(({ author, seqNum }) => !author.unlike.has(seqNum))) return
    for (const { author, seqNum } of held.slice(0, GIVEN_ALONE)) {
      this.#outbox.add(author, seqNum, 'long', nowMs + this.#pace.turn())
    }
  }

  isNeeded(author: Author, column: Column, nowMs: number): boolean {
    return this.#neighbours.needsRelay(column, author.tag, nowMs - this.#pace.units(NEIGHBOUR_AGE))
  }
}

/** Long forms in answer to one question. */
const GIVEN_ALONE = 4
/** A neighbour that was silent for so long is none any more. */
const NEIGHBOUR_AGE = 6_000

/**
 * What a WANT says: a window over what is missing and how many symbols of it, authors that nobody has introduced, and
 * operations whose short form is of no use here. When it is said is in asking.ts.
 */

import type { Asking, Missing } from './asking.js'
import type { Author, Authors } from './authors.js'
import { bitmapOf, setBit } from './bitmap.js'
import type { Forks } from './forks.js'
import { WINDOW_OPERATIONS } from './limits.js'
import type { Column } from './linear-system.js'
import type { OpenWindows } from './open-windows.js'
import type { Solver } from './solver.js'
import type { Unresolved } from './unresolved.js'
import type { Voice } from './voice.js'
import type { Want } from './wire.js'

export interface WantsParts {
  readonly asking: Asking
  readonly authors: Authors
  readonly forks: Forks
  readonly solver: Solver
  readonly unresolved: Unresolved
  readonly voice: Voice
  readonly windows: OpenWindows
}

interface Wanted {
  readonly author: Author
  readonly seqNum: number
}

export class Wants {
  readonly #parts: WantsParts
  /** Long forms to ask for. */
  readonly #long = new Map<Column, Wanted>()

  constructor(parts: WantsParts) {
    this.#parts = parts
  }

  addLong(author: Author, seqNum: number): void {
    this.#long.set(this.#parts.authors.column(author, seqNum), { author, seqNum })
  }

  /** Somebody else asked for it, and the answer is for all who hear it. */
  dropLong(author: Author, seqNum: number): void {
    this.#long.delete(this.#parts.authors.column(author, seqNum))
  }

  /** Nothing more of a forked log is asked for. */
  dropAuthor(author: Author): void {
    for (const [column, wanted] of this.#long) if (wanted.author === author) this.#long.delete(column)
  }

  missing(): Missing {
    return { ...this.#holes(), others: this.#nameless() + this.#long.size }
  }

  /** No hole, and nobody without a name. Long forms to be compared with what is held are missing nowhere. */
  isNothingMissing(): boolean {
    const { fresh, old } = this.#holes()
    return fresh + old + this.#nameless() === 0
  }

  /** Null when there is nothing to ask for after all. */
  make(isSpeakingUp: boolean, nowMs: number): Want | null {
    const { asking, authors, forks, solver, unresolved, voice, windows } = this.#parts
    const strangers = [...authors.strangers(), ...unresolved.unknownTags()].slice(0, 16)
    const long = [...this.#long.values(), ...this.#failed(), ...forks.suspects(nowMs)]
      .slice(0, 4)
      .map(({ author, seqNum }) => ({ author: authors.ref(author), seqNum }))
    this.#long.clear()
    const room = voice.controlRoom - 14 - 2 * strangers.length - 5 * long.length - WINDOW_OPERATIONS / 8
    const missing = this.missing()
    const { round } = asking
    // What a round left open is asked for again as it was: everyone who heard of it knows the window already.
    const again = round && !asking.isFreshDue(missing.fresh, nowMs) && solver.deficit(round.columns) > 0 ? round : null
    const isDue = again || isSpeakingUp || asking.isRoundDue(missing, nowMs)
    const ranges = again?.ranges ?? (isDue ? windows.chooseRanges(Math.floor(room / RANGE_BYTES)) : [])
    const columns = windows.columnsOf(ranges)
    const holes = bitmapOf(columns.length)
    for (const [index, { author, seqNum }] of columns.entries()) {
      if (!author.isForked && !authors.has(author, seqNum)) setBit(holes, index)
    }
    const deficit = solver.deficit(columns)
    if (deficit === 0 && strangers.length === 0 && long.length === 0) return null
    return {
      ...voice.said(),
      ranges: deficit > 0 ? ranges : [],
      deficit,
      holes: deficit > 0 ? holes : new Uint8Array(),
      strangers,
      long,
    }
  }

  /** Somebody asked for as much as this node would, in a window that has all that it would ask for. */
  isAskedByOthers(want: Want): boolean {
    const window = this.#parts.windows.find(want.ranges)
    return window !== null && window.need >= want.deficit && want.strangers.length === 0 && want.long.length === 0
  }

  #holes(): { readonly fresh: number; readonly old: number } {
    const { authors, windows } = this.#parts
    let fresh = 0
    let old = 0
    for (const author of authors.all()) {
      const covered = windows.coveredTo(author)
      for (const seqNum of authors.holes(author, WINDOW_OPERATIONS)) {
        if (seqNum > covered) fresh += 1
        else old += 1
      }
    }
    return { fresh, old }
  }

  #nameless(): number {
    const { authors, unresolved } = this.#parts
    return authors.strangers().length + unresolved.unknownTags().length
  }

  /** Asked for in the long form until it comes. */
  #failed(): readonly Wanted[] {
    const { authors } = this.#parts
    return authors
      .all()
      .flatMap(author => [...author.failed].map(seqNum => ({ author, seqNum })))
      .filter(({ author, seqNum }) => !author.isForked && !authors.has(author, seqNum))
  }
}

/** Tag, first sequence number and length of a range. */
const RANGE_BYTES = 6

/**
 * The windows of repair that are open in one topic: who asked for what, how much of it is still to come, and which
 * operations the next one spans. A window is known by its ranges alone, so all who heard of it mean the same one.
 */

import type { Crypto } from '../ports.js'
import type { Author, Authors } from './authors.js'
import { OPEN_WINDOWS, WINDOW_OPERATIONS } from './limits.js'
import { shareOut, type Window, type WindowColumn, windowId } from './window.js'
import type { Want, WindowRange } from './wire.js'

export interface Opened {
  readonly window: Window
  /** It was not open before. */
  readonly isNew: boolean
}

export class OpenWindows {
  readonly #authors: Authors
  readonly #crypto: Pick<Crypto, 'hash'>
  readonly #windows = new Map<number, Window>()
  /** Heights up to which windows have been opened. */
  readonly #covered = new Map<Author, number>()
  /** Where the windows before began, the oldest first. */
  readonly #marks: ReadonlyMap<Author, number>[] = [new Map()]

  constructor(authors: Authors, crypto: Pick<Crypto, 'hash'>) {
    this.#authors = authors
    this.#crypto = crypto
  }

  /** The oldest first. */
  all(): Iterable<Window> {
    return this.#windows.values()
  }

  get(id: number): Window | null {
    return this.#windows.get(id) ?? null
  }

  find(ranges: readonly WindowRange[]): Window | null {
    return this.get(windowId(this.#crypto, ranges))
  }

  /** Up to where windows have covered the log; -1 when none has. */
  coveredTo(author: Author): number {
    return this.#covered.get(author) ?? -1
  }

  /** Empty where one of the authors cannot be told. */
  columnsOf(ranges: readonly WindowRange[]): Window['columns'] {
    const columns: WindowColumn[] = []
    for (const { author: ref, from, length } of ranges) {
      const author = this.#authors.meet(ref)
      if (!author) return []
      for (let seqNum = from; seqNum < from + length; seqNum++) {
        columns.push({ author, ref, seqNum, column: this.#authors.column(author, seqNum) })
      }
    }
    return columns
  }

  /** Somebody asks, perhaps this node. */
  open(want: Want, nowMs: number): Opened | null {
    const columns = this.columnsOf(want.ranges)
    if (columns.length === 0) return null
    const id = windowId(this.#crypto, want.ranges)
    const known = this.#windows.get(id)
    const window = known ?? this.#add(id, want.ranges, columns, nowMs)
    window.isSecondHand = false
    window.told += 1
    if (window.need === 0) window.asked = 0
    window.asks += 1
    window.asked = Math.max(window.asked, want.deficit)
    window.need = Math.max(window.need, want.deficit)
    window.heardMs = nowMs
    return { window, isNew: !known }
  }

  /**
   * Somebody answers what this node has not heard asked for. What the window newly covers is being repaired; a window
   * that covers nothing new may be an old one that is played back, and puts nothing off.
   */
  hearOf(id: number, ranges: readonly WindowRange[], need: number, nowMs: number): Window | null {
    const columns = this.columnsOf(ranges)
    if (columns.length === 0 || windowId(this.#crypto, ranges) !== id) return null
    const isAhead = ranges.some(({ author: ref, from, length }) => {
      const author = this.#authors.byRef(ref)
      return author !== null && from + length - 1 > this.coveredTo(author)
    })
    if (!isAhead) return null
    const window = this.#add(id, ranges, columns, nowMs)
    window.isSecondHand = true
    window.told = 2
    window.asked = need
    window.need = need
    return window
  }

  /**
   * As far back as a window goes, so that old holes of others are in it too: a symbol then serves everyone, whatever it
   * is that he lacks. In a backlog, what is missing of the oldest.
   */
  chooseRanges(maxRanges: number): readonly WindowRange[] {
    for (const mark of this.#marks) {
      const ranges = this.#rangesSince(mark)
      const size = ranges.reduce((sum, { length }) => sum + length, 0)
      if (size <= WINDOW_OPERATIONS && ranges.length <= maxRanges) return ranges
    }
    const needy: { author: Author; holes: readonly number[]; missing: number }[] = []
    for (const author of this.#authors.all()) {
      const holes = this.#authors.holes(author, WINDOW_OPERATIONS)
      if (holes.length > 0) needy.push({ author, holes, missing: author.exists - author.height })
    }
    return shareOut(needy, maxRanges).map(({ author, from, length }) => ({
      author: this.#authors.ref(author),
      from,
      length,
    }))
  }

  #rangesSince(mark: ReadonlyMap<Author, number>): readonly WindowRange[] {
    const ranges: WindowRange[] = []
    for (const author of this.#authors.all()) {
      if (author.isForked) continue
      const [first] = this.#authors.holes(author, 1)
      const from = Math.min(first ?? Infinity, Math.max((mark.get(author) ?? author.first - 1) + 1, author.first))
      if (author.exists >= from) {
        ranges.push({ author: this.#authors.ref(author), from, length: author.exists - from + 1 })
      }
    }
    return ranges
  }

  #add(id: number, ranges: readonly WindowRange[], columns: Window['columns'], nowMs: number): Window {
    this.#marks.push(new Map(this.#covered))
    if (this.#marks.length > MARKS) this.#marks.shift()
    for (const { author: ref, from, length } of ranges) {
      const author = this.#authors.byRef(ref)
      if (!author) continue
      this.#authors.claim(author, from + length - 1)
      this.#covered.set(author, Math.max(this.coveredTo(author), from + length - 1))
    }
    const window: Window = {
      id,
      ranges,
      columns,
      need: 0,
      asked: 0,
      asks: 0,
      turnMs: null,
      heardMs: nowMs,
      told: 0,
      isSecondHand: false,
    }
    this.#windows.set(id, window)
    if (this.#windows.size > OPEN_WINDOWS) this.#windows.delete(this.#windows.keys().next().value!)
    return window
  }
}

/** Windows back that the next may reach. */
const MARKS = 8

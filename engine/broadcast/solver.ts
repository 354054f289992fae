/**
 * Operations out of combinations: what was heard as it is and what was heard in symbols goes into one system of
 * equations for the whole topic, and what can be solved is parked. What solves to no operation shows that somebody
 * combined other bytes than are known here, and then nothing in the system can be trusted.
 */

import type { Author, Authors } from './authors.js'
import { type CompactOperation, parseCompact } from './compact.js'
import type { Forms } from './forms.js'
import { type Column, LinearSystem, type Solved, type Term } from './linear-system.js'
import type { Window } from './window.js'

export class Solver {
  readonly #authors: Authors
  readonly #forms: Forms
  readonly #system = new LinearSystem()
  /** Parked ones that were not heard as they are. */
  readonly #solved = new WeakSet<CompactOperation>()
  /** Symbols solved to what is no operation: somebody combined other bytes. */
  #isGarbled = false

  constructor(authors: Authors, forms: Forms) {
    this.#authors = authors
    this.#forms = forms
  }

  /** Heard as it is. */
  park(author: Author, seqNum: number, compact: CompactOperation): void {
    if (!this.#authors.park(author, seqNum, compact)) return
    if (compact.form === 'long') this.#forms.setApart(author, seqNum)
    if (!author.unlike.has(seqNum)) this.#learn(this.#authors.column(author, seqNum), compact.bytes)
  }

  /** Heard in a symbol, over these operations of a window. @param terms as indices into its columns */
  addSymbol(
    columns: Window['columns'],
    terms: readonly { readonly index: number; readonly coefficient: number }[],
    symbol: Uint8Array,
  ): void {
    const equation: Term[] = []
    for (const { index, coefficient } of terms) {
      const { author, seqNum, column } = columns[index]!
      equation.push({ column, coefficient })
      if (this.#system.isKnown(column)) continue
      const data = this.#authors.has(author, seqNum) ? this.#forms.shareOf(author, seqNum) : null
      if (data) this.#learn(column, data)
    }
    this.#take(() => this.#system.addEquation(equation, symbol).solved)
  }

  /** How many more symbols over these are needed here. */
  deficit(columns: Window['columns']): number {
    const lacking = columns.filter(
      ({ author, seqNum }) => !author.isForked && !author.failed.has(seqNum) && !this.#authors.has(author, seqNum),
    )
    // What was known and could not be kept is as good as never heard.
    for (const { column } of lacking) if (this.#system.isKnown(column)) this.#system.forget(column)
    return this.#system.deficit(lacking.map(({ column }) => column))
  }

  wasSolved(compact: CompactOperation): boolean {
    return this.#solved.has(compact)
  }

  forget(author: Author, seqNum: number): void {
    this.#system.forget(this.#authors.column(author, seqNum))
  }

  /** Symbols solved to what is no operation: of all that was heard in them, nothing can be trusted. */
  onGarbled(): void {
    this.#isGarbled = true
    this.#system.clear()
  }

  /** Whether there was such a thing since this was asked last. */
  takeGarbled(): boolean {
    const isGarbled = this.#isGarbled
    this.#isGarbled = false
    return isGarbled
  }

  /** What was combined of two branches solves to nothing, or to what looks like an operation and is none. */
  startAnew(): void {
    this.#system.clear()
    for (const author of this.#authors.all()) {
      for (const [seqNum, compact] of [...author.parked]) {
        if (this.#solved.has(compact)) this.#authors.unpark(author, seqNum)
      }
      author.failed.clear()
    }
  }

  #learn(column: Column, data: Uint8Array): void {
    this.#take(() => this.#system.addKnown(column, data))
  }

  #take(solve: () => readonly Solved[]): void {
    const { garbled } = this.#system
    const solved = solve()
    let isGarbled = this.#system.garbled > garbled
    for (const { column, data } of solved) {
      const at = this.#placeOf(column)
      const compact = at && parseCompact(data)
      if (!at) continue
      if (compact?.tag !== at.author.tag) isGarbled = true
      else if (!this.#authors.has(at.author, at.seqNum) && !at.author.failed.has(at.seqNum)) {
        if (this.#authors.park(at.author, at.seqNum, compact)) this.#solved.add(compact)
      }
    }
    if (isGarbled) this.onGarbled()
  }

  #placeOf(column: Column): { readonly author: Author; readonly seqNum: number } | null {
    const [ref, seqNum] =
      typeof column === 'number' ? [Math.floor(column / 2 ** 32), column % 2 ** 32] : column.split('/').map(Number)
    const author = this.#authors.byRef(ref!)
    return author ? { author, seqNum: seqNum! } : null
  }
}

/**
 * Forks: two branches of one log, signed by one key. That there are two shows in long forms, in digests and heights, and
 * in symbols that solve to nothing; the pipeline judges the evidence. From then on the log takes no part in repair here.
 * Others may still combine the branch they hold with everything else, so they have to see the other one: each branch is
 * shown, in its long form and ever so often, by whoever is first. Which branch is the right one is no matter of the air.
 */

import { bytesEqual, bytesToHex } from '../core/index.js'
import type { Author, Authors } from './authors.js'
import { hasBit } from './bitmap.js'
import type { CompactOperation } from './compact.js'
import { type Digests, headsOf } from './digests.js'
import type { Forms } from './forms.js'
import type { Outbox } from './outbox.js'
import type { Pace } from './pace.js'
import type { ReceivedOperation } from './rebuild.js'
import type { Solver } from './solver.js'
import type { Window } from './window.js'

export interface ForksParts {
  readonly authors: Authors
  readonly forms: Forms
  readonly pace: Pace
  readonly digests: Digests
  readonly outbox: Outbox
  readonly solver: Solver
}

export class Forks {
  readonly #parts: ForksParts
  /** Signed for a place that is held, and not what is held there: the pipeline judges it. */
  #evidence: ReceivedOperation[] = []
  /** When a branch of a forked log was last shown to others. */
  readonly #shown = new Map<Author, number>()
  /** How often these two hashes over the heads have met. */
  readonly #headsMet = new Map<string, number>()
  /** When heights were last said because symbols were garbled: heads that differ show a fork. */
  #headsSaidMs = -Infinity

  constructor(parts: ForksParts) {
    this.#parts = parts
  }

  /** The pipeline found that the log is forked at this place or before it. */
  found(author: Author, seqNum: number, nowMs: number): void {
    if (author.isForked) return
    author.isForked = true
    author.contested = Math.min(seqNum, author.height)
    author.failed.clear()
    this.#parts.solver.startAnew()
    this.show(author, nowMs)
  }

  /** Whoever holds the other branch finds out. */
  show(author: Author, nowMs: number): void {
    const { pace, outbox } = this.#parts
    const shownMs = this.#shown.get(author) ?? -Infinity
    if (author.contested < author.first || nowMs < shownMs + pace.units(BRANCH_REST)) return
    this.#shown.set(author, nowMs)
    outbox.add(author, author.contested, 'long', nowMs + pace.turn())
  }

  /** Who asks for a forked log does not know that it is one: both branches, in their long forms, tell him. */
  answer(columns: Window['columns'], holes: Uint8Array, nowMs: number): void {
    const { pace, outbox } = this.#parts
    const answered = new Set<Author>()
    for (const [index, { author, seqNum }] of columns.entries()) {
      const isMissing = hasBit(holes, index)
      if (!isMissing || !author.isForked || answered.has(author)) continue
      answered.add(author)
      if (seqNum >= author.first && author.height >= author.first) {
        outbox.add(author, Math.min(seqNum, author.height), 'long', nowMs + pace.turn())
      }
    }
  }

  /** A long form of a place that is held here. */
  compare(compact: CompactOperation, author: Author, seqNum: number): void {
    const { authors, forms } = this.#parts
    if (author.isForked || !author.key || seqNum > author.height || seqNum < author.first) return
    if (forms.isLongOf(compact, author, seqNum)) return
    const result = forms.rebuild(compact)
    if (result.type !== 'rebuilt' || result.author !== author.key) return
    if (result.id !== authors.idOf(author.key, seqNum)) this.#evidence.push(result)
  }

  takeEvidence(): readonly ReceivedOperation[] {
    return this.#evidence.splice(0)
  }

  /** Logs as long as here that end in something else. Heights tell which; ever less often, for not all can be settled. */
  isOtherBranch(own: Uint8Array, other: Uint8Array): boolean {
    const heads = [headsOf(own), headsOf(other)] as const
    if (!heads[0] || !heads[1] || bytesEqual(heads[0], heads[1])) return false
    const pair = `${bytesToHex(heads[0])} ${bytesToHex(heads[1])}`
    const times = (this.#headsMet.get(pair) ?? 0) + 1
    this.#headsMet.delete(pair)
    this.#headsMet.set(pair, times)
    if (this.#headsMet.size > HEAD_PAIRS) this.#headsMet.delete(this.#headsMet.keys().next().value!)
    return Number.isInteger(Math.log2(times))
  }

  /** Round after round solves to nothing: perhaps others combine another branch, which the long form of a hole shows. */
  suspects(nowMs: number): readonly { readonly author: Author; readonly seqNum: number }[] {
    const { authors, pace, digests, solver } = this.#parts
    if (!solver.takeGarbled()) return []
    if (nowMs >= this.#headsSaidMs + pace.units(BRANCH_REST)) {
      this.#headsSaidMs = nowMs
      digests.offerHeights(nowMs)
    }
    return authors.all().flatMap(author => authors.holes(author, 1).map(seqNum => ({ author, seqNum })))
  }
}

/** Airtimes between two showings of a branch to those who do not know that there is another. */
const BRANCH_REST = 60
/** Pairs of hashes over heads that have met, remembered for each topic; some 100 bytes each. */
const HEAD_PAIRS = 64

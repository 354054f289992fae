/**
 * What is parked becomes operations again, each author's in their order, as soon as what they stand on is here. What can
 * never be rebuilt from its short form, because that is wrong or what it stands on is out of reach, is dropped, and its
 * long form is asked for. How one operation is put together is in rebuild.ts.
 */

import type { VerifyingKey } from '../core/index.js'
import type { Author, Authors } from './authors.js'
import type { Place } from './compact-lookup.js'
import { type Forms, timestampOf } from './forms.js'
import type { ReceivedOperation } from './rebuild.js'
import type { Solver } from './solver.js'
import type { Unresolved } from './unresolved.js'

export interface RebuildingParts {
  readonly authors: Authors
  readonly forms: Forms
  readonly solver: Solver
  readonly unresolved: Unresolved
}

export class Rebuilding {
  readonly #parts: RebuildingParts
  readonly #self: VerifyingKey

  constructor(parts: RebuildingParts, self: VerifyingKey) {
    this.#parts = parts
    this.#self = self
  }

  /** All that can be rebuilt now, in an order in which each stands on what comes before it. */
  run(): readonly ReceivedOperation[] {
    const { authors, unresolved } = this.#parts
    const received: ReceivedOperation[] = []
    for (let progress = true; progress; ) {
      progress = false
      for (const author of authors.all()) {
        if (!author.key || author.parked.size === 0 || author.isForked) continue
        for (let next = this.#rebuildNext(author); next; next = this.#rebuildNext(author)) {
          progress = true
          received.push(next)
        }
      }
      received.push(...unresolved.rebuild())
    }
    return received
  }

  /**
   * Who has everything knows of nothing more, no hole is left, and still something waits here: it was solved of
   * combinations of two branches, or names what nobody here has. The long form tells.
   */
  giveUpWaiting(): void {
    const { authors, forms } = this.#parts
    for (const author of authors.all()) {
      const next = author.key && !author.isForked ? nextToRebuild(author) : null
      const compact = next === null ? undefined : author.parked.get(next)
      if (next === null || !compact) continue
      const result = forms.rebuild(compact, { seqNum: next })
      if (result.type === 'missing' && !this.#isAwaited(result.missing)) this.#onFailed(author, next)
    }
  }

  #rebuildNext(author: Author): ReceivedOperation | null {
    const { authors, forms, solver } = this.#parts
    const next = nextToRebuild(author)
    const compact = next === null ? undefined : author.parked.get(next)
    if (next === null || !compact) return null
    const result = forms.rebuild(compact, { seqNum: next })
    if (result.type === 'missing') {
      if (this.#isOutOfReach(author, result.missing)) this.#onFailed(author, next)
      // What was solved may be garbled, and then so is what it names.
      else if (!solver.wasSolved(compact)) this.#believe(result.missing)
      return null
    }
    if (result.type === 'failed' || result.author !== author.key) {
      this.#onFailed(author, next)
      if (solver.wasSolved(compact)) solver.onGarbled()
      return null
    }
    authors.rebuilt(author, next, result.id, timestampOf(result.header))
    return result
  }

  /**
   * A dependency names what nobody has said yet. It is a guess: where its true author is not known yet, its code fits some
   * other's log far beyond what that can hold, and a claim that was believed would spread for ever.
   */
  #believe(missing: readonly Place[]): void {
    const { authors } = this.#parts
    const [only, ...others] = missing
    const author = only && authors.find(only.author)
    if (!author || author.key === this.#self || others.length > 0) return
    if (only.seqNum <= author.exists + BELIEVED_AHEAD) authors.claim(author, only.seqNum)
  }

  #isAwaited(missing: readonly Place[]): boolean {
    return missing.some(({ author: key, seqNum }) => {
      const author = this.#parts.authors.find(key)
      return author !== null && !author.isForked && seqNum <= author.exists && seqNum >= author.first
    })
  }

  /** Only the long form, which names ids, helps now: what it stands on is gone, or stands on a branch nobody gives out. */
  #isOutOfReach(author: Author, missing: readonly Place[]): boolean {
    if (this.#isPrunedAway(missing)) return true
    return (
      missing[0]?.author !== author.key && missing.some(({ author: key }) => this.#parts.authors.find(key)?.isForked)
    )
  }

  /** What it stands on was here and is gone. */
  #isPrunedAway(missing: readonly Place[]): boolean {
    return (
      missing.length > 0 &&
      missing.every(({ author: key, seqNum }) => {
        const author = this.#parts.authors.find(key)
        return author !== null && author.height >= author.first && seqNum < author.first
      })
    )
  }

  #onFailed(author: Author, seqNum: number): void {
    const { authors, solver } = this.#parts
    authors.unpark(author, seqNum)
    solver.forget(author, seqNum)
    author.failed.add(seqNum)
  }
}

/** The next in line; or one across a gap that says so itself, as a prune point or a long form does. */
function nextToRebuild(author: Author): number | null {
  let seqNum = author.height + 1
  while (author.ahead.has(seqNum)) seqNum += 1
  if (author.parked.has(seqNum)) return seqNum
  for (const [at, compact] of author.parked) {
    if (
      compact.form === 'long'
        ? compact.header.extensions?.variant === 'basic' && compact.header.extensions.prune
        : compact.prune
    ) {
      return at
    }
  }
  return null
}

/** Operations beyond the known end of a log whose existence is concluded from a dependency. */
const BELIEVED_AHEAD = 32

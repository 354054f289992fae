/** A window of repair: which operations it spans, how a backlog is cut into windows, and what goes into one symbol. */

import type { Crypto } from '../ports.js'
import type { Author } from './authors.js'
import { WINDOW_OPERATIONS } from './limits.js'
import type { Column } from './linear-system.js'
import type { WindowRange } from './wire.js'

export interface WindowColumn {
  readonly author: Author
  /** As its range names the author: coefficients follow from it, and two authors of one tag need different ones. */
  readonly ref: number
  readonly seqNum: number
  readonly column: Column
}

export interface Window {
  readonly id: number
  readonly ranges: readonly WindowRange[]
  readonly columns: readonly WindowColumn[]
  /** Symbols still to come, as far as is known. */
  need: number
  /** The largest deficit that somebody named in this round. */
  asked: number
  /** Questions since the last symbol. */
  asks: number
  /** My turn to send one; null when I have none. */
  turnMs: number | null
  heardMs: number
  /** Known from a symbol alone: those who heard the question answer first. */
  isSecondHand: boolean
  /** How often its ranges were said, as far as this node has heard. */
  told: number
}

export function windowId(crypto: Pick<Crypto, 'hash'>, ranges: readonly WindowRange[]): number {
  const text = ranges.map(({ author, from, length }) => `${author}:${from}+${length}`).join(' ')
  const digest = crypto.hash(new TextEncoder().encode(text))
  return (digest[0]! << 8) | digest[1]!
}

/** The oldest missing of each, in proportion, so that a backlog advances along its history. */
export function shareOut(
  needy: readonly { readonly author: Author; readonly holes: readonly number[]; readonly missing: number }[],
  maxRanges: number,
): readonly { readonly author: Author; readonly from: number; readonly length: number }[] {
  const chosen = needy.slice(0, Math.max(1, maxRanges))
  const total = chosen.reduce((sum, { missing }) => sum + missing, 0)
  let left = WINDOW_OPERATIONS
  const shares: { author: Author; from: number; length: number }[] = []
  for (const { author, holes, missing } of chosen) {
    const from = holes[0]!
    const share = Math.max(1, Math.floor((WINDOW_OPERATIONS * missing) / total))
    const length = Math.min(share, author.exists - from + 1, left)
    if (length <= 0) break
    left -= length
    shares.push({ author, from, length })
  }
  return shares
}

/** A symbol is as long as the longest in it: what is much larger than the rest goes together, after the small ones. */
export function ofOneSize<Item extends { readonly data: Uint8Array }>(
  held: readonly Item[],
  need: number,
): readonly Item[] {
  const sizes = held.map(({ data }) => data.length).sort((a, b) => a - b)
  const bound = sizes[Math.floor(sizes.length / 2)]! * 1.5
  const large = held.filter(({ data }) => data.length > bound)
  const small = held.filter(({ data }) => data.length <= bound)
  return large.length > 0 && (small.length === 0 || need <= large.length) ? large : small
}

/** What one side lacks of another, told from log heights alone (spec/sync.md 2.6), and what a remote is known to hold. */

import type { LogId, VerifyingKey } from '../core/index.js'
import type { LogHeights, LogRange } from './interfaces.js'

/** The ranges that a remote with these heights lacks, by author and log ascending. */
export function missingRanges(local: LogHeights, remote: LogHeights): LogRange[] {
  const ranges: LogRange[] = []
  for (const [author, logs] of ascending(local)) {
    const known = remote.get(author)
    for (const [logId, until] of ascending(logs)) {
      const after = known?.get(logId) ?? null
      if (after === null || after < until) ranges.push({ author, logId, after, until })
    }
  }
  return ranges
}

/** The highest sequence number a remote is known to hold, by author and log; it only grows. */
export class KnownHeights {
  readonly #heights = new Map<VerifyingKey, Map<LogId, number>>()

  constructor(heights: LogHeights) {
    for (const [author, logs] of heights) this.#heights.set(author, new Map(logs))
  }

  covers(author: VerifyingKey, logId: LogId, seqNum: number): boolean {
    const height = this.#heights.get(author)?.get(logId)
    return height !== undefined && seqNum <= height
  }

  raise(author: VerifyingKey, logId: LogId, seqNum: number): void {
    if (this.covers(author, logId, seqNum)) return
    const logs = this.#heights.get(author)
    if (logs) logs.set(logId, seqNum)
    else this.#heights.set(author, new Map([[logId, seqNum]]))
  }
}

/** Entries by key; hex ids compare as their bytes do. */
export function ascending<Key extends string, Value>(map: ReadonlyMap<Key, Value>): [Key, Value][] {
  return [...map].sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0))
}

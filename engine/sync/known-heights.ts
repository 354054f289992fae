/** What a remote is known to hold: the highest sequence number by author and log, which only grows. */

import type { LogHeights, LogId, VerifyingKey } from '../core/index.js'

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

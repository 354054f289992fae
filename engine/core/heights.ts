/** What one side holds that another lacks, told from heights alone (spec/node.md 1.10). Forks are invisible to it. */

import type { LogId, VerifyingKey } from './ids.js'

/** Highest sequence number held without a gap, by author and log; keys ascend. */
export type LogHeights = ReadonlyMap<VerifyingKey, ReadonlyMap<LogId, number>>

/** `after` is exclusive and null from the very start, `until` is inclusive. */
export interface LogRange {
  readonly author: VerifyingKey
  readonly logId: LogId
  readonly after: number | null
  readonly until: number
}

/** The ranges that the remote lacks, ascending by author and log. What only the remote knows of does not count. */
export function compareHeights(local: LogHeights, remote: LogHeights): LogRange[] {
  const ranges: LogRange[] = []
  for (const [author, logs] of ascending(local)) {
    for (const [logId, until] of ascending(logs)) {
      const after = remote.get(author)?.get(logId) ?? null
      if (after === null || after < until) ranges.push({ author, logId, after, until })
    }
  }
  return ranges
}

/** Entries by key; ids are hex, so texts ascend as their bytes do. */
export function ascending<Key extends string, Value>(map: ReadonlyMap<Key, Value>): [Key, Value][] {
  return [...map].sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0))
}

/** Goal: what a remote lacks is told from heights alone. Method: the cases of the checklist, one by one. */

import { describe, expect, it } from 'vitest'
import { compareHeights, type LogHeights, LogId, type VerifyingKey } from './index.js'

const ann = 'aa'.repeat(32) as VerifyingKey
const ben = 'bb'.repeat(32) as VerifyingKey
const one = LogId.fromHex('01'.repeat(32))
const two = LogId.fromHex('02'.repeat(32))

function heights(entries: readonly (readonly [VerifyingKey, LogId, number])[]): LogHeights {
  const map = new Map<VerifyingKey, Map<LogId, number>>()
  for (const [author, logId, seqNum] of entries) {
    map.set(author, (map.get(author) ?? new Map<LogId, number>()).set(logId, seqNum))
  }
  return map
}

const range = (author: VerifyingKey, logId: LogId, after: number | null, until: number) => ({
  author,
  logId,
  after,
  until,
})

describe('compareHeights', () => {
  it('[7.3] finds nothing between two that are empty', () => {
    expect(compareHeights(heights([]), heights([]))).toEqual([])
  })

  it('[7.3] sends everything to a remote that is empty', () => {
    expect(compareHeights(heights([[ann, one, 5]]), heights([]))).toEqual([range(ann, one, null, 5)])
  })

  it('[7.3] sends a log that the remote does not know', () => {
    const local = heights([
      [ann, one, 5],
      [ann, two, 0],
    ])
    expect(compareHeights(local, heights([[ann, one, 5]]))).toEqual([range(ann, two, null, 0)])
  })

  it('[7.3] sends the rest to a remote that is behind, nothing to one that is ahead or equal', () => {
    const local = heights([[ann, one, 5]])
    expect(compareHeights(local, heights([[ann, one, 2]]))).toEqual([range(ann, one, 2, 5)])
    expect(compareHeights(local, heights([[ann, one, 5]]))).toEqual([])
    expect(compareHeights(local, heights([[ann, one, 9]]))).toEqual([])
  })

  it('[7.3] sends several at once, in order of author and log, whatever the order they are held in', () => {
    const local = heights([
      [ben, one, 1],
      [ann, two, 2],
      [ann, one, 3],
    ])
    expect(compareHeights(local, heights([[ann, one, 0]]))).toEqual([
      range(ann, one, 0, 3),
      range(ann, two, null, 2),
      range(ben, one, null, 1),
    ])
  })

  it('[7.3] sends an author that the remote does not know, and asks nothing about one that only the remote knows', () => {
    expect(compareHeights(heights([[ann, one, 1]]), heights([[ben, one, 1]]))).toEqual([range(ann, one, null, 1)])
  })
})

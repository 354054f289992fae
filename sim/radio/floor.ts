/**
 * How many radios must send an operation at the very least, so that all who want it can hear it: a connected set that
 * contains the author and whose members together reach every subscriber, found greedily. The least such set is too dear
 * to find; the greedy one is what reports are measured against, and it is the same for everybody.
 */

export interface FloorQuestion {
  readonly author: number
  readonly subscribers: readonly number[]
  /** All nodes that carry the radio; any of them may pass an operation on. */
  readonly nodes: readonly number[]
  /** Whether frames get from one to the other: an error rate below 10 % without interference. */
  readonly isLinked: (from: number, to: number) => boolean
}

/** A link that loses a larger share of its frames does not count as one. */
export const FLOOR_ERROR_RATE = 0.1

/**
 * The transmitters, the author first, in the order in which they were taken; null when some subscriber cannot be
 * reached. Nobody needs to send for a subscriber who is the author, so without others the set is empty.
 *
 * One step looks at the ways from the covered nodes: whoever adds most new subscribers is taken, the lowest number where
 * several do. Where no single node adds any, the shortest way to the nearest uncovered subscriber is taken whole.
 */
export function transmitters(question: FloorQuestion): readonly number[] | null {
  const nodes = [...question.nodes].sort((left, right) => left - right)
  const neighboursOf = memo((from: number) => nodes.filter(to => to !== from && question.isLinked(from, to)))
  const wanted = new Set(question.subscribers.filter(node => node !== question.author))
  if (wanted.size === 0) return []
  const covered = new Set([question.author])
  const taken: number[] = []

  const take = (node: number): void => {
    taken.push(node)
    for (const neighbour of neighboursOf(node)) {
      covered.add(neighbour)
      wanted.delete(neighbour)
    }
  }

  take(question.author)
  while (wanted.size > 0) {
    const best = bestOf(covered, taken, wanted, neighboursOf)
    const way = best === null ? wayToWanted(covered, wanted, neighboursOf) : [best]
    if (way === null) return null
    for (const node of way) take(node)
  }
  return taken
}

function bestOf(
  covered: ReadonlySet<number>,
  taken: readonly number[],
  wanted: ReadonlySet<number>,
  neighboursOf: (node: number) => readonly number[],
): number | null {
  let best: number | null = null
  let bestGain = 0
  for (const node of [...covered].sort((left, right) => left - right)) {
    if (taken.includes(node)) continue
    const gain = neighboursOf(node).filter(neighbour => wanted.has(neighbour)).length
    if (gain > bestGain) {
      best = node
      bestGain = gain
    }
  }
  return best
}

/** The nodes that have to send, in order, so that the nearest wanted node hears one; breadth first, lower numbers first. */
function wayToWanted(
  covered: ReadonlySet<number>,
  wanted: ReadonlySet<number>,
  neighboursOf: (node: number) => readonly number[],
): readonly number[] | null {
  const cameFrom = new Map<number, number | null>()
  const queue = [...covered].sort((left, right) => left - right)
  for (const node of queue) cameFrom.set(node, null)
  for (const node of queue) {
    for (const neighbour of neighboursOf(node)) {
      if (wanted.has(neighbour)) return wayBack(node, cameFrom)
      if (cameFrom.has(neighbour)) continue
      cameFrom.set(neighbour, node)
      queue.push(neighbour)
    }
  }
  return null
}

function wayBack(last: number, cameFrom: ReadonlyMap<number, number | null>): readonly number[] {
  const way: number[] = []
  for (let node: number | null = last; node !== null; node = cameFrom.get(node) ?? null) way.unshift(node)
  return way
}

function memo<Result>(compute: (key: number) => Result): (key: number) => Result {
  const known = new Map<number, Result>()
  return key => {
    let result = known.get(key)
    if (result === undefined) {
      result = compute(key)
      known.set(key, result)
    }
    return result
  }
}

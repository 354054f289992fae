/**
 * The random walk over the nodes that are known (spec/sync.md 4.5): it begins at a bootstrap node, goes on to what the
 * last node told of or to anybody not visited yet, and begins again when nobody is left, and by chance now and then.
 */

import type { VerifyingKey } from '../core/index.js'

export interface Walk {
  readonly self: VerifyingKey
  visited: Set<VerifyingKey>
  unvisited: Set<VerifyingKey>
}

export interface WalkInput {
  /** Nodes that the last node visited told of; null when the walk is to begin again. */
  readonly previous: readonly VerifyingKey[] | null
  /** Whom one can visit, and who of them is a bootstrap node; in an order that does not hang on chance. */
  readonly known: () => readonly VerifyingKey[]
  readonly bootstraps: () => readonly VerifyingKey[]
  /** In [0, 1). */
  readonly float: () => number
  readonly resetProbability: number
  /** Whether a node may still be visited: it may have become unreachable since it was told of. */
  readonly canVisit: (node: VerifyingKey) => boolean
}

export function createWalk(self: VerifyingKey): Walk {
  return { self, visited: new Set([self]), unvisited: new Set() }
}

/** The next node, which is then visited; null when there is nobody. */
export function nextNode(walk: Walk, input: WalkInput): VerifyingKey | null {
  const { previous, float } = input
  for (const node of previous ?? []) if (!walk.visited.has(node)) walk.unvisited.add(node)
  for (const node of walk.unvisited) if (!input.canVisit(node)) walk.unvisited.delete(node)
  const isReset = previous === null || walk.unvisited.size === 0 || float() < input.resetProbability
  const next = (isReset ? reset(walk, input) : null) ?? pick([...walk.unvisited].sort(), float)
  if (next === null) return null
  markVisited(walk, next)
  return next
}

/** For a node that has been met by other ways than by this walk. */
export function markVisited(walk: Walk, node: VerifyingKey): void {
  walk.visited.add(node)
  walk.unvisited.delete(node)
}

/** Forgets where it has been; returns the bootstrap node to begin with, if there is one. */
function reset(walk: Walk, input: WalkInput): VerifyingKey | null {
  walk.visited = new Set([walk.self])
  for (const node of input.known()) if (node !== walk.self) walk.unvisited.add(node)
  return pick(
    input.bootstraps().filter(node => node !== walk.self),
    input.float,
  )
}

function pick(nodes: readonly VerifyingKey[], float: () => number): VerifyingKey | null {
  return nodes[Math.floor(float() * nodes.length)] ?? null
}

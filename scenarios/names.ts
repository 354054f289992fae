/**
 * The names of a scenario: a node written with a count stands for name1 to name<n>, and its own name for all of them
 * wherever nodes are listed.
 */

import type { DrawnScenario, NodeOf, Reference } from './types.js'

export interface Names {
  /** Names of nodes after expansion, in order. */
  readonly nodes: readonly string[]
  /** The nodes that a name stands for; undefined for a name that nobody has. */
  resolve(reference: Reference): readonly string[] | undefined
  /** All that may be written: nodes, and the names of groups before theirs. */
  readonly known: readonly string[]
  readonly topics: ReadonlySet<string>
}

export function expandNode(node: NodeOf<number>): readonly string[] {
  if (node.count === null) return [node.name]
  return Array.from({ length: node.count }, (_, index) => `${node.name}${index + 1}`)
}

export function namesOf(scenario: Pick<DrawnScenario, 'nodes' | 'topics'>): Names {
  const byName = new Map<string, readonly string[]>()
  const nodes: string[] = []
  const known: string[] = []
  for (const node of scenario.nodes) {
    const expanded = expandNode(node)
    if (node.count !== null) {
      byName.set(node.name, expanded)
      known.push(node.name)
    }
    for (const name of expanded) {
      nodes.push(name)
      known.push(name)
      byName.set(name, [name])
    }
  }
  const topics = new Set(scenario.topics.map(topic => topic.name))
  return { nodes, known, topics, resolve: ({ name }) => byName.get(name) }
}

/** What only the whole scenario can tell: names that nobody has, overlaps, moments beyond the end. */

import { BOUNDS } from './defaults.js'
import { expandNode, type Names, namesOf } from './names.js'
import type { Problems } from './problems.js'
import type { DrawnScenario, FaultOf, LinkOf, Position, Reference } from './types.js'

export function checkScenario(scenario: DrawnScenario, problems: Problems): void {
  const names = namesOf(scenario)
  checkNodes(scenario, problems)
  checkTopics(scenario, names, problems)
  checkLinks(scenario.links, names, problems)
  checkWork(scenario, names, problems)
  for (const fault of scenario.faults) checkFault(fault, scenario, names, problems)
}

function checkNodes(scenario: DrawnScenario, problems: Problems): void {
  const owner = new Map<string, string>()
  for (const node of scenario.nodes) {
    // A counted group's own name is taken too: it stands for all of the group.
    for (const name of node.count === null ? [node.name] : [node.name, ...expandNode(node)]) {
      const other = owner.get(name)
      if (other !== undefined)
        problems.add(node, `the name ${name} is taken already by ${other}`, 'names that differ, also of counted nodes')
      owner.set(name, node.name)
    }
    for (const reference of node.subscribe ?? []) {
      if (!scenario.topics.some(topic => topic.name === reference.name)) unknownTopic(reference, problems)
    }
  }
  if (owner.size > BOUNDS.nodes) {
    problems.add(scenario.nodes[0]!, `${owner.size} nodes are too many`, `at most ${BOUNDS.nodes} nodes`)
  }
}

function checkTopics(scenario: DrawnScenario, names: Names, problems: Problems): void {
  const seen = new Set<string>()
  for (const topic of scenario.topics) {
    if (seen.has(topic.name)) problems.add(topic, `the topic ${topic.name} is listed twice`, 'each topic once')
    seen.add(topic.name)
    for (const reference of topic.subscribers ?? []) checkNode(reference, names, problems)
  }
}

function checkLinks(links: readonly LinkOf<number>[], names: Names, problems: Problems): void {
  const linked = new Set<string>()
  for (const link of links) {
    const ends = link.nodes.map(reference => checkNode(reference, names, problems))
    if (ends.some(end => end === undefined)) continue
    const pairs = linkPairs(link, names)
    for (const [a, b] of pairs) {
      const key = [a, b].sort().join(' ')
      if (a === b) problems.add(link, `${a} is linked with itself`, 'two different nodes')
      else if (linked.has(key)) problems.add(link, `${a} and ${b} are linked twice`, 'one link for each pair')
      linked.add(key)
    }
    if (pairs.length === 0) problems.add(link, 'a mesh of one node links nothing', 'at least two nodes')
  }
}

/** Two names link each node of the one with each of the other; a mesh links every pair. */
export function linkPairs(link: LinkOf<number>, names: Names): readonly (readonly [string, string])[] {
  const groups = link.nodes.map(reference => names.resolve(reference) ?? [])
  if (link.shape === 'pair') return groups[0]!.flatMap(a => groups[1]!.map(b => [a, b] as const))
  const all = groups.flat()
  return all.flatMap((a, index) => all.slice(index + 1).map(b => [a, b] as const))
}

function checkWork(scenario: DrawnScenario, names: Names, problems: Problems): void {
  for (const work of scenario.workload) {
    checkMoment(work.atMs, work, scenario, problems)
    if (work.node !== 'any') for (const reference of work.node) checkNode(reference, names, problems)
    if (work.type === 'publish' || work.type === 'prune') {
      if (!names.isTopic(work.topic.name)) unknownTopic(work.topic, problems)
    } else if (work.type !== 'configure') {
      for (const reference of work.topics) if (!names.isTopic(reference.name)) unknownTopic(reference, problems)
    }
    if (work.type === 'publish') {
      const lastMs = work.atMs + (work.count - 1) * work.everyMs
      if (lastMs > scenario.durationMs) {
        problems.add(
          work,
          `the last of ${work.count} publications lies at ${lastMs / 1_000} s`,
          `all within the duration of ${scenario.durationMs / 1_000} s`,
        )
      }
    }
  }
}

function checkFault(fault: FaultOf<number>, scenario: DrawnScenario, names: Names, problems: Problems): void {
  checkMoment(fault.atMs, fault, scenario, problems)
  switch (fault.type) {
    case 'partition':
      checkPartition(fault, fault.groups, names, problems)
      break
    case 'one-way':
    case 'link':
    case 'clog':
      checkPair(fault, fault.pair, scenario, names, problems)
      break
    default:
      for (const reference of fault.nodes) checkNode(reference, names, problems)
  }
}

function checkPartition(
  at: Position,
  groups: readonly (readonly Reference[])[],
  names: Names,
  problems: Problems,
): void {
  const seen = new Set<string>()
  for (const reference of groups.flat()) {
    const isRest = reference.name === 'rest'
    const nodes = isRest ? ['rest'] : checkNode(reference, names, problems)
    for (const name of nodes ?? []) {
      if (seen.has(name)) problems.add(reference, `${name} stands in two groups`, 'each node in one group')
      seen.add(name)
    }
  }
  if (groups.length === 1 && !seen.has('rest'))
    problems.add(at, 'a single group is no partition', 'two groups or more, or rest')
  for (const group of groups) {
    const rest = group.find(({ name }) => name === 'rest')
    if (rest && group.length > 1) problems.add(rest, 'rest stands beside other names', 'rest as a group of its own')
  }
}

function checkPair(
  at: Position,
  pair: readonly [Reference, Reference],
  scenario: DrawnScenario,
  names: Names,
  problems: Problems,
): void {
  const [a, b] = pair.map(reference => checkNode(reference, names, problems))
  if (!a || !b) return
  if (a.length > 1 || b.length > 1) {
    problems.add(at, 'a link fault concerns one link', 'the names of two single nodes')
    return
  }
  const isLinked = scenario.links.some(link =>
    linkPairs(link, names).some(([from, to]) => (from === a[0] && to === b[0]) || (from === b[0] && to === a[0])),
  )
  if (!isLinked) problems.add(at, `${a[0]} and ${b[0]} are not linked`, 'two nodes with a link between them')
}

function checkMoment(atMs: number, at: Position, scenario: DrawnScenario, problems: Problems): void {
  if (atMs <= scenario.durationMs) return
  problems.add(
    at,
    `${atMs / 1_000} s lies beyond the end`,
    `a moment within the duration of ${scenario.durationMs / 1_000} s`,
  )
}

function checkNode(reference: Reference, names: Names, problems: Problems): readonly string[] | undefined {
  const nodes = names.resolve(reference)
  if (!nodes) problems.add(reference, `no node is named ${reference.name}`, `one of ${some(names.nodes)}`)
  return nodes
}

function unknownTopic(reference: Reference, problems: Problems): void {
  problems.add(reference, `no topic is named ${reference.name}`, 'a name listed under topics')
}

/** Enough names to see what they look like. */
function some(names: readonly string[]): string {
  return names.length <= 6 ? names.join(', ') : `${names.slice(0, 6).join(', ')} …`
}

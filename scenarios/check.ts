/** What only the whole scenario can tell: names that nobody has, overlaps, moments beyond the end. */

import { checkBootstraps, checkChurn, checkOverlayExpectation } from './check-network.js'
import { checkMoved, checkRadioExpectation, checkRadios, placedNodes } from './check-radios.js'
import { BOUNDS } from './defaults.js'
import { expandNode, type Names, namesOf } from './names.js'
import type { Problems } from './problems.js'
import { known } from './suggest.js'
import type { DrawnScenario, FaultOf, LinkOf, Position, Reference, WorkOf } from './types.js'
import { writeDuration } from './units.js'

interface Checked {
  readonly scenario: DrawnScenario
  readonly names: Names
  readonly problems: Problems
  /** Both directions of every linked pair. */
  readonly linked: Set<string>
  /** Names of the nodes that are somewhere. */
  readonly placed: ReadonlySet<string>
}

export function checkScenario(scenario: DrawnScenario, problems: Problems): void {
  if (!checkNodeCount(scenario, problems)) return
  const checked = {
    scenario,
    names: namesOf(scenario),
    problems,
    linked: new Set<string>(),
    placed: placedNodes(scenario.nodes),
  }
  checkNodes(checked)
  checkRadios(scenario, problems)
  checkTopics(checked)
  checkLinks(checked)
  checkBootstraps(scenario, checked.names, problems, checkList)
  for (const work of scenario.workload) checkWork(work, checked)
  for (const fault of scenario.faults) checkFault(fault, checked)
  for (const expectation of scenario.expect) {
    checkRadioExpectation(expectation, scenario, problems)
    checkOverlayExpectation(expectation, scenario, problems)
  }
}

/** Before the names are expanded: there might be more of them than memory. */
function checkNodeCount({ nodes }: DrawnScenario, problems: Problems): boolean {
  let total = 0
  for (const node of nodes) {
    total += node.count ?? 1
    if (total <= BOUNDS.nodes) continue
    problems.add(node, `with these there are ${total} nodes or more`, `at most ${BOUNDS.nodes} nodes`)
    return false
  }
  return true
}

function checkNodes({ scenario, problems, names }: Checked): void {
  const owner = new Map<string, number>()
  for (const node of scenario.nodes) {
    // A counted group's own name is taken too: it stands for all of the group.
    for (const name of node.count === null ? [node.name] : [node.name, ...expandNode(node)]) {
      const other = owner.get(name)
      if (other !== undefined) {
        problems.add(
          node,
          `the name ${name} is taken already in line ${other}`,
          'names that differ, also of counted nodes',
        )
        break
      }
      owner.set(name, node.line)
    }
    checkTopicReferences(node.subscribe ?? [], names, problems)
    for (const waypoint of node.move) checkMoment(waypoint, scenario, problems)
  }
}

function checkTopics({ scenario, names, problems }: Checked): void {
  const seen = new Set<string>()
  for (const topic of scenario.topics) {
    if (seen.has(topic.name)) problems.add(topic, `the topic ${topic.name} is listed twice`, 'each topic once')
    seen.add(topic.name)
    checkList(topic.subscribers ?? [], names, problems)
  }
}

function checkLinks({ scenario, names, problems, linked }: Checked): void {
  let total = 0
  for (const link of scenario.links) {
    if (!checkLinkNodes(link, names, problems)) continue
    total += pairCount(link, names)
    if (total > BOUNDS.links) {
      problems.add(link, `with these there are ${total} links or more`, `at most ${BOUNDS.links} links`)
      return
    }
    checkPairs(link, names, problems, linked)
  }
}

/** A pair is looked at as a pair: its ends may be the same group. */
function checkLinkNodes(link: LinkOf<number>, names: Names, problems: Problems): boolean {
  if (link.shape === 'mesh') return checkList(link.nodes, names, problems)
  return link.nodes.map(reference => checkNode(reference, names, problems)).every(end => end !== undefined)
}

function checkPairs(link: LinkOf<number>, names: Names, problems: Problems, linked: Set<string>): void {
  const pairs = linkPairs(link, names)
  if (pairs.length === 0) problems.add(link, 'a mesh of one node links nothing', 'at least two nodes')
  for (const [a, b] of pairs) {
    const isSelf = a === b
    if (isSelf) problems.add(link.nodes[1]!, `${a} is linked with itself`, 'two different nodes')
    else if (linked.has(`${a} ${b}`)) problems.add(link, `${a} and ${b} are linked twice`, 'one link for each pair')
    linked.add(`${a} ${b}`).add(`${b} ${a}`)
    // One is enough: the others are the same mistake.
    if (isSelf) return
  }
}

/** Two names link each node of the one with each of the other; a mesh links every pair. */
export function linkPairs(link: LinkOf<number>, names: Names): readonly (readonly [string, string])[] {
  const groups = link.nodes.map(reference => names.resolve(reference) ?? [])
  if (link.shape === 'pair') return groups[0]!.flatMap(a => groups[1]!.map(b => [a, b] as const))
  const all = groups.flat()
  return all.flatMap((a, index) => all.slice(index + 1).map(b => [a, b] as const))
}

function pairCount(link: LinkOf<number>, names: Names): number {
  const sizes = link.nodes.map(reference => names.resolve(reference)?.length ?? 0)
  if (link.shape === 'pair') return sizes[0]! * sizes[1]!
  const all = sizes.reduce((sum, size) => sum + size, 0)
  return (all * (all - 1)) / 2
}

function checkWork(work: WorkOf<number>, { scenario, names, problems }: Checked): void {
  if (work.node !== 'any') checkList(work.node, names, problems)
  if ('topic' in work) checkTopicReferences([work.topic], names, problems)
  else if (work.type !== 'configure') checkTopicReferences(work.topics, names, problems)
  if (!checkMoment(work, scenario, problems) || !('count' in work)) return
  const lastMs = work.atMs + (work.count - 1) * work.everyMs
  if (lastMs <= scenario.durationMs) return
  problems.add(work, `the last of ${work.count} publications lies at ${writeDuration(lastMs)}`, within(scenario, 'all'))
}

function checkFault(fault: FaultOf<number>, checked: Checked): void {
  const { scenario, names, problems } = checked
  checkMoment(fault, scenario, problems)
  switch (fault.type) {
    case 'partition':
      checkPartition(fault.groups, names, problems)
      break
    case 'one-way':
    case 'link':
    case 'clog':
      checkPair(fault.pair, checked)
      break
    case 'move':
      if (checkList(fault.nodes, names, problems)) checkMoved(fault.nodes, checked.placed, names, problems)
      break
    case 'churn':
      checkList(fault.nodes ?? [], names, problems)
      checkChurn(fault, scenario, problems)
      break
    default:
      checkList(fault.nodes, names, problems)
  }
}

function checkPartition(groups: readonly (readonly Reference[])[], names: Names, problems: Problems): void {
  const seen = new Map<string, number>()
  for (const [index, group] of groups.entries()) {
    for (const reference of group) {
      const isRest = reference.name === 'rest'
      if (isRest && group.length > 1) {
        problems.add(reference, 'rest stands beside other names', 'rest as a group of its own')
        continue
      }
      for (const name of isRest ? ['rest'] : (checkNode(reference, names, problems) ?? [])) {
        const before = seen.get(name)
        seen.set(name, index)
        if (before === undefined) continue
        const where = before === index ? 'twice in its group' : 'in two groups'
        problems.add(reference, `${name} stands ${where}`, 'each node in one group, once')
        break
      }
    }
  }
}

function checkPair(pair: readonly [Reference, Reference], { scenario, names, problems, linked }: Checked): void {
  const ends = pair.map(reference => {
    const nodes = checkNode(reference, names, problems)
    if (nodes === undefined || nodes.length === 1) return nodes?.[0]
    problems.add(reference, `${reference.name} stands for ${nodes.length} nodes`, 'the name of a single node')
    return undefined
  })
  const [a, b] = ends
  if (a === undefined || b === undefined) return
  if (a === b) problems.add(pair[1], `${a} stands on both ends`, 'two different nodes')
  else if (scenario.network.reach === 'links' && !linked.has(`${a} ${b}`))
    problems.add(pair[0], `${a} and ${b} are not linked`, 'two nodes with a link between them')
}

/** Names of nodes, none of them twice, neither by itself nor within a group. */
function checkList(references: readonly Reference[], names: Names, problems: Problems): boolean {
  const seen = new Set<string>()
  let isGood = true
  for (const reference of references) {
    const nodes = checkNode(reference, names, problems)
    if (!nodes) {
      isGood = false
      continue
    }
    const repeated = nodes.find(name => seen.has(name))
    if (repeated !== undefined) {
      problems.add(reference, `${repeated} is named twice`, 'each node once')
      isGood = false
    }
    for (const name of nodes) seen.add(name)
  }
  return isGood
}

function checkMoment(
  { atMs, moment }: { readonly atMs: number; readonly moment: Position },
  scenario: DrawnScenario,
  problems: Problems,
): boolean {
  if (atMs <= scenario.durationMs) return true
  problems.add(moment, `${writeDuration(atMs)} lies beyond the end`, within(scenario, 'a moment'))
  return false
}

function within(scenario: DrawnScenario, what: string): string {
  return `${what} within the duration of ${writeDuration(scenario.durationMs)}`
}

function checkNode(reference: Reference, names: Names, problems: Problems): readonly string[] | undefined {
  const nodes = names.resolve(reference)
  if (!nodes && !problems.isFull)
    problems.add(reference, `no node is named ${reference.name}`, known(reference.name, names.known, 'nodes'))
  return nodes
}

function checkTopicReferences(references: readonly Reference[], names: Names, problems: Problems): void {
  const seen = new Set<string>()
  for (const reference of references) {
    const { name } = reference
    if (!names.topics.has(name)) {
      if (problems.isFull) return
      problems.add(reference, `no topic is named ${name}`, known(name, [...names.topics], 'topics'))
    } else if (seen.has(name)) problems.add(reference, `${name} is named twice`, 'each topic once')
    seen.add(name)
  }
}

/** Turns every range into a number and every counted node into single ones. The same chance gives the same scenario. */

import { checkScenario } from './check.js'
import { expandNode } from './names.js'
import { Problems } from './problems.js'
import type { DrawnScenario, Range, Scenario } from './types.js'

/** Fields that count something; everything else is drawn to the thousandth. */
const WHOLE: ReadonlySet<string> = new Set(['count', 'size', 'atWrite', 'max', 'maxPerOperation'])

/** @param random uniform in [0, 1); called once for each range, in the order of the file @throws ScenarioError */
export function drawScenario(scenario: Scenario, random: () => number): DrawnScenario {
  const drawn = drawAll(scenario, random) as DrawnScenario
  const problems = new Problems(scenario.file)
  checkScenario(drawn, problems)
  problems.raise()
  return {
    ...drawn,
    nodes: drawn.nodes.flatMap(node => expandNode(node).map(name => ({ ...node, name, count: null }))),
    ...resolved(drawn),
  }
}

/** Names of counted nodes are replaced by those they stand for, since the drawn nodes have lost their count. */
function resolved(drawn: DrawnScenario): Pick<DrawnScenario, 'topics' | 'links' | 'workload' | 'faults'> {
  const members = new Map(drawn.nodes.map(node => [node.name, node.count === null ? null : expandNode(node)]))
  const expand = <Value>(value: Value): Value => {
    if (Array.isArray(value)) {
      return value.flatMap(item => {
        const names = isReference(item) ? members.get(item.name) : null
        return names ? names.map(name => ({ ...item, name })) : [expand(item)]
      }) as Value
    }
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, key === 'topics' ? item : expand(item)]),
    ) as Value
  }
  const links = drawn.links.flatMap(link => {
    if (link.shape === 'mesh') return [expand(link)]
    const [from, to] = link.nodes.map(
      reference => members.get(reference.name)?.map(name => ({ ...reference, name })) ?? [reference],
    )
    return from!.flatMap(a => to!.map(b => ({ ...link, nodes: [a, b] })))
  })
  return { topics: expand(drawn.topics), links, workload: expand(drawn.workload), faults: expand(drawn.faults) }
}

function isReference(value: unknown): value is { readonly name: string } {
  return (
    typeof value === 'object' && value !== null && 'name' in value && 'line' in value && Object.keys(value).length === 3
  )
}

function drawAll(value: unknown, random: () => number, key = ''): unknown {
  if (isRange(value)) return drawRange(value, WHOLE.has(key), random)
  if (Array.isArray(value)) return value.map(item => drawAll(item, random, key))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, drawAll(item, random, name)]))
}

function isRange(value: unknown): value is Range {
  return (
    typeof value === 'object' && value !== null && 'from' in value && 'to' in value && Object.keys(value).length === 2
  )
}

function drawRange({ from, to }: Range, isWhole: boolean, random: () => number): number {
  if (isWhole) return from + Math.floor(random() * (to - from + 1))
  return Math.round((from + random() * (to - from)) * 1_000) / 1_000
}

/** Turns every range into a number and every counted node into single ones. The same chance gives the same scenario. */

import { checkScenario } from './check.js'
import { deepFreeze } from './freeze.js'
import { LORA_BANDWIDTHS_HZ } from './lora-presets.js'
import { expandNode, type Names, namesOf } from './names.js'
import { placesOf } from './places.js'
import { Problems } from './problems.js'
import type { DrawnScenario, FaultOf, LinkOf, NodeOf, Range, Reference, Scenario } from './types.js'

/**
 * @param random uniform in [0, 1); called once for each range, in the order of the file, and then twice for each node that
 * has a random place
 * @throws ScenarioError
 */
export function drawScenario(scenario: Scenario, random: () => number): DrawnScenario {
  const drawn = drawAll(scenario, (range, key) => drawRange(range, key, random)) as DrawnScenario
  check(drawn)
  const names = namesOf(drawn)
  const expand = (references: readonly Reference[]) => expanded(references, names)
  return deepFreeze({
    ...drawn,
    nodes: drawn.nodes.flatMap(node => expandNodes(node, expand(node.bootstrap), random)),
    topics: drawn.topics.map(topic => ({ ...topic, subscribers: topic.subscribers && expand(topic.subscribers) })),
    links: drawn.links.flatMap(link => expandLink(link, expand)),
    workload: drawn.workload.map(work => ({ ...work, node: work.node === 'any' ? 'any' : expand(work.node) })),
    faults: drawn.faults.map(fault => expandFault(fault, expand, names)),
  })
}

/**
 * Whatever is drawn has to be possible, and the worst that can be drawn shows whether it is: the most of everything,
 * the least of everything, and a short run of few nodes with everything else late and large. @throws ScenarioError
 */
export function checkEveryDraw(scenario: Scenario): void {
  const most = ({ to }: Range) => to
  const least = ({ from }: Range) => from
  check(drawAll(scenario, most) as DrawnScenario)
  check(drawAll(scenario, least) as DrawnScenario)
  const short = { durationMs: drawAll(scenario.durationMs, least), nodes: drawAll(scenario.nodes, least) }
  check({ ...(drawAll(scenario, most) as DrawnScenario), ...(short as Pick<DrawnScenario, 'durationMs' | 'nodes'>) })
}

function check(drawn: DrawnScenario): void {
  const problems = new Problems(drawn.file)
  checkScenario(drawn, problems)
  problems.raise()
}

type Expand = (references: readonly Reference[]) => readonly Reference[]

/** Names of counted nodes give way to those they stand for: the drawn nodes have lost their count. */
function expanded(references: readonly Reference[], names: Names): readonly Reference[] {
  return references.flatMap(reference => names.resolve(reference)?.map(name => ({ ...reference, name })) ?? [reference])
}

function expandNodes(node: NodeOf<number>, bootstrap: readonly Reference[], random: () => number): NodeOf<number>[] {
  const names = expandNode(node)
  const places = placesOf(node, names.length, random)
  const move = [...node.move].sort((a, b) => a.atMs - b.atMs)
  return names.map((name, index) => ({
    ...node,
    name,
    count: null,
    bootstrap: bootstrap.filter(reference => reference.name !== name),
    at: places[index]!,
    place: null,
    move,
  }))
}

function expandLink(link: LinkOf<number>, expand: Expand): LinkOf<number>[] {
  if (link.shape === 'mesh') return [{ ...link, nodes: expand(link.nodes) }]
  const [from, to] = link.nodes
  return expand([from!]).flatMap(a => expand([to!]).map(b => ({ ...link, nodes: [a, b] })))
}

function expandFault(fault: FaultOf<number>, expand: Expand, names: Names): FaultOf<number> {
  switch (fault.type) {
    case 'partition':
      return { ...fault, groups: fault.groups.map(expand) }
    case 'one-way':
    case 'link':
    case 'clog': {
      const [a, b] = expand(fault.pair)
      return { ...fault, pair: [a!, b!] }
    }
    case 'churn': {
      const { line, column } = fault
      return { ...fault, nodes: expand(fault.nodes ?? names.nodes.map(name => ({ name, line, column }))) }
    }
    default:
      return { ...fault, nodes: expand(fault.nodes) }
  }
}

type Draw = (range: Range, key: string) => number

/** @param key the field that holds the value, with the type of what it is a field of, where there is one: over-floor.max */
function drawAll(value: unknown, draw: Draw, key = ''): unknown {
  if (isRange(value)) return draw(value, key)
  if (Array.isArray(value)) return value.map(item => drawAll(item, draw, key))
  if (typeof value !== 'object' || value === null) return value
  const prefix = 'type' in value && typeof value.type === 'string' ? `${value.type}.` : ''
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, drawAll(item, draw, prefix + name)]))
}

function isRange(value: unknown): value is Range {
  return (
    typeof value === 'object' && value !== null && 'from' in value && 'to' in value && Object.keys(value).length === 2
  )
}

/** Fields that count something. */
const WHOLE: ReadonlySet<string> = new Set([
  ...['count', 'publish.count', 'publish.size', 'ephemeral.count', 'ephemeral.size', 'crash.atWrite'],
  ...['duplicates.max', 'bytes.maxPerOperation', 'sessions.maxPerNode', 'grid.rows', 'grid.columns'],
  ...['lora.spreadingFactor', 'lora.codingRate', 'lora.preambleSymbols', 'lora.frequencyHz'],
])
/** Fractions of 1. */
const SHARES: ReadonlySet<string> = new Set(['loss', 'lora.loss', 'ble.loss', 'delivered.share', 'airtime.maxPerNode'])

/** As fine as the units are read: shares to a thousandth of a millionth, amounts to a thousandth. */
function drawRange({ from, to }: Range, key: string, random: () => number): number {
  if (key === 'lora.bandwidthHz') {
    const widths = LORA_BANDWIDTHS_HZ.filter(width => width >= from && width <= to)
    return widths[Math.floor(random() * widths.length)]!
  }
  if (WHOLE.has(key)) return from + Math.floor(random() * (to - from + 1))
  const parts = SHARES.has(key) ? 1e9 : 1e3
  return Math.round((from + random() * (to - from)) * parts) / parts + 0
}

/** From what the reader found to a scenario: defaults filled in, and of several keys the one that says what is meant. */

import { buildConditions, buildNetwork } from './build-network.js'
import { buildPlaces } from './build-places.js'
import { buildRadio } from './build-radios.js'
import { DEFAULTS } from './defaults.js'
import { greatest } from './extremes.js'
import {
  LINK_SHAPES,
  type WrittenExpectation,
  type WrittenFault,
  type WrittenLink,
  type WrittenNode,
  type WrittenScenario,
  type WrittenWork,
} from './format.js'
import { COMPANIONS, EXPECTATION_KEYS, FAULT_KEYS, type FaultKey, SETTING_KEYS, WORK_KEYS } from './format-events.js'
import type { Places } from './mapping.js'
import type { Problems } from './problems.js'
import type {
  ExpectationOf,
  FaultAction,
  FaultOf,
  LinkOf,
  NodeOf,
  Position,
  Quantity,
  Scenario,
  WorkOf,
} from './types.js'

export function buildScenario(written: WrittenScenario, file: string, problems: Problems): Scenario {
  const durationMs = written.duration ?? DEFAULTS.durationMs
  const topics = (written.topics ?? []).map(({ name, subscribers, line, column }) => ({
    name: name!,
    subscribers: subscribers ?? null,
    line,
    column,
  }))
  return {
    file,
    name: written.name!,
    description: written.description ?? null,
    seed: written.seed ?? DEFAULTS.seed,
    durationMs,
    storage: written.storage ?? DEFAULTS.storage,
    network: buildNetwork(written.network, problems),
    nodes: written.nodes!.map(node => buildNode(node, problems)),
    radios: (written.radios ?? []).map(radio => buildRadio(radio, problems)),
    topics,
    links: (written.links ?? []).flatMap(link => buildLink(link, problems)),
    workload: (written.workload ?? []).flatMap(work => buildWork(work, problems)),
    faults: (written.faults ?? []).flatMap(fault => buildFault(fault, problems)),
    expect: (written.expect ?? []).flatMap(expectation => buildExpectation(expectation, durationMs, problems)),
  }
}

function buildNode(written: WrittenNode, problems: Problems): NodeOf<Quantity> {
  const { name, count, storage, subscribe, clock, line, column } = written
  return {
    name: name!,
    count: count ?? null,
    storage: storage ?? null,
    subscribe: subscribe ?? null,
    clock: { skewMs: clock?.skew ?? DEFAULTS.clock.skewMs, driftPpm: clock?.drift ?? DEFAULTS.clock.driftPpm },
    bootstrap: written.bootstrap ?? [],
    radios: written.radios ?? [],
    mac: written.mac ?? DEFAULTS.mac,
    ...buildPlaces(written, problems),
    line,
    column,
  }
}

function buildLink(link: WrittenLink, problems: Problems): LinkOf<Quantity>[] {
  const shape = oneOf(link, LINK_SHAPES, problems, 'a link')
  if (!shape) return []
  return [
    {
      shape: shape === 'between' ? 'pair' : 'mesh',
      nodes: link[shape]!,
      ...buildConditions(link),
      oneWay: link['one-way'] ?? false,
      ...position(link),
    },
  ]
}

function buildWork(work: WrittenWork, problems: Problems): WorkOf<Quantity>[] {
  const settings = SETTING_KEYS.find(key => work[key] !== undefined)
  const named = WORK_KEYS.filter(key => work[key] !== undefined)
  const [first, second] = named
  // Settings go with a subscription, which they then hold for, or stand alone.
  const surplus = second ?? (settings && first && first !== 'subscribe' ? settings : undefined)
  if (surplus || !(first ?? settings)) {
    const message = surplus ? `this work is ${first} already` : 'this work does nothing'
    problems.add(
      surplus ? work.keyAt[surplus]! : work,
      message,
      `exactly one of ${WORK_KEYS.join(', ')}, or ack and consumer`,
    )
    return []
  }
  const names = work.node!
  const any = names.find(({ name }) => name === 'any')
  if (any && names.length > 1) {
    problems.add(any, 'any stands beside other names', 'any alone, or a list of names')
    return []
  }
  const common = { atMs: work.at!, moment: work.valueAt.at!, node: any ? ('any' as const) : names, ...position(work) }
  const said = work.publish ?? work.ephemeral
  if (said) {
    const { topic, count, every, size } = said
    const { publish } = DEFAULTS
    return [
      {
        ...common,
        type: work.publish ? 'publish' : 'ephemeral',
        topic: topic!,
        count: count ?? publish.count,
        everyMs: every ?? publish.everyMs,
        size: size ?? publish.size,
      },
    ]
  }
  if (work.prune) return [{ ...common, type: 'prune', topic: work.prune.topic! }]
  if (any) {
    problems.add(any, 'any means one drawn node for each publication', 'the names of nodes')
    return []
  }
  const configure = { ...common, type: 'configure' as const, ack: work.ack ?? null, consumer: work.consumer ?? null }
  if (work.unsubscribe) return [{ ...common, type: 'unsubscribe', topics: work.unsubscribe }]
  if (!work.subscribe) return [configure]
  return [...(settings ? [configure] : []), { ...common, type: 'subscribe', topics: work.subscribe }]
}

function buildFault(fault: WrittenFault, problems: Problems): FaultOf<Quantity>[] {
  const key = oneOf(fault, FAULT_KEYS, problems, 'a fault')
  if (!key) return []
  for (const [companion, owner] of Object.entries(COMPANIONS)) {
    const at = fault.keyAt[companion]
    if (!at || owner === key) continue
    problems.add(at, `${companion} goes with ${owner}, this fault is ${key}`, `${companion} beside ${owner} alone`)
    return []
  }
  const forAt = fault.keyAt.for
  if (forAt && (key === 'crash' || key === 'clock' || key === 'move')) {
    problems.add(forAt, `${key} has no for`, INSTEAD_OF_FOR[key])
    return []
  }
  if (forAt && fault.keyAt['down-for']) {
    problems.add(fault.keyAt['down-for'], 'for and down-for say the same', 'one of them')
    return []
  }
  const action = faultAction(fault, key, problems)
  if (!action) return []
  const forMs = fault['down-for'] ?? fault.for ?? null
  return [{ atMs: fault.at!, moment: fault.valueAt.at!, forMs, ...position(fault), ...action }]
}

/** What says the length of a fault of a moment, where anything does. */
const INSTEAD_OF_FOR = {
  crash: 'restart-after',
  clock: 'a jump alone',
  move: 'another move at a later moment',
} as const

function faultAction(fault: WrittenFault, key: FaultKey, problems: Problems): FaultAction<Quantity> | null {
  switch (key) {
    case 'partition':
      return { type: key, groups: fault.partition! }
    case 'isolate':
    case 'pause':
      return { type: key, nodes: fault[key]! }
    case 'one-way':
    case 'link':
    case 'clog': {
      const [from, to] = fault[key]!
      return { type: key, pair: [from!, to!] }
    }
    case 'crash':
      return {
        type: key,
        nodes: fault.crash!,
        atWrite: fault['at-write'] ?? null,
        restartAfterMs: fault['restart-after'] ?? null,
      }
    case 'clock':
      if (fault.jump !== undefined) return { type: key, nodes: fault.clock!, jumpMs: fault.jump }
      problems.add(fault, 'jump is missing', 'jump: a duration such as 30s or -1h')
      return null
    case 'move':
      if (fault.to !== undefined) return { type: key, nodes: fault.move!, to: fault.to }
      problems.add(fault, 'to is missing', 'to: two distances such as [40m, -3km]')
      return null
    case 'churn': {
      const { rate, 'down-for': downFor, nodes } = fault.churn!
      return { type: key, ratePerHour: rate!, downForMs: downFor!, nodes: nodes ?? null }
    }
  }
}

function buildExpectation(
  written: WrittenExpectation,
  durationMs: Quantity,
  problems: Problems,
): ExpectationOf<Quantity>[] {
  const key = oneOf(written, EXPECTATION_KEYS, problems, 'an expectation')
  if (!key) return []
  const at = position(written)
  switch (key) {
    case 'converged':
      // What is only due by the end may take as long as the longest run.
      return [{ ...at, type: key, withinMs: written.converged!.within ?? greatest(durationMs) }]
    case 'delivered':
      return [{ ...at, type: key, share: written.delivered! }]
    case 'no-violations':
      return [{ ...at, type: key, required: written['no-violations']! }]
    case 'duplicates':
      return [{ ...at, type: key, max: written.duplicates!.max! }]
    case 'bytes':
      return [{ ...at, type: key, maxPerOperation: written.bytes!['max-per-operation']! }]
    case 'airtime':
      return [{ ...at, type: key, maxPerNode: written.airtime!['max-per-node']! }]
    case 'over-floor':
      return [{ ...at, type: key, max: written['over-floor']!.max! }]
    case 'sessions':
      return [{ ...at, type: key, maxPerNode: written.sessions!['max-per-node']! }]
    case 'overlay-connected':
      return [{ ...at, type: key, withinMs: written['overlay-connected']!.within ?? greatest(durationMs) }]
  }
}

function oneOf<Key extends string>(
  written: Readonly<Partial<Record<Key, unknown>>> & Position & Places,
  keys: readonly Key[],
  problems: Problems,
  what: string,
): Key | null {
  const present = keys
    .filter(key => written[key] !== undefined)
    .sort((a, b) => inFile(written.keyAt[a]!, written.keyAt[b]!))
  const [first, second] = present
  if (first && !second) return first
  const message = second ? `${what} is one thing, this has ${present.join(' and ')}` : `${what} says nothing`
  problems.add(second ? written.keyAt[second]! : written, message, `exactly one of ${keys.join(', ')}`)
  return null
}

function inFile(a: Position, b: Position): number {
  return a.line - b.line || a.column - b.column
}

function position({ line, column }: Position): Position {
  return { line, column }
}

/** From what the reader found to a scenario: defaults filled in, and of several keys the one that says what is meant. */

import { DEFAULTS } from './defaults.js'
import type {
  WrittenExpectation,
  WrittenFault,
  WrittenLink,
  WrittenNode,
  WrittenScenario,
  WrittenWork,
} from './format.js'
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
    durationMs: written.duration ?? DEFAULTS.durationMs,
    storage: written.storage ?? DEFAULTS.storage,
    nodes: written.nodes!.map(buildNode),
    topics,
    links: (written.links ?? []).flatMap(link => buildLink(link, problems)),
    workload: (written.workload ?? []).flatMap(work => buildWork(work, problems)),
    faults: (written.faults ?? []).flatMap(fault => buildFault(fault, problems)),
    expect: (written.expect ?? []).flatMap(expectation => buildExpectation(expectation, problems)),
  }
}

function buildNode({ name, count, storage, subscribe, clock, line, column }: WrittenNode): NodeOf<Quantity> {
  return {
    name: name!,
    count: count ?? null,
    storage: storage ?? null,
    subscribe: subscribe ?? null,
    clock: { skewMs: clock?.skew ?? DEFAULTS.clock.skewMs, driftPpm: clock?.drift ?? DEFAULTS.clock.driftPpm },
    line,
    column,
  }
}

function buildLink(link: WrittenLink, problems: Problems): LinkOf<Quantity>[] {
  const shape = oneOf(link, ['between', 'mesh'], problems, 'a link')
  if (!shape) return []
  return [
    {
      shape: shape === 'between' ? 'pair' : 'mesh',
      nodes: link[shape]!,
      latencyMs: link.latency ?? DEFAULTS.link.latencyMs,
      jitterMs: link.jitter ?? DEFAULTS.link.jitterMs,
      bandwidthBps: link.bandwidth ?? DEFAULTS.link.bandwidthBps,
      loss: link.loss ?? DEFAULTS.link.loss,
      oneWay: link['one-way'] ?? false,
      ...position(link),
    },
  ]
}

function buildWork(work: WrittenWork, problems: Problems): WorkOf<Quantity>[] {
  const configures = work.ack !== undefined || work.consumer !== undefined
  const named = (['publish', 'prune', 'subscribe', 'unsubscribe'] as const).filter(key => work[key] !== undefined)
  if (named.length + (configures ? 1 : 0) !== 1) {
    const what = named.length === 0 && !configures ? 'this work does nothing' : 'this work does several things'
    problems.add(work, what, 'exactly one of publish, prune, subscribe, unsubscribe, or ack and consumer')
    return []
  }
  const names = work.node!
  const any = names.find(({ name }) => name === 'any')
  if (any && names.length > 1) {
    problems.add(any, 'any stands beside other names', 'any alone, or a list of names')
    return []
  }
  const common = { atMs: work.at!, node: any ? ('any' as const) : names, ...position(work) }
  if (work.publish) {
    const { topic, count, every, size } = work.publish
    const { publish } = DEFAULTS
    return [
      {
        ...common,
        type: 'publish',
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
  if (work.subscribe) return [{ ...common, type: 'subscribe', topics: work.subscribe }]
  if (work.unsubscribe) return [{ ...common, type: 'unsubscribe', topics: work.unsubscribe }]
  return [{ ...common, type: 'configure', ack: work.ack ?? null, consumer: work.consumer ?? null }]
}

const FAULT_KEYS = ['partition', 'isolate', 'one-way', 'link', 'clog', 'crash', 'pause', 'clock'] as const
type FaultKey = (typeof FAULT_KEYS)[number]

/** Keys that go with one fault alone. */
const COMPANIONS: Readonly<Record<string, FaultKey>> = {
  'down-for': 'link',
  'at-write': 'crash',
  'restart-after': 'crash',
  jump: 'clock',
}

function buildFault(fault: WrittenFault, problems: Problems): FaultOf<Quantity>[] {
  const key = oneOf(fault, FAULT_KEYS, problems, 'a fault')
  if (!key) return []
  for (const [companion, owner] of Object.entries(COMPANIONS)) {
    if (fault[companion as 'jump'] !== undefined && owner !== key) {
      problems.add(fault, `${companion} goes with ${owner}, this fault is ${key}`, `${companion} beside ${owner} alone`)
      return []
    }
  }
  if (fault.for !== undefined && (key === 'crash' || key === 'clock')) {
    problems.add(fault, `${key} has no for`, key === 'crash' ? 'restart-after' : 'a jump alone')
    return []
  }
  if (fault.for !== undefined && fault['down-for'] !== undefined) {
    problems.add(fault, 'for and down-for say the same', 'one of them')
    return []
  }
  const action = faultAction(fault, key, problems)
  if (!action) return []
  return [{ atMs: fault.at!, forMs: fault['down-for'] ?? fault.for ?? null, ...position(fault), ...action }]
}

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
  }
}

function buildExpectation(written: WrittenExpectation, problems: Problems): ExpectationOf<Quantity>[] {
  const key = oneOf(
    written,
    ['converged', 'delivered', 'no-violations', 'duplicates', 'bytes'],
    problems,
    'an expectation',
  )
  if (!key) return []
  const at = position(written)
  switch (key) {
    case 'converged':
      return [{ ...at, type: key, withinMs: written.converged!.within! }]
    case 'delivered':
      return [{ ...at, type: key, share: written.delivered! }]
    case 'no-violations':
      return [{ ...at, type: key, required: written['no-violations']! }]
    case 'duplicates':
      return [{ ...at, type: key, max: written.duplicates!.max! }]
    case 'bytes':
      return [{ ...at, type: key, maxPerOperation: written.bytes!['max-per-operation']! }]
  }
}

function oneOf<Key extends string>(
  written: Readonly<Partial<Record<Key, unknown>>> & Position,
  keys: readonly Key[],
  problems: Problems,
  what: string,
): Key | null {
  const present = keys.filter(key => written[key] !== undefined)
  if (present.length === 1) return present[0]!
  const message =
    present.length === 0 ? `${what} says nothing` : `${what} is one thing, this has ${present.join(' and ')}`
  problems.add(written, message, `exactly one of ${keys.join(', ')}`)
  return null
}

function position({ line, column }: Position): Position {
  return { line, column }
}

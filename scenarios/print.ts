/** Writes a drawn scenario as a file that reads back as the same scenario. */

import { stringify } from 'yaml'
import { DEFAULTS } from './defaults.js'
import { writtenPoint, writtenPresence, writtenRadio } from './print-radios.js'
import type {
  ConditionsOf,
  DrawnScenario,
  ExpectationOf,
  FaultOf,
  LinkOf,
  NetworkOf,
  NodeOf,
  Reference,
  TopicSpec,
  WorkOf,
} from './types.js'
import { writeDuration } from './units.js'

type Written = Record<string, unknown>

export function printScenario(scenario: DrawnScenario): string {
  return stringify(
    withoutEmpty({
      thicket: 1,
      name: scenario.name,
      description: scenario.description ?? undefined,
      seed: scenario.seed,
      duration: writeDuration(scenario.durationMs),
      storage: scenario.storage,
      network: writtenNetwork(scenario.network),
      nodes: scenario.nodes.map(writtenNode),
      // A map, and no object, which would bring names that are numbers to the front.
      radios:
        scenario.radios.length > 0
          ? new Map(scenario.radios.map(radio => [radio.name, writtenRadio(radio)]))
          : undefined,
      topics: scenario.topics.map(writtenTopic),
      links: scenario.links.map(writtenLink),
      workload: scenario.workload.map(writtenWork),
      faults: scenario.faults.map(writtenFault),
      expect: scenario.expect.map(writtenExpectation),
    }),
    { lineWidth: 120, collectionStyle: 'any' },
  )
}

function writtenNode(node: NodeOf<number>): Written {
  const { name, storage, subscribe, bootstrap, clock } = node
  const isOrdinary = clock.skewMs === DEFAULTS.clock.skewMs && clock.driftPpm === DEFAULTS.clock.driftPpm
  return withoutEmpty({
    name,
    storage: storage ?? undefined,
    subscribe: subscribe ? names(subscribe) : undefined,
    bootstrap: bootstrap.length > 0 ? names(bootstrap) : undefined,
    clock: isOrdinary ? undefined : { skew: writeDuration(clock.skewMs), drift: clock.driftPpm },
    ...writtenPresence(node),
  })
}

function writtenTopic({ name, subscribers }: TopicSpec): Written | string {
  return subscribers ? { name, subscribers: names(subscribers) } : name
}

function writtenLink(link: LinkOf<number>): Written {
  return withoutEmpty({
    [link.shape === 'pair' ? 'between' : 'mesh']: names(link.nodes),
    ...writtenConditions(link),
    'one-way': link.oneWay || undefined,
  })
}

/** Only the ends of links meet where nothing is said. */
function writtenNetwork(network: NetworkOf<number>): Written | undefined {
  return network.reach === 'links' ? undefined : { reach: network.reach, ...writtenConditions(network) }
}

function writtenConditions({ latencyMs, jitterMs, bandwidthBps, loss }: ConditionsOf<number>): Written {
  return { latency: writeDuration(latencyMs), jitter: writeDuration(jitterMs), bandwidth: bandwidthBps, loss }
}

function writtenWork(work: WorkOf<number>): Written {
  const head = { at: writeDuration(work.atMs), node: work.node === 'any' ? 'any' : names(work.node) }
  switch (work.type) {
    case 'publish':
    case 'ephemeral':
      return {
        ...head,
        [work.type]: { topic: work.topic.name, count: work.count, every: writeDuration(work.everyMs), size: work.size },
      }
    case 'prune':
      return { ...head, prune: { topic: work.topic.name } }
    case 'subscribe':
    case 'unsubscribe':
      return { ...head, [work.type]: names(work.topics) }
    case 'configure':
      return withoutEmpty({ ...head, ack: work.ack ?? undefined, consumer: work.consumer ?? undefined })
  }
}

function writtenFault(fault: FaultOf<number>): Written {
  const head = { at: writeDuration(fault.atMs), for: written(fault.forMs) }
  switch (fault.type) {
    case 'partition':
      return withoutEmpty({ ...head, partition: fault.groups.map(names) })
    case 'one-way':
    case 'link':
    case 'clog':
      return withoutEmpty({ ...head, [fault.type]: names(fault.pair) })
    case 'crash':
      return withoutEmpty({
        ...head,
        crash: names(fault.nodes),
        'at-write': fault.atWrite ?? undefined,
        'restart-after': written(fault.restartAfterMs),
      })
    case 'clock':
      return withoutEmpty({ ...head, clock: names(fault.nodes), jump: writeDuration(fault.jumpMs) })
    case 'move':
      return withoutEmpty({ ...head, move: names(fault.nodes), to: writtenPoint(fault.to) })
    case 'churn': {
      const { ratePerHour, downForMs, nodes } = fault
      const churn = { rate: ratePerHour, 'down-for': writeDuration(downForMs), nodes: nodes ? names(nodes) : undefined }
      return withoutEmpty({ ...head, churn: withoutEmpty(churn) })
    }
    default:
      return withoutEmpty({ ...head, [fault.type]: names(fault.nodes) })
  }
}

function writtenExpectation(expectation: ExpectationOf<number>): Written {
  switch (expectation.type) {
    case 'converged':
      return { converged: { within: writeDuration(expectation.withinMs) } }
    case 'delivered':
      return { delivered: expectation.share }
    case 'no-violations':
      return { 'no-violations': expectation.required }
    case 'duplicates':
      return { duplicates: { max: expectation.max } }
    case 'bytes':
      return { bytes: { 'max-per-operation': expectation.maxPerOperation } }
    case 'airtime':
      return { airtime: { 'max-per-node': expectation.maxPerNode } }
    case 'over-floor':
      return { 'over-floor': { max: expectation.max } }
    case 'sessions':
      return { sessions: { 'max-per-node': expectation.maxPerNode } }
    case 'overlay-connected':
      return { 'overlay-connected': { within: writeDuration(expectation.withinMs) } }
  }
}

function names(references: readonly Reference[]): readonly string[] {
  return references.map(({ name }) => name)
}

function written(ms: number | null): string | undefined {
  return ms === null ? undefined : writeDuration(ms)
}

function withoutEmpty(mapping: Written): Written {
  return Object.fromEntries(Object.entries(mapping).filter(([, value]) => value !== undefined))
}

/**
 * What a scenario means in every world that runs it: keys and topics drawn from the seed, the moments of its work, the
 * crashes of its churn, and between whom its faults come.
 */

import { hash, SigningKey, Topic } from '../../engine/core/index.js'
import type { DrawnScenario, FaultOf, Reference, WorkOf } from '../../scenarios/index.js'
import { type NetworkFaults, type PlannedCrash, planChurn } from '../faults/index.js'
import type { Kernel } from '../kernel/index.js'

/** All nodes of a world are of one network. */
export const NETWORK_ID = hash(new TextEncoder().encode('thicket/simulated'))

/** Wide enough that the remainder of a draw favours no node noticeably. */
export const ANY_DRAW = 2 ** 31

export type NetworkFault = FaultOf<number> & {
  readonly type: 'partition' | 'isolate' | 'one-way' | 'link' | 'clog'
}
type Churns = ReadonlyMap<FaultOf<number>, readonly PlannedCrash[]>

export function topicsOf({ topics }: DrawnScenario, kernel: Kernel): ReadonlyMap<string, Topic> {
  return new Map(topics.map(({ name }) => [name, Topic.fromBytes(kernel.random(`topics/${name}`).bytes(32))]))
}

export function signingKeysOf({ nodes }: DrawnScenario, kernel: Kernel): readonly SigningKey[] {
  return nodes.map(({ name }) => SigningKey.fromBytes(kernel.random(`keys/${name}`).bytes(32)))
}

/** Names of the topics that a node subscribes to at the start. */
export function firstTopicsOf({ nodes, topics }: DrawnScenario, node: number): readonly string[] {
  const { name, subscribe } = nodes[node]!
  return topics
    .filter(topic =>
      subscribe
        ? subscribe.some(reference => reference.name === topic.name)
        : !topic.subscribers || topic.subscribers.some(reference => reference.name === name),
    )
    .map(topic => topic.name)
}

/** When a line of work has something done; all but publications and the like do it once. */
export function momentsOf(work: WorkOf<number>): readonly number[] {
  if (work.type !== 'publish' && work.type !== 'ephemeral') return [work.atMs]
  return Array.from({ length: work.count }, (_, nth) => work.atMs + nth * work.everyMs)
}

export function churnsOf({ faults, durationMs }: DrawnScenario, kernel: Kernel): Churns {
  return new Map(
    faults.flatMap((fault, index): (readonly [FaultOf<number>, readonly PlannedCrash[]])[] => {
      if (fault.type !== 'churn') return []
      const { atMs, ratePerHour, downForMs, nodes } = fault
      const lengthMs = Math.min(durationMs, atMs + (fault.forMs ?? durationMs)) - atMs
      const random = kernel.random(`churn/${index}`)
      const churn = { atMs, lengthMs, ratePerHour, downForMs, nodes: nodes!.length }
      return [[fault, planChurn(churn, () => random.float())]]
    }),
  )
}

/** Begins a fault of the network; what it returns ends it. */
export function beginNetworkFault(faults: NetworkFaults, fault: NetworkFault, names: readonly string[]): () => void {
  const indices = new Map(names.map((name, index) => [name, index]))
  const indexOf = ({ name }: Reference) => indices.get(name)!
  switch (fault.type) {
    case 'partition': {
      const named = new Set(fault.groups.flat().map(({ name }) => name))
      const rest = names.flatMap((name, index) => (named.has(name) ? [] : [index]))
      return faults.partition(
        fault.groups.map(group => (group.some(({ name }) => name === 'rest') ? rest : group.map(indexOf))),
      )
    }
    case 'isolate':
      return faults.isolate(fault.nodes.map(indexOf))
    case 'one-way':
    case 'link':
    case 'clog': {
      const [a, b] = fault.pair.map(indexOf) as [number, number]
      // One way alone gets through: the way back is what the fault takes.
      if (fault.type === 'one-way') return faults.begin('stalled', (from, to) => from === b && to === a)
      const hold = fault.type === 'link' ? 'down' : 'stalled'
      return faults.begin(hold, (from, to) => (from === a && to === b) || (from === b && to === a))
    }
  }
}

/** Whether a crash that the scenario wants is the node's last. */
export function isGoneForGood({ faults }: DrawnScenario, node: string): boolean {
  return faults.some(
    fault => fault.type === 'crash' && fault.restartAfterMs === null && fault.nodes.some(({ name }) => name === node),
  )
}

/** The moment after which the scenario leaves its nodes and their ways alone. */
export function lastChangeMs(scenario: DrawnScenario, churns: Churns): number {
  return Math.max(
    0,
    ...scenario.workload.filter(({ type }) => !SAYS_SOMETHING.has(type)).map(({ atMs }) => atMs),
    ...scenario.faults.map(fault => {
      if (fault.type === 'crash') return fault.atMs + (fault.restartAfterMs ?? 0)
      if (fault.type === 'churn') return (churns.get(fault)?.at(-1)?.atMs ?? fault.atMs) + fault.downForMs
      return fault.atMs + (fault.forMs ?? 0)
    }),
  )
}

export function lastPublicationMs({ workload }: DrawnScenario): number {
  // What is said and kept by nobody leaves every store as it is.
  const lasting = workload.filter(({ type }) => type === 'publish' || type === 'prune')
  return Math.max(0, ...lasting.map(work => momentsOf(work).at(-1)!))
}

/** Work that leaves subscriptions as they are. */
const SAYS_SOMETHING: ReadonlySet<WorkOf<number>['type']> = new Set(['publish', 'prune', 'ephemeral'])

/**
 * The built-in safety checks of every run. One `SafetyChecks` watches one node over all its lives, since what a crash
 * must not lose can only be judged by someone who was there before it.
 */

import type { OperationId, Topic, VerifyingKey } from '../../engine/core/index.js'
import type { Ledger, PublishedEntry } from './ledger.js'

export type SafetyCheck =
  | 'sequence-gap'
  | 'causality'
  | 'dependency-order'
  | 'invented-or-altered'
  | 'lost-acknowledged'
  | 'lost-published'
  | 'lost-delivered'
  | 'delivery-before-durability'
  | 'fork-detected'
  | 'publish-refused'

export interface Violation {
  readonly check: SafetyCheck
  readonly node: string
  readonly atUs: number
  readonly detail: string
}

/** One delivery to an app, as the app saw it. */
export interface Delivery {
  readonly id: OperationId
  readonly author: VerifyingKey
  readonly topic: Topic
  readonly seqNum: number
  readonly backlink: OperationId | null
  /** What it names, but for what it was released without. */
  readonly dependencies: readonly OperationId[]
  readonly bodyHash: string
  readonly consumer: string
  readonly atUs: number
  /** Whether the node's database holds the operation outside any transaction at this moment. */
  readonly durable: boolean
}

/** How a node that has come back answers for what it promised. */
export interface Recovered {
  has(id: OperationId): boolean
}

export class SafetyChecks {
  readonly violations: Violation[] = []
  readonly delivered = new Set<OperationId>()
  readonly acknowledged = new Set<OperationId>()
  /** Deliveries of what the same consumer had been handed before. */
  repeated = 0
  readonly #node: string
  readonly #author: VerifyingKey
  readonly #ledger: Ledger
  /** Where each consumer stands in each log since its stream was opened. */
  readonly #positions = new Map<string, number>()
  /** By consumer and topic: what operations delivered since its stream was opened have named, and which did. */
  readonly #named = new Map<string, Map<OperationId, OperationId>>()
  readonly #deliveredTo = new Map<string, Set<OperationId>>()
  readonly #acknowledgedBy = new Map<string, Set<OperationId>>()

  constructor(node: string, author: VerifyingKey, ledger: Ledger) {
    this.#node = node
    this.#author = author
    this.#ledger = ledger
  }

  /** The consumer's stream was made anew: it may begin anywhere, but not with what it has acknowledged. */
  streamOpened(consumer: string, topic: Topic): void {
    const prefix = `${consumer} ${topic} `
    for (const key of [...this.#positions.keys()]) if (key.startsWith(prefix)) this.#positions.delete(key)
    this.#named.delete(prefix)
  }

  deliver(delivery: Delivery): void {
    const entry = this.#ledger.find(delivery.id)
    if (!delivery.durable)
      this.#report('delivery-before-durability', delivery.atUs, `${short(delivery.id)} is not in the database`)
    if (
      !entry ||
      entry.bodyHash !== delivery.bodyHash ||
      entry.author !== delivery.author ||
      entry.topic !== delivery.topic
    ) {
      this.#report('invented-or-altered', delivery.atUs, `${short(delivery.id)} was never published like this`)
    } else {
      this.#checkOrder(delivery, entry)
    }
    this.#checkDependencies(delivery)
    if (this.#acknowledgedBy.get(delivery.consumer)?.has(delivery.id)) {
      this.#report('lost-acknowledged', delivery.atUs, `${short(delivery.id)} was acknowledged and came again`)
    }
    const before = setOf(this.#deliveredTo, delivery.consumer)
    if (before.has(delivery.id)) this.repeated += 1
    before.add(delivery.id)
    this.delivered.add(delivery.id)
  }

  /** The acknowledgement was reported durable. */
  acknowledge(consumer: string, id: OperationId): void {
    setOf(this.#acknowledgedBy, consumer).add(id)
    this.acknowledged.add(id)
  }

  /** After a restart: everything promised before the crash must still be there, unless its author pruned it. */
  recovered(node: Recovered, atUs: number): void {
    for (const entry of this.#ledger.entries()) {
      if (this.#ledger.isPruned(entry) || node.has(entry.id)) continue
      if (entry.author === this.#author) this.#report('lost-published', atUs, `${short(entry.id)} was reported durable`)
      else if (this.delivered.has(entry.id))
        this.#report('lost-delivered', atUs, `${short(entry.id)} was delivered to the app`)
    }
  }

  report(check: SafetyCheck, atUs: number, detail: string): void {
    this.#report(check, atUs, detail)
  }

  /** In one life of a stream, nothing may come after what names it: neither anew nor in a replay. */
  #checkDependencies({ id, consumer, topic, dependencies, atUs }: Delivery): void {
    const key = `${consumer} ${topic} `
    const named = this.#named.get(key) ?? new Map<OperationId, OperationId>()
    this.#named.set(key, named)
    const earlier = named.get(id)
    if (earlier) this.#report('dependency-order', atUs, `${short(id)} came after ${short(earlier)}, which names it`)
    for (const dependency of dependencies) named.set(dependency, id)
  }

  #checkOrder(delivery: Delivery, entry: PublishedEntry): void {
    const key = `${delivery.consumer} ${delivery.topic} ${delivery.author}`
    const last = this.#positions.get(key)
    this.#positions.set(key, Math.max(last ?? -1, delivery.seqNum))
    if (entry.seqNum !== delivery.seqNum || entry.backlink !== delivery.backlink) {
      this.#report('causality', delivery.atUs, `${short(delivery.id)} does not stand where its author put it`)
    }
    if (last === undefined || delivery.seqNum === last + 1) return
    if (delivery.seqNum <= last) {
      this.#report(
        'causality',
        delivery.atUs,
        `${short(delivery.id)} with sequence number ${delivery.seqNum} came after ${last}`,
      )
      return
    }
    const skipped = this.#ledger
      .log(delivery.author, delivery.topic)
      .filter(other => other.seqNum > last && other.seqNum < delivery.seqNum && other.bodyHash !== null)
    const owed = skipped.find(other => !this.#ledger.isPruned(other))
    if (owed)
      this.#report('sequence-gap', delivery.atUs, `${short(owed.id)} with sequence number ${owed.seqNum} was skipped`)
  }

  #report(check: SafetyCheck, atUs: number, detail: string): void {
    if (this.violations.length < VIOLATIONS_PER_NODE) this.violations.push({ check, node: this.#node, atUs, detail })
  }
}

/** A broken run repeats itself; the first ones tell the story. */
const VIOLATIONS_PER_NODE = 100

function setOf(sets: Map<string, Set<OperationId>>, key: string): Set<OperationId> {
  const known = sets.get(key)
  if (known) return known
  const made = new Set<OperationId>()
  sets.set(key, made)
  return made
}

function short(id: string): string {
  return id.slice(0, 12)
}

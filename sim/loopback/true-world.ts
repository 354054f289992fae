/** What is known of all nodes from outside: the account that expectations and the report are made from. */

import type { OperationId, Topic } from '../../engine/core/index.js'
import type { DrawnScenario } from '../../scenarios/index.js'
import { Ledger } from '../checks/index.js'
import {
  expectationResults,
  heightsDisagree,
  isGoneForGood,
  type Outcome,
  OverlayWatch,
  type Report,
  setsDisagree,
  type TraceFile,
} from '../world/index.js'
import type { Action, Plan } from './plan.js'
import { reportOf } from './report.js'
import { TrueNode } from './true-node.js'

export type Publication = Action & { readonly type: 'publish' }

export interface TrueWorldOptions {
  readonly scenario: DrawnScenario
  readonly plan: Plan
  readonly seed: number
  readonly version: string
  readonly trace: TraceFile | null
}

export class TrueWorld implements Outcome {
  readonly ledger = new Ledger()
  readonly nodes: readonly TrueNode[]
  readonly topics: ReadonlyMap<string, Topic>
  readonly overlay: OverlayWatch | null
  readonly calmUs: number
  readonly settledUs: number
  convergedAtUs: number | null = null
  readonly deliveryMs: number[] = []
  readonly ephemeral = { said: 0, heard: 0 }
  readonly scenario: DrawnScenario
  readonly seed: number
  readonly version: string
  readonly startedAtMs = performance.now()
  /** Messages of all nodes so far. */
  messages = 0
  readonly #trace: TraceFile | null
  /** By reference, which is the place in this list. */
  readonly #publications: { readonly action: Publication; readonly askedAtUs: number }[] = []
  readonly #firstDeliveries = new Set<string>()
  /** The moment 0 of the scenario; before it the nodes start. */
  #zeroMs: number | null = null
  #changedAtMs = 0

  constructor({ scenario, plan, seed, version, trace }: TrueWorldOptions) {
    this.scenario = scenario
    this.seed = seed
    this.version = version
    this.#trace = trace
    this.topics = plan.topics
    this.calmUs = plan.calmMs * 1_000
    this.settledUs = plan.settledMs * 1_000
    this.nodes = scenario.nodes.map(
      ({ name }, index) =>
        new TrueNode(index, name, plan.keys[index]!, plan.firstTopics[index]!, {
          ledger: this.ledger,
          nowUs: () => this.nowUs,
          publication: ref => this.#publications[ref]!,
          changed: () => this.changed(),
          processed: (node, id, atUs) => this.#onProcessed(node, id, atUs),
          traced: (node, event, fields) => trace?.write(this.nowUs, node.name, event, fields),
          ephemeral: what => {
            this.ephemeral[what] += 1
          },
        }),
    )
    const isWatched =
      scenario.network.reach === 'all' || scenario.expect.some(({ type }) => type === 'overlay-connected')
    this.overlay = isWatched ? new OverlayWatch(() => this.#expected(), [...this.topics.values()]) : null
  }

  /** Microseconds since the moment 0 of the scenario. */
  get nowUs(): number {
    return this.#zeroMs === null ? 0 : Math.round((performance.now() - this.#zeroMs) * 1_000)
  }

  get nowMs(): number {
    return this.nowUs / 1_000
  }

  begin(): void {
    this.#zeroMs = performance.now()
  }

  hear(node: TrueNode, message: Parameters<TrueNode['hear']>[0]): void {
    this.messages += 1
    node.hear(message)
    // Others may have told of it before its author.
    if (message.type === 'published') for (const other of this.nodes) other.work()
  }

  /** Remembers what is about to be asked for, and names it. */
  asked(action: Publication): number {
    return this.#publications.push({ action, askedAtUs: this.nowUs }) - 1
  }

  /** Something has changed that convergence or deliveries hang on. */
  changed(): void {
    this.#changedAtMs = performance.now()
  }

  fault(fault: string, detail: string): void {
    this.#trace?.write(this.nowUs, null, 'fault', { fault, detail })
  }

  /** All have stood at the same heights, and nothing has happened, for so long. */
  isStableFor(ms: number): boolean {
    return this.convergedAtUs !== null && performance.now() - this.#changedAtMs >= ms
  }

  look(): void {
    this.overlay?.look(this.nowUs)
    if (this.nowUs < this.calmUs) return
    const isEqual = [...this.topics.values()].every(topic => heightsDisagree(this.#expected(), topic) === null)
    if (!isEqual) this.convergedAtUs = null
    else this.convergedAtUs ??= this.nowUs
  }

  /** What has come of it, from what the nodes have said of themselves. */
  judge(): { readonly report: Report; readonly isAsExpected: boolean } {
    for (const node of this.nodes) node.workOff()
    const disagreement = this.#disagreement()
    const violations = this.nodes.flatMap(({ checks }) => checks.violations)
    const expectations = expectationResults(this, this.scenario, disagreement, violations.length)
    const report = reportOf(this, expectations, violations, disagreement)
    return { report, isAsExpected: report.verdict === 'pass' && disagreement === null }
  }

  linkBytes(): number {
    return this.nodes.reduce((sum, { told }) => sum + (told?.sync.bytes ?? 0), 0)
  }

  radioReport(): null {
    return null
  }

  subscribers(topic: Topic): readonly TrueNode[] {
    return this.#expected().filter(node => node.topics.has(topic))
  }

  #disagreement(): string | null {
    for (const topic of this.topics.values()) {
      const detail = heightsDisagree(this.#expected(), topic) ?? setsDisagree(this.#expected(), topic, this.ledger)
      if (detail) return detail
    }
    return null
  }

  #onProcessed(node: TrueNode, id: OperationId, atUs: number): void {
    this.changed()
    const entry = this.ledger.find(id)
    const pair = `${node.index} ${id}`
    if (!entry || this.#firstDeliveries.has(pair)) return
    this.#firstDeliveries.add(pair)
    this.deliveryMs.push(Math.max(0, atUs - entry.atUs) / 1_000)
  }

  /** Nodes that the scenario leaves dead are not waited for. */
  #expected(): readonly TrueNode[] {
    return this.nodes.filter(node => node.isUp || !isGoneForGood(this.scenario, node.name))
  }
}

/**
 * A scenario on real processes of this machine: each node is a process with its database in a file and libp2p on
 * loopback, the clocks are real, and the runner does at its moment what the plan says. When all is done and stays as it
 * was expected, the rest of the duration is not waited for.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bytesToHex, invariant, type OperationId, type Topic } from '../../engine/core/index.js'
import type { DrawnScenario, Scenario } from '../../scenarios/index.js'
import { type HeldOperation, Ledger } from '../checks/index.js'
import {
  drawnScenario,
  expectationResults,
  heightsDisagree,
  isGoneForGood,
  NETWORK_ID,
  type Outcome,
  OverlayWatch,
  type Report,
  setsDisagree,
  type TraceFile,
} from '../world/index.js'
import { LOOK_EVERY_MS, STABLE_MS, STARTING_AT_ONCE, TELL_TIMEOUT_MS } from './limits.js'
import type { Begin } from './messages.js'
import { NodeHandle } from './node-handle.js'
import { type Action, type Plan, planOf } from './plan.js'
import { reportOf } from './report.js'
import { TrueNode } from './true-node.js'

export interface LoopbackOptions {
  readonly scenario: Scenario
  /** Wins over the seed in the file. */
  readonly seed?: number
  readonly version: string
  readonly trace?: TraceFile | null
  /** Told now and then how far the run has come; a fraction of 1, and the messages so far. */
  readonly onProgress?: (fraction: number, messages: number) => void
}

export interface LoopbackResult {
  readonly report: Report
  /** By name of the node that holds them. */
  readonly holdings: ReadonlyMap<string, readonly HeldOperation[]>
}

export async function runLoopback(options: LoopbackOptions): Promise<LoopbackResult> {
  const seed = options.seed ?? options.scenario.seed
  const scenario = drawnScenario(options.scenario, seed)
  const run = new LoopbackRun(scenario, seed, options)
  try {
    return await run.run()
  } finally {
    run.end()
  }
}

type Publication = Action & { readonly type: 'publish' }

const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** The one place where each node listens, in every life of its. */
const ANY_PORT = '/ip4/127.0.0.1/tcp/0'

export class LoopbackRun implements Outcome {
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
  messages = 0
  readonly #plan: Plan
  readonly #handles: readonly NodeHandle[]
  readonly #trace: TraceFile | null
  readonly #onProgress: LoopbackOptions['onProgress']
  readonly #folder = mkdtempSync(join(tmpdir(), 'thicket-loopback-'))
  readonly #listen: string[]
  readonly #refused: (readonly number[])[]
  /** How each node's app reads and acknowledges from its next life on. */
  readonly #settings: { ackPolicy: Begin['ackPolicy']; consumer: string | null }[]
  /** By reference, which is the place in this list. */
  readonly #publications: { readonly action: Publication; readonly askedAtUs: number }[] = []
  readonly #firstDeliveries = new Set<string>()
  readonly #starts = new Set<Promise<void>>()
  readonly #onExit = (): void => this.end()
  /** What was begun is ended first, and then the process, as the signal wants it. */
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    this.end()
    process.kill(process.pid, signal)
  }
  /** The moment 0 of the scenario; before it the nodes start. */
  #zeroMs: number | null = null
  #changedAtMs = 0
  #failure: Error | null = null
  #onFailure: (error: Error) => void = () => {}

  constructor(scenario: DrawnScenario, seed: number, { version, trace, onProgress }: LoopbackOptions) {
    this.scenario = scenario
    this.seed = seed
    this.version = version
    this.#trace = trace ?? null
    this.#onProgress = onProgress
    this.#plan = planOf(scenario, seed)
    this.topics = this.#plan.topics
    this.calmUs = this.#plan.calmMs * 1_000
    this.settledUs = this.#plan.settledMs * 1_000
    this.#listen = scenario.nodes.map(() => ANY_PORT)
    this.#refused = scenario.nodes.map(() => [])
    this.#settings = scenario.nodes.map(() => ({ ackPolicy: 'automatic', consumer: null }))
    this.nodes = scenario.nodes.map(
      ({ name }, index) =>
        new TrueNode(index, name, this.#plan.keys[index]!, this.#plan.firstTopics[index]!, {
          ledger: this.ledger,
          nowUs: () => this.nowUs,
          askedAtUs: ref => this.#publications[ref]!.askedAtUs,
          topicOf: ref => this.#publications[ref]!.action.topic,
          isPrune: ref => this.#publications[ref]!.action.prune,
          bodyBytes: ref => this.#publications[ref]!.action.body?.length ?? 0,
          changed: () => this.#changed(),
          processed: (node, id, atUs) => this.#onProcessed(node, id, atUs),
          traced: (node, event, fields) => this.#trace?.write(this.nowUs, node.name, event, fields),
          ephemeral: what => {
            this.ephemeral[what] += 1
          },
        }),
    )
    this.#handles = this.nodes.map(
      node =>
        new NodeHandle(node.name, {
          message: message => {
            this.messages += 1
            node.hear(message)
            if (message.type === 'published') for (const other of this.nodes) other.work()
          },
          died: why => this.#fail(new Error(why)),
        }),
    )
    const isWatched =
      scenario.network.reach === 'all' || scenario.expect.some(({ type }) => type === 'overlay-connected')
    this.overlay = isWatched ? new OverlayWatch(() => this.#expected(), [...this.topics.values()]) : null
    process.once('exit', this.#onExit)
    for (const signal of ENDING_SIGNALS) process.once(signal, this.#onSignal)
  }

  /** Microseconds since the moment 0 of the scenario. */
  get nowUs(): number {
    return this.#zeroMs === null ? 0 : Math.round((performance.now() - this.#zeroMs) * 1_000)
  }

  async run(): Promise<LoopbackResult> {
    const failed = new Promise<never>((_, reject) => {
      this.#onFailure = reject
    })
    // It may come while nobody waits for it, and is looked at then.
    failed.catch(() => {})
    return await Promise.race([this.#run(), failed])
  }

  /** Ends what is left of it, whatever has happened. */
  end(): void {
    process.removeListener('exit', this.#onExit)
    for (const signal of ENDING_SIGNALS) process.removeListener(signal, this.#onSignal)
    for (const handle of this.#handles) handle.abandon()
    rmSync(this.#folder, { recursive: true, force: true })
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

  disagreement(): string | null {
    for (const topic of this.topics.values()) {
      const detail = heightsDisagree(this.#expected(), topic) ?? setsDisagree(this.#expected(), topic, this.ledger)
      if (detail) return detail
    }
    return null
  }

  async #run(): Promise<LoopbackResult> {
    const { actions } = this.#plan
    const first = actions.findIndex(({ type, atMs }) => type !== 'boot' || atMs > 0)
    const boots = first < 0 ? actions : actions.slice(0, first)
    await this.#startAll(boots.map(({ node }) => node))
    this.#zeroMs = performance.now()
    for (const { node } of boots) this.#introduce(node)
    const looks = setInterval(() => this.#look(), LOOK_EVERY_MS)
    try {
      for (const action of actions.slice(boots.length)) {
        await this.#until(action.atMs)
        await this.#perform(action)
      }
      await Promise.all(this.#starts)
      const report = await this.#settle()
      const holdings = new Map(this.nodes.map(({ name, contents }) => [name, contents]))
      await Promise.all(this.#handles.map(handle => handle.stop()))
      return { report, holdings }
    } finally {
      clearInterval(looks)
    }
  }

  async #startAll(nodes: readonly number[]): Promise<void> {
    const left = [...nodes]
    const starter = async (): Promise<void> => {
      for (let node = left.shift(); node !== undefined; node = left.shift()) await this.#start(node)
    }
    await Promise.all(Array.from({ length: STARTING_AT_ONCE }, starter))
  }

  async #start(index: number): Promise<void> {
    const node = this.nodes[index]!
    const { ackPolicy, consumer } = this.#settings[index]!
    const started = this.#handles[index]!.start({
      type: 'begin',
      seed: bytesToHex(this.#plan.keys[index]!.toBytes()),
      networkId: bytesToHex(NETWORK_ID),
      database: join(this.#folder, `${index}.db`),
      listen: this.#listen[index]!,
      overlay: this.scenario.network.reach === 'all' ? 'hyparview' : 'direct',
      topics: [...node.topics],
      spoken: [...this.#plan.spoken],
      refused: this.#refused[index]!.map(peer => this.nodes[peer]!.id),
      ackPolicy,
      consumer,
      isTraced: this.#trace !== null,
    })
    await started
    const [address] = node.addresses
    // Whoever knows the address of its first life finds the others there too.
    if (address !== undefined) this.#listen[index] = address.slice(0, address.lastIndexOf('/p2p/'))
  }

  /** Tells a node that listens of those whom it is to know from the start. */
  #introduce(index: number): void {
    const { network, nodes, links } = this.scenario
    const known = new Set<string>(nodes[index]!.bootstrap.map(({ name }) => name))
    const self = this.nodes[index]!.name
    for (const link of links) {
      const ends = link.nodes.map(({ name }) => name)
      if (ends.includes(self)) for (const end of ends) if (end !== self) known.add(end)
    }
    invariant(network.reach === 'all' || nodes[index]!.bootstrap.length === 0, 'links need no bootstrap')
    for (const { name, addresses } of this.nodes) {
      if (known.has(name)) for (const address of addresses) this.#handles[index]!.say({ type: 'connect', address })
    }
  }

  async #perform(action: Action): Promise<void> {
    const node = this.nodes[action.node]!
    const handle = this.#handles[action.node]!
    switch (action.type) {
      case 'boot': {
        const start = this.#start(action.node).then(() => this.#introduce(action.node))
        const watched = start.catch((error: Error) => this.#fail(error))
        this.#starts.add(watched)
        void watched.then(() => this.#starts.delete(watched))
        break
      }
      case 'kill':
        this.#note('crash', node.name)
        await handle.kill()
        node.died()
        break
      case 'pause':
        this.#note('pause', node.name)
        await handle.pause()
        break
      case 'resume':
        handle.resume()
        break
      case 'refuse':
        this.#note('refuse', `${node.name}: ${action.peers.map(peer => this.nodes[peer]!.name).join(', ')}`)
        this.#refused[action.node] = action.peers
        handle.say({ type: 'refuse', peers: action.peers.map(peer => this.nodes[peer]!.id) })
        break
      case 'publish': {
        const { topic, body, prune } = action
        const ref = this.#publications.push({ action, askedAtUs: this.nowUs }) - 1
        handle.say({ type: 'publish', ref, topic, body: body && bytesToHex(body), prune })
        break
      }
      case 'say':
        handle.say({ type: 'say', topic: action.topic, body: bytesToHex(action.body) })
        break
      case 'subscribe':
      case 'unsubscribe':
        if (action.type === 'subscribe') node.topics.add(action.topic)
        else node.topics.delete(action.topic)
        handle.say({ type: action.type, topic: action.topic })
        this.#changed()
        break
      case 'configure': {
        const settings = this.#settings[action.node]!
        settings.ackPolicy = action.ack ?? settings.ackPolicy
        settings.consumer = action.consumer ?? settings.consumer
        handle.say({ type: 'configure', ack: action.ack, consumer: action.consumer })
      }
    }
  }

  /** Waits until all is as expected, or the duration is over. */
  async #settle(): Promise<Report> {
    const { durationMs } = this.scenario
    await this.#until(this.#plan.calmMs)
    this.#look()
    for (;;) {
      while (!this.#isStable() && this.nowUs < durationMs * 1_000) await sleep(LOOK_EVERY_MS)
      const report = await this.#judge()
      const isGood = report.verdict === 'pass' && this.disagreement() === null
      if (isGood || this.nowUs >= durationMs * 1_000) return report
      await sleep(STABLE_MS)
    }
  }

  #isStable(): boolean {
    return this.convergedAtUs !== null && performance.now() - this.#changedAtMs >= STABLE_MS
  }

  async #judge(): Promise<Report> {
    await Promise.all(this.nodes.map(node => this.#ask(node)))
    for (const node of this.nodes) node.workOff()
    const disagreement = this.disagreement()
    const violations = this.nodes.flatMap(({ checks }) => checks.violations)
    const expectations = expectationResults(this, this.scenario, disagreement, violations.length)
    return reportOf(this, expectations, violations, disagreement)
  }

  async #ask(node: TrueNode): Promise<void> {
    const handle = this.#handles[node.index]!
    if (!handle.isAwake) return
    node.told = null
    handle.say({ type: 'tell' })
    const untilMs = performance.now() + TELL_TIMEOUT_MS
    while (node.told === null && handle.isRunning) {
      if (performance.now() > untilMs) throw new Error(`${node.name} does not answer`)
      await sleep(LOOK_EVERY_MS / 10)
    }
  }

  #look(): void {
    this.overlay?.look(this.nowUs)
    this.#onProgress?.(Math.min(1, this.nowUs / 1_000 / this.scenario.durationMs), this.messages)
    if (this.nowUs < this.calmUs) return
    const isEqual = [...this.topics.values()].every(topic => heightsDisagree(this.#expected(), topic) === null)
    if (!isEqual) this.convergedAtUs = null
    else this.convergedAtUs ??= this.nowUs
  }

  #changed(): void {
    this.#changedAtMs = performance.now()
  }

  #onProcessed(node: TrueNode, id: OperationId, atUs: number): void {
    this.#changed()
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

  #note(fault: string, detail: string): void {
    this.#trace?.write(this.nowUs, null, 'fault', { fault, detail })
  }

  async #until(atMs: number): Promise<void> {
    // A timer may fire a little early.
    for (let leftMs = atMs - this.nowUs / 1_000; leftMs > 0; leftMs = atMs - this.nowUs / 1_000) await sleep(leftMs)
    if (this.#failure) throw this.#failure
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#onFailure(this.#failure)
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, Math.ceil(ms)))
}

/**
 * A scenario on real processes of this machine: each node is a process with its database in a file and libp2p on
 * loopback, the clocks are real, and the runner does at its moment what the plan says. When all is done and stays as it
 * was expected, the rest of the duration is not waited for.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bytesToHex } from '../../engine/core/index.js'
import type { DrawnScenario, Scenario } from '../../scenarios/index.js'
import type { HeldOperation } from '../checks/index.js'
import { drawnScenario, NETWORK_ID, type Report, type TraceFile } from '../world/index.js'
import { LOOK_EVERY_MS, STABLE_MS, STARTING_AT_ONCE, TELL_TIMEOUT_MS } from './limits.js'
import type { Begin } from './messages.js'
import { NodeHandle } from './node-handle.js'
import { type Action, type Plan, planOf } from './plan.js'
import type { TrueNode } from './true-node.js'
import { TrueWorld } from './true-world.js'

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
  const run = new Runner(scenario, seed, options)
  try {
    return await run.run()
  } finally {
    run.end()
  }
}

const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const ANY_PORT = '/ip4/127.0.0.1/tcp/0'

class Runner {
  readonly #world: TrueWorld
  readonly #plan: Plan
  readonly #scenario: DrawnScenario
  readonly #handles: readonly NodeHandle[]
  readonly #onProgress: LoopbackOptions['onProgress']
  readonly #isTraced: boolean
  readonly #folder = mkdtempSync(join(tmpdir(), 'thicket-loopback-'))
  /** Where each node listens: the place of its first life, where others look for it. */
  readonly #listen: string[]
  readonly #refused: (readonly number[])[]
  /** How each node's app reads and acknowledges from its next life on. */
  readonly #settings: { ackPolicy: Begin['ackPolicy']; consumer: string | null }[]
  /** Nodes that start in the middle of the run. */
  readonly #starts = new Set<Promise<void>>()
  readonly #onExit = (): void => this.end()
  /** What was begun is ended first, and then the process, as the signal wants it. */
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    this.end()
    process.kill(process.pid, signal)
  }
  #failure: Error | null = null
  #onFailure: (error: Error) => void = () => {}

  constructor(scenario: DrawnScenario, seed: number, { version, trace, onProgress }: LoopbackOptions) {
    this.#scenario = scenario
    this.#onProgress = onProgress
    this.#isTraced = Boolean(trace)
    this.#plan = planOf(scenario, seed)
    this.#world = new TrueWorld({ scenario, plan: this.#plan, seed, version, trace: trace ?? null })
    this.#listen = scenario.nodes.map(() => ANY_PORT)
    this.#refused = scenario.nodes.map(() => [])
    this.#settings = scenario.nodes.map(() => ({ ackPolicy: 'automatic', consumer: null }))
    this.#handles = this.#world.nodes.map(
      node =>
        new NodeHandle(node.name, {
          message: message => this.#world.hear(node, message),
          died: why => this.#fail(new Error(why)),
        }),
    )
    process.once('exit', this.#onExit)
    for (const signal of ENDING_SIGNALS) process.once(signal, this.#onSignal)
  }

  async run(): Promise<LoopbackResult> {
    const failed = new Promise<never>((_, reject) => {
      this.#onFailure = reject
    })
    return await Promise.race([this.#run(), failed])
  }

  /** Ends what is left of it, whatever has happened. */
  end(): void {
    process.removeListener('exit', this.#onExit)
    for (const signal of ENDING_SIGNALS) process.removeListener(signal, this.#onSignal)
    for (const handle of this.#handles) handle.abandon()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #run(): Promise<LoopbackResult> {
    const { actions } = this.#plan
    const first = actions.findIndex(({ type, atMs }) => type !== 'boot' || atMs > 0)
    const boots = first < 0 ? actions : actions.slice(0, first)
    await this.#startAll(boots.map(({ node }) => node))
    this.#world.begin()
    for (const { node } of boots) this.#introduce(node)
    const looks = setInterval(() => this.#look(), LOOK_EVERY_MS)
    try {
      for (const action of actions.slice(boots.length)) {
        await this.#until(action.atMs)
        await this.#perform(action)
      }
      await Promise.all(this.#starts)
      const report = await this.#settle()
      const holdings = new Map(this.#world.nodes.map(({ name, contents }) => [name, contents]))
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
    const node = this.#world.nodes[index]!
    await this.#handles[index]!.start({
      type: 'begin',
      seed: bytesToHex(this.#plan.keys[index]!.toBytes()),
      networkId: bytesToHex(NETWORK_ID),
      database: join(this.#folder, `${index}.db`),
      listen: this.#listen[index]!,
      overlay: this.#scenario.network.reach === 'all' ? 'hyparview' : 'direct',
      topics: [...node.topics],
      spoken: [...this.#plan.spoken],
      refused: this.#idsOf(this.#refused[index]!),
      isTraced: this.#isTraced,
      ...this.#settings[index]!,
    })
    const [address] = node.addresses
    if (address !== undefined) this.#listen[index] = address.slice(0, address.lastIndexOf('/p2p/'))
  }

  /** Tells a node that listens of those whom it is to know from the start. */
  #introduce(index: number): void {
    const { nodes, links } = this.#scenario
    const self = nodes[index]!
    const known = new Set(self.bootstrap.map(({ name }) => name))
    for (const link of links) {
      const ends = link.nodes.map(({ name }) => name)
      if (ends.includes(self.name)) for (const end of ends) known.add(end)
    }
    for (const { name, addresses } of this.#world.nodes) {
      if (!known.has(name) || name === self.name) continue
      for (const address of addresses) this.#handles[index]!.say({ type: 'connect', address })
    }
  }

  async #perform(action: Action): Promise<void> {
    const node = this.#world.nodes[action.node]!
    const handle = this.#handles[action.node]!
    switch (action.type) {
      case 'boot':
        this.#bootSoon(action.node)
        break
      case 'kill':
        this.#world.fault('crash', node.name)
        await handle.kill()
        node.died()
        break
      case 'pause':
        this.#world.fault('pause', node.name)
        await handle.pause()
        break
      case 'resume':
        handle.resume()
        break
      case 'refuse':
        this.#refused[action.node] = action.peers
        this.#world.fault('refuse', `${node.name}: ${action.peers.map(peer => this.#scenario.nodes[peer]!.name)}`)
        handle.say({ type: 'refuse', peers: this.#idsOf(action.peers) })
        break
      case 'publish': {
        const { topic, body, prune } = action
        handle.say({ type: 'publish', ref: this.#world.asked(action), topic, body: body && bytesToHex(body), prune })
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
        this.#world.changed()
        break
      case 'configure': {
        const settings = this.#settings[action.node]!
        settings.ackPolicy = action.ack ?? settings.ackPolicy
        settings.consumer = action.consumer ?? settings.consumer
        handle.say({ type: 'configure', ack: action.ack, consumer: action.consumer })
      }
    }
  }

  /** The run goes on meanwhile; what is said to the node waits for it. */
  #bootSoon(index: number): void {
    const start = this.#start(index)
      .then(() => this.#introduce(index))
      .catch((error: Error) => this.#fail(error))
      .finally(() => this.#starts.delete(start))
    this.#starts.add(start)
  }

  /** Waits until all is as expected, or the duration is over. */
  async #settle(): Promise<Report> {
    const { durationMs } = this.#scenario
    await this.#until(this.#plan.calmMs)
    this.#look()
    for (;;) {
      while (!this.#world.isStableFor(STABLE_MS) && this.#world.nowMs < durationMs) await this.#wait(LOOK_EVERY_MS)
      await Promise.all(this.#world.nodes.map(node => this.#ask(node)))
      const { report, isAsExpected } = this.#world.judge()
      if (isAsExpected || this.#world.nowMs >= durationMs) return report
      await this.#wait(STABLE_MS)
    }
  }

  async #ask(node: TrueNode): Promise<void> {
    const handle = this.#handles[node.index]!
    if (!handle.isAwake) return
    node.told = null
    handle.say({ type: 'tell' })
    const untilMs = performance.now() + TELL_TIMEOUT_MS
    while (node.told === null && handle.isRunning) {
      if (performance.now() > untilMs) throw new Error(`${node.name} does not answer`)
      await this.#wait(ANSWER_EVERY_MS)
    }
  }

  #look(): void {
    this.#world.look()
    this.#onProgress?.(Math.min(1, this.#world.nowMs / this.#scenario.durationMs), this.#world.messages)
  }

  #idsOf(nodes: readonly number[]): Begin['refused'] {
    return nodes.map(index => this.#world.nodes[index]!.id)
  }

  async #until(atMs: number): Promise<void> {
    // A timer may fire a little early.
    while (this.#world.nowMs < atMs) await this.#wait(atMs - this.#world.nowMs)
    if (this.#failure) throw this.#failure
  }

  /** Whoever waits goes no further when the run has failed meanwhile. */
  async #wait(ms: number): Promise<void> {
    await new Promise(resolve => setTimeout(resolve, Math.ceil(ms)))
    if (this.#failure) throw this.#failure
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#onFailure(this.#failure)
  }
}

/** How often it is looked whether an answer has come, in milliseconds. */
const ANSWER_EVERY_MS = 10

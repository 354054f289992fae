/**
 * Everything that the runner of a true world has to do, and when. The plan is what the simulated world would do with the
 * same seed: its kernel is run with nodes that only know whether they are up and to what they subscribe, so that chance
 * is asked in the same order, and who writes which bytes as its how-manieth operation comes out the same.
 */

import type { SigningKey, Topic } from '../../engine/core/index.js'
import type { AckPolicy, DrawnScenario, FaultOf, WorkOf } from '../../scenarios/index.js'
import { NetworkFaults } from '../faults/index.js'
import { createKernel, type Kernel, msToUs, WORLD } from '../kernel/index.js'
import {
  ANY_DRAW,
  beginNetworkFault,
  churnsOf,
  firstTopicsOf,
  lastChangeMs,
  lastPublicationMs,
  momentsOf,
  signingKeysOf,
  topicsOf,
} from '../world/index.js'

export type Action = { readonly atMs: number; readonly node: number } & (
  | { readonly type: 'publish'; readonly topic: Topic; readonly body: Uint8Array | null; readonly prune: boolean }
  | { readonly type: 'say'; readonly topic: Topic; readonly body: Uint8Array }
  | { readonly type: 'subscribe' | 'unsubscribe'; readonly topic: Topic }
  | { readonly type: 'configure'; readonly ack: AckPolicy | null; readonly consumer: string | null }
  | { readonly type: 'kill' | 'boot' | 'pause' | 'resume' }
  /** The nodes that this one is cut off from, from now on. */
  | { readonly type: 'refuse'; readonly peers: readonly number[] }
)

export interface Plan {
  readonly keys: readonly SigningKey[]
  readonly topics: ReadonlyMap<string, Topic>
  /** By node: what it subscribes to at the start. */
  readonly firstTopics: readonly (readonly Topic[])[]
  /** Topics in which something is said that nobody keeps. */
  readonly spoken: ReadonlySet<Topic>
  /** In the order in which they are to be done; those of one moment too. */
  readonly actions: readonly Action[]
  /** Publications that found nobody who was up. */
  readonly skipped: number
  readonly settledMs: number
  readonly calmMs: number
}

interface Puppet {
  readonly index: number
  readonly name: string
  isUp: boolean
  readonly topics: Set<Topic>
}

export function planOf(scenario: DrawnScenario, seed: number): Plan {
  return new Planner(scenario, seed).plan()
}

class Planner {
  readonly #scenario: DrawnScenario
  readonly #kernel: Kernel
  readonly #topics: ReadonlyMap<string, Topic>
  readonly #puppets: readonly Puppet[]
  readonly #actions: Action[] = []
  readonly #faults: NetworkFaults
  /** By node: from whom something holds it apart, in either direction. */
  readonly #held: readonly Map<number, Set<string>>[]
  #skipped = 0

  constructor(scenario: DrawnScenario, seed: number) {
    this.#scenario = scenario
    this.#kernel = createKernel({ seed })
    this.#topics = topicsOf(scenario, this.#kernel)
    this.#puppets = scenario.nodes.map(({ name }, index) => ({
      index,
      name,
      isUp: false,
      topics: new Set(firstTopicsOf(scenario, index).map(topic => this.#topic(topic))),
    }))
    this.#held = scenario.nodes.map(() => new Map())
    this.#faults = new NetworkFaults({
      pairs: () => this.#puppets.flatMap(({ index: a }) => this.#puppets.slice(a + 1).map(({ index: b }) => [a, b])),
      setLink: (from, to, state) => this.#setWay(from, to, state !== 'up'),
    })
  }

  plan(): Plan {
    const scenario = this.#scenario
    const keys = signingKeysOf(scenario, this.#kernel)
    const churns = churnsOf(scenario, this.#kernel)
    const firstTopics = this.#puppets.map(({ topics }) => [...topics])
    for (const puppet of this.#puppets) this.#at(0, () => this.#boot(puppet))
    for (const [index, work] of scenario.workload.entries()) this.#planWork(work, index)
    for (const fault of scenario.faults) this.#planFault(fault, churns)
    this.#kernel.run({ untilUs: msToUs(scenario.durationMs) })
    const settledMs = lastChangeMs(scenario, churns)
    return {
      keys,
      topics: this.#topics,
      firstTopics,
      spoken: new Set(
        scenario.workload.flatMap(work => (work.type === 'ephemeral' ? [this.#topic(work.topic.name)] : [])),
      ),
      actions: this.#actions,
      skipped: this.#skipped,
      settledMs: Math.min(scenario.durationMs, settledMs),
      calmMs: Math.min(scenario.durationMs, Math.max(settledMs, lastPublicationMs(scenario))),
    }
  }

  #planWork(work: WorkOf<number>, index: number): void {
    const random = this.#kernel.random(`workload/${index}`)
    const named = work.node === 'any' ? null : work.node.map(({ name }) => this.#puppet(name))
    for (const atMs of momentsOf(work)) {
      for (const puppet of named ?? [null]) {
        this.#at(atMs, () => {
          switch (work.type) {
            case 'publish':
            case 'prune': {
              const topic = this.#topic(work.topic.name)
              const chosen = puppet ?? this.#any(topic, random.int(ANY_DRAW))
              if (!chosen?.isUp) {
                this.#skipped += 1
                return
              }
              const body = work.type === 'publish' ? random.bytes(work.size) : null
              this.#do(chosen, { type: 'publish', topic, body, prune: body === null })
              return
            }
            case 'ephemeral': {
              const topic = this.#topic(work.topic.name)
              const chosen = puppet ?? this.#any(topic, random.int(ANY_DRAW))
              if (!chosen) return
              const body = random.bytes(work.size)
              if (chosen.isUp && chosen.topics.has(topic)) this.#do(chosen, { type: 'say', topic, body })
              return
            }
            case 'subscribe':
            case 'unsubscribe':
              for (const { name } of work.topics) this.#subscribe(puppet!, work.type, this.#topic(name))
              return
            case 'configure':
              this.#do(puppet!, { type: 'configure', ack: work.ack, consumer: work.consumer })
          }
        })
      }
    }
  }

  #planFault(fault: FaultOf<number>, churns: ReturnType<typeof churnsOf>): void {
    switch (fault.type) {
      case 'partition':
      case 'isolate':
      case 'one-way':
      case 'link':
      case 'clog':
        this.#at(fault.atMs, () => {
          const names = this.#puppets.map(({ name }) => name)
          const end = this.#changeWays(() => beginNetworkFault(this.#faults, fault, names))
          if (fault.forMs !== null) this.#after(fault.forMs, () => this.#changeWays(end))
        })
        break
      case 'pause':
        for (const { name } of fault.nodes) {
          this.#at(fault.atMs, () => this.#do(this.#puppet(name), { type: 'pause' }))
          if (fault.forMs !== null)
            this.#at(fault.atMs + fault.forMs, () => this.#do(this.#puppet(name), { type: 'resume' }))
        }
        break
      case 'crash':
        for (const { name } of fault.nodes) {
          this.#at(fault.atMs, () => {
            this.#kill(this.#puppet(name))
            if (fault.restartAfterMs !== null) this.#after(fault.restartAfterMs, () => this.#boot(this.#puppet(name)))
          })
        }
        break
      case 'churn':
        for (const { atMs, node } of churns.get(fault) ?? []) {
          const puppet = this.#puppet(fault.nodes![node]!.name)
          this.#at(atMs, () => {
            if (!puppet.isUp) return
            this.#kill(puppet)
            this.#after(fault.downForMs, () => this.#boot(puppet))
          })
        }
        break
      default:
        throw new Error(`loopback was asked for ${fault.type}, which it does not do`)
    }
  }

  #boot(puppet: Puppet): void {
    if (puppet.isUp) return
    puppet.isUp = true
    this.#do(puppet, { type: 'boot' })
  }

  #kill(puppet: Puppet): void {
    if (!puppet.isUp) return
    puppet.isUp = false
    this.#do(puppet, { type: 'kill' })
  }

  #subscribe(puppet: Puppet, type: 'subscribe' | 'unsubscribe', topic: Topic): void {
    if (type === 'subscribe') puppet.topics.add(topic)
    else puppet.topics.delete(topic)
    this.#do(puppet, { type, topic })
  }

  /** One of those who are up and subscribe; a number is drawn whether or not there is anyone. */
  #any(topic: Topic, draw: number): Puppet | undefined {
    const candidates = this.#puppets.filter(({ isUp, topics }) => isUp && topics.has(topic))
    return candidates[draw % Math.max(1, candidates.length)]
  }

  /** Two nodes are apart while either direction between them is. */
  #setWay(from: number, to: number, isHeld: boolean): void {
    const direction = `${from}>${to}`
    for (const [node, peer] of [
      [from, to],
      [to, from],
    ] as const) {
      const holds = this.#held[node]!.get(peer) ?? new Set()
      if (isHeld) holds.add(direction)
      else holds.delete(direction)
      if (holds.size > 0) this.#held[node]!.set(peer, holds)
      else this.#held[node]!.delete(peer)
    }
  }

  /** Tells those nodes of it for whom the change changes anything. */
  #changeWays<Result>(change: () => Result): Result {
    const refused = () => this.#held.map(holds => [...holds.keys()].sort((a, b) => a - b))
    const before = refused().map(String)
    const result = change()
    for (const [index, peers] of refused().entries()) {
      if (String(peers) !== before[index]) this.#do(this.#puppets[index]!, { type: 'refuse', peers })
    }
    return result
  }

  #do(puppet: Puppet, action: Undated<Action>): void {
    this.#actions.push({ atMs: this.#kernel.nowUs / 1_000, node: puppet.index, ...action } as Action)
  }

  #at(atMs: number, run: () => void): void {
    this.#kernel.schedule(msToUs(atMs), 'plan', WORLD, run)
  }

  #after(ms: number, run: () => void): void {
    this.#kernel.schedule(msToUs(ms), 'plan', WORLD, run)
  }

  #puppet(name: string): Puppet {
    return this.#puppets.find(puppet => puppet.name === name)!
  }

  #topic(name: string): Topic {
    return this.#topics.get(name)!
  }
}

type Undated<Of> = Of extends Action ? Omit<Of, 'atMs' | 'node'> : never

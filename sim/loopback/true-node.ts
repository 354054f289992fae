/**
 * What is known of one node from outside: which topics its app wants, what reached it, what it holds. The safety checks
 * look at the same things as in the simulated world. What a node tells of an operation whose author has not told of it
 * yet waits: the two speak over pipes of their own.
 */

import type { OperationId, SigningKey, Topic, VerifyingKey } from '../../engine/core/index.js'
import { contentHash, type HeldOperation, type Ledger, SafetyChecks } from '../checks/index.js'
import { NodeSessions, type OutcomeNode } from '../world/index.js'
import type { FromNode, Told } from './messages.js'
import type { Action } from './plan.js'

export interface Surroundings {
  readonly ledger: Ledger
  nowUs(): number
  /** What was asked for under this reference, and when. */
  publication(ref: number): { readonly action: Action & { readonly type: 'publish' }; readonly askedAtUs: number }
  /** Something was told of that heights, deliveries or the ledger hang on. */
  changed(): void
  processed(node: TrueNode, id: OperationId, atUs: number): void
  traced(node: TrueNode, event: string, fields: (FromNode & { type: 'trace' })['fields']): void
  ephemeral(what: 'said' | 'heard'): void
}

const OF_THIS_LIFE: ReadonlySet<FromNode['type']> = new Set(['ready', 'heights', 'trace', 'told'])

interface Arrival {
  readonly message: FromNode
  readonly atUs: number
}

export class TrueNode implements OutcomeNode {
  readonly index: number
  readonly name: string
  readonly id: VerifyingKey
  readonly checks: SafetyChecks
  readonly sessions = new NodeSessions()
  readonly topics: Set<Topic>
  isUp = false
  crashes = 0
  /** What it said of itself when it was last asked; null while it is down. */
  told: Told | null = null
  addresses: readonly string[] = []
  readonly #world: Surroundings
  readonly #heights = new Map<Topic, string>()
  #inbox: Arrival[] = []
  #held: ReadonlySet<OperationId> = new Set()

  constructor(index: number, name: string, key: SigningKey, topics: readonly Topic[], world: Surroundings) {
    this.index = index
    this.name = name
    this.id = key.verifyingKey
    this.topics = new Set(topics)
    this.#world = world
    this.checks = new SafetyChecks(name, this.id, world.ledger)
  }

  heights(topic: Topic): string | null {
    return this.isUp ? (this.#heights.get(topic) ?? '') : null
  }

  holds(id: OperationId): boolean {
    return this.#held.has(id)
  }

  get contents(): readonly HeldOperation[] {
    return this.told?.contents ?? []
  }

  get contentHash(): string {
    return this.told ? contentHash(this.told.contents) : ''
  }

  died(): void {
    this.isUp = false
    this.crashes += 1
    this.told = null
    this.#held = new Set()
    this.#heights.clear()
    this.sessions.died()
    // What it told of its own state is over; what it did is not.
    this.#inbox = this.#inbox.filter(({ message: { type } }) => !OF_THIS_LIFE.has(type))
    this.#world.changed()
  }

  hear(message: FromNode): void {
    const arrival = { message, atUs: this.#world.nowUs() }
    // Who was asked is waited for.
    if (message.type === 'told') this.#handle(arrival)
    else {
      this.#inbox.push(arrival)
      this.work()
    }
  }

  /** Handles what has come as far as the ledger knows what it is about. */
  work(): void {
    for (;;) {
      const [next] = this.#inbox
      if (!next || (next.message.type === 'processed' && !this.#world.ledger.find(next.message.id))) return
      this.#inbox.shift()
      this.#handle(next)
    }
  }

  /** At the end nobody will tell any more: what waits is judged as it is. */
  workOff(): void {
    for (const arrival of this.#inbox.splice(0)) this.#handle(arrival)
  }

  #handle({ message, atUs }: Arrival): void {
    const { ledger } = this.#world
    switch (message.type) {
      case 'ready': {
        const held = new Set(message.held)
        this.isUp = true
        this.addresses = message.addresses
        if (this.crashes > 0) this.checks.recovered({ has: id => held.has(id) }, atUs)
        this.#world.changed()
        break
      }
      case 'published': {
        const { ref, id, seqNum, backlink, bodyHash, bytes } = message
        const { action, askedAtUs } = this.#world.publication(ref)
        const { topic, prune, body } = action
        const bodyBytes = body?.length ?? 0
        const atUs = askedAtUs
        ledger.published({ id, author: this.id, topic, seqNum, backlink, bodyHash, bytes, bodyBytes, prune, atUs })
        this.#world.changed()
        break
      }
      case 'publish-refused':
        this.checks.report('publish-refused', atUs, message.reason)
        break
      case 'opened':
        this.checks.streamOpened(message.consumer, message.topic)
        break
      case 'processed':
        this.checks.deliver({ ...message, atUs })
        this.#world.processed(this, message.id, atUs)
        break
      case 'acked':
        this.checks.acknowledge(message.consumer, message.id)
        break
      case 'forked':
        this.checks.report(
          'fork-detected',
          atUs,
          `${message.author.slice(0, 12)} signed two branches at ${message.seqNum}`,
        )
        break
      case 'heights':
        this.#heights.set(message.topic, message.heights)
        this.#world.changed()
        break
      case 'said':
      case 'heard':
        this.#world.ephemeral(message.type)
        break
      case 'trace':
        this.sessions.onTrace(message.event, message.fields)
        this.#world.traced(this, message.event, message.fields)
        break
      case 'told':
        this.told = message
        this.#held = new Set(message.contents.map(({ id }) => id))
    }
  }
}

/**
 * A world for tests in which nodes are found by addresses: nodes of one process that can be dialled only by whoever has
 * learnt where they are, a clock that is turned by hand, and chance from a seed.
 */

import { setImmediate as turn } from 'node:timers/promises'
import { InProcessHub, inProcessTransport } from '../adapters/index.js'
import { portableCrypto, SigningKey, type Topic, type VerifyingKey } from '../core/index.js'
import type { Addressing, Clock, Connection, Crypto, Random, Timer, Transport } from '../ports.js'
import { type AddressBookStore, createDiscovery, type Discovery, type DiscoveryConfig } from './index.js'

export class HandClock implements Clock {
  #nowMs = 0
  #timers: { atMs: number; callback: () => void }[] = []

  nowMs = () => this.#nowMs
  wallUs = () => 1_788_000_000_000_000n + BigInt(Math.round(this.#nowMs * 1_000))

  after(delayMs: number, callback: () => void): Timer {
    const timer = { atMs: this.#nowMs + delayMs, callback }
    this.#timers.push(timer)
    return { cancel: () => (this.#timers = this.#timers.filter(other => other !== timer)) }
  }

  get pending(): number {
    return this.#timers.length
  }

  /** Lets time pass in steps, and what falls due happen. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms
    await turns()
    for (;;) {
      const due = this.#timers.filter(({ atMs }) => atMs <= endMs).sort((left, right) => left.atMs - right.atMs)[0]
      if (!due) break
      this.#nowMs = Math.max(this.#nowMs, due.atMs)
      this.#timers = this.#timers.filter(timer => timer !== due)
      due.callback()
      await turns()
    }
    this.#nowMs = endMs
  }
}

/** Enough turns of the event loop for a whole session. */
export async function turns(count = 24): Promise<void> {
  for (let left = count; left > 0; left--) await turn()
}

/** A small generator (mulberry32): chance that is the same in every run. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const float = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return { float, bytes: length => Uint8Array.from({ length }, () => Math.floor(float() * 256)) }
}

/** Verifies at once. */
export const testCrypto: Crypto = {
  ...portableCrypto,
  verifyBatch(messages, done) {
    done(messages.map(message => portableCrypto.verify(message)))
    return true
  },
}

export class MemoryBook implements AddressBookStore {
  readonly #rows = new Map<string, ReturnType<AddressBookStore['load']>[number]>()
  load = () => [...this.#rows.values()].sort((left, right) => (left.nodeId < right.nodeId ? -1 : 1))
  save: AddressBookStore['save'] = (_, rows, dropped) => {
    for (const node of dropped) this.#rows.delete(node)
    for (const row of rows) this.#rows.set(row.nodeId, row)
  }
}

export interface TestNode {
  readonly key: SigningKey
  readonly id: VerifyingKey
  readonly discovery: Discovery
  readonly transport: Transport
  /** Where the node has learnt that others are. */
  readonly learned: ReadonlyMap<VerifyingKey, readonly string[]>
  readonly dials: VerifyingKey[]
  readonly told: { readonly topic: Topic; readonly peers: readonly VerifyingKey[] }[]
  /** Says that another node is at its address, as somebody who was given it. */
  know(other: TestNode, origin?: 'bootstrap' | 'local'): void
  move(address: string): void
  stop(): void
}

export interface TestNodeOptions
  extends Partial<Pick<DiscoveryConfig, 'book' | 'settings' | 'limits' | 'isBound' | 'mayConnect'>> {
  readonly topics?: readonly Topic[]
  readonly address?: string
  readonly kind?: Addressing['kind']
  /** False for a world that says who is there. */
  readonly isAddressed?: boolean
}

/** Keys in ascending order of their ids. */
export const KEYS: readonly SigningKey[] = Array.from({ length: 40 }, (_, at) =>
  SigningKey.fromBytes(new Uint8Array(32).fill(at + 1)),
).sort((left, right) => (left.verifyingKey < right.verifyingKey ? -1 : 1))

export const PROTOCOL = '/test-discovery'

export class AddressedWorld {
  readonly clock = new HandClock()
  readonly hub = new InProcessHub()
  readonly nodes: TestNode[] = []
  readonly #addresses = new Map<VerifyingKey, string>()
  /** Pairs that cannot reach each other. */
  readonly cut = new Set<string>()

  node(number: number, options: TestNodeOptions = {}): TestNode {
    const key = KEYS[number]!
    const id = key.verifyingKey
    const kind = options.kind ?? 'libp2p'
    const inner = inProcessTransport({ hub: this.hub, discover: false })
    const learned = new Map<VerifyingKey, readonly string[]>()
    const dials: VerifyingKey[] = []
    const told: TestNode['told'] = []
    this.#addresses.set(id, options.address ?? (kind === 'iroh' ? `10.0.0.${number}:1` : `/ip4/10.0.0.${number}/tcp/1`))
    const addressing: Addressing = {
      kind,
      own: () => [this.#addresses.get(id)!],
      learn(peer, addresses) {
        if (addresses.length > 0) learned.set(peer, addresses)
        else learned.delete(peer)
      },
    }
    const isAddressed = options.isAddressed ?? true
    const canReach = (peer: VerifyingKey) => {
      if (this.cut.has(id) !== this.cut.has(peer)) return false
      return !isAddressed || (learned.get(peer) ?? []).includes(this.#addresses.get(peer) ?? '')
    }
    const dial = (peer: VerifyingKey, protocol: string, done: (connection: Connection | null) => void) => {
      dials.push(peer)
      const over = (connection: Connection | null) => {
        discovery.dialled(peer, connection !== null)
        done(connection)
      }
      if (canReach(peer)) inner.dial(peer, protocol, over)
      else this.clock.after(1, () => over(null))
    }
    const discovery = createDiscovery({
      id,
      clock: this.clock,
      random: seededRandom(number + 1),
      crypto: testCrypto,
      signingKey: key,
      protocol: PROTOCOL,
      dial,
      addressing: isAddressed ? addressing : null,
      book: options.book ?? null,
      isBound: options.isBound ?? true,
      ...(options.mayConnect ? { mayConnect: options.mayConnect } : {}),
      settings: options.settings ?? {},
      limits: options.limits ?? {},
    })
    discovery.onPeers((topic, peers) => told.push({ topic, peers }))
    discovery.setTopics(options.topics ?? [])
    inner.start({
      id,
      networkId: new Uint8Array(32),
      peerFound: peer => discovery.peerFound(peer),
      peerLost: peer => discovery.peerLost(peer),
      accept: connection => {
        discovery.incoming(connection.remote)
        discovery.accept(connection)
      },
    })
    discovery.start()
    const node: TestNode = {
      key,
      id,
      discovery,
      transport: inner,
      learned,
      dials,
      told,
      know: (other, origin = 'bootstrap') => {
        if (isAddressed) learned.set(other.id, [this.#addresses.get(other.id)!])
        discovery.peerFound(other.id, origin)
      },
      move: address => {
        this.#addresses.set(id, address)
        discovery.addressesChanged()
      },
      stop: () => {
        discovery.stop()
        inner.stop()
      },
    }
    this.nodes.push(node)
    return node
  }

  async until(condition: () => boolean, withinMs = 120_000): Promise<number> {
    const fromMs = this.clock.nowMs()
    while (!condition()) {
      if (this.clock.nowMs() - fromMs > withinMs) throw new Error(`not within ${withinMs} ms`)
      await this.clock.advance(100)
    }
    return this.clock.nowMs() - fromMs
  }

  stop(): void {
    for (const node of this.nodes) node.stop()
  }
}

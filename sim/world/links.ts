/**
 * Ordered, reliable byte links between simulated nodes: latency, jitter, bandwidth, and loss that shows as delay, as in
 * TCP; with links that stall, fall and heal, connections that are reset, and processes that die.
 *
 * Every moment and every draw comes from the kernel, so a run repeats bit for bit. What a node hears, it hears from an
 * event of its own index; nothing calls back from within a call.
 */

import { invariant, type VerifyingKey } from '../../engine/core/index.js'
import type { Transport } from '../../engine/ports.js'
import type { Kernel, SimRandom } from '../kernel/index.js'
import { Direction, type LinkConditions, type LinkCounters, type LinkState, type Pace } from './links-lane.js'
import { HANDSHAKE_BYTES, IDLE_TIMEOUT_MS } from './links-limits.js'
import { type Exit, Link, type LinkFigures, type Residents } from './links-link.js'
import { type Neighbourhood, SimTransport } from './links-transport.js'
import { Ways } from './links-ways.js'
import { type Atlas, NetworkTransport } from './network-transport.js'

export type { LinkConditions, LinkCounters, LinkState, Pace } from './links-lane.js'
export type { Exit } from './links-link.js'

/** What a link is like that nothing is said about: a good local network. */
export const DEFAULT_CONDITIONS: LinkConditions = { latencyMs: 1, jitterMs: 0, bandwidthBps: Infinity, loss: 0 }

export interface NetworkOptions {
  /** Node ids by index. */
  readonly nodes: readonly VerifyingKey[]
  /** Those of the internet where nothing is said. */
  readonly figures?: Partial<LinkFigures>
  readonly reach?: Reach
}

/** Any node can dial any other whose address it has learnt. */
export interface Reach {
  /** Names of the nodes by index, which are their addresses. */
  readonly names: readonly string[]
  /** What it is like between two nodes that no link joins. */
  readonly conditions: Partial<LinkConditions>
  /** Two nodes are about to speak for the first time, or again after a long silence. */
  readonly onLaid?: (a: number, b: number) => void
}

/** Which direction of the link named (a, b): both, or from a to b alone. */
export type Which = 'both' | 'forward'

export interface Network {
  /** Links two nodes; `backward` are the conditions from b to a, the same as forward when absent. */
  addLink(a: number, b: number, forward?: Partial<LinkConditions>, backward?: Partial<LinkConditions>): void
  /**
   * Links two nodes over a medium with a rhythm of its own, from a to b and back, or brings such a link up again after
   * `sever`; `latencyMs` is that of a word without data.
   */
  join(a: number, b: number, latencyMs: number, paces: readonly [Pace, Pace]): void
  /** Takes the medium away from a link: connections are over and the nodes lost to each other at once. */
  sever(a: number, b: number): void
  hasLink(a: number, b: number): boolean
  /** Pairs in the order in which they were linked. */
  pairs(): readonly (readonly [number, number])[]
  /** The transport of one boot of the node; the one before must have died or been stopped when this one starts. */
  transport(node: number): Transport
  setLink(a: number, b: number, state: LinkState, which?: Which): void
  linkState(from: number, to: number): LinkState
  /** Changes what a link is like; what is in flight is not touched. */
  setConditions(a: number, b: number, conditions: Partial<LinkConditions>, which?: Which): void
  /** Cuts every connection of the link; both sides learn of it at once. */
  reset(a: number, b: number): void
  /**
   * The node's process ends now. None of its handlers is called again and nothing that it had queued leaves. Peers lose
   * their connections after the idle timeout (`power`) or one latency (`clean`).
   */
  die(node: number, exit?: Exit): void
  /** Changes the bytes on their way from a to b; null ends it. */
  tamper(a: number, b: number, change: ((bytes: Uint8Array) => Uint8Array) | null): void
  /** What went from a to b. */
  counters(from: number, to: number): Readonly<LinkCounters>
  /** Over all links, both directions. */
  totals(): LinkCounters
  /** Bytes of all connections by their protocol, framing and handshakes included. */
  bytesByProtocol(): ReadonlyMap<string, number>
  /** Connections of the link that are not over at both ends. */
  openConnections(a: number, b: number): number
}

export function createNetwork(kernel: Kernel, options: NetworkOptions): Network {
  return new SimNetwork(kernel, options)
}

class SimNetwork implements Network, Neighbourhood, Residents, Atlas {
  readonly #kernel: Kernel
  readonly #nodes: readonly VerifyingKey[]
  readonly #indices = new Map<VerifyingKey, number>()
  readonly #ways: Ways
  readonly #reach: Reach | null
  readonly #places: ReadonlyMap<string, number>
  readonly #bytes = new Map<string, number>()
  readonly #account = (protocol: string, bytes: number): void => {
    this.#bytes.set(protocol, (this.#bytes.get(protocol) ?? 0) + bytes)
  }
  /** The latest boot of each node, which may have ended. */
  readonly #boots: (SimTransport | null)[] = []
  /** How each node's last process ended; a machine that never ran one answers. */
  readonly #exits: Exit[] = []
  readonly #figures: LinkFigures

  constructor(kernel: Kernel, { nodes, figures = {}, reach }: NetworkOptions) {
    this.#figures = { idleTimeoutMs: IDLE_TIMEOUT_MS, handshakeBytes: HANDSHAKE_BYTES, ...figures }
    this.#reach = reach ?? null
    this.#places = new Map(reach?.names.map((name, index) => [name, index]))
    this.#ways = new Ways(nodes.length)
    this.#kernel = kernel
    this.#nodes = nodes
    for (const [index, id] of nodes.entries()) {
      invariant(!this.#indices.has(id), 'every node has an id of its own')
      this.#indices.set(id, index)
      this.#boots.push(null)
      this.#exits.push('clean')
    }
  }

  addLink(a: number, b: number, forward: Partial<LinkConditions> = {}, backward = forward): void {
    this.#lay(a, b, [this.#direction(a, b, forward), this.#direction(b, a, backward)], true)
  }

  join(a: number, b: number, latencyMs: number, paces: readonly [Pace, Pace]): void {
    if (!this.hasLink(a, b)) {
      const directions = [this.#direction(a, b, { latencyMs }), this.#direction(b, a, { latencyMs })] as const
      // From down it comes up as it will the next time, and tells the nodes of each other.
      for (const direction of directions) direction.state = 'down'
      this.#lay(a, b, directions, true)
    }
    const link = this.#link(a, b)
    invariant(link.isDown, 'a link that is joined was severed before')
    link.directionFrom(a).follow(paces[0])
    link.directionFrom(b).follow(paces[1])
    this.setLink(a, b, 'up')
  }

  sever(a: number, b: number): void {
    this.#link(a, b).sever()
    this.#kernel.trace.event('link-state', { from: a, to: b, state: 'down', which: 'both' })
  }

  hasLink(a: number, b: number): boolean {
    return this.#ways.of(a).has(b)
  }

  pairs(): readonly (readonly [number, number])[] {
    return this.#ways.pairs
  }

  transport(node: number): Transport {
    const transport = new SimTransport(this.#kernel, this, node)
    return this.#reach === null ? transport : new NetworkTransport(this.#kernel, this, transport)
  }

  setLink(a: number, b: number, state: LinkState, which: Which = 'both'): void {
    const link = this.#link(a, b)
    link.setState(link.directionFrom(a), state)
    if (which === 'both') link.setState(link.directionFrom(b), state)
    this.#kernel.trace.event('link-state', { from: a, to: b, state, which })
  }

  linkState(from: number, to: number): LinkState {
    return this.#link(from, to).directionFrom(from).state
  }

  setConditions(a: number, b: number, conditions: Partial<LinkConditions>, which: Which = 'both'): void {
    const link = this.#link(a, b)
    for (const direction of which === 'both' ? link.directions : [link.directionFrom(a)]) {
      direction.conditions = checked({ ...direction.conditions, ...conditions })
    }
  }

  reset(a: number, b: number): void {
    this.#link(a, b).reset()
    this.#kernel.trace.event('link-reset', { from: a, to: b })
  }

  die(node: number, exit: Exit = 'power'): void {
    this.#exits[node] = exit
    const boot = this.#boots[node]
    if (!boot || boot.isDead) return
    boot.die()
    for (const link of this.links(node)) link.died(boot, exit)
  }

  tamper(a: number, b: number, change: ((bytes: Uint8Array) => Uint8Array) | null): void {
    this.#link(a, b).directionFrom(a).tamper = change
  }

  counters(from: number, to: number): Readonly<LinkCounters> {
    return { ...this.#link(from, to).directionFrom(from).counters }
  }

  totals(): LinkCounters {
    return this.#ways.totals()
  }

  bytesByProtocol(): ReadonlyMap<string, number> {
    return this.#bytes
  }

  openConnections(a: number, b: number): number {
    return this.#link(a, b).openConnections
  }

  // For the transports and links.

  id(node: number): VerifyingKey {
    const id = this.#nodes[node]
    invariant(id !== undefined, 'a node index lies within the network')
    return id
  }

  links(node: number): readonly Link[] {
    return [...this.#ways.of(node).values()]
  }

  linkTo(node: number, peer: VerifyingKey): Link | null {
    const index = this.#indices.get(peer)
    return index === undefined ? null : (this.#ways.of(node).get(index) ?? null)
  }

  moveIn(boot: SimTransport): void {
    const before = this.#boots[boot.node]
    invariant(!before || before.isStopped, 'a node runs one process at a time')
    this.#boots[boot.node] = boot
    this.#exits[boot.node] = 'clean'
  }

  current(node: number): SimTransport | null {
    const boot = this.#boots[node]
    return !boot || boot.isStopped ? null : boot
  }

  answers(node: number): boolean {
    return this.#exits[node] === 'clean'
  }

  // For transports that reach all.

  get roundTripMs(): number {
    return 2 * (this.#reach?.conditions.latencyMs ?? DEFAULT_CONDITIONS.latencyMs)
  }

  at(name: string): number | null {
    return this.#places.get(name) ?? null
  }

  name(node: number): string {
    const name = this.#reach?.names[node]
    invariant(name !== undefined, 'a node that can be reached has a name')
    return name
  }

  areNeighbours(node: number, peer: VerifyingKey): boolean {
    return this.linkTo(node, peer)?.introduces ?? false
  }

  lay(from: number, to: number): void {
    if (this.hasLink(from, to)) return
    const conditions = checked({ ...DEFAULT_CONDITIONS, ...this.#reach?.conditions })
    // A stream of chance for each sender, not for each pair: a large overlay has more pairs than memory has room for.
    const [a, b] = [from, to].map(node => this.#kernel.random(`network/${this.id(node)}`)) as [SimRandom, SimRandom]
    const there = new Direction(this.#kernel, from, to, a, conditions)
    this.#lay(from, to, [there, new Direction(this.#kernel, to, from, b, conditions)], false)
    this.#reach?.onLaid?.(from, to)
  }

  #lay(a: number, b: number, directions: readonly [Direction, Direction], introduces: boolean): void {
    const link = new Link(this.#kernel, this, directions, this.#figures, { introduces, account: this.#account })
    this.#ways.lay(a, b, link)
  }

  #direction(from: number, to: number, conditions: Partial<LinkConditions>): Direction {
    const random = this.#kernel.random(`links/${this.id(from)}-${this.id(to)}`)
    return new Direction(this.#kernel, from, to, random, checked({ ...DEFAULT_CONDITIONS, ...conditions }))
  }

  #link(a: number, b: number): Link {
    return this.#ways.between(a, b)
  }
}

function checked(conditions: LinkConditions): LinkConditions {
  const { latencyMs, jitterMs, bandwidthBps, loss } = conditions
  invariant(Number.isFinite(latencyMs) && latencyMs >= 0, 'latency is a time')
  invariant(Number.isFinite(jitterMs) && jitterMs >= 0, 'jitter is a time')
  invariant(bandwidthBps > 0, 'bandwidth is more than nothing; a link that carries nothing is stalled')
  invariant(loss >= 0 && loss <= 1, 'loss is a share of 1')
  return conditions
}

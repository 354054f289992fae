/**
 * A network of overlay machines in memory, in virtual time: latency, dials that take a round trip more, connections that
 * end when nobody needs them, deaths that are noticed late, partitions. Chance comes from one seed, so a run repeats.
 */

import { bytesToHex, hash, type Topic, type VerifyingKey } from '../core/index.js'
import { DEFAULT_OVERLAY_LIMITS, type OverlayLimits } from './overlay-limits.js'
import { encodeOverlay, type OverlayMessage } from './overlay-wire.js'
import { Swarm, type SwarmEffect } from './swarm.js'
import { classOf, TrafficCount } from './traffic.js'

export const WORLD_TOPIC = '07'.repeat(32) as Topic

export interface WorldNode {
  readonly at: number
  readonly id: VerifyingKey
  readonly swarm: Swarm
  readonly sent: TrafficCount
  /** How often each message was handed to the application, by its text. */
  readonly heard: Map<string, number>
  isUp: boolean
  /** Nodes of different parts do not reach each other. */
  part: number
  /** Peers with whom there is a connection, and the earliest moment at which the next message may arrive there. */
  readonly connected: Map<number, number>
  wakeMs: number
}

export interface WorldConfig {
  readonly nodes: number
  readonly seed: number
  readonly limits?: Partial<OverlayLimits>
  readonly latencyMs?: readonly [number, number]
}

interface Event {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
}

/** Milliseconds after which a connection is noticed to be dead: the idle time of QUIC in p2panda. */
const NOTICED_MS = 10_000
const FRAME_HEAD_BYTES = 4
const BYTES = new TextEncoder()
const TEXT = new TextDecoder()

export class OverlayWorld {
  readonly nodes: WorldNode[] = []
  readonly #byId = new Map<VerifyingKey, WorldNode>()
  readonly #limits: OverlayLimits
  readonly #latencyMs: readonly [number, number]
  readonly #heap: Event[] = []
  #order = 0
  #state: number
  nowMs = 0
  neighbourChanges = 0
  /** Says of a message whether it is lost on its way; for links that fail without a word. */
  loses: (from: WorldNode, to: WorldNode, message: OverlayMessage) => boolean = () => false

  constructor(config: WorldConfig) {
    this.#state = config.seed
    this.#limits = { ...DEFAULT_OVERLAY_LIMITS, ...config.limits }
    this.#latencyMs = config.latencyMs ?? [10, 50]
    for (let at = 0; at < config.nodes; at++) this.#add(at)
  }

  /** Uniform in [0, 1): splitmix, 32 bits. */
  readonly chance = (): number => {
    this.#state = (this.#state + 0x9e3779b9) | 0
    let mixed = this.#state ^ (this.#state >>> 16)
    mixed = Math.imul(mixed, 0x21f0aaad)
    mixed ^= mixed >>> 15
    mixed = Math.imul(mixed, 0x735a2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32
  }

  get alive(): readonly WorldNode[] {
    return this.nodes.filter(({ isUp }) => isUp)
  }

  /** Tells a node who is interested, as discovery does. */
  tell(at: number, candidates: readonly number[]): void {
    const node = this.nodes[at]!
    this.enact(
      node,
      node.swarm.setCandidates(
        candidates.map(other => this.nodes[other]!.id),
        this.nowMs,
      ),
    )
  }

  /** Every node joins within a while, knowing one node alone. */
  joinThrough(bootstrap: number, withinMs: number): void {
    for (const { at } of this.nodes) {
      if (at !== bootstrap) this.later(this.chance() * withinMs, () => this.tell(at, [bootstrap]))
    }
  }

  kill(at: number): void {
    const node = this.nodes[at]!
    node.isUp = false
    for (const other of [...node.connected.keys()]) this.#break(node, this.nodes[other]!)
  }

  /** Puts nodes into parts that do not reach each other. */
  partition(partOf: (node: WorldNode) => number): void {
    for (const node of this.nodes) node.part = partOf(node)
    for (const node of this.nodes) {
      for (const other of [...node.connected.keys()]) {
        if (this.nodes[other]!.part !== node.part) this.#break(node, this.nodes[other]!)
      }
    }
  }

  say(at: number, text: string): void {
    const node = this.nodes[at]!
    this.enact(node, node.swarm.broadcast(BYTES.encode(text), this.nowMs))
  }

  /** How many of the living heard a text, and the most often that one did. */
  heard(text: string): { readonly nodes: number; readonly most: number } {
    const counts = this.alive.map(({ heard }) => heard.get(text) ?? 0)
    return { nodes: counts.filter(count => count > 0).length, most: Math.max(...counts) }
  }

  /** Sizes of the parts that are connected by neighbours who live and can be reached, the largest first. */
  components(): readonly number[] {
    const left = new Set(this.alive)
    const sizes: number[] = []
    for (const start of this.alive) {
      if (!left.delete(start)) continue
      const reached = [start]
      for (const node of reached) {
        for (const other of this.#reachable(node)) if (left.delete(other)) reached.push(other)
      }
      sizes.push(reached.length)
    }
    return sizes.sort((left, right) => right - left)
  }

  degrees(): { readonly mean: number; readonly min: number; readonly max: number } {
    const degrees = this.alive.map(node => this.#reachable(node).length)
    const sum = degrees.reduce((total, degree) => total + degree, 0)
    return { mean: sum / degrees.length, min: Math.min(...degrees), max: Math.max(...degrees) }
  }

  /** Pairs of whom only one takes the other for its neighbour. */
  lopsided(): number {
    let count = 0
    for (const node of this.alive) {
      for (const peer of node.swarm.neighbours) {
        if (!this.#byId.get(peer)!.swarm.neighbours.includes(node.id)) count++
      }
    }
    return count
  }

  sum(kind: 'membership' | 'payload' | 'control', what: 'messages' | 'bytes'): number {
    return this.nodes.reduce((total, { sent }) => total + sent.byClass[kind][what], 0)
  }

  later(delayMs: number, run: () => void): void {
    this.#push({ atMs: this.nowMs + delayMs, order: this.#order++, run })
  }

  advance(ms: number): void {
    const endMs = this.nowMs + ms
    while (this.#heap.length > 0 && this.#heap[0]!.atMs <= endMs) {
      const { atMs, run } = this.#pop()
      this.nowMs = Math.max(this.nowMs, atMs)
      run()
    }
    this.nowMs = endMs
  }

  /** Lets time pass until something holds; says how long it took, or null when it did not come true. */
  until(condition: () => boolean, withinMs: number, stepMs = 500): number | null {
    const startMs = this.nowMs
    while (!condition()) {
      if (this.nowMs - startMs >= withinMs) return null
      this.advance(stepMs)
    }
    return this.nowMs - startMs
  }

  enact(node: WorldNode, effects: readonly SwarmEffect[]): void {
    const touched = new Set<VerifyingKey>()
    for (const effect of effects) {
      if (effect.type === 'send') {
        touched.add(effect.to)
        this.#carry(node, this.#byId.get(effect.to)!, effect.message)
      } else if (effect.type === 'deliver') {
        const text = TEXT.decode(effect.payload.content)
        node.heard.set(text, (node.heard.get(text) ?? 0) + 1)
        this.enact(node, node.swarm.accept(effect.payload, effect.from, this.nowMs))
      } else if (effect.type === 'neighbour-up' || effect.type === 'neighbour-down') {
        touched.add(effect.peer)
        this.neighbourChanges++
      }
    }
    for (const peer of touched) this.#linger(node, this.#byId.get(peer)!)
    this.#wake(node)
  }

  #add(at: number): void {
    const id = bytesToHex(hash(BYTES.encode(`node ${at}`))) as VerifyingKey
    const swarm = new Swarm({ id, chance: this.chance, limits: this.#limits, peerData: () => null, nowMs: 0 })
    const node: WorldNode = {
      at,
      id,
      swarm,
      sent: new TrafficCount(),
      heard: new Map(),
      isUp: true,
      part: 0,
      connected: new Map(),
      wakeMs: Number.POSITIVE_INFINITY,
    }
    this.nodes.push(node)
    this.#byId.set(id, node)
    this.#wake(node)
  }

  #reachable(node: WorldNode): readonly WorldNode[] {
    const others = node.swarm.neighbours.map(peer => this.#byId.get(peer)!)
    return others.filter(({ isUp, part }) => isUp && part === node.part)
  }

  #latency(): number {
    const [least, most] = this.#latencyMs
    return least + this.chance() * (most - least)
  }

  #carry(from: WorldNode, to: WorldNode, message: OverlayMessage): void {
    from.sent.add(classOf(message), FRAME_HEAD_BYTES + encodeOverlay(message).length)
    if (!to.isUp || to.part !== from.part) {
      if (!from.connected.has(to.at)) this.later(this.#latency() * 2, () => this.#disconnected(from, to, true))
      return
    }
    // A dial costs two round trips before the first message leaves.
    const dialMs = from.connected.has(to.at) ? 0 : this.#latency() * 4
    const atMs = Math.max(this.nowMs + dialMs + this.#latency(), from.connected.get(to.at) ?? 0)
    from.connected.set(to.at, atMs)
    if (!to.connected.has(from.at)) to.connected.set(from.at, atMs)
    if (this.loses(from, to, message)) return
    this.later(atMs - this.nowMs, () => {
      if (!to.isUp || to.part !== from.part) return
      this.enact(to, to.swarm.receive(from.id, message, this.nowMs))
      this.#linger(to, from)
    })
  }

  #linger(node: WorldNode, peer: WorldNode): void {
    if (node.swarm.holds(peer.id) || !node.connected.has(peer.at)) return
    this.later(this.#limits.lingerMs, () => {
      if (node.swarm.holds(peer.id) || !node.connected.has(peer.at)) return
      node.connected.delete(peer.at)
      peer.connected.delete(node.at)
      this.#disconnected(node, peer, false)
      this.later(this.#latency(), () => this.#disconnected(peer, node, false))
    })
  }

  #break(left: WorldNode, right: WorldNode): void {
    left.connected.delete(right.at)
    right.connected.delete(left.at)
    for (const [one, other] of [
      [left, right],
      [right, left],
    ] as const) {
      this.later(this.chance() * NOTICED_MS, () => this.#disconnected(one, other, true))
    }
  }

  #disconnected(node: WorldNode, peer: WorldNode, hasFailed: boolean): void {
    // A new connection may have come up since.
    if (!node.isUp || node.connected.has(peer.at)) return
    this.enact(node, node.swarm.disconnected(peer.id, hasFailed, this.nowMs))
  }

  #wake(node: WorldNode): void {
    const atMs = node.swarm.deadlineMs
    if (atMs >= node.wakeMs) return
    node.wakeMs = atMs
    this.later(Math.max(0, atMs - this.nowMs), () => {
      if (node.wakeMs !== atMs) return
      node.wakeMs = Number.POSITIVE_INFINITY
      if (node.isUp) this.enact(node, node.swarm.tick(this.nowMs))
    })
  }

  #push(event: Event): void {
    const heap = this.#heap
    heap.push(event)
    for (let at = heap.length - 1; at > 0; ) {
      const parent = (at - 1) >> 1
      if (!isBefore(heap[at]!, heap[parent]!)) break
      swap(heap, at, parent)
      at = parent
    }
  }

  #pop(): Event {
    const heap = this.#heap
    const first = heap[0]!
    const last = heap.pop()!
    if (heap.length === 0) return first
    heap[0] = last
    for (let at = 0; ; ) {
      const [left, right] = [at * 2 + 1, at * 2 + 2]
      let least = at
      if (left < heap.length && isBefore(heap[left]!, heap[least]!)) least = left
      if (right < heap.length && isBefore(heap[right]!, heap[least]!)) least = right
      if (least === at) return first
      swap(heap, at, least)
      at = least
    }
  }
}

function isBefore(left: Event, right: Event): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order)
}

function swap(heap: Event[], left: number, right: number): void {
  const kept = heap[left]!
  heap[left] = heap[right]!
  heap[right] = kept
}

/**
 * Looks at the sessions of log sync that nodes have with each other: how many one node has at a time, and whether they
 * join all subscribers of each topic, directly or by way of others. It only looks, now and then, and changes nothing.
 */

import type { Topic, VerifyingKey } from '../../engine/core/index.js'
import type { TraceFields } from '../../engine/ports.js'

/** How often the sessions are looked at: finer than any overlay heals, and cheap beside what it costs to run one. */
export const LOOK_EVERY_MS = 1_000

interface Session {
  readonly topic: string
  readonly peer: string
}

/** The sessions of one node in its present life, as it tells of them. */
export class NodeSessions {
  readonly #running = new Map<number, Session>()
  /** Most at one time, over all lives. */
  peak = 0

  get count(): number {
    return this.#running.size
  }

  onTrace(type: string, { session, topic, peer }: TraceFields): void {
    if (typeof session !== 'number') return
    if (type === 'sync-started') {
      this.#running.set(session, { topic: String(topic), peer: String(peer) })
      this.peak = Math.max(this.peak, this.#running.size)
    } else if (type === 'session-ended') this.#running.delete(session)
  }

  died(): void {
    this.#running.clear()
  }

  peersIn(topic: Topic): readonly string[] {
    return [...this.#running.values()].flatMap(session => (session.topic === topic ? [session.peer] : []))
  }
}

/** A node as the watch sees it. */
export interface Watched {
  readonly id: VerifyingKey
  readonly isUp: boolean
  readonly topics: ReadonlySet<Topic>
  readonly sessions: NodeSessions
}

export class OverlayWatch {
  readonly #nodes: () => readonly Watched[]
  readonly #topics: readonly Topic[]
  #looks = 0
  #sessionsSeen = 0
  /** Since when every look found the overlay connected. */
  connectedAtUs: number | null = null

  /** @param nodes those that are waited for, also while they are down */
  constructor(nodes: () => readonly Watched[], topics: readonly Topic[]) {
    this.#nodes = nodes
    this.#topics = topics
  }

  look(nowUs: number): void {
    const nodes = this.#nodes()
    for (const { isUp, sessions } of nodes) {
      if (!isUp) continue
      this.#looks += 1
      this.#sessionsSeen += sessions.count
    }
    if (this.disconnected(nodes) !== null) this.connectedAtUs = null
    else this.connectedAtUs ??= nowUs
  }

  /** Of all nodes that were up, over all looks. */
  get meanSessions(): number {
    return this.#looks === 0 ? 0 : this.#sessionsSeen / this.#looks
  }

  /** Null when the sessions of each topic join all who subscribe to it; else how many parts there are. */
  disconnected(nodes: readonly Watched[] = this.#nodes()): { readonly topic: Topic; readonly parts: number } | null {
    for (const topic of this.#topics) {
      const subscribers = nodes.filter(({ topics }) => topics.has(topic))
      const parts = countParts(subscribers, topic)
      if (parts > 1) return { topic, parts }
    }
    return null
  }
}

/** How many sets of nodes there are that no session of the topic joins; a node that is down is a set of its own. */
function countParts(nodes: readonly Watched[], topic: Topic): number {
  const indices = new Map<string, number>(nodes.map(({ id }, index) => [id, index]))
  const parents = nodes.map((_, index) => index)
  const rootOf = (index: number): number => {
    let root = index
    while (parents[root] !== root) root = parents[root]!
    parents[index] = root
    return root
  }
  let parts = nodes.length
  for (const [index, node] of nodes.entries()) {
    if (!node.isUp) continue
    for (const peer of node.sessions.peersIn(topic)) {
      const other = indices.get(peer)
      if (other === undefined || !nodes[other]!.isUp) continue
      const [a, b] = [rootOf(index), rootOf(other)]
      if (a === b) continue
      parents[a] = b
      parts -= 1
    }
  }
  return parts
}

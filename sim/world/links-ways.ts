/** All links of a network by their ends, in the order in which they were laid, and what those carried that are gone. */

import { invariant } from '../../engine/core/index.js'
import type { LinkCounters } from './links-lane.js'
import type { Link } from './links-link.js'

/** Idle links that nobody asked for are forgotten once there are so many more of them than nodes. */
const SPARE_LINKS_PER_NODE = 8

export class Ways {
  /** By node, then by peer; Maps keep the order of adding. */
  readonly #byNode: Map<number, Link>[]
  #pairs: (readonly [number, number])[] = []
  readonly #past: LinkCounters = { bytes: 0, dials: 0, connections: 0, resets: 0, retransmissions: 0 }
  /** Pairs at which it is worth while to look for idle ones. */
  #sweepAt: number

  constructor(nodes: number) {
    this.#byNode = Array.from({ length: nodes }, () => new Map())
    this.#sweepAt = nodes * SPARE_LINKS_PER_NODE
  }

  get pairs(): readonly (readonly [number, number])[] {
    return this.#pairs
  }

  lay(a: number, b: number, link: Link): void {
    invariant(a !== b && !this.of(a).has(b), 'a link joins two nodes that are not linked yet')
    if (this.#pairs.length >= this.#sweepAt) this.#forgetIdle()
    this.of(a).set(b, link)
    this.of(b).set(a, link)
    this.#pairs.push([a, b])
  }

  of(node: number): Map<number, Link> {
    const links = this.#byNode[node]
    invariant(links !== undefined, 'a node index lies within the network')
    return links
  }

  between(a: number, b: number): Link {
    const link = this.of(a).get(b)
    invariant(link !== undefined, 'the two nodes are linked')
    return link
  }

  totals(): LinkCounters {
    const totals = { ...this.#past }
    for (const [a, b] of this.#pairs) addCounters(totals, this.between(a, b))
    return totals
  }

  /** In a large overlay everybody has met everybody one day; a link is laid again as fast as it was forgotten. */
  #forgetIdle(): void {
    this.#pairs = this.#pairs.filter(([a, b]) => {
      const link = this.between(a, b)
      if (link.introduces || !link.isIdle) return true
      addCounters(this.#past, link)
      this.of(a).delete(b)
      this.of(b).delete(a)
      return false
    })
    // Each look pays for itself: there are as many new links before the next one.
    this.#sweepAt = this.#pairs.length + this.#byNode.length * SPARE_LINKS_PER_NODE
  }
}

function addCounters(totals: LinkCounters, { directions }: Link): void {
  for (const { counters } of directions) {
    for (const key of Object.keys(totals) as (keyof LinkCounters)[]) totals[key] += counters[key]
  }
}

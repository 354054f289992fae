/**
 * Who is near, and who of them hears whom. A WANT shows what its sender did and did not hear of those who sent, and from
 * that it is learnt, at no cost in frames, for whom an operation has to be sent once more. Until something is known,
 * everybody is taken to hear everybody: in one domain nothing is ever relayed.
 */

import { NEIGHBOURS } from './limits.js'
import type { Column } from './linear-system.js'

/** Frames of which it is remembered who sent them. */
const REMEMBERED_FRAMES = 512
/** Pairs of which it is remembered how well they hear each other. */
const REMEMBERED_PAIRS = NEIGHBOURS * 8
/** Who hears less than this of a transmitter is out of its reach. */
const REACHED = 0.3
/** Hits granted to a new pair: where one frame in five is lost, three misses in a row are common and say nothing yet. */
const BENEFIT = 2
/** Operations by which the hearing of a pair is judged, the latest counting more. */
const REACH_MEMORY = 24

/** Nodes are named by their tags. */
export class Neighbours {
  readonly #own: number
  readonly #heardMs = new Map<number, number>()
  readonly #transmitters = new Map<Column, Set<number>>()
  readonly #hearing = new Map<string, { hits: number; misses: number }>()
  /** Up to which operation of an author a listener's hearing has been weighed; rounds repeat themselves. */
  readonly #weighed = new Map<string, number>()

  constructor(own: number) {
    this.#own = own
  }

  get count(): number {
    return this.#heardMs.size
  }

  meet(node: number, nowMs: number): void {
    if (node !== this.#own) remember(this.#heardMs, node, nowMs, NEIGHBOURS)
  }

  /** The operation went out from this node, or was heard of it. */
  sent(column: Column, transmitter: number): void {
    const known = this.#transmitters.get(column) ?? new Set()
    remember(this.#transmitters, column, known.add(transmitter), REMEMBERED_FRAMES)
  }

  /** What one operation says of a listener and of all who are known to have sent it. */
  weigh(
    operation: { readonly author: number; readonly seqNum: number; readonly column: Column },
    listener: number,
    hasHeard: boolean,
  ): void {
    const key = `${operation.author} ${listener}`
    if (operation.seqNum <= (this.#weighed.get(key) ?? -1)) return
    remember(this.#weighed, key, operation.seqNum, REMEMBERED_PAIRS)
    for (const transmitter of this.#transmitters.get(operation.column) ?? []) {
      if (transmitter !== listener) this.#weighPair(`${transmitter} ${listener}`, hasHeard)
    }
  }

  /** Whether somebody who was heard since a moment is out of the reach of all who are known to have sent it. */
  needsRelay(column: Column, author: number, sinceMs: number): boolean {
    const from = this.#transmitters.get(column)
    if (!from || from.has(this.#own)) return false
    for (const [neighbour, heardMs] of this.#heardMs) {
      if (heardMs < sinceMs || from.has(neighbour) || neighbour === author) continue
      if (![...from].some(transmitter => this.#isReached(transmitter, neighbour))) return true
    }
    return false
  }

  #weighPair(key: string, hasHeard: boolean): void {
    const seen = this.#hearing.get(key) ?? { hits: BENEFIT, misses: 0 }
    if (hasHeard) seen.hits += 1
    else seen.misses += 1
    // What was long ago counts less: nodes move, and so do the things between them.
    if (seen.hits + seen.misses > REACH_MEMORY) {
      seen.hits /= 2
      seen.misses /= 2
    }
    remember(this.#hearing, key, seen, REMEMBERED_PAIRS)
  }

  #isReached(transmitter: number, listener: number): boolean {
    const seen = this.#hearing.get(`${transmitter} ${listener}`)
    return !seen || seen.hits / (seen.hits + seen.misses) >= REACHED
  }
}

/** The one set last stays longest. */
function remember<Key, Value>(map: Map<Key, Value>, key: Key, value: Value, limit: number): void {
  map.delete(key)
  map.set(key, value)
  if (map.size > limit) map.delete(map.keys().next().value!)
}

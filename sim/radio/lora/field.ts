/** Where the radios of one kind stand at a moment, and which of them are near a place. */

import type { AirNode, Place } from '../air.js'
import type { Motion } from '../motion.js'
import { SpatialIndex } from '../spatial-index.js'

/** A radio at its place, as waves see it. */
export interface Post {
  readonly node: number
  readonly name: string
  readonly antenna: AirNode['antenna']
  readonly motion: Motion
}

/** Fewer posts than this are asked one by one sooner than by an index. */
const LEAST_INDEXED = 64
/** The size of a cell for a range without end. */
const GREATEST_CELL_M = 1e9

export class Field<P extends Post> {
  /** By number of node, ascending. */
  readonly posts: readonly P[]
  readonly greatestGainDb: number
  readonly greatestHeightM: number
  readonly #byNode: ReadonlyMap<number, P>
  #jumps = 0
  #index: { readonly atUs: number; readonly isLasting: boolean; readonly places: SpatialIndex } | null = null

  constructor(posts: readonly P[]) {
    this.posts = posts
    this.#byNode = new Map(posts.map(post => [post.node, post]))
    this.greatestGainDb = Math.max(...posts.map(({ antenna }) => antenna.gainDb))
    this.greatestHeightM = Math.max(...posts.map(({ antenna }) => antenna.heightM))
  }

  get isIndexed(): boolean {
    return this.posts.length >= LEAST_INDEXED
  }

  /** How often somebody was moved at once: what was worked out before the latest of them does not hold any more. */
  get jumps(): number {
    return this.#jumps
  }

  post(node: number): P | undefined {
    return this.#byNode.get(node)
  }

  /** Moves a post at once. */
  jump(post: P, nowUs: number, to: Place): void {
    post.motion.jump(nowUs, to)
    this.#jumps++
    this.#index = null
  }

  /** From now to the end, unless somebody is moved at once. */
  isStill(nowUs: number): boolean {
    return this.posts.every(({ motion }) => motion.isSettled(nowUs))
  }

  near(place: Place, reachM: number, nowUs: number): readonly P[] {
    // One index serves all posts of a moment; while nobody moves, of the whole run.
    if (this.#index === null || (this.#index.atUs !== nowUs && !this.#index.isLasting)) {
      const places = this.posts.map(({ motion }) => motion.at(nowUs))
      this.#index = {
        atUs: nowUs,
        isLasting: this.isStill(nowUs),
        places: new SpatialIndex(places, Math.max(1, Math.min(reachM, GREATEST_CELL_M))),
      }
    }
    return this.#index.places.within(place, reachM).map(at => this.posts[at]!)
  }
}

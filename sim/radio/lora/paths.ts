/**
 * How strongly radios of one kind arrive at those of a field, which may be their own or that of another kind: distance,
 * antennas and shadowing, and a process of fading for what changes with time. While nobody moves, who can hear whom is
 * worked out once.
 */

import { type Kernel, roundDb } from '../../kernel/index.js'
import type { Fading, PairFading } from '../fading.js'
import { distanceM } from '../geometry.js'
import { pathLossDb, rangeM } from '../path-loss.js'
import type { Field, Post } from './field.js'
import type { LoraSpec } from './spec.js'
import { SHADOWING_BOUND, type Terrain } from './terrain.js'

export interface Neighbour<P extends Post> {
  readonly post: P
  /** Mean power, shadowing included, fading left out. */
  readonly rssiDbm: number
  readonly fading: PairFading | null
}

export interface PathsOptions<P extends Post> {
  readonly kernel: Kernel
  /** Of those who send. */
  readonly spec: Pick<LoraSpec, 'propagation' | 'powerDbm' | 'fading' | 'frequencyHz'>
  readonly terrain: Terrain
  readonly from: Field<Post>
  readonly to: Field<P>
  /** What arrives weaker, even at the best of moments, is left out. */
  readonly weakestDbm: number
}

export class Paths<P extends Post> {
  readonly #options: PathsOptions<P>
  readonly #fading: Fading | null
  #jumps = 0
  /** Who can hear a post at all; kept while nobody moves. */
  readonly #neighbours = new Map<Post, readonly Neighbour<P>[]>()

  constructor(options: PathsOptions<P>) {
    this.#options = options
    this.#fading = options.terrain.fading(options.spec.fading)
  }

  /** In the order of node numbers; a node does not hear itself. */
  audible(post: Post): readonly Neighbour<P>[] {
    const { kernel, from, to, weakestDbm } = this.#options
    this.#forget(from.jumps + to.jumps)
    const kept = this.#neighbours.get(post)
    if (kept) return kept
    const found: Neighbour<P>[] = []
    for (const other of this.#near(post)) {
      if (other.node === post.node) continue
      const rssiDbm = this.meanRssiDbm(post, other)
      const fading = this.#fading?.of(post.name, other.name, kernel.nowUs) ?? null
      const strongestDbm = rssiDbm + (this.#fading?.mostDb ?? 0)
      if (strongestDbm >= weakestDbm) found.push({ post: other, rssiDbm, fading })
    }
    if (from.isStill(kernel.nowUs) && to.isStill(kernel.nowUs)) this.#neighbours.set(post, found)
    return found
  }

  /** At this moment. */
  meanRssiDbm(from: Post, to: Post): number {
    const { kernel, spec, terrain } = this.#options
    const { propagation, powerDbm, frequencyHz } = spec
    const metres = distanceM(from.motion.at(kernel.nowUs), to.motion.at(kernel.nowUs))
    const lossDb = pathLossDb(propagation, metres, {
      frequencyHz,
      fromHeightM: from.antenna.heightM,
      toHeightM: to.antenna.heightM,
    })
    const shadowDb = terrain.shadowDb(from, to, propagation.sigmaDb)
    return roundDb(powerDbm + from.antenna.gainDb + to.antenna.gainDb - lossDb + shadowDb)
  }

  #near(post: Post): readonly P[] {
    const { kernel, spec, to, weakestDbm } = this.#options
    const { propagation, powerDbm, frequencyHz } = spec
    if (!to.isIndexed || propagation.model === 'none') return to.posts
    const gains = post.antenna.gainDb + to.greatestGainDb
    const marginDb = SHADOWING_BOUND * propagation.sigmaDb + (this.#fading?.mostDb ?? 0)
    const ends = { frequencyHz, fromHeightM: post.antenna.heightM, toHeightM: to.greatestHeightM }
    const reachM = rangeM(propagation, powerDbm + gains + marginDb - weakestDbm, ends)
    return to.near(post.motion.at(kernel.nowUs), reachM, kernel.nowUs)
  }

  #forget(jumps: number): void {
    if (jumps === this.#jumps) return
    this.#jumps = jumps
    this.#neighbours.clear()
  }
}

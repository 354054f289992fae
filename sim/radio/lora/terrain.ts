/**
 * What lies between two nodes beside the distance: hills and walls that stay (shadowing), and a slow fading. It belongs to
 * the pair, so both directions share it, and it hangs on the names of both alone.
 */

import { roundDb } from '../../kernel/index.js'
import { createFading, type Fading, type FadingLaw } from '../fading.js'
import type { PairChance } from '../pair-chance.js'
import type { Post } from './field.js'

/** Shadowing is drawn within so many deviations, so that a range bounds who can hear. */
export const SHADOWING_BOUND = 3

export class Terrain {
  readonly #pairs: (one: string, other: string) => PairChance
  /** In deviations, by pair. */
  readonly #shadows = new Map<string, number>()
  readonly #fadings = new Map<string, Fading | null>()

  constructor(pairs: (one: string, other: string) => PairChance) {
    this.#pairs = pairs
  }

  shadowDb(one: Post, other: Post, sigmaDb: number): number {
    if (sigmaDb === 0) return 0
    const key = one.node < other.node ? `${one.node} ${other.node}` : `${other.node} ${one.node}`
    let shadow = this.#shadows.get(key)
    if (shadow === undefined) {
      const drawn = this.#pairs(one.name, other.name).normal()
      shadow = Math.max(-SHADOWING_BOUND, Math.min(SHADOWING_BOUND, drawn))
      this.#shadows.set(key, shadow)
    }
    return roundDb(sigmaDb * shadow)
  }

  /** Kinds of radios that fade by the same law share the process of each pair; null where nothing fades. */
  fading(law: FadingLaw | null): Fading | null {
    if (law === null) return null
    const key = `${law.sigmaDb} ${law.coherenceMs}`
    let fading = this.#fadings.get(key)
    if (fading === undefined) {
      fading = createFading(law, this.#pairs)
      this.#fadings.set(key, fading)
    }
    return fading
  }
}

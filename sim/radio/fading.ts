/**
 * Slow fading: how the strength of a pair of nodes wanders around its mean while people, doors and leaves move. An
 * Ornstein-Uhlenbeck process in decibels for each pair, the same in both directions. It is moved on to the moment somebody
 * asks, by one draw whatever has passed, so a pair nobody asks about costs nothing.
 *
 * The chance belongs to the two names, so a further node shifts nothing for the others. No fast fading: what changes
 * within one frame is in the error curves.
 */

import { invariant } from '../../engine/core/index.js'
import { roundDb } from '../kernel/index.js'
import type { PairChance } from './pair-chance.js'

/** What is heard strays by at most so many deviations, so that a range bounds who can hear. */
export const FADING_BOUND = 3

/** A process that forgets faster than this, in milliseconds, is drawn anew each time. */
const LEAST_COHERENCE_MS = 1

export interface FadingLaw {
  /** Standard deviation of the strength around its mean, dB. */
  readonly sigmaDb: number
  /** After so long the e-th part of a deviation is left on average, milliseconds. */
  readonly coherenceMs: number
}

/** The fading of one pair. */
export interface PairFading {
  /** What is added to the mean strength at that moment, dB. Nobody may ask for a moment before the last one asked for. */
  db(atUs: number): number
}

export interface Fading {
  /** The most that fading adds or takes, dB. */
  readonly mostDb: number
  /** Begins, where the two are new to each other, at that moment. */
  of(one: string, other: string, atUs: number): PairFading
}

/** Null where nothing fades. `chanceOf` is that of the air's `createPairs`. */
export function createFading(
  law: FadingLaw | null | undefined,
  chanceOf: (one: string, other: string) => PairChance,
): Fading | null {
  if (!law || law.sigmaDb === 0) return null
  const pairs = new Map<string, Map<string, PairFading>>()
  return {
    mostDb: FADING_BOUND * law.sigmaDb,
    of(one, other, atUs) {
      const [low, high] = one < other ? [one, other] : [other, one]
      let row = pairs.get(low)
      if (row === undefined) {
        row = new Map()
        pairs.set(low, row)
      }
      let pair = row.get(high)
      if (pair === undefined) {
        // Another name than that of the pair's shadow, whose chance must not be the same.
        pair = new Wandering(law, chanceOf(`${low}/fading`, `${high}/fading`), atUs)
        row.set(high, pair)
      }
      return pair
    },
  }
}

class Wandering implements PairFading {
  readonly #law: FadingLaw
  readonly #chance: PairChance
  /** Without bound: what is cut off of the process itself would not be normal any more. */
  #valueDb: number
  #atUs: number

  constructor(law: FadingLaw, chance: PairChance, atUs: number) {
    this.#law = law
    this.#chance = chance
    this.#valueDb = roundDb(law.sigmaDb * chance.normal())
    this.#atUs = atUs
  }

  db(atUs: number): number {
    const { sigmaDb, coherenceMs } = this.#law
    const elapsedMs = (atUs - this.#atUs) / 1_000
    invariant(elapsedMs >= 0, 'fading is asked for in the order of time')
    if (elapsedMs > 0) {
      const kept = Math.exp(-elapsedMs / Math.max(LEAST_COHERENCE_MS, coherenceMs))
      const fresh = sigmaDb * Math.sqrt(Math.max(0, 1 - kept * kept))
      this.#valueDb = roundDb(this.#valueDb * kept + fresh * this.#chance.normal())
      this.#atUs = atUs
    }
    const boundDb = FADING_BOUND * sigmaDb
    return Math.max(-boundDb, Math.min(boundDb, this.#valueDb))
  }
}

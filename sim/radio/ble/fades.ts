/**
 * The fading of pairs as a BLE air needs it: connections ask for moments still to come, and two directions ask for the
 * same moments in any order. So each pair's process is read at the beginnings of steps that are short against its
 * coherence time, once and in order, holds still for the length of a step, and is remembered from now on.
 *
 * What nobody has asked for is passed over by one draw when somebody does.
 */

import type { Kernel } from '../../kernel/index.js'
import { msToUs, roundUs } from '../../kernel/index.js'
import { createFading, type Fading, type FadingLaw, type PairFading } from '../fading.js'
import type { PairChance } from '../pair-chance.js'
import { FADING_STEPS, LEAST_FADING_STEP_MS, MOST_FADING_STEP_MS } from './limits.js'

/** What is known of a pair: a value for each step from the first one on, as far as anybody has asked. */
interface Known {
  readonly pair: PairFading
  firstStep: number
  readonly valuesDb: number[]
}

export class Fades {
  /** The most that fading adds or takes, dB. */
  readonly mostDb: number
  readonly #kernel: Kernel
  readonly #fading: Fading
  readonly #stepUs: number
  /** By the two numbers, the lower one first. */
  readonly #known = new Map<number, Map<number, Known>>()

  constructor(kernel: Kernel, fading: Fading, coherenceMs: number) {
    this.#kernel = kernel
    this.#fading = fading
    this.mostDb = fading.mostDb
    const stepMs = Math.max(LEAST_FADING_STEP_MS, Math.min(MOST_FADING_STEP_MS, coherenceMs / FADING_STEPS))
    this.#stepUs = roundUs(msToUs(stepMs))
  }

  /** What fading adds for two nodes at a moment, now or later, dB. */
  db(one: FadingEnd, other: FadingEnd, atUs: number): number {
    const nowStep = Math.floor(this.#kernel.nowUs / this.#stepUs)
    const step = Math.max(nowStep, Math.floor(atUs / this.#stepUs))
    const known = one.node < other.node ? this.#of(one, other, nowStep) : this.#of(other, one, nowStep)
    const { pair, valuesDb } = known
    if (known.firstStep < nowStep) {
      // Nobody asks for what is over.
      valuesDb.splice(0, nowStep - known.firstStep)
      known.firstStep = nowStep
    }
    for (let next = known.firstStep + valuesDb.length; next <= step; next++) {
      valuesDb.push(pair.db(next * this.#stepUs))
    }
    return valuesDb[step - known.firstStep]!
  }

  /** When a value next changes after a moment. */
  nextUs(atUs: number): number {
    return (Math.floor(atUs / this.#stepUs) + 1) * this.#stepUs
  }

  #of(low: FadingEnd, high: FadingEnd, nowStep: number): Known {
    let row = this.#known.get(low.node)
    if (row === undefined) {
      row = new Map()
      this.#known.set(low.node, row)
    }
    let known = row.get(high.node)
    if (known === undefined) {
      const pair = this.#fading.of(low.name, high.name, nowStep * this.#stepUs)
      known = { pair, firstStep: nowStep, valuesDb: [] }
      row.set(high.node, known)
    }
    return known
  }
}

export interface FadingEnd {
  readonly node: number
  readonly name: string
}

/** Null where nothing fades. */
export function createFades(
  kernel: Kernel,
  law: FadingLaw | null | undefined,
  chanceOf: (one: string, other: string) => PairChance,
): Fades | null {
  const fading = createFading(law, chanceOf)
  return fading === null || !law ? null : new Fades(kernel, fading, law.coherenceMs)
}

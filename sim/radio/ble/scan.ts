/**
 * When a scanner listens, and where: for the length of its window at the start of each interval, on one primary channel,
 * on the next one in the next interval. Nothing happens at a window; whether a packet falls into one is computed when the
 * packet asks.
 */

import { invariant } from '../../../engine/core/index.js'
import { msToUs, type SimRandom } from '../../kernel/index.js'
import { PRIMARY_CHANNELS } from './spec.js'

export class Scanner {
  readonly #intervalUs: number
  readonly #windowUs: number
  /** Start of some window on the first channel. */
  readonly #phaseUs: number

  /** A window as long as the interval leaves no gap but the change of channel. */
  constructor(spec: { readonly intervalMs: number; readonly windowMs: number }, random: SimRandom) {
    this.#intervalUs = msToUs(spec.intervalMs)
    this.#windowUs = Math.min(msToUs(spec.windowMs), this.#intervalUs)
    invariant(this.#windowUs > 0, 'a scanner listens for a while in each interval')
    this.#phaseUs = random.int(this.#intervalUs * PRIMARY_CHANNELS)
  }

  /** Whether something on a primary channel falls wholly into one window on that channel. */
  hears(channel: number, startUs: number, endUs: number): boolean {
    const nth = Math.floor((startUs - this.#phaseUs) / this.#intervalUs)
    if (modulo(nth, PRIMARY_CHANNELS) !== channel) return false
    return endUs <= this.#phaseUs + nth * this.#intervalUs + this.#windowUs
  }
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by
}

/**
 * How long to wait in one topic. All waits are multiples of one airtime, so that they fit a slow radio and a fast one;
 * chance spreads them, so that not all speak at once; in a crowd and on a busy channel the turns are longer. Here too is
 * since when a topic is quiet, for then other things are due. What the waits are for is no matter of this file.
 */

import type { Random } from '../ports.js'
import { type BroadcastSettings, UNIT_FRAME_BYTES } from './limits.js'
import type { Neighbours } from './neighbours.js'

export interface PaceOptions {
  readonly random: Random
  readonly settings: BroadcastSettings
  readonly mtu: number
  airtimeMs(bytes: number): number
  readonly nowMs: number
}

export class Pace {
  /** When something new was last said or heard. */
  lastNewsMs: number
  readonly #options: PaceOptions
  readonly #neighbours: Neighbours
  readonly #unitMs: number
  /** Airtime of all that was heard and sent, forgotten with time. */
  #loadMs = 0
  #loadAtMs = 0

  constructor(options: PaceOptions, neighbours: Neighbours) {
    this.#options = options
    this.#neighbours = neighbours
    this.#unitMs = options.airtimeMs(Math.min(UNIT_FRAME_BYTES, options.mtu))
    this.lastNewsMs = options.nowMs
  }

  /** Milliseconds of so many airtimes. */
  units(count: number): number {
    return count * this.#unitMs
  }

  /** A turn among those who could answer as well, in milliseconds. */
  turn(): number {
    return this.units(this.turnUnits() * this.chance())
  }

  /** Airtimes over which turns are spread. */
  turnUnits(): number {
    // On a busy channel everybody takes more time.
    const load = Math.min(1, this.#loadMs / LOAD_WINDOW_MS)
    const crowd = Math.min(24, Math.max(3, this.#options.settings.turn * this.#neighbours.count))
    return crowd * (1 + LOAD_PATIENCE * load)
  }

  /** From 0 up to 1. */
  chance(): number {
    return this.#options.random.float()
  }

  /** A frame of so many bytes was on the air. */
  addLoad(bytes: number, nowMs: number): void {
    const kept = Math.exp((this.#loadAtMs - nowMs) / LOAD_WINDOW_MS)
    this.#loadMs = this.#loadMs * kept + this.#options.airtimeMs(Math.min(bytes, this.#options.mtu))
    this.#loadAtMs = nowMs
  }
}

/** Time over which the load of the channel is judged. */
const LOAD_WINDOW_MS = 300_000
/** How many times longer turns are on a channel that is always busy. */
const LOAD_PATIENCE = 12

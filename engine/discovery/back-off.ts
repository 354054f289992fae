/**
 * How long a walker waits (spec/sync.md 4.6): not at all at first, longer by a random step after each visit that brought
 * nothing new, up to a bound; and not at all again once a random while has passed, so that news is found in time.
 */

export interface BackOffSettings {
  readonly stepMinMs: number
  readonly stepMaxMs: number
  readonly maxMs: number
  readonly resetMinMs: number
  readonly resetMaxMs: number
}

/** p2panda's figures. */
export const DEFAULT_BACK_OFF: BackOffSettings = {
  stepMinMs: 1_000,
  stepMaxMs: 5_000,
  maxMs: 30_000,
  resetMinMs: 60_000,
  resetMaxMs: 180_000,
}

export class BackOff {
  readonly #settings: BackOffSettings
  readonly #float: () => number
  #delayMs = 0
  #resetAtMs: number

  constructor(settings: BackOffSettings, float: () => number, nowMs: number) {
    this.#settings = settings
    this.#float = float
    this.#resetAtMs = nowMs + this.#between(settings.resetMinMs, settings.resetMaxMs)
  }

  get delayMs(): number {
    return this.#delayMs
  }

  increase(nowMs: number): void {
    if (nowMs >= this.#resetAtMs) {
      this.reset(nowMs)
      return
    }
    const { stepMinMs, stepMaxMs, maxMs } = this.#settings
    this.#delayMs = Math.min(maxMs, this.#delayMs + this.#between(stepMinMs, stepMaxMs))
  }

  reset(nowMs: number): void {
    this.#delayMs = 0
    this.#resetAtMs = nowMs + this.#between(this.#settings.resetMinMs, this.#settings.resetMaxMs)
  }

  /** Whole milliseconds, both bounds included. */
  #between(minMs: number, maxMs: number): number {
    return minMs + Math.floor(this.#float() * (maxMs - minMs + 1))
  }
}

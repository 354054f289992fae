/**
 * How long to wait before the next attempt: twice as long after each failure, of which a random half is left out, so
 * that a thousand clients of a broker that comes back do not all come at once.
 */

export class Backoff {
  readonly #minMs: number
  readonly #maxMs: number
  readonly #random: () => number
  #failures = 0

  constructor(minMs: number, maxMs: number, random: () => number) {
    this.#minMs = minMs
    this.#maxMs = maxMs
    this.#random = random
  }

  /** Milliseconds until the next attempt. */
  failed(): number {
    const spanMs = Math.min(this.#maxMs, this.#minMs * 2 ** Math.min(this.#failures, 30))
    this.#failures += 1
    return spanMs * (0.5 + this.#random() / 2)
  }

  succeeded(): void {
    this.#failures = 0
  }
}

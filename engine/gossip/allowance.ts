/** A token bucket that may go into debt: what came is taken, and what comes next has to wait until the debt is paid. */
export class Allowance {
  readonly #perSecond: number
  readonly #most: number
  #left: number
  #atMs: number

  /** @param most what may come at once */
  constructor(perSecond: number, most: number, nowMs: number) {
    this.#perSecond = perSecond
    this.#most = most
    this.#left = this.#most
    this.#atMs = nowMs
  }

  take(nowMs: number, cost = 1): void {
    this.#refill(nowMs)
    this.#left -= cost
  }

  /** Milliseconds until there is something left; 0 when there is. */
  waitMs(nowMs: number): number {
    this.#refill(nowMs)
    return this.#left >= 1 ? 0 : ((1 - this.#left) * 1_000) / this.#perSecond
  }

  #refill(nowMs: number): void {
    this.#left = Math.min(this.#most, this.#left + ((nowMs - this.#atMs) * this.#perSecond) / 1_000)
    this.#atMs = nowMs
  }
}

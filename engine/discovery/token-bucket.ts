/** How much of something is allowed: a burst, and then so much in a while. */
export class TokenBucket {
  readonly #burst: number
  readonly #everyMs: number
  #tokens: number
  #atMs: number

  /** @param everyMs milliseconds in which one more is allowed */
  constructor(burst: number, everyMs: number, nowMs: number) {
    this.#burst = burst
    this.#everyMs = everyMs
    this.#tokens = burst
    this.#atMs = nowMs
  }

  /** Takes up to so many, and says how many. */
  take(wanted: number, nowMs: number): number {
    this.#tokens = Math.min(this.#burst, this.#tokens + Math.max(0, nowMs - this.#atMs) / this.#everyMs)
    this.#atMs = Math.max(this.#atMs, nowMs)
    const taken = Math.min(wanted, Math.floor(this.#tokens))
    this.#tokens -= taken
    return taken
  }
}

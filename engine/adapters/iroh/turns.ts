/** So many at once, some more that wait in order, and no others. */

export class Turns {
  readonly #atOnce: number
  readonly #waitingMost: number
  readonly #waiting: (() => void)[] = []
  #taken = 0

  constructor(atOnce: number, waitingMost: number) {
    this.#atOnce = atOnce
    this.#waitingMost = waitingMost
  }

  /** Resolves when it is one's turn, which is then to be given back; null where too many wait already. */
  take(): Promise<void> | null {
    if (this.#taken < this.#atOnce) {
      this.#taken++
      return Promise.resolve()
    }
    if (this.#waiting.length >= this.#waitingMost) return null
    return new Promise(resolve => this.#waiting.push(resolve))
  }

  giveBack(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#taken--
    else next()
  }
}

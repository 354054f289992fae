/** What every transport with addresses counts, for people and tools. */
export class Counters {
  accepted = 0
  dialled = 0
  dialsFailed = 0
  readonly #violations = new Map<string, number>()

  /** Codes come from this code and never from a peer, so there are few. */
  violated(code: string): void {
    this.#violations.set(code, (this.#violations.get(code) ?? 0) + 1)
  }

  get violations(): Record<string, number> {
    return Object.fromEntries([...this.#violations].sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}

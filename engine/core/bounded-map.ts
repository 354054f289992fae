/**
 * A map that forgets what was not asked for lately. Two generations instead of a list: when the young one is full it
 * becomes the old one, and what is still asked for moves over. Holds between `limit` and twice as many entries.
 */
export class BoundedMap<Key, Value> {
  readonly #limit: number
  #young = new Map<Key, Value>()
  #old = new Map<Key, Value>()

  /** @param limit entries that survive for certain */
  constructor(limit: number) {
    this.#limit = limit
  }

  get(key: Key): Value | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old !== undefined) this.set(key, old)
    return old
  }

  set(key: Key, value: Value): void {
    if (this.#young.size >= this.#limit && !this.#young.has(key)) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
  }

  /** Entries held; one that lives in both generations counts twice. */
  get size(): number {
    return this.#young.size + this.#old.size
  }
}

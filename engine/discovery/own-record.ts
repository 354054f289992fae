/**
 * The record that this node signs of itself. It is made anew when the addresses change, each time with a later date than
 * before: also when the clock went back, and when an earlier life of this node has dated one later.
 */

import { addLamport, type HybridTimestamp, type SigningKey } from '../core/index.js'
import type { Addressing, Clock } from '../ports.js'
import { makeRecord, signRecord, type TransportKind, type TransportRecord } from './records.js'

export class OwnRecord {
  readonly #key: SigningKey
  readonly #addressing: Addressing
  readonly #clock: Clock
  #record: TransportRecord | null
  /** The latest date that any record of ours is known to carry. */
  #latest: HybridTimestamp | null

  /** @param earlier the last record of an earlier life */
  constructor(key: SigningKey, addressing: Addressing, clock: Clock, earlier: TransportRecord | null) {
    this.#key = key
    this.#addressing = addressing
    this.#clock = clock
    this.#record = earlier
    this.#latest = earlier?.timestamp ?? null
  }

  get kind(): TransportKind {
    return this.#addressing.kind
  }

  get current(): TransportRecord {
    if (this.#record === null) this.refresh()
    return this.#record!
  }

  /** Signs the addresses of now; says whether they differ from those signed before. */
  refresh(): boolean {
    const made = makeRecord(this.#addressing.kind, this.#nextDate(), this.#addressing.own())
    const known = this.#record
    if (known?.signature && known.addresses.join('\n') === made.addresses.join('\n')) return false
    this.#sign(made)
    return true
  }

  /** A record of ours that is dated later than the one in use must not outlive it. */
  surpass(date: HybridTimestamp): void {
    this.#latest = date
    this.#sign(makeRecord(this.#addressing.kind, this.#nextDate(), this.#addressing.own()))
  }

  #sign(record: TransportRecord): void {
    this.#record = signRecord(this.#key, record)
    this.#latest = record.timestamp
  }

  #nextDate(): HybridTimestamp {
    const wallUs = this.#clock.wallUs()
    const latest = this.#latest
    if (latest === null || wallUs > latest.wallUs) return { wallUs, lamport: 0n }
    return { wallUs: latest.wallUs, lamport: addLamport(latest.lamport, 1n) }
  }
}

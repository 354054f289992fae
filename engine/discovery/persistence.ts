/** Writes the address book, and the record of this node itself, some time after they have changed. */

import type { VerifyingKey } from '../core/index.js'
import type { Clock, Timer } from '../ports.js'
import type { AddressBook, AddressBookStore } from './address-book.js'
import type { OwnRecord } from './own-record.js'
import { encodeRecord } from './records.js'

export interface PersistenceConfig {
  readonly clock: Clock
  readonly store: AddressBookStore
  readonly kind: string
  readonly id: VerifyingKey
  readonly book: AddressBook
  readonly own: OwnRecord
}

export class Persistence {
  readonly #config: PersistenceConfig
  #pending: { readonly timer: Timer; readonly atMs: number } | null = null
  #isOwnWritten = true

  constructor(config: PersistenceConfig) {
    this.#config = config
  }

  ownChanged(): void {
    this.#isOwnWritten = false
  }

  /** Writes what has changed, if anything has, after a while, or earlier when that is due already. */
  writeIn(delayMs: number): void {
    const { clock } = this.#config
    const atMs = clock.nowMs() + delayMs
    if (!this.#isDue || (this.#pending !== null && this.#pending.atMs <= atMs)) return
    this.#pending?.timer.cancel()
    const timer = clock.after(delayMs, () => {
      this.#pending = null
      this.#write()
    })
    this.#pending = { timer, atMs }
  }

  /** Writes what is not written yet. */
  stop(): void {
    this.#pending?.timer.cancel()
    this.#write()
  }

  get #isDue(): boolean {
    return this.#config.book.hasChanges || !this.#isOwnWritten
  }

  #write(): void {
    if (!this.#isDue) return
    const { book, clock, id, kind, own, store } = this.#config
    const { rows, dropped } = book.takeChanges()
    this.#isOwnWritten = true
    const nobody = { isBootstrap: false, failures: 0, lastFailedUs: null, lastSucceededUs: null }
    const ownRow = { nodeId: id, record: encodeRecord(id, own.current), updatedUs: clock.wallUs(), ...nobody }
    const others = dropped.filter(node => node !== id)
    store.save(kind, [...rows, ownRow], others)
  }
}

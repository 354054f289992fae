/**
 * The account of what was received for readers of one connection and not taken by them. A piece costs its bytes and what
 * an object takes that holds it: many small pieces fill memory as well as few large ones.
 *
 * Readers tell what they have taken in lumps, so a stream that has come to its end is written off once less than a lump
 * can be left of it.
 */

import { CREDIT_BYTES } from '../../stream-end.js'

/** Bytes of the objects around one piece. */
const PIECE_BYTES = 160

interface Account {
  bytes: number
  cost: number
  isFinished: boolean
}

/** Each call returns by how much the total has changed. */
export class Unread {
  readonly #accounts = new Map<number, Account>()
  #total = 0

  get total(): number {
    return this.#total
  }

  bytesOf(stream: number): number {
    return this.#accounts.get(stream)?.bytes ?? 0
  }

  arrived(stream: number, bytes: number): number {
    let account = this.#accounts.get(stream)
    if (account === undefined) {
      account = { bytes: 0, cost: 0, isFinished: false }
      this.#accounts.set(stream, account)
    }
    account.bytes += bytes
    return this.#charge(account, bytes + PIECE_BYTES)
  }

  taken(stream: number, bytes: number): number {
    const account = this.#accounts.get(stream)
    if (account === undefined) return 0
    const share = account.bytes === 0 ? 1 : Math.min(1, bytes / account.bytes)
    account.bytes -= bytes
    const change = this.#charge(account, -account.cost * share)
    return account.isFinished ? change + this.#writeOff(stream, account) : change
  }

  /** Nothing more will come; what is there may still be taken. */
  finished(stream: number): number {
    const account = this.#accounts.get(stream)
    if (account === undefined) return 0
    account.isFinished = true
    return this.#writeOff(stream, account)
  }

  /** Nobody will take what is left. */
  dropped(stream: number): number {
    const account = this.#accounts.get(stream)
    if (account === undefined) return 0
    this.#accounts.delete(stream)
    return this.#charge(account, -account.cost)
  }

  #writeOff(stream: number, account: Account): number {
    return account.bytes < CREDIT_BYTES ? this.dropped(stream) : 0
  }

  #charge(account: Account, cost: number): number {
    account.cost += cost
    this.#total += cost
    return cost
  }
}

/**
 * An explicit transaction handle. Whatever writes takes one, so nothing can write outside a transaction or join one by
 * accident. The callback is synchronous: no `await` can come between BEGIN and COMMIT.
 */

import { invariant } from '../core/index.js'
import type { Database } from '../ports.js'

declare const transactionBrand: unique symbol

export interface Transaction {
  readonly [transactionBrand]: true
  /** Runs after the commit, in the order of registration; never when the transaction rolls back. */
  afterCommit(effect: () => void): void
}

class OpenTransaction {
  open = true
  readonly effects: (() => void)[] = []
  afterCommit(effect: () => void): void {
    invariant(this.open, 'an effect is registered while its transaction is open')
    this.effects.push(effect)
  }
}

export interface Transactor {
  /** Commits what `work` wrote, or rolls all of it back when it throws. Transactions do not nest. */
  transact<Result>(work: (tx: Transaction) => Result): Result
  /** Whether a transaction is open now: for whoever can be called from within the app's own work. */
  isTransacting(): boolean
}

export function createTransactor(database: Database): Transactor {
  const begin = database.prepare('BEGIN IMMEDIATE')
  const commit = database.prepare('COMMIT')
  const rollback = database.prepare('ROLLBACK')
  let current: OpenTransaction | null = null
  return {
    isTransacting: () => current !== null,
    transact(work) {
      invariant(current === null, 'transactions do not nest')
      begin.run()
      const transaction = new OpenTransaction()
      current = transaction
      let result: ReturnType<typeof work>
      try {
        result = work(transaction as unknown as Transaction)
        invariant(!isPromise(result), 'a transaction is synchronous')
        commit.run()
      } catch (error) {
        current = null
        transaction.open = false
        // A dead database has nothing to roll back and must not hide the first error behind a second one.
        if (isUsable(database) && database.inTransaction) rollback.run()
        throw error
      }
      current = null
      transaction.open = false
      for (const effect of transaction.effects) effect()
      return result
    },
  }
}

/** Guards every writing statement of the store. */
export function assertOpen(tx: Transaction): void {
  invariant((tx as unknown as OpenTransaction).open, 'a transaction handle is used within its transaction')
}

function isPromise(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

function isUsable(database: Database): boolean {
  try {
    return database.inTransaction || true
  } catch {
    return false
  }
}

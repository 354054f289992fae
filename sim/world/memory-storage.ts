/**
 * A node's database in memory, for very large quiet runs: native, without a disk underneath. It outlives the lives of
 * its node; a cut counts transactions, and comes before the commit.
 */

import { openBetterSqlite } from '../../engine/adapters/index.js'
import { type Database, DatabaseDead, type Statement } from '../../engine/ports.js'
import type { StableStorage } from './stable-storage.js'

export function memoryStorage(): StableStorage {
  const inner = openBetterSqlite(':memory:')
  let current: MortalDatabase | null = null
  let cut: { commitsLeft: number; readonly onCut: () => void } | null = null

  /** True when this commit is the one that does not happen any more. */
  function cutsAtCommit(): boolean {
    if (!cut) return false
    cut.commitsLeft -= 1
    return cut.commitsLeft <= 0
  }

  function kill(): void {
    if (inner.inTransaction) inner.exec('ROLLBACK')
    if (current) current.isDead = true
    current = null
  }

  return {
    open() {
      current = new MortalDatabase(inner, () => {
        if (!cutsAtCommit()) return
        const onCut = cut?.onCut
        cut = null
        kill()
        onCut?.()
        throw new DatabaseDead('the process is gone')
      })
      return current
    },
    kill() {
      cut = null
      kill()
    },
    cutAt(write, onCut) {
      cut = { commitsLeft: write, onCut }
    },
    discard() {
      kill()
      inner.close()
    },
  }
}

/** One life's handle on a database that outlives it. */
class MortalDatabase implements Database {
  isDead = false
  readonly #inner: Database
  readonly #beforeCommit: () => void

  constructor(inner: Database, beforeCommit: () => void) {
    this.#inner = inner
    this.#beforeCommit = beforeCommit
  }

  prepare(sql: string): Statement {
    this.#check()
    const statement = this.#inner.prepare(sql)
    const check = sql === 'COMMIT' ? () => this.#checkCommit() : () => this.#check()
    return {
      run: (...parameters) => {
        check()
        return statement.run(...parameters)
      },
      get: (...parameters) => {
        check()
        return statement.get(...parameters)
      },
      all: (...parameters) => {
        check()
        return statement.all(...parameters)
      },
    }
  }

  exec(sql: string): void {
    if (sql === 'COMMIT') this.#checkCommit()
    else this.#check()
    this.#inner.exec(sql)
  }

  get inTransaction(): boolean {
    this.#check()
    return this.#inner.inTransaction
  }

  close(): void {
    this.isDead = true
  }

  #check(): void {
    if (this.isDead) throw new DatabaseDead('the process is gone')
  }

  #checkCommit(): void {
    this.#check()
    this.#beforeCommit()
  }
}

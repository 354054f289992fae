/**
 * An app's own reads and writes in the node's database, in the transaction that also acknowledges what they are about.
 * The handle is good within its callback alone, and beginning or ending transactions is not for the app.
 */

import { ThicketError } from '../core/index.js'
import type { Database, SqlValue } from '../ports.js'

export interface AppTransaction {
  /** Rows changed. */
  run(sql: string, ...parameters: readonly SqlValue[]): number
  get<Row>(sql: string, ...parameters: readonly SqlValue[]): Row | undefined
  all<Row>(sql: string, ...parameters: readonly SqlValue[]): Row[]
  /** One or more statements without parameters, such as CREATE TABLE IF NOT EXISTS. */
  exec(sql: string): void
}

export type AppWork = (tx: AppTransaction) => void

/** Runs the app's work; whatever it throws goes up, so that the transaction around it rolls back. */
export function runAppWork(database: Database, work: AppWork): void {
  let isOpen = true
  const checked = (sql: string): string => {
    if (!isOpen) throw new ThicketError('transaction-over', 'the transaction handle is good within its callback alone')
    if (CONTROL.test(sql)) {
      throw new ThicketError('transaction-control', 'the transaction begins and ends around the callback', {
        sql: sql.slice(0, 80),
      })
    }
    return sql
  }
  try {
    const result: unknown = work({
      run: (sql, ...parameters) => database.prepare(checked(sql)).run(...parameters),
      get: (sql, ...parameters) => database.prepare(checked(sql)).get(...parameters),
      all: (sql, ...parameters) => database.prepare(checked(sql)).all(...parameters),
      exec: sql => database.exec(checked(sql)),
    })
    if (typeof result === 'object' && result !== null && 'then' in result) {
      // Its rejection is nobody's any more: what it began is rolled back.
      Promise.resolve(result).catch(() => {})
      throw new ThicketError(
        'callback-not-synchronous',
        'the callback returned a promise; await first, then acknowledge with a callback',
      )
    }
  } finally {
    isOpen = false
  }
}

/** Statements that would end or nest the transaction, alone or behind another one. */
const CONTROL =
  /(?:^|;)\s*(?:\/\*[\s\S]*?\*\/\s*|--[^\n]*\n\s*)*(?:BEGIN|COMMIT|END|ROLLBACK|SAVEPOINT|RELEASE|ATTACH|DETACH|VACUUM)\b/i

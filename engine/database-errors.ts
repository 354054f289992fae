/**
 * What the two bodies of the Database port have in common: which values they take, and how SQLite's result codes become
 * coded errors. A caller sees the same code whichever body it stands on.
 */

import { ThicketError } from './core/index.js'
import type { SqlValue } from './ports.js'

/** Our code by SQLite's primary result code; all else is a statement that SQLite could not run. */
const CODES: readonly (readonly [prefix: string, code: string])[] = [
  ['SQLITE_CONSTRAINT', 'database-constraint'],
  ['SQLITE_CORRUPT', 'database-corrupt'],
  ['SQLITE_NOTADB', 'database-corrupt'],
  ['SQLITE_FULL', 'database-full'],
  ['SQLITE_IOERR', 'database-io'],
  ['SQLITE_BUSY', 'database-in-use'],
  ['SQLITE_LOCKED', 'database-in-use'],
  ['SQLITE_CANTOPEN', 'database-unreachable'],
  ['SQLITE_PERM', 'database-unreachable'],
  ['SQLITE_AUTH', 'database-unreachable'],
  ['SQLITE_READONLY', 'database-read-only'],
  ['SQLITE_TOOBIG', 'database-value-too-big'],
  ['SQLITE_NOMEM', 'database-out-of-memory'],
]

/** @param sqlite the name of SQLite's extended result code, such as `SQLITE_CONSTRAINT_UNIQUE` */
export function databaseError(sqlite: string, message: string, cause?: unknown): ThicketError {
  const code = CODES.find(([prefix]) => sqlite.startsWith(prefix))?.[1] ?? 'database-statement'
  return new ThicketError(code, message, { sqlite }, cause === undefined ? {} : { cause })
}

/** For what is no error of SQLite's but a statement that the port does not take. */
export function statementError(message: string, details: Readonly<Record<string, unknown>> = {}): ThicketError {
  return new ThicketError('database-statement', message, details)
}

/** True for a number that is bound as an INTEGER; any other finite number is bound as a REAL. */
export function isSqlInteger(value: number): boolean {
  return Number.isSafeInteger(value)
}

/**
 * Refuses what `SqlValue` does not allow, since rows of the app come from code that may be untyped: a boolean or a
 * bigint would be stored as something else, NaN would silently become NULL.
 */
export function refuseValue(value: unknown, at: number): never {
  const kind = typeof value === 'object' ? (value?.constructor?.name ?? 'object') : typeof value
  throw new ThicketError('database-value', `parameter ${at + 1} is no value for SQLite: ${kind}`, {
    position: at + 1,
    kind,
  })
}

export function isSqlValue(value: unknown): value is SqlValue {
  return (
    value === null ||
    typeof value === 'string' ||
    (typeof value === 'number' && Number.isFinite(value)) ||
    value instanceof Uint8Array
  )
}

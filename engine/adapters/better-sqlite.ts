/**
 * The Database port on better-sqlite3: one connection to one file, in WAL mode with an exclusive lock, so that no
 * second process or instance can forge on the same logs. It knows nothing of the schema but the application id by which
 * it tells our files from others.
 */

import { resolve } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { invariant, isThicketError, ThicketError } from '../core/index.js'
import { databaseError, isSqlInteger, isSqlValue, refuseValue, statementError } from '../database-errors.js'
import { type Database, DatabaseDead, type SqlValue, type Statement } from '../ports.js'
import { inspectDatabaseFile } from './database-file.js'

/** Prepared statements a connection keeps; the store has some sixty, the rest are the app's. */
export const STATEMENT_CACHE_STATEMENTS = 256
/** Milliseconds to wait for a lock: long enough for a process that is just ending, too short to be felt. */
export const BUSY_TIMEOUT_MS = 100

export interface BetterSqliteOptions {
  /**
   * `full` (default): a commit is on the disk when it returns. `normal`: it is only in order; a power cut may lose the
   * newest commits, so a node may forge a sequence number twice. Neither loses anything when only the process dies.
   */
  readonly synchronous?: 'full' | 'normal'
}

/**
 * Opens or creates a database. `:memory:` gives one that ends with the process.
 *
 * @throws `database-unreachable`, `database-corrupt`, `database-foreign`, `database-in-use`, `database-read-only`; a
 * file that is refused is left as it was.
 */
export function openBetterSqlite(path: string, options: BetterSqliteOptions = {}): Database {
  const inMemory = path === ':memory:'
  if (path === '' || path.includes('\0')) {
    throw new ThicketError('database-unreachable', 'the path of the database is empty or no path', { path })
  }
  // An absolute path is never taken for one of SQLite's URIs.
  const file = inMemory ? path : resolve(path)
  if (!inMemory) inspectDatabaseFile(file)
  try {
    const handle = new BetterSqlite3(file, { timeout: BUSY_TIMEOUT_MS })
    try {
      configure(handle, inMemory, options)
    } catch (error) {
      handle.close()
      throw error
    }
    return new BetterSqliteDatabase(handle)
  } catch (error) {
    const coded = translate(error)
    if (inMemory || !isThicketError(coded)) throw coded
    const message = coded.code === 'database-in-use' ? 'the database is in use by another process' : coded.message
    throw new ThicketError(coded.code, `${message}: ${file}`, { ...coded.details, path: file }, { cause: error })
  }
}

function configure(handle: BetterSqlite3.Database, inMemory: boolean, options: BetterSqliteOptions): void {
  handle.pragma('foreign_keys = ON')
  if (inMemory) return
  // Before the first access, so that the index of the log lives on the heap and no -shm file appears.
  handle.pragma('locking_mode = EXCLUSIVE')
  const mode = handle.pragma('journal_mode = WAL', { simple: true })
  invariant(mode === 'wal', 'a database file with an exclusive lock takes a write-ahead log')
  handle.pragma(`synchronous = ${options.synchronous === 'normal' ? 'NORMAL' : 'FULL'}`)
  // On macOS a plain fsync leaves data in the drive's cache; elsewhere this changes nothing.
  if (options.synchronous !== 'normal') handle.pragma('fullfsync = ON')
  // The exclusive lock comes with the first read, and stays.
  handle.exec('BEGIN EXCLUSIVE; COMMIT')
}

class BetterSqliteDatabase implements Database {
  private readonly handle: BetterSqlite3.Database
  /** By SQL text, the one used longest ago first. */
  private readonly statements = new Map<string, BetterSqliteStatement>()

  constructor(handle: BetterSqlite3.Database) {
    this.handle = handle
  }

  prepare(sql: string): Statement {
    this.assertOpen()
    const known = this.statements.get(sql)
    if (known) {
      this.statements.delete(sql)
      this.statements.set(sql, known)
      return known
    }
    let statement: BetterSqliteStatement
    try {
      statement = new BetterSqliteStatement(this.handle, this.handle.prepare(sql))
    } catch (error) {
      throw translate(error)
    }
    this.statements.set(sql, statement)
    if (this.statements.size > STATEMENT_CACHE_STATEMENTS) {
      // Whoever holds the evicted statement can go on using it.
      for (const oldest of this.statements.keys()) {
        this.statements.delete(oldest)
        break
      }
    }
    return statement
  }

  exec(sql: string): void {
    this.assertOpen()
    try {
      this.handle.exec(sql)
    } catch (error) {
      throw translate(error)
    }
  }

  get inTransaction(): boolean {
    this.assertOpen()
    return this.handle.inTransaction
  }

  close(): void {
    this.statements.clear()
    this.handle.close()
  }

  private assertOpen(): void {
    if (!this.handle.open) throw new DatabaseDead('the database is closed')
  }
}

/** better-sqlite3 takes integers as bigint only; a number would be bound as a REAL. */
type Bound = SqlValue | bigint

class BetterSqliteStatement implements Statement {
  private readonly handle: BetterSqlite3.Database
  private readonly statement: BetterSqlite3.Statement<unknown[], unknown>
  /** `?1` counts as a name there and has to be bound by it. */
  private readonly isNumbered: boolean

  constructor(handle: BetterSqlite3.Database, statement: BetterSqlite3.Statement<unknown[], unknown>) {
    this.handle = handle
    this.statement = statement
    this.isNumbered = /\?\d/.test(statement.source)
  }

  run(...parameters: SqlValue[]): number {
    const bound = this.bind(parameters)
    try {
      return this.statement.run(...bound).changes
    } catch (error) {
      throw translate(error)
    }
  }

  get<Row>(...parameters: SqlValue[]): Row | undefined {
    const bound = this.bind(parameters)
    try {
      if (!this.statement.reader) {
        this.statement.run(...bound)
        return undefined
      }
      const row = this.statement.get(...bound) as Record<string, unknown> | undefined
      return (row === undefined ? undefined : plain(row)) as Row | undefined
    } catch (error) {
      throw translate(error)
    }
  }

  all<Row>(...parameters: SqlValue[]): Row[] {
    const bound = this.bind(parameters)
    try {
      if (!this.statement.reader) {
        this.statement.run(...bound)
        return []
      }
      const rows = this.statement.all(...bound) as Record<string, unknown>[]
      for (const row of rows) plain(row)
      return rows as Row[]
    } catch (error) {
      throw translate(error)
    }
  }

  /** Turns the array that the caller's rest parameter made into what better-sqlite3 binds. */
  private bind(parameters: SqlValue[]): unknown[] {
    if (!this.handle.open) throw new DatabaseDead('the database is closed')
    const bound: Bound[] = parameters
    for (let at = 0; at < parameters.length; at++) {
      const value = parameters[at]
      if (!isSqlValue(value)) refuseValue(value, at)
      if (typeof value === 'number' && isSqlInteger(value)) bound[at] = BigInt(value)
    }
    if (!this.isNumbered) return bound
    return [Object.fromEntries(bound.map((value, at) => [at + 1, value]))]
  }
}

/** A Buffer is a Uint8Array with other habits (`slice` shares memory); the engine speaks the plain one. */
function plain(row: Record<string, unknown>): Record<string, unknown> {
  for (const column in row) {
    const value = row[column]
    if (value instanceof Uint8Array) row[column] = new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  }
  return row
}

function translate(error: unknown): unknown {
  if (error instanceof BetterSqlite3.SqliteError) return databaseError(error.code, error.message, error)
  // What better-sqlite3 refuses itself: too few or too many parameters, none or several statements in one text.
  if (error instanceof RangeError || error instanceof TypeError) return statementError(error.message)
  return error
}

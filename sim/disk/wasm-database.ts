/**
 * The Database port on SQLite's WASM build and a simulated disk. When the disk's process dies, in the middle of a
 * statement or between two, the connection is taken apart at once: SQLite frees its memory, the files stay as they are,
 * and every later call throws `DatabaseDead`.
 */

import { invariant, type ThicketError } from '../../engine/core/index.js'
import { databaseError } from '../../engine/database-errors.js'
import { type Database, DatabaseDead, type Random, type Statement } from '../../engine/ports.js'
import type { Disk, Mount } from './disk.js'
import { type Sqlite, SqliteInstance } from './sqlite.js'
import { type Pointer, SQLITE } from './sqlite-api.js'
import type { VfsProcess } from './vfs.js'
import { type StatementHost, WasmStatement } from './wasm-statement.js'

/** The same as on better-sqlite3, so that a loop over too many statements shows in both worlds. */
export const STATEMENT_CACHE_STATEMENTS = 256
/** Pages kept in memory, in KiB: SQLite's own default; the build's of 16 MiB would not do for hundreds of nodes. */
export const CACHE_KIB = 2000
/** The file name on the disk; SQLite puts its journals beside it. */
export const DATABASE_NAME = 'thicket.db'

export interface OpenDiskOptions {
  /** `wal` as in the true world, or a rollback journal that is deleted at each commit. */
  readonly journal: 'wal' | 'rollback'
  /**
   * `full`: a commit that has returned survives a power cut (with a rollback journal this is SQLite's EXTRA, which
   * syncs the directory after deleting it). `off`: nothing is ever synced, for quiet runs without power cuts.
   */
  readonly synchronous: 'full' | 'off'
  /** Where SQLite's own chance comes from: salts, nonces and `random()`. */
  readonly random: Random
  /** The node's wall clock, microseconds since the UNIX epoch. */
  readonly wallUs: () => bigint
}

/**
 * Opens or creates the database of a disk; what a dead process left is recovered by SQLite.
 *
 * @throws `database-in-use` while another database is open on the disk, `database-corrupt`, `database-io`,
 * `database-full`; `DatabaseDead` when the process dies while it opens.
 */
export function openDisk(sqlite: Sqlite, disk: Disk, options: OpenDiskOptions): Database {
  invariant(sqlite instanceof SqliteInstance, 'a Sqlite comes from loadSqlite')
  const connection = new Connection(sqlite, disk.mount(), options)
  try {
    configure(connection, options)
  } catch (error) {
    connection.close()
    throw error
  }
  return connection
}

function configure(database: Connection, options: OpenDiskOptions): void {
  // Before the first access: without shared memory the index of a write-ahead log lives on the heap, and a database that
  // another run left in that mode can be read in no other way.
  database.exec('PRAGMA locking_mode = EXCLUSIVE')
  database.exec(`PRAGMA page_size = 4096; PRAGMA cache_size = -${CACHE_KIB}; PRAGMA foreign_keys = ON`)
  const wanted = options.journal === 'wal' ? 'wal' : 'delete'
  const mode = database.prepare(`PRAGMA journal_mode = ${wanted}`).get<{ journal_mode: string }>()
  invariant(mode?.journal_mode === wanted, 'a disk with an exclusive lock takes any journal')
  if (options.journal === 'rollback') {
    // Under an exclusive lock the journal would be kept and overwritten; the lock is given up after the next read.
    database.exec('PRAGMA locking_mode = NORMAL; SELECT count(*) FROM sqlite_schema')
  }
  const synchronous = options.synchronous === 'off' ? 'OFF' : options.journal === 'wal' ? 'FULL' : 'EXTRA'
  database.exec(`PRAGMA synchronous = ${synchronous}`)
}

/** One connection; its statements call back into it for all that concerns its life. */
class Connection implements Database, StatementHost {
  readonly sqlite: SqliteInstance
  private readonly mount: Mount
  private readonly process: VfsProcess
  /** Null once the connection is closed or dead. */
  private handle: Pointer | null = null
  private isBusy = false
  /** Those that hold a statement of SQLite's, by text, the one used longest ago first. */
  private readonly statements = new Map<string, WasmStatement>()

  constructor(sqlite: SqliteInstance, mount: Mount, options: OpenDiskOptions) {
    this.sqlite = sqlite
    this.mount = mount
    this.process = { mount, random: options.random, wallUs: options.wallUs }
    this.handle = this.open()
    mount.onDeath = () => {
      // In the middle of a statement SQLite has to come back first; `leave` does the rest.
      if (!this.isBusy) this.bury()
    }
  }

  prepare(sql: string): Statement {
    const known = this.statements.get(sql)
    if (known && this.handle !== null) {
      this.statements.delete(sql)
      this.statements.set(sql, known)
      return known
    }
    const statement = new WasmStatement(this, sql)
    this.call(handle => statement.compile(handle))
    return statement
  }

  exec(sql: string): void {
    this.call(handle => {
      const { pointer } = this.sqlite.heap.putText(sql)
      const code = this.sqlite.api.sqlite3_exec(handle, pointer, 0, 0, 0)
      if (code !== SQLITE.OK) throw this.error(handle, code)
    })
  }

  get inTransaction(): boolean {
    if (this.handle === null) throw dead()
    return this.sqlite.api.sqlite3_get_autocommit(this.handle) === 0
  }

  close(): void {
    if (this.handle === null) return
    this.call(handle => {
      this.handle = null
      this.free(handle)
    })
    this.mount.release()
  }

  /** Runs SQLite for this connection; when the process died meanwhile, the caller learns nothing but that. */
  call<Result>(work: (handle: Pointer) => Result): Result {
    const handle = this.handle
    if (handle === null) throw dead()
    this.enter()
    let result: Result
    try {
      result = work(handle)
    } catch (error) {
      this.leave()
      throw error
    }
    this.leave()
    return result
  }

  /** A statement got a handle; the one used longest ago loses its own, and gets another when it is used again. */
  keep(statement: WasmStatement): void {
    this.statements.get(statement.sql)?.finalize()
    this.statements.delete(statement.sql)
    this.statements.set(statement.sql, statement)
    if (this.statements.size <= STATEMENT_CACHE_STATEMENTS) return
    for (const [sql, oldest] of this.statements) {
      this.statements.delete(sql)
      oldest.finalize()
      break
    }
  }

  error(handle: Pointer, code: number): ThicketError {
    const message = this.sqlite.heap.cString(this.sqlite.api.sqlite3_errmsg(handle))
    return databaseError(this.sqlite.codeName(code), message)
  }

  private open(): Pointer {
    const { api, heap } = this.sqlite
    const result = heap.allocate(4)
    this.enter()
    const name = heap.putText(DATABASE_NAME).pointer
    const code = api.sqlite3_open_v2(name, result, SQLITE.OPEN_READWRITE | SQLITE.OPEN_CREATE, 0)
    const handle = heap.words.getInt32(result, true)
    heap.free(result)
    this.sqlite.vfs.leave()
    heap.releaseScratch()
    this.isBusy = false
    if (code === SQLITE.OK) {
      api.sqlite3_extended_result_codes(handle, 1)
      return handle
    }
    const error = this.error(handle, code)
    api.sqlite3_close_v2(handle)
    this.mount.release()
    throw error
  }

  private enter(): void {
    this.sqlite.vfs.enter(this.process)
    this.isBusy = true
  }

  private leave(): void {
    this.isBusy = false
    this.sqlite.heap.releaseScratch()
    const failure = this.sqlite.vfs.leave()
    if (!this.mount.isAlive) {
      this.bury()
      throw dead()
    }
    if (failure !== null) throw failure
  }

  /** Frees what a dead process held. Every file operation that SQLite tries on the way fails, so the files stay. */
  private bury(): void {
    const handle = this.handle
    this.handle = null
    if (handle !== null) {
      this.enter()
      this.free(handle)
      this.isBusy = false
      this.sqlite.vfs.leave()
    }
    this.mount.release()
  }

  private free(handle: Pointer): void {
    for (const statement of this.statements.values()) statement.finalize()
    this.statements.clear()
    this.sqlite.api.sqlite3_close_v2(handle)
  }
}

function dead(): DatabaseDead {
  return new DatabaseDead('the database is closed, or its process is gone')
}

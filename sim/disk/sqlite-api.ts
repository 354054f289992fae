/**
 * The functions of SQLite's C interface that the simulated database calls, straight from the WASM module: the wrappers
 * that the library offers convert arguments on every call, which costs more than the calls. Pointers are plain numbers;
 * 64-bit integers would be bigints and are avoided where a double says the same.
 */

export type Pointer = number

/** Result codes and constants of sqlite3.h. */
export const SQLITE = {
  OK: 0,
  NOTFOUND: 12,
  FULL: 13,
  CANTOPEN: 14,
  IOERR: 10,
  IOERR_READ: 10 | (1 << 8),
  IOERR_SHORT_READ: 10 | (2 << 8),
  IOERR_WRITE: 10 | (3 << 8),
  IOERR_FSYNC: 10 | (4 << 8),
  IOERR_TRUNCATE: 10 | (6 << 8),
  IOERR_FSTAT: 10 | (7 << 8),
  IOERR_DELETE: 10 | (10 << 8),
  IOERR_ACCESS: 10 | (13 << 8),
  IOERR_DELETE_NOENT: 10 | (23 << 8),
  ROW: 100,
  DONE: 101,
  OPEN_READWRITE: 0x2,
  OPEN_CREATE: 0x4,
  OPEN_DELETEONCLOSE: 0x8,
  /** SQLITE_OPEN_MAIN_JOURNAL, SQLITE_OPEN_SUPER_JOURNAL and SQLITE_OPEN_WAL. */
  OPEN_ANY_JOURNAL: 0x800 | 0x4000 | 0x80000,
  PREPARE_PERSISTENT: 1,
  STMTSTATUS_REPREPARE: 5,
  STATUS_MEMORY_USED: 0,
} as const

/** What `sqlite3_column_type` returns. */
export const COLUMN = { INTEGER: 1, FLOAT: 2, TEXT: 3, BLOB: 4, NULL: 5 } as const

export interface SqliteApi {
  sqlite3_open_v2(name: Pointer, database: Pointer, flags: number, vfs: Pointer): number
  sqlite3_close_v2(database: Pointer): number
  sqlite3_extended_result_codes(database: Pointer, on: number): number
  sqlite3_errmsg(database: Pointer): Pointer
  sqlite3_exec(database: Pointer, sql: Pointer, callback: 0, argument: 0, message: 0): number
  sqlite3_get_autocommit(database: Pointer): number
  sqlite3_changes(database: Pointer): number
  sqlite3_total_changes(database: Pointer): number
  sqlite3_prepare_v3(
    database: Pointer,
    sql: Pointer,
    bytes: number,
    flags: number,
    statement: Pointer,
    tail: Pointer,
  ): number
  sqlite3_finalize(statement: Pointer): number
  sqlite3_step(statement: Pointer): number
  sqlite3_reset(statement: Pointer): number
  sqlite3_stmt_status(statement: Pointer, counter: number, reset: number): number
  sqlite3_bind_parameter_count(statement: Pointer): number
  sqlite3_bind_parameter_name(statement: Pointer, at: number): Pointer
  sqlite3_bind_null(statement: Pointer, at: number): number
  sqlite3_bind_int(statement: Pointer, at: number, value: number): number
  sqlite3_bind_int64(statement: Pointer, at: number, value: bigint): number
  sqlite3_bind_double(statement: Pointer, at: number, value: number): number
  sqlite3_bind_text(statement: Pointer, at: number, text: Pointer, bytes: number, destructor: 0): number
  sqlite3_bind_blob(statement: Pointer, at: number, blob: Pointer, bytes: number, destructor: 0): number
  sqlite3_column_count(statement: Pointer): number
  sqlite3_column_name(statement: Pointer, at: number): Pointer
  sqlite3_column_type(statement: Pointer, at: number): number
  sqlite3_column_double(statement: Pointer, at: number): number
  sqlite3_column_text(statement: Pointer, at: number): Pointer
  sqlite3_column_blob(statement: Pointer, at: number): Pointer
  sqlite3_column_bytes(statement: Pointer, at: number): number
  sqlite3_randomness(bytes: number, target: Pointer): void
  sqlite3_malloc(bytes: number): Pointer
  sqlite3_free(memory: Pointer): void
  sqlite3_status(counter: number, current: Pointer, highest: Pointer, reset: number): number
  sqlite3_libversion(): Pointer
}

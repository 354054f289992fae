/**
 * One SQL statement of a simulated database. It holds a compiled statement of SQLite's as long as the connection has
 * room for it and compiles again when it is used after that. Parameters and columns go by index; values are bound where
 * they lie in the scratch area, since nothing outlives the call.
 */

import type { ThicketError } from '../../engine/core/index.js'
import { isSqlInteger, isSqlValue, refuseValue, statementError } from '../../engine/database-errors.js'
import type { SqlValue, Statement } from '../../engine/ports.js'
import type { SqliteInstance } from './sqlite.js'
import { COLUMN, type Pointer, SQLITE } from './sqlite-api.js'

/** What a statement asks of its connection. */
export interface StatementHost {
  readonly sqlite: SqliteInstance
  /** Runs SQLite, or throws `DatabaseDead`. */
  call<Result>(work: (handle: Pointer) => Result): Result
  /** The statement has been compiled; the connection finalizes it when it needs the room or ends. */
  keep(statement: WasmStatement): void
  error(handle: Pointer, code: number): ThicketError
}

export class WasmStatement implements Statement {
  readonly sql: string
  private readonly connection: StatementHost
  private readonly sqlite: SqliteInstance
  /** Zero when there is no compiled statement. */
  private pointer: Pointer = 0
  private parameterCount = 0
  private columns: readonly string[] = []
  /** How often SQLite compiled the statement anew because the schema changed; columns may have changed with it. */
  private recompiled = 0

  constructor(connection: StatementHost, sql: string) {
    this.connection = connection
    this.sqlite = connection.sqlite
    this.sql = sql
  }

  run(...parameters: SqlValue[]): number {
    return this.connection.call(handle => {
      const { api } = this.sqlite
      this.bind(handle, parameters)
      const before = api.sqlite3_total_changes(handle)
      let code: number
      do code = api.sqlite3_step(this.pointer)
      while (code === SQLITE.ROW)
      this.finish(handle, code)
      return api.sqlite3_total_changes(handle) === before ? 0 : api.sqlite3_changes(handle)
    })
  }

  get<Row>(...parameters: SqlValue[]): Row | undefined {
    return this.connection.call(handle => {
      this.bind(handle, parameters)
      const code = this.sqlite.api.sqlite3_step(this.pointer)
      const row = code === SQLITE.ROW ? this.row() : undefined
      this.finish(handle, code)
      return row as Row | undefined
    })
  }

  all<Row>(...parameters: SqlValue[]): Row[] {
    return this.connection.call(handle => {
      this.bind(handle, parameters)
      const rows: Record<string, SqlValue>[] = []
      let code = this.sqlite.api.sqlite3_step(this.pointer)
      for (; code === SQLITE.ROW; code = this.sqlite.api.sqlite3_step(this.pointer)) rows.push(this.row())
      this.finish(handle, code)
      return rows as Row[]
    })
  }

  /** For the connection, within a call. */
  compile(handle: Pointer): void {
    const { api, heap } = this.sqlite
    const { pointer: sql, bytes } = heap.putText(this.sql)
    const result = heap.take(8)
    const statement = this.compileNext(handle, sql, bytes, result)
    if (statement === 0) throw statementError('the text holds no statement')
    const tail = heap.words.getInt32(result + 4, true)
    const excess = tail < sql + bytes ? this.compileNext(handle, tail, sql + bytes - tail, result) : 0
    if (excess !== 0) {
      api.sqlite3_finalize(excess)
      api.sqlite3_finalize(statement)
      throw statementError('the text holds more than one statement')
    }
    this.parameterCount = api.sqlite3_bind_parameter_count(statement)
    for (let at = 1; at <= this.parameterCount; at++) {
      const name = api.sqlite3_bind_parameter_name(statement, at)
      if (name !== 0 && heap.cString(name)[0] !== '?') {
        api.sqlite3_finalize(statement)
        throw statementError('parameters have no names but their number')
      }
    }
    this.pointer = statement
    this.recompiled = -1
    this.connection.keep(this)
  }

  /** For the connection: gives the compiled statement back. */
  finalize(): void {
    this.sqlite.api.sqlite3_finalize(this.pointer)
    this.pointer = 0
  }

  private compileNext(handle: Pointer, sql: Pointer, bytes: number, result: Pointer): Pointer {
    const { api, heap } = this.sqlite
    const code = api.sqlite3_prepare_v3(handle, sql, bytes, SQLITE.PREPARE_PERSISTENT, result, result + 4)
    if (code !== SQLITE.OK) throw this.connection.error(handle, code)
    return heap.words.getInt32(result, true)
  }

  private bind(handle: Pointer, parameters: readonly SqlValue[]): void {
    if (this.pointer === 0) this.compile(handle)
    const { api, heap } = this.sqlite
    const statement = this.pointer
    if (parameters.length !== this.parameterCount) {
      throw statementError(`the statement takes ${this.parameterCount} parameters, not ${parameters.length}`, {
        expected: this.parameterCount,
        got: parameters.length,
      })
    }
    for (let at = 0; at < parameters.length; at++) {
      const value = parameters[at]
      if (!isSqlValue(value)) refuseValue(value, at)
      let code: number
      if (typeof value === 'number') {
        if (!isSqlInteger(value)) code = api.sqlite3_bind_double(statement, at + 1, value)
        else if ((value | 0) === value) code = api.sqlite3_bind_int(statement, at + 1, value)
        else code = api.sqlite3_bind_int64(statement, at + 1, BigInt(value))
      } else if (value === null) {
        code = api.sqlite3_bind_null(statement, at + 1)
      } else if (typeof value === 'string') {
        const text = heap.putText(value)
        code = api.sqlite3_bind_text(statement, at + 1, text.pointer, text.bytes, 0)
      } else {
        code = api.sqlite3_bind_blob(statement, at + 1, heap.putBytes(value), value.length, 0)
      }
      if (code !== SQLITE.OK) throw this.connection.error(handle, code)
    }
  }

  /** Ends this execution; bound values are left alone, as all of them are bound anew before the next. */
  private finish(handle: Pointer, code: number): void {
    if (code === SQLITE.DONE || code === SQLITE.ROW) {
      this.sqlite.api.sqlite3_reset(this.pointer)
      return
    }
    // The message is that of the failed step; resetting would replace it.
    const error = this.connection.error(handle, code)
    this.sqlite.api.sqlite3_reset(this.pointer)
    throw error
  }

  private row(): Record<string, SqlValue> {
    const { api } = this.sqlite
    const statement = this.pointer
    const recompiled = api.sqlite3_stmt_status(statement, SQLITE.STMTSTATUS_REPREPARE, 0)
    if (recompiled !== this.recompiled) {
      this.recompiled = recompiled
      this.columns = this.columnNames()
    }
    const row: Record<string, SqlValue> = {}
    const columns = this.columns
    for (let at = 0; at < columns.length; at++) row[columns[at]!] = this.column(at)
    return row
  }

  private column(at: number): SqlValue {
    const { api, heap } = this.sqlite
    const statement = this.pointer
    switch (api.sqlite3_column_type(statement, at)) {
      case COLUMN.INTEGER:
      case COLUMN.FLOAT:
        return api.sqlite3_column_double(statement, at)
      case COLUMN.TEXT: {
        const pointer = api.sqlite3_column_text(statement, at)
        return heap.text(pointer, api.sqlite3_column_bytes(statement, at))
      }
      case COLUMN.BLOB: {
        const pointer = api.sqlite3_column_blob(statement, at)
        return heap.copyBytes(pointer, api.sqlite3_column_bytes(statement, at))
      }
      default:
        return null
    }
  }

  private columnNames(): string[] {
    const { api, heap } = this.sqlite
    const names: string[] = []
    for (let at = 0; at < api.sqlite3_column_count(this.pointer); at++) {
      names.push(heap.cString(api.sqlite3_column_name(this.pointer, at)))
    }
    return names
  }
}

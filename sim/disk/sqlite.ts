/** SQLite's official WASM build, loaded once for the process; one instance carries the databases of all nodes. */

import init from '@sqlite.org/sqlite-wasm'
import { Heap, type WasmMemory } from './heap.js'
import { SQLITE, type SqliteApi } from './sqlite-api.js'
import { installVfs, type Vfs } from './vfs.js'

export interface Sqlite {
  /** Such as `3.54.1`. */
  readonly version: string
  /** Bytes that SQLite has in use, for all databases together. */
  memoryUsed(): number
  /** Files that SQLite holds open, on all disks together. */
  openFiles(): number
}

export class SqliteInstance implements Sqlite {
  readonly version: string
  readonly api: SqliteApi
  readonly heap: Heap
  readonly vfs: Vfs
  /** The name of a result code. */
  readonly codeName: (code: number) => string

  constructor(api: SqliteApi, heap: Heap, vfs: Vfs, codeName: (code: number) => string) {
    this.api = api
    this.heap = heap
    this.vfs = vfs
    this.codeName = codeName
    this.version = heap.cString(api.sqlite3_libversion())
  }

  memoryUsed(): number {
    const pair = this.heap.take(8)
    this.api.sqlite3_status(SQLITE.STATUS_MEMORY_USED, pair, pair + 4, 0)
    const used = this.heap.words.getInt32(pair, true)
    this.heap.releaseScratch()
    return used
  }

  openFiles(): number {
    return this.vfs.openFiles
  }
}

let loading: Promise<SqliteInstance> | null = null

/** Loads SQLite, some 40 ms the first time; everything after it is synchronous. */
export function loadSqlite(): Promise<Sqlite> {
  loading ??= load()
  return loading
}

async function load(): Promise<SqliteInstance> {
  const sqlite3 = await init()
  // The library's types leave out its memory and call its exports `any`.
  const wasm = sqlite3.wasm as unknown as { readonly exports: SqliteApi; readonly memory: WasmMemory }
  const api = wasm.exports
  const heap = new Heap(wasm.memory, api)
  const vfs = installVfs(sqlite3, api, heap)
  return new SqliteInstance(api, heap, vfs, code => sqlite3.capi.sqlite3_js_rc_str(code) ?? `SQLITE_${code}`)
}

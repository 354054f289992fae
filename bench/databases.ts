/**
 * How fast are the two bodies of the Database port, and what does an open database weigh in a simulation?
 *
 * Rows are as an operation's: two small integers, an id of 32 bytes, a header of 200. `npx tsx bench/databases.ts`
 * prints commits a second with one row each, rows a second in transactions of 256, reads by key, and bytes a database.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { openBetterSqlite } from '../engine/adapters/index.js'
import type { Database, Random } from '../engine/ports.js'
import { createDisk, loadSqlite, openDisk } from '../sim/disk/index.js'

const COMMITS = 2000
const BATCHES = 200
const BATCH_ROWS = 256
const READS = 50_000
const DATABASES = 100
const ROWS_PER_DATABASE = 1000

/** Chance is not measured here; any bytes do. */
const random: Random = { bytes: length => new Uint8Array(length).fill(7), float: () => 0.5 }
const wallUs = () => 1_700_000_000_000_000n
const header = new Uint8Array(200).fill(1)

const folder = mkdtempSync(join(tmpdir(), 'thicket-bench-'))
const sqlite = await loadSqlite()

console.log(`${cpus()[0]?.model.trim()}, Node ${process.version}; SQLite ${sqlite.version} (WASM)`)
// The first run of each body compiles it.
exercise(openBetterSqlite(':memory:'))
exercise(openDisk(sqlite, createDisk(), { journal: 'wal', synchronous: 'full', random, wallUs }))
console.log('body                            commits/s   ms/commit      rows/s   reads/s')
measure('better-sqlite3, WAL, FULL', openBetterSqlite(join(folder, 'full.db')))
measure('better-sqlite3, WAL, NORMAL', openBetterSqlite(join(folder, 'normal.db'), { synchronous: 'normal' }))
measure('better-sqlite3, in memory', openBetterSqlite(':memory:'))
for (const journal of ['wal', 'rollback'] as const) {
  for (const synchronous of ['full', 'off'] as const) {
    const database = openDisk(sqlite, createDisk(), { journal, synchronous, random, wallUs })
    measure(`WASM, ${journal}, ${synchronous}`, database)
  }
}
weigh('wal')
weigh('rollback')
restart()
rmSync(folder, { recursive: true })

function fill(database: Database): (row: number) => void {
  database.exec(`
    CREATE TABLE operations (position INTEGER PRIMARY KEY, log INTEGER, seq INTEGER, id BLOB, header BLOB);
    CREATE UNIQUE INDEX by_seq ON operations (log, seq);
    CREATE UNIQUE INDEX by_id ON operations (id)`)
  const insert = database.prepare('INSERT INTO operations (log, seq, id, header) VALUES (?, ?, ?, ?)')
  const id = new Uint8Array(32)
  const view = new DataView(id.buffer)
  return row => {
    // Ids are hashes, so they come in no order.
    view.setUint32(0, Math.imul(row, 0x9e3779b1))
    insert.run(row % 16, Math.floor(row / 16), id, header)
  }
}

function exercise(database: Database): { commitSeconds: number; batchSeconds: number; readSeconds: number } {
  const insert = fill(database)
  const begin = database.prepare('BEGIN IMMEDIATE')
  const commit = database.prepare('COMMIT')
  let row = 0
  const commitSeconds = seconds(() => {
    for (let count = 0; count < COMMITS; count++) {
      begin.run()
      insert(row++)
      commit.run()
    }
  })
  const batchSeconds = seconds(() => {
    for (let batch = 0; batch < BATCHES; batch++) {
      begin.run()
      for (let count = 0; count < BATCH_ROWS; count++) insert(row++)
      commit.run()
    }
  })
  const select = database.prepare('SELECT position, id, header FROM operations WHERE log = ? AND seq = ?')
  const readSeconds = seconds(() => {
    for (let read = 0; read < READS; read++) select.get(read % 16, Math.floor(read / 16))
  })
  database.close()
  return { commitSeconds, batchSeconds, readSeconds }
}

function measure(name: string, database: Database): void {
  const { commitSeconds, batchSeconds, readSeconds } = exercise(database)
  console.log(
    [
      name.padEnd(30),
      Math.round(COMMITS / commitSeconds)
        .toString()
        .padStart(10),
      ((commitSeconds / COMMITS) * 1000).toFixed(3).padStart(11),
      Math.round((BATCHES * BATCH_ROWS) / batchSeconds)
        .toString()
        .padStart(11),
      Math.round(READS / readSeconds)
        .toString()
        .padStart(9),
    ].join(' '),
  )
}

function weigh(journal: 'wal' | 'rollback'): void {
  const before = sqlite.memoryUsed()
  const disks = Array.from({ length: DATABASES }, () => createDisk())
  const open = () => disks.map(disk => openDisk(sqlite, disk, { journal, synchronous: 'full', random, wallUs }))
  let databases = open()
  const empty = (sqlite.memoryUsed() - before) / DATABASES
  for (const database of databases) {
    const insert = fill(database)
    database.exec('BEGIN')
    for (let row = 0; row < ROWS_PER_DATABASE; row++) insert(row)
    database.exec('COMMIT')
  }
  const full = (sqlite.memoryUsed() - before) / DATABASES
  const disk = disks.reduce((sum, disk) => sum + disk.bytes, 0) / DATABASES
  for (const database of databases) database.close()
  databases = []
  console.log(
    `WASM, ${journal}: ${kib(empty)} in SQLite for an open database, ${kib(full)} with ${ROWS_PER_DATABASE} rows, ` +
      `${kib(disk)} on its disk (mean of ${DATABASES}); ${kib(sqlite.memoryUsed() - before)} left when all are closed`,
  )
}

function restart(): void {
  const disk = createDisk()
  const options = { journal: 'wal', synchronous: 'full', random, wallUs } as const
  const insert = fill(openDisk(sqlite, disk, options))
  for (let row = 0; row < ROWS_PER_DATABASE; row++) insert(row)
  const times: number[] = []
  for (let life = 0; life < 50; life++) {
    disk.kill()
    times.push(seconds(() => openDisk(sqlite, disk, options).prepare('SELECT count(*) FROM operations').get()))
  }
  disk.kill()
  times.sort((left, right) => left - right)
  console.log(
    `WASM, wal: killed and open again in ${(times[25]! * 1000).toFixed(2)} ms (median of 50, ${ROWS_PER_DATABASE} rows in the log)`,
  )
}

function seconds(work: () => void): number {
  const start = performance.now()
  work()
  return (performance.now() - start) / 1000
}

function kib(bytes: number): string {
  return `${Math.round(bytes / 1024)} KiB`
}

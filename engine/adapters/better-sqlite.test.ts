/**
 * Goal: better-sqlite3 is a Database like any other; it takes files that are ours or empty and leaves all others exactly
 * as they were; no file is opened twice; a commit is durable by default.
 * Method: the contract on a file and in memory; directories full of files that must be refused, compared byte by byte
 * and name by name; a second process that holds or wants the lock, or that dies with its log in place.
 */

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { databaseContract } from '../database.contract.js'
import type { Database } from '../ports.js'
import { STORE_APPLICATION_ID } from '../store/index.js'
import { openBetterSqlite } from './better-sqlite.js'

const LIBRARY = JSON.stringify(createRequire(import.meta.url).resolve('better-sqlite3'))

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'thicket-database-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

let files = 0
databaseContract('better-sqlite3 on a file', () => openBetterSqlite(join(folder, `contract-${files++}.db`)))
databaseContract('better-sqlite3 in memory', () => openBetterSqlite(':memory:'))

function pragma(database: Database, name: string): unknown {
  return Object.values(database.prepare(`PRAGMA ${name}`).get<Record<string, unknown>>() ?? {})[0]
}

/** A file of ours with some rows, closed. */
function makeOurs(path: string): void {
  const database = openBetterSqlite(path)
  database.exec(`PRAGMA application_id = ${STORE_APPLICATION_ID}; CREATE TABLE t (a)`)
  const insert = database.prepare('INSERT INTO t VALUES (randomblob(1000))')
  for (let row = 0; row < 50; row++) insert.run()
  database.close()
}

/** Runs SQL in a process of its own, which is killed with its log in place. */
function dieAfter(path: string, sql: string): void {
  const script = `
    const database = new (require(${LIBRARY}))(${JSON.stringify(path)})
    database.exec(${JSON.stringify(sql)})
    process.kill(process.pid, 'SIGKILL')`
  try {
    execFileSync(process.execPath, ['-e', script], { stdio: 'ignore' })
  } catch (error) {
    if ((error as { signal?: string }).signal !== 'SIGKILL') throw error
  }
}

describe('settings', () => {
  it('durable by default', () => {
    const database = openBetterSqlite(join(folder, 'a.db'))
    expect(pragma(database, 'journal_mode')).toBe('wal')
    expect(pragma(database, 'synchronous')).toBe(2)
    expect(pragma(database, 'locking_mode')).toBe('exclusive')
    expect(pragma(database, 'foreign_keys')).toBe(1)
    expect(pragma(database, 'busy_timeout')).toBe(100)
    database.close()
  })

  it('normal is a choice', () => {
    const database = openBetterSqlite(join(folder, 'a.db'), { synchronous: 'normal' })
    expect(pragma(database, 'synchronous')).toBe(1)
    database.close()
  })

  it('keeps what it was given, and no other file once closed', () => {
    const path = join(folder, 'a.db')
    makeOurs(path)
    expect(readdirSync(folder)).toEqual(['a.db'])
    const database = openBetterSqlite(path)
    expect(database.prepare('SELECT count(*) AS n FROM t').get()).toEqual({ n: 50 })
    database.close()
  })

  it('a path that reads like one of SQLite’s URIs is a path', () => {
    const before = process.cwd()
    process.chdir(folder)
    try {
      openBetterSqlite('file:a.db?mode=memory').close()
    } finally {
      process.chdir(before)
    }
    expect(readdirSync(folder)).toEqual(['file:a.db?mode=memory'])
  })
})

describe('files that are refused stay as they were', () => {
  const foreignSql = 'CREATE TABLE notes (a); INSERT INTO notes VALUES (1)'
  const cases: [what: string, code: string, make: (path: string) => void][] = [
    ['a text file', 'database-corrupt', path => writeFileSync(path, 'Dear diary,\n'.repeat(100))],
    ['a single byte', 'database-corrupt', path => writeFileSync(path, 'S')],
    ['a magic number and nothing else', 'database-corrupt', path => writeFileSync(path, 'SQLite format 3\0')],
    ['a page of zeros', 'database-corrupt', path => writeFileSync(path, Buffer.alloc(4096))],
    [
      'a database cut short by a page',
      'database-corrupt',
      path => {
        makeOurs(path)
        truncateSync(path, readFileSync(path).length - 4096)
      },
    ],
    [
      'a database cut in its header',
      'database-corrupt',
      path => {
        makeOurs(path)
        truncateSync(path, 60)
      },
    ],
    [
      'a first page whose schema is noise',
      'database-corrupt',
      path => {
        makeOurs(path)
        const bytes = readFileSync(path)
        bytes.fill(0xa5, 100, 4096)
        writeFileSync(path, bytes)
      },
    ],
    [
      'a database of another application, unmarked',
      'database-foreign',
      path => {
        const other = new BetterSqlite3(path)
        other.exec(foreignSql)
        other.close()
      },
    ],
    [
      'a database of another application, marked but empty',
      'database-foreign',
      path => {
        const other = new BetterSqlite3(path)
        other.exec('PRAGMA application_id = 77')
        other.close()
      },
    ],
    [
      'a database of another application in WAL mode',
      'database-foreign',
      path => {
        const other = new BetterSqlite3(path)
        other.exec(`PRAGMA journal_mode = WAL; ${foreignSql}`)
        other.close()
      },
    ],
    [
      'another application that died before its first checkpoint',
      'database-foreign',
      path => dieAfter(path, `PRAGMA journal_mode = WAL; ${foreignSql}`),
    ],
    [
      'another application that died after its first checkpoint',
      'database-foreign',
      path =>
        dieAfter(path, `PRAGMA journal_mode = WAL; ${foreignSql}; PRAGMA wal_checkpoint; ${'DELETE FROM notes;'}`),
    ],
    [
      'another application that died before its first checkpoint, in pages of 65,536 bytes',
      'database-foreign',
      path => dieAfter(path, `PRAGMA page_size = 65536; PRAGMA journal_mode = WAL; ${foreignSql}`),
    ],
    ['a directory', 'database-unreachable', path => mkdirSync(path)],
  ]

  it.each(cases)('%s: %s', (_, code, make) => {
    const path = join(folder, 'a.db')
    make(path)
    const before = snapshot()
    expect(() => openBetterSqlite(path)).toThrow(
      expect.objectContaining({ code, details: expect.objectContaining({ path }) }),
    )
    expect(snapshot()).toEqual(before)
  })

  it.each([
    ['in a directory that does not exist', ['nowhere', 'a.db']],
    ['below a file', ['file', 'a.db']],
  ])('a path %s is unreachable', (_, parts) => {
    writeFileSync(join(folder, 'file'), 'x')
    const before = snapshot()
    expect(() => openBetterSqlite(join(folder, ...parts))).toThrow(
      expect.objectContaining({ code: 'database-unreachable' }),
    )
    expect(snapshot()).toEqual(before)
  })

  it.each(['', 'a\0b'])('%j is no path', path => {
    expect(() => openBetterSqlite(path)).toThrow(expect.objectContaining({ code: 'database-unreachable' }))
  })

  function snapshot(): Record<string, string | null> {
    return Object.fromEntries(
      readdirSync(folder, { withFileTypes: true }).map(entry => [
        entry.name,
        entry.isFile() ? readFileSync(join(folder, entry.name)).toString('base64') : null,
      ]),
    )
  }
})

describe('files that are taken', () => {
  it('an empty file is a new database', () => {
    const path = join(folder, 'a.db')
    writeFileSync(path, '')
    makeOurs(path)
    openBetterSqlite(path).close()
  })

  it('an empty database of nobody is a new one', () => {
    const path = join(folder, 'a.db')
    const other = new BetterSqlite3(path)
    other.exec('CREATE TABLE t (a); DROP TABLE t; VACUUM')
    other.close()
    openBetterSqlite(path).close()
  })

  it('one of ours whose process died before its first checkpoint, and recovers', () => {
    const path = join(folder, 'a.db')
    dieAfter(
      path,
      `PRAGMA journal_mode = WAL; BEGIN; PRAGMA application_id = ${STORE_APPLICATION_ID}; CREATE TABLE t (a); COMMIT; INSERT INTO t VALUES (1)`,
    )
    const main = readFileSync(path)
    expect(main.readUInt32BE(68)).toBe(0)
    const database = openBetterSqlite(path)
    expect(database.prepare('SELECT a FROM t').all()).toEqual([{ a: 1 }])
    database.close()
  })

  it('one whose first transaction was cut off half way', () => {
    const path = join(folder, 'a.db')
    dieAfter(
      path,
      // Pages go to the file before the transaction ends when they do not fit the cache.
      'PRAGMA cache_size = 5; BEGIN; CREATE TABLE t (a); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 200) INSERT INTO t SELECT randomblob(2000) FROM n',
    )
    expect(readdirSync(folder)).toContain('a.db-journal')
    const torn = readFileSync(path)
    torn.fill(0, 0, 512)
    writeFileSync(path, torn)
    const database = openBetterSqlite(path)
    expect(database.prepare('SELECT count(*) AS n FROM sqlite_schema').get()).toEqual({ n: 0 })
    database.close()
  })

  it('a log whose end is torn counts up to the tear', () => {
    const path = join(folder, 'a.db')
    dieAfter(path, 'PRAGMA journal_mode = WAL; CREATE TABLE notes (a)')
    const log = readFileSync(`${path}-wal`)
    // Nothing of the only transaction is whole, so this is an empty database of nobody.
    writeFileSync(`${path}-wal`, log.subarray(0, log.length - 1))
    openBetterSqlite(path).close()
  })
})

describe('one process, one instance', () => {
  it('a second instance in this process is refused, and the first keeps its lock', () => {
    const path = join(folder, 'a.db')
    makeOurs(path)
    const first = openBetterSqlite(path)
    expect(() => openBetterSqlite(path)).toThrow(expect.objectContaining({ code: 'database-in-use' }))
    expect(writeFromElsewhere(path)).toBe('SQLITE_BUSY')
    first.exec('INSERT INTO t VALUES (1)')
    first.close()
    openBetterSqlite(path).close()
  })

  it('the same file by another name is the same file', () => {
    makeOurs(join(folder, 'a.db'))
    const first = openBetterSqlite(join(folder, 'a.db'))
    expect(() => openBetterSqlite(join(folder, '.', 'x', '..', 'a.db'))).toThrow(
      expect.objectContaining({ code: 'database-in-use' }),
    )
    first.close()
  })

  it('a copy is another file', () => {
    makeOurs(join(folder, 'a.db'))
    cpSync(join(folder, 'a.db'), join(folder, 'b.db'))
    const first = openBetterSqlite(join(folder, 'a.db'))
    openBetterSqlite(join(folder, 'b.db')).close()
    first.close()
  })

  it('a file that another process holds is refused until that process is gone', async () => {
    const path = join(folder, 'a.db')
    makeOurs(path)
    const holder = spawn(
      process.execPath,
      [
        '-e',
        `const d = new (require(${LIBRARY}))(${JSON.stringify(path)}); d.pragma('locking_mode = EXCLUSIVE'); d.exec('BEGIN EXCLUSIVE; COMMIT'); console.log('held'); setInterval(() => d, 1000)`,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    await once(holder.stdout, 'data')
    const before = readFileSync(path)
    expect(() => openBetterSqlite(path)).toThrow(expect.objectContaining({ code: 'database-in-use' }))
    expect(readFileSync(path)).toEqual(before)
    const gone = once(holder, 'exit')
    holder.kill('SIGKILL')
    await gone
    openBetterSqlite(path).close()
  })

  function writeFromElsewhere(path: string): string {
    const script = `
      try {
        const database = new (require(${LIBRARY}))(${JSON.stringify(path)}, { timeout: 0 })
        database.exec('CREATE TABLE u (a)')
        console.log('written')
      } catch (error) {
        console.log(error.code)
      }`
    return execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }).trim()
  }
})

describe('errors while running', () => {
  it('a page that is noise is corruption', () => {
    const path = join(folder, 'a.db')
    makeOurs(path)
    const bytes = readFileSync(path)
    bytes.fill(0xa5, 4096)
    writeFileSync(path, bytes)
    const database = openBetterSqlite(path)
    expect(() => database.prepare('SELECT * FROM t').all()).toThrow(
      expect.objectContaining({ code: 'database-corrupt' }),
    )
    database.close()
  })

  it('no more room is its own error', () => {
    const database = openBetterSqlite(join(folder, 'a.db'))
    database.exec('CREATE TABLE t (a); PRAGMA max_page_count = 3')
    const insert = database.prepare('INSERT INTO t VALUES (randomblob(3000))')
    expect(() => {
      for (let row = 0; row < 10; row++) insert.run()
    }).toThrow(expect.objectContaining({ code: 'database-full' }))
    database.close()
  })
})

/**
 * Goal: the simulated database is a Database like any other, in both journal modes and with both sector sizes; its
 * process can die at any moment and SQLite recovers; nothing of the host enters it.
 * Method: the contract, then deaths at every storage step of a small workload, each followed by a new process on the
 * same disk; the host's clock and chance replaced by functions that throw.
 */

import seedrandom from 'seedrandom'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { databaseContract } from '../../engine/database.contract.js'
import { type Database, DatabaseDead, type Random } from '../../engine/ports.js'
import {
  createDisk,
  type Disk,
  type DiskImage,
  loadSqlite,
  type OpenDiskOptions,
  openDisk,
  type Sqlite,
} from './index.js'

const JOURNALS = ['wal', 'rollback'] as const
const SECTORS = [512, 4096] as const

function seeded(seed: string): Random {
  const next = seedrandom(seed)
  return { float: () => next(), bytes: length => Uint8Array.from({ length }, () => Math.floor(next() * 256)) }
}

let sqlite: Sqlite
beforeAll(async () => {
  sqlite = await loadSqlite()
})

function open(disk: Disk, options: Partial<OpenDiskOptions> = {}): Database {
  return openDisk(sqlite, disk, {
    journal: 'wal',
    synchronous: 'full',
    random: seeded('disk'),
    wallUs: () => 1_700_000_000_123_456n,
    ...options,
  })
}

/** As text, which compares faster than arrays do. */
function contents(image: DiskImage): Record<string, string> {
  return Object.fromEntries(image.names().map(name => [name, Buffer.from(image.read(name)).toString('base64')]))
}

function count(database: Database): number {
  return database.prepare('SELECT count(*) AS n FROM t').get<{ n: number }>()!.n
}

function isIntact(database: Database): boolean {
  return database.prepare('PRAGMA integrity_check').get<{ integrity_check: string }>()?.integrity_check === 'ok'
}

for (const journal of JOURNALS) {
  for (const sectorBytes of SECTORS) {
    databaseContract(`SQLite on a simulated disk (${journal}, ${sectorBytes}-byte sectors)`, () =>
      open(createDisk({ sectorBytes }), { journal }),
    )
  }
}

describe('settings', () => {
  it.each([
    ['wal', 'full', 'wal', 2],
    ['wal', 'off', 'wal', 0],
    ['rollback', 'full', 'delete', 3],
    ['rollback', 'off', 'delete', 0],
  ] as const)('%s and %s', (journal, synchronous, mode, level) => {
    const database = open(createDisk(), { journal, synchronous })
    expect(database.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: mode })
    expect(database.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: level })
    expect(database.prepare('PRAGMA foreign_keys').get()).toEqual({ foreign_keys: 1 })
    expect(database.prepare('PRAGMA page_size').get()).toEqual({ page_size: 4096 })
    database.close()
  })

  it('without syncs nothing is synced, with them every commit is', () => {
    for (const journal of JOURNALS) {
      const quiet = createDisk()
      const careful = createDisk()
      const quietDatabase = open(quiet, { journal, synchronous: 'off' })
      const carefulDatabase = open(careful, { journal })
      quietDatabase.exec('CREATE TABLE t (a)')
      carefulDatabase.exec('CREATE TABLE t (a)')
      const before = [quiet.counts.syncs, careful.counts.syncs]
      for (const database of [quietDatabase, carefulDatabase]) database.exec('INSERT INTO t VALUES (1)')
      expect(quiet.counts.syncs).toBe(before[0])
      expect(careful.counts.syncs).toBeGreaterThan(before[1]!)
      quietDatabase.close()
      carefulDatabase.close()
    }
  })

  it('a database goes from one journal to the other and back', () => {
    const disk = createDisk()
    let database = open(disk, { journal: 'wal' })
    database.exec('CREATE TABLE t (a)')
    for (const journal of ['rollback', 'wal', 'rollback'] as const) {
      disk.kill()
      database = open(disk, { journal })
      database.exec('INSERT INTO t VALUES (1)')
    }
    expect(count(database)).toBe(3)
    database.close()
  })

  it('a disk carries one database at a time', () => {
    const disk = createDisk()
    const database = open(disk)
    expect(() => open(disk)).toThrow(expect.objectContaining({ code: 'database-in-use' }))
    database.close()
    open(disk).close()
  })
})

describe('death of the process', () => {
  afterEach(() => {
    expect(sqlite.openFiles()).toBe(0)
  })

  for (const journal of JOURNALS) {
    it(`${journal}: at every storage step of a workload, a new process finds all that was committed`, () => {
      const rowsPerCommit = 3
      let lastCut = 0
      for (let step = 1; ; step++) {
        const disk = createDisk({ sectorBytes: 512 })
        const setup = open(disk, { journal })
        setup.exec('CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB)')
        let committed = 0
        let cuts = 0
        disk.cutAt({ afterSteps: step }, () => cuts++)
        try {
          const insert = setup.prepare('INSERT INTO t (b) VALUES (?)')
          for (let commit = 0; commit < 4; commit++) {
            setup.exec('BEGIN')
            for (let row = 0; row < rowsPerCommit; row++) insert.run(new Uint8Array(3000).fill(commit))
            setup.exec('COMMIT')
            committed += 1
          }
          setup.close()
        } catch (error) {
          expect(error).toBeInstanceOf(DatabaseDead)
          expect(() => setup.inTransaction).toThrow(DatabaseDead)
          expect(() => setup.exec('SELECT 1')).toThrow(DatabaseDead)
          expect(cuts).toBe(1)
        }
        expect(disk.isMounted).toBe(false)
        // A cut that lies beyond the workload must not hit the next process.
        disk.kill()
        const again = open(disk, { journal })
        expect(isIntact(again)).toBe(true)
        const rows = count(again)
        // The commit that was under way may have become whole without having been reported.
        expect([committed * rowsPerCommit, (committed + 1) * rowsPerCommit]).toContain(rows)
        again.exec('INSERT INTO t (b) VALUES (1)')
        again.close()
        if (cuts === 0) break
        lastCut = step
      }
      expect(lastCut).toBeGreaterThan(20)
    })
  }

  it('afterWrites counts writes alone, and the last one is not made', () => {
    const disk = createDisk()
    const database = open(disk)
    database.exec('CREATE TABLE t (a)')
    const before = disk.counts
    disk.cutAt({ afterWrites: 3 })
    expect(() => {
      for (;;) database.exec('INSERT INTO t VALUES (1)')
    }).toThrow(DatabaseDead)
    expect(disk.counts.writes - before.writes).toBe(2)
    open(disk).close()
  })

  it('kill ends the process between two statements; an open transaction is taken back', () => {
    for (const journal of JOURNALS) {
      const disk = createDisk()
      const database = open(disk, { journal })
      database.exec('CREATE TABLE t (a)')
      database.exec('INSERT INTO t VALUES (1); BEGIN; INSERT INTO t VALUES (2)')
      const statement = database.prepare('INSERT INTO t VALUES (3)')
      const before = contents(disk.image())
      disk.kill()
      disk.kill()
      expect(() => statement.run()).toThrow(DatabaseDead)
      database.close()
      expect(contents(disk.image())).toEqual(before)
      const again = open(disk, { journal })
      expect(count(again)).toBe(1)
      again.close()
    }
  })

  it('a killed process leaves no memory in SQLite', () => {
    const disk = createDisk()
    const start = sqlite.memoryUsed()
    for (let life = 0; life < 20; life++) {
      const database = open(disk)
      database.exec('CREATE TABLE IF NOT EXISTS t (a); BEGIN; INSERT INTO t VALUES (randomblob(5000))')
      database.prepare('SELECT * FROM t').all()
      if (life % 2 === 0) disk.kill()
      else {
        disk.cutAt({ afterWrites: 1 })
        expect(() => database.exec('COMMIT')).toThrow(DatabaseDead)
      }
    }
    expect(sqlite.memoryUsed()).toBe(start)
  })

  it('a cut in the middle of a statement that the page cache cannot hold', () => {
    for (const journal of JOURNALS) {
      const disk = createDisk()
      const database = open(disk, { journal })
      database.exec('CREATE TABLE t (a BLOB)')
      disk.cutAt({ afterWrites: 300 })
      expect(() =>
        database.exec(
          'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 2000) INSERT INTO t SELECT randomblob(3000) FROM n',
        ),
      ).toThrow(DatabaseDead)
      const again = open(disk, { journal })
      expect(isIntact(again)).toBe(true)
      expect(count(again)).toBe(0)
      again.close()
    }
  })

  it('a cut while the database opens, and while it closes', () => {
    const disk = createDisk()
    for (let step = 1; step < 8; step++) {
      disk.cutAt({ afterSteps: step })
      try {
        open(disk).close()
      } catch (error) {
        expect(error).toBeInstanceOf(DatabaseDead)
      }
      disk.kill()
    }
    const database = open(disk)
    database.exec('CREATE TABLE t (a)')
    disk.cutAt({ afterSteps: 1 })
    expect(() => database.close()).toThrow(DatabaseDead)
    database.close()
    const again = open(disk)
    expect(count(again)).toBe(0)
    again.close()
  })

  it('the callback of a cut may start the next process', () => {
    const disk = createDisk()
    const database = open(disk)
    database.exec('CREATE TABLE t (a)')
    let next: Database | undefined
    disk.cutAt({ afterWrites: 1 }, () => {
      next = open(disk)
      next.exec('INSERT INTO t VALUES (7)')
    })
    expect(() => database.exec('INSERT INTO t VALUES (1)')).toThrow(DatabaseDead)
    expect(next?.prepare('SELECT a FROM t').all()).toEqual([{ a: 7 }])
    next?.close()
  })
})

describe('many disks', () => {
  it('a hundred live at once, and the end of one touches no other', () => {
    const start = sqlite.memoryUsed()
    const nodes = Array.from({ length: 100 }, (_, number) => {
      const disk = createDisk()
      const database = open(disk, { journal: number % 2 === 0 ? 'wal' : 'rollback' })
      database.exec('CREATE TABLE t (a)')
      return { disk, database, number }
    })
    for (let round = 0; round < 5; round++) {
      for (const { database, number } of nodes) database.prepare('INSERT INTO t VALUES (?)').run(number)
    }
    nodes[42]!.disk.cutAt({ afterWrites: 1 })
    expect(() => nodes[42]!.database.exec('INSERT INTO t VALUES (0)')).toThrow(DatabaseDead)
    nodes[43]!.disk.kill()
    for (const { database, number } of nodes) {
      if (number === 42 || number === 43) continue
      expect(database.prepare('SELECT DISTINCT a, count(*) AS n FROM t').get()).toEqual({ a: number, n: 5 })
      expect(isIntact(database)).toBe(true)
      database.close()
    }
    expect(sqlite.memoryUsed()).toBe(start)
  })

  it('a copy of a disk goes its own way', () => {
    const disk = createDisk()
    const database = open(disk)
    database.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1)')
    const image = disk.image()
    const before = contents(image)
    const copy = createDisk({ image })
    const other = open(copy)
    other.exec('INSERT INTO t VALUES (2), (3)')
    database.exec('INSERT INTO t VALUES (4)')
    expect(count(other)).toBe(3)
    expect(count(database)).toBe(2)
    expect(contents(image)).toEqual(before)
    other.close()
    database.close()
  })
})

describe('determinism', () => {
  /** A workload that draws from SQLite's generator and reads its clock, with deaths in between. */
  function live(disk: Disk, journal: 'wal' | 'rollback', random: Random, between: () => void = () => {}): void {
    let database = open(disk, { journal, random })
    database.exec('CREATE TABLE t (a BLOB, b TEXT)')
    for (let row = 0; row < 60; row++) {
      between()
      database.exec("INSERT INTO t VALUES (randomblob(200), datetime('now') || random())")
      if (row % 20 === 19) {
        disk.kill()
        database = open(disk, { journal, random })
      }
    }
    disk.kill()
  }

  for (const journal of JOURNALS) {
    it(`${journal}: the bytes of a disk depend on its seed alone, whoever else lives in the process`, () => {
      const [first, second, other] = [createDisk(), createDisk(), createDisk()]
      live(first, journal, seeded('one'))
      const neighbour = open(createDisk(), { random: seeded('neighbour') })
      neighbour.exec('CREATE TABLE t (a)')
      live(second, journal, seeded('one'), () => neighbour.exec('INSERT INTO t VALUES (random())'))
      neighbour.close()
      live(other, journal, seeded('two'))
      expect(contents(second.image())).toEqual(contents(first.image()))
      expect(contents(other.image())).not.toEqual(contents(first.image()))
      expect(second.counts).toEqual(first.counts)
    })
  }

  it('nothing of the host is used after loading', () => {
    const forbidden = (name: string) => () => {
      throw new Error(`${name} was called`)
    }
    const spies = [
      vi.spyOn(Math, 'random').mockImplementation(forbidden('Math.random')),
      vi.spyOn(Date, 'now').mockImplementation(forbidden('Date.now')),
      vi.spyOn(performance, 'now').mockImplementation(forbidden('performance.now')),
      vi.spyOn(globalThis, 'setTimeout').mockImplementation(forbidden('setTimeout') as never),
      vi.spyOn(crypto, 'getRandomValues').mockImplementation(forbidden('getRandomValues')),
    ]
    try {
      const disk = createDisk()
      live(disk, 'wal', seeded('guarded'))
      disk.cutAt({ afterWrites: 9 })
      expect(() => live(disk, 'wal', seeded('guarded'))).toThrow()
    } finally {
      for (const spy of spies) spy.mockRestore()
    }
  })

  it("SQLite's clock is the node's", () => {
    let now = 1_700_000_000_123_456n
    const database = open(createDisk(), { wallUs: () => now })
    const read = () => database.prepare("SELECT strftime('%Y-%m-%d %H:%M:%f', 'now') AS at").get()
    expect(read()).toEqual({ at: '2023-11-14 22:13:20.123' })
    now += 3_600_000_000n
    expect(read()).toEqual({ at: '2023-11-14 23:13:20.123' })
    database.close()
  })
})

/**
 * Goal: what a power cut leaves is what the medium promised and nothing more, SQLite copes with all of it, and errors of
 * the medium reach the engine as coded errors without harm to what was committed.
 * Method: images after a cut are compared with what was synced, sector by sector; a workload is cut at every storage
 * step with several seeds; single faults are put under single statements.
 */

import seedrandom from 'seedrandom'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Database, DatabaseDead, type Random } from '../../engine/ports.js'
import { Directory } from './directory.js'
import { DiskFile } from './disk-file.js'
import {
  createDisk,
  type Disk,
  type DiskImage,
  loadSqlite,
  type OpenDiskOptions,
  openDisk,
  type Sqlite,
} from './index.js'
import { survivingImage } from './survivors.js'

let sqlite: Sqlite
beforeAll(async () => {
  sqlite = await loadSqlite()
})

function seeded(seed: string | number): Random {
  const next = seedrandom(String(seed))
  return { float: () => next(), bytes: length => Uint8Array.from({ length }, () => Math.floor(next() * 256)) }
}

function open(disk: Disk, options: Partial<OpenDiskOptions> = {}): Database {
  return openDisk(sqlite, disk, {
    journal: 'wal',
    synchronous: 'full',
    random: seeded('sqlite'),
    wallUs: () => 1_700_000_000_000_000n,
    ...options,
  })
}

function contents(image: DiskImage): Record<string, string> {
  return Object.fromEntries(image.names().map(name => [name, Buffer.from(image.read(name)).toString('base64')]))
}

describe('what a power cut leaves of a file', () => {
  const sectorBytes = 512
  const sectors = 40

  /** Ones are synced; twos were written over some of them, threes behind them. */
  function damaged(seed: number): Uint8Array | undefined {
    const file = new DiskFile(sectorBytes)
    file.write(new Uint8Array(20 * sectorBytes).fill(1), 0)
    file.sync()
    file.write(new Uint8Array(10 * sectorBytes).fill(2), 5 * sectorBytes)
    file.write(new Uint8Array(20 * sectorBytes).fill(3), 20 * sectorBytes)
    const image = survivingImage(new Directory([['f', file]]), sectorBytes, seeded(seed))
    return image.names().includes('f') ? image.read('f') : undefined
  }

  function sector(bytes: Uint8Array, number: number): Uint8Array {
    return bytes.subarray(number * sectorBytes, (number + 1) * sectorBytes)
  }

  it('synced sectors that were not written again are untouched, and what is left is never longer', () => {
    for (let seed = 0; seed < 50; seed++) {
      const bytes = damaged(seed)!
      expect(bytes.length).toBeGreaterThanOrEqual(20 * sectorBytes)
      expect(bytes.length).toBeLessThanOrEqual(sectors * sectorBytes)
      for (let number = 0; number < 20; number++) {
        if (number >= 5 && number < 15) continue
        expect(sector(bytes, number).every(byte => byte === 1)).toBe(true)
      }
    }
  })

  it('a written sector is kept, dropped, torn between old and new, or ends in noise; all of it happens', () => {
    const seen = new Set<string>()
    const lengths = new Set<number>()
    for (let seed = 0; seed < 200; seed++) {
      const bytes = damaged(seed)!
      lengths.add(bytes.length)
      for (let number = 5; number < 15; number++) {
        const values = [...new Set(sector(bytes, number))]
        if (values.length === 1) seen.add(values[0] === 2 ? 'kept' : 'dropped')
        else if (values.length === 2 && values[0] === 2 && values[1] === 1) seen.add('torn')
        else if (values[0] === 2) seen.add('noise')
        else seen.add('something else')
      }
      for (let number = 20; number * sectorBytes < bytes.length; number++) {
        const values = [...new Set(sector(bytes, number))]
        // A hole in what the file grew by reads as zeros.
        if (values.length === 1) expect([0, 3]).toContain(values[0])
      }
    }
    expect([...seen].sort()).toEqual(['dropped', 'kept', 'noise', 'torn'])
    expect(lengths).toContain(20 * sectorBytes)
    expect(lengths).toContain(sectors * sectorBytes)
  })

  it('depends on the seed alone', () => {
    expect(damaged(7)).toEqual(damaged(7))
    expect(damaged(7)).not.toEqual(damaged(8))
  })

  it('a truncation without a sync has happened or has not', () => {
    const sizes = new Set<number>()
    for (let seed = 0; seed < 20; seed++) {
      const file = new DiskFile(sectorBytes)
      file.write(new Uint8Array(3000).fill(1), 0)
      file.sync()
      file.truncate(100)
      const bytes = survivingImage(new Directory([['f', file]]), sectorBytes, seeded(seed)).read('f')
      sizes.add(bytes.length)
      expect(bytes.every(byte => byte === 1)).toBe(true)
    }
    expect([...sizes].sort()).toEqual([100, 3000])
  })

  it('a synced truncation has happened', () => {
    const file = new DiskFile(sectorBytes)
    file.write(new Uint8Array(3000).fill(1), 0)
    file.sync()
    file.truncate(100)
    file.sync()
    for (let seed = 0; seed < 10; seed++) {
      expect(survivingImage(new Directory([['f', file]]), sectorBytes, seeded(seed)).read('f').length).toBe(100)
    }
  })
})

describe('what a power cut leaves of a directory', () => {
  function file(fill: number): DiskFile {
    const file = new DiskFile(512)
    file.write(new Uint8Array([fill]), 0)
    file.sync()
    return file
  }

  /** Everything that may be found under a name, over many cuts. */
  function outcomes(directory: Directory, name: string): string[] {
    const seen = new Set<string>()
    for (let seed = 0; seed < 40; seed++) {
      const image = survivingImage(directory, 512, seeded(seed))
      seen.add(image.names().includes(name) ? String(image.read(name)[0]) : 'none')
    }
    return [...seen].sort()
  }

  it('a deletion without a sync of the directory may not have happened', () => {
    const directory = new Directory([['f', file(1)]])
    directory.delete('f')
    expect(outcomes(directory, 'f')).toEqual(['1', 'none'])
    directory.sync()
    expect(outcomes(directory, 'f')).toEqual(['none'])
  })

  it('a creation may not have happened, though the content of the file was synced', () => {
    const directory = new Directory()
    directory.create('f', file(1))
    expect(outcomes(directory, 'f')).toEqual(['1', 'none'])
    directory.sync()
    expect(outcomes(directory, 'f')).toEqual(['1'])
  })

  it('a name that was used again may stand for any of its files', () => {
    const directory = new Directory([['f', file(1)]])
    directory.delete('f')
    directory.create('f', file(2))
    directory.delete('f')
    directory.create('f', file(3))
    expect(outcomes(directory, 'f')).toEqual(['1', '2', '3', 'none'])
  })
})

describe('SQLite after a power cut', () => {
  /** Commits of two rows each, some of them over pages that are there already; returns how many were reported. */
  function work(database: Database): number {
    let committed = 0
    try {
      for (let commit = 0; commit < 3; commit++) {
        database.exec('BEGIN')
        database.prepare('INSERT INTO t (b) VALUES (?)').run(new Uint8Array(2500).fill(commit))
        database.prepare('UPDATE t SET b = ? WHERE a = 1').run(new Uint8Array(700 * (commit + 1)).fill(commit))
        database.prepare('INSERT INTO t (b) VALUES (?)').run(new Uint8Array(100).fill(commit))
        database.exec('COMMIT')
        committed += 1
        if (
          commit === 1 &&
          database.prepare('PRAGMA journal_mode').get<{ journal_mode: string }>()?.journal_mode === 'wal'
        )
          database.exec('PRAGMA wal_checkpoint')
      }
    } catch (error) {
      expect(error).toBeInstanceOf(DatabaseDead)
    }
    return committed
  }

  for (const journal of ['wal', 'rollback'] as const) {
    for (const sectorBytes of [512, 4096] as const) {
      it(`${journal}, ${sectorBytes}-byte sectors: nothing that was reported as committed is lost, at any step`, () => {
        let steps = 0
        for (let step = 1, isCut = true; isCut; step++) {
          isCut = false
          const disk = createDisk({ sectorBytes })
          const database = open(disk, { journal })
          database.exec('CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB); INSERT INTO t (b) VALUES (zeroblob(3000))')
          disk.cutAt({ afterSteps: step }, () => {
            isCut = true
          })
          const committed = work(database)
          disk.kill()
          for (let seed = 0; seed < 4; seed++) {
            const image = disk.survivors(seeded(`${step}/${seed}`))
            const again = open(createDisk({ sectorBytes, image }), { journal })
            expect(again.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
            const { n } = again.prepare('SELECT count(*) AS n FROM t').get<{ n: number }>()!
            expect([1 + 2 * committed, 1 + 2 * (committed + 1)]).toContain(n)
            again.exec('INSERT INTO t (b) VALUES (1)')
            again.close()
          }
          steps = step
        }
        expect(steps).toBeGreaterThan(15)
      })
    }
  }

  it('without syncs, commits are lost: the damage is real', () => {
    const disk = createDisk()
    const database = open(disk, { synchronous: 'off' })
    database.exec('CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB)')
    work(database)
    disk.kill()
    let lost = 0
    for (let seed = 0; seed < 20; seed++) {
      const again = createDisk({ image: disk.survivors(seeded(seed)) })
      try {
        const reopened = open(again)
        if (reopened.prepare('SELECT count(*) AS n FROM t').get<{ n: number }>()!.n < 6) lost += 1
        reopened.close()
      } catch (error) {
        expect(['database-corrupt', 'database-statement']).toContain((error as { code?: string }).code)
        lost += 1
        again.kill()
      }
    }
    expect(lost).toBeGreaterThan(5)
  })

  it('a disk that was never cut loses nothing it synced, and the disk itself stays as it is', () => {
    const disk = createDisk()
    const database = open(disk)
    database.exec('CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB)')
    work(database)
    database.close()
    const before = contents(disk.image())
    for (let seed = 0; seed < 5; seed++) disk.survivors(seeded(seed))
    expect(contents(disk.image())).toEqual(before)
  })
})

describe('errors of the medium', () => {
  it('a step that fails is a coded error, and the process lives on', () => {
    for (const journal of ['wal', 'rollback'] as const) {
      for (const step of ['write', 'sync'] as const) {
        const disk = createDisk()
        const database = open(disk, { journal })
        database.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1)')
        disk.fail({ step, after: 1 })
        expect(() => database.exec('INSERT INTO t VALUES (2)')).toThrow(
          expect.objectContaining({ code: 'database-io' }),
        )
        expect(database.inTransaction).toBe(false)
        database.exec('INSERT INTO t VALUES (3)')
        expect(database.prepare('SELECT a FROM t').all()).toEqual([{ a: 1 }, { a: 3 }])
        database.close()
      }
    }
  })

  it('a read that fails is a coded error, once', () => {
    const disk = createDisk()
    let database = open(disk)
    database.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1)')
    database.close()
    database = open(disk)
    disk.fail({ step: 'read', after: 1 })
    expect(() => database.prepare('SELECT a FROM t').all()).toThrow(expect.objectContaining({ code: 'database-io' }))
    expect(database.prepare('SELECT a FROM t').all()).toEqual([{ a: 1 }])
    database.close()
  })

  it('the n-th step fails and no other', () => {
    const disk = createDisk()
    const database = open(disk)
    database.exec('CREATE TABLE t (a)')
    disk.fail({ step: 'sync', after: 3 })
    const failed: number[] = []
    for (let commit = 1; commit <= 5; commit++) {
      try {
        database.exec('INSERT INTO t VALUES (1)')
      } catch {
        failed.push(commit)
      }
    }
    expect(failed).toHaveLength(1)
    database.close()
  })

  it('a full disk takes nothing more, loses nothing, and goes on when there is room', () => {
    for (const journal of ['wal', 'rollback'] as const) {
      const disk = createDisk({ capacityBytes: 200_000 })
      const database = open(disk, { journal })
      database.exec('CREATE TABLE t (a)')
      const insert = database.prepare('INSERT INTO t VALUES (?)')
      let rows = 0
      const fill = () => {
        for (let row = 0; row < 100; row++) {
          insert.run(new Uint8Array(3000))
          rows += 1
        }
      }
      expect(fill).toThrow(expect.objectContaining({ code: 'database-full' }))
      expect(rows).toBeGreaterThan(5)
      expect(disk.bytes).toBeLessThanOrEqual(200_000)
      expect(database.prepare('SELECT count(*) AS n FROM t').get()).toEqual({ n: rows })
      disk.setCapacity(1_000_000)
      insert.run(new Uint8Array(3000))
      expect(database.prepare('SELECT count(*) AS n FROM t').get()).toEqual({ n: rows + 1 })
      database.close()
    }
  })

  it('a capacity is kept to the byte: one chunk more fits, one less does not', () => {
    const disk = createDisk({ capacityBytes: 4096 })
    const mount = disk.mount()
    const file = new DiskFile(4096)
    mount.directory.create('f', file)
    expect(disk.fits(file, 4096)).toBe(true)
    expect(disk.fits(file, 4097)).toBe(false)
    disk.setCapacity(8191)
    expect(disk.fits(file, 4097)).toBe(false)
    disk.setCapacity(8192)
    expect(disk.fits(file, 4097)).toBe(true)
    mount.release()
  })

  it('rot turns one bit of one read, and the medium stays whole', () => {
    const disk = createDisk()
    let database = open(disk)
    database.exec('CREATE TABLE t (a BLOB); INSERT INTO t VALUES (zeroblob(100000))')
    database.close()
    const read = () => {
      database = open(disk)
      const { a } = database.prepare('SELECT a FROM t').get<{ a: Uint8Array }>()!
      database.close()
      return a.reduce((bits, byte) => bits + [...byte.toString(2)].filter(bit => bit === '1').length, 0)
    }
    expect(read()).toBe(0)
    const wrong: number[] = []
    for (let seed = 0; seed < 8; seed++) {
      // Past the pages that opening reads, within those of the blob.
      disk.rot({ afterReads: 15, damage: seeded(seed) })
      wrong.push(read())
    }
    // A bit in the few bytes that chain the pages of a blob is no bit of the blob, so not every seed shows.
    expect(wrong.every(bits => bits <= 1)).toBe(true)
    expect(wrong.filter(bits => bits === 1).length).toBeGreaterThan(4)
    expect(read()).toBe(0)
  })
})

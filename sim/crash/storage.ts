/** The disk of one node of an enumeration: as in any run, but for the journal and an early checkpoint. */

import type { Clock, Database, Random } from '../../engine/ports.js'
import { openStore } from '../../engine/store/index.js'
import { createDisk, type Disk, type DiskImage, openDisk, type Sqlite } from '../disk/index.js'
import type { StableStorage } from '../world/index.js'
import type { Journal } from './types.js'

export interface StorageOptions {
  readonly sqlite: Sqlite
  readonly journal: Journal
  readonly synchronous: 'full' | 'off'
  readonly random: Random
  /** Looks at the database before the engine does. */
  readonly onOpened?: (database: Database) => void
}

/**
 * Pages after which a write-ahead log is carried over into the database; SQLite's default of 1000 would put the first
 * checkpoint behind the end of any scenario that is small enough to be enumerated.
 */
const CHECKPOINT_PAGES = 40

export function crashStorage(disk: Disk, options: StorageOptions): StableStorage {
  return {
    open(clock) {
      const database = openForCrash(disk, options, clock)
      options.onOpened?.(database)
      return database
    },
    kill: () => disk.kill(),
    cutAt: (write, onCut) => disk.cutAt({ afterWrites: write }, onCut),
    discard: () => disk.kill(),
  }
}

export function openForCrash(disk: Disk, options: StorageOptions, clock: Pick<Clock, 'wallUs'>): Database {
  const { sqlite, journal, synchronous, random } = options
  const database = openDisk(sqlite, disk, { journal, synchronous, random, wallUs: () => clock.wallUs() })
  if (journal === 'wal') database.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`)
  return database
}

/** The disk of a node that was started once and has done nothing yet. */
export function migratedImage(options: StorageOptions): DiskImage {
  const disk = createDisk()
  openStore(openForCrash(disk, options, { wallUs: () => 0n })).close()
  return disk.image()
}

/**
 * What a node keeps when its process dies: a simulated disk, or a database in memory for large quiet runs. Either way
 * `cutAt` says where the next death lies.
 */

import type { Clock, Database, Random } from '../../engine/ports.js'
import { createDisk, openDisk, type Sqlite } from '../disk/index.js'

export interface StableStorage {
  open(clock: Clock): Database
  /** The process is gone. What it had committed stays. */
  kill(): void
  /** The n-th write from now does not happen any more; `onCut` is told once. On memory, commits are counted. */
  cutAt(write: number, onCut: () => void): void
  /** Ends for good and frees what it holds. */
  discard(): void
}

export function diskStorage(sqlite: Sqlite, random: Random): StableStorage {
  const disk = createDisk()
  return {
    open(clock) {
      return openDisk(sqlite, disk, { journal: 'wal', synchronous: 'full', random, wallUs: () => clock.wallUs() })
    },
    kill() {
      disk.kill()
    },
    cutAt: (write, onCut) => disk.cutAt({ afterWrites: write }, onCut),
    discard: () => disk.kill(),
  }
}

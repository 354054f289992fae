/** Goal: the store on SQLite's WASM build and a simulated disk. Method: the store's contract, in both journal modes. */

import { storeContract } from '../../engine/store/store.contract.js'
import { createDisk, loadSqlite, openDisk } from './index.js'

const sqlite = await loadSqlite()

for (const journal of ['wal', 'rollback'] as const) {
  storeContract(`a simulated disk (${journal})`, () =>
    openDisk(sqlite, createDisk(), {
      journal,
      synchronous: 'full',
      random: { bytes: length => new Uint8Array(length), float: () => 0.5 },
      wallUs: () => 1_767_225_600_000_000n,
    }),
  )
}

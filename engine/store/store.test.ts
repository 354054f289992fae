/** Goal: the store on better-sqlite3. Method: the store's contract; the simulator runs it on its own disk. */

import { openBetterSqlite } from '../adapters/better-sqlite.js'
import { storeContract } from './store.contract.js'

storeContract('better-sqlite3', () => openBetterSqlite(':memory:'))

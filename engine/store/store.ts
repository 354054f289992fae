/** The store of one node: every concern on one database, and the one way to write. */

import type { Database } from '../ports.js'
import { type AddressBook, createAddressBook } from './address-book.js'
import { type Consumers, createConsumers } from './consumers.js'
import { createForks, type Forks } from './forks.js'
import { createHeld, type Held, type HeldLimits } from './held.js'
import { HELD_BYTES_PER_TOPIC, HELD_OPERATIONS_PER_LOG } from './limits.js'
import { createLogs, type Logs } from './logs.js'
import { migrate } from './migrations.js'
import { createOperations, type Operations } from './operations.js'
import { createOrdering, type Ordering } from './ordering.js'
import { createTransactor, type Transactor } from './transaction.js'

export interface Store extends Transactor {
  readonly database: Database
  readonly logs: Logs
  readonly operations: Operations
  readonly held: Held
  readonly ordering: Ordering
  readonly consumers: Consumers
  readonly forks: Forks
  readonly addressBook: AddressBook
  close(): void
}

export interface StoreLimits {
  readonly held: HeldLimits
}

export const DEFAULT_STORE_LIMITS: StoreLimits = {
  held: { operationsPerLog: HELD_OPERATIONS_PER_LOG, bytesPerTopic: HELD_BYTES_PER_TOPIC },
}

/** Migrates the database to the newest schema and opens the store on it. */
export function openStore(database: Database, limits: StoreLimits = DEFAULT_STORE_LIMITS): Store {
  migrate(database)
  const transactor = createTransactor(database)
  return {
    ...transactor,
    database,
    logs: createLogs(database),
    operations: createOperations(database),
    held: createHeld(database, limits.held),
    ordering: createOrdering(database),
    consumers: createConsumers(database),
    forks: createForks(database),
    addressBook: createAddressBook(database, transactor.transact),
    close: () => database.close(),
  }
}

/**
 * What discovery knows of other nodes, kept over restarts. The rules, the bounds and the meaning of a record are those
 * of discovery; here lie rows, one for each node and kind of transport.
 */

import { idBytes, idFromBytes, u64Bytes, u64FromBytes, type VerifyingKey } from '../core/index.js'
import type { Database } from '../ports.js'
import type { Transactor } from './transaction.js'

export interface AddressRow {
  readonly nodeId: VerifyingKey
  readonly isBootstrap: boolean
  /** A transport record in the notation of discovery. */
  readonly record: Uint8Array | null
  /** Connections that failed since the last that succeeded. */
  readonly failures: number
  /** Microseconds since the UNIX epoch, by the clock of this node. */
  readonly lastFailedUs: bigint | null
  readonly lastSucceededUs: bigint | null
  readonly updatedUs: bigint
}

export interface AddressBook {
  /** The rows of one kind of transport in ascending order of node ids. */
  load(kind: string): readonly AddressRow[]
  /** Puts and drops rows in one transaction of its own. */
  save(kind: string, rows: readonly AddressRow[], dropped: readonly VerifyingKey[]): void
}

interface RawRow {
  node: Uint8Array
  bootstrap: number
  record: Uint8Array | null
  failures: number
  last_failed: Uint8Array | null
  last_succeeded: Uint8Array | null
  updated: Uint8Array
}

export function createAddressBook(database: Database, transact: Transactor['transact']): AddressBook {
  const columns = 'node, bootstrap, record, failures, last_failed, last_succeeded, updated'
  const selectAll = database.prepare(`SELECT ${columns} FROM addresses WHERE kind = ? ORDER BY node`)
  const upsert = database.prepare(`INSERT OR REPLACE INTO addresses (kind, ${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`)
  const remove = database.prepare('DELETE FROM addresses WHERE kind = ? AND node = ?')
  return {
    load: kind => selectAll.all<RawRow>(kind).map(addressRow),
    save(kind, rows, dropped) {
      transact(() => {
        for (const node of dropped) remove.run(kind, idBytes(node))
        for (const row of rows) {
          upsert.run(
            kind,
            idBytes(row.nodeId),
            row.isBootstrap ? 1 : 0,
            row.record,
            row.failures,
            row.lastFailedUs === null ? null : u64Bytes(row.lastFailedUs),
            row.lastSucceededUs === null ? null : u64Bytes(row.lastSucceededUs),
            u64Bytes(row.updatedUs),
          )
        }
      })
    },
  }
}

function addressRow(raw: RawRow): AddressRow {
  return {
    nodeId: idFromBytes<VerifyingKey>(raw.node, 'node id'),
    isBootstrap: raw.bootstrap === 1,
    record: raw.record,
    failures: raw.failures,
    lastFailedUs: raw.last_failed && u64FromBytes(raw.last_failed),
    lastSucceededUs: raw.last_succeeded && u64FromBytes(raw.last_succeeded),
    updatedUs: u64FromBytes(raw.updated),
  }
}

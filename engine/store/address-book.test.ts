/** Goal: what discovery knows survives. Method: rows written, read and dropped on better-sqlite3, also after a reopening. */

import { expect, it } from 'vitest'
import { openBetterSqlite } from '../adapters/better-sqlite.js'
import { idFromHex, U64_MAX, type VerifyingKey } from '../core/index.js'
import { type AddressRow, openStore } from './index.js'

const node = (number: number) => idFromHex<VerifyingKey>(number.toString(16).padStart(64, '0'), 'node id')
const row = (number: number, more: Partial<AddressRow> = {}): AddressRow => ({
  nodeId: node(number),
  isBootstrap: false,
  record: null,
  failures: 0,
  lastFailedUs: null,
  lastSucceededUs: null,
  updatedUs: 1n,
  ...more,
})

it('rows come back as they were, by kind, in order, and the last word counts', () => {
  const database = openBetterSqlite(':memory:')
  const { addressBook } = openStore(database)
  const full = row(2, {
    isBootstrap: true,
    record: Uint8Array.of(1, 2),
    failures: 3,
    lastFailedUs: U64_MAX,
    lastSucceededUs: 0n,
  })
  addressBook.save('libp2p', [full, row(1), row(3)], [])
  addressBook.save('iroh', [row(1, { failures: 9 })], [node(7)])
  expect(addressBook.load('libp2p').map(known => ({ ...known, record: known.record && [...known.record] }))).toEqual([
    row(1),
    { ...full, record: [1, 2] },
    row(3),
  ])
  addressBook.save('libp2p', [row(3, { updatedUs: 5n })], [node(2)])
  const again = openStore(database).addressBook
  expect(again.load('libp2p')).toEqual([row(1), row(3, { updatedUs: 5n })])
  expect(again.load('iroh')).toEqual([row(1, { failures: 9 })])
  database.close()
})

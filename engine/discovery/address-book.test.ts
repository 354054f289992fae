/**
 * Goal: the address book keeps the latest word of each node, knows who is stale, and never grows beyond its bound.
 * Method: the behaviour that upstream's tests assert (spec/sync.md 8.2), the bound at its edge, and a property for the
 * last word in any order of arrival.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SigningKey, type VerifyingKey } from '../core/index.js'
import { AddressBook, type AddressRow, isProbeDue, isStale } from './address-book.js'
import { DEFAULT_DISCOVERY_LIMITS as LIMITS } from './limits.js'
import { encodeRecord, makeRecord, signRecord } from './records.js'

const KEY = SigningKey.fromBytes(new Uint8Array(32).fill(3))
const NODE = KEY.verifyingKey
const MINUTE_US = 60_000_000n
const node = (number: number) => number.toString(16).padStart(64, '0') as VerifyingKey
const record = (wallUs: bigint, lamport = 0n, port = 1) =>
  signRecord(KEY, makeRecord('libp2p', { wallUs, lamport }, [`/ip4/10.0.0.1/tcp/${port}`]))
const row = (nodeId: VerifyingKey, more: Partial<AddressRow> = {}): AddressRow => ({
  nodeId,
  isBootstrap: false,
  record: null,
  failures: 0,
  lastFailedUs: null,
  lastSucceededUs: null,
  updatedUs: 0n,
  ...more,
})

describe('the latest word', () => {
  it('addrs latest_transport_info_wins: by microseconds, then by the counter; the same again is no news', () => {
    const book = new AddressBook('libp2p', LIMITS)
    expect(book.learn(NODE, record(5n), 1n)).toBe('new')
    expect(book.learn(NODE, record(4n, 9n), 2n)).toBe('old')
    expect(book.learn(NODE, record(5n), 3n)).toBe('old')
    expect(book.learn(NODE, record(5n, 1n), 4n)).toBe('newer')
    expect(book.get(NODE)?.record?.timestamp).toEqual({ wallUs: 5n, lamport: 1n })
  })

  it('in whatever order they come, the latest stays', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(3), fc.nat(3)), { minLength: 1, maxLength: 12 }), dates => {
        const book = new AddressBook('libp2p', LIMITS)
        for (const [wallUs, lamport] of dates)
          book.learn(NODE, { ...record(1n), timestamp: { wallUs: BigInt(wallUs), lamport: BigInt(lamport) } }, 0n)
        const latest = dates.map(([wallUs, lamport]) => wallUs * 10 + lamport).sort((left, right) => right - left)[0]!
        const kept = book.get(NODE)!.record!.timestamp
        expect(Number(kept.wallUs) * 10 + Number(kept.lamport)).toBe(latest)
      }),
    )
  })

  it('address book insert_node_and_transport_info: an insert overwrites all, a record leaves the rest alone', () => {
    const book = new AddressBook('libp2p', LIMITS)
    expect(book.insert(row(NODE, { isBootstrap: true }))).toBe(true)
    expect(book.learn(NODE, record(5n), 1n)).toBe('newer')
    expect(book.get(NODE)).toMatchObject({ isBootstrap: true, failures: 0 })
    expect(book.insert(row(NODE))).toBe(false)
    expect(book.get(NODE)).toMatchObject({ isBootstrap: false, record: null })
    expect(book.learn(node(1), record(5n), 1n)).toBe('new')
    expect(book.get(node(1))).toMatchObject({ isBootstrap: false, lastFailedUs: null, lastSucceededUs: null })
  })

  it('a trusted record gives way to a newer signed one and the other way round', () => {
    const book = new AddressBook('libp2p', LIMITS)
    const trusted = (wallUs: bigint) => makeRecord('libp2p', { wallUs, lamport: 0n }, ['/ip4/10.0.0.2/tcp/2'])
    book.learn(NODE, trusted(1n), 0n)
    expect(book.learn(NODE, record(2n), 0n)).toBe('newer')
    expect(book.learn(NODE, trusted(3n), 0n)).toBe('newer')
    expect(book.get(NODE)?.record?.signature).toBeNull()
  })
})

describe('staleness', () => {
  it('addrs stale_nodes: not by default, not after a success, after a later failure, and no more after a success', () => {
    const book = new AddressBook('libp2p', LIMITS)
    book.learn(NODE, record(1n), 0n)
    const isIt = () => [isStale(book.get(NODE)!), book.fresh().length === 0]
    expect(isIt()).toEqual([false, false])
    book.succeeded(NODE, 10n)
    expect(isIt()).toEqual([false, false])
    book.failed(NODE, 11n)
    expect(isIt()).toEqual([true, true])
    book.succeeded(NODE, 12n)
    expect(isIt()).toEqual([false, false])
    // The order in which things happened counts, also when the clock goes back.
    book.failed(NODE, 5n)
    expect(isIt()).toEqual([true, true])
    book.succeeded(NODE, 2n)
    expect(isIt()).toEqual([false, false])
  })

  it('only failures make stale, and a bootstrap node never is', () => {
    const book = new AddressBook('libp2p', LIMITS)
    book.found(node(1), 'bootstrap', 0n)
    book.found(node(2), 'local', 0n)
    for (const which of [1, 2, 3]) book.failed(node(which), 1n)
    expect(
      book
        .all()
        .filter(isStale)
        .map(({ nodeId }) => nodeId),
    ).toEqual([node(2)])
    expect(book.bootstraps().map(({ nodeId }) => nodeId)).toEqual([node(1)])
  })

  it('a stale node is tried again after a minute, then after twice as long, and once a day at least', () => {
    const book = new AddressBook('libp2p', LIMITS)
    book.found(NODE, 'local', 0n)
    const waitOf = (): bigint => {
      let minutes = 1n
      while (!isProbeDue(book.get(NODE)!, book.get(NODE)!.lastFailedUs! + minutes * MINUTE_US)) minutes++
      return minutes
    }
    const waits = Array.from({ length: 14 }, (_, at) => {
      book.failed(NODE, BigInt(at))
      return waitOf()
    })
    expect(waits).toEqual([1n, 2n, 4n, 8n, 16n, 32n, 64n, 128n, 256n, 512n, 1024n, 1440n, 1440n, 1440n])
    expect(isProbeDue(book.get(NODE)!, -5n)).toBe(true)
    book.hint(NODE)
    expect(waitOf()).toBe(1n)
  })
})

describe('who can be dialled', () => {
  it('whom the transport has found, until it is lost; whose record has addresses, for as long as it has', () => {
    const book = new AddressBook('libp2p', LIMITS)
    book.found(node(1), 'local', 0n)
    book.found(node(2), 'bootstrap', 0n)
    book.found(node(3), 'incoming', 0n)
    book.learn(node(3), record(1n), 0n)
    for (const which of [1, 2, 3]) book.lost(node(which))
    expect(book.all().map(({ nodeId }) => nodeId)).toEqual([node(2), node(3)])
    expect(book.fresh().map(({ nodeId }) => nodeId)).toEqual([node(3)])
    book.learn(node(3), signRecord(KEY, makeRecord('libp2p', { wallUs: 2n, lamport: 0n }, [])), 0n)
    expect(book.fresh()).toEqual([])
  })
})

describe('bounds', () => {
  it('at the bound nothing goes; beyond it stale ones first, then those never reached, the oldest first', () => {
    const gone: VerifyingKey[] = []
    const book = new AddressBook('libp2p', { ...LIMITS, nodes: 5 }, [], nodeId => gone.push(nodeId))
    book.learn(node(1), record(1n), 1n)
    book.learn(node(2), record(1n), 2n)
    book.learn(node(3), record(1n), 3n)
    book.learn(node(4), record(1n), 4n)
    book.found(node(5), 'bootstrap', 0n)
    book.succeeded(node(1), 5n)
    book.failed(node(3), 6n)
    expect(gone).toEqual([])
    for (const which of [6, 7, 8]) book.learn(node(which), record(1n), BigInt(which))
    expect(gone).toEqual([node(3), node(2), node(4)])
    // Newcomers drive out each other.
    for (const which of [9, 10]) book.learn(node(which), record(1n), BigInt(which))
    expect(gone.slice(3)).toEqual([node(6), node(7)])
    expect([book.get(node(1)) !== undefined, book.get(node(5)) !== undefined]).toEqual([true, true])
  })

  it('address book remove_older_than: by when something was heard, and no bootstrap node or one that is there', () => {
    const book = new AddressBook('libp2p', LIMITS)
    book.learn(node(1), record(1n), 1n)
    book.learn(node(2), record(1n), 100n)
    book.found(node(3), 'bootstrap', 1n)
    book.found(node(4), 'local', 1n)
    expect(book.removeOlderThan(50n, 100n)).toEqual([node(1)])
    expect(book.all().map(({ nodeId }) => nodeId)).toEqual([node(2), node(3), node(4)])
  })
})

describe('what is written', () => {
  it('changes come out once and make the same book again', () => {
    const book = new AddressBook('libp2p', LIMITS)
    book.learn(NODE, record(5n), 1n)
    book.found(node(1), 'bootstrap', 2n)
    book.failed(node(1), 3n)
    book.found(node(3), 'local', 3n)
    book.learn(node(2), record(1n), 4n)
    book.remove(node(2))
    const { rows, dropped } = book.takeChanges()
    expect([rows.map(({ nodeId }) => nodeId), dropped]).toEqual([[node(1), NODE].sort(), [node(2)]])
    expect([book.hasChanges, book.takeChanges().rows]).toEqual([false, []])
    const again = new AddressBook('libp2p', LIMITS, rows)
    for (const entry of again.all())
      expect({ ...entry, isPresent: false }).toEqual({ ...book.get(entry.nodeId), isPresent: false })
  })

  it('a row whose record cannot be read keeps the rest', () => {
    const bytes = encodeRecord(NODE, record(1n))
    const damaged = new AddressBook('libp2p', LIMITS, [row(NODE, { record: bytes.slice(0, 20), isBootstrap: true })])
    expect(damaged.get(NODE)).toMatchObject({ record: null, isBootstrap: true })
  })
})

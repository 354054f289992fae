/**
 * What is known of other nodes and their addresses, for one kind of transport: pure rules over rows in memory, which the
 * owner writes to a store now and then (spec/sync.md 3.7).
 *
 * A node is stale when its last failure is later than its last success and nobody has named it as a bootstrap. Stale
 * nodes are told to nobody and picked by nobody, but for a probe now and then: two halves of a network that were apart
 * for long would else be stale to each other for ever. Everything comes out in ascending order of node ids.
 */

import {
  compareHybrid,
  type HybridTimestamp,
  isThicketError,
  PostcardReader,
  type VerifyingKey,
} from '../core/index.js'
import type { PeerOrigin } from '../ports.js'
import { encodeRecord, type RecordLimits, readRecord, type TransportKind, type TransportRecord } from './records.js'

/** What a store keeps of one node. */
export interface AddressRow {
  readonly nodeId: VerifyingKey
  readonly isBootstrap: boolean
  readonly record: Uint8Array | null
  readonly failures: number
  readonly lastFailedUs: bigint | null
  readonly lastSucceededUs: bigint | null
  readonly updatedUs: bigint
}

/** Where rows lie over restarts; the store satisfies it. Called from turns of its own, never within a transaction. */
export interface AddressBookStore {
  load(kind: string): readonly AddressRow[]
  save(kind: string, rows: readonly AddressRow[], dropped: readonly VerifyingKey[]): void
}

export interface AddressEntry {
  readonly nodeId: VerifyingKey
  isBootstrap: boolean
  record: TransportRecord | null
  /** Connections that failed since the last that succeeded. */
  failures: number
  lastFailedUs: bigint | null
  lastSucceededUs: bigint | null
  /** When anything of this changed last, by the clock of this node. */
  updatedUs: bigint
  /** Whether the transport can reach it by itself now: it said so. Not kept over restarts. */
  isPresent: boolean
}

export interface AddressBookLimits extends RecordLimits {
  readonly nodes: number
}

/** Microseconds until a stale node is tried again: after the first failure, and at most. */
const PROBE_MIN_US = 60_000_000n
const PROBE_MAX_US = 86_400_000_000n
/** Doublings from the one to the other. */
const PROBE_DOUBLINGS = 11

export class AddressBook {
  readonly #kind: TransportKind
  readonly #limits: AddressBookLimits
  #onEvicted: (nodeId: VerifyingKey) => void
  readonly #entries = new Map<VerifyingKey, AddressEntry>()
  readonly #changed = new Set<VerifyingKey>()
  readonly #dropped = new Set<VerifyingKey>()

  /** @param onEvicted hears of nodes that had to make room for others */
  constructor(
    kind: TransportKind,
    limits: AddressBookLimits,
    rows: readonly AddressRow[] = [],
    onEvicted: (nodeId: VerifyingKey) => void = () => {},
  ) {
    this.#kind = kind
    this.#limits = limits
    // Nobody has heard of what is dropped here.
    this.#onEvicted = () => {}
    for (const row of rows) this.#entries.set(row.nodeId, this.#entryOf(row))
    this.#shrink(null)
    this.#onEvicted = onEvicted
  }

  get size(): number {
    return this.#entries.size
  }

  get(nodeId: VerifyingKey): AddressEntry | undefined {
    return this.#entries.get(nodeId)
  }

  /** All that can be told of nodes, stale ones included. */
  all(): readonly AddressEntry[] {
    return sorted([...this.#entries.values()])
  }

  /** Those who can be dialled and are not stale. */
  fresh(): readonly AddressEntry[] {
    return sorted([...this.#entries.values()].filter(entry => isDialable(entry) && !isStale(entry)))
  }

  /** Stale ones whose next probe is due. */
  toProbe(nowUs: bigint): readonly AddressEntry[] {
    return sorted([...this.#entries.values()].filter(entry => isDialable(entry) && isProbeDue(entry, nowUs)))
  }

  bootstraps(): readonly AddressEntry[] {
    return sorted([...this.#entries.values()].filter(entry => entry.isBootstrap && isDialable(entry)))
  }

  /** Whether a record of that moment would take the place of what is known. */
  isNews(nodeId: VerifyingKey, timestamp: HybridTimestamp): boolean {
    const known = this.#entries.get(nodeId)?.record
    return !known || compareHybrid(timestamp, known.timestamp) > 0
  }

  /**
   * Takes a record whose signature the caller has verified, when it is newer than the known one, whichever of the two
   * is signed. Everything else that is known of the node stays.
   */
  learn(nodeId: VerifyingKey, record: TransportRecord, nowUs: bigint): 'new' | 'newer' | 'old' {
    if (!this.isNews(nodeId, record.timestamp)) return 'old'
    const isNew = !this.#entries.has(nodeId)
    this.#touch(nodeId, nowUs).record = record
    this.#shrink(nodeId)
    return isNew ? 'new' : 'newer'
  }

  /** Takes what a trusted caller says of a node in place of all that was known; says whether the node is new. */
  insert(row: AddressRow): boolean {
    const isNew = !this.#entries.has(row.nodeId)
    const isPresent = this.#entries.get(row.nodeId)?.isPresent ?? false
    this.#entries.set(row.nodeId, { ...this.#entryOf(row), isPresent })
    this.#mark(row.nodeId)
    this.#shrink(row.nodeId)
    return isNew
  }

  /** The transport can reach the node by itself from now on. */
  found(nodeId: VerifyingKey, origin: PeerOrigin | undefined, nowUs: bigint): void {
    const entry = this.#touch(nodeId, nowUs)
    entry.isPresent = true
    if (origin === 'bootstrap') entry.isBootstrap = true
    this.#shrink(nodeId)
  }

  /** The transport can no more. Without an address of its own the node is forgotten, unless it is a bootstrap. */
  lost(nodeId: VerifyingKey): void {
    const entry = this.#entries.get(nodeId)
    if (!entry) return
    entry.isPresent = false
    if (!isDialable(entry) && !entry.isBootstrap) this.remove(nodeId)
  }

  succeeded(nodeId: VerifyingKey, nowUs: bigint): void {
    if (!this.#entries.has(nodeId)) return
    const entry = this.#touch(nodeId, nowUs)
    entry.failures = 0
    // Clocks may go back: the order in which we were told counts.
    entry.lastSucceededUs = latest(nowUs, entry.lastFailedUs)
  }

  failed(nodeId: VerifyingKey, nowUs: bigint): void {
    if (!this.#entries.has(nodeId)) return
    const entry = this.#touch(nodeId, nowUs)
    entry.failures++
    entry.lastFailedUs = latest(nowUs, entry.lastSucceededUs === null ? null : entry.lastSucceededUs + 1n)
  }

  /** Somebody speaks of the node: when it is stale, its next probe waits no longer than after a first failure. */
  hint(nodeId: VerifyingKey): void {
    const entry = this.#entries.get(nodeId)
    if (entry && isStale(entry)) entry.failures = Math.min(entry.failures, 1)
  }

  /** Forgets what nothing was heard of for so long; says whom. */
  removeOlderThan(ageUs: bigint, nowUs: bigint): readonly VerifyingKey[] {
    const old = this.all().filter(
      entry => !entry.isBootstrap && !entry.isPresent && nowUs - entry.updatedUs > ageUs && entry.updatedUs < nowUs,
    )
    for (const { nodeId } of old) this.remove(nodeId)
    return old.map(({ nodeId }) => nodeId)
  }

  remove(nodeId: VerifyingKey): void {
    if (!this.#entries.delete(nodeId)) return
    this.#changed.delete(nodeId)
    this.#dropped.add(nodeId)
  }

  get hasChanges(): boolean {
    return this.#changed.size > 0 || this.#dropped.size > 0
  }

  /** What is to be written since the last call. */
  takeChanges(): { readonly rows: readonly AddressRow[]; readonly dropped: readonly VerifyingKey[] } {
    // Whom the transport finds by itself it will find again.
    const changed = [...this.#changed].sort().map(nodeId => this.#entries.get(nodeId)!)
    const rows = changed.filter(entry => entry.record !== null || entry.isBootstrap).map(entry => this.#rowOf(entry))
    const dropped = [...this.#dropped].sort()
    this.#changed.clear()
    this.#dropped.clear()
    return { rows, dropped }
  }

  #touch(nodeId: VerifyingKey, nowUs: bigint): AddressEntry {
    let entry = this.#entries.get(nodeId)
    if (!entry) {
      entry = {
        nodeId,
        isBootstrap: false,
        record: null,
        failures: 0,
        lastFailedUs: null,
        lastSucceededUs: null,
        updatedUs: nowUs,
        isPresent: false,
      }
      this.#entries.set(nodeId, entry)
    }
    entry.updatedUs = nowUs
    this.#mark(nodeId)
    return entry
  }

  #mark(nodeId: VerifyingKey): void {
    this.#changed.add(nodeId)
    this.#dropped.delete(nodeId)
  }

  /**
   * Keeps the bound. Stale ones go first, then those that were never reached, each the oldest first: whoever makes up
   * nodes by the thousand drives out the like of them, and no node that has answered.
   */
  #shrink(keep: VerifyingKey | null): void {
    while (this.#entries.size > this.#limits.nodes) {
      let worst: AddressEntry | null = null
      for (const entry of this.#entries.values()) {
        if (entry.nodeId === keep) continue
        if (worst === null || compareWorth(entry, worst) < 0) worst = entry
      }
      if (worst === null) return
      this.remove(worst.nodeId)
      this.#onEvicted(worst.nodeId)
    }
  }

  #entryOf(row: AddressRow): AddressEntry {
    return { ...row, record: row.record && this.#decode(row.nodeId, row.record), isPresent: false }
  }

  #rowOf(entry: AddressEntry): AddressRow {
    const { nodeId, isBootstrap, record, failures, lastFailedUs, lastSucceededUs, updatedUs } = entry
    return {
      nodeId,
      isBootstrap,
      record: record && encodeRecord(nodeId, record),
      failures,
      lastFailedUs,
      lastSucceededUs,
      updatedUs,
    }
  }

  /** Null for what a later version may have written: the node will tell again. */
  #decode(nodeId: VerifyingKey, bytes: Uint8Array): TransportRecord | null {
    try {
      const read = readRecord(new PostcardReader(bytes), nodeId, this.#kind, this.#limits)
      return 'record' in read ? read.record : null
    } catch (error) {
      if (isThicketError(error)) return null
      throw error
    }
  }
}

export function isStale(entry: AddressEntry): boolean {
  if (entry.isBootstrap || entry.lastFailedUs === null) return false
  return entry.lastSucceededUs === null || entry.lastFailedUs > entry.lastSucceededUs
}

/** Whether there is any way to reach the node. */
export function isDialable(entry: AddressEntry): boolean {
  return entry.isPresent || (entry.record !== null && entry.record.addresses.length > 0)
}

/** A stale node is tried again after a minute, and with each failure after twice as long, up to a day. */
export function isProbeDue(entry: AddressEntry, nowUs: bigint): boolean {
  if (!isStale(entry)) return false
  const doublings = BigInt(Math.min(Math.max(entry.failures - 1, 0), PROBE_DOUBLINGS))
  const waitUs = PROBE_MIN_US << doublings
  const sinceUs = nowUs - entry.lastFailedUs!
  // A wall clock that went back must not hold a probe up for longer than the wait.
  return sinceUs < 0n || sinceUs >= (waitUs > PROBE_MAX_US ? PROBE_MAX_US : waitUs)
}

/** Negative when the left one goes first. */
function compareWorth(left: AddressEntry, right: AddressEntry): number {
  const byRank = rank(left) - rank(right)
  if (byRank !== 0) return byRank
  if (left.updatedUs !== right.updatedUs) return left.updatedUs < right.updatedUs ? -1 : 1
  return left.nodeId < right.nodeId ? -1 : 1
}

function rank(entry: AddressEntry): number {
  if (entry.isBootstrap) return 3
  if (isStale(entry)) return 0
  return entry.lastSucceededUs === null && !entry.isPresent ? 1 : 2
}

function sorted(entries: AddressEntry[]): readonly AddressEntry[] {
  return entries.sort((left, right) => (left.nodeId < right.nodeId ? -1 : left.nodeId > right.nodeId ? 1 : 0))
}

function latest(left: bigint, right: bigint | null): bigint {
  return right !== null && right > left ? right : left
}

/** Whether the node can do its work, and what it would tell somebody who wonders why not. */

import { accessSync, constants, statfsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Node } from '../../node/index.js'
import type { Database } from '../../ports.js'
import { FREE_DISK_BYTES } from './limits.js'
import type { Observer } from './observer.js'

export interface Health {
  /** It listens, its streams are open, and its database takes what comes. */
  readonly ok: boolean
  readonly ready: boolean
  readonly id: string
  readonly addresses: readonly string[]
  readonly peers: number
  /** Milliseconds since the UNIX epoch at which a sync with a peer was last completed; null before the first. */
  readonly lastSyncAtMs: number | null
  readonly database: { readonly writable: boolean; readonly reason: string | null }
}

export interface HealthSources {
  readonly node: Pick<Node, 'id' | 'addresses'>
  readonly observer: Observer
  readonly database: Database
  readonly path: string
  readonly isReady: () => boolean
}

export function healthOf({ node, observer, database, path, isReady }: HealthSources): Health {
  const ready = isReady()
  const reason = whyNotWritable(database, path)
  return {
    ok: ready && reason === null,
    ready,
    id: node.id,
    addresses: node.addresses(),
    peers: observer.peers.size,
    lastSyncAtMs: observer.lastSyncAtMs,
    database: { writable: reason === null, reason },
  }
}

/** Asks SQLite for a write lock and the file system for room; whether a commit succeeds is only known afterwards. */
function whyNotWritable(database: Database, path: string): string | null {
  try {
    if (!database.inTransaction) database.exec('BEGIN IMMEDIATE; ROLLBACK')
  } catch (error) {
    return `it takes no transaction: ${error instanceof Error ? error.message : String(error)}`
  }
  if (path === ':memory:') return null
  const folder = dirname(resolve(path))
  try {
    accessSync(path, constants.W_OK)
    accessSync(folder, constants.W_OK)
    const { bavail, bsize } = statfsSync(folder)
    if (bavail * bsize < FREE_DISK_BYTES) return `its disk has less than ${FREE_DISK_BYTES} bytes left`
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return null
}

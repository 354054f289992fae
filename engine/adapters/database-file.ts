/**
 * Looks at a file before SQLite does. SQLite would recover a log, create `-wal` and `-shm` or change the header merely
 * by opening a database, so a file that is not ours has to be recognised by reading it; nothing here writes.
 *
 * Offsets are those of the SQLite file format: sections 1.3 (database header), 1.6 (b-tree page) and 4.1 (WAL).
 */

import { closeSync, fstatSync, openSync, readdirSync, readSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { isThicketError, ThicketError } from '../core/index.js'
import { STORE_APPLICATION_ID } from '../store/index.js'
import { committedFirstPage } from './database-wal.js'

/** Database header and the header of the b-tree page that holds the schema. */
const HEAD_BYTES = 108
const MAGIC = 'SQLite format 3\0'
/** How a rollback journal that must be played back begins. */
const JOURNAL_MAGIC = 'd9d505f920a163d7'

/** Throws unless the path holds nothing yet, an empty file, an empty database or one of ours. */
export function inspectDatabaseFile(path: string): void {
  const stats = statOf(path)
  if (stats === null) {
    const parent = statOf(dirname(path))
    if (!parent?.isDirectory()) throw unreachable(path, 'its directory does not exist')
    return
  }
  if (!stats.isFile()) throw unreachable(path, stats.isDirectory() ? 'it is a directory' : 'it is no regular file')
  // Reading comes after this: closing any descriptor of a file drops all locks that this process holds on it.
  if (isOpenInThisProcess(stats)) {
    throw new ThicketError('database-in-use', `the database is open in this process already: ${path}`, { path })
  }
  const head = readAt(path, 0, HEAD_BYTES)
  if (head.length === 0) return
  if (!isDatabaseHead(head)) {
    // A first transaction that was cut off may have left half a page, which the journal takes back.
    if (readAt(`${path}-journal`, 0, 8).toString('hex') === JOURNAL_MAGIC) return
    throw new ThicketError('database-corrupt', `the file is not a database: ${path}`, { path })
  }
  if (isEmptySchema(head)) {
    const newer = withFile(`${path}-wal`, file => committedFirstPage(file, page => !isEmptySchema(page)))
    if (newer) refuseForeign(path, newer)
  } else {
    refuseForeign(path, head)
  }
  if (statOf(`${path}-wal`) === null && statOf(`${path}-journal`) === null) refuseTruncated(path, head, stats.size)
}

function isDatabaseHead(head: Buffer): boolean {
  if (head.length < HEAD_BYTES || head.toString('latin1', 0, 16) !== MAGIC) return false
  const size = pageBytes(head)
  return size >= 512 && (size & (size - 1)) === 0
}

function pageBytes(head: Buffer): number {
  const stored = head.readUInt16BE(16)
  return stored === 1 ? 65_536 : stored
}

/** True when no application has claimed the database and its schema page, a leaf, holds no cell. */
function isEmptySchema(page: Buffer): boolean {
  return page.readUInt32BE(68) === 0 && page[100] === 0x0d && page.readUInt16BE(103) === 0
}

function refuseForeign(path: string, page: Buffer): void {
  const applicationId = page.readUInt32BE(68)
  if (applicationId === STORE_APPLICATION_ID || isEmptySchema(page)) return
  throw new ThicketError('database-foreign', `the database belongs to another application: ${path}`, {
    path,
    applicationId,
  })
}

/** The page count in the header holds when the version that wrote it is the last one that changed the file. */
function refuseTruncated(path: string, head: Buffer, size: number): void {
  const pages = head.readUInt32BE(28)
  const holds = head.readUInt32BE(24) === head.readUInt32BE(92)
  if (holds && size < pages * pageBytes(head)) {
    throw new ThicketError('database-corrupt', `the database is cut short: ${path}`, {
      path,
      expectedBytes: pages * pageBytes(head),
      bytes: size,
    })
  }
}

/** Systems with POSIX locks list the descriptors of a process here; elsewhere locks are not lost by closing a file. */
function isOpenInThisProcess(stats: Stats): boolean {
  let descriptors: string[]
  try {
    descriptors = readdirSync('/dev/fd')
  } catch {
    return false
  }
  return descriptors.some(name => {
    try {
      const open = fstatSync(Number(name))
      return open.ino === stats.ino && open.dev === stats.dev
    } catch {
      return false
    }
  })
}

function statOf(path: string): Stats | null {
  try {
    return statSync(path, { throwIfNoEntry: false }) ?? null
  } catch (cause) {
    throw unreachable(path, 'its path cannot be followed', cause)
  }
}

function readAt(path: string, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  const read = withFile(path, file => readSync(file, bytes, 0, length, position))
  return bytes.subarray(0, read ?? 0)
}

/** Null when there is no such file. */
function withFile<Result>(path: string, use: (file: number) => Result): Result | null {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null
    throw unreachable(path, 'it cannot be read', cause)
  }
  try {
    return use(file)
  } catch (cause) {
    if (isThicketError(cause)) throw cause
    throw new ThicketError('database-io', `the database cannot be read: ${path}`, { path }, { cause })
  } finally {
    closeSync(file)
  }
}

function unreachable(path: string, why: string, cause?: unknown): ThicketError {
  return new ThicketError(
    'database-unreachable',
    `the database cannot be opened, ${why}: ${path}`,
    { path },
    cause === undefined ? {} : { cause },
  )
}

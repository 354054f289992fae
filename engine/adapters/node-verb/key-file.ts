/**
 * The file that holds a node's seed: 64 hexadecimal digits, readable by its owner alone. It is created when it is not
 * there, whole or not at all: a node that came back with another key would be another node.
 */

import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { SigningKey, ThicketError } from '../../core/index.js'
import type { Random } from '../../ports.js'
import { KEY_FILE_BYTES } from './limits.js'

const OWNER_ONLY = 0o600
/** Bits of the mode that let others read or change the file. */
const OTHERS = 0o077

export interface KeyFromFile {
  readonly key: SigningKey
  readonly wasCreated: boolean
  /** Others on this machine may read or change the file. */
  readonly isExposed: boolean
}

/** @throws `key-file-invalid`, `key-file-unreachable` */
export function openKeyFile(path: string, random: Random): KeyFromFile {
  const wasCreated = !exists(path) && create(path, SigningKey.random(random))
  const { mode, size } = statOf(path)
  if (size > KEY_FILE_BYTES) throw invalid(path)
  return { key: parse(read(path), path), wasCreated, isExposed: process.platform !== 'win32' && (mode & OTHERS) !== 0 }
}

/** False when somebody else was quicker; then theirs is the key. */
function create(path: string, key: SigningKey): boolean {
  const draft = `${path}.${randomBytes(6).toString('hex')}.new`
  try {
    const file = openSync(draft, 'wx', OWNER_ONLY)
    try {
      writeSync(file, `${key.toHex()}\n`)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    try {
      // A link takes no other file's place, as a rename would.
      linkSync(draft, path)
    } catch (error) {
      if (!isCoded(error, 'EEXIST')) throw error
      return false
    }
    syncFolder(dirname(path))
    return true
  } catch (cause) {
    throw unreachable(path, 'it cannot be created', cause)
  } finally {
    rmSync(draft, { force: true })
  }
}

/** The name of the file is as durable as what it holds; systems that cannot sync a folder do it by themselves. */
function syncFolder(path: string): void {
  if (process.platform === 'win32') return
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

function parse(text: string, path: string): SigningKey {
  const hex = text.trim()
  if (!/^[0-9a-fA-F]{64}$/.test(hex)) throw invalid(path)
  return SigningKey.fromHex(hex)
}

/** What the file holds is shown to nobody: it may be a secret, though of another kind. */
function invalid(path: string): ThicketError {
  return new ThicketError('key-file-invalid', `the key file holds no hex of 32 bytes: ${path}`, { path })
}

function exists(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined
  } catch (cause) {
    throw unreachable(path, 'its path cannot be followed', cause)
  }
}

function statOf(path: string): { readonly mode: number; readonly size: number } {
  try {
    const status = statSync(path)
    if (status.isFile()) return status
  } catch (cause) {
    throw unreachable(path, 'it is gone', cause)
  }
  throw unreachable(path, 'it is no regular file')
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch (cause) {
    throw unreachable(path, 'it cannot be read', cause)
  }
}

function unreachable(path: string, why: string, cause?: unknown): ThicketError {
  return new ThicketError(
    'key-file-unreachable',
    `the key file cannot be used, ${why}: ${path}`,
    { path },
    cause === undefined ? {} : { cause },
  )
}

function isCoded(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

/**
 * Who may do what. The broker's own token may do everything; further tokens have scopes, each for topics named. A token
 * is compared by its hash, in a time that does not depend on where it differs.
 */

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { closeSync, fchmodSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { ThicketError, Topic } from '../../core/index.js'
import { MIN_TOKEN_CHARACTERS } from './limits.js'

export type Scope = 'publish' | 'subscribe' | 'inspect'
export type TopicsAllowed = readonly string[] | 'all'

export interface ScopedToken {
  readonly token: string
  readonly publish?: TopicsAllowed
  readonly subscribe?: TopicsAllowed
  readonly inspect?: TopicsAllowed
}

export interface Grant {
  /** Null asks for everything, whatever its topic. */
  may(scope: Scope, topic: string | null): boolean
}

export interface Tokens {
  grantOf(token: string): Grant | null
}

const EVERYTHING: Grant = { may: () => true }

/** @throws `token-weak`, `invalid-setting`, and those of the topics' ids */
export function createTokens(main: string, scoped: readonly ScopedToken[] = []): Tokens {
  const known = [
    { digest: digestOf(strong(main)), grant: EVERYTHING },
    ...scoped.map(entry => ({ digest: digestOf(strong(entry.token)), grant: grantOf(entry) })),
  ]
  return {
    grantOf(token) {
      const digest = digestOf(token)
      let found: Grant | null = null
      for (const entry of known) if (timingSafeEqual(entry.digest, digest)) found ??= entry.grant
      return found
    },
  }
}

function grantOf(entry: ScopedToken): Grant {
  const allowed = { publish: setOf(entry.publish), subscribe: setOf(entry.subscribe), inspect: setOf(entry.inspect) }
  return {
    may(scope, topic) {
      const topics = allowed[scope]
      return topics === 'all' || (topic !== null && topics.has(topic))
    },
  }
}

function setOf(topics: TopicsAllowed | undefined): ReadonlySet<string> | 'all' {
  return topics === 'all' ? topics : new Set((topics ?? []).map(topic => Topic.fromHex(topic)))
}

function strong(token: string): string {
  if (typeof token === 'string' && token.length >= MIN_TOKEN_CHARACTERS && /^[!-~]+$/.test(token)) return token
  throw new ThicketError('token-weak', `a token has at least ${MIN_TOKEN_CHARACTERS} printable characters, no spaces`)
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token, 'utf8').digest()
}

/**
 * Reads the token of a file; makes one of 32 random bytes when there is no file, for its owner's eyes alone.
 *
 * @throws `token-file-unreachable`, `token-weak`
 */
export function tokenOfFile(path: string): string {
  try {
    const file = openSync(path, 'wx', 0o600)
    try {
      const token = randomBytes(32).toString('hex')
      // The mode above is cut by the umask, never widened; this makes it certain.
      fchmodSync(file, 0o600)
      writeSync(file, `${token}\n`)
      fsyncSync(file)
      return token
    } finally {
      closeSync(file)
    }
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')) throw unreachable(path, cause)
  }
  try {
    return strong(readFileSync(path, 'utf8').trim())
  } catch (cause) {
    throw cause instanceof ThicketError ? cause : unreachable(path, cause)
  }
}

function unreachable(path: string, cause: unknown): ThicketError {
  return new ThicketError('token-file-unreachable', `the token file cannot be used: ${path}`, { path }, { cause })
}

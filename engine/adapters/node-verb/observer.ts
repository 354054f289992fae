/**
 * What happens in the engine, made into log lines and into what metrics and health need to know. Only counts and the
 * set of peers are kept.
 */

import type { VerifyingKey } from '../../core/index.js'
import type { Trace, TraceFields } from '../../ports.js'
import { LABEL_VALUES, LOG_LINES_PER_SECOND } from './limits.js'

type Level = 'trace' | 'debug' | 'info' | 'warn' | 'error'

/** The part of a pino logger that is used here. */
export type Log = { readonly [Name in Level]: (fields: object, message: string) => void }

const LEVELS: Readonly<Record<string, Level>> = {
  stored: 'trace',
  'ephemeral-published': 'trace',
  'ephemeral-received': 'trace',
  'ephemeral-refused': 'info',
  'peer-found': 'info',
  'peer-lost': 'info',
  'sync-finished': 'info',
  refused: 'warn',
  'fork-detected': 'warn',
  'release-failed': 'error',
}

export class Observer implements Trace {
  readonly peers = new Set<VerifyingKey>()
  /** Codes of refused operations, failed sessions and the like: type of event, then code, then how many. */
  readonly failures = new Map<string, Map<string, number>>()
  /** Milliseconds since the UNIX epoch at which a session last completed its sync phase. */
  lastSyncAtMs: number | null = null
  readonly #log: Log
  readonly #now: () => number
  readonly #spoken = new Map<string, { second: number; lines: number }>()

  constructor(log: Log, now: () => number = Date.now) {
    this.#log = log
    this.#now = now
  }

  event(type: string, fields: TraceFields): void {
    if (type === 'peer-found') this.peers.add(fields.peer as VerifyingKey)
    else if (type === 'peer-lost') this.peers.delete(fields.peer as VerifyingKey)
    else if (type === 'sync-finished') this.lastSyncAtMs = this.#now()
    if (typeof fields.code === 'string') this.#count(type, fields.code)
    this.#say(type, fields)
  }

  #count(type: string, code: string): void {
    const codes = this.failures.get(type) ?? new Map<string, number>()
    this.failures.set(type, codes)
    const label = codes.has(code) || codes.size < LABEL_VALUES ? code : 'other'
    codes.set(label, (codes.get(label) ?? 0) + 1)
  }

  #say(type: string, fields: TraceFields): void {
    const level = LEVELS[type] ?? (typeof fields.code === 'string' ? 'info' : 'debug')
    const second = Math.floor(this.#now() / 1_000)
    const spoken = this.#spoken.get(type)
    if (spoken?.second === second) {
      spoken.lines += 1
      if (spoken.lines > LOG_LINES_PER_SECOND) return
    } else {
      const unspoken = (spoken?.lines ?? 0) - LOG_LINES_PER_SECOND
      if (unspoken > 0) this.#log[level]({ event: type, unspoken }, `${unspoken} more events of the same kind`)
      this.#spoken.set(type, { second, lines: 1 })
    }
    this.#log[level]({ event: type, ...fields }, type)
  }
}

/**
 * The bytes in which an operation is given out in one topic, and the way back from them. The short form is the one in which
 * it was heard, so that all who combine it combine the same bytes; the long one is made of what is stored. Some
 * operations may have other bytes elsewhere: they are given out alone and never in combinations.
 */

import { bytesEqual, type OperationId, parseHeader } from '../core/index.js'
import type { Crypto } from '../ports.js'
import type { Author, Authors, TopicSource } from './authors.js'
import { type CompactOperation, encodeCompact, nearest } from './compact.js'
import type { Column } from './linear-system.js'
import { type RebuildHint, type Rebuilt, rebuild } from './rebuild.js'
import type { TopicKeys } from './topic-keys.js'

export interface FormsOptions {
  readonly keys: TopicKeys
  readonly crypto: Pick<Crypto, 'hash' | 'verify'>
  readonly source: TopicSource
}

export class Forms {
  readonly #authors: Authors
  readonly #options: FormsOptions
  readonly #compacts = new Map<Column, Uint8Array>()

  constructor(authors: Authors, options: FormsOptions) {
    this.#authors = authors
    this.#options = options
  }

  /** The short form of what is held, parked or stored; what it was heard as, so that all combine the same bytes. */
  compactOf(author: Author, seqNum: number): Uint8Array | null {
    const parked = author.parked.get(seqNum)
    if (parked) return parked.bytes
    if (!author.key || seqNum > author.height + author.ahead.size || seqNum < author.first) return null
    const column = this.#authors.column(author, seqNum)
    const kept = this.#compacts.get(column)
    if (kept) return kept
    const stored = this.#options.source.read(author.key, seqNum)
    if (!stored) return null
    const compact = this.#encode(stored, false)
    if (!compact) return null
    this.#compacts.set(column, compact)
    if (this.#compacts.size > KEPT_COMPACTS) this.#compacts.delete(this.#compacts.keys().next().value!)
    return compact
  }

  /** What goes into combinations: nothing of which others may hold other bytes. */
  shareOf(author: Author, seqNum: number): Uint8Array | null {
    if (author.isForked || author.unlike.has(seqNum)) return null
    return this.compactOf(author, seqNum)
  }

  longOf(author: Author, seqNum: number): Uint8Array | null {
    const stored = author.key && this.#options.source.read(author.key, seqNum)
    return stored ? this.#encode(stored, true) : null
  }

  /** Whether it is, byte for byte, the long form of what is stored here. */
  isLongOf(compact: CompactOperation, author: Author, seqNum: number): boolean {
    const mine = compact.form === 'long' ? this.longOf(author, seqNum) : null
    return mine !== null && bytesEqual(mine, compact.bytes)
  }

  /** A short form made of a long one may not be the author's, and what others combine is. */
  setApart(author: Author, seqNum: number): void {
    author.unlike.add(seqNum)
    if (author.unlike.size > UNLIKE_OPERATIONS) author.unlike.delete(author.unlike.values().next().value!)
  }

  rebuild(compact: CompactOperation, hint: RebuildHint = {}): Rebuilt {
    return rebuild(compact, this.#authors, this.#options.crypto, this.#options.keys, hint)
  }

  #encode(
    stored: { readonly id: OperationId; readonly header: Uint8Array; readonly body: Uint8Array | null },
    long: boolean,
  ): Uint8Array | null {
    const { keys, crypto } = this.#options
    const { fields, extensions } = parseHeader(stored.header)
    if (!extensions) return null
    const header = { ...fields, extensions, id: stored.id }
    return encodeCompact(crypto, keys, { header, body: stored.body }, this.#authors, { long })
  }
}

/** Where in the log it is taken to stand: nearest to the known end, of which a short form has the low bits only. */
export function seqNumOf(compact: CompactOperation, author: Author): number {
  if (compact.form === 'long' || compact.isAbsolute) return compact.seqNum
  return Number(nearest(BigInt(compact.seqNum), 256n, BigInt(author.exists + 1)))
}

export function timestampOf(header: Uint8Array): bigint {
  return parseHeader(header).extensions!.timestamp
}

/** Short forms kept ready for coded repair, for each topic; each is some 120 bytes. */
const KEPT_COMPACTS = 256
/** Operations of one author that came in their long form, and are left out of combinations. */
const UNLIKE_OPERATIONS = 256

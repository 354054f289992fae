/** A topic in memory for tests: who its authors are, and what is held of their logs. */

import {
  bytesToHex,
  type Extensions,
  forgeHeader,
  type Header,
  type OperationId,
  SigningKey,
  type Topic,
  type VerifyingKey,
} from '../core/index.js'
import type { Crypto } from '../ports.js'
import type { CompactLookup, KnownAuthor, Place } from './compact-lookup.js'
import { authorTag, type TopicKeys, topicKeys } from './topic-keys.js'

export interface Written {
  readonly header: Header
  readonly body: Uint8Array | null
}

export class KnownTopic implements CompactLookup {
  readonly keys: TopicKeys
  readonly #crypto: Crypto
  readonly #authors: KnownAuthor[] = []
  readonly #held = new Map<string, { readonly id: OperationId; readonly timestamp: bigint }>()
  readonly #places = new Map<OperationId, Place>()

  constructor(crypto: Crypto, topic: Topic) {
    this.#crypto = crypto
    this.keys = topicKeys(crypto, topic)
  }

  /** @param tag another than the author's own, to have two collide */
  know(author: VerifyingKey, exists: number, tag = authorTag(this.#crypto, this.keys, author)): this {
    const others = this.#authors.filter(known => known.author !== author)
    this.#authors.splice(0, Infinity, ...others, { author, tag, exists })
    this.#authors.sort((left, right) => (left.author < right.author ? -1 : 1))
    return this
  }

  hold({ header }: Pick<Written, 'header'>): this {
    this.holdAs(header.author, header.seqNum, header.id, header.extensions.timestamp)
    return this
  }

  holdAs(author: VerifyingKey, seqNum: number, id: OperationId, timestamp: bigint): this {
    const known = this.#authors.find(other => other.author === author)
    this.know(author, Math.max(known?.exists ?? -1, seqNum), known?.tag)
    this.#held.set(`${author}/${seqNum}`, { id, timestamp })
    this.#places.set(id, { author, seqNum })
    return this
  }

  drop(author: VerifyingKey, seqNum: number): this {
    const id = this.idOf(author, seqNum)
    this.#held.delete(`${author}/${seqNum}`)
    if (id) this.#places.delete(id)
    return this
  }

  authors(): readonly KnownAuthor[] {
    return this.#authors
  }

  authorsOfTag(tag: number): readonly KnownAuthor[] {
    return this.#authors.filter(known => known.tag === tag)
  }

  idOf(author: VerifyingKey, seqNum: number): OperationId | null {
    return this.#held.get(`${author}/${seqNum}`)?.id ?? null
  }

  timestampOf(author: VerifyingKey, seqNum: number): bigint | null {
    return this.#held.get(`${author}/${seqNum}`)?.timestamp ?? null
  }

  placeOf(id: OperationId): Place | null {
    return this.#places.get(id) ?? null
  }
}

export interface Writing {
  readonly seqNum: number
  readonly backlink?: OperationId
  readonly timestamp: bigint
  readonly body?: Uint8Array | null
  /** Undefined for basic extensions. */
  readonly previous?: readonly OperationId[]
  readonly prune?: boolean
}

/** One valid operation of a log, wherever in it. */
export function write(crypto: Crypto, keys: TopicKeys, signingKey: SigningKey, writing: Writing): Written {
  const { seqNum, timestamp, previous, prune = false } = writing
  const { logId } = keys
  const extensions: Extensions = previous
    ? { variant: 'causal', logId, timestamp, previous }
    : { variant: 'basic', logId, timestamp, prune }
  const body = writing.body && writing.body.length > 0 ? writing.body : null
  const backlink = seqNum === 0 ? null : (writing.backlink ?? fakeId(crypto, `before ${seqNum}`))
  return { header: forgeHeader(crypto, signingKey, { payload: body, seqNum, backlink, extensions }), body }
}

/** An id that no operation has. */
export function fakeId(crypto: Pick<Crypto, 'hash'>, name: string): OperationId {
  return bytesToHex(crypto.hash(new TextEncoder().encode(name))) as OperationId
}

/** The n-th author of the tests. */
export function signingKeyOf(index: number): SigningKey {
  return SigningKey.fromBytes(
    Uint8Array.from({ length: 32 }, (_, at) => (at === 0 ? index & 0xff : at === 1 ? index >> 8 : 7)),
  )
}

/**
 * Who writes in a topic, as one radio knows it: how far each log goes, what of it is held, what waits in its short form
 * for something before it, and what is missing.
 */

import type { OperationId, VerifyingKey } from '../core/index.js'
import type { Crypto } from '../ports.js'
import type { CompactOperation } from './compact.js'
import type { CompactLookup, KnownAuthor, Place } from './compact-lookup.js'
import { AUTHORS, MAX_AHEAD, PARKED_OPERATIONS, REMEMBERED_IDS } from './limits.js'
import { type Column, columnOf } from './linear-system.js'
import { longAuthorTag, type TopicKeys } from './topic-keys.js'

/** What is read of the store, for one topic. */
export interface TopicSource {
  logs(): readonly { readonly author: VerifyingKey; readonly first: number; readonly height: number }[]
  read(
    author: VerifyingKey,
    seqNum: number,
  ): { readonly id: OperationId; readonly header: Uint8Array; readonly body: Uint8Array | null } | null
  idOf(author: VerifyingKey, seqNum: number): OperationId | null
  timestampOf(author: VerifyingKey, seqNum: number): bigint | null
  placeOf(id: OperationId): Place | null
}

export interface Author {
  /** 16 bits, in operations. */
  readonly tag: number
  /** 32 bits that begin with the tag; in control frames, where two known authors share the tag. */
  longTag: number
  /** Null until somebody introduces it. */
  key: VerifyingKey | null
  /** The oldest and the newest stored; the newest is -1 when nothing is. */
  first: number
  height: number
  /** The newest known to exist. */
  exists: number
  /** In their short form, because something before them is missing here. */
  readonly parked: Map<number, CompactOperation>
  /** Put together again and on their way to the store. */
  readonly ahead: Map<number, OperationId>
  /** Could not be rebuilt from the short form. */
  readonly failed: Set<number>
  /** What came in its long form: what others combine of them may be other bytes. */
  readonly unlike: Set<number>
  /** Two branches are known: nothing more of it is asked for. */
  isForked: boolean
  /** Where it is forked, as far as is known here: who is shown what is held there sees the other branch. */
  contested: number
}

export class Authors implements CompactLookup {
  readonly #crypto: Pick<Crypto, 'hash'>
  readonly #keys: TopicKeys
  readonly #source: TopicSource
  readonly #byKey = new Map<VerifyingKey, Author>()
  /** Known by their tag alone. */
  readonly #strangers = new Map<number, Author>()
  readonly #byTag = new Map<number, Author[]>()
  readonly #aheadPlaces = new Map<OperationId, Place>()
  readonly #remembered = new Map<string, OperationId>()
  readonly #rememberedPlaces = new Map<OperationId, Place>()
  readonly #aheadTimes = new Map<OperationId, bigint>()
  #sorted: readonly KnownAuthor[] | null = null
  #all: readonly Author[] | null = null
  parked = 0

  constructor(crypto: Pick<Crypto, 'hash'>, keys: TopicKeys, source: TopicSource) {
    this.#crypto = crypto
    this.#keys = keys
    this.#source = source
    for (const { author, first, height } of source.logs()) {
      const entry = this.introduce(author)
      if (!entry) continue
      entry.first = first
      entry.height = height
      entry.exists = height
    }
  }

  /** By ascending reference, those nobody introduced among them. */
  all(): readonly Author[] {
    this.#all ??= [...this.#byKey.values(), ...this.#strangers.values()].sort((a, b) => this.ref(a) - this.ref(b))
    return this.#all
  }

  strangers(): readonly number[] {
    return [...this.#strangers.keys()].sort((a, b) => a - b)
  }

  find(key: VerifyingKey): Author | null {
    return this.#byKey.get(key) ?? null
  }

  /** What names the author in control frames. */
  ref(author: Author): number {
    return (this.#byTag.get(author.tag)?.length ?? 0) > 1 ? author.longTag : author.tag
  }

  column(author: Author, seqNum: number): Column {
    const ref = this.ref(author)
    return ref <= SHORT ? columnOf(ref, seqNum) : `${ref}/${seqNum}`
  }

  /** Null where it is ambiguous here: whoever named it so did not know of the other. */
  byRef(ref: number): Author | null {
    if (ref > SHORT) {
      const known = [...(this.#byTag.get(ref >>> 16) ?? [])].find(author => author.longTag === ref)
      return known ?? this.#strangers.get(ref) ?? null
    }
    const known = this.#byTag.get(ref) ?? []
    return known.length === 1 ? known[0]! : known.length > 1 ? null : (this.#strangers.get(ref) ?? null)
  }

  /** As `byRef`; one that is unknown is remembered as a stranger. */
  meet(ref: number): Author | null {
    const known = this.byRef(ref)
    if (known || (this.#byTag.get(ref)?.length ?? 0) > 1) return known
    if (this.#strangers.size + this.#byKey.size >= AUTHORS) return null
    const tag = ref > SHORT ? ref >>> 16 : ref
    const stranger = newAuthor(tag, ref, null)
    this.#strangers.set(ref, stranger)
    this.#all = null
    return stranger
  }

  introduce(key: VerifyingKey): Author | null {
    const known = this.#byKey.get(key)
    if (known) return known
    if (this.#strangers.size + this.#byKey.size >= AUTHORS) return null
    const longTag = longAuthorTag(this.#crypto, this.#keys, key)
    const tag = longTag >>> 16
    const strangers = [longTag, tag].flatMap(ref => this.#strangers.get(ref) ?? [])
    // One object from the first mention on: open windows name it, and must see what is held of it later.
    const entry = strangers[0] ?? newAuthor(tag, longTag, key)
    entry.key = key
    entry.longTag = longTag
    for (const other of strangers.slice(1)) {
      entry.exists = Math.max(entry.exists, other.exists)
      for (const [seqNum, compact] of other.parked) entry.parked.set(seqNum, compact)
    }
    for (const ref of [longTag, tag]) this.#strangers.delete(ref)
    this.#byKey.set(key, entry)
    this.#byTag.set(tag, [...(this.#byTag.get(tag) ?? []), entry])
    this.#sorted = null
    this.#all = null
    return entry
  }

  /** Somebody says that the log goes so far. */
  claim(author: Author, seqNum: number): void {
    if (seqNum <= author.exists || seqNum > author.height + MAX_AHEAD) return
    author.exists = seqNum
    this.#sorted = null
  }

  has(author: Author, seqNum: number): boolean {
    return seqNum <= author.height || author.ahead.has(seqNum) || author.parked.has(seqNum)
  }

  /** Ascending, at most so many. */
  holes(author: Author, limit: number): readonly number[] {
    const holes: number[] = []
    if (author.isForked) return holes
    for (let seqNum = author.height + 1; seqNum <= author.exists && holes.length < limit; seqNum++) {
      if (!author.ahead.has(seqNum) && !author.parked.has(seqNum)) holes.push(seqNum)
    }
    return holes
  }

  park(author: Author, seqNum: number, compact: CompactOperation): boolean {
    if (this.has(author, seqNum) || this.parked >= PARKED_OPERATIONS) return false
    author.parked.set(seqNum, compact)
    this.parked += 1
    return true
  }

  unpark(author: Author, seqNum: number): void {
    if (author.parked.delete(seqNum)) this.parked -= 1
  }

  rebuilt(author: Author, seqNum: number, id: OperationId, timestamp: bigint): void {
    this.unpark(author, seqNum)
    author.ahead.set(seqNum, id)
    this.#aheadPlaces.set(id, { author: author.key!, seqNum })
    this.#aheadTimes.set(id, timestamp)
  }

  /** It is in the store, or was refused: what was kept of it on the way goes. */
  settled(author: Author, seqNum: number): void {
    const id = author.ahead.get(seqNum)
    if (!id) return
    author.ahead.delete(seqNum)
    this.#aheadPlaces.delete(id)
    this.#aheadTimes.delete(id)
  }

  stored(author: Author, seqNum: number, isPrune: boolean): void {
    this.settled(author, seqNum)
    this.unpark(author, seqNum)
    author.failed.delete(seqNum)
    this.#remember(author, seqNum)
    if (author.height === -1 || isPrune) author.first = seqNum
    if (seqNum > author.height) {
      author.height = seqNum
      for (const below of author.parked.keys()) if (below < seqNum) this.unpark(author, below)
      for (const below of [...author.ahead.keys()]) if (below < seqNum) this.settled(author, below)
      for (const below of author.failed) if (below < seqNum) author.failed.delete(below)
    }
    this.claim(author, seqNum)
  }

  /** What is pruned later may still be named by what comes, and then its id is needed. */
  #remember(author: Author, seqNum: number): void {
    const id = author.key && this.#source.idOf(author.key, seqNum)
    if (!id || !author.key) return
    this.#remembered.set(`${author.key}/${seqNum}`, id)
    this.#rememberedPlaces.set(id, { author: author.key, seqNum })
    if (this.#remembered.size <= REMEMBERED_IDS) return
    const [oldest] = this.#remembered
    this.#remembered.delete(oldest![0])
    this.#rememberedPlaces.delete(oldest![1])
  }

  authors(): readonly KnownAuthor[] {
    this.#sorted ??= [...this.#byKey.values()]
      .map(({ key, tag, exists }) => ({ author: key!, tag, exists }))
      .sort((a, b) => (a.author < b.author ? -1 : 1))
    return this.#sorted
  }

  authorsOfTag(tag: number): readonly KnownAuthor[] {
    return (this.#byTag.get(tag) ?? [])
      .map(({ key, exists }) => ({ author: key!, tag, exists }))
      .sort((a, b) => (a.author < b.author ? -1 : 1))
  }

  idOf(key: VerifyingKey, seqNum: number): OperationId | null {
    return (
      this.#byKey.get(key)?.ahead.get(seqNum) ??
      this.#source.idOf(key, seqNum) ??
      this.#remembered.get(`${key}/${seqNum}`) ??
      null
    )
  }

  timestampOf(key: VerifyingKey, seqNum: number): bigint | null {
    const id = this.#byKey.get(key)?.ahead.get(seqNum)
    return (id && this.#aheadTimes.get(id)) ?? this.#source.timestampOf(key, seqNum)
  }

  placeOf(id: OperationId): Place | null {
    return this.#aheadPlaces.get(id) ?? this.#source.placeOf(id) ?? this.#rememberedPlaces.get(id) ?? null
  }

  /** Over everything that is known to exist; behind that, over the heads where all of it is held here, else zeros. */
  digest(): { readonly total: number; readonly hash: Uint8Array } {
    let total = 0
    const parts: string[] = []
    for (const author of this.all()) {
      if (author.exists < 0) continue
      total += author.exists + 1
      parts.push(`${author.tag}:${author.exists}`)
    }
    const bytes = new TextEncoder().encode(parts.join(' '))
    const hash = this.#crypto.hash(bytes).slice(0, HEIGHTS_HASH_BYTES + HEADS_HASH_BYTES)
    hash.set(this.#headsHash() ?? new Uint8Array(HEADS_HASH_BYTES), HEIGHTS_HASH_BYTES)
    return { total, hash }
  }

  /** Over the newest operation of each log; null while one of them is not held, for then the hash says nothing. */
  #headsHash(): Uint8Array | null {
    const heads: string[] = []
    for (const author of this.all()) {
      // Of a log whose branches are known, who holds which is no news.
      if (author.exists < 0 || author.isForked) continue
      const head = author.key && author.height >= author.exists ? this.idOf(author.key, author.exists) : null
      if (!head) return null
      heads.push(head)
    }
    return this.#crypto.hash(new TextEncoder().encode(heads.join(' '))).slice(0, HEADS_HASH_BYTES)
  }

  headOf(author: Author): number | null {
    if (!author.key || author.exists < 0) return null
    const id = this.idOf(author.key, author.exists)
    return id ? Number.parseInt(id.slice(0, 2), 16) : null
  }
}

const SHORT = 0xffff
/** How far logs go, and how they end: the second part only counts where the first agrees. */
export const HEIGHTS_HASH_BYTES = 5
export const HEADS_HASH_BYTES = 3

function newAuthor(tag: number, longTag: number, key: VerifyingKey | null): Author {
  return {
    tag,
    longTag,
    key,
    first: 0,
    height: -1,
    exists: -1,
    parked: new Map(),
    ahead: new Map(),
    failed: new Set(),
    unlike: new Set(),
    isForked: false,
    contested: -1,
  }
}

/**
 * What a node must be able to say about a topic so that short forms can be made and undone, and the 15 bits that stand
 * for a dependency.
 */

import type { OperationId, VerifyingKey } from '../core/index.js'

export interface KnownAuthor {
  readonly author: VerifyingKey
  /** `authorTag` of this author in the topic. */
  readonly tag: number
  /** The newest sequence number known to exist, held or not; -1 when none is. */
  readonly exists: number
}

export interface Place {
  readonly author: VerifyingKey
  readonly seqNum: number
}

/** An operation that is not held here and may be what a compact one stands on. */
export interface Missing extends Place {
  readonly tag: number
}

export interface CompactLookup {
  /** All authors whose key is known, in ascending order of key. */
  authors(): readonly KnownAuthor[]
  /** Those of them with this tag, in the same order. */
  authorsOfTag(tag: number): readonly KnownAuthor[]
  /** Null when the operation is not held in this topic. */
  idOf(author: VerifyingKey, seqNum: number): OperationId | null
  timestampOf(author: VerifyingKey, seqNum: number): bigint | null
  /** Where in this topic a held operation stands. */
  placeOf(id: OperationId): Place | null
}

/** Bits of a short dependency; the sixteenth says whether another one follows. */
const CODE_MASK = 0x7fff
export const CODE_RANGE = 0x8000

/**
 * A dependency in 15 bits. For one author, each sequence number of a stretch of 32,768 has a code of its own, and where
 * that stretch begins among the codes differs from author to author by their tags. So a wrong author has something
 * held under a code as seldom as its log is short: once in 330 with logs of 100. Some bits of a tag beside some bits
 * of a number would collide far more often, for most numbers are small and most authors are at about the same one.
 */
export function dependencyCode(tag: number, seqNum: number): number {
  return (tag + seqNum) & CODE_MASK
}

/** The least sequence number of the author with this code; the others are multiples of `CODE_RANGE` further on. */
export function firstSeqNumOfCode(tag: number, code: number): number {
  return (code - tag) & CODE_MASK
}

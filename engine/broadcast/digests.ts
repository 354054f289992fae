/**
 * Digests and heights: by the one, nodes of a quiet topic see that they know of the same operations; by the other, what
 * some of them do not know of. A digest is due ever less often while they agree, and soon after news. Whoever knows more
 * says how far the logs go, page by page, unless somebody else says it first.
 */

import { bytesEqual } from '../core/index.js'
import { type Authors, HEIGHTS_HASH_BYTES } from './authors.js'
import type { BroadcastSettings } from './limits.js'
import type { Pace } from './pace.js'
import type { OutgoingFrame, Voice } from './voice.js'
import { encodeDigest, encodeHeights, FRAME_KIND, type Height, pagesOfHeights } from './wire.js'

export interface DigestsParts {
  readonly authors: Authors
  readonly pace: Pace
  readonly voice: Voice
  readonly settings: BroadcastSettings
}

export class Digests {
  readonly #authors: Authors
  readonly #pace: Pace
  readonly #voice: Voice
  readonly #settings: BroadcastSettings
  #digestMs: number
  #digestWait: number
  #forcedDigestMs: number
  #heights: { readonly dueMs: number; readonly pages: readonly (readonly Height[])[] } | null = null

  constructor({ authors, pace, voice, settings }: DigestsParts, nowMs: number) {
    this.#authors = authors
    this.#pace = pace
    this.#voice = voice
    this.#settings = settings
    this.#digestWait = settings.firstDigest
    // A node that starts asks soon: what happened while it was away shows in no gap.
    this.#digestMs = nowMs + pace.units(2 + 12 * pace.chance())
    this.#forcedDigestMs = nowMs + pace.units(settings.forcedDigest)
  }

  dueMs(): number {
    return Math.min(this.#digestMs, this.#forcedDigestMs, this.#heights?.dueMs ?? Infinity)
  }

  postpone(later: (dueMs: number) => number): void {
    this.#digestMs = later(this.#digestMs)
    this.#forcedDigestMs = later(this.#forcedDigestMs)
    if (this.#heights) this.#heights = { ...this.#heights, dueMs: later(this.#heights.dueMs) }
  }

  /** Operations flow: gaps will tell, so the digest waits. */
  onNews(nowMs: number): void {
    this.#pace.lastNewsMs = nowMs
    this.quicken(nowMs)
  }

  quicken(nowMs: number): void {
    this.#digestWait = this.#settings.firstDigest
    this.#digestMs = nowMs + this.#pace.units(this.#digestWait * (1 + this.#pace.chance()))
  }

  /** As it should be: the next digest can wait longer. */
  onAgreement(nowMs: number): void {
    this.#digestWait = Math.min(this.#digestWait * 2, this.#settings.lastDigest)
    this.#digestMs = nowMs + this.#pace.units(this.#digestWait * (0.6 + 0.4 * this.#pace.chance()))
    this.#forcedDigestMs = nowMs + this.#pace.units(this.#settings.forcedDigest * (0.8 + 0.4 * this.#pace.chance()))
  }

  /** Somebody knows of other operations. @param own how many are known to exist here @param other how many there */
  onDifference(own: number, other: number, nowMs: number): void {
    // While operations flow, gaps and dependencies tell of so small a difference without any more frames.
    if (
      nowMs - this.#pace.lastNewsMs < this.#pace.units(this.#settings.quiet) &&
      Math.abs(own - other) <= SPARED_HEIGHTS
    ) {
      return
    }
    if (own >= other) this.offerHeights(nowMs)
    else if (this.#digestMs > nowMs + this.#pace.turn()) this.#digestMs = nowMs + this.#pace.turn()
  }

  offerHeights(nowMs: number): void {
    if (this.#heights) return
    const heights = this.#authors
      .all()
      .filter(({ exists }) => exists >= 0)
      .map(author => ({
        author: this.#authors.ref(author),
        exists: author.exists,
        head: this.#authors.headOf(author),
      }))
    const pages = pagesOfHeights(heights, this.#voice.controlRoom)
    if (pages.length > 0) this.#heights = { dueMs: nowMs + this.#pace.units(0.2) + this.#pace.turn(), pages }
  }

  /** Whoever says all that I would say spares me the trouble. */
  spare(heights: readonly Height[]): void {
    if (this.#heights && !this.#knowsMoreThan(heights)) this.#heights = null
  }

  takeDigest(nowMs: number): OutgoingFrame | null {
    if (this.#digestMs > nowMs && this.#forcedDigestMs > nowMs) return null
    this.onAgreement(nowMs)
    const { total, hash } = this.#authors.digest()
    const plaintext = encodeDigest({ ...this.#voice.said(), total, hash })
    let isWanted = true
    const made = this.#digestMs
    return {
      bytes: this.#voice.control(FRAME_KIND.digest, plaintext),
      kind: 'digest',
      isWanted: () => {
        isWanted &&= this.#digestMs === made
        return isWanted
      },
      done: () => {},
    }
  }

  takeHeights(nowMs: number): OutgoingFrame | null {
    const pending = this.#heights
    if (!pending || pending.dueMs > nowMs) return null
    const [page, ...rest] = pending.pages
    this.#heights = rest.length > 0 ? { dueMs: nowMs + this.#pace.units(1), pages: rest } : null
    if (!page) return null
    let isWanted = true
    const follow = this.#heights
    return {
      bytes: this.#voice.control(FRAME_KIND.heights, encodeHeights({ ...this.#voice.said(), heights: page })),
      kind: 'heights',
      isWanted: () => {
        isWanted &&= follow === this.#heights
        return isWanted
      },
      done: () => {},
    }
  }

  #knowsMoreThan(heights: readonly Height[]): boolean {
    const said = new Map(heights.map(({ author, exists }) => [author, exists]))
    let more = 0
    for (const author of this.#authors.all()) more += author.exists - (said.get(this.#authors.ref(author)) ?? -1)
    return more > SPARED_HEIGHTS
  }
}

/** Whether two hashes of digests are over logs that go equally far. */
export function areAsHigh(one: Uint8Array, other: Uint8Array): boolean {
  return bytesEqual(one.subarray(0, HEIGHTS_HASH_BYTES), other.subarray(0, HEIGHTS_HASH_BYTES))
}

/** What a digest says of the ends of the logs; null where its sender lacks something himself. */
export function headsOf(hash: Uint8Array): Uint8Array | null {
  const heads = hash.subarray(HEIGHTS_HASH_BYTES)
  return heads.every(byte => byte === 0) ? null : heads
}

/** Operations that others do not know of and that are not worth a page: the next digest will tell. */
const SPARED_HEIGHTS = 3

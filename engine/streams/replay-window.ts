/**
 * Refuses ephemeral messages that were seen before or are too old to tell. p2panda has nothing of the kind: whoever
 * keeps a message can send it again for ever.
 *
 * Three rules, for messages whose signature has been verified:
 * - a message more than 5 minutes from the local clock, behind or ahead, is refused;
 * - so is one at or below its author's floor: 60 seconds behind the newest message seen of that author;
 * - above the floor every message of the author is remembered, and refused when it comes again.
 *
 * An author with more messages above the floor than are remembered raises it: then some that come late are lost, none
 * is delivered twice. The author heard of least lately is forgotten when there are too many, and with it what was seen:
 * its messages of the last 5 minutes could then come a second time. One window belongs to one topic.
 *
 * Clocks: a node whose clock is off by more than 5 minutes is not heard, and one whose clock is set back by more than a
 * minute not before it has caught up. A pure function of its inputs; it asks no clock.
 */

import type { VerifyingKey } from '../core/index.js'

export interface ReplayLimits {
  /** Microseconds behind an author's newest message: slow ways through many nodes take seconds, not minutes. */
  readonly behindNewestUs: bigint
  /** Microseconds between a message and the local clock: what home computers are off by, seldom more. */
  readonly clockToleranceUs: bigint
  /** Messages remembered of one author: 17 a second for a minute. */
  readonly messagesPerAuthor: number
  /** Authors remembered; with all of their messages some 40 MB, which only a hostile crowd fills. */
  readonly authors: number
}

export const DEFAULT_REPLAY_LIMITS: ReplayLimits = {
  behindNewestUs: 60_000_000n,
  clockToleranceUs: 300_000_000n,
  messagesPerAuthor: 1_024,
  authors: 256,
}

export type ReplayVerdict = 'fresh' | 'seen' | 'old' | 'future'

export interface ReplayWindow {
  /** @param id the hash of the whole message */
  judge(author: VerifyingKey, id: string, wallUs: bigint, nowUs: bigint): ReplayVerdict
  /** As `judge`; what is fresh counts as seen from now on. */
  admit(author: VerifyingKey, id: string, wallUs: bigint, nowUs: bigint): ReplayVerdict
  /** Authors and messages remembered now. */
  readonly size: { readonly authors: number; readonly messages: number }
}

interface Author {
  newestUs: bigint
  /** Nothing at or below it is fresh; the start of time when nothing has been left out. */
  floorUs: bigint
  /** Timestamps of messages above the floor. */
  readonly seen: Map<string, bigint>
}

const BEFORE_ALL_TIME = -1n

export function createReplayWindow(limits: ReplayLimits = DEFAULT_REPLAY_LIMITS): ReplayWindow {
  /** In the order in which they were heard of last. */
  const authors = new Map<VerifyingKey, Author>()

  function judge(author: VerifyingKey, id: string, wallUs: bigint, nowUs: bigint): ReplayVerdict {
    if (wallUs > nowUs + limits.clockToleranceUs) return 'future'
    if (wallUs < nowUs - limits.clockToleranceUs) return 'old'
    const known = authors.get(author)
    if (!known) return 'fresh'
    if (known.seen.has(id)) return 'seen'
    return wallUs <= known.floorUs ? 'old' : 'fresh'
  }

  function remember(author: VerifyingKey, id: string, wallUs: bigint): void {
    const known = authors.get(author) ?? { newestUs: wallUs, floorUs: BEFORE_ALL_TIME, seen: new Map() }
    authors.delete(author)
    authors.set(author, known)
    known.seen.set(id, wallUs)
    if (wallUs > known.newestUs) known.newestUs = wallUs
    raiseFloor(known, known.newestUs - limits.behindNewestUs)
    if (known.seen.size > limits.messagesPerAuthor) makeRoom(known, limits.messagesPerAuthor)
    if (authors.size > limits.authors) {
      const leastLately = authors.keys().next()
      if (!leastLately.done) authors.delete(leastLately.value)
    }
  }

  return {
    judge,
    admit(author, id, wallUs, nowUs) {
      const verdict = judge(author, id, wallUs, nowUs)
      if (verdict === 'fresh') remember(author, id, wallUs)
      return verdict
    },
    get size() {
      let messages = 0
      for (const { seen } of authors.values()) messages += seen.size
      return { authors: authors.size, messages }
    },
  }
}

function raiseFloor(author: Author, floorUs: bigint): void {
  if (floorUs > author.floorUs) author.floorUs = floorUs
}

/** Only when there are too many, so that a message costs a constant on average. */
function makeRoom(author: Author, limit: number): void {
  forgetBelowFloor(author)
  if (author.seen.size <= limit) return
  raiseFloor(author, medianOf(author.seen))
  forgetBelowFloor(author)
}

function forgetBelowFloor({ seen, floorUs }: Author): void {
  for (const [id, wallUs] of seen) if (wallUs <= floorUs) seen.delete(id)
}

function medianOf(seen: ReadonlyMap<string, bigint>): bigint {
  const ascending = [...seen.values()].sort((left, right) => (left < right ? -1 : left > right ? 1 : 0))
  return ascending[(ascending.length - 1) >> 1]!
}

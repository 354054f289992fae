/**
 * One topic on one radio: what to say, when, and what follows from what is heard (spec/sync.md 9.5). A pure state
 * machine: it is told the time with each input, owns no timer, and gives out one frame when it is asked for one.
 *
 * New operations are sent at once. What is missing shows by gaps, by what operations depend on, and on a quiet topic by
 * a digest. Holes are collected, then one WANT opens a window over all that came since the last one; who holds part of
 * it sends random combinations, taking turns, until as many have been heard as the neediest node asked for. Symbols stay
 * useful for later windows, so nobody needs a particular one. Each frame that is overheard saves somebody a frame.
 *
 * Each of these ideas is a part of its own (topic-parts.ts). This file tells the parts what is heard and stored, and asks
 * them, the most pressing first, what to say.
 */

import { idFromBytes, type VerifyingKey } from '../core/index.js'
import type { AirtimeBudget, Crypto, Random } from '../ports.js'
import type { Authors, TopicSource } from './authors.js'
import { type CompactOperation, compactOf, parseCompact } from './compact.js'
import { areAsHigh, headsOf } from './digests.js'
import { seqNumOf } from './forms.js'
import { type BroadcastSettings, RESERVED_SHARE } from './limits.js'
import type { ReceivedOperation } from './rebuild.js'
import { CONTROL_OVERHEAD_BYTES, type OpenedFrame } from './seal.js'
import type { TopicKeys } from './topic-keys.js'
import { createParts, type TopicParts } from './topic-parts.js'
import type { OutgoingFrame } from './voice.js'
import {
  decodeDigest,
  decodeFragment,
  decodeHeights,
  decodeIntroduction,
  decodeWant,
  encodeWant,
  FRAME_KIND,
  type Said,
  type Want,
} from './wire.js'

export interface TopicOptions {
  readonly keys: TopicKeys
  readonly self: VerifyingKey
  readonly crypto: Pick<Crypto, 'hash' | 'verify'>
  readonly random: Random
  readonly source: TopicSource
  readonly settings: BroadcastSettings
  readonly mtu: number
  airtimeMs(bytes: number): number
  budget(): AirtimeBudget
  /** Seconds since 1970: control frames count from there, so that a node that starts anew is not taken for a replay. */
  readonly wallSeconds: number
  readonly nowMs: number
}

/** Where a newly stored operation came from. */
export type StoredOrigin = 'own' | 'air' | 'elsewhere'

export interface StoredNews {
  readonly author: VerifyingKey
  readonly seqNum: number
  readonly origin: StoredOrigin
  readonly isPrune: boolean
}

export class TopicBroadcast {
  readonly keys: TopicKeys
  readonly authors: Authors
  readonly #options: TopicOptions
  readonly #parts: TopicParts

  constructor(options: TopicOptions) {
    this.#options = options
    this.keys = options.keys
    this.#parts = createParts(options)
    this.authors = this.#parts.authors
  }

  /** Told after each commit. */
  stored(news: readonly StoredNews[], nowMs: number): readonly ReceivedOperation[] {
    for (const { author: key, seqNum, origin, isPrune } of news) {
      const author = this.authors.introduce(key)
      if (!author) continue
      const isNew = seqNum > author.exists
      // Its author's short form did not do here, so one that is made of it here may be another.
      if (origin === 'elsewhere' && author.failed.has(seqNum)) this.#parts.forms.setApart(author, seqNum)
      this.authors.stored(author, seqNum, isPrune)
      if (isNew) {
        this.#parts.asking.onNews(1)
        this.#parts.digests.onNews(nowMs)
      }
      if (origin === 'own') {
        if (seqNum === 0) this.#parts.introductions.add(author, nowMs)
        this.#parts.outbox.add(author, seqNum, 'own', nowMs)
      } else if (origin === 'elsewhere' && isNew) {
        if (seqNum === 0 && author.key) this.#parts.introductions.add(author, nowMs + this.#parts.pace.turn())
        this.#parts.outbox.add(author, seqNum, 'bridge', nowMs + this.#parts.pace.turn())
      }
    }
    const rebuilt = this.#rebuildParked(nowMs)
    this.#review(nowMs)
    return rebuilt
  }

  /** The pipeline would not have it. */
  refused(key: VerifyingKey, seqNum: number, code: string, nowMs: number): void {
    const author = this.authors.find(key)
    if (!author) return
    this.authors.settled(author, seqNum)
    if (code === 'fork-detected' || code === 'backlink-mismatch') {
      this.#parts.wants.dropAuthor(author)
      this.#parts.forks.found(author, seqNum, nowMs)
    } else author.failed.add(seqNum)
  }

  receive(frame: OpenedFrame, nowMs: number): readonly ReceivedOperation[] {
    this.#parts.pace.addLoad(frame.plaintext.length + frame.clear.length + CONTROL_OVERHEAD_BYTES, nowMs)
    switch (frame.kind) {
      case FRAME_KIND.operation:
        this.#onOperation(parseCompact(compactOf(frame)), null, nowMs)
        break
      case FRAME_KIND.relay: {
        if (frame.plaintext.length < 2) return []
        const from = (frame.plaintext[0]! << 8) | frame.plaintext[1]!
        this.#onOperation(parseCompact(frame.plaintext.slice(2)), from, nowMs)
        break
      }
      case FRAME_KIND.digest:
        this.#onDigest(frame.plaintext, nowMs)
        break
      case FRAME_KIND.heights:
        this.#onHeights(frame.plaintext, nowMs)
        break
      case FRAME_KIND.want:
        this.#onWant(frame.plaintext, nowMs)
        break
      case FRAME_KIND.repair:
        this.#onRepair(frame, nowMs)
        break
      case FRAME_KIND.introduction:
        this.#onIntroduction(frame.plaintext, nowMs)
        break
      case FRAME_KIND.fragment:
        this.#onFragment(frame.plaintext, nowMs)
        break
    }
    const evidence = this.#parts.forks.takeEvidence()
    const rebuilt = this.#rebuildParked(nowMs)
    this.#review(nowMs)
    return evidence.length > 0 ? [...evidence, ...rebuilt] : rebuilt
  }

  /** When `take` is worth a call. */
  dueMs(): number {
    return Math.min(
      this.#parts.digests.dueMs(),
      this.#parts.outbox.dueMs(),
      this.#parts.introductions.dueMs(),
      this.#parts.fragments.dueMs(),
      this.#parts.repair.dueMs(),
      this.#parts.asking.dueMs(),
    )
  }

  /** The most pressing frame that is due. */
  take(nowMs: number): OutgoingFrame | null {
    const own = this.#parts.outbox.take('own', nowMs)
    if (own) return own
    if (this.dueMs() > nowMs) return null
    if (this.#isSaving()) {
      this.#postpone(nowMs)
      return null
    }
    return (
      this.#parts.introductions.take(nowMs) ??
      this.#parts.outbox.take('relay', nowMs) ??
      this.#takeWant(nowMs) ??
      this.#parts.outbox.take('long', nowMs) ??
      this.#parts.digests.takeHeights(nowMs) ??
      this.#parts.repair.take(nowMs) ??
      this.#parts.outbox.take('bridge', nowMs) ??
      this.#parts.fragments.take(nowMs) ??
      this.#parts.digests.takeDigest(nowMs)
    )
  }

  // ---- what is said -------------------------------------------------------------------------------------------

  #takeWant(nowMs: number): OutgoingFrame | null {
    const asking = this.#parts.asking.take(nowMs)
    const want = asking && this.#parts.wants.make(asking.isSpeakingUp, nowMs)
    if (!want) return null
    const bytes = this.#parts.voice.control(FRAME_KIND.want, encodeWant(want))
    let isOver = false
    return {
      bytes,
      kind: 'want',
      isWanted: () => !isOver && !this.#parts.wants.isAskedByOthers(want),
      done: (wasSent, atMs) => {
        isOver = true
        if (!wasSent) return this.#review(atMs)
        this.#parts.asking.asked(want.deficit, atMs)
        if (want.ranges.length > 0) this.#openWindow(want, atMs, false)
        this.#review(atMs)
      },
    }
  }

  // ---- what is heard ------------------------------------------------------------------------------------------

  #onOperation(compact: CompactOperation | null, relayedBy: number | null, nowMs: number): void {
    if (!compact) return
    const candidates = this.authors.authorsOfTag(compact.tag)
    if (candidates.length > 1) {
      // Two known authors share the tag: whichever it verifies with, or it is left to repair, which tells them apart.
      this.#parts.unresolved.add(compact)
      return
    }
    const author = this.authors.byRef(compact.tag)
    if (!author) {
      this.#parts.unresolved.add(compact)
      this.authors.meet(compact.tag)
      return
    }
    const seqNum = seqNumOf(compact, author)
    const column = this.authors.column(author, seqNum)
    const transmitter = relayedBy ?? author.tag
    this.#parts.neighbours.meet(transmitter, nowMs)
    const isNew = seqNum > author.exists
    this.#parts.neighbours.sent(column, transmitter)
    const isRelayed = this.#parts.relays.isNeeded(author, column, nowMs)
    if (!isRelayed) this.#parts.outbox.overhear(compact, author, seqNum)
    if (compact.form === 'long') this.#parts.forks.compare(compact, author, seqNum)
    if (author.isForked) {
      this.authors.claim(author, seqNum)
      return
    }
    if (this.authors.has(author, seqNum)) return
    this.#parts.digests.onNews(nowMs)
    if (isNew) this.#parts.asking.onNews(seqNum - author.exists)
    this.authors.claim(author, seqNum)
    this.#parts.solver.park(author, seqNum, compact)
    if (isRelayed)
      this.#parts.outbox.add(
        author,
        seqNum,
        'relay',
        nowMs + this.#parts.pace.units(0.3) + this.#parts.pace.turn() * 0.7,
      )
  }

  #onDigest(plaintext: Uint8Array, nowMs: number): void {
    const digest = decodeDigest(plaintext)
    if (!digest || !this.#isFresh(digest, nowMs)) return
    const own = this.authors.digest()
    if (!areAsHigh(own.hash, digest.hash)) {
      this.#parts.digests.onDifference(own.total, digest.total, nowMs)
      return
    }
    this.#parts.digests.onAgreement(nowMs)
    if (this.#parts.forks.isOtherBranch(own.hash, digest.hash)) this.#parts.digests.offerHeights(nowMs)
    // Who lacks nothing himself knows of nothing more either.
    if (headsOf(digest.hash) && this.#parts.wants.isNothingMissing()) this.#parts.rebuilding.giveUpWaiting()
  }

  #onHeights(plaintext: Uint8Array, nowMs: number): void {
    const message = decodeHeights(plaintext)
    if (!message || !this.#isFresh(message, nowMs)) return
    let isAhead = false
    for (const { author: ref, exists, head } of message.heights) {
      const author = this.authors.meet(ref)
      if (!author) continue
      if (exists > author.exists) {
        this.authors.claim(author, exists)
        isAhead = true
      } else if (exists < author.exists) {
        this.#parts.relays.onHeight(message.sender, author, exists)
      } else if (head !== null && author.height >= exists) {
        const mine = this.authors.headOf(author)
        // Two heads at one place: the long form tells the branches apart, and the pipeline keeps the evidence.
        if (mine !== null && mine !== head && !author.isForked) {
          this.#parts.wants.addLong(author, exists)
        }
      }
    }
    this.#parts.digests.spare(message.heights)
    if (isAhead) {
      this.#resolve(nowMs)
      this.#parts.digests.quicken(nowMs)
    }
  }

  #onWant(plaintext: Uint8Array, nowMs: number): void {
    const want = decodeWant(plaintext)
    if (!want || !this.#isFresh(want, nowMs)) return
    for (const tag of want.strangers) {
      const known = tag > 0xffff ? [this.authors.byRef(tag)] : this.authors.all().filter(author => author.tag === tag)
      for (const author of known) {
        if (author?.key && !this.#parts.introductions.has(author))
          this.#parts.introductions.add(author, nowMs + this.#parts.pace.turn())
      }
    }
    for (const { author: ref, seqNum } of want.long) {
      const author = this.authors.byRef(ref)
      if (author) this.#parts.wants.dropLong(author, seqNum)
      if (author && author.height >= seqNum && seqNum >= author.first) {
        this.#parts.outbox.add(author, seqNum, 'long', nowMs + this.#parts.pace.turn())
      }
    }
    for (const { author: ref, from } of want.ranges) {
      const author = this.authors.byRef(ref)
      if (author && from < author.first && author.height >= author.first)
        this.#parts.outbox.add(author, author.first, 'bridge', nowMs + this.#parts.pace.turn())
    }
    if (want.ranges.length === 0) return
    const columns = this.#parts.windows.columnsOf(want.ranges)
    this.#parts.forks.answer(columns, want.holes, nowMs)
    this.#parts.relays.giveAlone(columns, want.holes, nowMs)
    this.#parts.relays.onWant(want.sender, columns, want.holes)
    this.#openWindow(want, nowMs, true)
    this.#resolve(nowMs)
  }

  #onRepair(frame: OpenedFrame, nowMs: number): void {
    const heard = this.#parts.repair.receive(frame.clear, frame.plaintext, nowMs)
    if (!heard) return
    if (heard.isNew) this.#parts.asking.onRound(heard.window, true)
    this.#parts.asking.onAnswer()
  }

  #openWindow(want: Want, nowMs: number, isHeard: boolean): void {
    const opened = this.#parts.repair.open(want, nowMs)
    if (!opened) return
    const { window, isNew } = opened
    this.#parts.asking.onRound(window, isNew)
    if (!isHeard) return
    if (this.#parts.asking.speaksUp(this.#parts.solver.deficit(window.columns), window, nowMs)) window.turnMs = null
    else this.#parts.repair.answer(window, nowMs)
  }

  #onIntroduction(plaintext: Uint8Array, nowMs: number): void {
    const introduction = decodeIntroduction(plaintext)
    if (!introduction) return
    for (const { key, exists } of introduction.keys) {
      const author = this.authors.introduce(idFromBytes<VerifyingKey>(key, 'author'))
      if (!author) continue
      if (exists >= 0) this.authors.claim(author, exists)
      this.#parts.introductions.drop(author)
    }
    this.#resolve(nowMs)
  }

  #onFragment(plaintext: Uint8Array, nowMs: number): void {
    const fragment = decodeFragment(plaintext)
    if (!fragment) return
    const { head, symbol } = fragment
    const author = this.authors.meet(head.author)
    if (author) {
      if (author !== this.#parts.own) this.#parts.fragments.overhear(author, head.seqNum)
      if (this.authors.has(author, head.seqNum)) return
      this.authors.claim(author, head.seqNum)
      this.#parts.digests.onNews(nowMs)
      this.#parts.asking.onAnswer()
    }
    const whole = this.#parts.fragments.add(head, symbol, nowMs)
    const compact = whole && parseCompact(whole)
    if (!compact) return
    if (author) this.#parts.solver.park(author, head.seqNum, compact)
    // Its sender does not know that two authors share the tag.
    else this.#parts.unresolved.add(compact)
  }

  /** Frames of authors that have been introduced meanwhile find their place. */
  #resolve(nowMs: number): void {
    for (const compact of this.#parts.unresolved.drain()) this.#onOperation(compact, null, nowMs)
  }

  #rebuildParked(nowMs: number): readonly ReceivedOperation[] {
    const received = this.#parts.rebuilding.run()
    if (received.length > 0) this.#parts.pace.lastNewsMs = Math.max(this.#parts.pace.lastNewsMs, nowMs)
    return received
  }

  // ---- small things -------------------------------------------------------------------------------------------

  /** Whether something is missing may have changed, and so when to ask for it. */
  #review(nowMs: number): void {
    this.#parts.asking.review(this.#parts.wants.missing(), nowMs)
  }

  /** Its sender is near; what he said before is not heard again. */
  #isFresh(said: Said, nowMs: number): boolean {
    if (!this.#parts.voice.isNew(said)) return false
    this.#parts.neighbours.meet(said.sender, nowMs)
    return true
  }

  /** The rest of the budget is kept for what the node itself has to say. */
  #isSaving(): boolean {
    const { share, availableMs, windowMs } = this.#options.budget()
    return share < 1 && availableMs < share * windowMs * RESERVED_SHARE
  }

  #postpone(nowMs: number): void {
    const until = nowMs + this.#parts.pace.units(20 + 20 * this.#parts.pace.chance())
    const later = (dueMs: number) => (dueMs <= nowMs ? until : dueMs)
    this.#parts.digests.postpone(later)
    this.#parts.asking.postpone(later)
    this.#parts.outbox.postpone(later)
    this.#parts.introductions.postpone(later)
    this.#parts.repair.postpone(later)
    this.#parts.fragments.postpone(later)
  }
}

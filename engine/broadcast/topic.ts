/**
 * One topic on one radio: what to say, when, and what follows from what is heard (spec/sync.md 9.5). A pure state
 * machine: it is told the time with each input, owns no timer, and gives out one frame when it is asked for one.
 *
 * New operations are sent at once. What is missing shows by gaps, by what operations depend on, and on a quiet topic by
 * a digest. Holes are collected, then one WANT opens a window over all that came since the last one; who holds part of
 * it sends random combinations, taking turns, until as many have been heard as the neediest node asked for. Symbols stay
 * useful for later windows, so nobody needs a particular one. Each frame that is overheard saves somebody a frame.
 */

import { idFromBytes, type VerifyingKey } from '../core/index.js'
import type { AirtimeBudget, Crypto, Random } from '../ports.js'
import { Asking } from './asking.js'
import { type Author, Authors, type TopicSource } from './authors.js'
import { type CompactOperation, compactOf, parseCompact } from './compact.js'
import { areAsHigh, Digests, headsOf } from './digests.js'
import { Forks } from './forks.js'
import { Forms, seqNumOf } from './forms.js'
import { FragmentExchange } from './fragment-exchange.js'
import { Introductions } from './introductions.js'
import { type BroadcastSettings, RESERVED_SHARE } from './limits.js'
import { Neighbours } from './neighbours.js'
import { OpenWindows } from './open-windows.js'
import { Outbox } from './outbox.js'
import { Pace } from './pace.js'
import type { ReceivedOperation } from './rebuild.js'
import { Rebuilding } from './rebuilding.js'
import { Relays } from './relays.js'
import { Repair } from './repair.js'
import { CONTROL_OVERHEAD_BYTES, type OpenedFrame } from './seal.js'
import { Solver } from './solver.js'
import type { TopicKeys } from './topic-keys.js'
import { Unresolved } from './unresolved.js'
import { type OutgoingFrame, Voice } from './voice.js'
import { Wants } from './wants.js'
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
  readonly #forms: Forms
  readonly #solver: Solver
  readonly #own: Author
  readonly #voice: Voice
  readonly #neighbours: Neighbours
  readonly #pace: Pace
  readonly #asking: Asking
  readonly #wants: Wants
  readonly #relays: Relays
  readonly #digests: Digests
  readonly #outbox: Outbox
  readonly #forks: Forks
  readonly #unresolved: Unresolved
  readonly #rebuilding: Rebuilding
  readonly #fragments: FragmentExchange
  readonly #windows: OpenWindows
  readonly #repair: Repair
  readonly #introductions: Introductions

  constructor(options: TopicOptions) {
    this.#options = options
    this.keys = options.keys
    this.authors = new Authors(options.crypto, options.keys, options.source)
    this.#forms = new Forms(this.authors, options)
    this.#solver = new Solver(this.authors, this.#forms)
    this.#own = this.authors.introduce(options.self)!
    this.#voice = new Voice(options, this.#own.tag)
    this.#neighbours = new Neighbours(this.#own.tag)
    this.#pace = new Pace(options, this.#neighbours)
    this.#asking = new Asking(this.#pace, options.settings)
    this.#relays = new Relays(this.authors, this.#neighbours, this.#pace)
    this.#digests = new Digests(
      { authors: this.authors, pace: this.#pace, voice: this.#voice, settings: options.settings },
      options.nowMs,
    )
    this.#fragments = new FragmentExchange(this.authors, this.#pace, this.#voice)
    this.#introductions = new Introductions(this.#voice)
    this.#outbox = new Outbox({
      authors: this.authors,
      forms: this.#forms,
      digests: this.#digests,
      fragments: this.#fragments,
      neighbours: this.#neighbours,
      voice: this.#voice,
    })
    this.#forks = new Forks({
      authors: this.authors,
      forms: this.#forms,
      pace: this.#pace,
      digests: this.#digests,
      outbox: this.#outbox,
      solver: this.#solver,
    })
    this.#windows = new OpenWindows(this.authors, options.crypto)
    this.#repair = new Repair({
      forms: this.#forms,
      forks: this.#forks,
      fragments: this.#fragments,
      neighbours: this.#neighbours,
      pace: this.#pace,
      solver: this.#solver,
      voice: this.#voice,
      windows: this.#windows,
      settings: options.settings,
    })
    this.#unresolved = new Unresolved(this.authors, this.#forms)
    this.#wants = new Wants({
      asking: this.#asking,
      authors: this.authors,
      forks: this.#forks,
      solver: this.#solver,
      unresolved: this.#unresolved,
      voice: this.#voice,
      windows: this.#windows,
    })
    this.#rebuilding = new Rebuilding(
      { authors: this.authors, forms: this.#forms, solver: this.#solver, unresolved: this.#unresolved },
      options.self,
    )
  }

  /** Told after each commit. */
  stored(news: readonly StoredNews[], nowMs: number): readonly ReceivedOperation[] {
    for (const { author: key, seqNum, origin, isPrune } of news) {
      const author = this.authors.introduce(key)
      if (!author) continue
      const isNew = seqNum > author.exists
      this.authors.stored(author, seqNum, isPrune)
      if (isNew) {
        this.#asking.onNews(1)
        this.#digests.onNews(nowMs)
      }
      if (origin === 'own') {
        if (seqNum === 0) this.#introductions.add(author, nowMs)
        this.#outbox.add(author, seqNum, 'own', nowMs)
      } else if (origin === 'elsewhere' && isNew) {
        if (seqNum === 0 && author.key) this.#introductions.add(author, nowMs + this.#pace.turn())
        this.#outbox.add(author, seqNum, 'bridge', nowMs + this.#pace.turn())
      }
    }
    const rebuilt = this.#rebuildParked(nowMs)
    this.#asking.review(this.#wants.missing(), nowMs)
    return rebuilt
  }

  /** The pipeline would not have it. */
  refused(key: VerifyingKey, seqNum: number, code: string, nowMs: number): void {
    const author = this.authors.find(key)
    if (!author) return
    this.authors.settled(author, seqNum)
    if (code === 'fork-detected' || code === 'backlink-mismatch') {
      this.#wants.dropAuthor(author)
      this.#forks.found(author, seqNum, nowMs)
    } else author.failed.add(seqNum)
  }

  receive(frame: OpenedFrame, nowMs: number): readonly ReceivedOperation[] {
    this.#pace.addLoad(frame.plaintext.length + frame.clear.length + CONTROL_OVERHEAD_BYTES, nowMs)
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
    const evidence = this.#forks.takeEvidence()
    const rebuilt = this.#rebuildParked(nowMs)
    this.#asking.review(this.#wants.missing(), nowMs)
    return evidence.length > 0 ? [...evidence, ...rebuilt] : rebuilt
  }

  /** When `take` is worth a call. */
  dueMs(): number {
    return Math.min(
      this.#digests.dueMs(),
      this.#outbox.dueMs(),
      this.#introductions.dueMs(),
      this.#fragments.dueMs(),
      this.#repair.dueMs(),
      this.#asking.dueMs(),
    )
  }

  /** The most pressing frame that is due. */
  take(nowMs: number): OutgoingFrame | null {
    const own = this.#outbox.take('own', nowMs)
    if (own) return own
    if (this.dueMs() > nowMs) return null
    if (this.#isSaving()) {
      this.#postpone(nowMs)
      return null
    }
    return (
      this.#introductions.take(nowMs) ??
      this.#outbox.take('relay', nowMs) ??
      this.#takeWant(nowMs) ??
      this.#outbox.take('long', nowMs) ??
      this.#digests.takeHeights(nowMs) ??
      this.#repair.take(nowMs) ??
      this.#outbox.take('bridge', nowMs) ??
      this.#fragments.take(nowMs) ??
      this.#digests.takeDigest(nowMs)
    )
  }

  // ---- what is said -------------------------------------------------------------------------------------------

  #takeWant(nowMs: number): OutgoingFrame | null {
    const asking = this.#asking.take(nowMs)
    const want = asking && this.#wants.make(asking.isSpeakingUp, nowMs)
    if (!want) return null
    const bytes = this.#voice.control(FRAME_KIND.want, encodeWant(want))
    let isOver = false
    return {
      bytes,
      kind: 'want',
      isWanted: () => !isOver && !this.#wants.isAskedByOthers(want),
      done: (wasSent, atMs) => {
        isOver = true
        if (!wasSent) return this.#asking.review(this.#wants.missing(), atMs)
        this.#asking.asked(want.deficit, atMs)
        if (want.ranges.length > 0) this.#openWindow(want, atMs, false)
        this.#asking.review(this.#wants.missing(), atMs)
      },
    }
  }

  // ---- what is heard ------------------------------------------------------------------------------------------

  #onOperation(compact: CompactOperation | null, relayedBy: number | null, nowMs: number): void {
    if (!compact) return
    const candidates = this.authors.authorsOfTag(compact.tag)
    if (candidates.length > 1) {
      // Two known authors share the tag: whichever it verifies with, or it is left to repair, which tells them apart.
      this.#unresolved.add(compact)
      return
    }
    const author = this.authors.byRef(compact.tag)
    if (!author) {
      this.#unresolved.add(compact)
      this.authors.meet(compact.tag)
      return
    }
    const seqNum = seqNumOf(compact, author)
    const column = this.authors.column(author, seqNum)
    const transmitter = relayedBy ?? author.tag
    this.#neighbours.meet(transmitter, nowMs)
    const isNew = seqNum > author.exists
    this.#neighbours.sent(column, transmitter)
    const isRelayed = this.#relays.isNeeded(author, column, nowMs)
    if (!isRelayed) this.#outbox.overhear(compact, author, seqNum)
    if (compact.form === 'long') this.#forks.compare(compact, author, seqNum)
    if (author.isForked) {
      this.authors.claim(author, seqNum)
      return
    }
    if (this.authors.has(author, seqNum)) return
    this.#digests.onNews(nowMs)
    if (isNew) this.#asking.onNews(seqNum - author.exists)
    this.authors.claim(author, seqNum)
    this.#solver.park(author, seqNum, compact)
    if (isRelayed) this.#outbox.add(author, seqNum, 'relay', nowMs + this.#pace.units(0.3) + this.#pace.turn() * 0.7)
  }

  #onDigest(plaintext: Uint8Array, nowMs: number): void {
    const digest = decodeDigest(plaintext)
    if (!digest || !this.#isFresh(digest, nowMs)) return
    const own = this.authors.digest()
    if (!areAsHigh(own.hash, digest.hash)) {
      this.#digests.onDifference(own.total, digest.total, nowMs)
      return
    }
    this.#digests.onAgreement(nowMs)
    if (this.#forks.isOtherBranch(own.hash, digest.hash)) this.#digests.offerHeights(nowMs)
    // Who lacks nothing himself knows of nothing more.
    if (headsOf(digest.hash) && this.#wants.isNothingMissing()) this.#rebuilding.giveUpWaiting()
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
        this.#relays.onHeight(message.sender, author, exists)
      } else if (head !== null && author.height >= exists) {
        const mine = this.authors.headOf(author)
        // Two heads at one place: the long form tells the branches apart, and the pipeline keeps the evidence.
        if (mine !== null && mine !== head && !author.isForked) {
          this.#wants.addLong(author, exists)
        }
      }
    }
    this.#digests.spare(message.heights)
    if (isAhead) {
      this.#resolve(nowMs)
      this.#digests.quicken(nowMs)
    }
  }

  #onWant(plaintext: Uint8Array, nowMs: number): void {
    const want = decodeWant(plaintext)
    if (!want || !this.#isFresh(want, nowMs)) return
    for (const tag of want.strangers) {
      const known = tag > 0xffff ? [this.authors.byRef(tag)] : this.authors.all().filter(author => author.tag === tag)
      for (const author of known) {
        if (author?.key && !this.#introductions.has(author)) this.#introductions.add(author, nowMs + this.#pace.turn())
      }
    }
    for (const { author: ref, seqNum } of want.long) {
      const author = this.authors.byRef(ref)
      if (author) this.#wants.dropLong(author, seqNum)
      if (author && author.height >= seqNum && seqNum >= author.first) {
        this.#outbox.add(author, seqNum, 'long', nowMs + this.#pace.turn())
      }
    }
    for (const { author: ref, from } of want.ranges) {
      const author = this.authors.byRef(ref)
      if (author && from < author.first && author.height >= author.first)
        this.#outbox.add(author, author.first, 'bridge', nowMs + this.#pace.turn())
    }
    if (want.ranges.length === 0) return
    const columns = this.#windows.columnsOf(want.ranges)
    this.#forks.answer(columns, want.holes, nowMs)
    this.#relays.onWant(want.sender, columns, want.holes)
    this.#openWindow(want, nowMs, true)
    this.#resolve(nowMs)
  }

  #onRepair(frame: OpenedFrame, nowMs: number): void {
    const heard = this.#repair.receive(frame.clear, frame.plaintext, nowMs)
    if (!heard) return
    if (heard.isNew) this.#asking.onRound(heard.window, true)
    this.#asking.onAnswer()
  }

  #openWindow(want: Want, nowMs: number, isHeard: boolean): void {
    const opened = this.#repair.open(want, nowMs)
    if (!opened) return
    const { window, isNew } = opened
    this.#asking.onRound(window, isNew)
    if (!isHeard) return
    if (this.#asking.speaksUp(this.#solver.deficit(window.columns), window, nowMs)) window.turnMs = null
    else this.#repair.answer(window, nowMs)
  }

  #onIntroduction(plaintext: Uint8Array, nowMs: number): void {
    const introduction = decodeIntroduction(plaintext)
    if (!introduction) return
    for (const { key, exists } of introduction.keys) {
      const author = this.authors.introduce(idFromBytes<VerifyingKey>(key, 'author'))
      if (!author) continue
      if (exists >= 0) this.authors.claim(author, exists)
      this.#introductions.drop(author)
    }
    this.#resolve(nowMs)
  }

  #onFragment(plaintext: Uint8Array, nowMs: number): void {
    const fragment = decodeFragment(plaintext)
    if (!fragment) return
    const { head, symbol } = fragment
    const author = this.authors.meet(head.author)
    if (!author) return
    if (author !== this.#own) this.#fragments.overhear(author, head.seqNum)
    if (this.authors.has(author, head.seqNum)) return
    this.authors.claim(author, head.seqNum)
    this.#digests.onNews(nowMs)
    this.#asking.onAnswer()
    const whole = this.#fragments.add(author, head, symbol, nowMs)
    const compact = whole && parseCompact(whole)
    if (compact) this.#solver.park(author, head.seqNum, compact)
  }

  // ---- rebuilding ---------------------------------------------------------------------------------------------

  /** Frames of authors that have been introduced meanwhile find their place. */
  #resolve(nowMs: number): void {
    for (const compact of this.#unresolved.drain()) this.#onOperation(compact, null, nowMs)
  }

  #rebuildParked(nowMs: number): readonly ReceivedOperation[] {
    const received = this.#rebuilding.run()
    if (received.length > 0) this.#pace.lastNewsMs = Math.max(this.#pace.lastNewsMs, nowMs)
    return received
  }

  // ---- windows ------------------------------------------------------------------------------------------------

  // ---- small things -------------------------------------------------------------------------------------------

  /** Its sender is near; what he said before is not heard again. */
  #isFresh(said: Said, nowMs: number): boolean {
    if (!this.#voice.isNew(said)) return false
    this.#neighbours.meet(said.sender, nowMs)
    return true
  }

  /** The rest of the budget is kept for what the node itself has to say. */
  #isSaving(): boolean {
    const { share, availableMs, windowMs } = this.#options.budget()
    return share < 1 && availableMs < share * windowMs * RESERVED_SHARE
  }

  #postpone(nowMs: number): void {
    const until = nowMs + this.#pace.units(20 + 20 * this.#pace.chance())
    const later = (dueMs: number) => (dueMs <= nowMs ? until : dueMs)
    this.#digests.postpone(later)
    this.#asking.postpone(later)
    this.#outbox.postpone(later)
    this.#introductions.postpone(later)
    this.#repair.postpone(later)
    this.#fragments.postpone(later)
  }
}

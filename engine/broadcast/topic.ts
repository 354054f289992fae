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
import { type Author, Authors, type TopicSource } from './authors.js'
import { type CompactOperation, compactOf, parseCompact } from './compact.js'
import { areAsHigh, Digests, headsOf } from './digests.js'
import { Forks } from './forks.js'
import { Forms, seqNumOf } from './forms.js'
import { FragmentExchange } from './fragment-exchange.js'
import { Introductions } from './introductions.js'
import { type BroadcastSettings, RESERVED_SHARE, WINDOW_OPERATIONS } from './limits.js'
import type { Column } from './linear-system.js'
import { Neighbours } from './neighbours.js'
import { type Opened, OpenWindows } from './open-windows.js'
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
import type { Window } from './window.js'
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
  readonly #settings: BroadcastSettings
  readonly #forms: Forms
  readonly #solver: Solver
  readonly #own: Author
  /** Long forms to ask for. */
  readonly #long = new Map<Column, { readonly author: Author; readonly seqNum: number }>()
  readonly #voice: Voice
  readonly #neighbours: Neighbours
  readonly #pace: Pace
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
  #wantMs: number | null = null
  /** Since when something is missing that no window has covered yet. */
  #freshSinceMs: number | null = null
  #otherSinceMs: number | null = null
  /** The window of the last round, asked for again while it leaves holes. */
  #round: Window | null = null
  #sinceWindow = 0
  #unanswered = 0
  #askedMs = -Infinity
  #askedDeficit = Infinity
  #fruitless = 0
  /** Somebody asked for less than this node lacks, so it asks for more, and soon. */
  #isSpeakingUp = false

  constructor(options: TopicOptions) {
    this.#options = options
    this.#settings = options.settings
    this.keys = options.keys
    this.authors = new Authors(options.crypto, options.keys, options.source)
    this.#forms = new Forms(this.authors, options)
    this.#solver = new Solver(this.authors, this.#forms)
    this.#own = this.authors.introduce(options.self)!
    this.#voice = new Voice(options, this.#own.tag)
    this.#neighbours = new Neighbours(this.#own.tag)
    this.#pace = new Pace(options, this.#neighbours)
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
        this.#sinceWindow += 1
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
    this.#reviewHoles(nowMs)
    return rebuilt
  }

  /** The pipeline would not have it. */
  refused(key: VerifyingKey, seqNum: number, code: string, nowMs: number): void {
    const author = this.authors.find(key)
    if (!author) return
    this.authors.settled(author, seqNum)
    if (code === 'fork-detected' || code === 'backlink-mismatch') {
      for (const [column, asked] of this.#long) if (asked.author === author) this.#long.delete(column)
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
    this.#reviewHoles(nowMs)
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
      this.#wantMs ?? Infinity,
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
    if (this.#wantMs === null || this.#wantMs > nowMs) return null
    this.#wantMs = null
    const isSpeakingUp = this.#isSpeakingUp
    this.#isSpeakingUp = false
    const want = this.#makeWant(isSpeakingUp, nowMs)
    if (!want) return null
    const bytes = this.#voice.control(FRAME_KIND.want, encodeWant(want))
    let isOver = false
    return {
      bytes,
      kind: 'want',
      isWanted: () => !isOver && !this.#isAskedByOthers(want),
      done: (wasSent, atMs) => {
        isOver = true
        if (!wasSent) return this.#reviewHoles(atMs)
        this.#unanswered += 1
        // Asking again and again for the same helps nobody: the channel is full, or who has it is out of reach.
        this.#fruitless = want.deficit > 0 && want.deficit >= this.#askedDeficit * 0.8 ? this.#fruitless + 1 : 0
        this.#askedDeficit = want.deficit
        this.#askedMs = atMs
        if (want.ranges.length > 0) this.#openWindow(want, atMs, false)
        this.#reviewHoles(atMs)
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
    if (isNew) this.#sinceWindow += seqNum - author.exists
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
    if (headsOf(digest.hash) && this.#isNothingMissing()) this.#rebuilding.giveUpWaiting()
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
          this.#long.set(this.authors.column(author, exists), { author, seqNum: exists })
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
      // The answer is for all who hear it.
      if (author) this.#long.delete(this.authors.column(author, seqNum))
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
    if (heard.isNew) this.#beginRound(heard)
    this.#unanswered = 0
  }

  #openWindow(want: Want, nowMs: number, isHeard: boolean): void {
    const opened = this.#repair.open(want, nowMs)
    if (!opened) return
    this.#beginRound(opened)
    if (!isHeard) return
    const { window } = opened
    const mine = this.#solver.deficit(window.columns)
    // One symbol more is not worth a frame of its own: the next round, or the next window, has it.
    if (mine > window.asked + this.#settings.spared) {
      this.#wantMs = nowMs + this.#pace.units(0.3 + this.#lead(mine, window.columns.length) / 2)
      window.turnMs = null
      this.#isSpeakingUp = true
      return
    }
    this.#isSpeakingUp = false
    this.#repair.answer(window, nowMs)
  }

  #beginRound({ window, isNew }: Opened): void {
    this.#round = window
    if (!isNew) return
    this.#sinceWindow = 0
    this.#freshSinceMs = null
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
    this.#unanswered = 0
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

  #makeWant(isSpeakingUp: boolean, nowMs: number): Want | null {
    const strangers = [...this.authors.strangers(), ...this.#unresolved.unknownTags()].slice(0, 16)
    const long = [...this.#long.values(), ...this.#failedHoles(), ...this.#forks.suspects(nowMs)]
      .slice(0, 4)
      .map(({ author, seqNum }) => ({
        author: this.authors.ref(author),
        seqNum,
      }))
    this.#long.clear()
    const room = this.#voice.controlRoom - 14 - 2 * strangers.length - 5 * long.length - WINDOW_OPERATIONS / 8
    // What a round left open is asked for again as it was: everyone who heard of it knows the window already.
    const again =
      this.#round && !this.#isFreshDue(nowMs) && this.#solver.deficit(this.#round.columns) > 0 ? this.#round : null
    const isDue = again || isSpeakingUp || this.#isRoundDue(nowMs)
    const ranges = again?.ranges ?? (isDue ? this.#windows.chooseRanges(Math.floor(room / RANGE_BYTES)) : [])
    const columns = this.#windows.columnsOf(ranges)
    const holes = new Uint8Array(Math.ceil(columns.length / 8))
    for (const [index, { author, seqNum }] of columns.entries()) {
      if (!author.isForked && !this.authors.has(author, seqNum)) holes[index >> 3]! |= 1 << (index & 7)
    }
    const deficit = this.#solver.deficit(columns)
    if (deficit === 0 && strangers.length === 0 && long.length === 0) {
      return null
    }
    return {
      ...this.#voice.said(),
      ranges: deficit > 0 ? ranges : [],
      deficit,
      holes: deficit > 0 ? holes : new Uint8Array(),
      strangers,
      long,
    }
  }

  /** Asked for in the long form until it comes. */
  #failedHoles(): readonly { readonly author: Author; readonly seqNum: number }[] {
    return this.authors
      .all()
      .flatMap(author => [...author.failed].map(seqNum => ({ author, seqNum })))
      .filter(({ author, seqNum }) => !author.isForked && !this.authors.has(author, seqNum))
  }

  /** Somebody asked for as much as this node would, in a window that has all that it would ask for. */
  #isAskedByOthers(want: Want): boolean {
    const window = this.#windows.find(want.ranges)
    return window !== null && window.need >= want.deficit && want.strangers.length === 0 && want.long.length === 0
  }

  #isNothingMissing(): boolean {
    const { fresh, old } = this.#countHoles()
    return fresh + old + this.authors.strangers().length + this.#unresolved.unknownTags().length === 0
  }

  /** Decides when to ask next, if anything is missing. */
  #reviewHoles(nowMs: number): void {
    const { fresh, old } = this.#countHoles()
    const others = this.authors.strangers().length + this.#long.size + this.#unresolved.unknownTags().length
    if (fresh === 0) this.#freshSinceMs = null
    else this.#freshSinceMs ??= nowMs
    if (fresh + old + others === 0) {
      this.#wantMs = null
      this.#unanswered = 0
      this.#isSpeakingUp = false
      return
    }
    if (this.#isSpeakingUp) return
    const due = Math.min(this.#freshDueMs(fresh), this.#otherDueMs(others, nowMs), this.#nextRoundMs(old))
    // While a round goes on, and for a while after asking in vain, nobody asks.
    const quietMs =
      this.#askedMs +
      this.#pace.units(
        3 * this.#pace.turnUnits() * 2 ** Math.min(Math.max(this.#unanswered, this.#fruitless), MAX_DOUBLINGS),
      )
    const restMs =
      this.#round && this.#round.need > 0 ? this.#round.heardMs + this.#pace.units(2 * this.#pace.turnUnits() + 4) : 0
    const earliest = Math.max(due, restMs, this.#unanswered > 0 ? quietMs : 0)
    if (earliest === Infinity) {
      this.#wantMs = null
      return
    }
    const jitterMs = this.#pace.units(this.#lead(fresh + old, this.#sinceWindow + old))
    if (this.#wantMs === null || Math.abs(this.#wantMs - earliest) > this.#pace.units(6)) {
      this.#wantMs = Math.max(earliest, nowMs) + jitterMs
    }
  }

  #countHoles(): { readonly fresh: number; readonly old: number } {
    let fresh = 0
    let old = 0
    for (const author of this.authors.all()) {
      const covered = this.#windows.coveredTo(author)
      for (const seqNum of this.authors.holes(author, WINDOW_OPERATIONS)) {
        if (seqNum > covered) fresh += 1
        else old += 1
      }
    }
    return { fresh, old }
  }

  /** When what no window has covered yet is worth one. */
  #freshDueMs(fresh: number): number {
    if (fresh === 0 || this.#freshSinceMs === null) return Infinity
    const { windowAge, quiet, urgentDeficit, windowOperations } = this.#settings
    // Whoever lacks more than the others asks before them, and once he has asked they need not.
    const more = fresh - EXPECTED_LOSS * this.#sinceWindow
    if (fresh >= urgentDeficit || this.#sinceWindow + more >= windowOperations) return this.#freshSinceMs
    // So many of so few are no accident: somebody is out of reach, and the sooner that is said the sooner others relay.
    if (fresh >= OUT_OF_REACH && fresh > 0.6 * this.#sinceWindow) return this.#freshSinceMs
    return Math.min(this.#freshSinceMs + this.#pace.units(windowAge), this.#pace.lastNewsMs + this.#pace.units(quiet))
  }

  /** Authors without a name and forms that do not fit wait a little: others may ask, and holes may join them. */
  #otherDueMs(others: number, nowMs: number): number {
    if (others === 0) {
      this.#otherSinceMs = null
      return Infinity
    }
    this.#otherSinceMs ??= nowMs
    return this.#otherSinceMs + this.#pace.units(this.#settings.secondRound)
  }

  /** A WANT that is only about names or long forms opens no window for the few holes that there are by chance. */
  #isRoundDue(nowMs: number): boolean {
    return this.#isFreshDue(nowMs) || this.#nextRoundMs(this.#countHoles().old) <= nowMs
  }

  #isFreshDue(nowMs: number): boolean {
    return this.#freshDueMs(this.#countHoles().fresh) <= nowMs
  }

  /** When what the last round left open is asked for again; a little of it is left to the next window. */
  #nextRoundMs(old: number): number {
    if (old === 0) return Infinity
    const { secondRound, carriedOver, quiet } = this.#settings
    const overMs = (this.#round?.heardMs ?? 0) + this.#pace.units(secondRound)
    return old > carriedOver ? overMs : Math.max(overMs, this.#pace.lastNewsMs + this.#pace.units(quiet))
  }

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
    if (this.#wantMs !== null) this.#wantMs = later(this.#wantMs)
    this.#outbox.postpone(later)
    this.#introductions.postpone(later)
    this.#repair.postpone(later)
    this.#fragments.postpone(later)
  }

  /** The neediest are likely to be the first to ask, which spares the others. */
  #lead(missing: number, among: number): number {
    return LEAD * Math.max(0, 0.5 - missing / Math.max(4, among)) + 2 * this.#pace.chance()
  }
}

/** Tag, first sequence number and length of a range. */
const RANGE_BYTES = 6
/** Airtimes between the one who lacks half of a window and one who lacks next to nothing. */
const LEAD = 30
/** Share of operations that is taken to be lost on a fair channel; each hole beyond it hastens a WANT by one operation. */
const EXPECTED_LOSS = 0.2
/** Asking in vain doubles the wait so often at most: some twenty minutes on LONG_FAST, for what is out of reach may come back. */
const MAX_DOUBLINGS = 4
/** Fresh holes from which it is looked at how many they are among all that came. */
const OUT_OF_REACH = 4

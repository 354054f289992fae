/**
 * One topic on one radio: what to say, when, and what follows from what is heard (spec/sync.md 9.5). A pure state
 * machine: it is told the time with each input, owns no timer, and gives out one frame when it is asked for one.
 *
 * New operations are sent at once. What is missing shows by gaps, by what operations depend on, and on a quiet topic by
 * a digest. Holes are collected, then one WANT opens a window over all that came since the last one; who holds part of
 * it sends random combinations, taking turns, until as many have been heard as the neediest node asked for. Symbols stay
 * useful for later windows, so nobody needs a particular one. Each frame that is overheard saves somebody a frame.
 */

import { concatBytes, idFromBytes, type VerifyingKey } from '../core/index.js'
import type { AirtimeBudget, Crypto, Random } from '../ports.js'
import { type Author, Authors, type TopicSource } from './authors.js'
import { type CompactOperation, compactOf, parseCompact } from './compact.js'
import { areAsHigh, Digests, headsOf } from './digests.js'
import { Forks } from './forks.js'
import { Forms, seqNumOf } from './forms.js'
import { FragmentExchange } from './fragment-exchange.js'
import { Introductions } from './introductions.js'
import { type BroadcastSettings, OPEN_WINDOWS, ORPHANED_SYMBOLS, RESERVED_SHARE, WINDOW_OPERATIONS } from './limits.js'
import { type Column, coefficient, combine, symbolBytes } from './linear-system.js'
import { Neighbours } from './neighbours.js'
import { Outbox } from './outbox.js'
import { Pace } from './pace.js'
import type { ReceivedOperation } from './rebuild.js'
import { Rebuilding } from './rebuilding.js'
import { Relays } from './relays.js'
import { CONTROL_OVERHEAD_BYTES, type OpenedFrame } from './seal.js'
import { Solver } from './solver.js'
import type { TopicKeys } from './topic-keys.js'
import { Unresolved } from './unresolved.js'
import { type OutgoingFrame, Voice } from './voice.js'
import { ofOneSize, shareOut, type Window, windowId } from './window.js'
import {
  decodeDigest,
  decodeFragment,
  decodeHeights,
  decodeIntroduction,
  decodeRepairHead,
  decodeWant,
  encodeRanges,
  encodeRepairHead,
  encodeWant,
  FRAME_KIND,
  type Said,
  splitRanges,
  type Want,
  type WindowRange,
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

interface Orphan {
  readonly window: number
  readonly seed: number
  readonly plaintext: Uint8Array
}

export class TopicBroadcast {
  readonly keys: TopicKeys
  readonly authors: Authors
  readonly #options: TopicOptions
  readonly #settings: BroadcastSettings
  readonly #forms: Forms
  readonly #solver: Solver
  readonly #own: Author
  readonly #windows = new Map<number, Window>()
  readonly #orphans: Orphan[] = []
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
  readonly #introductions: Introductions
  /** Heights up to which windows have been opened. */
  readonly #windowTo = new Map<Author, number>()
  /** Where the windows before began, the oldest first. */
  readonly #marks: ReadonlyMap<Author, number>[] = [new Map()]
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
  #seed = 0

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
    let due = Math.min(
      this.#digests.dueMs(),
      this.#outbox.dueMs(),
      this.#introductions.dueMs(),
      this.#fragments.dueMs(),
      this.#wantMs ?? Infinity,
    )
    for (const { turnMs } of this.#windows.values()) due = Math.min(due, turnMs ?? Infinity)
    return due
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
      this.#takeRepair(nowMs) ??
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

  #takeRepair(nowMs: number): OutgoingFrame | null {
    for (const window of this.#windows.values()) {
      if (window.turnMs === null || window.turnMs > nowMs) continue
      window.turnMs = null
      // Some of those who believe that one is missing did not hear the last one: that not all of them send it is enough.
      if (
        window.need === 1 &&
        this.#pace.chance() > Math.max(LAST_SYMBOL, LAST_SENDERS / (this.#neighbours.count + 1))
      ) {
        window.need = 0
        continue
      }
      const frame = this.#makeSymbol(window)
      if (frame) return frame
    }
    return null
  }

  #makeSymbol(window: Window): OutgoingFrame | null {
    const { symbolRoom } = this.#voice
    const maskBytes = Math.ceil(window.columns.length / 8)
    // A fifth of the nodes may have missed what was asked for: they can use no symbol before they hear of which window.
    const described = window.told < this.#settings.described ? encodeRanges(window.ranges) : null
    const room = symbolRoom - maskBytes
    const held: { index: number; data: Uint8Array }[] = []
    for (const [index, { author, seqNum }] of window.columns.entries()) {
      const data = this.#forms.shareOf(author, seqNum)
      if (!data) continue
      if (symbolBytes(data.length) <= room) held.push({ index, data })
      else this.#fragments.offer(author, seqNum, data, this.#pace.lastNewsMs, false)
    }
    if (held.length === 0) return null
    const chosen = ofOneSize(held, window.need)
    this.#seed = (this.#seed + 1 + Math.floor(this.#pace.chance() * 7)) & 0xff
    const seed = this.#seed
    const mask = new Uint8Array(maskBytes)
    for (const { index } of chosen) mask[index >> 3]! |= 1 << (index & 7)
    const symbol = combine(
      chosen.map(({ index, data }) => ({ coefficient: this.#coefficient(window, index, seed), data })),
    )
    const remaining = Math.max(0, window.need - 1)
    const isDescribed = described !== null && described.length + maskBytes + symbol.length <= symbolRoom
    const head = encodeRepairHead({ window: window.id, seed, remaining, isDescribed })
    const plaintext = isDescribed ? concatBytes(described, mask, symbol) : concatBytes(mask, symbol)
    return {
      bytes: this.#voice.symbol(head, plaintext),
      kind: 'repair',
      isWanted: () => window.need > 0 && this.#windows.get(window.id) === window,
      done: (wasSent, atMs) => {
        if (wasSent) {
          window.need = Math.max(0, window.need - 1)
          window.heardMs = atMs
          if (isDescribed) window.told += 1
        }
        this.#takeTurn(window, atMs)
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
    const columns = this.#columnsOf(want.ranges)
    this.#forks.answer(columns, want.holes, nowMs)
    this.#relays.onWant(want.sender, columns, want.holes)
    this.#openWindow(want, nowMs, true)
    this.#resolve(nowMs)
  }

  #onRepair(frame: OpenedFrame, nowMs: number): void {
    const { window: id, seed, remaining, isDescribed } = decodeRepairHead(frame.clear)
    const split = isDescribed ? splitRanges(frame.plaintext) : { ranges: null, symbol: frame.plaintext }
    if (!split) return
    const { ranges, symbol } = split
    let window = this.#windows.get(id)
    if (window && isDescribed) window.told += 1
    if (!window && ranges) window = this.#hearOfWindow(id, ranges, remaining + 1, nowMs)
    if (!window) {
      this.#orphans.push({ window: id, seed, plaintext: symbol })
      if (this.#orphans.length > ORPHANED_SYMBOLS) this.#orphans.shift()
      return
    }
    window.heardMs = nowMs
    window.need = Math.max(0, Math.min(window.need - 1, remaining))
    this.#unanswered = 0
    this.#addSymbol(window, seed, symbol, nowMs)
    this.#takeTurn(window, nowMs)
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
    const ranges = again?.ranges ?? (isDue ? this.#chooseRanges(Math.floor(room / RANGE_BYTES)) : [])
    const columns = this.#columnsOf(ranges)
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

  /**
   * As far back as a window goes, so that old holes of others are in it too: a symbol then serves everyone, whatever it
   * is that he lacks. In a backlog, what is missing of the oldest.
   */
  #chooseRanges(maxRanges: number): readonly WindowRange[] {
    for (const mark of this.#marks) {
      const ranges = this.#rangesSince(mark)
      const size = ranges.reduce((sum, { length }) => sum + length, 0)
      if (size <= WINDOW_OPERATIONS && ranges.length <= maxRanges) return ranges
    }
    const needy: { author: Author; holes: readonly number[]; missing: number }[] = []
    for (const author of this.authors.all()) {
      const holes = this.authors.holes(author, WINDOW_OPERATIONS)
      if (holes.length > 0) needy.push({ author, holes, missing: author.exists - author.height })
    }
    return shareOut(needy, maxRanges).map(({ author, from, length }) => ({
      author: this.authors.ref(author),
      from,
      length,
    }))
  }

  #rangesSince(mark: ReadonlyMap<Author, number>): readonly WindowRange[] {
    const ranges: WindowRange[] = []
    for (const author of this.authors.all()) {
      if (author.isForked) continue
      const [first] = this.authors.holes(author, 1)
      const from = Math.min(first ?? Infinity, Math.max((mark.get(author) ?? author.first - 1) + 1, author.first))
      if (author.exists >= from) {
        ranges.push({ author: this.authors.ref(author), from, length: author.exists - from + 1 })
      }
    }
    return ranges
  }

  #columnsOf(ranges: readonly WindowRange[]): Window['columns'] {
    const columns: { author: Author; seqNum: number; column: Column }[] = []
    for (const { author: ref, from, length } of ranges) {
      const author = this.authors.meet(ref)
      if (!author) return []
      for (let seqNum = from; seqNum < from + length; seqNum++) {
        columns.push({ author, seqNum, column: this.authors.column(author, seqNum) })
      }
    }
    return columns
  }

  #openWindow(want: Want, nowMs: number, isHeard: boolean): void {
    const columns = this.#columnsOf(want.ranges)
    if (columns.length === 0) return
    const id = windowId(this.#options.crypto, want.ranges)
    const known = this.#windows.get(id)
    const isNew = !known
    const window = known ?? this.#addWindow(id, want.ranges, columns, nowMs)
    window.isSecondHand = false
    window.told += 1
    if (window.need === 0) window.asked = 0
    window.asked = Math.max(window.asked, want.deficit)
    window.need = Math.max(window.need, want.deficit)
    window.heardMs = nowMs
    this.#round = window
    if (isNew) {
      this.#sinceWindow = 0
      this.#freshSinceMs = null
      this.#adopt(window, nowMs)
    }
    if (!isHeard) return
    const mine = this.#solver.deficit(window.columns)
    // One symbol more is not worth a frame of its own: the next round, or the next window, has it.
    if (mine > window.asked + this.#settings.spared) {
      this.#wantMs = nowMs + this.#pace.units(0.3 + this.#lead(mine, window.columns.length) / 2)
      window.turnMs = null
      this.#isSpeakingUp = true
      return
    }
    this.#isSpeakingUp = false
    this.#takeTurn(window, nowMs, ANSWER_DELAY)
  }

  /**
   * Somebody answers what this node has not heard asked for. What the window newly covers is being repaired; a window
   * that covers nothing new may be an old one that is played back, and puts nothing off.
   */
  #hearOfWindow(id: number, ranges: readonly WindowRange[], need: number, nowMs: number): Window | undefined {
    const columns = this.#columnsOf(ranges)
    if (columns.length === 0 || windowId(this.#options.crypto, ranges) !== id) return undefined
    const isAhead = ranges.some(({ author: ref, from, length }) => {
      const author = this.authors.byRef(ref)
      return author !== null && from + length - 1 > (this.#windowTo.get(author) ?? -1)
    })
    if (!isAhead) return undefined
    const window = this.#addWindow(id, ranges, columns, nowMs)
    window.isSecondHand = true
    window.told = 2
    window.asked = need
    window.need = need
    this.#round = window
    this.#sinceWindow = 0
    this.#freshSinceMs = null
    this.#adopt(window, nowMs)
    return window
  }

  #addWindow(id: number, ranges: readonly WindowRange[], columns: Window['columns'], nowMs: number): Window {
    this.#marks.push(new Map(this.#windowTo))
    if (this.#marks.length > MARKS) this.#marks.shift()
    for (const { author: ref, from, length } of ranges) {
      const author = this.authors.byRef(ref)
      if (!author) continue
      this.authors.claim(author, from + length - 1)
      this.#windowTo.set(author, Math.max(this.#windowTo.get(author) ?? -1, from + length - 1))
    }
    const window: Window = {
      id,
      ranges,
      columns,
      need: 0,
      asked: 0,
      turnMs: null,
      heardMs: nowMs,
      told: 0,
      isSecondHand: false,
    }
    this.#windows.set(id, window)
    if (this.#windows.size > OPEN_WINDOWS) this.#windows.delete(this.#windows.keys().next().value!)
    return window
  }

  /** Symbols of this window that came before its description. */
  #adopt(window: Window, nowMs: number): void {
    for (let at = this.#orphans.length - 1; at >= 0; at--) {
      const orphan = this.#orphans[at]!
      if (orphan.window !== window.id) continue
      this.#orphans.splice(at, 1)
      this.#addSymbol(window, orphan.seed, orphan.plaintext, nowMs)
    }
  }

  #addSymbol(window: Window, seed: number, plaintext: Uint8Array, nowMs: number): void {
    const maskBytes = Math.ceil(window.columns.length / 8)
    if (plaintext.length <= maskBytes) return
    const forked = window.columns.find(
      ({ author }, index) => author.isForked && ((plaintext[index >> 3]! >> (index & 7)) & 1) === 1,
    )
    if (forked) {
      // Of which branch it was made, nobody can say; but whoever made it does not know that there are two.
      this.#forks.show(forked.author, nowMs)
      return
    }
    const terms: { index: number; coefficient: number }[] = []
    for (const index of window.columns.keys()) {
      if (((plaintext[index >> 3]! >> (index & 7)) & 1) === 0) continue
      terms.push({ index, coefficient: this.#coefficient(window, index, seed) })
    }
    this.#solver.addSymbol(window.columns, terms, plaintext.subarray(maskBytes))
  }

  #coefficient(window: Window, index: number, seed: number): number {
    const { author, seqNum } = window.columns[index]!
    return coefficient(seed, author.tag, seqNum)
  }

  /** Whose turn it is, is a matter of chance; those with few holes of their own come first. */
  #takeTurn(window: Window, nowMs: number, delay = 0): void {
    window.turnMs = null
    if (window.need === 0) return
    let held = 0
    for (const { author, seqNum } of window.columns) if (this.#forms.shareOf(author, seqNum)) held += 1
    if (held === 0) return
    const lack = 1 - held / window.columns.length
    const late = window.isSecondHand ? this.#pace.turnUnits() : 0
    window.turnMs = nowMs + this.#pace.units(delay + late) + this.#pace.turn() * (0.1 + this.#pace.chance() + lack)
  }

  /** Somebody asked for as much as this node would, in a window that has all that it would ask for. */
  #isAskedByOthers(want: Want): boolean {
    const window = this.#windows.get(windowId(this.#options.crypto, want.ranges))
    return window !== undefined && window.need >= want.deficit && want.strangers.length === 0 && want.long.length === 0
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
      const covered = this.#windowTo.get(author) ?? -1
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
    for (const window of this.#windows.values()) if (window.turnMs !== null) window.turnMs = later(window.turnMs)
    this.#fragments.postpone(later)
  }

  /** The neediest are likely to be the first to ask, which spares the others. */
  #lead(missing: number, among: number): number {
    return LEAD * Math.max(0, 0.5 - missing / Math.max(4, among)) + 2 * this.#pace.chance()
  }
}

/** Tag, first sequence number and length of a range. */
const RANGE_BYTES = 6
/** Airtimes that the neediest have to speak up before repair begins. */
const ANSWER_DELAY = 4
/** Airtimes between the one who lacks half of a window and one who lacks next to nothing. */
const LEAD = 30
/** Share of operations that is taken to be lost on a fair channel; each hole beyond it hastens a WANT by one operation. */
const EXPECTED_LOSS = 0.2
/** Windows back that the next may reach. */
const MARKS = 8
/** The last symbol of a round is sent by each of many with this chance, by each of few for certain. */
const LAST_SYMBOL = 0.25
const LAST_SENDERS = 2.5
/** Asking in vain doubles the wait so often at most: some twenty minutes on LONG_FAST, for what is out of reach may come back. */
const MAX_DOUBLINGS = 4
/** Fresh holes from which it is looked at how many they are among all that came. */
const OUT_OF_REACH = 4

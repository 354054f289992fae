/**
 * When to ask for what is missing. Fresh holes, which no window has covered yet, are collected until they are worth a
 * window or the topic is quiet; what a round of repair left open is asked for again after a while; while a round goes on,
 * and longer and longer after asking in vain, nobody asks. The neediest are likely to be the first, which spares the
 * others. What is asked for is no matter of this file: it is told numbers, and says when.
 */

import type { BroadcastSettings } from './limits.js'
import type { Pace } from './pace.js'
import type { Window } from './window.js'

export interface Missing {
  /** Holes that no window has covered yet, and those that one has. */
  readonly fresh: number
  readonly old: number
  /** Authors without a name, and long forms to ask for. */
  readonly others: number
}

export class Asking {
  readonly #pace: Pace
  readonly #settings: BroadcastSettings
  #wantMs: number | null = null
  /** Somebody asked for less than this node lacks, so it asks for more, and soon. */
  #isSpeakingUp = false
  /** Since when something is missing that no window has covered yet. */
  #freshSinceMs: number | null = null
  #otherSinceMs: number | null = null
  /** The window of the last round, asked for again while it leaves holes. */
  #round: Window | null = null
  /** Operations that came to be known of since the last window was opened. */
  #sinceWindow = 0
  #unanswered = 0
  #fruitless = 0
  #askedMs = -Infinity
  #askedDeficit = Infinity

  constructor(pace: Pace, settings: BroadcastSettings) {
    this.#pace = pace
    this.#settings = settings
  }

  get round(): Window | null {
    return this.#round
  }

  dueMs(): number {
    return this.#wantMs ?? Infinity
  }

  postpone(later: (dueMs: number) => number): void {
    if (this.#wantMs !== null) this.#wantMs = later(this.#wantMs)
  }

  /** So many operations more are known to exist. */
  onNews(operations: number): void {
    this.#sinceWindow += operations
  }

  /** A round of repair is on, whoever asked for it. */
  onRound(window: Window, isNew: boolean): void {
    this.#round = window
    if (!isNew) return
    this.#sinceWindow = 0
    this.#freshSinceMs = null
  }

  /** Somebody answers, so asking is not in vain. */
  onAnswer(): void {
    this.#unanswered = 0
  }

  /** Somebody else asked. Whether this node lacks so much more that it asks too, instead of answering. */
  speaksUp(deficit: number, window: Window, nowMs: number): boolean {
    // One symbol more is not worth a frame of its own: the next round, or the next window, has it.
    this.#isSpeakingUp = deficit > window.asked + this.#settings.spared
    if (this.#isSpeakingUp) {
      this.#wantMs = nowMs + this.#pace.units(0.3 + this.#lead(deficit, window.columns.length) / 2)
    }
    return this.#isSpeakingUp
  }

  /** Null when it is not time to ask. */
  take(nowMs: number): { readonly isSpeakingUp: boolean } | null {
    if (this.#wantMs === null || this.#wantMs > nowMs) return null
    const isSpeakingUp = this.#isSpeakingUp
    this.#wantMs = null
    this.#isSpeakingUp = false
    return { isSpeakingUp }
  }

  /** This node asked for so many symbols. */
  asked(deficit: number, nowMs: number): void {
    this.#unanswered += 1
    // Asking again and again for the same helps nobody: the channel is full, or who has it is out of reach.
    this.#fruitless = deficit > 0 && deficit >= this.#askedDeficit * 0.8 ? this.#fruitless + 1 : 0
    this.#askedDeficit = deficit
    this.#askedMs = nowMs
  }

  /** Decides when to ask next, if anything is missing. */
  review({ fresh, old, others }: Missing, nowMs: number): void {
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
    const earliest = Math.max(due, this.#restMs(), this.#unanswered > 0 ? this.#quietMs() : 0)
    if (earliest === Infinity) {
      this.#wantMs = null
      return
    }
    const jitterMs = this.#pace.units(this.#lead(fresh + old, this.#sinceWindow + old))
    if (this.#wantMs === null || Math.abs(this.#wantMs - earliest) > this.#pace.units(6)) {
      this.#wantMs = Math.max(earliest, nowMs) + jitterMs
    }
  }

  /** A WANT that is only about names or long forms opens no window for the few holes that there are by chance. */
  isRoundDue({ fresh, old }: Missing, nowMs: number): boolean {
    return this.isFreshDue(fresh, nowMs) || this.#nextRoundMs(old) <= nowMs
  }

  isFreshDue(fresh: number, nowMs: number): boolean {
    return this.#freshDueMs(fresh) <= nowMs
  }

  /** While a round goes on, nobody asks. */
  #restMs(): number {
    if (!this.#round || this.#round.need === 0) return 0
    return this.#round.heardMs + this.#pace.units(2 * this.#pace.turnUnits() + 4)
  }

  /** Nor for a while after asking in vain. */
  #quietMs(): number {
    const doublings = Math.min(Math.max(this.#unanswered, this.#fruitless), MAX_DOUBLINGS)
    return this.#askedMs + this.#pace.units(3 * this.#pace.turnUnits() * 2 ** doublings)
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

  /** When what the last round left open is asked for again; a little of it is left to the next window. */
  #nextRoundMs(old: number): number {
    if (old === 0) return Infinity
    const { secondRound, carriedOver, quiet } = this.#settings
    const overMs = (this.#round?.heardMs ?? 0) + this.#pace.units(secondRound)
    return old > carriedOver ? overMs : Math.max(overMs, this.#pace.lastNewsMs + this.#pace.units(quiet))
  }

  /** The neediest are likely to be the first to ask, which spares the others. */
  #lead(missing: number, among: number): number {
    return LEAD * Math.max(0, 0.5 - missing / Math.max(4, among)) + 2 * this.#pace.chance()
  }
}

/** Airtimes between the one who lacks half of a window and one who lacks next to nothing. */
const LEAD = 30
/** Share of operations that is taken to be lost on a fair channel; each hole beyond it hastens a WANT by one operation. */
const EXPECTED_LOSS = 0.2
/** Asking in vain doubles the wait so often at most: some twenty minutes on LONG_FAST, for what is out of reach may come back. */
const MAX_DOUBLINGS = 4
/** Fresh holes from which it is looked at how many they are among all that came. */
const OUT_OF_REACH = 4

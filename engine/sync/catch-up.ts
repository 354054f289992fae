/**
 * How much a peer that may lose what comes too fast is sent in one session, and when it is asked again. Its `Have` is the
 * only word it ever gives on what it has stored, so it serves as the acknowledgement: as long as all that was sent is in
 * it at the first look, more is sent at a time; what is still on its way is waited for; and what has not come after some
 * looks without progress is lost, and sent again. Pure: no time, no timers.
 */

import type { SyncLimits } from './limits.js'

/** Looks without progress after which what was sent counts as lost. */
const PATIENCE = 3

export class CatchUp {
  readonly #limits: SyncLimits
  #window: number
  /** What the peer lacks by its last word; null before the first. */
  #lack: number | null = null
  /** What it will lack when all that it was sent has arrived. */
  #expectedLack = 0
  /** Looks since something was sent, and those of them in a row that found no progress. */
  #looks = 0
  #idleLooks = 0
  /** Times in a row that something counted as lost. */
  #losses = 0

  constructor(limits: SyncLimits) {
    this.#limits = limits
    this.#window = limits.windowOperations
  }

  /** Operations for a session that the peer has begun, and whose part in what arrives cannot be told. */
  get window(): number {
    return this.#window
  }

  /** A session of ours has begun: by its own account the peer lacks so many operations. How many may it be sent? */
  allow(lack: number): number {
    const before = this.#lack
    this.#lack = lack
    if (before === null) return this.#window
    const inFlight = lack - this.#expectedLack
    const isFirstLook = this.#looks++ === 0
    if (inFlight <= 0) {
      if (isFirstLook) this.#window = Math.min(this.#window * 2, this.#limits.windowMaxOperations)
      this.#progress()
      return this.#window
    }
    this.#window = this.#limits.windowOperations
    if (lack < before) {
      this.#progress()
      return inFlight < this.#window / 2 ? this.#window : 0
    }
    if (++this.#idleLooks < PATIENCE) return 0
    this.#idleLooks = 0
    this.#losses++
    return this.#window
  }

  /** What that session has sent. */
  sent(operations: number): void {
    if (operations === 0) return
    this.#expectedLack = Math.max(0, (this.#lack ?? 0) - operations)
    this.#looks = 0
  }

  /** Milliseconds until the next session of a catch-up. */
  get pauseMs(): number {
    const { windowBusyMs, windowMs, windowOperations } = this.#limits
    return this.#window > windowOperations ? windowMs : this.#slower(windowBusyMs)
  }

  /** Milliseconds until a peer is asked whether all that it was sent has arrived. */
  get recheckMs(): number {
    return this.#slower(this.#limits.recheckMs)
  }

  #progress(): void {
    this.#idleLooks = 0
    this.#losses = 0
  }

  #slower(delayMs: number): number {
    return Math.min(this.#limits.retryMaxMs, delayMs * 2 ** Math.min(this.#losses, 10))
  }
}

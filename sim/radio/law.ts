/**
 * How long a transmitter may be on the air: a share of any window of an hour, counted exactly, and a longest stay for one
 * frame. The ledger belongs to the transmitter and outlives the processes that drive it.
 *
 * Counting the windows that end with a transmission is enough. Within a transmission the airtime of the window that ends
 * at a moment only grows with the moment, and after it no window holds more; so if each transmission keeps its own last
 * window within the limit, all windows are.
 */

import { invariant } from '../../engine/core/index.js'

export interface AirtimeLaw {
  /** Share of any window, as a fraction of 1; 1 where there is no such law. */
  readonly share: number
  /** Length of the window; 0 where there is no such law. */
  readonly windowUs: number
  /** Longest stay of one frame; infinity where there is no such law. */
  readonly maxDwellUs: number
}

export const NO_LAW: AirtimeLaw = { share: 1, windowUs: 0, maxDwellUs: Infinity }

/** One stay on the air. */
export interface Stay {
  readonly startUs: number
  endUs: number
}

/** The stays of one transmitter that a window can still touch, by their start. */
export class AirtimeLog {
  readonly #windowUs: number
  #stays: Stay[] = []
  /** Stays before this one have left every window. */
  #head = 0
  #sumUs = 0

  constructor(windowUs: number) {
    invariant(windowUs > 0, 'a window has a length')
    this.#windowUs = windowUs
  }

  /** Starts never go back. */
  add(startUs: number, endUs: number): Stay {
    invariant(endUs >= startUs, 'a stay ends after it began')
    const stay = { startUs, endUs }
    this.#stays.push(stay)
    this.#sumUs += endUs - startUs
    this.#forget(startUs - this.#windowUs)
    return stay
  }

  /** A stay that is still going on breaks off. */
  cut(stay: Stay, endUs: number): void {
    this.#sumUs -= stay.endUs - endUs
    stay.endUs = endUs
  }

  /** Airtime after a moment that lies at most a window before the latest start. */
  afterUs(momentUs: number): number {
    let restUs = this.#sumUs
    for (let at = this.#head; at < this.#stays.length; at++) {
      const { startUs, endUs } = this.#stays[at]!
      if (startUs >= momentUs) break
      restUs -= Math.min(endUs, momentUs) - startUs
    }
    return restUs
  }

  /** The first moment after which there is at most so much airtime; before everything when that holds anyway. */
  momentWithUs(airtimeUs: number): number {
    let excessUs = this.#sumUs - airtimeUs
    if (excessUs <= 0) return -Infinity
    for (let at = this.#head; ; at++) {
      const { startUs, endUs } = this.#stays[at]!
      if (excessUs <= endUs - startUs) return startUs + excessUs
      excessUs -= endUs - startUs
    }
  }

  #forget(beforeUs: number): void {
    for (let stay = this.#stays[this.#head]; stay !== undefined && stay.endUs <= beforeUs; ) {
      this.#sumUs -= stay.endUs - stay.startUs
      stay = this.#stays[++this.#head]
    }
    // What has left is dropped in one go, once it is most of the list.
    if (this.#head > 64 && this.#head * 2 > this.#stays.length) {
      this.#stays = this.#stays.slice(this.#head)
      this.#head = 0
    }
  }
}

/** What one transmitter has used of its law. */
export class DutyLedger {
  readonly law: AirtimeLaw
  readonly #limitUs: number
  readonly #log: AirtimeLog | null

  constructor(law: AirtimeLaw) {
    this.law = law
    const isLimited = law.windowUs > 0 && law.share < 1
    this.#limitUs = isLimited ? Math.floor(law.share * law.windowUs) : Infinity
    this.#log = isLimited ? new AirtimeLog(law.windowUs) : null
  }

  /** Whether a frame so long can ever be legal. */
  allows(durationUs: number): boolean {
    return durationUs <= this.law.maxDwellUs && durationUs <= this.#limitUs
  }

  /** The first moment from `fromUs` on at which a frame that is allowed may begin. */
  earliestUs(fromUs: number, durationUs: number): number {
    if (this.#log === null) return fromUs
    const moment = this.#log.momentWithUs(this.#limitUs - durationUs)
    return Math.max(fromUs, moment + this.law.windowUs - durationUs)
  }

  /** Airtime that is free at this moment, without what leaves the window while it is being used. */
  availableUs(nowUs: number): number {
    if (this.#log === null) return Infinity
    return Math.max(0, this.#limitUs - this.#log.afterUs(nowUs - this.law.windowUs))
  }

  /** Hands back what `cut` takes when the frame breaks off; null where nothing is counted. */
  record(startUs: number, endUs: number): Stay | null {
    return this.#log?.add(startUs, endUs) ?? null
  }

  cut(stay: Stay | null, endUs: number): void {
    if (stay !== null) this.#log?.cut(stay, endUs)
  }
}

/** The most that any window of a length has held, for one transmitter whose stays do not overlap. */
export class BusiestWindow {
  readonly #windowUs: number
  readonly #log: AirtimeLog
  #mostUs = 0
  #totalUs = 0

  constructor(windowUs: number) {
    this.#windowUs = windowUs
    this.#log = new AirtimeLog(windowUs)
  }

  get totalUs(): number {
    return this.#totalUs
  }

  add(startUs: number, endUs: number): void {
    this.#log.add(startUs, endUs)
    this.#totalUs += endUs - startUs
    this.#mostUs = Math.max(this.#mostUs, this.#log.afterUs(endUs - this.#windowUs))
  }

  /** The largest share of any window; of the whole run while that is shorter than a window. */
  share(nowUs: number): number {
    if (nowUs <= 0) return 0
    return nowUs < this.#windowUs ? this.#totalUs / nowUs : this.#mostUs / this.#windowUs
  }
}

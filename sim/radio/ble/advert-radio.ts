/** The `Radio` port of one boot of a node on an air of adverts. */

import { invariant } from '../../../engine/core/index.js'
import type { AirtimeBudget, FrameClass, PendingFrame, Radio, Signal } from '../../../engine/ports.js'

export interface AdvertRadioTraits {
  readonly name: string
  readonly mtu: number
  airtimeMs(bytes: number): number
  /** Runs something in a turn of its own. */
  soon(work: () => void): void
}

/** A frame that its radio is sending or about to send. */
export interface Advert {
  readonly frame: Uint8Array
  readonly kind: FrameClass
  readonly done: (outcome: Outcome) => void
}

type Outcome = 'sent' | 'cancelled' | 'failed'

/** The band is free for all, within the power that a radio has anyway. */
const NO_LAW: AirtimeBudget = { share: 1, availableMs: Infinity, windowMs: 0 }

export class AdvertRadio implements Radio {
  readonly #traits: AdvertRadioTraits
  readonly #begin: (advert: Advert) => () => boolean
  readonly #silence: () => void
  #isClosed = false
  #isSending = false
  #onFrame: ((frame: Uint8Array, signal: Signal) => void) | null = null

  /** `begin` sends a frame and says how to take it back; `silence` ends all that this radio does. */
  constructor(traits: AdvertRadioTraits, begin: (advert: Advert) => () => boolean, silence: () => void) {
    this.#traits = traits
    this.#begin = begin
    this.#silence = silence
  }

  get name(): string {
    return this.#traits.name
  }

  get mtu(): number {
    return this.#traits.mtu
  }

  airtimeMs(bytes: number): number {
    return this.#traits.airtimeMs(bytes)
  }

  budget(): AirtimeBudget {
    return NO_LAW
  }

  send(frame: Uint8Array, kind: FrameClass, done: (outcome: Outcome) => void): PendingFrame {
    if (this.#isClosed) return { cancel: () => false }
    invariant(!this.#isSending, 'a radio takes one frame at a time')
    invariant(frame.length <= this.mtu, `a frame has at most ${this.mtu} bytes`)
    this.#isSending = true
    const finish = (outcome: Outcome): void => {
      this.#isSending = false
      if (!this.#isClosed) done(outcome)
    }
    const takeBack = this.#begin({ frame: frame.slice(), kind, done: finish })
    return {
      cancel: () => {
        if (this.#isClosed || !takeBack()) return false
        this.#traits.soon(() => finish('cancelled'))
        return true
      },
    }
  }

  onFrame(handler: (frame: Uint8Array, signal: Signal) => void): void {
    this.#onFrame = handler
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#silence()
  }

  /** For the air. */
  hear(frame: Uint8Array, signal: Signal): void {
    if (!this.#isClosed) this.#onFrame?.(frame, signal)
  }
}

/**
 * One radio of one node, from the frame that it is given to the moment at which the frame is on the air: it waits for a
 * free channel, unless its node does not listen first, and until the law allows what it wants to send.
 */

import { invariant } from '../../../engine/core/index.js'
import type { AirtimeBudget, FrameClass, PendingFrame, Radio, Signal } from '../../../engine/ports.js'
import type { Kernel } from '../../kernel/index.js'
import type { Listener, Station } from './station.js'

/** Largest PHY payload of a LoRa modem: its length is one byte. */
export const LORA_MTU = 255
/** SX1262 with a temperature-compensated oscillator: from listening to sending. */
const RX_TO_TX_US = 1_000
/** Slots of the contention window, first and last. */
const FIRST_WINDOW = 16
const LAST_WINDOW = 128

/** What a radio needs of the air that it sends into. */
export interface Medium {
  readonly kernel: Kernel
  readonly name: string
  readonly slotUs: number
  airtimeUs(bytes: number): number
  /** What a channel detection says, with its mistakes. */
  isBusy(station: Station): boolean
  /** The frame begins at this moment; `done` when it has ended whole. */
  send(station: Station, bytes: Uint8Array, kind: FrameClass, done: () => void): void
  /** The law lets a frame wait. */
  held(station: Station, kind: FrameClass, untilUs: number): void
  detach(node: number): void
}

interface Waiting {
  readonly bytes: Uint8Array
  readonly kind: FrameClass
  readonly done: (outcome: 'sent' | 'cancelled' | 'failed') => void
  state: 'waiting' | 'over'
  window: number
  /** Counted once as held back by the law. */
  isHeld: boolean
}

/** The radio of one boot of one node: one frame at a time, sent when the channel seems free and the law allows it. */
export class LoraRadio implements Radio, Listener {
  readonly name: string
  readonly mtu = LORA_MTU
  readonly #air: Medium
  readonly #station: Station
  #handler: ((frame: Uint8Array, signal: Signal) => void) | null = null
  #waiting: Waiting | null = null
  #isDead = false

  constructor(air: Medium, station: Station) {
    this.#air = air
    this.#station = station
    this.name = air.name
  }

  airtimeMs(bytes: number): number {
    return this.#air.airtimeUs(bytes) / 1_000
  }

  budget(): AirtimeBudget {
    const { ledger } = this.#station
    const { share, windowUs } = ledger.law
    return { share, availableMs: ledger.availableUs(this.#air.kernel.nowUs) / 1_000, windowMs: windowUs / 1_000 }
  }

  send(frame: Uint8Array, kind: FrameClass, done: (outcome: 'sent' | 'cancelled' | 'failed') => void): PendingFrame {
    if (this.#isDead) return { cancel: () => false }
    invariant(this.#waiting === null, 'a radio takes one frame at a time')
    const waiting: Waiting = { bytes: frame.slice(), kind, done, state: 'waiting', window: FIRST_WINDOW, isHeld: false }
    this.#waiting = waiting
    const isPossible = frame.length > 0 && frame.length <= LORA_MTU
    if (!isPossible || !this.#station.ledger.allows(this.#air.airtimeUs(frame.length))) {
      this.#later(0, () => this.#finish(waiting, 'failed'))
    } else if (this.#station.mac === 'aloha') this.#later(0, () => this.#attempt(waiting))
    else this.#later(this.#backOffUs(waiting), () => this.#attempt(waiting))
    return {
      cancel: () => {
        if (this.#isDead || waiting.state !== 'waiting') return false
        waiting.state = 'over'
        this.#later(0, () => this.#finish(waiting, 'cancelled'))
        return true
      },
    }
  }

  onFrame(handler: (frame: Uint8Array, signal: Signal) => void): void {
    this.#handler = handler
  }

  close(): void {
    if (!this.#isDead) this.#air.detach(this.#station.node)
  }

  die(): void {
    this.#isDead = true
    this.#waiting = null
  }

  hear(frame: Uint8Array, signal: Signal): void {
    if (!this.#isDead) this.#handler?.(frame, signal)
  }

  #attempt(waiting: Waiting): void {
    if (waiting.state !== 'waiting') return
    const nowUs = this.#air.kernel.nowUs
    const durationUs = this.#air.airtimeUs(waiting.bytes.length)
    const isCsma = this.#station.mac === 'csma'
    const legalUs = this.#station.ledger.earliestUs(nowUs + (isCsma ? RX_TO_TX_US : 0), durationUs)
    if (legalUs > nowUs + (isCsma ? RX_TO_TX_US : 0)) {
      if (!waiting.isHeld) this.#air.held(this.#station, waiting.kind, legalUs)
      waiting.isHeld = true
      // Of radios that were held until the same moment, those that listen give way to each other.
      const backOffUs = isCsma ? this.#backOffUs(waiting) : 0
      this.#later(legalUs - nowUs + backOffUs, () => this.#attempt(waiting))
      return
    }
    if (!isCsma) {
      this.#transmit(waiting)
      return
    }
    if (this.#air.isBusy(this.#station)) {
      waiting.window = Math.min(LAST_WINDOW, waiting.window * 2)
      this.#later(this.#backOffUs(waiting) + this.#air.slotUs, () => this.#attempt(waiting))
      return
    }
    // From here on the frame is on its way; what begins in this millisecond is not heard any more.
    waiting.state = 'over'
    this.#later(RX_TO_TX_US, () => this.#transmit(waiting))
  }

  #transmit(waiting: Waiting): void {
    waiting.state = 'over'
    this.#air.send(this.#station, waiting.bytes, waiting.kind, () => this.#finish(waiting, 'sent'))
  }

  #finish(waiting: Waiting, outcome: 'sent' | 'cancelled' | 'failed'): void {
    if (this.#isDead || this.#waiting !== waiting) return
    this.#waiting = null
    waiting.done(outcome)
  }

  #backOffUs({ window }: Waiting): number {
    return this.#station.random.int(window) * this.#air.slotUs
  }

  #later(delayUs: number, run: () => void): void {
    this.#air.kernel.schedule(delayUs, 'radio/mac', this.#station.node, () => {
      if (!this.#isDead) run()
    })
  }
}

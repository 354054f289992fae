/** The books of one air: what was sent, by whom and for what, and what became of it at each node that could have heard it. */

import { FRAME_CLASSES, type FrameClass } from '../../engine/ports.js'
import type { AirAccount, AirLosses } from './air.js'
import { BusiestWindow } from './law.js'

/** The window of `maxDutyCycle`, whatever the law says. */
const HOUR_US = 3_600_000_000

export type LossCause = Exclude<keyof AirLosses, 'dutyCycleHeld'>

export class AirBooks {
  readonly losses: Record<keyof AirLosses, number> = {
    weak: 0,
    collision: 0,
    halfDuplex: 0,
    random: 0,
    dutyCycleHeld: 0,
  }
  receptions = 0
  #frames = 0
  #bytes = 0
  #airtimeUs = 0
  readonly #bytesByClass = perClass()
  readonly #airtimeUsByClass = perClass()
  readonly #byNode = new Map<number, BusiestWindow>()

  constructor(nodes: readonly number[]) {
    for (const node of nodes) this.#byNode.set(node, new BusiestWindow(HOUR_US))
  }

  /** A frame has left the air, whole or broken off; it counts with all its bytes and with the time it was on the air. */
  sent(node: number, kind: FrameClass, bytes: number, startUs: number, endUs: number): void {
    this.#frames++
    this.#bytes += bytes
    this.#airtimeUs += endUs - startUs
    this.#bytesByClass[kind] += bytes
    this.#airtimeUsByClass[kind] += endUs - startUs
    this.#byNode.get(node)!.add(startUs, endUs)
  }

  close(nowUs: number): AirAccount {
    const airtimeUsOf = new Map<number, number>()
    let maxDutyCycle = 0
    for (const [node, busiest] of this.#byNode) {
      airtimeUsOf.set(node, busiest.totalUs)
      maxDutyCycle = Math.max(maxDutyCycle, busiest.share(nowUs))
    }
    return {
      frames: this.#frames,
      bytes: this.#bytes,
      airtimeUs: this.#airtimeUs,
      receptions: this.receptions,
      losses: { ...this.losses },
      bytesByClass: { ...this.#bytesByClass },
      airtimeUsByClass: { ...this.#airtimeUsByClass },
      airtimeUsOf,
      maxDutyCycle,
    }
  }
}

function perClass(): Record<FrameClass, number> {
  return Object.fromEntries(FRAME_CLASSES.map(kind => [kind, 0])) as Record<FrameClass, number>
}

/** Counts invalid messages by who brought them, and forgives with time: versions differ, and links live for months. */

import { BoundedMap, type VerifyingKey } from '../core/index.js'
import type { OverlayLimits } from './overlay-limits.js'

interface Score {
  readonly count: number
  readonly atMs: number
}

export class Blame {
  readonly #limits: Pick<OverlayLimits, 'invalidMessages' | 'invalidForgivenMs'>
  readonly #scores: BoundedMap<VerifyingKey, Score>

  constructor(limits: Pick<OverlayLimits, 'invalidMessages' | 'invalidForgivenMs' | 'rememberedPeers'>) {
    this.#limits = limits
    this.#scores = new BoundedMap(limits.rememberedPeers)
  }

  /** One more invalid message; says whether that is too often, and starts anew if so. */
  isTooMuch(peer: VerifyingKey, nowMs: number): boolean {
    const before = this.#scores.get(peer) ?? { count: 0, atMs: nowMs }
    const forgiven = (nowMs - before.atMs) / this.#limits.invalidForgivenMs
    const count = Math.max(0, before.count - forgiven) + 1
    const isOver = count >= this.#limits.invalidMessages
    this.#scores.set(peer, { count: isOver ? 0 : count, atMs: nowMs })
    return isOver
  }
}

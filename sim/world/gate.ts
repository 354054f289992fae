/**
 * A node's process as the world sees it: a clock whose callbacks come only while the process lives, and wait while it
 * is paused. Every life of a node has a gate of its own, so nothing of an old life reaches a new one.
 */

import type { Clock, Timer } from '../../engine/ports.js'

export class Gate {
  #alive = true
  /** Pauses may overlap; work goes on when the last of them is over. */
  #pauses = 0
  #waiting: (() => void)[] = []

  get alive(): boolean {
    return this.#alive
  }

  /** Runs now, after the pause, or never. */
  pass(work: () => void): void {
    if (!this.#alive) return
    if (this.#pauses > 0) this.#waiting.push(work)
    else work()
  }

  pause(): void {
    this.#pauses += 1
  }

  /** What came during the pause runs in the order it came. */
  resume(): void {
    // A pause that began in an earlier life of the node ends in one that knows nothing of it.
    this.#pauses = Math.max(0, this.#pauses - 1)
    if (this.#pauses > 0) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const work of waiting) this.pass(work)
  }

  kill(): void {
    this.#alive = false
    this.#waiting = []
  }
}

export function gatedClock(clock: Clock, gate: Gate): Clock {
  return {
    nowMs: () => clock.nowMs(),
    wallUs: () => clock.wallUs(),
    after(delayMs, callback): Timer {
      let isCancelled = false
      const timer = clock.after(delayMs, () => {
        gate.pass(() => {
          // A timer that fired into a pause can still be cancelled by what ran before it.
          if (!isCancelled) callback()
        })
      })
      return {
        cancel() {
          isCancelled = true
          timer.cancel()
        },
      }
    },
  }
}

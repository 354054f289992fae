/**
 * The clock of one boot of one node: virtual time through a quartz that may run fast or slow, and a wall clock that may
 * be wrong and may jump. Jumps never touch the monotonic side, and so no timer.
 */

import { invariant } from '../../engine/core/index.js'
import type { Clock, Timer } from '../../engine/ports.js'
import type { EventHandle } from './heap.js'

export interface ClockOptions {
  /** What the wall clock is ahead of true time at the start; may be negative. */
  readonly skewUs?: number
  /** How much too fast both clocks run, in parts per million; between -100,000 and 100,000. */
  readonly driftPpm?: number
}

export interface SimClock extends Clock {
  /** Moves the wall clock, forwards or back. */
  jump(us: number): void
  /** Skew and all jumps so far; hand it as `skewUs` to the clock of the next boot to keep a board's wall clock. */
  readonly wallOffsetUs: number
  /** Ends every timer for ever: the process that owned them is gone. */
  stop(): void
}

export interface TimeSource {
  readonly nowUs: number
  readonly epochUs: number
  schedule(delayUs: number, kind: string, node: number, callback: () => void): EventHandle
}

/** Beyond a tenth a quartz is not drifting but broken. */
const MAX_DRIFT_PPM = 100_000

export function createClock(time: TimeSource, node: number, options: ClockOptions = {}): SimClock {
  const drift = options.driftPpm ?? 0
  invariant(Math.abs(drift) <= MAX_DRIFT_PPM, 'a clock drifts by at most 100,000 parts per million')
  const rate = 1 + drift / 1_000_000
  let offsetUs = options.skewUs ?? 0
  invariant(Number.isSafeInteger(offsetUs), 'clock skew is a whole number of microseconds')
  let isStopped = false

  const localUs = (trueUs: number): number => (drift === 0 ? trueUs : Math.floor(trueUs * rate))

  /** The first true moment at which this clock has advanced by so much. */
  const trueDelayUs = (localDelayUs: number): number => {
    if (drift === 0) return localDelayUs
    const target = localUs(time.nowUs) + localDelayUs
    let at = Math.floor(target / rate)
    while (localUs(at) < target) at++
    while (at > time.nowUs && localUs(at - 1) >= target) at--
    return Math.max(0, at - time.nowUs)
  }

  return {
    nowMs: () => localUs(time.nowUs) / 1_000,
    wallUs: () => {
      const us = time.epochUs + localUs(time.nowUs) + offsetUs
      return us <= 0 ? 0n : BigInt(us)
    },
    after(delayMs, callback): Timer {
      invariant(Number.isFinite(delayMs), 'a timer has a finite delay')
      if (isStopped) return { cancel() {} }
      const localDelayUs = Math.max(0, Math.ceil(delayMs * 1_000))
      return time.schedule(trueDelayUs(localDelayUs), 'timer', node, () => {
        if (!isStopped) callback()
      })
    },
    jump(us) {
      invariant(Number.isSafeInteger(us), 'a jump of the clock is a whole number of microseconds')
      offsetUs += us
    },
    get wallOffsetUs() {
      return offsetUs
    },
    stop() {
      isStopped = true
    },
  }
}

/** The true world's time: a monotonic clock that starts with the process, the system's wall clock, Node's timers. */

import type { Clock, Timer } from '../ports.js'

export interface SystemClockOptions {
  /** Whether a timer that is due later keeps the process alive; a node that runs should, a test helper should not. */
  readonly keepsProcessAlive?: boolean
}

/** Node takes longer delays for 1 ms; a longer wait is made of several. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1
/** The wall clock counts as set anew when it is so far from where it should be; `Date` is off by up to one by itself. */
const MAX_WALL_ERROR_MS = 2

export function systemClock(options: SystemClockOptions = {}): Clock {
  const keepsProcessAlive = options.keepsProcessAlive ?? true
  // `Date` counts milliseconds; between two looks at it the monotonic clock gives the microseconds.
  let wallOffsetMs = Number.NaN
  const wallMs = (): number => {
    const now = performance.now()
    const wall = Date.now()
    if (!(Math.abs(wallOffsetMs + now - wall) <= MAX_WALL_ERROR_MS)) wallOffsetMs = wall - now
    return wallOffsetMs + now
  }
  return {
    nowMs: () => performance.now(),
    wallUs: () => BigInt(Math.floor(wallMs() * 1_000)),
    after: (delayMs, callback) => startTimer(delayMs, callback, keepsProcessAlive),
  }
}

/** A timer of no delay takes Node a millisecond; a turn of the event loop takes what the others do in it. */
function startTurn(callback: () => void, keepsProcessAlive: boolean): Timer {
  const immediate = setImmediate(callback)
  if (!keepsProcessAlive) immediate.unref()
  return { cancel: () => clearImmediate(immediate) }
}

function startTimer(delayMs: number, callback: () => void, keepsProcessAlive: boolean): Timer {
  if (delayMs <= 0) return startTurn(callback, keepsProcessAlive)
  const dueMs = performance.now() + delayMs
  let timeout: NodeJS.Timeout | undefined
  const wait = (): void => {
    const leftMs = dueMs - performance.now()
    // Node counts whole milliseconds and may be early by part of one; the port promises never to be.
    timeout = setTimeout(expire, Math.min(MAX_TIMEOUT_MS, Math.max(0, Math.ceil(leftMs))))
    if (!keepsProcessAlive) timeout.unref()
  }
  const expire = (): void => {
    if (performance.now() < dueMs) wait()
    else callback()
  }
  wait()
  return { cancel: () => clearTimeout(timeout) }
}

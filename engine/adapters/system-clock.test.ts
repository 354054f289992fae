/**
 * Goal: the system's clock keeps the promises of the Clock port.
 * Method: short waits on the true clock, compared with the platform's own; a wall clock that is set is faked.
 */

import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from './system-clock.js'

afterEach(() => {
  vi.restoreAllMocks()
})

describe('system clock', () => {
  it('counts milliseconds that never decrease, with a fraction', () => {
    const clock = systemClock()
    let last = clock.nowMs()
    let hasFraction = false
    for (let n = 0; n < 1_000; n++) {
      const now = clock.nowMs()
      expect(now).toBeGreaterThanOrEqual(last)
      hasFraction ||= now % 1 !== 0
      last = now
    }
    expect(hasFraction).toBe(true)
  })

  it('tells the wall time in microseconds, in order while nobody sets it', () => {
    const clock = systemClock()
    let last = clock.wallUs()
    expect(Math.abs(Number(last / 1_000n) - Date.now())).toBeLessThan(50)
    for (let n = 0; n < 1_000; n++) {
      const now = clock.wallUs()
      expect(now >= last).toBe(true)
      last = now
    }
  })

  it('follows the wall clock when that is set back', () => {
    const clock = systemClock()
    const before = clock.wallUs()
    const hourEarlier = Date.now() - 3_600_000
    vi.spyOn(Date, 'now').mockReturnValue(hourEarlier)
    expect(Number(before - clock.wallUs())).toBeGreaterThan(3_599_000_000)
  })

  it('calls back once, not within the call and not early', async () => {
    const clock = systemClock()
    const dueMs = clock.nowMs() + 12.5
    const calls: number[] = []
    clock.after(12.5, () => calls.push(clock.nowMs()))
    expect(calls).toEqual([])
    await wait(40)
    expect(calls.length).toBe(1)
    expect(calls[0]).toBeGreaterThanOrEqual(dueMs)
  })

  it('never calls back what was cancelled, and takes a second cancel', async () => {
    const clock = systemClock()
    let isCalled = false
    const timer = clock.after(1, () => {
      isCalled = true
    })
    timer.cancel()
    timer.cancel()
    await wait(10)
    expect(isCalled).toBe(false)
  })

  it.each([2 ** 31 - 1, 2 ** 31])('waits for %i ms, the longest that Node takes and one more', async delayMs => {
    const clock = systemClock({ keepsProcessAlive: false })
    let isCalled = false
    const timer = clock.after(delayMs, () => {
      isCalled = true
    })
    await wait(10)
    timer.cancel()
    expect(isCalled).toBe(false)
  })
})

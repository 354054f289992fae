/**
 * Goal: a node's clocks are wrong in the ways asked for and in no other.
 * Method: virtual time is moved by an event and both clocks are read.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createKernel, DEFAULT_EPOCH_US } from './index.js'

describe('simulated clock', () => {
  it('follows virtual time when nothing is wrong with it', () => {
    const kernel = createKernel({ seed: 1 })
    const clock = kernel.clock(0)
    kernel.run({ untilUs: 1_234_567 })
    kernel.schedule(1_234_567, 'x', 0, () => {})
    kernel.run()
    expect([clock.nowMs(), clock.wallUs()]).toEqual([1_234.567, BigInt(DEFAULT_EPOCH_US) + 1_234_567n])
  })

  it('is ahead by its skew and its jumps on the wall alone', () => {
    const kernel = createKernel({ seed: 1, epochUs: 1_000_000 })
    const clock = kernel.clock(0, { skewUs: -400_000 })
    expect(clock.wallUs()).toBe(600_000n)
    clock.jump(-100_000)
    expect([clock.wallUs(), clock.nowMs(), clock.wallOffsetUs]).toEqual([500_000n, 0, -500_000])
    expect(kernel.clock(0, { skewUs: clock.wallOffsetUs }).wallUs()).toBe(500_000n)
  })

  it('shows no time before 1970: a timestamp has no sign', () => {
    const kernel = createKernel({ seed: 1, epochUs: 1_000 })
    expect(kernel.clock(0, { skewUs: -1_000 }).wallUs()).toBe(0n)
    expect(kernel.clock(0, { skewUs: -1_001 }).wallUs()).toBe(0n)
  })

  it('fires timers by its own quartz: not early, and not a microsecond late', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -100_000, max: 100_000 }),
        fc.nat(10_000_000),
        fc.nat(10_000_000),
        (ppm, at, delayUs) => {
          const kernel = createKernel({ seed: 1 })
          const clock = kernel.clock(0, { driftPpm: ppm })
          let early = 0
          let fired = -1
          kernel.schedule(at, 'x', 0, () => {
            const dueUs = Math.round(clock.nowMs() * 1_000) + delayUs
            clock.after(delayUs / 1_000, () => {
              fired = Math.round(clock.nowMs() * 1_000) - dueUs
            })
            early = kernel.events
          })
          kernel.run()
          // A fast quartz may step over a microsecond, and a delay in milliseconds is rounded up to one.
          expect(early).toBe(1)
          expect(fired >= 0 && fired <= 2).toBe(true)
        },
      ),
    )
  })

  it('drifts on both clocks', () => {
    const kernel = createKernel({ seed: 1, epochUs: 0 })
    const clock = kernel.clock(0, { driftPpm: 100 })
    kernel.schedule(10_000_000, 'x', 0, () => {})
    kernel.run()
    expect([clock.nowMs(), clock.wallUs()]).toEqual([10_001, 10_001_000n])
  })

  it('accepts a drift of a tenth and no more', () => {
    const kernel = createKernel({ seed: 1 })
    expect(() => kernel.clock(0, { driftPpm: 100_000 })).not.toThrow()
    expect(() => kernel.clock(0, { driftPpm: 100_001 })).toThrow(/at most 100,000/)
  })

  it('calls back later even for no delay, and never what was cancelled or stopped', () => {
    const kernel = createKernel({ seed: 1 })
    const clock = kernel.clock(0)
    const called: string[] = []
    clock.after(0, () => called.push('now'))
    clock.after(-5, () => called.push('past'))
    clock.after(1, () => called.push('cancelled')).cancel()
    expect(called).toEqual([])
    kernel.run({ untilUs: 0 })
    expect(called).toEqual(['now', 'past'])
    clock.after(1, () => called.push('stopped'))
    clock.stop()
    clock.after(1, () => called.push('after the stop')).cancel()
    kernel.run()
    expect(called).toEqual(['now', 'past'])
  })
})

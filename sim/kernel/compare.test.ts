/**
 * Goal: two runs that differ are traced to the first event that differs, wherever it lies.
 * Method: a load in which one thing is changed at a chosen event, before, at and after checkpoints; and checkpoints of a
 * run so long that they are thinned.
 */

import { describe, expect, it } from 'vitest'
import { CHECKPOINT_EVENTS, Fingerprint, MAX_CHECKPOINTS } from './fingerprint.js'
import { createKernel, firstDifference, type RecordWindow, type RunRecord } from './index.js'

interface Change {
  readonly at: number
  readonly what: 'note' | 'kind' | 'node' | 'delay' | 'extra' | 'stop'
}

const EVENTS = 10_000

function run(window: RecordWindow, change?: Change): RunRecord {
  const kernel = createKernel({ seed: 3, window })
  const random = kernel.random('load')
  const tick = (): void => {
    const isHere = change?.at === kernel.events - 1
    const drawn = random.int(100)
    kernel.note(isHere && change.what === 'note' ? -1 : drawn)
    if (isHere && change.what === 'stop') return
    const kind = isHere && change.what === 'kind' ? 'tock' : 'tick'
    kernel.schedule(
      drawn + (isHere && change.what === 'delay' ? 1 : 0),
      kind,
      isHere && change.what === 'node' ? 2 : 1,
      tick,
    )
    if (isHere && change.what === 'extra') kernel.schedule(1_000_000, 'extra', 9, () => {})
  }
  kernel.schedule(0, 'tick', 1, tick)
  kernel.run({ maxEvents: EVENTS })
  return kernel.record()
}

describe('comparison of two runs', () => {
  it('finds no difference between equal runs', async () => {
    expect(await firstDifference(run, run)).toBeNull()
  })

  it.each([0, 1, 4_094, 4_095, 4_096, 4_097, 8_192, 9_999])('finds a changed note in event %i', async at => {
    const difference = await firstDifference(run, window => run(window, { at, what: 'note' }))
    expect(difference?.number).toBe(at)
    expect(difference?.a?.notes).not.toBe(difference?.b?.notes)
  })

  it.each([0, 4_094, 4_095, 4_096, 9_998])('finds what event %i made different in the next', async at => {
    for (const what of ['kind', 'node', 'delay'] as const) {
      const difference = await firstDifference(run, window => run(window, { at, what }))
      expect([difference?.number, what]).toEqual([at + 1, what])
      if (what === 'kind') expect([difference?.a?.kind, difference?.b?.kind]).toEqual(['tick', 'tock'])
      if (what === 'node') expect([difference?.a?.node, difference?.b?.node]).toEqual([1, 2])
      if (what === 'delay') expect(difference!.b!.timeUs - difference!.a!.timeUs).toBe(1)
    }
  })

  it('finds where one run ended before the other', async () => {
    const difference = await firstDifference(run, window => run(window, { at: 5_000, what: 'stop' }))
    expect([difference?.number, difference?.a?.kind, difference?.b]).toEqual([5_001, 'tick', null])
  })

  it('finds an event that only took a place in the order', async () => {
    const difference = await firstDifference(run, window => run(window, { at: 77, what: 'extra' }))
    expect([difference!.number, difference!.b!.order]).toEqual([79, difference!.a!.order + 1])
  })

  it('finds a difference before the first event', async () => {
    const seeded = (seed: number) => (window: RecordWindow) => {
      const kernel = createKernel({ seed, window })
      kernel.schedule(0, 'x', 0, () => {})
      kernel.run()
      return kernel.record()
    }
    expect((await firstDifference(seeded(1), seeded(2)))?.number).toBe(-1)
  })

  it('keeps a bounded number of checkpoints, spread over the whole run', () => {
    const fingerprint = new Fingerprint()
    const events = CHECKPOINT_EVENTS * (MAX_CHECKPOINTS + 1)
    for (let n = 0; n < events - 1; n++) fingerprint.event(n, n, 0, 0)
    expect(fingerprint.checkpoints.length).toBe(MAX_CHECKPOINTS)
    fingerprint.event(events, events, 0, 0)
    expect(fingerprint.checkpoints.length).toBe(MAX_CHECKPOINTS / 2)
    expect(fingerprint.checkpoints[0]!.events).toBe(2 * CHECKPOINT_EVENTS)
    expect(fingerprint.checkpoints.at(-1)!.events).toBe(MAX_CHECKPOINTS * CHECKPOINT_EVENTS)
  })
})

/**
 * Goal: the flood agrees with Meshtasticator's where its coding-rate mistake is put right, and a large grid costs what its
 * nodes cost.
 * Method: means of ten seeds on the grids that were published; rules by small grids where the outcome is known.
 */

import { describe, expect, it } from 'vitest'
import { type FloodOptions, type FloodResult, studyFlood } from './flood.js'
import { FloodChannel, type FloodFrame, type Heard } from './flood-channel.js'
import { GroundTooCrowded, layOut } from './flood-ground.js'

const OPTIONS: FloodOptions = {
  preset: 'LONG_FAST',
  rows: 3,
  columns: 3,
  spacingM: 1_000,
  durationUs: 600_000_000,
  meanPeriodUs: 300_000_000,
  hops: 3,
  seed: 1,
}

function meanOf(key: keyof FloodResult, runs: readonly FloodResult[]): number {
  return runs.reduce((sum, run) => sum + run[key], 0) / runs.length
}

describe('means of ten seeds', () => {
  it.each([
    [3, { collisionRate: 0.161, reach: 0.992, usefulness: 0.388, meanDelayMs: 2_375 }],
    [5, { collisionRate: 0.195, reach: 0.978, usefulness: 0.407, meanDelayMs: 3_599 }],
  ] as const)('on a square grid of %i agree with Meshtasticator', (side, published) => {
    const runs = Array.from({ length: 10 }, (_, seed) =>
      studyFlood({ ...OPTIONS, rows: side, columns: side, seed: seed + 1 }),
    )
    const off = (key: keyof typeof published) => Math.abs(meanOf(key, runs) - published[key])
    expect(off('reach')).toBeLessThan(0.02)
    expect(off('usefulness')).toBeLessThan(0.02)
    expect(off('collisionRate')).toBeLessThan(0.03)
    expect(off('meanDelayMs')).toBeLessThan(0.15 * published.meanDelayMs)
    const airtimeMs = meanOf('transmissions', runs) * 681.984
    expect(meanOf('txUtil', runs)).toBeCloseTo(airtimeMs / (side * side * 600_000), 9)
  })
})

describe('the flood', () => {
  it('is the same for the same seed and another for another', () => {
    const first = studyFlood(OPTIONS)
    expect(studyFlood(OPTIONS)).toEqual(first)
    expect(studyFlood({ ...OPTIONS, seed: 2 })).not.toEqual(first)
  })

  it('sends each message four times when nobody may relay, for then nobody acknowledges', () => {
    const result = studyFlood({ ...OPTIONS, rows: 1, columns: 2, hops: 0, meanPeriodUs: 100_000_000 })
    expect(result.messages).toBeGreaterThan(5)
    expect(result.reach).toBe(1)
    // The last repeats may lie beyond the end.
    expect(result.transmissions / result.messages).toBeGreaterThan(3.5)
    expect(result.transmissions / result.messages).toBeLessThanOrEqual(4)
    expect(result.usefulness).toBeLessThan(0.3)
  })

  it('reaches nobody beyond its range, and more nodes with more hops', () => {
    const line: FloodOptions = { ...OPTIONS, rows: 1, columns: 9, spacingM: 2_000, meanPeriodUs: 2_000_000_000 }
    expect(studyFlood({ ...line, spacingM: 3_000 })).toMatchObject({ reach: 0, usefulness: 0, meanDelayMs: 0 })
    const reaches = [0, 1, 3].map(hops => {
      const runs = Array.from({ length: 10 }, (_, seed) => studyFlood({ ...line, hops, seed: seed + 1 }))
      return meanOf('reach', runs)
    })
    // Two neighbours of eight others, fewer at the ends: nobody reaches more than two a hop.
    for (const [index, hops] of [0, 1, 3].entries()) expect(reaches[index]).toBeLessThanOrEqual((hops + 1) / 4)
    expect(reaches[1]).toBeGreaterThan(reaches[0]! + 0.05)
    expect(reaches[2]).toBeGreaterThan(reaches[1]! + 0.05)
  })

  it.each(['SHORT_FAST', 'MEDIUM_FAST', 'LONG_MODERATE', 'MESHCORE_NARROW'] as const)('runs with %s', preset => {
    const result = studyFlood({ ...OPTIONS, preset })
    expect(result.messages).toBeGreaterThan(5)
    expect(result.reach).toBeGreaterThan(0.9)
    expect(result.collisionRate).toBeLessThan(0.5)
  })

  it('counts nothing where nothing is said', () => {
    const result = studyFlood({ ...OPTIONS, durationUs: 1_000_000 })
    expect(Object.values(result)).toEqual([0, 0, 0, 0, 0, 0, 0])
  })
})

describe('the ground', () => {
  it('knows neighbours by distance, whatever the size of the grid', () => {
    const small = layOut({ ...OPTIONS, rows: 9, columns: 9 })
    const large = layOut({ ...OPTIONS, rows: 60, columns: 60 })
    const middle = small.neighbours[4 * 9 + 4]!
    const middleOfLarge = large.neighbours[30 * 60 + 30]!
    // LONG_FAST is received over 2,013 m and sensed over 2,348 m: 12 places of the grid, and 8 more a knight's move away.
    expect(middle.filter(({ canReceive }) => canReceive)).toHaveLength(12)
    expect(middle).toHaveLength(20)
    expect(middleOfLarge.map(({ rssiDbm }) => rssiDbm)).toEqual(middle.map(({ rssiDbm }) => rssiDbm))
    expect(large.slotUs).toBe(77_232)
    expect(large.spareUs).toBe(90_112)
  })

  it('is refused where it would not fit into memory', () => {
    expect(() => layOut({ ...OPTIONS, rows: 100, columns: 100, spacingM: 10 })).toThrow(GroundTooCrowded)
  })
})

describe('the channel', () => {
  /** Five nodes in a row; each hears two on either side. */
  const ground = layOut({ ...OPTIONS, rows: 1, columns: 5 })
  const frameOf = (sender: number): FloodFrame => ({ sender, startUs: 0, endUs: 0, heard: [] })

  function outcomes(frames: readonly (readonly [sender: number, startUs: number])[]): string[] {
    const channel = new FloodChannel(ground)
    const sent = frames.map(([sender, startUs]) => ({ frame: frameOf(sender), startUs }))
    for (const { frame, startUs } of sent) channel.begin(frame, startUs)
    const told: string[] = []
    for (const { frame } of sent) {
      channel.end(frame, (heard: Heard, isReceived) => {
        told.push(`${frame.sender}>${heard.at.node}${isReceived ? '' : ' lost'}`)
      })
    }
    expect(channel.sensed).toBe(told.length)
    expect(channel.collided).toBe(told.filter(text => text.endsWith('lost')).length)
    return told
  }

  it('carries one frame to all in reach', () => {
    expect(outcomes([[0, 0]])).toEqual(['0>1', '0>2'])
  })

  it('lets the louder of two win, and neither of two that are alike', () => {
    // Node 1 hears 0 far better than 3; node 2 hears 3 better than 0.
    expect(
      outcomes([
        [0, 0],
        [3, 300_000],
      ]),
    ).toEqual(['0>1', '0>2 lost', '3>1 lost', '3>2', '3>4'])
    // In the middle both are equally loud.
    expect(
      outcomes([
        [0, 0],
        [4, 300_000],
      ]),
    ).toEqual(['0>1', '0>2 lost', '4>2 lost', '4>3'])
  })

  it('forgives an overlap with the preamble alone', () => {
    const apartUs = ground.airtimeUs - ground.spareUs
    expect(
      outcomes([
        [0, 0],
        [4, apartUs],
      ]),
    ).toEqual(['0>1', '0>2', '4>2', '4>3'])
    expect(
      outcomes([
        [0, 0],
        [4, apartUs - 1],
      ]),
    ).toEqual(['0>1', '0>2 lost', '4>2 lost', '4>3'])
  })

  it('senses nothing while it sends, also where both begin at once', () => {
    expect(
      outcomes([
        [0, 0],
        [1, 0],
      ]),
    ).toEqual(['0>2 lost', '1>2', '1>3'])
  })

  it('is busy for a receiver at once, and for others after a slot', () => {
    const channel = new FloodChannel(ground)
    const frame = frameOf(2)
    channel.begin(frame, 1_000)
    expect([0, 1, 2, 3, 4].map(node => channel.isBusy(node, 1_000))).toEqual([false, false, true, false, false])
    expect([0, 1, 2, 3, 4].map(node => channel.isBusy(node, 1_001))).toEqual([true, true, true, true, true])
    channel.end(frame, () => {})
    expect(channel.isBusy(2, 800_000)).toBe(false)
    // A knight's move away a frame is sensed only.
    const square = layOut({ ...OPTIONS, rows: 3, columns: 3 })
    const far = new FloodChannel(square)
    far.begin(frameOf(0), 1_000)
    expect(far.isBusy(5, 1_000 + square.slotUs - 1)).toBe(false)
    expect(far.isBusy(5, 1_000 + square.slotUs)).toBe(true)
    expect(far.isBusy(8, 1_000 + square.slotUs)).toBe(false)
  })
})

/**
 * Goal: who lacks neighbours asks for some, at once and then ever more seldom; parts of an overlay that know nothing of
 * each other are joined; and nobody who is well asks much.
 * Method: the machine by hand, with chance fixed where it decides.
 */

import { describe, expect, it } from 'vitest'
import type { VerifyingKey } from '../core/index.js'
import { Healer, type HealerView, type Healing } from './healer.js'
import { DEFAULT_OVERLAY_LIMITS } from './overlay-limits.js'

const limits = DEFAULT_OVERLAY_LIMITS
const { joinsAtOnce, offersAtOnce, retryMaxMs, retryMinMs, spreadMaxMs, probeMs } = limits

function ids(from: number, count: number): readonly VerifyingKey[] {
  return Array.from({ length: count }, (_, at) => `${from + at}`.padStart(64, '0') as VerifyingKey)
}

function view(active: readonly VerifyingKey[], remembered = 0): HealerView {
  return { active, remembered, wanted: 5 }
}

/** What is done until a moment, and when. */
function run(healer: Healer, at: HealerView, untilMs: number): readonly (Healing & { readonly atMs: number })[] {
  const done: (Healing & { readonly atMs: number })[] = []
  while (healer.deadlineMs <= untilMs) {
    const atMs = healer.deadlineMs
    const healing = healer.tick(at, atMs)
    if (healing.join.length > 0 || healing.greet.length > 0 || healing.offer) done.push({ ...healing, atMs })
  }
  return done
}

const FULL = ids(0, 5)
const half = () => 0.5

describe('a node without neighbours', () => {
  it('asks some candidates at once, and again after ever longer times', () => {
    const healer = new Healer(limits, half)
    healer.setCandidates(ids(10, 9), view([]), 0)
    const done = run(healer, view([]), 600_000)
    expect(done[0]).toMatchObject({ atMs: 0, offer: [] })
    for (const { join } of done) expect(new Set(join).size).toBe(joinsAtOnce)
    const gaps = done.slice(1).map(({ atMs }, at) => atMs - done[at]!.atMs)
    expect(gaps.slice(0, 5)).toEqual([2, 4, 8, 16, 32].map(factor => factor * retryMinMs))
    expect(gaps.slice(6).every(gap => gap === retryMaxMs)).toBe(true)
  })

  it('does not wait when a candidate is found again', () => {
    const healer = new Healer(limits, half)
    healer.setCandidates(ids(10, 3), view([]), 0)
    run(healer, view([]), 300_000)
    healer.found(ids(50, 1)[0]!, view([]), 300_000)
    expect(healer.deadlineMs, 'a stranger is nothing').toBeGreaterThan(300_000)
    healer.found(ids(10, 1)[0]!, view([]), 300_000)
    expect(healer.deadlineMs).toBe(300_000)
    expect(healer.tick(view([]), 300_000).join.length).toBe(joinsAtOnce)
    healer.found(ids(10, 1)[0]!, view(FULL), 300_001)
    expect(healer.deadlineMs).toBeGreaterThan(300_001)
  })

  it('keeps its pace in a stream of news once it has a neighbour', () => {
    const healer = new Healer({ ...limits, greetingFactor: 0, probeMs: 1e12 }, half)
    const few = ids(0, 2)
    let attempts = 0
    for (let second = 0; second < 200; second++) {
      healer.setCandidates(ids(10, 5 + second), view(few), second * 1_000)
      healer.found(ids(10, 1)[0]!, view(few), second * 1_000)
      if (healer.deadlineMs <= second * 1_000 && healer.tick(view(few), second * 1_000).offer) attempts++
    }
    expect(attempts).toBeGreaterThan(3)
    expect(attempts).toBeLessThan(10)
  })

  it('does nothing when nobody is known', () => {
    const healer = new Healer(limits, half)
    healer.setCandidates([], view([]), 0)
    expect(healer.deadlineMs).toBe(Number.POSITIVE_INFINITY)
    healer.neighbourDown(view([]), 0)
    expect(run(healer, view([]), 600_000)).toEqual([])
    expect(healer.deadlineMs).toBe(Number.POSITIVE_INFINITY)
  })

  it('asks at once when the last neighbour has gone', () => {
    const healer = new Healer(limits, half)
    healer.neighbourDown(view([], 3), 1_000)
    expect(healer.deadlineMs).toBe(1_000)
    expect(healer.tick(view([], 3), 1_000)).toEqual({ join: [], greet: [], offer: [] })
  })
})

describe('a node with too few neighbours', () => {
  it('offers candidates as replacements and joins nobody', () => {
    const healer = new Healer({ ...limits, greetingFactor: 0 }, half)
    healer.setCandidates([...ids(10, 20), ...ids(0, 2)], view(ids(0, 2)), 0)
    const done = run(healer, view(ids(0, 2)), 100_000)
    expect(done.length).toBeGreaterThan(2)
    for (const { offer } of done) {
      expect(offer!.length).toBe(offersAtOnce)
      expect(offer).not.toContain(ids(0, 1)[0])
    }
  })

  it('rests when all candidates are neighbours already', () => {
    const healer = new Healer(limits, half)
    const pair = ids(0, 2)
    healer.setCandidates(pair, view(pair), 0)
    expect(run(healer, view(pair), 100_000)).toEqual([])
  })

  it('rests when it has enough', () => {
    const healer = new Healer({ ...limits, greetingFactor: 0 }, half)
    healer.setCandidates(ids(10, 20), view(ids(0, 2)), 0)
    healer.neighbourUp(view(FULL))
    expect(run(healer, view(FULL), spreadMaxMs)).toEqual([])
  })
})

describe('new candidates, to a node that has its neighbours', () => {
  /** How many of two hundred nodes greet one when they hear of so many new ones. */
  function greeters(known: number, fresh: number, hear = false): number {
    let seed = 1
    const chance = () => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
      return seed / 2 ** 32
    }
    let count = 0
    for (let node = 0; node < 200; node++) {
      const healer = new Healer({ ...limits, probeMs: 1e12 }, chance)
      healer.setCandidates(ids(100, known), view(FULL), 0)
      run(healer, view(FULL), 1e6)
      healer.setCandidates(ids(100, known + fresh), view(FULL), 1e6)
      if (hear) healer.heardOf(ids(100 + known, 1)[0]!)
      count += run(healer, view(FULL), 1e6 + spreadMaxMs).length
    }
    return count
  }

  it('one among many is greeted by hardly anybody, for it joins by itself', () => {
    expect(greeters(199, 1)).toBe(0)
    expect(greeters(9, 1)).toBeLessThan(20)
    expect(greeters(9, 1)).toBeGreaterThan(0)
  })

  it('half of all, as after a partition, are greeted by every node', () => {
    expect(greeters(100, 100)).toBe(200)
  })

  it('are greeted by nobody who has heard of one through the overlay', () => {
    expect(greeters(100, 100, true)).toBe(0)
  })

  it('are no news when they are told again, or are neighbours', () => {
    const healer = new Healer({ ...limits, probeMs: 1e12 }, () => 0)
    healer.setCandidates([...FULL, ...ids(10, 3)], view(FULL), 0)
    expect(run(healer, view(FULL), 1_000_000).length).toBe(1)
    healer.setCandidates([...FULL, ...ids(10, 3)], view(FULL), 1_000_000)
    expect(run(healer, view(FULL), 2_000_000)).toEqual([])
    healer.setCandidates(FULL, view(FULL), 2_000_000)
    healer.setCandidates([...FULL, ...ids(10, 3)], view(FULL), 2_000_000)
    expect(run(healer, view(FULL), 3_000_000).length, 'lost and found is news').toBe(1)
  })
})

describe('strangers', () => {
  it('are greeted the more seldom the more there are, so that it costs the whole overlay the same', () => {
    for (const known of [10, 100]) {
      const healer = new Healer(limits, half)
      healer.setCandidates(ids(10, known), view(FULL), 0)
      run(healer, view(FULL), spreadMaxMs)
      const done = run(healer, view(FULL), spreadMaxMs + 10 * known * probeMs)
      expect(done.length).toBe(10)
      for (const { greet } of done) expect(greet.length).toBe(1)
    }
  })

  it('are greeted later when the overlay has turned out larger', () => {
    const healer = new Healer(limits, half)
    healer.setCandidates(ids(10, 1), view(FULL), 0)
    run(healer, view(FULL), spreadMaxMs)
    expect(run(healer, view(FULL, 30), 30 * probeMs)).toEqual([])
    expect(run(healer, view(FULL, 30), 40 * probeMs).length).toBe(1)
  })
})

it('keeps no more candidates than the limit', () => {
  const healer = new Healer({ ...limits, candidates: 10 }, half)
  healer.setCandidates([...ids(0, 10), ...ids(0, 10)], view([]), 0)
  expect(healer.candidates).toEqual(ids(0, 10))
  healer.setCandidates(ids(0, 11), view([]), 0)
  expect(healer.candidates.length).toBe(10)
})

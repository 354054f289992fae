/**
 * Goal: no message of a remembered author is fresh twice, none is refused without one of the three reasons, and memory
 * stays within its bounds.
 * Method: cases at each limit and one past it, and random runs against a model that remembers everything.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { VerifyingKey } from '../core/index.js'
import { createReplayWindow, DEFAULT_REPLAY_LIMITS, type ReplayLimits } from './replay-window.js'

const { behindNewestUs, clockToleranceUs, messagesPerAuthor, authors: MAX_AUTHORS } = DEFAULT_REPLAY_LIMITS
const NOW = 1_788_000_000_000_000n
const author = (number: number) => number.toString(16).padStart(64, '0') as VerifyingKey
const ANNA = author(1)
const BEN = author(2)

describe('the three rules', () => {
  it('a message is fresh once', () => {
    const window = createReplayWindow()
    expect(window.admit(ANNA, 'a', NOW, NOW)).toBe('fresh')
    expect(window.admit(ANNA, 'a', NOW, NOW)).toBe('seen')
    expect(window.admit(ANNA, 'b', NOW, NOW), 'another one of the same microsecond').toBe('fresh')
    expect(window.admit(BEN, 'a', NOW, NOW), 'of another author').toBe('fresh')
  })

  it('judging remembers nothing', () => {
    const window = createReplayWindow()
    expect(window.judge(ANNA, 'a', NOW, NOW)).toBe('fresh')
    expect(window.judge(ANNA, 'a', NOW, NOW)).toBe('fresh')
    expect(window.size).toEqual({ authors: 0, messages: 0 })
  })

  it('60 seconds behind the newest of its author is too old, a microsecond less is not', () => {
    const window = createReplayWindow()
    window.admit(ANNA, 'newest', NOW, NOW)
    expect(window.admit(ANNA, 'a', NOW - behindNewestUs, NOW)).toBe('old')
    expect(window.admit(ANNA, 'b', NOW - behindNewestUs + 1n, NOW)).toBe('fresh')
    expect(window.admit(BEN, 'c', NOW - behindNewestUs, NOW), 'of an author never heard').toBe('fresh')
  })

  it('5 minutes from the local clock is the most, either way', () => {
    const window = createReplayWindow()
    expect(window.admit(ANNA, 'a', NOW - clockToleranceUs - 1n, NOW)).toBe('old')
    expect(window.admit(ANNA, 'b', NOW - clockToleranceUs, NOW)).toBe('fresh')
    expect(window.admit(BEN, 'c', NOW + clockToleranceUs + 1n, NOW)).toBe('future')
    expect(window.admit(BEN, 'd', NOW + clockToleranceUs, NOW)).toBe('fresh')
    expect(window.admit(BEN, 'e', 0xffff_ffff_ffff_ffffn, NOW)).toBe('future')
  })
})

describe('bounds', () => {
  it('an author with more messages than are remembered raises the floor: none comes twice', () => {
    const window = createReplayWindow()
    for (let at = 0; at < messagesPerAuthor; at++) window.admit(ANNA, `m${at}`, NOW + BigInt(at), NOW)
    expect(window.size.messages).toBe(messagesPerAuthor)
    expect(window.admit(ANNA, 'late', NOW, NOW), 'at the limit the oldest still fits').toBe('fresh')
    expect(window.size.messages).toBeLessThanOrEqual(messagesPerAuthor)
    for (let at = 0; at < messagesPerAuthor; at++) {
      expect(window.admit(ANNA, `m${at}`, NOW + BigInt(at), NOW)).not.toBe('fresh')
    }
    expect(window.admit(ANNA, 'very late', NOW, NOW)).toBe('old')
  })

  it('also when all are of one microsecond', () => {
    const window = createReplayWindow()
    let fresh = 0
    for (let at = 0; at < 3 * messagesPerAuthor; at++) {
      if (window.admit(ANNA, `m${at}`, NOW, NOW) === 'fresh') fresh++
    }
    expect(fresh).toBe(messagesPerAuthor + 1)
    expect(window.admit(ANNA, 'm0', NOW, NOW)).toBe('old')
  })

  it('one author more than are remembered, and the one heard of least lately is forgotten', () => {
    const window = createReplayWindow()
    for (let number = 0; number < MAX_AUTHORS; number++) window.admit(author(number), 'a', NOW, NOW)
    expect(window.size.authors).toBe(MAX_AUTHORS)
    window.admit(author(0), 'b', NOW, NOW)
    expect(window.admit(author(0), 'a', NOW, NOW), 'nobody is forgotten yet').toBe('seen')
    window.admit(author(MAX_AUTHORS), 'a', NOW, NOW)
    expect(window.size.authors).toBe(MAX_AUTHORS)
    expect(window.judge(author(0), 'a', NOW, NOW)).toBe('seen')
    expect(window.judge(author(1), 'a', NOW, NOW)).toBe('fresh')
  })
})

it('never fresh twice, and never refused without a reason', () => {
  const limits: ReplayLimits = { behindNewestUs: 50n, clockToleranceUs: 200n, messagesPerAuthor: 8, authors: 4 }
  const input = fc.record({
    author: fc.nat(3),
    id: fc.nat(60),
    advance: fc.nat(20),
  })
  fc.assert(
    fc.property(fc.array(input, { maxLength: 200 }), inputs => {
      const window = createReplayWindow(limits)
      const fresh = new Map<number, Set<number>>()
      const newest = new Map<number, bigint>()
      let now = 1_000n
      for (const { author: number, id, advance } of inputs) {
        now += BigInt(advance)
        // The id says the time, as a message always has the same.
        const wallUs = 1_000n + BigInt(id) * 10n
        const known = fresh.get(number) ?? new Set()
        fresh.set(number, known)
        const verdict = window.admit(author(number), `m${id}`, wallUs, now)
        const isNear = wallUs <= now + 200n && wallUs >= now - 200n
        if (verdict === 'fresh') {
          expect(known.has(id)).toBe(false)
          expect(isNear).toBe(true)
          expect(wallUs).toBeGreaterThan((newest.get(number) ?? -51n) - 50n)
          known.add(id)
          if (wallUs > (newest.get(number) ?? 0n)) newest.set(number, wallUs)
        } else if (verdict === 'seen') expect(known.has(id)).toBe(true)
        else if (verdict === 'future') expect(wallUs).toBeGreaterThan(now + 200n)
        else if (isNear) {
          const isBehind = wallUs <= newest.get(number)! - 50n
          // Within 50 microseconds of the newest no more than 5 ids of an author fit, so nothing is left out for room.
          expect(isBehind || known.has(id)).toBe(true)
        }
        expect(window.size.messages).toBeLessThanOrEqual(limits.messagesPerAuthor * limits.authors)
      }
    }),
  )
})

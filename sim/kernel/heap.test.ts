/**
 * Goal: events come out by time, then by insertion, and cancelled ones neither come out nor pile up.
 * Method: a property against a sorted list; a load that cancels almost everything, watching the slots.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EventHeap, ScheduledEvent } from './heap.js'

function drain(heap: EventHeap): ScheduledEvent[] {
  const events: ScheduledEvent[] = []
  for (let event = heap.peek(); event !== undefined; event = heap.peek()) {
    heap.pop()
    events.push(event)
  }
  return events
}

describe('event heap', () => {
  it('gives events by time and insertion, less the cancelled ones', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(20), fc.boolean()), { maxLength: 200 }), entries => {
        const heap = new EventHeap()
        const events = entries.map(([timeUs], order) => new ScheduledEvent(heap, timeUs, order, 0, 0, () => {}))
        for (const event of events) heap.push(event)
        for (const [order, [, isCancelled]] of entries.entries()) if (isCancelled) events[order]!.cancel()
        const expected = events
          .filter(event => event.pending)
          .sort((left, right) => left.timeUs - right.timeUs || left.order - right.order)
        expect(heap.size).toBe(expected.length)
        expect(drain(heap)).toEqual(expected)
      }),
    )
  })

  it('keeps its order through a sweep', () => {
    const heap = new EventHeap()
    const events = Array.from(
      { length: 5_000 },
      (_, order) => new ScheduledEvent(heap, (order * 7_919) % 1_000, order, 0, 0, () => {}),
    )
    for (const event of events) heap.push(event)
    for (const event of events) if (event.order % 10 !== 0) event.cancel()
    expect(heap.slots).toBeLessThan(2_500)
    const kept = drain(heap)
    expect(kept.length).toBe(500)
    for (let at = 1; at < kept.length; at++) {
      const [left, right] = [kept[at - 1]!, kept[at]!]
      expect(left.timeUs < right.timeUs || (left.timeUs === right.timeUs && left.order < right.order)).toBe(true)
    }
  })

  it('bounds what cancelled events hold: at most as many as live ones, or 1,024', () => {
    const heap = new EventHeap()
    for (let order = 0; order < 100_000; order++) {
      const event = new ScheduledEvent(heap, 1_000_000 + order, order, 0, 0, () => {})
      heap.push(event)
      if (order % 100 !== 0) event.cancel()
      expect(heap.slots).toBeLessThanOrEqual(Math.max(2 * heap.size, heap.size + 1_024) + 1)
    }
    expect(heap.size).toBe(1_000)
  })

  it('takes a second cancel, and one of an event that has run', () => {
    const heap = new EventHeap()
    const event = new ScheduledEvent(heap, 1, 0, 0, 0, () => {})
    heap.push(event)
    event.cancel()
    event.cancel()
    expect([heap.size, heap.peek()]).toEqual([0, undefined])
  })
})

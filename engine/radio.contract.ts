/**
 * What every Radio promises, whatever medium lies beneath. Each implementation calls `radioContract` from its own test
 * with two radios that hear each other well and a way to let their world go on.
 */

import { describe, expect, it } from 'vitest'
import type { FrameClass, PendingFrame, Radio } from './ports.js'

/** Two radios of one medium in good range of each other, with nobody else on it and no loss. */
export interface RadioPair {
  readonly a: Radio
  readonly b: Radio
  /** Lets the world go on for so long. */
  pass(ms: number): void
  /** Lets the world go on long enough that a frame handed in has long been sent. */
  settle(): void
}

type Outcome = 'sent' | 'cancelled' | 'failed'

/** What happened at A's radio and what B heard, in order. */
class Listener {
  readonly outcomes: Outcome[] = []
  readonly heardByA: Uint8Array[] = []
  readonly heardByB: Uint8Array[] = []
  readonly pair: RadioPair

  constructor(pair: RadioPair) {
    this.pair = pair
    pair.a.onFrame(frame => this.heardByA.push(frame))
    pair.b.onFrame(frame => this.heardByB.push(frame))
  }

  send(frame: Uint8Array, kind: FrameClass = 'operation'): PendingFrame {
    return this.pair.a.send(frame, kind, outcome => this.outcomes.push(outcome))
  }
}

export function radioContract(name: string, makePair: () => RadioPair): void {
  describe(`radio contract: ${name}`, () => {
    const listen = (): Listener => new Listener(makePair())

    it('has a name, and carries frames of a length that is worth sending', () => {
      const { a } = makePair()
      expect(a.name).not.toBe('')
      expect(Number.isInteger(a.mtu)).toBe(true)
      expect(a.mtu).toBeGreaterThanOrEqual(20)
    })

    it('says that a longer frame takes longer, and never a shorter time', () => {
      const { a } = makePair()
      let beforeMs = 0
      for (let bytes = 1; bytes <= a.mtu; bytes++) {
        const airtimeMs = a.airtimeMs(bytes)
        expect(airtimeMs).toBeGreaterThanOrEqual(beforeMs)
        beforeMs = airtimeMs
      }
      expect(a.airtimeMs(1)).toBeGreaterThan(0)
      expect(a.airtimeMs(a.mtu)).toBeGreaterThan(a.airtimeMs(1))
    })

    it('has a budget at the beginning, within what the law leaves', () => {
      const { share, availableMs, windowMs } = makePair().a.budget()
      expect(share).toBeGreaterThan(0)
      expect(share).toBeLessThanOrEqual(1)
      expect(availableMs).toBeGreaterThan(0)
      if (windowMs > 0) expect(availableMs).toBeLessThanOrEqual(share * windowMs)
    })

    it.each([1, 20, 'mtu'] as const)('carries a frame of %s bytes as it is, to the other and not to itself', size => {
      const all = listen()
      const frame = Uint8Array.from({ length: size === 'mtu' ? all.pair.a.mtu : size }, (_, at) => (at * 7) & 0xff)
      all.send(frame)
      all.pair.settle()
      expect(all.outcomes).toEqual(['sent'])
      expect(all.heardByB).toEqual([frame])
      expect(all.heardByA).toEqual([])
    })

    it('sends what it was handed, whatever becomes of those bytes afterwards', () => {
      const all = listen()
      const frame = Uint8Array.of(1, 2, 3)
      all.send(frame)
      frame.fill(9)
      all.pair.settle()
      expect(all.heardByB).toEqual([Uint8Array.of(1, 2, 3)])
    })

    it('tells a hearer how strong the signal was', () => {
      const { a, b, settle } = makePair()
      const signals: number[] = []
      b.onFrame((_, { rssiDbm, snrDb }) => signals.push(rssiDbm, snrDb))
      a.send(Uint8Array.of(1), 'digest', () => {})
      settle()
      expect(signals).toHaveLength(2)
      expect(signals.every(Number.isFinite)).toBe(true)
    })

    it('calls done exactly once and never from within send, and not before the frame has left', () => {
      const { a, pass, settle } = makePair()
      const outcomes: Outcome[] = []
      const frame = new Uint8Array(a.mtu)
      a.send(frame, 'operation', outcome => outcomes.push(outcome))
      expect(outcomes).toEqual([])
      pass(Math.floor(a.airtimeMs(frame.length)) - 1)
      expect(outcomes).toEqual([])
      settle()
      settle()
      expect(outcomes).toEqual(['sent'])
    })

    it('takes the next frame as soon as done is called, from within it too', () => {
      const all = listen()
      const order: number[] = []
      const next = (first: number): void => {
        if (first > 5) return
        all.pair.a.send(Uint8Array.of(first), 'operation', () => {
          order.push(first)
          next(first + 1)
        })
      }
      next(1)
      for (let turn = 0; turn < 6; turn++) all.pair.settle()
      expect(order).toEqual([1, 2, 3, 4, 5])
      expect(all.heardByB.map(([first]) => first)).toEqual(order)
    })

    it('takes a frame back at once, tells done so in a turn of its own, and sends nothing', () => {
      const all = listen()
      const pending = all.send(Uint8Array.of(1))
      expect(pending.cancel()).toBe(true)
      expect(pending.cancel()).toBe(false)
      expect(all.outcomes).toEqual([])
      all.pair.settle()
      expect(all.outcomes).toEqual(['cancelled'])
      expect(all.heardByB).toEqual([])
      all.send(Uint8Array.of(2))
      all.pair.settle()
      expect(all.outcomes).toEqual(['cancelled', 'sent'])
      expect(all.heardByB).toEqual([Uint8Array.of(2)])
    })

    it('tells the truth about a frame that is to be taken back, whenever that is asked', () => {
      for (const afterMs of [1, 3, 10, 30, 60, 120, 250, 500, 1_000, 2_000]) {
        const all = listen()
        const pending = all.send(new Uint8Array(20))
        all.pair.pass(afterMs)
        const wasTaken = pending.cancel()
        all.pair.settle()
        expect(all.outcomes).toEqual([wasTaken ? 'cancelled' : 'sent'])
        expect(all.heardByB).toHaveLength(wasTaken ? 0 : 1)
      }
    })

    it('does not take back what has been sent', () => {
      const all = listen()
      const pending = all.send(Uint8Array.of(1))
      all.pair.settle()
      expect(pending.cancel()).toBe(false)
      all.pair.settle()
      expect(all.outcomes).toEqual(['sent'])
    })

    it('calls a second frame before done a defect of the caller, also after a cancel', () => {
      const all = listen()
      const pending = all.send(Uint8Array.of(1))
      expect(() => all.send(Uint8Array.of(2))).toThrow('one frame at a time')
      pending.cancel()
      expect(() => all.send(Uint8Array.of(3))).toThrow('one frame at a time')
      all.pair.settle()
      expect(all.outcomes).toEqual(['cancelled'])
    })

    it('drops what waits when it is closed, without a word', () => {
      const all = listen()
      const pending = all.send(Uint8Array.of(1))
      all.pair.a.close()
      expect(pending.cancel()).toBe(false)
      all.pair.settle()
      expect(all.outcomes).toEqual([])
      expect(all.heardByB).toEqual([])
    })

    it('neither hears nor sends once it is closed, and may be closed again', () => {
      const all = listen()
      const { a, b, settle } = all.pair
      a.close()
      a.close()
      for (const first of [1, 2]) expect(all.send(Uint8Array.of(first)).cancel()).toBe(false)
      b.send(Uint8Array.of(3), 'operation', () => {})
      settle()
      expect(all.outcomes).toEqual([])
      expect(all.heardByA).toEqual([])
      expect(all.heardByB).toEqual([])
    })
  })
}

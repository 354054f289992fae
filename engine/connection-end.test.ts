/**
 * Goal: the limits of a connection's ends hold at the figure and one past it, and a hostile or dead way harms neither.
 * Method: two ends joined by hand, parcels carried one at a time. What every transport promises stands in the contract.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Carrier, ConnectionEnd, MAX_STREAM_BYTES, MAX_STREAMS, type Parcel } from './connection-end.js'
import type { VerifyingKey } from './core/index.js'
import type { Stream } from './ports.js'
import { CREDIT_BYTES, DRAIN_BYTES } from './stream-end.js'

const ID = 'ab'.repeat(32) as VerifyingKey

class Wire {
  readonly #tasks: (() => void)[] = []
  readonly a: ConnectionEnd
  readonly b: ConnectionEnd

  constructor() {
    const carrier = (other: () => ConnectionEnd): Carrier => ({
      wake() {},
      consumed: (stream, bytes) => this.#tasks.push(() => other().credit(stream, bytes)),
      soon: callback => this.#tasks.push(callback),
    })
    this.a = new ConnectionEnd(
      carrier(() => this.b),
      ID,
      'initiator',
      'x',
    )
    this.b = new ConnectionEnd(
      carrier(() => this.a),
      ID,
      'acceptor',
      'x',
    )
  }

  /** Carries until nothing is left to carry. */
  settle(): void {
    for (;;) {
      const task = this.#tasks.shift()
      if (task !== undefined) {
        task()
        continue
      }
      const fromA = this.a.take(65_536)
      if (fromA !== null) this.b.put(fromA)
      const fromB = this.b.take(65_536)
      if (fromB !== null) this.a.put(fromB)
      if (fromA === null && fromB === null && this.#tasks.length === 0) return
    }
  }
}

function parcel(stream: number, more: Partial<Parcel> = {}): Parcel {
  return { type: 'stream', stream, kind: 'bi', bytes: Uint8Array.of(1), isLast: false, abort: null, ...more } as Parcel
}

describe('connection end', () => {
  it('says stop at the bound of a stream, and not one byte earlier', () => {
    const wire = new Wire()
    expect(wire.a.openBi().write(new Uint8Array(MAX_STREAM_BYTES - 1))).toBe(true)
    expect(wire.a.openBi().write(new Uint8Array(MAX_STREAM_BYTES))).toBe(false)
  })

  it('has no more in flight than the window, though it took more', () => {
    const wire = new Wire()
    wire.a.openBi().write(new Uint8Array(MAX_STREAM_BYTES + 1))
    let bytes = 0
    for (let taken = wire.a.take(65_536); taken !== null; taken = wire.a.take(65_536)) {
      if (taken.type === 'stream') bytes += taken.bytes.length
    }
    expect([bytes, wire.a.hasParcel]).toEqual([MAX_STREAM_BYTES, false])
    wire.a.credit(0, 1)
    expect(wire.a.take(65_536)).toMatchObject({ bytes: new Uint8Array(1) })
  })

  it('drains when half the bound is left, and not one byte earlier', () => {
    const wire = new Wire()
    const stream = wire.a.openBi()
    let drains = 0
    stream.onDrain(() => drains++)
    stream.write(new Uint8Array(MAX_STREAM_BYTES))
    while (wire.a.take(65_536) !== null);
    wire.a.credit(0, MAX_STREAM_BYTES - DRAIN_BYTES - 1)
    expect(drains).toBe(0)
    wire.a.credit(0, 1)
    wire.a.credit(0, 1)
    expect(drains).toBe(1)
  })

  it('tells the sender of what was read in lumps, so that short streams cost no word', () => {
    const told: number[] = []
    const carrier: Carrier = { wake() {}, consumed: (_, bytes) => told.push(bytes), soon() {} }
    const end = new ConnectionEnd(carrier, ID, 'acceptor', 'x')
    end.onStream(stream => stream.onData(() => {}))
    end.put(parcel(0, { bytes: new Uint8Array(CREDIT_BYTES - 1) }))
    expect(told).toEqual([])
    end.put(parcel(0))
    expect(told).toEqual([CREDIT_BYTES])
  })

  it('holds its owner to the limit of open streams, and lets finished ones make room', () => {
    const wire = new Wire()
    wire.b.onStream(stream => {
      stream.onData(() => {})
      stream.onEnd(() => stream.end())
    })
    const streams = Array.from({ length: MAX_STREAMS }, () => wire.a.openBi())
    expect(() => wire.a.openBi()).toThrow(/at most 256 streams/)
    streams[0]!.onData(() => {})
    streams[0]!.onEnd(() => {})
    streams[0]!.end()
    wire.settle()
    expect(() => wire.a.openBi()).not.toThrow()
  })

  it('refuses a stream too many of the remote, and goes on with the others', () => {
    const wire = new Wire()
    const met: Stream[] = []
    wire.b.onStream(stream => met.push(stream))
    for (let n = 0; n < MAX_STREAMS; n++) wire.b.put(parcel(2 * n))
    expect([met.length, wire.b.hasParcel]).toEqual([MAX_STREAMS, false])
    wire.b.put(parcel(2 * MAX_STREAMS))
    expect([met.length, wire.b.take(100)]).toMatchObject([MAX_STREAMS, { stream: 2 * MAX_STREAMS, abort: 0 }])
    expect(() => wire.b.openBi()).not.toThrow()
  })

  it('takes nothing for a stream that is over, nor for one that the remote may not number', () => {
    const wire = new Wire()
    let met = 0
    wire.b.onStream(() => met++)
    wire.b.put(parcel(4))
    wire.b.put(parcel(4, { abort: 1 }))
    wire.b.put(parcel(4))
    wire.b.put(parcel(3))
    expect(met).toBe(1)
    wire.b.put(parcel(2))
    wire.b.put(parcel(2, { abort: 1 }))
    wire.b.put(parcel(2))
    expect(met).toBe(2)
  })

  it('bounds what it remembers of numbers that were passed over', () => {
    const wire = new Wire()
    let met = 0
    wire.b.onStream(() => met++)
    for (let n = 1; n <= 1_000; n++) {
      wire.b.put(parcel(n * 100_000))
      wire.b.put(parcel(n * 100_000, { abort: 1 }))
    }
    wire.b.put(parcel(100_002))
    expect(met).toBe(1_000)
  })

  it('reads nothing on a uni stream that only it may write, and refuses to write on the other kind', () => {
    const wire = new Wire()
    const uni = wire.a.openUni()
    uni.onData(() => expect.unreachable())
    wire.a.put(parcel(0, { bytes: new Uint8Array(5) }))
    let acceptor: Stream | undefined
    wire.b.onStream(stream => {
      acceptor = stream
    })
    wire.b.put({ type: 'stream', stream: 0, kind: 'uni', bytes: new Uint8Array(1), isLast: false, abort: null })
    expect(() => acceptor!.write(new Uint8Array(1))).toThrow(/only its opener/)
  })

  it('calls a bug a bug: writing after the end', () => {
    const stream = new Wire().a.openBi()
    stream.end()
    expect(() => stream.write(new Uint8Array(1))).toThrow(/after end/)
  })

  it('tells a loss once, to streams first, and to handlers that come late', () => {
    const wire = new Wire()
    const told: string[] = []
    const stream = wire.a.openBi()
    stream.onAbort(code => told.push(`stream ${code}`))
    const late = wire.a.openBi()
    wire.a.lose()
    wire.a.lose()
    wire.a.onClose(code => told.push(`connection ${code}`))
    late.onAbort(code => told.push(`late ${code}`))
    expect(told).toEqual(['stream null'])
    wire.settle()
    expect(told).toEqual(['stream null', 'connection null', 'late null'])
    expect([wire.a.openBi().write(new Uint8Array(1)), wire.a.hasParcel]).toEqual([false, false])
  })

  it('sends nothing and says nothing once its process has died', () => {
    const wire = new Wire()
    const stream = wire.a.openBi()
    stream.onAbort(() => expect.unreachable())
    wire.a.onClose(() => expect.unreachable())
    stream.write(new Uint8Array(10))
    wire.a.die()
    wire.a.put(parcel(1))
    wire.a.put({ type: 'close', code: 1 })
    wire.a.lose()
    wire.settle()
    expect(wire.a.take(100)).toBeNull()
  })

  it('carries any sequence of writes, however it is cut, as the same bytes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 30 }),
        fc.integer({ min: 1, max: 500 }),
        (writes, cut) => {
          const wire = new Wire()
          const got: number[] = []
          let ends = 0
          wire.b.onStream(stream => {
            stream.onData(bytes => got.push(...bytes))
            stream.onEnd(() => ends++)
          })
          const stream = wire.a.openUni()
          for (const bytes of writes) stream.write(bytes)
          stream.end()
          for (let taken = wire.a.take(cut); taken !== null; taken = wire.a.take(cut)) wire.b.put(taken)
          expect([got, ends]).toEqual([writes.flatMap(bytes => [...bytes]), 1])
        },
      ),
    )
  })
})

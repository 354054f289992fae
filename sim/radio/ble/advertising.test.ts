/**
 * Goal: frames in BLE adverts reach those who listen on the right channel at the right time, near enough and undisturbed,
 * and nobody else; the books say what became of each.
 * Method: a few nodes on a line with round figures; each rule alone; then collisions against their closed form.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Radio, TraceFields } from '../../../engine/ports.js'
import { createKernel, type Kernel, WORLD } from '../../kernel/index.js'
import type { AirNode, Waypoint } from '../air.js'
import { type BleAdvertisingAir, type BleAdvertisingOptions, createBleAdvertising } from './advertising.js'
import { EDGE_SPEC } from './edge-spec.contract.js'
import { MAX_ADVERT_EVENTS } from './limits.js'
import type { BleSpec } from './spec.js'

const SPEC: BleSpec = {
  ...EDGE_SPEC,
  windowMs: 100,
}

function node(index: number, xM: number, move: readonly Waypoint[] = []): AirNode {
  return { node: index, name: `n${index}`, at: { xM, yM: 0 }, move, antenna: { gainDb: 0, heightM: 1 } }
}

class Bench {
  readonly kernel: Kernel
  readonly air: BleAdvertisingAir
  readonly radios: Radio[]
  /** What each node has heard, as the first byte of each frame and the millisecond. */
  readonly heard: { readonly first: number; readonly atMs: number; readonly length: number }[][]
  readonly outcomes: string[] = []

  constructor(
    places: readonly (number | AirNode)[],
    spec: Partial<BleSpec> = {},
    options: Partial<BleAdvertisingOptions> & { readonly seed?: number } = {},
  ) {
    this.kernel = createKernel({ seed: options.seed ?? 5 })
    const nodes = places.map((place, index) => (typeof place === 'number' ? node(index, place) : place))
    this.air = createBleAdvertising({ kernel: this.kernel, spec: { ...SPEC, ...spec }, nodes, ...options })
    this.heard = nodes.map(() => [])
    this.radios = nodes.map(({ node: index }) => this.attach(index))
  }

  attach(index: number): Radio {
    const radio = this.air.attach(index)
    radio.onFrame(frame => {
      this.heard[index]!.push({ first: frame[0]!, atMs: this.kernel.nowUs / 1_000, length: frame.length })
    })
    return radio
  }

  send(index: number, first = index, length = 20): ReturnType<Radio['send']> {
    const frame = new Uint8Array(length).fill(first)
    return this.radios[index]!.send(frame, 'operation', outcome => this.outcomes.push(`${first} ${outcome}`))
  }

  /** Sends one frame behind the other, as many as there are. */
  sendMany(index: number, count: number, length = 20): void {
    let sent = 0
    const next = (): void => {
      if (sent++ < count) this.radios[index]!.send(new Uint8Array(length).fill(index), 'operation', next)
    }
    next()
  }

  pass(ms: number): void {
    this.kernel.schedule(ms * 1_000, 'test', WORLD, () => {})
    this.kernel.run({ untilUs: this.kernel.nowUs + ms * 1_000 })
  }

  firsts(index: number): number[] {
    return this.heard[index]!.map(({ first }) => first)
  }
}

describe('BLE adverts', () => {
  it('carry 27 bytes in legacy packets and 247 in extended ones', () => {
    expect(new Bench([0], {}, { adverts: 'legacy' }).radios[0]!.mtu).toBe(27)
    expect(new Bench([0]).radios[0]!.mtu).toBe(247)
  })

  it('take, on the air, the packets of all repeats together', () => {
    // A legacy advert of 37 payload bytes is 376 us, on three channels.
    expect(new Bench([0], {}, { adverts: 'legacy', events: 4 }).radios[0]!.airtimeMs(27)).toBe((4 * 3 * 376) / 1_000)
    // A pointer of 7 payload bytes is 136 us on 1M; the frame with 8 bytes before it is a full packet.
    expect(new Bench([0], {}, { events: 1 }).radios[0]!.airtimeMs(247)).toBe((3 * 136 + 2_120) / 1_000)
    expect(new Bench([0], { phy: '2M' }, { events: 1 }).radios[0]!.airtimeMs(247)).toBe((3 * 136 + 1_064) / 1_000)
    expect(new Bench([0], { phy: 'coded' }, { events: 2 }).radios[0]!.airtimeMs(247)).toBe(
      (2 * (3 * 1_168 + 17_040)) / 1_000,
    )
  })

  it('are repeated until every phase of a scanner was met, within a bound', () => {
    const eventsOf = (spec: Partial<BleSpec>): number => {
      const once = new Bench([0], spec, { events: 1 }).radios[0]!.airtimeMs(10)
      return Math.round(new Bench([0], spec).radios[0]!.airtimeMs(10) / once)
    }
    expect(eventsOf({ windowMs: 100 })).toBe(1)
    expect(eventsOf({ windowMs: 90 })).toBe(3)
    expect(eventsOf({ windowMs: 30 })).toBe(15)
    expect(eventsOf({ intervalMs: 1_000, windowMs: 30 })).toBe(MAX_ADVERT_EVENTS)
  })

  it.each(['legacy', 'extended'] as const)('reach all in range once, and nobody else: %s', adverts => {
    const bench = new Bench([0, 20, 40, 2_000], {}, { adverts, events: 3 })
    bench.send(0, 7)
    bench.pass(2_000)
    expect([bench.firsts(0), bench.firsts(1), bench.firsts(2), bench.firsts(3)]).toEqual([[], [7], [7], []])
    expect(bench.outcomes).toEqual(['7 sent'])
    expect(bench.air.account()).toMatchObject({ frames: 1, bytes: 20, receptions: 2, unheard: 0 })
  })

  it('hand each hearer bytes of its own, and take a copy of what is sent', () => {
    const bench = new Bench([0, 10, 20])
    const got: Uint8Array[] = []
    for (const index of [1, 2]) bench.radios[index]!.onFrame(frame => got.push(frame))
    const frame = Uint8Array.of(1, 2, 3)
    bench.radios[0]!.send(frame, 'digest', () => {})
    frame[0] = 9
    bench.pass(1_000)
    got[0]![1] = 8
    expect(got).toEqual([Uint8Array.of(1, 8, 3), Uint8Array.of(1, 2, 3)])
  })

  it('tell how strong the signal was', () => {
    const bench = new Bench([0, 10])
    bench.radios[1]!.onFrame((_, { rssiDbm, snrDb }) => bench.outcomes.push(`${rssiDbm} ${snrDb.toFixed(2)}`))
    bench.send(0)
    bench.pass(1_000)
    // 40 dB at a metre, 25 a decade.
    expect(bench.outcomes).toContain('-65 44.59')
  })

  it('tell a trace what was sent, received and lost', () => {
    const told: string[] = []
    const trace = {
      event: (type: string, fields: TraceFields) => told.push(`${type} ${fields.from} ${fields.to} ${fields.cause}`),
    }
    const bench = new Bench([0, 10, 20], { loss: 1 }, { events: 1, trace })
    bench.send(0)
    bench.pass(1_000)
    const quiet = new Bench([0, 10], {}, { events: 1, trace })
    quiet.send(1)
    quiet.pass(1_000)
    expect(told).toEqual([
      'frame-sent n0 undefined undefined',
      'frame-lost n0 n1 random',
      'frame-lost n0 n2 random',
      'frame-received n1 n0 undefined',
      'frame-sent n1 undefined undefined',
    ])
  })

  it('follow each other at the interval and its delay', () => {
    const bench = new Bench([0, 10], {}, { events: 1 })
    bench.sendMany(0, 200)
    bench.pass(30_000)
    const moments = bench.heard[1]!.map(({ atMs }) => atMs)
    const gaps = moments.slice(1).map((atMs, at) => atMs - moments[at]!)
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(100)
    // A change of the scanner's channel may cost a frame now and then, so one gap in many is two long.
    const usual = gaps.filter(gap => gap < 150)
    expect(Math.max(...usual)).toBeLessThanOrEqual(110)
    expect(usual.length).toBeGreaterThan(180)
  })

  it('can be taken back until the first bit, and no later', () => {
    const bench = new Bench([0, 10], {}, { events: 2 })
    const early = bench.send(0, 1)
    expect(early.cancel()).toBe(true)
    expect(early.cancel()).toBe(false)
    expect(bench.outcomes).toEqual([])
    bench.pass(1)
    expect(bench.outcomes).toEqual(['1 cancelled'])
    const late = bench.send(0, 2)
    bench.pass(50)
    expect(late.cancel()).toBe(false)
    bench.pass(1_000)
    expect(bench.outcomes).toEqual(['1 cancelled', '2 sent'])
    expect(bench.firsts(1)).toEqual([2])
  })

  it('are taken one at a time, and none that is too long', () => {
    const bench = new Bench([0, 10], {}, { events: 1 })
    bench.send(0, 1, 247)
    expect(() => bench.send(0, 2)).toThrow('one frame at a time')
    bench.pass(1_000)
    expect(() => bench.send(0, 3, 248)).toThrow('at most 247 bytes')
    expect(bench.outcomes).toEqual(['1 sent'])
    expect(bench.radios[0]!.budget()).toEqual({ share: 1, availableMs: Infinity, windowMs: 0 })
  })

  it('end without a word when a radio is closed, and reach it no more', () => {
    const bench = new Bench([0, 10], {}, { events: 4 })
    const pending = bench.send(0, 1)
    bench.radios[0]!.close()
    bench.radios[0]!.close()
    expect(pending.cancel()).toBe(false)
    expect(bench.send(0, 2).cancel()).toBe(false)
    bench.send(1, 3)
    bench.pass(2_000)
    expect([bench.outcomes, bench.firsts(0), bench.firsts(1)]).toEqual([['3 sent'], [], []])
    expect(bench.air.account().frames).toBe(1)
  })

  it('cost no event while nobody sends', () => {
    const bench = new Bench([0, 10, 20])
    expect(bench.kernel.scheduled).toBe(0)
    bench.send(0)
    bench.kernel.run()
    // The start, the pointers, the packet itself, and what two hearers are told.
    expect(bench.kernel.events).toBe(5)
  })

  describe('scan windows', () => {
    it('catch about as large a share of single events as they are of the interval', () => {
      let heard = 0
      for (let seed = 0; seed < 200; seed++) {
        const bench = new Bench([0, 10], { windowMs: 30 }, { events: 1, seed })
        bench.send(0)
        bench.pass(500)
        heard += bench.heard[1]!.length
        expect(bench.air.account().unheard).toBe(1 - bench.heard[1]!.length)
      }
      expect(Math.abs(heard / 200 - 0.3)).toBeLessThan(0.1)
    })

    it('catch nearly all frames that are repeated for a sweep', () => {
      let heard = 0
      for (let seed = 0; seed < 120; seed++) {
        const bench = new Bench([0, 10], { windowMs: 30 }, { seed })
        bench.send(0)
        bench.pass(3_000)
        heard += bench.heard[1]!.length
      }
      expect(heard / 120).toBeGreaterThan(0.9)
    })
  })

  describe('collisions', () => {
    it.each([
      [10, 100, 0.062],
      [10, 20, 0.237],
      [100, 1_000, 0.071],
      [100, 100, 0.508],
    ])('of %i advertisers every %i ms destroy about the computed share', (senders, intervalMs, expected) => {
      // Neighbours drift past each other slowly and meet again and again, so one run says little.
      const shares = [1, 2, 3].map(seed => collisionShare(senders, intervalMs, seed))
      const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length
      expect(1 - Math.exp((-2 * (senders - 1) * 0.376) / (intervalMs + 5))).toBeCloseTo(expected, 2)
      expect(Math.abs(mean - expected)).toBeLessThan(0.005 + 0.03 * expected)
    })

    function collisionShare(senders: number, intervalMs: number, seed: number): number {
      // On a circle around the listener, so that all are equally strong there.
      const around = Array.from({ length: senders }, (_, index): AirNode => {
        const angle = (2 * Math.PI * index) / senders
        return { ...node(index, 0), at: { xM: 20 * Math.cos(angle), yM: 20 * Math.sin(angle) } }
      })
      const listener = senders
      const spec = { intervalMs, windowMs: intervalMs }
      const bench = new Bench([...around, node(listener, 0)], spec, { adverts: 'legacy', events: 1, seed })
      // The senders must not hear each other, or their own books would drown the listener's.
      bench.air.block((_, to) => to !== listener)
      const each = Math.ceil(10_000 / senders)
      // Advertisers begin at moments that have nothing to do with each other.
      const random = bench.kernel.random('test/starts')
      for (let index = 0; index < senders; index++) {
        bench.kernel.schedule(random.int(intervalMs * 1_000), 'test', index, () => bench.sendMany(index, each, 27))
      }
      bench.pass((each - 5) * (intervalMs + 5))
      const { receptions, losses } = bench.air.account()
      return losses.collision / (losses.collision + receptions)
    }

    it('spare a packet that is 13 dB stronger, and take one that is not', () => {
      const share = (nearM: number): number => {
        const bench = new Bench([nearM, -20, 0], { intervalMs: 20, windowMs: 20 }, { adverts: 'legacy', events: 1 })
        bench.air.block((_, to) => to !== 2)
        bench.sendMany(0, 2_000, 27)
        bench.sendMany(1, 2_000, 27)
        bench.pass(45_000)
        return bench.firsts(2).filter(first => first === 0).length
      }
      // 25 dB a decade: 13 dB are a factor of 3.31 in distance.
      const [captured, drowned] = [share(5.9), share(6.2)]
      expect(captured).toBeGreaterThan(drowned + 40)
    })
  })

  it('are not heard by a node that is sending itself', () => {
    const bench = new Bench([0, 10], { intervalMs: 20, windowMs: 20 }, { events: 1 })
    bench.sendMany(0, 500, 247)
    bench.sendMany(1, 500, 247)
    bench.pass(12_000)
    const { losses, receptions, unheard, frames } = bench.air.account()
    expect(losses.halfDuplex).toBeGreaterThan(50)
    expect(losses.collision).toBe(0)
    expect(receptions + losses.halfDuplex + losses.weak + losses.collision + unheard).toBe(frames)
  })

  it('break in the noise at the edge of the range', () => {
    // -97 dBm, where one legacy advert in eight is broken: 57 dB below a metre.
    const edgeM = 10 ** (57 / 25)
    const bench = new Bench([0, edgeM], {}, { adverts: 'legacy', events: 1 })
    bench.sendMany(0, 1_000, 27)
    bench.pass(110_000)
    const { losses, receptions } = bench.air.account()
    const rate = losses.weak / (losses.weak + receptions)
    expect(Math.abs(rate - 0.1262)).toBeLessThan(0.04)
    expect(bench.air.frameErrorRate(0, 1, 27)).toBeCloseTo(0.1262, 3)
    expect([bench.air.frameErrorRate(0, 1, 28), new Bench([0, 500]).air.frameErrorRate(0, 1, 1)]).toEqual([1, 1])
  })

  it('are lost at the rate of the scenario, once a frame and not once a packet', () => {
    const bench = new Bench([0, 10], { loss: 0.2, intervalMs: 20, windowMs: 20 }, { events: 3 })
    bench.sendMany(0, 500)
    bench.pass(60_000)
    const { losses, receptions } = bench.air.account()
    expect(Math.abs(losses.random / (losses.random + receptions) - 0.2)).toBeLessThan(0.05)
  })

  it('do not pass a block, in its direction, while it lasts', () => {
    const bench = new Bench([0, 10], {}, { events: 1 })
    const end = bench.air.block((from, to) => from === 0 && to === 1)
    bench.send(0)
    bench.pass(500)
    bench.send(1)
    bench.pass(500)
    end()
    bench.send(0, 5)
    bench.pass(500)
    expect([bench.firsts(0), bench.firsts(1)]).toEqual([[1], [5]])
  })

  it('follow nodes that walk and nodes that are moved', () => {
    const walker = node(1, 1_000, [{ atMs: 0, to: { xM: 0, yM: 0 }, speedMps: 10 }])
    const bench = new Bench([node(0, 0), walker], {}, { events: 1 })
    bench.send(0, 1)
    bench.pass(95_000)
    bench.send(0, 2)
    bench.pass(1_000)
    bench.air.place(1, { xM: 0, yM: 900 })
    bench.send(0, 3)
    bench.pass(1_000)
    bench.air.place(1, { xM: 0, yM: 9 })
    bench.send(0, 4)
    bench.pass(1_000)
    expect(bench.firsts(1)).toEqual([2, 4])
  })

  it('break off when the power goes, and a new boot hears and sends', () => {
    const bench = new Bench([0, 10], {}, { events: 1 })
    bench.send(0, 1, 247)
    // Somewhere in the middle of its one event: nothing else has happened by then.
    for (let n = 0; n < 2; n++) bench.kernel.run({ maxEvents: 1 })
    bench.air.detach(0)
    bench.pass(500)
    expect([bench.firsts(1), bench.outcomes]).toEqual([[], []])
    expect(bench.air.account()).toMatchObject({ frames: 1, receptions: 0, airtimeUs: 3 * 136 })
    bench.radios[0] = bench.attach(0)
    bench.sendMany(0, 3)
    bench.pass(1_000)
    bench.sendMany(1, 3)
    bench.pass(1_000)
    expect(bench.firsts(0)).toContain(1)
    expect(bench.firsts(1)).toContain(0)
  })

  it('repeat bit for bit, and a node far away shifts nothing', () => {
    const run = (places: readonly number[], seed: number): [string, string] => {
      const bench = new Bench(places, { windowMs: 30, loss: 0.1 }, { seed })
      for (const index of [0, 1, 2]) bench.sendMany(index, 5, 100)
      bench.pass(10_000)
      return [bench.kernel.fingerprint(), JSON.stringify(bench.heard.slice(0, 3))]
    }
    expect(run([0, 30, 60], 1)).toEqual(run([0, 30, 60], 1))
    expect(run([0, 30, 60], 1)[1]).not.toBe(run([0, 30, 60], 2)[1])
    expect(run([0, 30, 60, 50_000], 1)[1]).toBe(run([0, 30, 60], 1)[1])
  })

  it('come to something for every node that could have heard, whatever happens', () => {
    const traffic = fc.array(fc.tuple(fc.nat(3), fc.integer({ min: 1, max: 247 }), fc.nat(400)), { maxLength: 25 })
    fc.assert(
      fc.property(fc.nat(1_000), fc.constantFrom(30, 100), traffic, (seed, windowMs, sends) => {
        // All within reach of each other, so each frame has three nodes to come to something for.
        const bench = new Bench([0, 15, 30, 45], { windowMs, loss: 0.1, intervalMs: 100 }, { seed, events: 3 })
        const queues: (readonly number[])[] = [[], [], [], []]
        const isSending = [false, false, false, false]
        let done = 0
        const next = (index: number): void => {
          const [length, ...rest] = queues[index]!
          isSending[index] = length !== undefined
          queues[index] = rest
          if (length === undefined) return
          bench.radios[index]!.send(new Uint8Array(length), 'operation', () => {
            done++
            next(index)
          })
        }
        for (const [index, length, waitMs] of sends) {
          queues[index] = [...queues[index]!, length]
          if (!isSending[index]) next(index)
          bench.pass(waitMs)
        }
        bench.pass(30_000)
        const { frames, bytes, receptions, losses, unheard, airtimeUs, airtimeUsOf } = bench.air.account()
        const lost = losses.weak + losses.collision + losses.halfDuplex + losses.random
        expect([done, frames, bytes]).toEqual([
          sends.length,
          sends.length,
          sends.reduce((sum, [, length]) => sum + length, 0),
        ])
        expect(receptions + lost + unheard).toBe(3 * frames)
        expect(bench.heard.flat().length).toBe(receptions)
        const expectedMs = sends.reduce((sum, [index, length]) => sum + bench.radios[index]!.airtimeMs(length), 0)
        expect(airtimeUs).toBe(Math.round(expectedMs * 1_000))
        expect([...airtimeUsOf.values()].reduce((sum, us) => sum + us, 0)).toBe(airtimeUs)
      }),
      { numRuns: 40 },
    )
  })
})

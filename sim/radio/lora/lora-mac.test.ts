/**
 * Goal: LoRa radios take turns where they hear each other, and no transmitter is ever on the air for longer than the law
 * allows, nor waits for longer than the law asks.
 * Method: few nodes, starts read from the trace; windows counted anew here, over random traffic and random deaths too.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LORA_PRESETS } from '../../../scenarios/index.js'
import { AirBench, SPEC, SYMBOL_US } from './air-bench.contract.js'
import { noiseFloorDbm } from './noise.js'

const HOUR_US = 3_600_000_000
/** Of LONG_FAST: two and a half symbols and what processing takes. */
const SLOT_US = 28_080
const TURNAROUND_US = 1_000

interface Stay {
  readonly startUs: number
  readonly endUs: number
}

/** The most that any window of an hour holds: some fullest one ends where a stay ends or begins where one begins. */
function fullestUs(stays: readonly Stay[]): number {
  const heldUs = (fromUs: number): number =>
    stays.reduce(
      (sumUs, { startUs, endUs }) => sumUs + Math.max(0, Math.min(endUs, fromUs + HOUR_US) - Math.max(startUs, fromUs)),
      0,
    )
  return Math.max(0, ...stays.flatMap(({ startUs, endUs }) => [heldUs(startUs), heldUs(endUs - HOUR_US)]))
}

describe('carrier sense', () => {
  it('waits a number of slots and the turnaround before each frame', () => {
    const bench = new AirBench([{}, {}], {}, { mac: 'csma' })
    const backOffs: number[] = []
    for (let round = 0; round < 300; round++) {
      const fromUs = bench.kernel.nowUs
      bench.send(0)
      bench.end()
      backOffs.push((bench.stays().at(-1)!.startUs - fromUs - TURNAROUND_US) / SLOT_US)
    }
    expect(new Set(backOffs)).toEqual(new Set(Array.from({ length: 16 }, (_, slots) => slots)))
  })

  it('lets nodes in range of each other take turns, where without it hardly a frame arrives', () => {
    const shares = (['csma', 'aloha'] as const).map(mac => {
      const bench = new AirBench(new Array(6).fill({}), {}, { mac })
      for (const index of bench.radios.keys()) bench.sendMany(index, 40, 100)
      bench.end()
      const { frames, receptions } = bench.air.account()
      expect(frames).toBe(240)
      return receptions / (240 * 5)
    })
    expect(shares[0]).toBeGreaterThan(0.75)
    expect(shares[1]).toBeLessThan(0.05)
  })

  it('lets nobody who heard a preamble begin before the end of its frame', () => {
    const bench = new AirBench(new Array(6).fill({}), {}, { mac: 'csma' })
    for (const index of bench.radios.keys()) bench.sendMany(index, 40, 100)
    bench.end()
    const stays = bench.stays()
    for (const [at, { startUs, endUs }] of stays.entries()) {
      for (const later of stays.slice(at + 1, at + 7)) {
        const wasDeaf = stays.some(own => own.at === later.at && own.startUs <= startUs && own.endUs + 5_000 > startUs)
        if (later.startUs >= endUs || wasDeaf) continue
        expect(later.startUs - startUs).toBeLessThanOrEqual(6 * SYMBOL_US + TURNAROUND_US)
      }
    }
  })

  it('does not know of a frame that is too weak to be detected', () => {
    const bench = new AirBench([{}, {}], { powerDbm: noiseFloorDbm(SPEC.bandwidthHz) - 18 }, { mac: 'csma' })
    let overlaps = 0
    for (let round = 0; round < 50; round++) {
      bench.send(0, 0, 255)
      bench.send(1, 500_000, 20)
      bench.end()
      const [first, second] = bench.stays().slice(-2)
      if (second!.startUs < first!.endUs) overlaps++
    }
    expect(overlaps).toBe(50)
  })

  it('misses one strong preamble in twenty', () => {
    const bench = new AirBench([{}, {}], {}, { mac: 'csma' })
    let [asked, missed] = [0, 0]
    for (let round = 0; round < 3_000; round++) {
      const fromUs = bench.kernel.nowUs
      bench.send(0)
      bench.send(1)
      bench.end()
      const [first, second] = bench.stays().slice(-2)
      // One slot apart is before the lock, where a detection alone can tell; a retry comes later.
      if (second!.startUs - first!.startUs === SLOT_US) missed++
      expect(first!.startUs).toBeGreaterThanOrEqual(fromUs)
      asked++
    }
    // Of two draws among 16 slots, 30 in 256 lie one apart.
    const expected = asked * (30 / 256) * 0.05
    expect(Math.abs(missed - expected)).toBeLessThan(3 * Math.sqrt(expected))
  })
})

describe('the duty cycle', () => {
  it.each([
    ['EU868-P', 869_525_000, 0.1],
    ['EU868-M', 868_300_000, 0.01],
  ] as const)('of %s is used to the last microsecond, and released at the first', (region, frequencyHz, share) => {
    const bench = new AirBench([{}, {}], { region, frequencyHz })
    const airtimeUs = bench.air.airtimeUs(255)
    const limitUs = share * HOUR_US
    const atOnce = Math.floor(limitUs / airtimeUs)
    bench.sendMany(0, 3 * atOnce, 255)
    bench.end()
    const stays = bench.stays()
    expect(stays).toHaveLength(3 * atOnce)
    expect(stays[atOnce - 1]!.endUs).toBe(atOnce * airtimeUs)
    // The next frame would end with a window that is full: an hour after the moment that leaves no more than the rest.
    const spareUs = limitUs - atOnce * airtimeUs
    expect(stays[atOnce]!.endUs).toBe(HOUR_US + airtimeUs - spareUs)
    expect(fullestUs(stays)).toBe(limitUs)
    expect(bench.air.account().maxDutyCycle).toBe(share)
    expect(bench.air.share).toBe(share)
    expect(bench.heard[1]).toHaveLength(3 * atOnce)
  })

  it('says which frames it holds and until when, once for each', () => {
    const bench = new AirBench([{}, {}], { region: 'EU868-M', frequencyHz: 868_300_000 })
    const atOnce = Math.floor((0.01 * HOUR_US) / bench.air.airtimeUs(255))
    bench.sendMany(0, atOnce + 1, 255)
    bench.end()
    const [held, ...more] = bench.of('frame-held')
    expect(more).toEqual([])
    expect(held!.fields).toMatchObject({ at: 'n0', kind: 'operation', untilUs: bench.stays().at(-1)!.startUs })
    expect(bench.air.account().losses.dutyCycleHeld).toBe(1)
  })

  it('tells what is left of it', () => {
    const bench = new AirBench([{}, {}], { region: 'EU868-M', frequencyHz: 868_300_000 })
    const [radio] = bench.radios
    expect(radio!.budget()).toEqual({ share: 0.01, availableMs: 36_000, windowMs: 3_600_000 })
    bench.send(0, 0, 255)
    bench.end()
    expect(radio!.budget().availableMs).toBe(36_000 - radio!.airtimeMs(255))
    bench.pass(3_600_000)
    expect(radio!.budget().availableMs).toBe(36_000)
    const free = new AirBench([{}])
    expect(free.radios[0]!.budget()).toEqual({ share: 1, availableMs: Infinity, windowMs: 0 })
  })

  it('holds across a restart, and counts a frame that broke off for as long as it was on the air', () => {
    const bench = new AirBench([{}, {}], { region: 'EU868-M', frequencyHz: 868_300_000 })
    bench.send(0, 0, 255)
    bench.pass(1_000)
    bench.air.detach(0)
    bench.reattach(0)
    expect(bench.radios[0]!.budget().availableMs).toBe(35_000)
    bench.sendMany(0, 17, 255)
    bench.end()
    const airtimeUs = bench.air.airtimeUs(255)
    const [broken, ...whole] = bench.stays()
    const stays = [{ startUs: broken!.startUs, endUs: 1_000_000 }, ...whole]
    expect(whole.filter(({ endUs }) => endUs <= HOUR_US)).toHaveLength(Math.floor(35_000_000 / airtimeUs))
    expect(fullestUs(stays)).toBe(36_000_000)
  })

  it('can be cancelled out of', () => {
    const bench = new AirBench([{}, {}], { region: 'EU868-M', frequencyHz: 868_300_000 })
    bench.sendMany(0, 16, 255)
    bench.pass(60_000)
    const pending = bench.radios[0]!.send(new Uint8Array(255), 'repair', outcome => bench.outcomes.push(outcome))
    bench.pass(60_000)
    expect(pending.cancel()).toBe(true)
    bench.end()
    expect(bench.outcomes).toEqual(['cancelled'])
    expect(bench.stays()).toHaveLength(16)
  })

  it('is kept in every window, whoever sends what and dies when', () => {
    const step = fc.record({
      node: fc.nat(2),
      waitMs: fc.oneof(fc.nat(2_000), fc.nat(400_000)),
      frames: fc.nat(20),
      bytes: fc.integer({ min: 1, max: 255 }),
      dies: fc.nat(5).map(chance => chance === 0),
    })
    const world = fc.record({
      isNarrow: fc.boolean(),
      mac: fc.constantFrom('csma' as const, 'aloha' as const),
      preset: fc.constantFrom('LONG_FAST' as const, 'LONG_SLOW' as const),
      steps: fc.array(step, { minLength: 5, maxLength: 40 }),
    })
    fc.assert(
      fc.property(world, ({ isNarrow, mac, preset, steps }) => {
        const share = isNarrow ? 0.01 : 0.1
        const band = isNarrow
          ? ({ region: 'EU868-M', frequencyHz: 868_300_000 } as const)
          : ({ region: 'EU868-P', frequencyHz: 869_525_000 } as const)
        const bench = new AirBench([{}, {}, {}], { ...LORA_PRESETS[preset], ...band }, { mac })
        const deaths: { readonly at: string; readonly atUs: number }[] = []
        const queues = [0, 1, 2].map(() => ({ left: 0, isBusy: false }))
        const pump = (node: number, bytes: number): void => {
          const queue = queues[node]!
          if (queue.isBusy || queue.left === 0) return
          queue.left--
          queue.isBusy = true
          bench.radios[node]!.send(new Uint8Array(bytes), 'operation', () => {
            queue.isBusy = false
            pump(node, bytes)
          })
        }
        for (const { node, waitMs, frames, bytes, dies } of steps) {
          bench.pass(waitMs)
          if (dies) {
            bench.air.detach(node)
            deaths.push({ at: `n${node}`, atUs: bench.kernel.nowUs })
            bench.reattach(node)
            queues[node] = { left: 0, isBusy: false }
          }
          queues[node]!.left += frames
          pump(node, bytes)
        }
        bench.pass(7_200_000)
        for (const at of ['n0', 'n1', 'n2']) {
          const stays = bench
            .stays()
            .filter(stay => stay.at === at)
            .map(({ startUs, endUs }) => ({
              startUs,
              endUs: Math.min(endUs, ...deaths.filter(d => d.at === at && d.atUs >= startUs).map(({ atUs }) => atUs)),
            }))
          expect(fullestUs(stays)).toBeLessThanOrEqual(share * HOUR_US)
        }
      }),
      { numRuns: 40 },
    )
  })
})

describe('the longest stay of US915', () => {
  it.each([
    ['LONG_MODERATE', 20, 'failed'],
    ['LONG_FAST', 200, 'failed'],
    ['SHORT_FAST', 200, 'sent'],
    ['LONG_TURBO', 200, 'sent'],
  ] as const)('on %s with %s bytes: %s', (preset, bytes, outcome) => {
    // LONG_TURBO is 500 kHz wide, where a frame may last as long as it likes.
    const bench = new AirBench([{}, {}], { ...LORA_PRESETS[preset], region: 'US915', frequencyHz: 906_875_000 })
    bench.send(0, 0, bytes)
    bench.end()
    expect(bench.outcomes).toEqual([`0 ${outcome}`])
    expect(bench.stays()).toHaveLength(outcome === 'sent' ? 1 : 0)
  })
})

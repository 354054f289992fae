/**
 * Goal: over whole runs the LoRa air loses what theory says, and accounts for every frame at every node that could hear it.
 * Method: ALOHA traffic of equal levels against its closed form; random traffic against the sum of the books.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AirBench, SPEC, SYMBOL_US } from './air-bench.contract.js'
import { noiseFloorDbm } from './noise.js'

const MEAN_GAP_US = 100_000_000
const FRAMES = 20_000

/** The share of the frames that a gateway hears when so many others send at random and nobody listens first. */
function delivered(senders: number, profile: 'physical' | 'lorasim'): number {
  const bench = new AirBench(new Array(senders + 1).fill({}), { profile })
  // The gateway alone is of interest, and it never sends.
  bench.air.block((_, to) => to !== senders)
  let left = FRAMES
  for (let node = 0; node < senders; node++) {
    const random = bench.kernel.random(`gaps/${node}`)
    const next = (): void => {
      const gapUs = Math.round(-Math.log(1 - random.float()) * MEAN_GAP_US)
      bench.kernel.schedule(gapUs, 'test/next', node, () => {
        if (left-- > 0) bench.radios[node]!.send(new Uint8Array(20), 'operation', next)
      })
    }
    next()
  }
  bench.end()
  expect(bench.air.account().frames).toBe(FRAMES)
  return bench.air.account().receptions / FRAMES
}

describe('ALOHA', () => {
  const airtimeUs = new AirBench([{}]).air.airtimeUs(20)

  it.each([10, 50, 150])('of %s nodes delivers what its closed form says', senders => {
    const meanPeriodUs = MEAN_GAP_US + airtimeUs
    const closedForm = (vulnerableUs: number): number => Math.exp((-(senders - 1) * vulnerableUs) / meanPeriodUs)
    // A frame is lost to each that begins within it, and to each that ends in it after its first spare symbols.
    expect(Math.abs(delivered(senders, 'physical') - closedForm(2 * airtimeUs - 10 * SYMBOL_US))).toBeLessThan(0.01)
    // LoRaSim spares both in that case.
    expect(Math.abs(delivered(senders, 'lorasim') - closedForm(2 * airtimeUs - 22 * SYMBOL_US))).toBeLessThan(0.01)
  })
})

describe('the books', () => {
  it('hold each frame once for each neighbour, whatever became of it', () => {
    const traffic = fc.array(
      fc.record({ node: fc.nat(4), atMs: fc.nat(20_000), bytes: fc.integer({ min: 1, max: 255 }) }),
      { maxLength: 40 },
    )
    const world = fc.record({
      traffic,
      mac: fc.constantFrom('csma' as const, 'aloha' as const),
      profile: fc.constantFrom('physical' as const, 'lorasim' as const, 'meshtasticator' as const),
      loss: fc.constantFrom(0, 0.3, 1),
      snrDb: fc.constantFrom(-18, -10, 20),
      gains: fc.tuple(fc.nat(8), fc.nat(8), fc.nat(8), fc.nat(8), fc.nat(8)),
    })
    fc.assert(
      fc.property(world, ({ traffic, mac, profile, loss, snrDb, gains }) => {
        const powerDbm = noiseFloorDbm(SPEC.bandwidthHz) + snrDb
        const bench = new AirBench(
          gains.map(gainDb => ({ gainDb: gainDb / 2 })),
          { profile, loss, powerDbm },
          { mac },
        )
        const queues = gains.map((): { readonly atMs: number; readonly bytes: number }[] => [])
        for (const { node, ...frame } of traffic) queues[node]!.push(frame)
        for (const [node, queue] of queues.entries()) {
          const next = (): void => {
            const frame = queue.shift()
            if (frame) bench.radios[node]!.send(new Uint8Array(frame.bytes), 'operation', later)
          }
          const later = (): void => {
            const waitUs = Math.max(0, (queue[0]?.atMs ?? 0) * 1_000 - bench.kernel.nowUs)
            bench.kernel.schedule(waitUs, 'test/next', node, next)
          }
          queue.sort((left, right) => left.atMs - right.atMs)
          later()
        }
        bench.end()
        const { frames, bytes, receptions, losses, airtimeUsOf, airtimeUs } = bench.air.account()
        const { weak, collision, halfDuplex, random } = losses
        expect(frames).toBe(traffic.length)
        expect(bytes).toBe(traffic.reduce((sum, frame) => sum + frame.bytes, 0))
        expect(receptions + weak + collision + halfDuplex + random).toBe(frames * 4)
        expect(receptions).toBe(bench.heard.flat().length)
        expect([...airtimeUsOf.values()].reduce((sum, us) => sum + us, 0)).toBe(airtimeUs)
        if (profile !== 'physical' && snrDb >= -10) expect(weak).toBe(0)
        if (loss === 1) expect(receptions).toBe(0)
      }),
      { numRuns: 60 },
    )
  })
})

/**
 * Goal: a connection carries what its interval, its packets and its neighbours leave room for; broken packets cost an
 * event each; a silent one costs nothing.
 * Method: bytes handed over as a network does, on a kernel without anything else; the ceilings of notifications as
 * expectation.
 */

import { describe, expect, it } from 'vitest'
import { createKernel } from '../../kernel/index.js'
import { ConnectionBooks } from './connection-books.js'
import { ConnectionEvents, type ConnectionTraits } from './connection-events.js'
import { SUPERVISION_TIMEOUT_MS } from './limits.js'
import type { BlePhy } from './pdu.js'
import { notificationBps } from './throughput.js'

const VALUE_BYTES = 244

function events(traits: Partial<ConnectionTraits> = {}) {
  const kernel = createKernel({ seed: 2 })
  const books = new ConnectionBooks([0, 1])
  const stuck: number[] = []
  const connection = new ConnectionEvents({
    kernel,
    books,
    random: kernel.random('test'),
    phy: '1M',
    intervalUs: 30_000,
    ends: [0, 1],
    loss: 0,
    errorRate: () => 0,
    sharing: () => 1,
    stuck: atUs => stuck.push(atUs),
    ...traits,
  })
  return { kernel, connection, books, stuck }
}

/** Keeps a direction busy for a while and says how many bits a second were through by then. */
function throughputBps(traits: Partial<ConnectionTraits>, seconds: number, sides: readonly (0 | 1)[] = [0]): number[] {
  const { kernel, connection } = events(traits)
  const through = [0, 0]
  for (const side of sides) {
    const pace = connection.paces[side]
    const go = (): void => {
      const bytes = pace.chunkBytes
      const { freeAtUs, arriveUs } = pace.transmit(bytes)
      if (arriveUs <= seconds * 1_000_000) through[side]! += bytes * 8
      kernel.schedule(freeAtUs - kernel.nowUs, 'test', side, go)
    }
    kernel.schedule(0, 'test', side, go)
  }
  kernel.run({ untilUs: seconds * 1_000_000 })
  return sides.map(side => through[side]! / seconds)
}

describe('connection events', () => {
  it.each([
    ['1M', 7.5],
    ['1M', 30],
    ['1M', 50],
    ['2M', 7.5],
    ['2M', 30],
    ['S=2', 15],
    ['S=8', 30],
    ['S=8', 50],
  ] as [BlePhy, number][])('on %s every %d ms carry what notifications can', (phy, intervalMs) => {
    const [bps] = throughputBps({ phy, intervalUs: intervalMs * 1_000 }, 20)
    const ceiling = notificationBps({ phy, mtu: 247, linkBytes: 251 }, intervalMs)
    expect(bps! / ceiling).toBeGreaterThan(0.99)
    expect(bps! / ceiling).toBeLessThanOrEqual(1)
  })

  it('give both directions together more than one, and neither more than alone', () => {
    const [alone] = throughputBps({}, 10)
    const both = throughputBps({}, 10, [0, 1])
    for (const bps of both) expect(bps).toBeLessThanOrEqual(alone!)
    // A packet with data in place of an empty answer: 4,476 us for two values instead of 2,468 for one.
    expect((both[0]! + both[1]!) / alone!).toBeGreaterThan(1)
    expect((both[0]! + both[1]!) / alone!).toBeLessThan((2 * 2_468) / 4_476)
  })

  it('share the radio of a node among its connections', () => {
    const [alone] = throughputBps({}, 20)
    const [third] = throughputBps({ sharing: () => 3 }, 20)
    expect(third! / alone!).toBeCloseTo(1 / 3, 2)
  })

  it('leave out events where not even one exchange fits into a share', () => {
    // Coded, an exchange takes 17.8 of 30 ms: with six connections each has one in four events.
    const [bps] = throughputBps({ phy: 'S=8', sharing: () => 6 }, 20)
    expect(bps! / ((VALUE_BYTES * 8) / 0.12)).toBeCloseTo(1, 1)
  })

  it('let a first word wait for the next event, and no longer', () => {
    const { kernel, connection } = events()
    kernel.schedule(45_000, 'test', 0, () => {
      // Events are at 30, 60, 90 ms; one value of 10 bytes is a packet of 17.
      expect(connection.paces[0].transmit(10)).toEqual({ freeAtUs: 60_000 + 596, arriveUs: 60_000 + 216, again: 0 })
      // The peripheral's goes out in the same exchange, in place of its empty packet.
      expect(connection.paces[1].transmit(10).arriveUs).toBe(60_000 + 216 + 150 + 216)
    })
    kernel.run()
  })

  it('send a broken packet again in the next event', () => {
    let left = 3
    const { kernel, connection, books } = events({ errorRate: () => (left-- > 0 ? 1 : 0) })
    kernel.schedule(10_000, 'test', 0, () => {
      expect(connection.paces[0].transmit(244)).toMatchObject({ arriveUs: 120_000 + 2_088, again: 3 })
    })
    kernel.run()
    expect(books.close(kernel.nowUs)).toMatchObject({ frames: 4, receptions: 1, losses: { weak: 3 } })
  })

  it('count what the scenario loses apart from what is too weak', () => {
    const { connection, books } = events({ loss: 0.2, errorRate: () => 0.1 })
    for (let n = 0; n < 200; n++) connection.paces[0].transmit(2_440)
    const { frames, receptions, losses, airtimeUs } = books.close(1)
    expect(receptions).toBe(2_000)
    expect(frames).toBe(receptions + losses.weak + losses.random)
    expect(Math.abs(losses.weak / frames - 0.1)).toBeLessThan(0.02)
    expect(Math.abs(losses.random / frames - 0.18)).toBeLessThan(0.02)
    expect(airtimeUs).toBe(frames * 2_088)
  })

  it('say when nothing gets through for as long as the supervision timeout', () => {
    const { connection, stuck } = events({ errorRate: () => 1 })
    const { arriveUs } = connection.paces[0].transmit(100)
    expect(stuck.length).toBe(1)
    expect(stuck[0]).toBeGreaterThanOrEqual(SUPERVISION_TIMEOUT_MS * 1_000)
    expect(stuck[0]).toBeLessThan(SUPERVISION_TIMEOUT_MS * 1_000 + 60_000)
    expect(arriveUs).toBeGreaterThan(stuck[0]!)
  })
})

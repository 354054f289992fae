/**
 * Goal: a connection carries as much as the specification leaves room for, and no more.
 * Method: the ceilings of notifications for six shapes at four intervals and without intervals, kbit/s.
 */

import { describe, expect, it } from 'vitest'
import { notificationBps, notificationUs } from './throughput.js'

describe('the ceiling of notifications', () => {
  it.each([
    ['1M', 23, 27, 676, [234.7, 234.7, 234.7, 233.6, 236.7]],
    ['1M', 247, 27, 6_608, [260.3, 260.3, 260.3, 273.3, 295.4]],
    ['1M', 247, 251, 2_468, [780.8, 780.8, 780.8, 780.8, 790.9]],
    ['2M', 247, 251, 1_392, [1301.3, 1301.3, 1366.4, 1366.4, 1402.3]],
    ['S=2', 247, 251, 5_240, [260.3, 260.3, 325.3, 351.4, 372.5]],
    ['S=8', 247, 251, 17_804, [0, 0, 65.1, 78.1, 109.6]],
  ] as const)('%s, MTU %i over packets of %i bytes', (phy, mtu, linkBytes, us, kbps) => {
    const shape = { phy, mtu, linkBytes }
    expect(notificationUs(shape)).toBe(us)
    const rates = [7.5, 15, 30, 50, null].map(intervalMs => notificationBps(shape, intervalMs) / 1_000)
    for (const [at, rate] of rates.entries()) expect(Math.abs(rate - kbps[at]!)).toBeLessThan(0.06)
  })
})

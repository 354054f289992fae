/**
 * Goal: chance has the lengths and ranges that the Random port names and never hands out the same bytes twice.
 * Method: lengths at the limits of the block and of Web Crypto and one past them; many draws checked for their range.
 */

import { describe, expect, it } from 'vitest'
import { bytesToHex } from '../core/index.js'
import { systemRandom } from './system-random.js'

describe('system random', () => {
  it.each([0, 1, 32, 4_095, 4_096, 4_097, 65_536, 65_537])('gives %i bytes', length => {
    const bytes = systemRandom().bytes(length)
    expect(bytes.length).toBe(length)
    if (length >= 32) expect(bytes.subarray(-32).some(byte => byte !== 0)).toBe(true)
  })

  it('repeats nothing over many blocks', () => {
    const random = systemRandom()
    const seen = new Set<string>()
    for (let n = 0; n < 2_000; n++) seen.add(bytesToHex(random.bytes(16)))
    expect(seen.size).toBe(2_000)
  })

  it('draws floats from 0 up to 1, all over the range', () => {
    const random = systemRandom()
    const tenths = new Array<number>(10).fill(0)
    for (let n = 0; n < 10_000; n++) {
      const value = random.float()
      expect(value >= 0 && value < 1).toBe(true)
      tenths[Math.floor(value * 10)]!++
    }
    // 1,000 expected in each; the chance of fewer than 800 is below 1e-10.
    for (const count of tenths) expect(count).toBeGreaterThan(800)
  })
})

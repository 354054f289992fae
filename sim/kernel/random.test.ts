/**
 * Goal: the named streams have the shapes that their names promise and are the same on every machine.
 * Method: golden values; moments of many draws; limits and one past them.
 */

import { describe, expect, it } from 'vitest'
import { bytesToHex } from '../../engine/core/index.js'
import { createSeedTree } from './random.js'

describe('named chance', () => {
  it('gives the same values on every machine', () => {
    const random = createSeedTree(7)('golden')
    expect([random.float(), random.int(1_000), random.normal(), bytesToHex(random.bytes(7))]).toEqual([
      0.7966137183475123,
      978,
      -1.181595802307129,
      '90b369a8932acd',
    ])
  })

  it('draws integers over the whole range, evenly', () => {
    const random = createSeedTree(1)('ints')
    const counts = new Array<number>(6).fill(0)
    for (let n = 0; n < 60_000; n++) counts[random.int(6)]!++
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500)
  })

  it.each([1, 2 ** 32])('takes a range of %i', n => {
    const drawn = createSeedTree(1)('limit').int(n)
    expect(drawn >= 0 && drawn < n && Number.isInteger(drawn)).toBe(true)
  })

  it.each([0, -1, 1.5, 2 ** 32 + 1, Number.NaN])('refuses a range of %d', n => {
    expect(() => createSeedTree(1)('limit').int(n)).toThrow(/between 1 and 2\^32/)
  })

  it('draws normal values with mean 0 and deviation 1, on the grid of 2^-20', () => {
    const random = createSeedTree(1)('normal')
    let sum = 0
    let squares = 0
    for (let n = 0; n < 50_000; n++) {
      const value = random.normal()
      expect(Number.isInteger(value * 2 ** 20)).toBe(true)
      sum += value
      squares += value * value
    }
    expect(Math.abs(sum / 50_000)).toBeLessThan(0.02)
    expect(Math.abs(squares / 50_000 - 1)).toBeLessThan(0.03)
  })

  it.each([0, 1, 3, 4, 33])('gives %i bytes', length => {
    expect(createSeedTree(1)('bytes').bytes(length).length).toBe(length)
  })

  it('tells apart seeds and names that read alike', () => {
    const first = (seed: number, name: string): number => createSeedTree(seed)(name).float()
    const drawn = [first(1, 'a'), first(1, 'b'), first(11, 'a'), first(1, '1/a'), first(1, 'aa')]
    expect(new Set(drawn).size).toBe(5)
  })
})

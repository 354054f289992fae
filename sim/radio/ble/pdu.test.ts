/**
 * Goal: the time on air of a packet is that of the specification on every PHY.
 * Method: published and recomputed values for packets that are empty, full, and as adverts carry them.
 */

import { describe, expect, it } from 'vitest'
import { type BlePhy, MAX_PDU_BYTES, pairUs, pduAirtimeUs } from './pdu.js'

const PHYS: readonly BlePhy[] = ['1M', '2M', 'S=2', 'S=8']

describe('time on air of a BLE packet', () => {
  it.each([
    [0, 80, 44, 462, 720],
    [27, 296, 152, 894, 2_448],
    [37, 376, 192, 1_054, 3_088],
    [251, 2_088, 1_048, 4_478, 16_784],
    [255, 2_120, 1_064, 4_542, 17_040],
  ])('with %i bytes', (bytes, ...expectedUs) => {
    expect(PHYS.map(phy => pduAirtimeUs(phy, bytes))).toEqual(expectedUs)
  })

  it.each([
    ['1M', 27, 676],
    ['1M', 251, 2_468],
    ['2M', 251, 1_392],
    ['S=2', 251, 5_240],
    ['S=8', 251, 17_804],
  ] as const)('of a packet and its empty answer on %s with %i bytes is %i us', (phy, bytes, expectedUs) => {
    expect(pairUs(phy, bytes)).toBe(expectedUs)
  })

  it.each([-1, 0.5, MAX_PDU_BYTES + 1])('refuses %d bytes', bytes => {
    expect(() => pduAirtimeUs('1M', bytes)).toThrow('0 to 255')
  })
})

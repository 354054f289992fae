/**
 * Goal: frames of direct gossip have one form and a known one, and a badge tells nothing to who does not know its topic.
 * Method: golden bytes, round trips, random bytes.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesToHex, hexToBytes, isThicketError, type Topic, type VerifyingKey } from '../core/index.js'
import { badgeOf, decodeGossip, encodeGossip, gossipProtocolId, maxFrameBytes } from './wire.js'

const TOPIC = '07'.repeat(32) as Topic
const [ANNA, BEN] = ['01'.repeat(32), '02'.repeat(32)] as [VerifyingKey, VerifyingKey]
const badge = hexToBytes('ab'.repeat(32))

describe('golden bytes', () => {
  it('protocol id and badge', () => {
    expect(gossipProtocolId(new Uint8Array(32))).toBe(
      '/p2panda/7a31c18a43b45082381cab9156acd74026ecd6b006142a09abe67a9b99eb0be6',
    )
    expect(badgeOf(TOPIC, ANNA, BEN)).toBe('f2a3164a18c15ce6bc7583644371ba5cd74598a144299b61c3e9fffdba4d25fd')
  })

  it('join, leave, message', () => {
    expect(bytesToHex(encodeGossip('join', badge))).toBe(`00${'ab'.repeat(32)}`)
    expect(bytesToHex(encodeGossip('leave', badge))).toBe(`01${'ab'.repeat(32)}`)
    expect(bytesToHex(encodeGossip('message', badge, Uint8Array.of(1, 2, 3)))).toBe(`02${'ab'.repeat(32)}03010203`)
  })
})

it('a badge is another one in the other direction, for another topic, and for another pair', () => {
  const other = '08'.repeat(32) as Topic
  const badges = [
    badgeOf(TOPIC, ANNA, BEN),
    badgeOf(TOPIC, BEN, ANNA),
    badgeOf(other, ANNA, BEN),
    badgeOf(TOPIC, ANNA, ANNA),
  ]
  expect(new Set(badges).size).toBe(badges.length)
})

it('what is encoded is decoded, and the largest message fits the largest frame', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 4_096 }), bytes => {
      const frame = encodeGossip('message', badge, bytes)
      expect(decodeGossip(frame)).toEqual({ type: 'message', badge: 'ab'.repeat(32), bytes })
    }),
    { numRuns: 30 },
  )
  expect(encodeGossip('message', badge, new Uint8Array(4_096)).length).toBeLessThanOrEqual(maxFrameBytes(4_096))
})

describe('what is refused', () => {
  it.each([
    ['nothing', '', 'decoding-postcard'],
    ['an unknown variant', `03${'ab'.repeat(32)}`, 'decoding-postcard'],
    ['a short badge', `00${'ab'.repeat(31)}`, 'decoding-postcard'],
    ['a message longer than its frame', `02${'ab'.repeat(32)}04010203`, 'decoding-postcard'],
    ['bytes after a message', `02${'ab'.repeat(32)}0301020304`, 'gossip-malformed'],
    ['bytes after a join', `00${'ab'.repeat(32)}00`, 'gossip-malformed'],
  ])('%s', (_, hex, code) => {
    expect(() => decodeGossip(hexToBytes(hex))).toThrow(expect.objectContaining({ code }))
  })

  it('random bytes, with coded errors alone', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), bytes => {
        try {
          decodeGossip(bytes)
        } catch (error) {
          if (!isThicketError(error)) throw error
        }
      }),
    )
  })
})

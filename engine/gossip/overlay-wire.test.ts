/**
 * Goal: messages of the overlay are those of iroh-gossip byte for byte, and nothing that a peer sends does more than
 * raise an error with a code.
 * Method: golden bytes, those that a released node was seen to send first; round trips; damage.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bytesToHex,
  encodeFrame,
  hash,
  hexToBytes,
  isThicketError,
  SigningKey,
  Topic,
  type VerifyingKey,
} from '../core/index.js'
import {
  ANNOUNCEMENT_BYTES,
  decodeOverlay,
  decodeTopic,
  encodeOverlay,
  encodeTopic,
  MAX_ROUND,
  maxContentBytes,
  type OverlayMessage,
  overlayProtocolId,
} from './overlay-wire.js'

const KEYS = [1, 2, 3].map(n => SigningKey.fromBytes(new Uint8Array(32).fill(n)).verifyingKey)
const [ANNA, BEN] = KEYS as [VerifyingKey, VerifyingKey]
const DATA = hexToBytes('00020 07f000001d204'.replaceAll(' ', ''))
const ID = 'ab'.repeat(32)

const GOLDEN: readonly (readonly [string, OverlayMessage, string])[] = [
  ['join', { type: 'join', data: null }, '000000'],
  ['join with addresses', { type: 'join', data: DATA }, `00000109${bytesToHex(DATA)}`],
  ['forward join', { type: 'forward-join', joining: { peer: ANNA, data: null }, ttl: 6 }, `0001${ANNA}0006`],
  [
    'shuffle',
    { type: 'shuffle', origin: ANNA, peers: [{ peer: BEN, data: DATA }], ttl: 300 },
    `0002${ANNA}01${BEN}0109${bytesToHex(DATA)}ac02`,
  ],
  ['shuffle reply', { type: 'shuffle-reply', peers: [{ peer: BEN, data: null }] }, `000301${BEN}00`],
  ['neighbour, high', { type: 'neighbour', priority: 'high', data: null }, '00040000'],
  ['neighbour, low', { type: 'neighbour', priority: 'low', data: DATA }, `00040101 09${bytesToHex(DATA)}`],
  ['disconnect, alive', { type: 'disconnect', isAlive: true }, '00050100'],
  ['disconnect, gone', { type: 'disconnect', isAlive: false }, '00050000'],
  ['payload', { type: 'payload', id: ID, content: Uint8Array.of(1, 2), round: 5 }, `0100${ID}0201020005`],
  [
    'payload for neighbours',
    { type: 'payload', id: ID, content: Uint8Array.of(1, 2), round: null },
    `0100${ID}02010201`,
  ],
  ['prune', { type: 'prune' }, '0101'],
  ['graft', { type: 'graft', id: ID, round: 3 }, `010201${ID}03`],
  ['graft of the tree alone', { type: 'graft', id: null, round: 3 }, '01020003'],
  ['announce', { type: 'announce', announcements: [{ id: ID, round: 7 }] }, `010301${ID}07`],
]

describe('golden bytes', () => {
  it.each(GOLDEN)('%s', (_, message, hex) => {
    const bytes = hexToBytes(hex.replaceAll(' ', ''))
    expect(bytesToHex(encodeOverlay(message))).toBe(bytesToHex(bytes))
    expect(decodeOverlay(bytes)).toEqual(message)
  })

  it('frames that were exchanged with a released node', () => {
    const topic = Topic.fromHex('07'.repeat(32))
    expect(bytesToHex(encodeFrame(encodeTopic(topic)))).toBe(`00000020${'07'.repeat(32)}`)
    const answer = encodeOverlay({ type: 'neighbour', priority: 'high', data: null })
    expect(bytesToHex(encodeFrame(answer))).toBe('0000000400040000')
    const loopback = `0002007f000001d204${`01${'00'.repeat(15)}01d304`}`
    const join = decodeOverlay(hexToBytes(`0000011c${loopback}`))
    expect(join).toEqual({ type: 'join', data: hexToBytes(loopback) })
  })

  it('protocol id of the default network', () => {
    const network = hash(new TextEncoder().encode('p2panda'))
    expect(overlayProtocolId(network)).toBe('/p2panda/66c8b9a2c148fcd117ed8521a9150a9cca90bf0efc4a0b658a6c411eb00a4eae')
  })
})

describe('sizes', () => {
  it('the largest content has 4,057 bytes, on every hop', () => {
    expect(maxContentBytes(4_096)).toBe(4_057)
    const content = new Uint8Array(4_057)
    expect(encodeOverlay({ type: 'payload', id: ID, content, round: MAX_ROUND }).length).toBe(4_095)
  })

  it('an announcement is at most as large as said', () => {
    const one = encodeOverlay({ type: 'announce', announcements: [{ id: ID, round: 0xffff }] })
    expect(one.length).toBe(3 + ANNOUNCEMENT_BYTES)
  })
})

const key = fc.constantFrom(...KEYS)
const data = fc.option(fc.uint8Array({ maxLength: 40 }))
const peer = fc.record({ peer: key, data })
const peers = fc.array(peer, { maxLength: 8 })
const u16 = fc.integer({ min: 0, max: 0xffff })
const id = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytesToHex)
const message: fc.Arbitrary<OverlayMessage> = fc.oneof(
  fc.record({ type: fc.constant('join' as const), data }),
  fc.record({ type: fc.constant('forward-join' as const), joining: peer, ttl: u16 }),
  fc.record({ type: fc.constant('shuffle' as const), origin: key, peers, ttl: u16 }),
  fc.record({ type: fc.constant('shuffle-reply' as const), peers }),
  fc.record({ type: fc.constant('neighbour' as const), priority: fc.constantFrom('high', 'low'), data }),
  fc.record({ type: fc.constant('disconnect' as const), isAlive: fc.boolean() }),
  fc.record({ type: fc.constant('payload' as const), id, content: fc.uint8Array(), round: fc.option(u16) }),
  fc.record({ type: fc.constant('graft' as const), id: fc.option(id), round: u16 }),
  fc.record({ type: fc.constant('announce' as const), announcements: fc.array(fc.record({ id, round: u16 })) }),
)

it('what is encoded is decoded, with surplus bytes as well', () => {
  fc.assert(
    fc.property(message, fc.uint8Array({ maxLength: 5 }), (sent, surplus) => {
      expect(decodeOverlay(new Uint8Array([...encodeOverlay(sent), ...surplus]))).toEqual(sent)
    }),
  )
})

describe('what is refused', () => {
  it.each([
    ['nothing', '', 'decoding-postcard'],
    ['an unknown layer', '0200', 'decoding-postcard'],
    ['an unknown message of membership', '0006', 'decoding-postcard'],
    ['an unknown message of the tree', '0104', 'decoding-postcard'],
    ['an unknown priority', '00040200', 'decoding-postcard'],
    ['an option that is neither', '000002', 'decoding-postcard'],
    ['a key that is no point', `0001${'02'.padEnd(64, '0')}0006`, 'invalid-verifying-key'],
    ['a number beyond 16 bits', `0001${ANNA}00808004`, 'overlay-malformed'],
    ['more peers than bytes', '0003ffffffff0f', 'decoding-postcard'],
    ['more peers than one may tell', `0003${'21'}${`${ANNA}00`.repeat(33)}`, 'overlay-malformed'],
    ['a short id', `0100${'ab'.repeat(31)}`, 'decoding-postcard'],
  ])('%s', (_, hex, code) => {
    expect(() => decodeOverlay(hexToBytes(hex))).toThrow(expect.objectContaining({ code }))
  })

  it('a topic that is too short', () => {
    expect(() => decodeTopic(new Uint8Array(31))).toThrow(expect.objectContaining({ code: 'decoding-postcard' }))
  })

  it('random and damaged bytes, with coded errors alone', () => {
    const damaged = fc.tuple(message, fc.nat(), fc.integer({ min: 1, max: 255 })).map(([sent, at, flip]) => {
      const bytes = encodeOverlay(sent)
      bytes[at % bytes.length]! ^= flip
      return bytes
    })
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 100 }), damaged), bytes => {
        try {
          decodeOverlay(bytes)
        } catch (error) {
          if (!isThicketError(error)) throw error
        }
      }),
    )
  })
})

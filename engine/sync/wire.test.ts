/**
 * Goal: the messages of log sync are the released ones byte for byte, and limits hold.
 * Method: the golden bytes of spec/sync.md 11, the forms that only decoders meet, and each limit with one past it.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bytesToHex,
  encodeFrame,
  hexToBytes,
  isThicketError,
  type LogId,
  type Topic,
  type VerifyingKey,
} from '../core/index.js'
import { protocolHash, protocolId } from './protocol.js'
import {
  decodeHandshake,
  decodeSync,
  encodeHandshake,
  encodeSync,
  type SyncDecoding,
  type SyncMessage,
} from './wire.js'

const AUTHOR = 'e415c4190cc7f1647a592ebf8e5f905c2adef9948b175b2b5c11e14511b51620' as VerifyingKey
const LOG = 'ebaf85b465a09de21b398fb112c1500f2cbe658c42f379e0c0f18d24b819f637' as LogId
const TOPIC = '07'.repeat(32) as Topic
const BODY = new TextEncoder().encode('hello lora 20 bytes!')
const HEADER = hexToBytes(
  '87015820e415c4190cc7f1647a592ebf8e5f905c2adef9948b175b2b5c11e14511b51620584061922baf313c38ccb96d38e5e97d7fb385be91d9aab5b96d9214073f' +
    '86ae1f84c5d519bb2c081c9ea8e9076a8aaf71f48bf074d32323af8b1995de4026df000f145820a0da07fef881448265d8e08da5c3d55d349144aeb31b424ce2f28c' +
    '5b621f94ed008501005820ebaf85b465a09de21b398fb112c1500f2cbe658c42f379e0c0f18d24b819f6371b00065a2d30dbc000f4',
)
const DECODING: SyncDecoding = { haveAuthors: 3, haveLogs: 4, bodyBytes: 20 }

const heightsOf = (...authors: [VerifyingKey, ...[LogId, number][]][]) =>
  new Map(authors.map(([author, ...logs]) => [author, new Map(logs)]))

const codeOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    return isThicketError(error) ? error.code : `uncoded: ${String(error)}`
  }
  return 'none'
}

describe('messages of log sync', () => {
  const header = bytesToHex(HEADER)
  const body = bytesToHex(BODY)
  const messages: [string, SyncMessage, string][] = [
    ['Have', { type: 'have', heights: heightsOf([AUTHOR, [LOG, 1]]) }, `0000004700000120${AUTHOR}0120${LOG}01`],
    ['an empty Have', { type: 'have', heights: new Map() }, '00000003000000'],
    ['PreSync', { type: 'pre_sync', operations: 2, bytes: 444 }, '00000005000102bc03'],
    ['Done', { type: 'done' }, '000000020003'],
    ['Close', { type: 'close' }, '0000000102'],
    [
      'Operation',
      { type: 'operation', operation: { header: HEADER, body: BODY } },
      `000000d30002b901${header}0114${body}`,
    ],
    ['Live', { type: 'live', operation: { header: HEADER, body: BODY } }, `000000d201b901${header}0114${body}`],
    [
      'an Operation without a body',
      { type: 'operation', operation: { header: HEADER, body: null } },
      `000000be0002b901${header}00`,
    ],
  ]

  it.each(messages)('%s has its golden bytes both ways', (_, message, golden) => {
    expect(bytesToHex(encodeFrame(encodeSync(message)))).toBe(golden)
    expect(decodeSync(hexToBytes(golden).subarray(4), DECODING)).toEqual(message)
  })

  it('the handshake has its golden bytes both ways', () => {
    expect(bytesToHex(encodeFrame(encodeHandshake({ type: 'topic', topic: TOPIC })))).toBe(`000000220020${TOPIC}`)
    expect(bytesToHex(encodeFrame(encodeHandshake({ type: 'done' })))).toBe('0000000101')
    expect(decodeHandshake(hexToBytes(`0020${TOPIC}`))).toEqual({ type: 'topic', topic: TOPIC })
    expect(decodeHandshake(hexToBytes('01'))).toEqual({ type: 'done' })
  })

  it('the protocol id of the default network is that of the released crates', () => {
    const network = hexToBytes('f745f8f284789fe66264d6c84e284f5eae080c1b54c3f69f84f04fd0012b8476')
    const hash = '64fc91f9ab01b19d29bd8a040e4624be0b164fffd4f32dbfac635c039c5279a5'
    expect(bytesToHex(protocolHash(network))).toBe(hash)
    expect(protocolId(network)).toBe(`/p2panda/${hash}`)
  })

  it('totals beyond 32 bits are announced as the largest', () => {
    expect(bytesToHex(encodeSync({ type: 'pre_sync', operations: 2 ** 32, bytes: 2 ** 40 }))).toBe(
      '0001ffffffff0fffffffff0f',
    )
  })
})

describe('a Have', () => {
  const small = '0100000000000000000000000000000000000000000000000000000000000000'
  const log = (n: number) => n.toString(16).padStart(64, '0') as LogId

  it('is written with ascending keys whatever the order of the maps', () => {
    const heights = heightsOf([AUTHOR, [log(2), 5], [log(1), 4]], [small as VerifyingKey, [log(9), 0]])
    const hex = `00000220${small}0120${log(9)}0020${AUTHOR}0220${log(1)}0420${log(2)}05`
    expect(bytesToHex(encodeSync({ type: 'have', heights }))).toBe(hex)
  })

  it('may come in any order and with duplicates, of which the last counts', () => {
    const entry = (height: string) => `20${AUTHOR}0220${log(1)}0720${log(1)}${height}`
    const decoded = decodeSync(hexToBytes(`000003${entry('01')}20${small}00${entry('02')}`), DECODING)
    expect(decoded).toEqual({ type: 'have', heights: heightsOf([small as VerifyingKey], [AUTHOR, [log(1), 2]]) })
    expect(decoded.type === 'have' && [...decoded.heights.keys()]).toEqual([small, AUTHOR])
  })

  const have = (authors: number, logs: number) =>
    hexToBytes(
      `0000${authors.toString(16).padStart(2, '0')}` +
        `20${AUTHOR}${logs.toString(16).padStart(2, '0')}${`20${LOG}00`.repeat(logs)}`.repeat(authors),
    )

  it.each([
    ['3 authors, the limit', 3, 1, 'none'],
    ['4 authors, one past it', 4, 1, 'have-too-large'],
    ['4 logs, the limit', 2, 2, 'none'],
    ['5 logs of one author, one past it', 1, 5, 'have-too-large'],
    ['6 logs over all authors', 3, 2, 'have-too-large'],
  ])('with %s', (_, authors, logs, code) => {
    expect(codeOf(() => decodeSync(have(authors, logs), DECODING))).toBe(code)
  })

  it.each([
    ['a key that is no point', `00000120${'02'.padEnd(64, '0')}00`],
    ['a key of 31 bytes', `0000011f${'11'.repeat(31)}0000`],
    ['a log id of 31 bytes', `00000120${AUTHOR}011f${'11'.repeat(31)}0000`],
    ['fewer authors than it says', `00000220${AUTHOR}00`],
    ['a height beyond 32 bits', `00000120${AUTHOR}0120${LOG}ffffffff1f`],
  ])('with %s is refused', (_, hex) => {
    expect(codeOf(() => decodeSync(hexToBytes(hex), DECODING))).toBe('decoding-postcard')
  })
})

describe('hostile messages', () => {
  it.each([
    ['no byte', '', 'decoding-postcard'],
    ['an unknown outer variant', '03', 'decoding-postcard'],
    ['an unknown inner variant', '0004', 'decoding-postcard'],
    ['a cut-off header', '00020501', 'decoding-postcard'],
    ['a body flag of 2', '00020102', 'decoding-postcard'],
    ['a body at the limit', `0002000114${'00'.repeat(20)}`, 'none'],
    ['a body one past the limit', `0002000115${'00'.repeat(21)}`, 'body-too-large'],
    ['surplus bytes', '0003ffff', 'none'],
  ])('%s', (_, hex, code) => {
    expect(codeOf(() => decodeSync(hexToBytes(hex), DECODING))).toBe(code)
  })

  it('random bytes give a message or a coded error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(2), fc.nat(4), (bytes, outer, inner) => {
        for (const decode of [decodeHandshake, (message: Uint8Array) => decodeSync(message, DECODING)]) {
          for (const message of [bytes, Uint8Array.of(outer, inner, ...bytes)]) {
            expect(codeOf(() => decode(message))).toMatch(/^(none|decoding-postcard|have-too-large|body-too-large)$/)
          }
        }
      }),
      { numRuns: 300 },
    )
  })
})

/**
 * Goal: what travels beside the bytes of streams is as documented, and damage gives coded errors.
 * Method: golden bytes written by hand from the table in wire.ts, round trips and damage by property.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesToHex, FrameDecoder, hexToBytes, isThicketError } from '../../core/index.js'
import {
  type ControlMessage,
  decodeControl,
  decodeHead,
  encodeControl,
  encodeHead,
  HEAD_BYTES,
  type Head,
  MAX_CONTROL_BYTES,
  MAX_STREAM,
} from './wire.js'

const TOKEN = '000102030405060708090a0b0c0d0e0f'
const u32 = fc.integer({ min: 0, max: 0xffff_ffff })
const kinds = fc.constantFrom('bi' as const, 'uni' as const)
const names = fc.record({ stream: fc.integer({ min: 0, max: MAX_STREAM }), kind: kinds })
const heads: fc.Arbitrary<Head> = fc.record({
  token: fc.uint8Array({ minLength: 16, maxLength: 16 }).map(bytesToHex),
  name: fc.option(names),
})
const messages: fc.Arbitrary<ControlMessage> = fc.oneof(
  fc.record({ type: fc.constant('credit' as const), stream: u32, bytes: u32 }),
  fc.record({ type: fc.constant('ended' as const), stream: u32 }),
  fc.record({ type: fc.constant('abort' as const), stream: u32, kind: kinds, code: u32 }),
  fc.record({ type: fc.constant('close' as const), code: u32 }),
)

describe('head of a stream', () => {
  it.each([
    [null, '0000'],
    [{ stream: 0, kind: 'bi' }, '0001'],
    [{ stream: 1, kind: 'bi' }, '0002'],
    [{ stream: 300, kind: 'uni' }, '812d'],
    [{ stream: MAX_STREAM, kind: 'uni' }, 'ffff'],
  ] as const)('of %j is the token and %s', (name, place) => {
    expect(bytesToHex(encodeHead({ token: TOKEN, name }))).toBe(TOKEN + place)
  })

  it('comes back from its bytes', () => {
    fc.assert(fc.property(heads, head => void expect(decodeHead(encodeHead(head))).toEqual(head)))
  })

  it('has no one-way control stream', () => {
    let refusal: unknown
    try {
      decodeHead(hexToBytes(`${TOKEN}8000`))
    } catch (error) {
      refusal = error
    }
    expect(isThicketError(refusal, 'stream-head-malformed')).toBe(true)
    expect(HEAD_BYTES).toBe(18)
  })
})

describe('control messages', () => {
  it.each([
    [{ type: 'credit', stream: 0, bytes: 32_768 }, '00000005' + '00' + '00' + '808002'],
    [{ type: 'ended', stream: 129 }, '00000003' + '01' + '8101'],
    [{ type: 'abort', stream: 2, kind: 'uni', code: 42 }, '00000004' + '02' + '02' + '01' + '2a'],
    [{ type: 'close', code: 0 }, '00000002' + '03' + '00'],
  ] as const)('%j is %s', (message, hex) => {
    expect(bytesToHex(encodeControl(message))).toBe(hex)
  })

  it('come back from their frames, surplus or not', () => {
    fc.assert(
      fc.property(messages, message => {
        const decoder = new FrameDecoder(MAX_CONTROL_BYTES)
        decoder.push(encodeControl(message))
        const frame = decoder.next()!
        expect(decodeControl(frame)).toEqual(message)
        expect(decodeControl(Uint8Array.of(...frame, 1, 2, 3))).toEqual(message)
      }),
    )
  })

  it('that are damaged throw coded errors and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), bytes => {
        try {
          decodeControl(bytes)
        } catch (error) {
          expect(isThicketError(error)).toBe(true)
        }
      }),
    )
  })
})

/**
 * Goal: frames come out whole and in order however their bytes are cut, and hostile ones end in a coded error early.
 * Method: the checklist of spec/sync.md 8.2 (codec), the limit and one past it, random cuts, and one byte at a time for
 * a large frame within a time that a quadratic decoder could not hold.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concatBytes, hexToBytes } from './bytes.js'
import { isThicketError } from './errors.js'
import { encodeFrame, FrameDecoder } from './frame.js'

function drain(decoder: FrameDecoder): Uint8Array[] {
  const frames: Uint8Array[] = []
  for (let frame = decoder.next(); frame; frame = decoder.next()) frames.push(frame)
  return frames
}

const codeOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    return isThicketError(error) ? error.code : 'uncoded'
  }
  return 'none'
}

describe('frames', () => {
  it('have a big-endian length before them', () => {
    expect(encodeFrame(Uint8Array.of(1))).toEqual(hexToBytes('0000000101'))
    expect(encodeFrame(new Uint8Array(0))).toEqual(hexToBytes('00000000'))
  })

  it('are handed out only when whole, one after the other', () => {
    const decoder = new FrameDecoder()
    decoder.push(hexToBytes('0000000201'))
    expect(decoder.next()).toBeNull()
    decoder.push(hexToBytes('02000000000000000103'))
    expect(drain(decoder)).toEqual([hexToBytes('0102'), new Uint8Array(0), hexToBytes('03')])
    decoder.push(hexToBytes('0000'))
    expect(drain(decoder)).toEqual([])
    expect(decoder.bufferedBytes).toBe(2)
  })

  it('at the limit pass and one past it are refused as soon as the length is there', () => {
    expect(encodeFrame(new Uint8Array(5), 5)).toHaveLength(9)
    expect(codeOf(() => encodeFrame(new Uint8Array(6), 5))).toBe('frame-too-large')
    const decoder = new FrameDecoder(5)
    decoder.push(encodeFrame(new Uint8Array(5)))
    expect(drain(decoder)).toHaveLength(1)
    decoder.push(hexToBytes('00000006'))
    expect(codeOf(() => decoder.next())).toBe('frame-too-large')
  })

  it('that the stream cuts off are refused, an end between frames is not', () => {
    for (let length = 0; length <= 6; length++) {
      const decoder = new FrameDecoder()
      decoder.push(encodeFrame(Uint8Array.of(1, 2)).subarray(0, length))
      drain(decoder)
      expect(codeOf(() => decoder.finish())).toBe(length === 0 || length === 6 ? 'none' : 'frame-truncated')
    }
  })

  it('come out the same however the bytes are cut', () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 })
    fc.assert(
      fc.property(messages, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (sent, cuts) => {
        const bytes = concatBytes(...sent.map(message => encodeFrame(message)))
        const decoder = new FrameDecoder()
        const got: Uint8Array[] = []
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = cuts[turn % cuts.length]!
          decoder.push(bytes.subarray(at, at + size))
          at += size
          if (turn % 3 === 0) got.push(...drain(decoder))
        }
        got.push(...drain(decoder))
        expect(got).toEqual(sent)
      }),
      { numRuns: 100 },
    )
  })

  it('cost time in proportion to their bytes, one byte a chunk', () => {
    const message = new Uint8Array(1_000_000).fill(7)
    const decoder = new FrameDecoder()
    const bytes = encodeFrame(message)
    let frame: Uint8Array | null = null
    for (let at = 0; at < bytes.length; at++) {
      decoder.push(bytes.subarray(at, at + 1))
      // Half of the chunks wait in the decoder, so both the queue of chunks and the growing frame are used.
      if (at > bytes.length / 2) frame ??= decoder.next()
    }
    expect(frame).toHaveLength(message.length)
    expect(decoder.bufferedBytes).toBe(0)
  }, 10_000)
})

/**
 * Goal: lines come out as they went in, whatever the pieces, and nothing endless is kept.
 * Method: properties over texts cut anywhere, and lines at the limit and one past it.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Line, LineSplitter } from './lines.js'

function split(maxBytes: number, ...chunks: readonly (string | Uint8Array)[]): readonly Line[] {
  const splitter = new LineSplitter(maxBytes)
  const lines: Line[] = []
  for (const chunk of chunks) lines.push(...splitter.push(Buffer.from(chunk)))
  return [...lines, ...splitter.end()]
}

const text = (line: string): Line => ({ type: 'text', text: line })

describe('lines of standard input', () => {
  it('come out as they went in, however they are cut', () => {
    const line = fc.string({ unit: 'grapheme' }).map(value => value.replace(/[\r\n]/g, ''))
    fc.assert(
      fc.property(fc.array(line, { minLength: 1 }), fc.array(fc.nat({ max: 40 })), (lines, cuts) => {
        const bytes = Buffer.from(`${lines.join('\n')}\n`)
        const chunks: Uint8Array[] = []
        let from = 0
        for (const cut of cuts) {
          chunks.push(bytes.subarray(from, from + cut))
          from = Math.min(bytes.length, from + cut)
        }
        chunks.push(bytes.subarray(from))
        expect(split(1_000_000, ...chunks)).toEqual(lines.map(text))
      }),
    )
  })

  it('a last line needs no end, and an end is no line', () => {
    expect(split(10, 'a\nb')).toEqual([text('a'), text('b')])
    expect(split(10, 'a\n')).toEqual([text('a')])
    expect(split(10, '')).toEqual([])
    expect(split(10, '\n\r\n')).toEqual([text(''), text('')])
  })

  it('a line ends in a line feed, with a carriage return or without', () => {
    expect(split(10, 'a\r\nb\rc\n')).toEqual([text('a'), text('b\rc')])
  })

  it('takes a line at the limit and passes over one past it', () => {
    const tooLong: Line = { type: 'refused', code: 'line-too-long' }
    expect(split(4, 'abcd\n', 'abcd\r\n', 'abcde\n', 'x\n')).toEqual([text('abcd'), text('abcd'), tooLong, text('x')])
    expect(split(4, ...'abcdefgh', '\n', 'x\n', 'abcdefgh')).toEqual([tooLong, text('x'), tooLong])
  })

  it('passes over what is no text', () => {
    expect(split(10, new Uint8Array([0xc3, 0x28, 0x0a]), 'ok\n')).toEqual([
      { type: 'refused', code: 'line-not-text' },
      text('ok'),
    ])
  })
})

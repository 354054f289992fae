/** Goal: what is cut comes together again, from pieces and symbols in any order, within limits of bytes and age. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  joinPieces,
  MAX_PIECES,
  MAX_REASSEMBLY_AGE_MS,
  MAX_REASSEMBLY_BYTES,
  type PieceHead,
  pieceCount,
  pieceTerms,
  Reassembly,
  splitPieces,
} from './fragments.js'
import { combine } from './linear-system.js'

function bytesOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 7 + (at >> 8)) & 0xff)
}

function cut(length: number, maxPieceBytes: number, seqNum = 5) {
  const bytes = bytesOf(length)
  const pieces = splitPieces(bytes, maxPieceBytes)!
  const head: PieceHead = { tag: 0xabcd, seqNum, count: pieces.length, length }
  const symbol = (seed: number) =>
    combine(pieceTerms(seed, head).map(({ coefficient }, index) => ({ coefficient, data: pieces[index]! })))
  return { bytes, pieces, head, symbol }
}

describe('pieces', () => {
  it('are of one size but the last, which is never empty, and join to the whole', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 12, max: 255 }), (length, most) => {
        const { bytes, pieces } = cut(length, most)
        expect(pieces).toHaveLength(Math.ceil(length / most))
        expect(pieces.every(piece => piece.length <= most && piece.length > 0)).toBe(true)
        expect(pieces.slice(1, -1).every(piece => piece.length === pieces[0]!.length)).toBe(true)
        expect(joinPieces(pieces, length)).toEqual(bytes)
      }),
    )
  })

  it('of wrong sizes join to nothing', () => {
    const { pieces } = cut(100, 30)
    expect(joinPieces(pieces, 101)).toBeNull()
    expect(joinPieces(pieces.slice(1), 100)).toBeNull()
    expect(joinPieces([...pieces].reverse(), 99)).toBeNull()
  })

  it('are not more than a system of equations takes', () => {
    expect(pieceCount(MAX_PIECES * 10, 10)).toBe(MAX_PIECES)
    expect(pieceCount(MAX_PIECES * 10 + 1, 10)).toBeNull()
    expect(splitPieces(new Uint8Array(MAX_PIECES * 10 + 1), 10)).toBeNull()
  })
})

describe('reassembly', () => {
  it('takes pieces and symbols in any order, and as few as there are pieces', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2000 }),
        fc.integer({ min: 40, max: 230 }),
        fc.array(fc.boolean(), { maxLength: 20 }),
        (length, most, isHeard) => {
          const { bytes, pieces, head, symbol } = cut(length, most)
          const reassembly = new Reassembly()
          const results: (Uint8Array | null)[] = pieces.map((piece, index) =>
            isHeard[index] ? reassembly.addPiece(head, index, piece, index) : null,
          )
          for (let seed = 0; seed < 255 && !results.some(result => result !== null); seed++) {
            const before = reassembly.deficit(head)
            const result = reassembly.addSymbol(head, seed, symbol(seed), 1000 + seed)
            results.push(result)
            if (result === null) expect(reassembly.deficit(head)).toBeGreaterThanOrEqual(before - 1)
            expect(results.length).toBeLessThanOrEqual(2 * pieces.length + 5)
          }
          expect(results.filter(result => result !== null)).toEqual([bytes])
          expect(reassembly.bytes).toBe(0)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('counts what is still needed', () => {
    const { pieces, head, symbol } = cut(400, 100)
    const reassembly = new Reassembly()
    expect(reassembly.deficit(head)).toBe(4)
    reassembly.addPiece(head, 2, pieces[2]!, 0)
    reassembly.addPiece(head, 2, pieces[2]!, 0)
    expect(reassembly.deficit(head)).toBe(3)
    reassembly.addSymbol(head, 1, symbol(1), 0)
    reassembly.addSymbol(head, 1, symbol(1), 0)
    expect(reassembly.deficit(head)).toBe(2)
  })

  it('refuses what cannot be', () => {
    const reassembly = new Reassembly()
    const { head, pieces } = cut(400, 100)
    const tell = (changes: Partial<PieceHead>, index = 0) => {
      reassembly.addPiece({ ...head, ...changes }, index, pieces[0]!, 0)
      return reassembly.bytes
    }
    expect(tell({ count: 0 })).toBe(0)
    expect(tell({ count: MAX_PIECES + 1, length: 10_000 })).toBe(0)
    expect(tell({ length: 3 })).toBe(0)
    expect(tell({ length: MAX_REASSEMBLY_BYTES + 1 })).toBe(0)
    expect(tell({}, 4)).toBe(0)
    expect(tell({ length: MAX_REASSEMBLY_BYTES })).toBe(MAX_REASSEMBLY_BYTES)
  })

  it('gives up the one with the oldest news when there are too many bytes', () => {
    const reassembly = new Reassembly()
    const half = Math.ceil(MAX_REASSEMBLY_BYTES / 2)
    const heads = [1, 2, 3].map(seqNum => ({ tag: 1, seqNum, count: 200, length: half }))
    const piece = (index: number) => new Uint8Array(Math.ceil(half / 200)).fill(index)
    reassembly.addPiece(heads[0]!, 0, piece(0), 0)
    reassembly.addPiece(heads[1]!, 0, piece(0), 1)
    reassembly.addPiece(heads[0]!, 1, piece(1), 2)
    expect(reassembly.bytes).toBe(MAX_REASSEMBLY_BYTES)
    reassembly.addPiece(heads[2]!, 0, piece(0), 3)
    expect(heads.map(head => reassembly.deficit(head))).toEqual([198, 200, 199])
  })

  it('gives up what nothing new is heard of for too long', () => {
    const reassembly = new Reassembly()
    const { head, pieces, symbol } = cut(400, 100)
    reassembly.addPiece(head, 0, pieces[0]!, 0)
    reassembly.addPiece(head, 0, pieces[0]!, 1000)
    reassembly.expire(MAX_REASSEMBLY_AGE_MS - 1)
    expect(reassembly.deficit(head)).toBe(3)
    reassembly.addSymbol(head, 1, symbol(1), MAX_REASSEMBLY_AGE_MS - 1)
    reassembly.expire(2 * MAX_REASSEMBLY_AGE_MS - 2)
    expect(reassembly.deficit(head)).toBe(2)
    reassembly.expire(2 * MAX_REASSEMBLY_AGE_MS - 1)
    expect(reassembly.deficit(head)).toBe(4)
    expect(reassembly.bytes).toBe(0)
  })
})

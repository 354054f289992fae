/**
 * Goal: the fast hash is BLAKE3, and hashers that share one WASM instance do not disturb each other. Method: the
 * portable implementation as judge, over sizes around the block (64) and chunk (1024) of BLAKE3.
 */

import { blake3 } from '@noble/hashes/blake3.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesToHex, createHasher, hash, hexToBytes } from './index.js'

const SIZES = [0, 1, 63, 64, 65, 1023, 1024, 1025, 2048, 16_383, 16_384, 16_385, 100_000]
const filled = (size: number) => Uint8Array.from({ length: size }, (_, index) => (index * 7) % 251)

describe('hash', () => {
  it('[7.3] gives the known value of 01 02 03', () => {
    expect(bytesToHex(hash(hexToBytes('010203')))).toBe(
      'b177ec1bf26dfb3b7010d473e6d44713b29b765b99c6e60ecbfae742de496543',
    )
  })

  it.each(SIZES)('agrees with the portable code on %i bytes', size => {
    expect(hash(filled(size))).toEqual(blake3(filled(size)))
  })

  it('hands out a result of its own each time', () => {
    const first = hash(Uint8Array.of(1))
    const copy = Uint8Array.from(first)
    hash(Uint8Array.of(2))
    expect(first).toEqual(copy)
  })
})

describe('createHasher', () => {
  it('agrees with the portable code however the bytes are cut, also between digests', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 8 }), pieces => {
        const hasher = createHasher()
        const judge = blake3.create()
        for (const piece of pieces) {
          hasher.update(piece)
          judge.update(piece)
          expect(hasher.digest()).toEqual(judge.clone().digest())
        }
        expect(hasher.digest()).toEqual(judge.digest())
      }),
    )
  })

  it('keeps hashers apart that work in turns, and single hashes between them', () => {
    const hashers = Array.from({ length: 3 }, () => createHasher())
    const judges = Array.from({ length: 3 }, () => blake3.create())
    for (let round = 0; round < 30; round++) {
      const index = (round * 2) % 3
      const bytes = filled(round * 97)
      hashers[index]!.update(bytes)
      judges[index]!.update(bytes)
      expect(hash(bytes)).toEqual(blake3(bytes))
    }
    expect(hashers.map(hasher => hasher.digest())).toEqual(judges.map(judge => judge.digest()))
  })

  it('of nothing is the hash of no bytes', () => {
    expect(createHasher().digest()).toEqual(blake3(new Uint8Array(0)))
  })
})

/** Goal: clocks that never go back and never overflow. Method: the edges of 64 bits, a frozen clock, a jumping one. */

import { describe, expect, it } from 'vitest'
import {
  addLamport,
  compareHybrid,
  hybridFromString,
  hybridToString,
  incrementHybrid,
  isThicketError,
  nextTimestamp,
  U64_MAX,
  u64Bytes,
  u64FromBytes,
} from './index.js'

describe('nextTimestamp', () => {
  it('is the wall clock when that moved on', () => {
    expect(nextTimestamp(5n, null)).toBe(5n)
    expect(nextTimestamp(5n, 4n)).toBe(5n)
  })

  it('is one past the last when the clock stands or went back', () => {
    expect(nextTimestamp(5n, 5n)).toBe(6n)
    expect(nextTimestamp(5n, 100n)).toBe(101n)
  })

  it('stays within 64 bits', () => {
    expect(nextTimestamp(0n, U64_MAX - 1n)).toBe(U64_MAX)
    expect(nextTimestamp(0n, U64_MAX)).toBe(U64_MAX)
    expect(nextTimestamp(U64_MAX + 5n, null)).toBe(U64_MAX)
    expect(nextTimestamp(-1n, null)).toBe(0n)
  })
})

describe('logical clocks', () => {
  it('[7.3] add to a Lamport timestamp and stop at its last value', () => {
    expect(addLamport(1n, 2n)).toBe(3n)
    expect(addLamport(U64_MAX - 1n, 1n)).toBe(U64_MAX)
    expect(addLamport(U64_MAX, 1n)).toBe(U64_MAX)
  })

  it('[7.3] count while the clock is frozen and begin anew when it moved', () => {
    const first = { wallUs: 10n, lamport: 0n }
    const second = incrementHybrid(first, 10n)
    expect(second).toEqual({ wallUs: 10n, lamport: 1n })
    expect(incrementHybrid(second, 10n)).toEqual({ wallUs: 10n, lamport: 2n })
    expect(incrementHybrid(second, 11n)).toEqual({ wallUs: 11n, lamport: 0n })
    expect(incrementHybrid(second, 9n)).toEqual({ wallUs: 9n, lamport: 0n })
  })

  it('[7.3] come back from their text', () => {
    const timestamp = { wallUs: 1754300000000000n, lamport: 7n }
    expect(hybridToString(timestamp)).toBe('1754300000000000/7')
    expect(hybridFromString('1754300000000000/7')).toEqual(timestamp)
    expect(hybridFromString(`${U64_MAX}/${U64_MAX}`)).toEqual({ wallUs: U64_MAX, lamport: U64_MAX })
  })

  it.each(['', '1', '1/2/3', '1/', '/1', 'a/1', '-1/1', '1.0/1', ' 1/1', `${U64_MAX + 1n}/0`])(
    'refuse the text "%s"',
    text => {
      expect(() => hybridFromString(text)).toThrow(expect.objectContaining({ code: 'invalid-timestamp' }))
    },
  )

  it('are ordered by time, then by count', () => {
    const at = (wallUs: bigint, lamport: bigint) => ({ wallUs, lamport })
    expect(compareHybrid(at(1n, 9n), at(2n, 0n))).toBe(-1)
    expect(compareHybrid(at(2n, 1n), at(2n, 0n))).toBe(1)
    expect(compareHybrid(at(2n, 1n), at(2n, 1n))).toBe(0)
  })
})

describe('64-bit numbers as bytes', () => {
  it('are big-endian and come back', () => {
    expect(u64Bytes(1n)).toEqual(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1))
    for (const value of [0n, 255n, 256n, 2n ** 53n, U64_MAX]) expect(u64FromBytes(u64Bytes(value))).toBe(value)
  })

  it('read from within a larger buffer', () => {
    expect(u64FromBytes(Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 1, 2).subarray(1))).toBe(258n)
  })

  it('have 8 bytes, not 7 and not 9', () => {
    for (const length of [7, 9]) {
      try {
        u64FromBytes(new Uint8Array(length))
        expect.unreachable()
      } catch (error) {
        expect(isThicketError(error, 'invalid-length')).toBe(true)
      }
    }
  })
})

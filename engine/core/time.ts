/** Timestamps of operations and the two logical clocks of p2panda (spec/node.md 1.13). All are u64 and saturate. */

import { ThicketError } from './errors.js'

export const U64_MAX = 0xffff_ffff_ffff_ffffn
const U64_BYTES = 8

/**
 * The timestamp of the next operation of a log: the wall clock in microseconds, or one past the last timestamp when the
 * wall clock stands or went back.
 */
export function nextTimestamp(wallUs: bigint, last: bigint | null): bigint {
  const wall = clamp(wallUs)
  return last === null || wall > last ? wall : clamp(last + 1n)
}

/** Adds to a Lamport timestamp; the last value stays the last. */
export function addLamport(timestamp: bigint, steps: bigint): bigint {
  return clamp(timestamp + steps)
}

/** A wall-clock timestamp in microseconds, and a counter that keeps apart what happened within one of them. */
export interface HybridTimestamp {
  readonly wallUs: bigint
  readonly lamport: bigint
}

/** Counts on while the clock stands where it stood; begins anew when it moved, also backwards. */
export function incrementHybrid(previous: HybridTimestamp, wallUs: bigint): HybridTimestamp {
  return wallUs === previous.wallUs
    ? { wallUs, lamport: addLamport(previous.lamport, 1n) }
    : { wallUs: clamp(wallUs), lamport: 0n }
}

export function compareHybrid(left: HybridTimestamp, right: HybridTimestamp): number {
  if (left.wallUs !== right.wallUs) return left.wallUs < right.wallUs ? -1 : 1
  return left.lamport === right.lamport ? 0 : left.lamport < right.lamport ? -1 : 1
}

/** `micros/lamport`, both decimal. */
export function hybridToString(timestamp: HybridTimestamp): string {
  return `${timestamp.wallUs}/${timestamp.lamport}`
}

/** @throws `invalid-timestamp` */
export function hybridFromString(text: string): HybridTimestamp {
  const parts = text.split('/')
  if (parts.length !== 2) {
    throw new ThicketError('invalid-timestamp', `a hybrid timestamp has two parts, this one has ${parts.length}`, {
      got: text,
    })
  }
  return { wallUs: u64FromDecimal(parts[0]!), lamport: u64FromDecimal(parts[1]!) }
}

function u64FromDecimal(text: string): bigint {
  const value = /^\d{1,20}$/.test(text) ? BigInt(text) : null
  if (value === null || value > U64_MAX) {
    throw new ThicketError('invalid-timestamp', 'not a decimal number of 64 bits', { got: text })
  }
  return value
}

/** 8 bytes, big-endian, so that SQLite orders them as numbers. */
export function u64Bytes(value: bigint): Uint8Array {
  const bytes = new Uint8Array(U64_BYTES)
  new DataView(bytes.buffer).setBigUint64(0, value)
  return bytes
}

export function u64FromBytes(bytes: Uint8Array): bigint {
  if (bytes.length !== U64_BYTES) {
    throw new ThicketError('invalid-length', `a 64-bit number has 8 bytes, not ${bytes.length}`, {
      actual: bytes.length,
      expected: U64_BYTES,
    })
  }
  return new DataView(bytes.buffer, bytes.byteOffset, U64_BYTES).getBigUint64(0)
}

function clamp(value: bigint): bigint {
  return value < 0n ? 0n : value > U64_MAX ? U64_MAX : value
}

/** Byte helpers that every runtime has: hex, comparison, concatenation. */

import { ThicketError } from './errors.js'

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

interface HexSlicer {
  from(buffer: ArrayBufferLike, at: number, length: number): { toString(encoding: 'hex'): string }
}

/** Node's own conversion is some ten times as fast as one in JavaScript, and ids are made for every operation read. */
const nodeBuffer = (globalThis as { readonly Buffer?: HexSlicer }).Buffer

export function bytesToHex(bytes: Uint8Array): string {
  if (nodeBuffer) return nodeBuffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
  return portableBytesToHex(bytes)
}

/** Where there is no Buffer; exported for the test that compares the two. */
export function portableBytesToHex(bytes: Uint8Array): string {
  let hex = ''
  for (const byte of bytes) hex += HEX[byte]
  return hex
}

/** Value of each hex digit by character code, -1 for all else. */
const NIBBLE = new Int8Array(128).fill(-1)
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16)
  NIBBLE[digit.charCodeAt(0)] = value
  NIBBLE[digit.toUpperCase().charCodeAt(0)] = value
}

export function hexToBytes(hex: string): Uint8Array {
  if (hex.length % 2 !== 0)
    throw new ThicketError('invalid-hex-encoding', 'hexadecimal text has an odd length', { length: hex.length })
  const bytes = new Uint8Array(hex.length / 2)
  for (let at = 0; at < bytes.length; at++) {
    const high = NIBBLE[hex.charCodeAt(at * 2)] ?? -1
    const low = NIBBLE[hex.charCodeAt(at * 2 + 1)] ?? -1
    if (high < 0 || low < 0) {
      throw new ThicketError('invalid-hex-encoding', `no hexadecimal digits at position ${at * 2}`, {
        position: at * 2,
      })
    }
    bytes[at] = high * 16 + low
  }
  return bytes
}

export function bytesEqual(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false
  for (let at = 0; at < left.length; at++) if (left[at] !== right[at]) return false
  return true
}

/** Unsigned bytewise order; a prefix comes first. */
export function compareBytes(left: Uint8Array, right: Uint8Array): number {
  const shared = Math.min(left.length, right.length)
  for (let at = 0; at < shared; at++) {
    const difference = left[at]! - right[at]!
    if (difference !== 0) return difference
  }
  return left.length - right.length
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const joined = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

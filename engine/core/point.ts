/**
 * Whether 32 bytes are a point of edwards25519, as the released crates decide it when they decode a key: the square
 * root must exist, nothing else counts. Small order, y at or above p and "x is 0 but its sign is set" all pass
 * (spec/node.md 1.2).
 */

import { Point } from '@noble/ed25519'
import { BoundedMap } from './bounded-map.js'
import { bytesToHex } from './bytes.js'

/** Keys whose verdict is remembered; a decompression costs about as much as half a native verification. */
const REMEMBERED_KEYS = 16_384
const verdicts = new BoundedMap<string, boolean>(REMEMBERED_KEYS)

/** @param hex the same bytes in hex, when the caller has them */
export function isPoint(bytes: Uint8Array, hex = bytesToHex(bytes)): boolean {
  const known = verdicts.get(hex)
  if (known !== undefined) return known
  const verdict = decompresses(bytes)
  verdicts.set(hex, verdict)
  return verdict
}

function decompresses(bytes: Uint8Array): boolean {
  try {
    Point.fromBytes(bytes, true)
    return true
  } catch {
    return false
  }
}

/**
 * The items of an array as they were received: for envelopes whose signature covers bytes, not values. Stricter than
 * reading a message: nothing may stand before or after the array, so that one array has one encoding only.
 */

import { MAX_CBOR_DEPTH } from './cbor-encode.js'
import { ARRAY, argumentAt, headLength } from './cbor-head.js'
import { scanItem } from './cbor-scan.js'
import { ThicketError } from './errors.js'

const RULES = { code: 'decoding-cbor', maxDepth: MAX_CBOR_DEPTH, maxLength: Number.POSITIVE_INFINITY }

/** The bytes of each item, as views. @throws `decoding-cbor` for anything but one deterministic array */
export function splitCborArray(bytes: Uint8Array): readonly Uint8Array[] {
  const end = scanItem(bytes, 0, RULES)
  if (bytes[0]! >> 5 !== ARRAY) throw new ThicketError('decoding-cbor', 'CBOR: no array', { position: 0 })
  if (end !== bytes.length) {
    throw new ThicketError('decoding-cbor', 'CBOR: bytes after the array', { position: end })
  }
  const items: Uint8Array[] = []
  let at = headLength(bytes[0]!)
  for (let left = argumentAt(bytes, 0); left > 0; left--) {
    const next = scanItem(bytes, at, RULES)
    items.push(bytes.subarray(at, next))
    at = next
  }
  return items
}

/**
 * The one judge of deterministic CBOR (spec/node.md 1.3 and 1.4): walks an item and refuses every form but the one a
 * deterministic encoder would have chosen. Whoever reads afterwards need not check form again.
 *
 * Tags are allowed here, as in the released crates; who must refuse them does so itself.
 */

import { compareBytes } from './bytes.js'
import { doubleFitsSingle, singleFitsHalf } from './cbor-float.js'
import { ARRAY, argumentAt, BYTES, headLength, MAP, NEGATIVE, SIMPLE, TAG, TEXT, UNSIGNED } from './cbor-head.js'
import { ThicketError } from './errors.js'

export interface ScanRules {
  /** Code of the errors. */
  readonly code: string
  /** Arrays, maps and tags within one another. */
  readonly maxDepth: number
  /** Items of an array or map, bytes of a byte or text string. */
  readonly maxLength: number
}

/** Width of the argument for the additional information 24 to 27, and the least value that needs this width. */
const LEAST_ARGUMENT = [24, 0x100, 0x1_0000, 0x1_0000_0000] as const
/** Tags 2 and 3 hold integers that need more than the 64 bits of a head. */
const BIGNUM_TAGS = [2, 3]
const BYTES_OF_U64 = 8

/** @returns the position after the item at `at` @throws with `rules.code` */
export function scanItem(bytes: Uint8Array, at: number, rules: ScanRules, depth = rules.maxDepth): number {
  const initial = bytes[at]
  if (initial === undefined) throw wrong(rules, at, 'the bytes end too early')
  const major = initial >> 5
  const info = initial & 31
  if (info > 27) throw wrong(rules, at, info === 31 ? 'an indefinite length' : 'a reserved head')
  const next = at + headLength(initial)
  if (next > bytes.length) throw wrong(rules, at, 'the bytes end too early')
  if (major === SIMPLE) {
    checkSimple(bytes, at, info, rules)
    return next
  }
  const argument = info < 24 ? info : argumentAt(bytes, at)
  if (info >= 24 && argument < LEAST_ARGUMENT[info - 24]!) throw wrong(rules, at, 'a number in more bytes than needed')
  if (major === UNSIGNED || major === NEGATIVE) return next
  if (major !== TAG && argument > rules.maxLength) throw wrong(rules, at, 'a length beyond the limit')
  if (major === BYTES || major === TEXT) {
    const end = next + argument
    if (end > bytes.length) throw wrong(rules, at, 'the bytes end too early')
    if (major === TEXT) checkText(bytes, next, end, rules)
    return end
  }
  if (depth === 0) throw wrong(rules, at, 'nesting beyond the limit')
  if (major === ARRAY) {
    let end = next
    for (let index = 0; index < argument; index++) end = scanItem(bytes, end, rules, depth - 1)
    return end
  }
  return major === MAP ? scanMap(bytes, next, argument, rules, depth) : scanTagged(bytes, next, argument, rules, depth)
}

/** Keys ascend by their encoded bytes, which also keeps them apart. */
function scanMap(bytes: Uint8Array, at: number, count: number, rules: ScanRules, depth: number): number {
  let end = at
  let before: Uint8Array | null = null
  for (let index = 0; index < count; index++) {
    const start = end
    end = scanItem(bytes, start, rules, depth - 1)
    const key = bytes.subarray(start, end)
    if (before && compareBytes(before, key) >= 0) throw wrong(rules, start, 'a map key out of order or twice')
    before = key
    end = scanItem(bytes, end, rules, depth - 1)
  }
  return end
}

function scanTagged(bytes: Uint8Array, at: number, tag: number, rules: ScanRules, depth: number): number {
  const end = scanItem(bytes, at, rules, depth - 1)
  if (BIGNUM_TAGS.includes(tag) && bytes[at]! >> 5 === BYTES) {
    if (argumentAt(bytes, at) <= BYTES_OF_U64 || bytes[at + headLength(bytes[at]!)] === 0) {
      throw wrong(rules, at, 'a big number in more bytes than needed')
    }
  }
  return end
}

function checkSimple(bytes: Uint8Array, at: number, info: number, rules: ScanRules): void {
  if (info < 24) return
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (info === 24 && bytes[at + 1]! < 32) throw wrong(rules, at, 'a simple value in more bytes than needed')
  if (info === 26 && singleFitsHalf(view.getUint32(at + 1))) throw wrong(rules, at, 'a float wider than needed')
  if (info === 27 && doubleFitsSingle(view, at + 1)) throw wrong(rules, at, 'a float wider than needed')
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function checkText(bytes: Uint8Array, start: number, end: number, rules: ScanRules): void {
  for (let at = start; at < end; at++) {
    if (bytes[at]! < 0x80) continue
    try {
      utf8.decode(bytes.subarray(at, end))
    } catch {
      throw wrong(rules, start, 'a text that is not UTF-8')
    }
    return
  }
}

function wrong(rules: ScanRules, position: number, what: string): ThicketError {
  return new ThicketError(rules.code, `CBOR: ${what}`, { position })
}

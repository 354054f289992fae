/**
 * Deterministic CBOR of application messages, so that Rust apps can read them (spec/node.md 1.3).
 *
 * A number that is a safe integer becomes an integer, any other a float in its shortest width; -0 is a float. Rust
 * fields of type f64 take no integer, so `new CborFloat(1)` writes one as a float. Properties that are `undefined` are
 * left out, as in JSON; `undefined` anywhere else is an error, for it has no counterpart.
 */

import { compareBytes, concatBytes } from './bytes.js'
import { encodeFloat } from './cbor-float.js'
import { ARRAY, BYTES, encodeHead, FALSE, MAP, NEGATIVE, NULL, TAG, TEXT, TRUE, UNSIGNED } from './cbor-head.js'
import { ThicketError } from './errors.js'

export type CborValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | CborFloat
  | readonly CborValue[]
  | ReadonlyMap<CborValue, CborValue>
  | { readonly [key: string]: CborValue | undefined }

/** A number that is written as a float whatever its value. */
export class CborFloat {
  readonly value: number

  constructor(value: number) {
    this.value = value
  }
}

/** What a reader with the default limits still reads; also what ends a value that contains itself. */
export const MAX_CBOR_DEPTH = 200

/** @throws `encoding-cbor` for what CBOR messages do not hold: functions, symbols, class instances, cycles */
export function encodeCbor(value: CborValue): Uint8Array {
  const parts: Uint8Array[] = []
  write(parts, value, MAX_CBOR_DEPTH)
  return parts.length === 1 ? parts[0]! : concatBytes(...parts)
}

const NULL_ITEM = Uint8Array.of(NULL)
const TRUE_ITEM = Uint8Array.of(TRUE)
const FALSE_ITEM = Uint8Array.of(FALSE)
const utf8 = new TextEncoder()

function write(parts: Uint8Array[], value: CborValue | undefined, depth: number): void {
  if (value === null) parts.push(NULL_ITEM)
  else if (typeof value === 'boolean') parts.push(value ? TRUE_ITEM : FALSE_ITEM)
  else if (typeof value === 'string') writeText(parts, value)
  else if (typeof value === 'number') parts.push(encodeNumber(value))
  else if (typeof value === 'bigint') writeBigInt(parts, value)
  else if (value instanceof Uint8Array) parts.push(encodeHead(BYTES, value.length), value)
  else if (value instanceof CborFloat) parts.push(encodeFloat(value.value))
  else if (typeof value === 'object') writeContainer(parts, value, depth)
  else throw refused(`a ${typeof value}`)
}

function encodeNumber(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) return encodeFloat(value)
  return value >= 0 ? encodeHead(UNSIGNED, value) : encodeHead(NEGATIVE, -1 - value)
}

function writeText(parts: Uint8Array[], text: string): void {
  if (/\p{Surrogate}/u.test(text)) throw refused('a text with half a surrogate pair')
  const bytes = utf8.encode(text)
  parts.push(encodeHead(TEXT, bytes.length), bytes)
}

const U64_MAX = 0xffff_ffff_ffff_ffffn

function writeBigInt(parts: Uint8Array[], value: bigint): void {
  const magnitude = value >= 0n ? value : -1n - value
  if (magnitude <= U64_MAX) {
    parts.push(encodeHead(value >= 0n ? UNSIGNED : NEGATIVE, magnitude))
    return
  }
  const bytes = bigBytes(magnitude)
  parts.push(encodeHead(TAG, value >= 0n ? 2 : 3), encodeHead(BYTES, bytes.length), bytes)
}

function bigBytes(magnitude: bigint): Uint8Array {
  const bytes: number[] = []
  for (let rest = magnitude; rest > 0n; rest >>= 8n) bytes.push(Number(rest & 0xffn))
  return Uint8Array.from(bytes.reverse())
}

function writeContainer(parts: Uint8Array[], value: object, depth: number): void {
  if (depth === 0) throw refused(`nesting beyond ${MAX_CBOR_DEPTH} levels`)
  if (Array.isArray(value)) {
    parts.push(encodeHead(ARRAY, value.length))
    // Not for-of over holes: a hole is undefined, and that is refused.
    for (const item of value) write(parts, item, depth - 1)
  } else if (value instanceof Map) {
    writeMap(parts, [...value], depth)
  } else {
    const prototype = Object.getPrototypeOf(value)
    if (prototype !== Object.prototype && prototype !== null) throw refused(`an instance of ${className(value)}`)
    writeMap(
      parts,
      Object.entries(value).filter(([, entry]) => entry !== undefined),
      depth,
    )
  }
}

function writeMap(parts: Uint8Array[], entries: readonly [CborValue, CborValue][], depth: number): void {
  const encoded = entries.map(([key, entry]) => ({ key: encodeWithin(key, depth), entry }))
  encoded.sort((left, right) => compareBytes(left.key, right.key))
  parts.push(encodeHead(MAP, encoded.length))
  let before: Uint8Array | null = null
  for (const { key, entry } of encoded) {
    if (before && compareBytes(before, key) === 0) throw refused('a map with one key twice')
    before = key
    parts.push(key)
    write(parts, entry, depth - 1)
  }
}

function encodeWithin(value: CborValue, depth: number): Uint8Array {
  const parts: Uint8Array[] = []
  write(parts, value, depth - 1)
  return concatBytes(...parts)
}

function className(value: object): string {
  return value.constructor?.name ?? 'a class'
}

function refused(what: string): ThicketError {
  return new ThicketError('encoding-cbor', `CBOR messages hold no such thing: ${what}`)
}

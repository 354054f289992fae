/**
 * Node extensions, version 1: a flat array of version, variant and the variant's fields (spec/node.md 2). More fields
 * at the end come from a later release; they stay in the header's bytes and are otherwise left alone.
 */

import { bytesToHex, concatBytes } from './bytes.js'
import {
  ARRAY,
  argumentAt,
  BYTES,
  bigArgumentAt,
  encodeHead,
  FALSE,
  headLength,
  TRUE,
  UNSIGNED,
  untaggedAt,
} from './cbor-head.js'
import { ThicketError } from './errors.js'
import { ID_BYTES, idBytes, type LogId, type OperationId } from './ids.js'
import { U64_MAX } from './time.js'
import type { Extensions } from './types.js'

export const EXTENSIONS_VERSION = 1
const BASIC = 0
const CAUSAL = 1
/** Version, variant and three fields, in both variants. */
const FIELDS = 5
/** The longest array that a header decoder takes (spec/node.md 1.4). */
export const MAX_PREVIOUS = 512

/** @throws `decoding-extensions`; bytes are those of a header that passed the scan */
export function parseExtensions(bytes: Uint8Array, at: number): Extensions {
  const reader = new FieldReader(bytes, at)
  const version = reader.unsigned('version')
  if (version !== BigInt(EXTENSIONS_VERSION)) throw wrong('version', `version ${version} is not supported`)
  const variant = reader.unsigned('variant')
  if (variant !== BigInt(BASIC) && variant !== BigInt(CAUSAL)) throw wrong('variant', `variant ${variant} is unknown`)
  const logId = reader.id('log_id') as LogId
  const timestamp = reader.unsigned('timestamp')
  return variant === BigInt(BASIC)
    ? { variant: 'basic', logId, timestamp, prune: reader.boolean('prune_flag') }
    : { variant: 'causal', logId, timestamp, previous: reader.ids('previous') as OperationId[] }
}

/** @throws `invalid-timestamp`, `excessive-previous` */
export function encodeExtensions(extensions: Extensions): Uint8Array {
  const { variant, logId, timestamp } = extensions
  if (timestamp < 0n || timestamp > U64_MAX) {
    throw new ThicketError('invalid-timestamp', 'a timestamp has 64 bits and no sign', { got: timestamp })
  }
  return concatBytes(
    encodeHead(ARRAY, FIELDS),
    Uint8Array.of(EXTENSIONS_VERSION, variant === 'basic' ? BASIC : CAUSAL),
    encodeHead(BYTES, ID_BYTES),
    idBytes(logId),
    encodeHead(UNSIGNED, timestamp),
    variant === 'basic' ? Uint8Array.of(extensions.prune ? TRUE : FALSE) : encodePrevious(extensions.previous),
  )
}

function encodePrevious(previous: readonly OperationId[]): Uint8Array {
  if (previous.length > MAX_PREVIOUS) {
    throw new ThicketError('excessive-previous', `an operation names at most ${MAX_PREVIOUS} dependencies`, {
      got: previous.length,
    })
  }
  const parts = previous.flatMap(id => [encodeHead(BYTES, ID_BYTES), idBytes(id)])
  return concatBytes(encodeHead(ARRAY, previous.length), ...parts)
}

/** Reads the elements of one array, one after the other; tags in front of them mean nothing. */
class FieldReader {
  readonly #bytes: Uint8Array
  #at: number
  #left: number

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes
    this.#at = untaggedAt(bytes, at)
    const initial = bytes[this.#at]!
    if (initial >> 5 !== ARRAY) throw wrong(null, 'the extensions are no array')
    this.#left = argumentAt(bytes, this.#at)
    this.#at += headLength(initial)
  }

  unsigned(field: string): bigint {
    const at = this.#next(field)
    const initial = this.#bytes[at]!
    if (initial >> 5 !== UNSIGNED) throw wrong(field, `${field} is no unsigned integer`)
    this.#at = at + headLength(initial)
    return bigArgumentAt(this.#bytes, at)
  }

  boolean(field: string): boolean {
    const at = this.#next(field)
    const initial = this.#bytes[at]!
    if (initial !== TRUE && initial !== FALSE) throw wrong(field, `${field} is no boolean`)
    this.#at = at + 1
    return initial === TRUE
  }

  id(field: string): string {
    return this.#idAt(this.#next(field), field)
  }

  ids(field: string): string[] {
    const at = this.#next(field)
    const initial = this.#bytes[at]!
    if (initial >> 5 !== ARRAY) throw wrong(field, `${field} is no array`)
    const count = argumentAt(this.#bytes, at)
    this.#at = at + headLength(initial)
    return Array.from({ length: count }, () => this.#idAt(untaggedAt(this.#bytes, this.#at), field))
  }

  #next(field: string): number {
    if (this.#left === 0) throw wrong(field, `${field} is missing`)
    this.#left -= 1
    return untaggedAt(this.#bytes, this.#at)
  }

  #idAt(at: number, field: string): string {
    const initial = this.#bytes[at]!
    if (initial >> 5 !== BYTES) throw wrong(field, `${field} is no byte string`)
    const length = argumentAt(this.#bytes, at)
    if (length !== ID_BYTES) throw wrong(field, `${field} has ${length} bytes, not ${ID_BYTES}`)
    const start = at + headLength(initial)
    this.#at = start + length
    return bytesToHex(this.#bytes.subarray(start, this.#at))
  }
}

function wrong(field: string | null, message: string): ThicketError {
  return new ThicketError('decoding-extensions', message, { field })
}

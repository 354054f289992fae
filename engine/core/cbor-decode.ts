/**
 * Application messages from deterministic CBOR, as strict as the released crates (spec/node.md 1.4): one item is read,
 * bytes after it are ignored, tags are dropped, everything that is not the deterministic form is refused.
 *
 * Maps whose keys are all texts become plain objects, other maps a `Map`; integers become numbers while these are
 * exact, else bigints. Simple values other than false, true and null (so `undefined` too) have no meaning in messages.
 */

import { type CborValue, MAX_CBOR_DEPTH } from './cbor-encode.js'
import { halfToNumber } from './cbor-float.js'
import {
  ARRAY,
  argumentAt,
  BYTES,
  bigArgumentAt,
  FALSE,
  headLength,
  MAP,
  NEGATIVE,
  NULL,
  TAG,
  TEXT,
  TRUE,
  UNSIGNED,
} from './cbor-head.js'
import { scanItem } from './cbor-scan.js'
import { ThicketError } from './errors.js'

const MESSAGE_RULES = { code: 'decoding-cbor', maxDepth: MAX_CBOR_DEPTH, maxLength: Number.POSITIVE_INFINITY }

/** @throws `decoding-cbor` */
export function decodeCbor(bytes: Uint8Array): CborValue {
  scanItem(bytes, 0, MESSAGE_RULES)
  return new Builder(bytes).value()
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** Builds values from bytes that passed the scan. */
class Builder {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  value(): CborValue {
    const start = this.#at
    const initial = this.#bytes[start]!
    this.#at += headLength(initial)
    switch (initial >> 5) {
      case UNSIGNED:
        return exact(argumentAt(this.#bytes, start), () => bigArgumentAt(this.#bytes, start))
      case NEGATIVE:
        return exact(-1 - argumentAt(this.#bytes, start), () => -1n - bigArgumentAt(this.#bytes, start))
      case BYTES:
        return new Uint8Array(this.#take(argumentAt(this.#bytes, start)))
      case TEXT:
        return utf8.decode(this.#take(argumentAt(this.#bytes, start)))
      case ARRAY:
        return Array.from({ length: argumentAt(this.#bytes, start) }, () => this.value())
      case MAP:
        return this.#map(argumentAt(this.#bytes, start))
      case TAG:
        return this.#tagged(argumentAt(this.#bytes, start))
      default:
        return this.#simple(start, initial)
    }
  }

  #take(length: number): Uint8Array {
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  #map(count: number): CborValue {
    const entries: [CborValue, CborValue][] = []
    for (let index = 0; index < count; index++) entries.push([this.value(), this.value()])
    // Not by assignment: a key named __proto__ must become a property like any other.
    return entries.every(isNamed) ? Object.fromEntries(entries) : new Map(entries)
  }

  #tagged(tag: number): CborValue {
    const content = this.value()
    if ((tag !== 2 && tag !== 3) || !(content instanceof Uint8Array)) return content
    let magnitude = 0n
    for (const byte of content) magnitude = (magnitude << 8n) | BigInt(byte)
    return tag === 2 ? magnitude : -1n - magnitude
  }

  #simple(start: number, initial: number): CborValue {
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength)
    switch (initial) {
      case FALSE:
      case TRUE:
        return initial === TRUE
      case NULL:
        return null
      case 0xf9:
        return halfToNumber(view.getUint16(start + 1))
      case 0xfa:
        return view.getFloat32(start + 1)
      case 0xfb:
        return view.getFloat64(start + 1)
      default:
        throw new ThicketError('decoding-cbor', 'CBOR: a simple value without meaning', { position: start })
    }
  }
}

function isNamed(entry: [CborValue, CborValue]): entry is [string, CborValue] {
  return typeof entry[0] === 'string'
}

function exact(value: number, big: () => bigint): number | bigint {
  return Number.isSafeInteger(value) ? value : big()
}

/**
 * A header from bytes, in the released order of judgement (spec/node.md 1.7): first the form of the whole input, then
 * field after field, then what is too many. The signature is verified elsewhere; only after it do the extensions count.
 *
 * Tags in front of the header or of a field mean nothing to p2panda and are gone when it encodes the header again, so
 * that one operation gets as many ids as somebody adds tags. What it refuses for another reason is refused for that
 * reason here too; what it would accept with such a tag is refused as `decoding-header`. Tags within the extensions are
 * signed, kept and harmless.
 */

import { bytesToHex } from './bytes.js'
import { ARRAY, argumentAt, BYTES, headLength, UNSIGNED, untaggedAt } from './cbor-head.js'
import { scanItem } from './cbor-scan.js'
import { isThicketError, ThicketError } from './errors.js'
import { parseExtensions } from './extensions.js'
import { type Hash, ID_BYTES, type OperationId, type VerifyingKey } from './ids.js'
import { isPoint } from './point.js'
import type { Extensions, UnverifiedHeader } from './types.js'

export const HEADER_VERSION = 1
export const SIGNATURE_BYTES = 64
const U16_MAX = 0xffff
export const U32_MAX = 0xffff_ffff

/** Limits of the released decoder (spec/node.md 1.4): 64 levels, and 512 items or bytes in anything. */
export const HEADER_RULES = { code: 'decoding-header', maxDepth: 64, maxLength: 512 } as const

/** @throws `decoding-header` and the other codes of spec/node.md 1.7, up to the signature */
export function parseHeader(input: Uint8Array): UnverifiedHeader {
  // A copy: what was received may be a view into a large or reused buffer.
  const bytes = new Uint8Array(input)
  const elements = new Elements(bytes)
  const version = elements.unsigned('version', U16_MAX)
  if (version !== HEADER_VERSION) {
    throw new ThicketError('unsupported-version', `header version ${version} is not supported`, {
      got: version,
      expected: HEADER_VERSION,
    })
  }
  const key = elements.byteString('verifying_key', ID_BYTES)
  const author = bytesToHex(key) as VerifyingKey
  if (!isPoint(key, author)) {
    throw new ThicketError('invalid-verifying-key', 'the verifying key is no point of the curve', { got: author })
  }
  const signatureAt = elements.position
  const signature = elements.byteString('signature', SIGNATURE_BYTES)
  const signatureEnd = elements.position
  const payloadSize = elements.unsigned('payload_size', U32_MAX)
  const payloadHash = payloadSize > 0 ? (bytesToHex(elements.byteString('payload_hash', ID_BYTES)) as Hash) : null
  const seqNum = elements.unsigned('seq_num', U32_MAX)
  const backlink = seqNum > 0 ? (bytesToHex(elements.byteString('backlink', ID_BYTES)) as OperationId) : null
  const extensionsAt = elements.rest()
  const { extensions, error } = judgeExtensions(bytes, extensionsAt)
  return {
    fields: { version, author, payloadSize, payloadHash, seqNum, backlink, signature, bytes },
    extensions,
    extensionsError: error ?? elements.tagError(),
    verifyingKey: key,
    unsignedBytes: withoutElement(bytes, elements.start, signatureAt, signatureEnd),
  }
}

function judgeExtensions(
  bytes: Uint8Array,
  at: number | null,
): { extensions: Extensions | null; error: ThicketError | null } {
  if (at === null) {
    return { extensions: null, error: new ThicketError('missing-extensions', 'the header has no extensions') }
  }
  try {
    return { extensions: parseExtensions(bytes, at), error: null }
  } catch (error) {
    if (!isThicketError(error)) throw error
    return { extensions: null, error }
  }
}

/** An array of at most 23 elements, as every header that came this far is, has their count in its first byte. */
function withoutElement(bytes: Uint8Array, arrayAt: number, start: number, end: number): Uint8Array {
  const rest = new Uint8Array(bytes.length - arrayAt - (end - start))
  rest.set(bytes.subarray(arrayAt, start))
  rest.set(bytes.subarray(end), start - arrayAt)
  rest[0]! -= 1
  return rest
}

/** The elements of the outermost array in order; all of them have passed the scan before the first is handed out. */
class Elements {
  readonly #bytes: Uint8Array
  readonly #count: number
  /** Where the array itself begins. */
  readonly start: number
  #index = 0
  #tagAt: number | null = null
  /** Where the next element begins, with its tags. */
  position: number

  constructor(bytes: Uint8Array) {
    const end = scanItem(bytes, 0, HEADER_RULES)
    if (end !== bytes.length) {
      throw new ThicketError('decoding-header', 'bytes follow the header', { position: end })
    }
    this.#bytes = bytes
    this.start = this.#untagged(0)
    const initial = bytes[this.start]!
    if (initial >> 5 !== ARRAY) throw new ThicketError('unexpected-header-type', 'the header is no array')
    this.#count = argumentAt(bytes, this.start)
    this.position = this.start + headLength(initial)
  }

  unsigned(field: string, max: number): number {
    const at = this.#next(field)
    const initial = this.#bytes[at]!
    const value = argumentAt(this.#bytes, at)
    if (initial >> 5 !== UNSIGNED || value > max) throw unexpectedType(field)
    this.position = at + headLength(initial)
    return value
  }

  byteString(field: string, length: number): Uint8Array {
    const at = this.#next(field)
    const initial = this.#bytes[at]!
    if (initial >> 5 !== BYTES) throw unexpectedType(field)
    const actual = argumentAt(this.#bytes, at)
    if (actual !== length) {
      throw new ThicketError('invalid-bytes-len', `${field} has ${actual} bytes, expected ${length}`, {
        field,
        actual,
        expected: length,
      })
    }
    const start = at + headLength(initial)
    this.position = start + length
    return this.#bytes.subarray(start, this.position)
  }

  /** Where the last element begins, null when there is none. */
  rest(): number | null {
    if (this.#index === this.#count) return null
    if (this.#index + 1 < this.#count) throw new ThicketError('excessive-fields', 'the header has too many fields')
    return this.position
  }

  tagError(): ThicketError | null {
    if (this.#tagAt === null) return null
    return new ThicketError('decoding-header', 'CBOR: a tag in front of the header or a field', {
      position: this.#tagAt,
    })
  }

  #next(field: string): number {
    if (this.#index === this.#count) throw new ThicketError('missing-field', `the header has no ${field}`, { field })
    this.#index += 1
    return this.#untagged(this.position)
  }

  #untagged(at: number): number {
    const item = untaggedAt(this.#bytes, at)
    if (item !== at) this.#tagAt ??= at
    return item
  }
}

function unexpectedType(field: string): ThicketError {
  return new ThicketError('unexpected-field-type', `${field} has another type than expected`, { field })
}

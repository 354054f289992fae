/**
 * A header from bytes, in the released order of judgement (spec/node.md 1.7): first the form of the whole input, then
 * field after field, then what is too many. The signature is verified elsewhere; only after it do the extensions count.
 *
 * Tags in front of a field mean nothing and are signed with it, as in the released crates. Two tags are refused there
 * where p2panda takes them, since nothing signs them and each would give one operation one id more: in front of the
 * whole header, and in front of the signature.
 */

import { bytesToHex } from './bytes.js'
import { ARRAY, argumentAt, BYTES, headLength, TAG, UNSIGNED, untaggedAt } from './cbor-head.js'
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
  if (bytes[signatureAt]! >> 5 === TAG) throw tagged(signatureAt)
  const payloadSize = elements.unsigned('payload_size', U32_MAX)
  const payloadHash = payloadSize > 0 ? (bytesToHex(elements.byteString('payload_hash', ID_BYTES)) as Hash) : null
  const seqNum = elements.unsigned('seq_num', U32_MAX)
  const backlink = seqNum > 0 ? (bytesToHex(elements.byteString('backlink', ID_BYTES)) as OperationId) : null
  const extensionsAt = elements.rest()
  const { extensions, error } = judgeExtensions(bytes, extensionsAt)
  return {
    fields: { version, author, payloadSize, payloadHash, seqNum, backlink, signature, bytes },
    extensions,
    extensionsError: error,
    verifyingKey: key,
    unsignedBytes: withoutElement(bytes, signatureAt, signatureEnd),
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

/** An array that has at most 23 elements, as every header that came this far, has its count in the first byte. */
function withoutElement(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const rest = new Uint8Array(bytes.length - (end - start))
  rest.set(bytes.subarray(0, start))
  rest.set(bytes.subarray(end), start)
  rest[0]! -= 1
  return rest
}

/** The elements of the outermost array in order; all of them have passed the scan before the first is handed out. */
class Elements {
  readonly #bytes: Uint8Array
  readonly #count: number
  #index = 0
  position: number

  constructor(bytes: Uint8Array) {
    if (bytes.length > 0 && bytes[0]! >> 5 === TAG) throw tagged(0)
    const end = scanItem(bytes, 0, HEADER_RULES)
    if (end !== bytes.length) {
      throw new ThicketError('decoding-header', 'bytes follow the header', { position: end })
    }
    if (bytes[0]! >> 5 !== ARRAY) throw new ThicketError('unexpected-header-type', 'the header is no array')
    this.#bytes = bytes
    this.#count = argumentAt(bytes, 0)
    this.position = headLength(bytes[0]!)
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

  #next(field: string): number {
    if (this.#index === this.#count) throw new ThicketError('missing-field', `the header has no ${field}`, { field })
    this.#index += 1
    return untaggedAt(this.#bytes, this.position)
  }
}

function unexpectedType(field: string): ThicketError {
  return new ThicketError('unexpected-field-type', `${field} has another type than expected`, { field })
}

function tagged(position: number): ThicketError {
  return new ThicketError('decoding-header', 'CBOR: a tag that nothing signs', { position })
}

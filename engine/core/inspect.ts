/** Judgements of headers as data: for `inspect --batch` in a fixed shape, for people with the first rule broken. */

import type { Crypto } from '../ports.js'
import { isThicketError, type ThicketError } from './errors.js'
import { acceptHeader, decodeHeader, signedMessage } from './header.js'
import { parseHeader } from './header-parse.js'
import { portableCrypto } from './portable-crypto.js'
import type { Extensions, UnverifiedHeader } from './types.js'
import { validateOperation } from './validation.js'

export type Judgement = AcceptedJudgement | RefusedJudgement

export interface AcceptedJudgement {
  readonly accepted: true
  readonly id: string
  readonly author: string
  readonly logId: string
  readonly seqNum: number
  readonly backlink: string | null
  /** Microseconds, decimal: 64 bits do not fit a JSON number. */
  readonly timestamp: string
  readonly prune: boolean
  /** Null where the extensions have no such field. */
  readonly previous: readonly string[] | null
  readonly payloadSize: number
}

export interface RefusedJudgement {
  readonly accepted: false
  readonly error: string
  readonly field: string | null
}

type Verifier = Pick<Crypto, 'verify'>

export function judgeHeader(header: Uint8Array, body: Uint8Array | null, crypto: Verifier = portableCrypto): Judgement {
  try {
    const decoded = decodeHeader(header, crypto)
    validateOperation({ id: decoded.id, header: decoded, body }, crypto)
    return {
      accepted: true,
      id: decoded.id,
      author: decoded.author,
      logId: decoded.extensions.logId,
      seqNum: decoded.seqNum,
      backlink: decoded.backlink,
      timestamp: String(decoded.extensions.timestamp),
      prune: prunes(decoded.extensions),
      previous: previousOf(decoded.extensions),
      payloadSize: decoded.payloadSize,
    }
  } catch (error) {
    if (!isThicketError(error)) throw error
    return { accepted: false, error: error.code, field: fieldOf(error) }
  }
}

export interface Description {
  /** What could be read, also of a header that is refused; null when not even its form is right. */
  readonly fields: {
    readonly version: number
    readonly author: string
    readonly signature: Uint8Array
    readonly payloadSize: number
    readonly payloadHash: string | null
    readonly seqNum: number
    readonly backlink: string | null
    readonly extensions: Extensions | null
    readonly bytes: number
  } | null
  readonly id: string | null
  /** The first rule broken. */
  readonly error: ThicketError | null
}

export function describeHeader(
  header: Uint8Array,
  body: Uint8Array | null,
  crypto: Verifier = portableCrypto,
): Description {
  let unverified: UnverifiedHeader | null = null
  let id: string | null = null
  let error: ThicketError | null = null
  try {
    unverified = parseHeader(header)
    const accepted = acceptHeader(unverified, crypto.verify(signedMessage(unverified)))
    id = accepted.id
    validateOperation({ id: accepted.id, header: accepted, body }, crypto)
  } catch (caught) {
    if (!isThicketError(caught)) throw caught
    error = caught
  }
  return { fields: unverified && fieldsOf(unverified), id, error }
}

function fieldsOf({ fields, extensions }: UnverifiedHeader): Description['fields'] {
  return { ...fields, extensions, bytes: fields.bytes.length }
}

function prunes(extensions: Extensions): boolean {
  return extensions.variant === 'basic' && extensions.prune
}

function previousOf(extensions: Extensions): readonly string[] | null {
  return extensions.variant === 'causal' ? extensions.previous : null
}

function fieldOf(error: ThicketError): string | null {
  const { field } = error.details
  return typeof field === 'string' ? field : null
}

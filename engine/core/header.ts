/** Headers: decoded and verified, forged, encoded. The bytes received are the ones hashed, stored and forwarded. */

import type { Crypto, SignedMessage } from '../ports.js'
import { bytesToHex } from './bytes.js'
import { ThicketError } from './errors.js'
import { hash } from './hash.js'
import { encodeFields, type SigningFields } from './header-encode.js'
import { HEADER_VERSION, parseHeader, U32_MAX } from './header-parse.js'
import type { Hash, OperationId } from './ids.js'
import { portableCrypto } from './portable-crypto.js'
import type { SigningKey } from './signing-key.js'
import type { Extensions, Header, HeaderFields, UnverifiedHeader } from './types.js'

/**
 * Only this file makes headers that count as verified. A spread copy with a changed field loses the private mark, and
 * the original cannot be changed.
 */
class VerifiedHeader implements HeaderFields {
  readonly version: number
  readonly author: HeaderFields['author']
  readonly payloadSize: number
  readonly payloadHash: Hash | null
  readonly seqNum: number
  readonly backlink: OperationId | null
  readonly extensions: Extensions
  readonly signature: Uint8Array
  readonly bytes: Uint8Array
  readonly id: OperationId
  readonly #isVerified = true

  constructor(fields: UnverifiedHeader['fields'], extensions: Extensions) {
    this.version = fields.version
    this.author = fields.author
    this.payloadSize = fields.payloadSize
    this.payloadHash = fields.payloadHash
    this.seqNum = fields.seqNum
    this.backlink = fields.backlink
    this.extensions = extensions
    this.signature = fields.signature
    this.bytes = fields.bytes
    this.id = bytesToHex(hash(fields.bytes)) as OperationId
    Object.freeze(this)
  }

  static is(header: HeaderFields): boolean {
    return #isVerified in header && header.#isVerified
  }
}

/** True for what `acceptHeader` and `forgeHeader` made, false for a copy. */
export function isVerified(header: HeaderFields): header is Header {
  return VerifiedHeader.is(header)
}

/** What a Crypto must verify before the header may be accepted. */
export function signedMessage(unverified: UnverifiedHeader): SignedMessage {
  return {
    verifyingKey: unverified.verifyingKey,
    message: unverified.unsignedBytes,
    signature: unverified.fields.signature,
  }
}

/** @throws `invalid-signature`, then `missing-extensions`, `decoding-extensions` or, for tags, `decoding-header` */
export function acceptHeader(unverified: UnverifiedHeader, signatureIsGood: boolean): Header {
  if (!signatureIsGood) {
    throw new ThicketError('invalid-signature', 'the signature does not verify', { author: unverified.fields.author })
  }
  if (unverified.extensionsError) throw unverified.extensionsError
  return new VerifiedHeader(unverified.fields, unverified.extensions!) as unknown as Header
}

/** Decodes and verifies. @throws every code of spec/node.md 1.7 */
export function decodeHeader(bytes: Uint8Array, crypto: Pick<Crypto, 'verify'> = portableCrypto): Header {
  const unverified = parseHeader(bytes)
  return acceptHeader(unverified, crypto.verify(signedMessage(unverified)))
}

/** The signed bytes; of a verified header those it came from, as a copy. */
export function encodeHeader(header: HeaderFields): Uint8Array {
  return isVerified(header) ? new Uint8Array(header.bytes) : encodeFields(header, header.signature)
}

export interface HeaderToForge {
  /** Bytes of the body; empty ones are none. */
  readonly payload: Uint8Array | null
  readonly seqNum: number
  readonly backlink: OperationId | null
  readonly extensions: Extensions
}

/** @throws `backlink-missing`, `seq-num-mismatch`, `invalid-seq-num` and the codes of bad extensions */
export function forgeHeader(crypto: Pick<Crypto, 'sign'>, key: SigningKey, forge: HeaderToForge): Header {
  checkPlace(forge)
  const payload = forge.payload && forge.payload.length > 0 ? forge.payload : null
  const fields: SigningFields = {
    version: HEADER_VERSION,
    author: key.verifyingKey,
    payloadSize: payload ? payload.length : 0,
    payloadHash: payload ? (bytesToHex(hash(payload)) as Hash) : null,
    seqNum: forge.seqNum,
    backlink: forge.backlink,
    extensions: forge.extensions,
  }
  const signature = crypto.sign(key.toBytes(), encodeFields(fields, null))
  return acceptHeader(parseHeader(encodeFields(fields, signature)), true)
}

function checkPlace({ seqNum, backlink }: HeaderToForge): void {
  if (!Number.isInteger(seqNum) || seqNum < 0 || seqNum > U32_MAX) {
    throw new ThicketError('invalid-seq-num', 'a sequence number is an integer of 32 bits', { got: seqNum })
  }
  if (seqNum === 0 && backlink !== null) {
    throw new ThicketError('seq-num-mismatch', 'the first operation of a log has no backlink', { backlink })
  }
  if (seqNum > 0 && backlink === null) {
    throw new ThicketError('backlink-missing', `operation ${seqNum} of a log needs a backlink`, { seqNum })
  }
}

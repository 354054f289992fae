/**
 * The rules of one operation and of its place in a log (spec/node.md 1.9), each in the released order: the first that
 * is broken is the one reported.
 */

import type { Crypto } from '../ports.js'
import { bytesToHex } from './bytes.js'
import { ThicketError } from './errors.js'
import { hash } from './hash.js'
import { isVerified } from './header.js'
import { encodeFields } from './header-encode.js'
import { HEADER_VERSION, U32_MAX } from './header-parse.js'
import { idBytes, type OperationId, type VerifyingKey } from './ids.js'
import { portableCrypto } from './portable-crypto.js'
import type { HeaderFields } from './types.js'

/** An operation somebody claims; the header may be built by hand. */
export interface ClaimedOperation {
  readonly id: OperationId
  readonly header: HeaderFields
  readonly body: Uint8Array | null
}

/** What the rules of a log look at. */
export interface LogEntry {
  readonly author: VerifyingKey
  readonly seqNum: number
  readonly backlink: OperationId | null
  readonly id: OperationId
}

/**
 * A header that came out of `decodeHeader`, `acceptHeader` or `forgeHeader` has passed these rules and is not verified
 * again; any other is judged by its fields.
 *
 * @throws `signature-mismatch`, `unsupported-version`, `inconsistent-payload-info`, `seq-num-mismatch`, `backlink-missing`
 */
export function validateHeader(header: HeaderFields, crypto: Pick<Crypto, 'verify'> = portableCrypto): void {
  if (isVerified(header)) return
  const message = encodeFields(header, null)
  if (!crypto.verify({ verifyingKey: idBytes(header.author), message, signature: header.signature })) {
    throw new ThicketError('signature-mismatch', 'the signature is not that of the author over these fields', {
      author: header.author,
    })
  }
  if (header.version !== HEADER_VERSION) {
    throw new ThicketError('unsupported-version', `header version ${header.version} is not supported`, {
      got: header.version,
      expected: HEADER_VERSION,
    })
  }
  if ((header.payloadHash === null) !== (header.payloadSize === 0)) {
    throw new ThicketError('inconsistent-payload-info', 'a payload has both a hash and a size, or neither', {
      payloadSize: header.payloadSize,
      payloadHash: header.payloadHash,
    })
  }
  if (header.backlink !== null && header.seqNum === 0) {
    throw new ThicketError('seq-num-mismatch', 'the first operation of a log has no backlink', {
      backlink: header.backlink,
    })
  }
  if (header.backlink === null && header.seqNum > 0) throw backlinkMissing(header.seqNum)
}

/**
 * All that can be said of one operation alone. A body that is left out is no fault; an empty one is, for "no body" has
 * one form only.
 *
 * @throws the codes of `validateHeader`, `id-mismatch`, `payload-mismatch`
 */
export function validateOperation(operation: ClaimedOperation, crypto: Pick<Crypto, 'verify'> = portableCrypto): void {
  const { header, body } = operation
  validateHeader(header, crypto)
  const id = isVerified(header) ? header.id : bytesToHex(hash(encodeFields(header, header.signature)))
  if (operation.id !== id) {
    throw new ThicketError('id-mismatch', 'the id is not the hash of the header', { got: operation.id, expected: id })
  }
  if (body === null) return
  if (body.length !== header.payloadSize || header.payloadHash === null) throw payloadMismatch(header, body)
  if (bytesToHex(hash(body)) !== header.payloadHash) throw payloadMismatch(header, body)
}

/** @throws `too-many-authors`, `seq-num-overflow`, `seq-num-non-incremental`, `backlink-missing`, `backlink-mismatch` */
export function validateBacklink(past: LogEntry, header: LogEntry): void {
  if (past.author !== header.author) {
    throw new ThicketError('too-many-authors', 'a log has one author', { expected: past.author, got: header.author })
  }
  if (past.seqNum >= U32_MAX) {
    throw new ThicketError('seq-num-overflow', 'the log has reached its last sequence number', { seqNum: past.seqNum })
  }
  const expected = past.seqNum + 1
  if (header.seqNum !== expected) {
    throw new ThicketError(
      'seq-num-non-incremental',
      `sequence number ${header.seqNum} does not follow ${past.seqNum}`,
      {
        author: header.author,
        expected,
        got: header.seqNum,
      },
    )
  }
  if (header.backlink === null) throw backlinkMissing(header.seqNum)
  if (header.backlink !== past.id) {
    throw new ThicketError('backlink-mismatch', 'the backlink does not name the operation before it', {
      expected: past.id,
      got: header.backlink,
    })
  }
}

/**
 * @param past the entry of this log with the highest sequence number, null for an empty log
 * @throws the codes of `validateBacklink`
 */
export function validatePrunableBacklink(
  past: LogEntry | null,
  header: LogEntry & Pick<HeaderFields, 'extensions'>,
): void {
  const prunes = header.extensions.variant === 'basic' && header.extensions.prune
  if (header.seqNum > 0 && prunes) return
  if (past) validateBacklink(past, header)
  else if (header.seqNum > 0) throw backlinkMissing(header.seqNum)
}

function backlinkMissing(seqNum: number): ThicketError {
  return new ThicketError('backlink-missing', `operation ${seqNum} follows nothing`, { seqNum })
}

function payloadMismatch(header: HeaderFields, body: Uint8Array): ThicketError {
  return new ThicketError('payload-mismatch', 'hash and size in the header are not those of the body', {
    expectedSize: header.payloadSize,
    gotSize: body.length,
  })
}

/**
 * One ephemeral message as p2panda 0.7.1 puts it on the wire (spec/node.md 6.10): a CBOR array of version, author,
 * signature, timestamp in microseconds, lamport and the app's value as it is, not wrapped.
 *
 * The signature covers the array without itself. p2panda decodes the value and encodes it anew to verify; here the
 * bytes that were received are verified, which is the same for whoever encodes deterministically and asks nothing of
 * the app's type. Tags and bytes around the array or its fields are refused although p2panda drops them: a message
 * then has one encoding, so nobody can make a second one of it that passes for new.
 */

import {
  bytesToHex,
  concatBytes,
  decodeCbor,
  encodeCbor,
  type HybridTimestamp,
  ID_BYTES,
  idBytes,
  isPoint,
  type SigningKey,
  splitCborArray,
  ThicketError,
  type VerifyingKey,
} from '../core/index.js'
import type { Crypto } from '../ports.js'

export interface EphemeralMessage {
  readonly author: VerifyingKey
  readonly timestamp: HybridTimestamp
  /** One item of deterministic CBOR. */
  readonly body: Uint8Array
}

const VERSION = 1n
const FIELDS = 6
const SIGNATURE_BYTES = 64
/** Heads of the two arrays, and of byte strings of 32 and 64 bytes. */
const SIGNED_ARRAY = 0x80 | FIELDS
const UNSIGNED_ARRAY = 0x80 | (FIELDS - 1)
const BYTE_STRING = 0x58

/**
 * Signs a body for all who listen.
 *
 * @param maxBytes what the broadcast takes; 4,096 is the most p2panda's gossip is configured for
 * @throws `message-too-large` @throws `decoding-cbor` for a body that is not one item
 */
export function encodeEphemeral(
  key: SigningKey,
  crypto: Crypto,
  timestamp: HybridTimestamp,
  body: Uint8Array,
  maxBytes: number,
): Uint8Array {
  const before = concatBytes(encodeCbor(VERSION), encodeCbor(idBytes(key.verifyingKey)))
  const after = concatBytes(encodeCbor(timestamp.wallUs), encodeCbor(timestamp.lamport), body)
  const signature = crypto.sign(key.toBytes(), signedPart(before, after))
  const bytes = concatBytes(Uint8Array.of(SIGNED_ARRAY), before, encodeCbor(signature), after)
  if (bytes.length > maxBytes) {
    throw new ThicketError(
      'message-too-large',
      `an ephemeral message has at most ${maxBytes} bytes, ${bytes.length - body.length} of them around the body`,
      { got: bytes.length, maxBytes, bodyBytes: body.length },
    )
  }
  return bytes
}

/** What the bytes say, not verified yet. */
export interface UnverifiedEphemeral {
  readonly claimed: EphemeralMessage
  readonly signature: Uint8Array
  readonly signed: Uint8Array
}

/**
 * @throws `message-too-large`, `decoding-cbor`, `ephemeral-malformed`, `unsupported-version`, `invalid-verifying-key`
 */
export function parseEphemeral(bytes: Uint8Array, maxBytes: number): UnverifiedEphemeral {
  if (bytes.length > maxBytes) {
    throw new ThicketError('message-too-large', `an ephemeral message has at most ${maxBytes} bytes`, {
      got: bytes.length,
      maxBytes,
    })
  }
  const items = splitCborArray(bytes)
  if (items[0] === undefined) throw malformed('the array is empty')
  const version = unsigned(items[0], 'the version')
  if (version !== VERSION) {
    throw new ThicketError('unsupported-version', `version ${version} of ephemeral messages is not supported`, {
      got: version,
      expected: VERSION,
    })
  }
  if (items.length !== FIELDS) throw malformed(`the array has ${items.length} items, not ${FIELDS}`)
  const [, keyItem, signatureItem, wallItem, lamportItem, body] = items
  const key = byteString(keyItem!, ID_BYTES, 'the author')
  const author = bytesToHex(key) as VerifyingKey
  if (!isPoint(key, author)) {
    throw new ThicketError('invalid-verifying-key', 'the author is no point of the curve', { got: author })
  }
  return {
    claimed: {
      author,
      timestamp: { wallUs: unsigned(wallItem!, 'the timestamp'), lamport: unsigned(lamportItem!, 'the lamport') },
      body: new Uint8Array(body!),
    },
    signature: byteString(signatureItem!, SIGNATURE_BYTES, 'the signature'),
    signed: signedPart(concatBytes(items[0], keyItem!), concatBytes(wallItem!, lamportItem!, body!)),
  }
}

/** @throws `invalid-signature` */
export function verifyEphemeral({ claimed, signature, signed }: UnverifiedEphemeral, crypto: Crypto): EphemeralMessage {
  if (!crypto.verify({ verifyingKey: idBytes(claimed.author), message: signed, signature })) {
    throw new ThicketError('invalid-signature', 'the signature of an ephemeral message does not verify', {
      author: claimed.author,
    })
  }
  return claimed
}

function signedPart(before: Uint8Array, after: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(UNSIGNED_ARRAY), before, after)
}

/** An unsigned integer has no other major type than 0, so neither a tag nor a big number passes. */
function unsigned(item: Uint8Array, what: string): bigint {
  if (item[0]! >> 5 !== 0) throw malformed(`${what} is no unsigned integer`)
  return BigInt(decodeCbor(item) as number | bigint)
}

function byteString(item: Uint8Array, length: number, what: string): Uint8Array {
  if (item[0] !== BYTE_STRING || item[1] !== length) throw malformed(`${what} is no byte string of ${length} bytes`)
  return new Uint8Array(item.subarray(2))
}

function malformed(what: string): ThicketError {
  return new ThicketError('ephemeral-malformed', `not an ephemeral message: ${what}`)
}

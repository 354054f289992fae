/**
 * The identifiers of p2panda as branded lower-case hex strings: comparable with ===, usable as map keys, printed as
 * they are, and ordered bytewise by plain string comparison (spec/node.md 1.1).
 */

import { bytesToHex, hexToBytes } from './bytes.js'
import { ThicketError } from './errors.js'

declare const brand: unique symbol
type Branded<Name extends string> = string & { readonly [brand]: Name }

/** BLAKE3-256 of some bytes. */
export type Hash = Branded<'Hash'>
/** The hash of a signed header; identifies an operation. */
export type OperationId = Branded<'OperationId'>
/** An Ed25519 public key: author of operations and id of a node. */
export type VerifyingKey = Branded<'VerifyingKey'>
export type Topic = Branded<'Topic'>
/** BLAKE3 of the topic; a log is identified by author and log id. */
export type LogId = Branded<'LogId'>

/** Bytes of every identifier here. */
export const ID_BYTES = 32

/** Brands 64 hex characters, of either case, as an id of the kind the caller names. */
export function idFromHex<Id extends string>(hex: string, what: string): Id {
  if (!/^(?:[0-9a-fA-F]{2})*$/.test(hex))
    throw new ThicketError('invalid-hex-encoding', `${what} is not hexadecimal`, { got: hex })
  if (hex.length !== ID_BYTES * 2) {
    throw new ThicketError('invalid-length', `${what} has ${hex.length / 2} bytes, expected ${ID_BYTES}`, {
      actual: hex.length / 2,
      expected: ID_BYTES,
    })
  }
  return hex.toLowerCase() as Id
}

export function idFromBytes<Id extends string>(bytes: Uint8Array, what: string): Id {
  if (bytes.length !== ID_BYTES) {
    throw new ThicketError('invalid-length', `${what} has ${bytes.length} bytes, expected ${ID_BYTES}`, {
      actual: bytes.length,
      expected: ID_BYTES,
    })
  }
  return bytesToHex(bytes) as Id
}

/** The 32 bytes behind an id. */
export function idBytes(id: Hash | OperationId | VerifyingKey | Topic | LogId): Uint8Array {
  return hexToBytes(id)
}

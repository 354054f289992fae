/** What an operation is made of once decoded. Everything here is frozen data. */

import type { Hash, LogId, OperationId, VerifyingKey } from './ids.js'

/** Node extensions, version 1 (spec/node.md 2.1). */
export type Extensions = BasicExtensions | CausalExtensions

export interface BasicExtensions {
  readonly variant: 'basic'
  readonly logId: LogId
  /** Microseconds since the UNIX epoch, u64. */
  readonly timestamp: bigint
  readonly prune: boolean
}

export interface CausalExtensions {
  readonly variant: 'causal'
  readonly logId: LogId
  readonly timestamp: bigint
  /** Dependencies as the author wrote them: may repeat, need not be sorted. */
  readonly previous: readonly OperationId[]
}

/** The fields of a header, as far as they are decoded; `bytes` is what was received, hashed, stored and forwarded. */
export interface HeaderFields {
  readonly version: number
  readonly author: VerifyingKey
  readonly payloadSize: number
  readonly payloadHash: Hash | null
  readonly seqNum: number
  readonly backlink: OperationId | null
  readonly extensions: Extensions
  /** 64 bytes. */
  readonly signature: Uint8Array
  /** The signed header, canonical CBOR. */
  readonly bytes: Uint8Array
  /** BLAKE3 of `bytes`. */
  readonly id: OperationId
}

declare const verified: unique symbol

/** A header whose form is right and whose signature has been verified. */
export interface Header extends HeaderFields {
  readonly [verified]: true
}

/**
 * A header whose form is right and whose signature nobody has checked. `extensionsError` is what must be thrown once
 * the signature turns out good: the released order of judgement puts the signature first (spec/node.md 1.7). A tag that
 * makes a second id of the same operation is reported there too.
 */
export interface UnverifiedHeader {
  readonly fields: Omit<HeaderFields, 'extensions' | 'id'>
  readonly extensions: Extensions | null
  readonly extensionsError: Error | null
  /** The 32 bytes of the author's key. */
  readonly verifyingKey: Uint8Array
  /** What the signature signs: the same array without the signature. */
  readonly unsignedBytes: Uint8Array
}

export interface Operation {
  readonly id: OperationId
  readonly header: Header
  /** Raw bytes; null when there is none or it was not delivered. Never empty. */
  readonly body: Uint8Array | null
}

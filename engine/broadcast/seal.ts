/**
 * Frames as they are on the air: encrypted and authenticated with the keys of their topic.
 *
 *   operation  head 2 | signature 64         | secret | MIC 4
 *   control    head 2 | MIC 8                | secret
 *   symbol     head 2 | clear 4      | MIC 4 | secret
 *
 * The head is the kind of the frame (3 bits), its flags (5 bits) and the topic's tag. In all three the MIC is taken over
 * everything else before encryption and is part of the nonce, so that a nonce comes back only where the whole frame
 * does: nothing has to be counted, and a node that wakes up with an old backup gives nothing away. The signature adds
 * its own randomness to the nonce of an operation, the clear bytes to that of a symbol.
 *
 * The MIC is BLAKE3 over the key and the frame. A key in front is sound with BLAKE3, whose last node is marked as such:
 * no one can append to what has been hashed, as with older hashes. So the fast unkeyed `Crypto.hash` serves.
 *
 * A frame that was heard before opens again: freshness is the business of what is inside.
 */

import { chacha20 } from '@noble/ciphers/chacha.js'
import { bytesEqual, concatBytes } from '../core/index.js'
import type { Crypto } from '../ports.js'
import type { TopicKeys } from './topic-keys.js'
import { FRAME_KIND } from './wire.js'

export const SIGNATURE_BYTES = 64
export const HEAD_BYTES = 2
/** A forger needs some 2 billion frames, years of air, for one that passes; and then it still is not signed. */
export const MIC_BYTES = 4
/** Control frames have nothing else that keeps their nonces apart, and no signature inside. */
export const CONTROL_MIC_BYTES = 8
export const SYMBOL_CLEAR_BYTES = 4

/** Bytes that each form of frame adds to its secret. */
export const OPERATION_OVERHEAD_BYTES = HEAD_BYTES + SIGNATURE_BYTES + MIC_BYTES
export const CONTROL_OVERHEAD_BYTES = HEAD_BYTES + CONTROL_MIC_BYTES
export const SYMBOL_OVERHEAD_BYTES = HEAD_BYTES + SYMBOL_CLEAR_BYTES + MIC_BYTES

const FLAG_BITS = 5
const FLAG_MASK = 0x1f
const NONCE_BYTES = 12
/** Last byte of the nonce, so that control frames and symbols never share one. */
const CONTROL_DOMAIN = 1
const SYMBOL_DOMAIN = 2

type Hash = Pick<Crypto, 'hash'>

/** One frame, opened. All arrays may be shared with others who heard the frame: nobody writes into them. */
export interface OpenedFrame {
  readonly kind: number
  /** 5 bits. */
  readonly flags: number
  readonly keys: TopicKeys
  /** In clear: the signature of an operation, the clear bytes of a symbol; empty in a control frame. */
  readonly clear: Uint8Array
  readonly plaintext: Uint8Array
}

/** @param signature 64 bytes @param secret what follows it in the compact operation */
export function sealOperation(
  crypto: Hash,
  keys: TopicKeys,
  flags: number,
  signature: Uint8Array,
  secret: Uint8Array,
): Uint8Array {
  const head = headOf(keys, FRAME_KIND.operation, flags)
  const mic = micOf(crypto, keys, MIC_BYTES, head, signature, secret)
  return concatBytes(head, signature, crypt(keys, operationNonce(signature, mic), secret), mic)
}

export function sealControl(crypto: Hash, keys: TopicKeys, kind: number, plaintext: Uint8Array, flags = 0): Uint8Array {
  const head = headOf(keys, kind, flags)
  const mic = micOf(crypto, keys, CONTROL_MIC_BYTES, head, plaintext)
  return concatBytes(head, mic, crypt(keys, nonceOf(CONTROL_DOMAIN, mic), plaintext))
}

/** @param clear 4 bytes anyone may read and nobody may change */
export function sealSymbol(
  crypto: Hash,
  keys: TopicKeys,
  kind: number,
  clear: Uint8Array,
  symbol: Uint8Array,
  flags = 0,
): Uint8Array {
  const head = headOf(keys, kind, flags)
  const mic = micOf(crypto, keys, MIC_BYTES, head, clear, symbol)
  return concatBytes(head, clear, mic, crypt(keys, nonceOf(SYMBOL_DOMAIN, clear, mic), symbol))
}

interface Memo {
  readonly bytes: Uint8Array
  readonly results: Map<string, OpenedFrame | null>
}

/**
 * A simulated medium hands one array to hundreds of nodes, and opening it gives all members of a topic the same: a pure
 * function of the bytes, so worth remembering as long as the array lives. The bytes are compared, because a driver may
 * well use one buffer for all that it hears.
 */
const memos = new WeakMap<Uint8Array, Memo>()

/** Tries the topics whose tag the frame has; null for what belongs to none of them. Never throws. */
export function openFrame(crypto: Hash, ring: readonly TopicKeys[], frame: Uint8Array): OpenedFrame | null {
  const tag = frame[1]
  for (const keys of ring) {
    if (keys.tag !== tag) continue
    const opened = remembered(crypto, keys, frame)
    if (opened) return opened.keys === keys ? opened : { ...opened, keys }
  }
  return null
}

/** Whether a frame of this kind carries a coded symbol behind clear bytes. */
export function isSymbolKind(kind: number): boolean {
  return kind === FRAME_KIND.repair
}

function remembered(crypto: Hash, keys: TopicKeys, frame: Uint8Array): OpenedFrame | null {
  let memo = memos.get(frame)
  if (!memo || !bytesEqual(memo.bytes, frame)) {
    memo = { bytes: frame.slice(), results: new Map() }
    memos.set(frame, memo)
  }
  let opened = memo.results.get(keys.topic)
  if (opened === undefined) {
    opened = open(crypto, keys, memo.bytes)
    memo.results.set(keys.topic, opened)
  }
  return opened
}

function open(crypto: Hash, keys: TopicKeys, frame: Uint8Array): OpenedFrame | null {
  const kind = frame[0]! >> FLAG_BITS
  if (kind === FRAME_KIND.operation) return openOperation(crypto, keys, frame)
  const clearEnd = HEAD_BYTES + (isSymbolKind(kind) ? SYMBOL_CLEAR_BYTES : 0)
  const micEnd = clearEnd + (isSymbolKind(kind) ? MIC_BYTES : CONTROL_MIC_BYTES)
  if (frame.length < micEnd) return null
  const clear = frame.subarray(HEAD_BYTES, clearEnd)
  const mic = frame.subarray(clearEnd, micEnd)
  const nonce = isSymbolKind(kind) ? nonceOf(SYMBOL_DOMAIN, clear, mic) : nonceOf(CONTROL_DOMAIN, mic)
  return checked(crypto, keys, frame, clear, crypt(keys, nonce, frame.subarray(micEnd)), mic)
}

function openOperation(crypto: Hash, keys: TopicKeys, frame: Uint8Array): OpenedFrame | null {
  if (frame.length < OPERATION_OVERHEAD_BYTES) return null
  const signatureEnd = HEAD_BYTES + SIGNATURE_BYTES
  const signature = frame.subarray(HEAD_BYTES, signatureEnd)
  const mic = frame.subarray(frame.length - MIC_BYTES)
  const secret = frame.subarray(signatureEnd, frame.length - MIC_BYTES)
  return checked(crypto, keys, frame, signature, crypt(keys, operationNonce(signature, mic), secret), mic)
}

function checked(
  crypto: Hash,
  keys: TopicKeys,
  frame: Uint8Array,
  clear: Uint8Array,
  plaintext: Uint8Array,
  mic: Uint8Array,
): OpenedFrame | null {
  const expected = micOf(crypto, keys, mic.length, frame.subarray(0, HEAD_BYTES), clear, plaintext)
  if (!bytesEqual(expected, mic)) return null
  return { kind: frame[0]! >> FLAG_BITS, flags: frame[0]! & FLAG_MASK, keys, clear, plaintext }
}

function headOf(keys: TopicKeys, kind: number, flags: number): Uint8Array {
  return Uint8Array.of((kind << FLAG_BITS) | flags, keys.tag)
}

/** The kind in the head says how long the clear bytes are, so the parts need no lengths of their own. */
function micOf(crypto: Hash, keys: TopicKeys, length: number, ...parts: Uint8Array[]): Uint8Array {
  return crypto.hash(concatBytes(keys.macKey, ...parts)).subarray(0, length)
}

/** The first bytes of a signature are a point that no second message of the author has. */
function operationNonce(signature: Uint8Array, mic: Uint8Array): Uint8Array {
  return concatBytes(signature.subarray(0, NONCE_BYTES - MIC_BYTES), mic)
}

function nonceOf(domain: number, ...parts: Uint8Array[]): Uint8Array {
  const nonce = new Uint8Array(NONCE_BYTES)
  nonce.set(concatBytes(...parts))
  nonce[NONCE_BYTES - 1] = domain
  return nonce
}

function crypt(keys: TopicKeys, nonce: Uint8Array, bytes: Uint8Array): Uint8Array {
  return chacha20(keys.cipherKey, nonce, bytes)
}

/**
 * The compact operation: an operation without what its receivers can rebuild (spec/sync.md 9.4). It is what a frame
 * carries, and what coded repair combines, so it stands alone and depends on nothing but the operation and on whether
 * its dependencies are known.
 *
 *   short   form 1 | signature 64 | author tag 2 | low byte of the sequence number 1 | low bits of the timestamp 5
 *           | dependencies | body
 *   long    form 1 | signature 64 | author tag 2 | length 2 | the header without its signature | body
 *
 * Absolute short forms have the whole sequence number (varint) and the whole timestamp (8 bytes) instead: the first
 * operation of a log, one whose predecessor is many days older, one that prunes, which besides has its backlink, for
 * those who never held what is pruned. All others need the predecessor anyway, whose id is their backlink, so they count
 * on its timestamp too.
 *
 * A dependency is 2 bytes: 15 that stand for it (compact-lookup.ts) and one that says whether another follows. When one
 * of them is not known in this topic, or it was asked for, all are written out: author tag and sequence number, or the
 * id. What has no short form has the long one: a header with fields this release does not know, a payload that is gone.
 */

import {
  bytesEqual,
  concatBytes,
  encodeFields,
  type HeaderFields,
  idBytes,
  idFromBytes,
  isThicketError,
  MAX_PREVIOUS,
  type OperationId,
  PostcardReader,
  PostcardWriter,
  parseHeader,
  type UnverifiedHeader,
  u64Bytes,
  u64FromBytes,
} from '../core/index.js'
import type { Crypto } from '../ports.js'
import { CODE_RANGE, type CompactLookup, dependencyCode, type Place } from './compact-lookup.js'
import { type OpenedFrame, SIGNATURE_BYTES, sealOperation } from './seal.js'
import { authorTag, type TopicKeys } from './topic-keys.js'

/** A dependency as it was written. */
export type CompactDependency =
  | { readonly type: 'code'; readonly code: number }
  | { readonly type: 'place'; readonly tag: number; readonly seqNum: number }
  | { readonly type: 'id'; readonly id: OperationId }

interface CompactBase {
  /** The bytes all this was read from. */
  readonly bytes: Uint8Array
  /** 16 bits that stand for the author. */
  readonly tag: number
  readonly signature: Uint8Array
  /** Null when there is none. */
  readonly body: Uint8Array | null
}

export interface ShortOperation extends CompactBase {
  readonly form: 'short'
  /** Sequence number and timestamp are whole, not only their low 8 and 40 bits. */
  readonly isAbsolute: boolean
  readonly seqNum: number
  readonly timestamp: bigint
  readonly prune: boolean
  /** Only when it prunes. */
  readonly backlink: OperationId | null
  /** Null for basic extensions. */
  readonly dependencies: readonly CompactDependency[] | null
}

export interface LongOperation extends CompactBase {
  readonly form: 'long'
  readonly seqNum: number
  /** The signed header, put together again; nobody has checked the signature. */
  readonly header: UnverifiedHeader
}

export type CompactOperation = ShortOperation | LongOperation

export interface CompactOptions {
  /** The whole header, for who could not rebuild it. */
  readonly long?: boolean
  /** Dependencies by author and whole sequence number, for who found too many that fit the code. */
  readonly wide?: boolean
}

/** Bytes of a short form without dependencies and body. */
export const SHORT_BYTES = 1 + SIGNATURE_BYTES + 2 + 1 + 5
/** Low bits of a sequence number and of a timestamp. */
export const SEQ_NUM_RANGE = 0x100
export const TIMESTAMP_BITS = 40n
const TIMESTAMP_BYTES = 5
/** Nearer than this to its predecessor's timestamp, one is told by its low bits. */
const TIMESTAMP_REACH = 1n << (TIMESTAMP_BITS - 1n)

/** The form in the lower bits of the first byte; the rest of 5 bits is zero, and so is the kind of operation frames. */
const SHAPE = { basic: 0, prune: 1, causal: 2, causalCodes: 3, causalWritten: 4, long: 5 } as const
const SHAPE_MASK = 7
const ABSOLUTE = 8
const MORE = CODE_RANGE

/** Where in a canonical signed header the signature begins: behind array head, version and key. Its head is 2 bytes. */
const SIGNATURE_AT = 36
const SIGNATURE_HEAD = Uint8Array.of(0x58, SIGNATURE_BYTES)

/** @param operation a header that is valid, and its body where it is held */
export function encodeCompact(
  crypto: Pick<Crypto, 'hash'>,
  keys: TopicKeys,
  operation: { readonly header: HeaderFields; readonly body: Uint8Array | null },
  lookup: CompactLookup,
  options: CompactOptions = {},
): Uint8Array {
  const { header, body } = operation
  const secret = options.long ? null : shortSecret(crypto, keys, header, body, lookup, options.wide === true)
  const [form, rest] = secret ?? [SHAPE.long, longSecret(crypto, keys, header)]
  return concatBytes(Uint8Array.of(form), header.signature, rest, body ?? new Uint8Array())
}

function longSecret(crypto: Pick<Crypto, 'hash'>, keys: TopicKeys, header: HeaderFields): Uint8Array {
  const unsigned = concatBytes(
    header.bytes.subarray(0, SIGNATURE_AT),
    header.bytes.subarray(SIGNATURE_AT + SIGNATURE_HEAD.length + SIGNATURE_BYTES),
  )
  unsigned[0]! -= 1
  return concatBytes(u16(authorTag(crypto, keys, header.author)), u16(unsigned.length), unsigned)
}

/** Form and what follows the signature, up to the body; null when only the long form restores the header. */
function shortSecret(
  crypto: Pick<Crypto, 'hash'>,
  keys: TopicKeys,
  header: HeaderFields,
  body: Uint8Array | null,
  lookup: CompactLookup,
  wide: boolean,
): readonly [number, Uint8Array] | null {
  const { extensions, seqNum } = header
  if (header.payloadSize !== (body?.length ?? 0) || extensions.logId !== keys.logId) return null
  if (!bytesEqual(encodeFields(header, header.signature), header.bytes)) return null
  const prune = extensions.variant === 'basic' && extensions.prune
  const isRoot = prune || seqNum === 0
  const previous = isRoot ? null : lookup.timestampOf(header.author, seqNum - 1)
  // A receiver takes the backlink from what it holds; beside a fork it would take the wrong one.
  if (!isRoot && (previous === null || lookup.idOf(header.author, seqNum - 1) !== header.backlink)) return null
  const isAbsolute = isRoot || distance(extensions.timestamp, previous!) >= TIMESTAMP_REACH
  const [shape, dependencies] = encodeDependencies(crypto, keys, header, lookup, wide)
  return [
    shape | (isAbsolute ? ABSOLUTE : 0),
    concatBytes(
      u16(authorTag(crypto, keys, header.author)),
      isAbsolute ? new PostcardWriter().varint(seqNum).finish() : Uint8Array.of(seqNum & 0xff),
      u64Bytes(extensions.timestamp).subarray(isAbsolute ? 0 : 8 - TIMESTAMP_BYTES),
      prune && header.backlink ? idBytes(header.backlink) : new Uint8Array(),
      dependencies,
    ),
  ]
}

function encodeDependencies(
  crypto: Pick<Crypto, 'hash'>,
  keys: TopicKeys,
  { extensions }: HeaderFields,
  lookup: CompactLookup,
  wide: boolean,
): readonly [number, Uint8Array] {
  if (extensions.variant === 'basic') return [extensions.prune ? SHAPE.prune : SHAPE.basic, new Uint8Array()]
  const { previous } = extensions
  if (previous.length === 0) return [SHAPE.causal, new Uint8Array()]
  const places = previous.map(id => lookup.placeOf(id))
  const tagOf = (place: Place) => authorTag(crypto, keys, place.author)
  if (!wide && places.every(place => place !== null)) {
    const last = places.length - 1
    const codes = places.map((place, at) => dependencyCode(tagOf(place), place.seqNum) | (at < last ? MORE : 0))
    return [SHAPE.causalCodes, concatBytes(...codes.map(u16))]
  }
  const writer = new PostcardWriter().varint(previous.length)
  for (let at = 0; at < previous.length; at++) {
    const place = places[at]
    if (place)
      writer
        .bool(true)
        .fixed(u16(tagOf(place)))
        .varint(place.seqNum)
    else writer.bool(false).fixed(idBytes(previous[at]!))
  }
  return [SHAPE.causalWritten, writer.finish()]
}

/** Null for what is malformed; never throws. Arrays in the result are views of the bytes. */
export function parseCompact(bytes: Uint8Array): CompactOperation | null {
  const form = bytes[0]
  if (form === undefined || form > (SHAPE_MASK | ABSOLUTE) || bytes.length < 1 + SIGNATURE_BYTES) return null
  const signature = bytes.subarray(1, 1 + SIGNATURE_BYTES)
  const reader = new PostcardReader(bytes.subarray(1 + SIGNATURE_BYTES))
  try {
    const tag = readU16(reader)
    if (form === SHAPE.long) return parseLong(bytes, signature, tag, reader)
    return parseShort(bytes, signature, tag, form & SHAPE_MASK, (form & ABSOLUTE) !== 0, reader)
  } catch (error) {
    // The readers throw where the bytes end, the header's parser where it is none.
    if (!isThicketError(error)) throw error
    return null
  }
}

function parseLong(
  bytes: Uint8Array,
  signature: Uint8Array,
  tag: number,
  reader: PostcardReader,
): LongOperation | null {
  const unsigned = reader.fixed(readU16(reader))
  const signed = concatBytes(
    unsigned.subarray(0, SIGNATURE_AT),
    SIGNATURE_HEAD,
    signature,
    unsigned.subarray(SIGNATURE_AT),
  )
  signed[0]! += 1
  const header = parseHeader(signed)
  return { form: 'long', bytes, tag, signature, seqNum: header.fields.seqNum, header, body: restOf(reader) }
}

function parseShort(
  bytes: Uint8Array,
  signature: Uint8Array,
  tag: number,
  shape: number,
  isAbsolute: boolean,
  reader: PostcardReader,
): ShortOperation | null {
  const prune = shape === SHAPE.prune
  if (shape > SHAPE.causalWritten || (prune && !isAbsolute)) return null
  const seqNum = isAbsolute ? reader.u32() : reader.u8()
  const timestamp = isAbsolute ? u64FromBytes(reader.fixed(8)) : u64FromBytes(widened(reader.fixed(TIMESTAMP_BYTES)))
  const backlink = prune && seqNum > 0 ? readId(reader) : null
  const dependencies = shape < SHAPE.causal ? null : readDependencies(reader, shape)
  if (dependencies === null && shape >= SHAPE.causal) return null
  const body = restOf(reader)
  return {
    form: 'short',
    bytes,
    tag,
    signature,
    isAbsolute,
    seqNum,
    timestamp,
    prune,
    backlink,
    dependencies,
    body,
  }
}

/** Null when there are more than a header may have. */
function readDependencies(reader: PostcardReader, shape: number): readonly CompactDependency[] | null {
  const dependencies: CompactDependency[] = []
  if (shape === SHAPE.causalCodes) {
    for (let more = true; more; ) {
      if (dependencies.length === MAX_PREVIOUS) return null
      const word = readU16(reader)
      more = word >= MORE
      dependencies.push({ type: 'code', code: word & (MORE - 1) })
    }
  } else if (shape === SHAPE.causalWritten) {
    const count = reader.length(LEAST_WRITTEN_BYTES)
    if (count > MAX_PREVIOUS) return null
    for (let left = count; left > 0; left--) {
      dependencies.push(
        reader.bool()
          ? { type: 'place', tag: readU16(reader), seqNum: reader.u32() }
          : { type: 'id', id: readId(reader) },
      )
    }
  }
  return dependencies
}

/** Mark, tag, and at least one byte of sequence number. */
const LEAST_WRITTEN_BYTES = 4

/** The frame that carries a compact operation, 5 bytes longer than it. */
export function sealCompact(crypto: Pick<Crypto, 'hash'>, keys: TopicKeys, compact: Uint8Array): Uint8Array {
  const signatureEnd = 1 + SIGNATURE_BYTES
  return sealOperation(crypto, keys, compact[0]!, compact.subarray(1, signatureEnd), compact.subarray(signatureEnd))
}

/** Bytes of `sealCompact` beyond those it is given: the topic's tag and the MIC. */
export const SEAL_OVERHEAD_BYTES = 5

/** The bytes that `sealCompact` was given, from a frame of kind operation. */
export function compactOf(opened: OpenedFrame): Uint8Array {
  return concatBytes(Uint8Array.of(opened.flags), opened.clear, opened.plaintext)
}

/** The number nearest to `hint` with these low bits; of two as near, the lower. Never negative. */
export function nearest(low: bigint, range: bigint, hint: bigint): bigint {
  const below = hint - ((((hint - low) % range) + range) % range)
  if (below < 0n) return below + range
  return hint - below <= below + range - hint ? below : below + range
}

function distance(left: bigint, right: bigint): bigint {
  return left > right ? left - right : right - left
}

function restOf(reader: PostcardReader): Uint8Array | null {
  return reader.remaining > 0 ? reader.fixed(reader.remaining) : null
}

function readId(reader: PostcardReader): OperationId {
  return idFromBytes<OperationId>(reader.fixed(32), 'operation id')
}

function readU16(reader: PostcardReader): number {
  return (reader.u8() << 8) | reader.u8()
}

function u16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff)
}

function widened(bytes: Uint8Array): Uint8Array {
  const wide = new Uint8Array(8)
  wide.set(bytes, 8 - bytes.length)
  return wide
}

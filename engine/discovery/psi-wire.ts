/** The messages of topic discovery, byte for byte (spec/sync.md 4.1), and what a topic is called in them. */

import {
  bytesToHex,
  concatBytes,
  hash,
  hexToBytes,
  ID_BYTES,
  idBytes,
  PostcardReader,
  PostcardWriter,
  ThicketError,
  type Topic,
  type VerifyingKey,
} from '../core/index.js'
import type { Role } from '../ports.js'
import {
  MIN_RECORD_BYTES,
  type ReadRecord,
  type RecordLimits,
  readRecord,
  type TransportKind,
  type TransportRecord,
  writeRecord,
} from './records.js'

export const SALT_BYTES = 32

/** Hashed topics as hex. */
export type HashedTopics = ReadonlySet<string>

/** A record with the node that it speaks of, as somebody told it. */
export interface NodeRecord {
  readonly nodeId: VerifyingKey
  readonly record: TransportRecord
}
export type ToldRecord = { readonly nodeId: VerifyingKey } & ReadRecord

export type PsiMessage =
  | { readonly type: 'alice-salt'; readonly salt: Uint8Array }
  | { readonly type: 'bob-hashes'; readonly salt: Uint8Array; readonly hashes: HashedTopics }
  | { readonly type: 'alice-hashes'; readonly hashes: HashedTopics }
  | { readonly type: 'nodes'; readonly records: readonly ToldRecord[] }

const TYPES = ['alice-salt', 'bob-hashes', 'alice-hashes', 'nodes'] as const
const [ALICE_SALT, BOB_HASHES, ALICE_HASHES, NODES] = [0, 1, 2, 3] as const

/** A set holds ids with their length before them. */
const SET_ITEM_BYTES = 1 + ID_BYTES

/** Everything that a hash of this session depends on beside the topic. */
export interface Salts {
  readonly alice: Uint8Array
  readonly bob: Uint8Array
  /** Empty, or what ties the session to its two ends. */
  readonly binding: Uint8Array
}

/** What a topic is called by one side of a session; whoever does not know the topic can make nothing of it. */
export function hashTopic(topic: Topic, salts: Salts, by: Role): string {
  const role = Uint8Array.of(by === 'initiator' ? 0 : 1)
  return bytesToHex(hash(concatBytes(idBytes(topic), salts.alice, salts.bob, salts.binding, role)))
}

/** In the order of the hashes, which says nothing of the order of the topics. */
export function hashTopics(topics: readonly Topic[], salts: Salts, by: Role): HashedTopics {
  return new Set(topics.map(topic => hashTopic(topic, salts, by)).sort())
}

export function encodeAliceSalt(salt: Uint8Array): Uint8Array {
  return new PostcardWriter().varint(ALICE_SALT).fixed(salt).finish()
}

export function encodeBobHashes(salt: Uint8Array, hashes: HashedTopics): Uint8Array {
  return writeHashes(new PostcardWriter().varint(BOB_HASHES).fixed(salt), hashes)
}

export function encodeAliceHashes(hashes: HashedTopics): Uint8Array {
  return writeHashes(new PostcardWriter().varint(ALICE_HASHES), hashes)
}

/** To be called with signed records. */
export function encodeNodes(records: readonly NodeRecord[]): Uint8Array {
  const writer = new PostcardWriter().varint(NODES).varint(records.length)
  for (const { nodeId, record } of records) writeRecord(writer.bytes(idBytes(nodeId)), nodeId, record)
  return writer.finish()
}

/** What a received message may hold; without a kind there are no records. */
export interface PsiDecoding extends RecordLimits {
  readonly topics: number
  readonly kind: TransportKind | null
}

/** @throws `decoding-postcard`, `discovery-too-many-topics` */
export function decodePsi(bytes: Uint8Array, decoding: PsiDecoding): PsiMessage {
  const reader = new PostcardReader(bytes)
  const type = TYPES[reader.variant(TYPES.length)]!
  switch (type) {
    case 'alice-salt':
      return { type, salt: reader.fixed(SALT_BYTES).slice() }
    case 'bob-hashes':
      return { type, salt: reader.fixed(SALT_BYTES).slice(), hashes: readHashes(reader, decoding.topics) }
    case 'alice-hashes':
      return { type, hashes: readHashes(reader, decoding.topics) }
    case 'nodes':
      return { type, records: readNodes(reader, decoding) }
  }
}

function writeHashes(writer: PostcardWriter, hashes: HashedTopics): Uint8Array {
  writer.varint(hashes.size)
  for (const hashed of hashes) writer.bytes(hexToBytes(hashed))
  return writer.finish()
}

function readHashes(reader: PostcardReader, limit: number): HashedTopics {
  const count = reader.length(SET_ITEM_BYTES)
  if (count > limit) {
    throw new ThicketError('discovery-too-many-topics', `a node names ${count} topics, more than ${limit}`, {
      count,
      limit,
    })
  }
  const hashes = new Set<string>()
  for (let at = 0; at < count; at++) hashes.add(bytesToHex(readId(reader)))
  return hashes
}

function readNodes(reader: PostcardReader, decoding: PsiDecoding): readonly ToldRecord[] {
  const count = reader.length(SET_ITEM_BYTES + MIN_RECORD_BYTES)
  const records: ToldRecord[] = []
  for (let at = 0; at < count; at++) {
    const nodeId = bytesToHex(readId(reader)) as VerifyingKey
    if (decoding.kind === null) throw wrong('a node speaks of addresses where there are none')
    const read = readRecord(reader, nodeId, decoding.kind, decoding)
    if ('record' in read && read.record.signature === null) throw wrong('a record has no signature')
    records.push({ nodeId, ...read })
  }
  return records
}

function readId(reader: PostcardReader): Uint8Array {
  const bytes = reader.bytes()
  if (bytes.length !== ID_BYTES) throw wrong(`an id has ${bytes.length} bytes, expected ${ID_BYTES}`)
  return bytes
}

function wrong(message: string): ThicketError {
  return new ThicketError('decoding-postcard', message)
}

/**
 * The messages of p2panda's log sync, byte for byte (spec/sync.md 2.2 and 2.3). Message names are those that p2panda's
 * errors use. Headers and bodies are carried as opaque bytes and come out as views into the decoded message.
 */

import {
  ascending,
  bytesToHex,
  ID_BYTES,
  idBytes,
  isPoint,
  type LogId,
  PostcardReader,
  PostcardWriter,
  ThicketError,
  type Topic,
  type VerifyingKey,
} from '../core/index.js'
import type { LogHeights, RawOperation } from './interfaces.js'

export type HandshakeMessage = { readonly type: 'topic'; readonly topic: Topic } | { readonly type: 'done' }

export type SyncMessage =
  | { readonly type: 'have'; readonly heights: LogHeights }
  | { readonly type: 'pre_sync'; readonly operations: number; readonly bytes: number }
  | { readonly type: 'operation'; readonly operation: RawOperation }
  | { readonly type: 'done' }
  | { readonly type: 'live'; readonly operation: RawOperation }
  | { readonly type: 'close' }

/** What a received message may hold at most; see `SyncLimits`. */
export interface SyncDecoding {
  readonly haveAuthors: number
  readonly haveLogs: number
  readonly bodyBytes: number
}

const TOPIC = 0
const HANDSHAKE_DONE = 1
const HANDSHAKE_VARIANTS = 2

const SYNC = 0
const LIVE = 1
const CLOSE = 2
const OUTER_VARIANTS = 3

const HAVE = 0
const PRE_SYNC = 1
const OPERATION = 2
const DONE = 3
const INNER_VARIANTS = 4

/** Totals are u32 on the wire and serve information alone, so larger ones are announced as the largest. */
const U32_MAX = 0xffff_ffff

/** The fewest bytes that an author or a log of a `Have` can take: a prefixed id and one byte more. */
const HAVE_ENTRY_BYTES = 1 + ID_BYTES + 1

export function encodeHandshake(message: HandshakeMessage): Uint8Array {
  const writer = new PostcardWriter()
  if (message.type === 'topic') writer.varint(TOPIC).bytes(idBytes(message.topic))
  else writer.varint(HANDSHAKE_DONE)
  return writer.finish()
}

export function decodeHandshake(bytes: Uint8Array): HandshakeMessage {
  const reader = new PostcardReader(bytes)
  if (reader.variant(HANDSHAKE_VARIANTS) === HANDSHAKE_DONE) return { type: 'done' }
  return { type: 'topic', topic: bytesToHex(readId(reader, 'topic')) as Topic }
}

export function encodeSync(message: SyncMessage): Uint8Array {
  const writer = new PostcardWriter()
  switch (message.type) {
    case 'have':
      writeHave(writer.varint(SYNC).varint(HAVE), message.heights)
      break
    case 'pre_sync':
      writer.varint(SYNC).varint(PRE_SYNC)
      writer.varint(Math.min(message.operations, U32_MAX)).varint(Math.min(message.bytes, U32_MAX))
      break
    case 'operation':
      writeOperation(writer.varint(SYNC).varint(OPERATION), message.operation)
      break
    case 'done':
      writer.varint(SYNC).varint(DONE)
      break
    case 'live':
      writeOperation(writer.varint(LIVE), message.operation)
      break
    case 'close':
      writer.varint(CLOSE)
      break
  }
  return writer.finish()
}

export function decodeSync(bytes: Uint8Array, decoding: SyncDecoding): SyncMessage {
  const reader = new PostcardReader(bytes)
  const outer = reader.variant(OUTER_VARIANTS)
  if (outer === LIVE) return { type: 'live', operation: readOperation(reader, decoding.bodyBytes) }
  if (outer === CLOSE) return { type: 'close' }
  switch (reader.variant(INNER_VARIANTS)) {
    case HAVE:
      return { type: 'have', heights: readHave(reader, decoding) }
    case PRE_SYNC:
      return { type: 'pre_sync', operations: reader.u32(), bytes: reader.u32() }
    case OPERATION:
      return { type: 'operation', operation: readOperation(reader, decoding.bodyBytes) }
    default:
      return { type: 'done' }
  }
}

function writeHave(writer: PostcardWriter, heights: LogHeights): void {
  writer.varint(heights.size)
  for (const [author, logs] of ascending(heights)) {
    writer.bytes(idBytes(author)).varint(logs.size)
    for (const [logId, height] of ascending(logs)) writer.bytes(idBytes(logId)).varint(height)
  }
}

function readHave(reader: PostcardReader, decoding: SyncDecoding): LogHeights {
  const heights = new Map<VerifyingKey, ReadonlyMap<LogId, number>>()
  const authors = reader.length(HAVE_ENTRY_BYTES)
  if (authors > decoding.haveAuthors) throw haveTooLarge('authors', authors, decoding.haveAuthors)
  let logsSoFar = 0
  for (let author = 0; author < authors; author++) {
    const key = readId(reader, 'key')
    const hex = bytesToHex(key) as VerifyingKey
    const logCount = reader.length(HAVE_ENTRY_BYTES)
    logsSoFar += logCount
    if (logsSoFar > decoding.haveLogs) throw haveTooLarge('logs', logsSoFar, decoding.haveLogs)
    if (!isPoint(key, hex)) {
      throw new ThicketError('decoding-postcard', 'a key is no point of the curve', { key: hex })
    }
    const logs = new Map<LogId, number>()
    for (let log = 0; log < logCount; log++) logs.set(bytesToHex(readId(reader, 'log id')) as LogId, reader.u32())
    heights.set(hex, new Map(ascending(logs)))
  }
  return new Map(ascending(heights))
}

function writeOperation(writer: PostcardWriter, operation: RawOperation): void {
  writer.bytes(operation.header).option(operation.body, (inner, body) => inner.bytes(body))
}

function readOperation(reader: PostcardReader, bodyBytes: number): RawOperation {
  const header = reader.bytes()
  const body = reader.option(inner => inner.bytes())
  if (body !== null && body.length > bodyBytes) {
    throw new ThicketError('body-too-large', `a body of ${body.length} bytes exceeds the limit of ${bodyBytes}`, {
      length: body.length,
      limitBytes: bodyBytes,
    })
  }
  return { header, body }
}

function readId(reader: PostcardReader, what: string): Uint8Array {
  const bytes = reader.bytes()
  if (bytes.length !== ID_BYTES) {
    throw new ThicketError('decoding-postcard', `a ${what} has ${bytes.length} bytes, expected ${ID_BYTES}`, {
      actual: bytes.length,
      expected: ID_BYTES,
    })
  }
  return bytes
}

function haveTooLarge(what: string, count: number, limit: number): ThicketError {
  return new ThicketError('have-too-large', `a Have names ${count} ${what}, more than the limit of ${limit}`, {
    count,
    limit,
  })
}

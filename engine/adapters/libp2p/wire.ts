/**
 * What this transport adds to libp2p's streams. Every stream begins with a head of 18 bytes that says to which connection
 * it belongs:
 *
 * | bytes | |
 * |---|---|
 * | 16 | the connection's token, chosen at random by its initiator |
 * | 2 | big endian: 0 for the control stream, else 1 + the stream's number, with the top bit set for a uni stream |
 *
 * The control stream carries p2panda frames of postcard messages, both ways:
 *
 * | variant | fields | |
 * |---|---|---|
 * | 0 credit | stream, bytes | the reader has taken so many more bytes |
 * | 1 ended | stream | the end of the stream has arrived, and so have all its bytes |
 * | 2 abort | stream, whether uni, code | |
 * | 3 close | code | the last message |
 */

import {
  bytesToHex,
  encodeFrame,
  hexToBytes,
  invariant,
  PostcardReader,
  PostcardWriter,
  ThicketError,
} from '../../core/index.js'

export const TOKEN_BYTES = 16
export const HEAD_BYTES = TOKEN_BYTES + 2
/** Bytes of the largest control message, and some room for fields that a later version may add. */
export const MAX_CONTROL_BYTES = 64
/** The largest number of a stream that fits the head. */
export const MAX_STREAM = 0x7ffe

const UNI = 0x8000
const VARIANTS = ['credit', 'ended', 'abort', 'close'] as const

export interface StreamName {
  readonly stream: number
  readonly kind: 'bi' | 'uni'
}

export interface Head {
  /** In hex. */
  readonly token: string
  /** Null for the control stream. */
  readonly name: StreamName | null
}

export type ControlMessage =
  | { readonly type: 'credit'; readonly stream: number; readonly bytes: number }
  | { readonly type: 'ended'; readonly stream: number }
  | { readonly type: 'abort'; readonly stream: number; readonly kind: 'bi' | 'uni'; readonly code: number }
  | { readonly type: 'close'; readonly code: number }

export function encodeHead({ token, name }: Head): Uint8Array {
  const head = new Uint8Array(HEAD_BYTES)
  head.set(hexToBytes(token))
  if (name === null) return head
  invariant(name.stream <= MAX_STREAM, 'a connection that runs out of stream numbers is closed before')
  new DataView(head.buffer).setUint16(TOKEN_BYTES, (name.stream + 1) | (name.kind === 'uni' ? UNI : 0))
  return head
}

/** @throws `stream-head-malformed` */
export function decodeHead(head: Uint8Array): Head {
  const place = new DataView(head.buffer, head.byteOffset).getUint16(TOKEN_BYTES)
  const token = bytesToHex(head.subarray(0, TOKEN_BYTES))
  if (place === 0) return { token, name: null }
  const number = place & ~UNI
  if (number === 0) throw new ThicketError('stream-head-malformed', 'a control stream is never one-way')
  return { token, name: { stream: number - 1, kind: place & UNI ? 'uni' : 'bi' } }
}

export function encodeControl(message: ControlMessage): Uint8Array {
  const writer = new PostcardWriter().varint(VARIANTS.indexOf(message.type))
  if (message.type === 'close') writer.varint(message.code)
  else {
    writer.varint(message.stream)
    if (message.type === 'credit') writer.varint(message.bytes)
    else if (message.type === 'abort') writer.bool(message.kind === 'uni').varint(message.code)
  }
  return encodeFrame(writer.finish(), MAX_CONTROL_BYTES)
}

/** Takes the bytes of one frame; surplus is left to later versions. @throws what postcard throws */
export function decodeControl(bytes: Uint8Array): ControlMessage {
  const reader = new PostcardReader(bytes)
  const type = VARIANTS[reader.variant(VARIANTS.length)]!
  if (type === 'close') return { type, code: reader.u32() }
  const stream = reader.u32()
  if (type === 'ended') return { type, stream }
  if (type === 'credit') return { type, stream, bytes: reader.u32() }
  return { type, stream, kind: reader.bool() ? 'uni' : 'bi', code: reader.u32() }
}

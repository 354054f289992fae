/**
 * What neighbours of direct gossip tell each other, in postcard within the frames of all p2panda protocols:
 *
 * | variant | fields | |
 * |---|---|---|
 * | 0 join | badge (32 bytes) | the sender listens to the topic |
 * | 1 leave | badge | no longer |
 * | 2 message | badge, bytes | something said in the topic |
 *
 * A topic is a secret, so its name never travels. The badge is a hash of the topic and of both node ids, sender first:
 * who knows the topic can tell it, who does not learns nothing and can neither answer in kind nor recognise the same
 * topic between other nodes. (The plain hash of a topic would not do: sent back as it came, it would open the door.)
 */

import {
  bytesToHex,
  concatBytes,
  hash,
  ID_BYTES,
  idBytes,
  PostcardReader,
  PostcardWriter,
  ThicketError,
  type Topic,
  type VerifyingKey,
} from '../core/index.js'

export type GossipFrame =
  | { readonly type: 'join'; readonly badge: string }
  | { readonly type: 'leave'; readonly badge: string }
  | { readonly type: 'message'; readonly badge: string; readonly bytes: Uint8Array }

const NAME = 'thicket/gossip-direct/v1'
const NAME_BYTES = new TextEncoder().encode(NAME)
const VARIANTS = ['join', 'leave', 'message'] as const

/** The name under which nodes of one network speak direct gossip, made like that of log sync. */
export function gossipProtocolId(networkId: Uint8Array): string {
  return `/p2panda/${bytesToHex(hash(concatBytes(NAME_BYTES, networkId)))}`
}

/** Hex of what `from` calls a topic when it speaks to `to`. */
export function badgeOf(topic: Topic, from: VerifyingKey, to: VerifyingKey): string {
  return bytesToHex(hash(concatBytes(NAME_BYTES, idBytes(topic), idBytes(from), idBytes(to))))
}

/** Bytes of the frame with the largest message. */
export function maxFrameBytes(messageBytes: number): number {
  return encodeGossip('message', new Uint8Array(ID_BYTES), new Uint8Array(messageBytes)).length
}

export function encodeGossip(type: 'join' | 'leave', badge: Uint8Array): Uint8Array
export function encodeGossip(type: 'message', badge: Uint8Array, message: Uint8Array): Uint8Array
export function encodeGossip(type: GossipFrame['type'], badge: Uint8Array, message?: Uint8Array): Uint8Array {
  const writer = new PostcardWriter().varint(VARIANTS.indexOf(type)).fixed(badge)
  return (message ? writer.bytes(message) : writer).finish()
}

/** @throws `gossip-malformed`, and what postcard throws */
export function decodeGossip(bytes: Uint8Array): GossipFrame {
  const reader = new PostcardReader(bytes)
  const type = VARIANTS[reader.variant(VARIANTS.length)]!
  const badge = bytesToHex(reader.fixed(ID_BYTES))
  const frame: GossipFrame = type === 'message' ? { type, badge, bytes: reader.bytes() } : { type, badge }
  if (reader.remaining > 0) {
    throw new ThicketError('gossip-malformed', 'bytes after a gossip frame', { surplus: reader.remaining })
  }
  return frame
}

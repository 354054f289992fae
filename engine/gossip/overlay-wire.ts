/**
 * What neighbours of the overlay tell each other: the messages of iroh-gossip 0.101, byte for byte (spec/sync.md 3.6),
 * in postcard within frames of a 4-byte length. A stream belongs to one topic, which its first frame names; the
 * frames after it are messages.
 *
 * Keys and message ids are arrays of fixed size here, without a length before them. A key that is no point of the curve
 * spoils the whole message, as it does for the crates: who passed it on would be cut off by them.
 */

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
  Topic,
  VerifyingKey,
} from '../core/index.js'

/** BLAKE3 of the content, in hex. */
export type MessageId = string

export interface PeerInfo {
  readonly peer: VerifyingKey
  /** What the peer says of its addresses; nobody vouches for it. */
  readonly data: Uint8Array | null
}

export type Priority = 'high' | 'low'

export interface Announcement {
  readonly id: MessageId
  /** Hops from the origin. */
  readonly round: number
}

export type MembershipMessage =
  | { readonly type: 'join'; readonly data: Uint8Array | null }
  | { readonly type: 'forward-join'; readonly joining: PeerInfo; readonly ttl: number }
  | {
      readonly type: 'shuffle'
      readonly origin: VerifyingKey
      readonly peers: readonly PeerInfo[]
      readonly ttl: number
    }
  | { readonly type: 'shuffle-reply'; readonly peers: readonly PeerInfo[] }
  | { readonly type: 'neighbour'; readonly priority: Priority; readonly data: Uint8Array | null }
  /** Alive: the sender stays in the topic and may be asked again. */
  | { readonly type: 'disconnect'; readonly isAlive: boolean }

/** The round is null for what is meant for direct neighbours alone. */
export interface Payload {
  readonly type: 'payload'
  readonly id: MessageId
  readonly content: Uint8Array
  readonly round: number | null
}

export type TreeMessage =
  | Payload
  | { readonly type: 'prune' }
  | { readonly type: 'graft'; readonly id: MessageId | null; readonly round: number }
  | { readonly type: 'announce'; readonly announcements: readonly Announcement[] }

export type OverlayMessage = MembershipMessage | TreeMessage

/** The order of the variants on the wire. */
const LAYERS = ['membership', 'tree'] as const
const MEMBERSHIP = ['join', 'forward-join', 'shuffle', 'shuffle-reply', 'neighbour', 'disconnect'] as const
const TREE = ['payload', 'prune', 'graft', 'announce'] as const
const SCOPES = ['swarm', 'neighbours'] as const
const PRIORITIES = ['high', 'low'] as const

/** Bytes of an announcement with the largest round. */
export const ANNOUNCEMENT_BYTES = ID_BYTES + 3
/** Peers told in one message: the crates tell 8. A key never seen costs some 90 us to check, so a frame of them 11 ms. */
export const MAX_TOLD_PEERS = 32
/** Largest round and number of hops: 16 bits. */
const U16_MAX = 0xffff
/** The largest round whose message is no larger than with the smallest, so that a message that fits goes on fitting. */
export const MAX_ROUND = 127
/** Two variants, an id, a length of two bytes, a scope and a round of one byte. */
const PAYLOAD_OVERHEAD_BYTES = 1 + 1 + ID_BYTES + 2 + 1 + 1

const PROTOCOL = '/iroh-gossip/1'

/** The name under which nodes of one network speak this protocol, made like that of log sync. */
export function overlayProtocolId(networkId: Uint8Array): string {
  return `/p2panda/${bytesToHex(hash(concatBytes(new TextEncoder().encode(PROTOCOL), networkId)))}`
}

/** Bytes of the largest content for a largest frame: the crates refuse to write a frame as large as the limit. */
export function maxContentBytes(frameBytes: number): number {
  return frameBytes - 1 - PAYLOAD_OVERHEAD_BYTES
}

export function isMembership(message: OverlayMessage): message is MembershipMessage {
  return MEMBERSHIP.some(type => type === message.type)
}

/** The first frame of a stream. */
export function encodeTopic(topic: Topic): Uint8Array {
  return idBytes(topic)
}

/** @throws what postcard throws */
export function decodeTopic(bytes: Uint8Array): Topic {
  return Topic.fromBytes(new PostcardReader(bytes).fixed(ID_BYTES))
}

export function encodeOverlay(message: OverlayMessage): Uint8Array {
  const writer = new PostcardWriter()
  if (isMembership(message)) {
    writer.varint(LAYERS.indexOf('membership')).varint(MEMBERSHIP.indexOf(message.type))
    writeMembership(writer, message)
  } else {
    writer.varint(LAYERS.indexOf('tree')).varint(TREE.indexOf(message.type))
    writeTree(writer, message)
  }
  return writer.finish()
}

/** @throws `overlay-malformed`, `invalid-verifying-key`, and what postcard throws; surplus bytes at the end pass */
export function decodeOverlay(bytes: Uint8Array): OverlayMessage {
  const reader = new PostcardReader(bytes)
  const layer = LAYERS[reader.variant(LAYERS.length)]!
  return layer === 'membership' ? readMembership(reader) : readTree(reader)
}

function writeMembership(writer: PostcardWriter, message: MembershipMessage): void {
  switch (message.type) {
    case 'join':
      writeData(writer, message.data)
      break
    case 'forward-join':
      writePeer(writer, message.joining)
      writer.varint(message.ttl)
      break
    case 'shuffle':
      writer.fixed(idBytes(message.origin))
      writePeers(writer, message.peers)
      writer.varint(message.ttl)
      break
    case 'shuffle-reply':
      writePeers(writer, message.peers)
      break
    case 'neighbour':
      writer.varint(PRIORITIES.indexOf(message.priority))
      writeData(writer, message.data)
      break
    case 'disconnect':
      // The second one is obsolete there and always false.
      writer.bool(message.isAlive).bool(false)
  }
}

function readMembership(reader: PostcardReader): MembershipMessage {
  const type = MEMBERSHIP[reader.variant(MEMBERSHIP.length)]!
  switch (type) {
    case 'join':
      return { type, data: readData(reader) }
    case 'forward-join':
      return { type, joining: readPeer(reader), ttl: readU16(reader) }
    case 'shuffle':
      return { type, origin: readKey(reader), peers: readPeers(reader), ttl: readU16(reader) }
    case 'shuffle-reply':
      return { type, peers: readPeers(reader) }
    case 'neighbour':
      return { type, priority: PRIORITIES[reader.variant(PRIORITIES.length)]!, data: readData(reader) }
    case 'disconnect': {
      const isAlive = reader.bool()
      reader.bool()
      return { type, isAlive }
    }
  }
}

function writeTree(writer: PostcardWriter, message: TreeMessage): void {
  switch (message.type) {
    case 'payload':
      writer.fixed(hexToBytes(message.id)).bytes(message.content)
      if (message.round === null) writer.varint(SCOPES.indexOf('neighbours'))
      else writer.varint(SCOPES.indexOf('swarm')).varint(message.round)
      break
    case 'prune':
      break
    case 'graft':
      writer.option(message.id, (target, id) => target.fixed(hexToBytes(id))).varint(message.round)
      break
    case 'announce':
      writer.varint(message.announcements.length)
      for (const { id, round } of message.announcements) writer.fixed(hexToBytes(id)).varint(round)
  }
}

function readTree(reader: PostcardReader): TreeMessage {
  const type = TREE[reader.variant(TREE.length)]!
  switch (type) {
    case 'payload': {
      const id = readId(reader)
      const content = reader.bytes()
      const scope = SCOPES[reader.variant(SCOPES.length)]!
      return { type, id, content, round: scope === 'swarm' ? readU16(reader) : null }
    }
    case 'prune':
      return { type }
    case 'graft':
      return { type, id: reader.option(readId), round: readU16(reader) }
    case 'announce': {
      const announcements: Announcement[] = []
      for (let left = reader.length(ID_BYTES + 1); left > 0; left--) {
        announcements.push({ id: readId(reader), round: readU16(reader) })
      }
      return { type, announcements }
    }
  }
}

function writePeers(writer: PostcardWriter, peers: readonly PeerInfo[]): void {
  writer.varint(peers.length)
  for (const peer of peers) writePeer(writer, peer)
}

function readPeers(reader: PostcardReader): readonly PeerInfo[] {
  const count = reader.length(ID_BYTES + 1)
  if (count > MAX_TOLD_PEERS) throw new ThicketError('overlay-malformed', 'a message tells too many peers', { count })
  const peers: PeerInfo[] = []
  while (peers.length < count) peers.push(readPeer(reader))
  return peers
}

function writePeer(writer: PostcardWriter, { peer, data }: PeerInfo): void {
  writer.fixed(idBytes(peer))
  writeData(writer, data)
}

function readPeer(reader: PostcardReader): PeerInfo {
  return { peer: readKey(reader), data: readData(reader) }
}

function writeData(writer: PostcardWriter, data: Uint8Array | null): void {
  writer.option(data, (target, bytes) => target.bytes(bytes))
}

function readData(reader: PostcardReader): Uint8Array | null {
  return reader.option(source => source.bytes())
}

function readKey(reader: PostcardReader): VerifyingKey {
  return VerifyingKey.fromBytes(reader.fixed(ID_BYTES))
}

function readId(reader: PostcardReader): MessageId {
  return bytesToHex(reader.fixed(ID_BYTES))
}

function readU16(reader: PostcardReader): number {
  const value = reader.u32()
  if (value > U16_MAX) throw new ThicketError('overlay-malformed', 'a number exceeds 16 bits', { got: value })
  return value
}

/**
 * Thicket's public API: a p2panda-compatible local-first node.
 *
 * ```ts
 * import { spawn, Topic } from 'thicket-mesh'
 *
 * const node = await spawn()
 * const [tx, rx] = await node.stream<string>(Topic.random())
 * await tx.publish('Hello, Panda!')
 * for await (const event of rx) {
 *   if (event.type === 'processed') {
 *     console.log(event.operation.message)
 *     break
 *   }
 * }
 * await node.close()
 * ```
 */

import { nodeDefaults, sharedCrypto, systemRandom } from './engine/adapters/index.js'
import * as core from './engine/core/index.js'
import { type Node, NodeBuilder } from './engine/node/index.js'
import type { Random } from './engine/ports.js'

/** Begins a node of your own choosing; every setting has a default. */
export function builder(): NodeBuilder {
  return new NodeBuilder(nodeDefaults())
}

/** A node with an in-memory database and a fresh key, on a free TCP port, that finds others of its network by mDNS. */
export function spawn(): Promise<Node> {
  return builder().spawn()
}

/** A secret 32-byte name of what nodes exchange; whoever knows it can take part. */
export type Topic = core.Topic
export const Topic = { ...core.Topic, random: (random: Random = systemRandom()): Topic => core.Topic.random(random) }

/** The secret of an author; prints as its public key alone. */
export type SigningKey = core.SigningKey
export const SigningKey = {
  random: (random: Random = systemRandom()): SigningKey => core.SigningKey.random(random),
  fromHex: (hex: string): SigningKey => core.SigningKey.fromHex(hex),
  fromBytes: (seed: Uint8Array): SigningKey => core.SigningKey.fromBytes(seed),
}

/** Decodes and verifies the bytes of a signed header as p2panda 0.7.1 does. Throws a `ThicketError`. */
export function decodeHeader(bytes: Uint8Array): core.Header {
  return core.decodeHeader(bytes, sharedCrypto())
}

/** Throws the first rule that an operation breaks by itself: signature, form, id, body. */
export function validateOperation(operation: core.ClaimedOperation): void {
  core.validateOperation(operation, sharedCrypto())
}

export {
  InProcessHub,
  type IrohOptions,
  type IrohTransport,
  inProcessTransport,
  irohTransport,
  nativeCrypto,
  systemClock,
  systemRandom,
} from './engine/adapters/index.js'
export {
  type BasicExtensions,
  type CausalExtensions,
  type CborValue,
  Cursor,
  decodeCbor,
  type Extensions,
  encodeCbor,
  encodeHeader,
  Hash,
  type Header,
  type HeaderFields,
  LogId,
  type Operation,
  OperationId,
  ThicketError,
  VerifyingKey,
} from './engine/core/index.js'
export {
  type AccessRules,
  type EngineMetrics,
  type EphemeralPair,
  EphemeralPublisher,
  EphemeralSubscription,
  type ForeignOperation,
  type ForkProof,
  type Imported,
  type ImportRefusal,
  type ImportResult,
  type InspectedLog,
  type InspectedOperation,
  type InspectedPeer,
  type InspectedTopic,
  type Inspection,
  type LogOfTopic,
  type MdnsMode,
  type MessageOptions,
  Node,
  NodeBuilder,
  type NodeEvent,
  type NodeStreamOptions,
  type Ordering,
  type Processed,
  type ProcessOptions,
  type Published,
  type ReceivedEphemeral,
  type Share,
  type SlowTransport,
  type StreamPair,
  StreamPublisher,
  StreamSubscription,
} from './engine/node/index.js'
export type {
  AddressedHost,
  Addressing,
  Clock,
  Connection,
  Crypto,
  Database,
  PeerOrigin,
  Random,
  Stream,
  Transport,
  TransportHost,
} from './engine/ports.js'
export type {
  AckPolicy,
  AppTransaction,
  Codec,
  ControlEvent,
  DecodeFailed,
  ProcessedOperation,
  Source,
  StreamEvent,
  StreamFrom,
} from './engine/streams/index.js'
export { readExport, writeExport } from './engine/streams/index.js'

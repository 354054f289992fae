/** What the overlay asks of its owner, and what it offers. */

import type { Topic, VerifyingKey } from '../core/index.js'
import type { Clock, Connection, Gossip, Random, Trace } from '../ports.js'
import type { GossipMetrics } from './direct.js'
import type { OverlayLimits } from './overlay-limits.js'

export interface OverlayGossipConfig {
  readonly id: VerifyingKey
  readonly clock: Clock
  readonly random: Random
  readonly trace?: Trace | null
  /** See `overlayProtocolId`. */
  readonly protocol: string
  /** As `Transport.dial`. */
  readonly dial: (peer: VerifyingKey, protocol: string, done: (connection: Connection | null) => void) => void
  /** What peers are told of our addresses; see `encodePeerData` for what p2panda's nodes read. */
  readonly peerData?: () => Uint8Array | null
  /** Whether a peer may take part in a topic. Who may not sees what it would see if nobody here knew the topic. */
  readonly mayServe?: (peer: VerifyingKey, topic: Topic) => boolean
  readonly limits?: Partial<OverlayLimits>
}

export interface OverlayGossip extends Gossip {
  readonly protocol: string
  accept(connection: Connection): void
  /**
   * All nodes that are known to be interested in a topic, from discovery. Those that are new are greeted, with restraint;
   * the others stand by for when neighbours are wanting. Said before the topic is joined it is remembered.
   */
  candidates(topic: Topic, peers: readonly VerifyingKey[]): void
  /** Neighbours of a topic come and go; one handler, called from within inputs. */
  onNeighbour(handler: (topic: Topic, peer: VerifyingKey, isUp: boolean) => void): void
  /** What a peer is said to have for addresses. Nobody has signed it. */
  onPeerData(handler: (peer: VerifyingKey, data: Uint8Array) => void): void
  neighboursOf(topic: Topic): readonly VerifyingKey[]
  /** The peer can be dialled from now on: failures of the past are forgotten, and who has no neighbour tries at once. */
  peerFound(peer: VerifyingKey): void
  stop(): void
  metrics(): OverlayMetrics
}

export type OverlayTrafficClass = 'membership' | 'payload' | 'control'

export interface Traffic {
  readonly messages: number
  /** With the length of each frame. */
  readonly bytes: number
}

export interface OverlayMetrics extends GossipMetrics {
  /** Pairs of a topic and a neighbour in it. */
  readonly memberships: number
  readonly topics: number
  readonly dialling: number
  readonly dialsFailed: number
  readonly sentByClass: Readonly<Record<OverlayTrafficClass, Traffic>>
  readonly receivedByClass: Readonly<Record<OverlayTrafficClass, Traffic>>
  readonly violationsByCode: Readonly<Record<string, number>>
}

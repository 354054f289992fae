/** How a node goes about discovery; p2panda's figures where it has them. */

import { type BackOffSettings, DEFAULT_BACK_OFF } from './back-off.js'
import type { TransportKind } from './records.js'

/**
 * Of whom a remote is told: all nodes that are known, those who share a topic that the remote has shown to know, or
 * nobody. Our own record is told always.
 */
export type Share = 'all' | 'common-topics' | 'self'

export interface DiscoverySettings {
  readonly share: Share
  /** Sessions that this node opens at the same time. */
  readonly walkers: number
  /** How often a walk begins again by chance. */
  readonly resetProbability: number
  /** Share of news among the records of a visit below which a walker slows down. */
  readonly successRate: number
  /** Interested nodes of a topic from which on finding more is not worth hurrying: as many as an overlay keeps in mind. */
  readonly enoughPeers: number
  readonly backOff: BackOffSettings
  /** Milliseconds between two visits of a walker at least: others have to answer them. */
  readonly stepMs: number
  /** Milliseconds until a walker looks again when nobody can be visited. */
  readonly noNodeMs: number
  /** Milliseconds in which the smaller node id of two who found each other should have begun. */
  readonly yieldMs: number
  /**
   * Milliseconds for which what a session has shown of a node's topics is believed: six hours, in which two walkers at
   * their slowest visit 1,440 nodes.
   */
  readonly topicMs: number
  /** Milliseconds after which a node that nothing was heard of is forgotten. */
  readonly forgetMs: number
  /** Milliseconds in which a node is not visited again, unless there is something new to ask: it could feign news for ever. */
  readonly revisitMs: number
  /** Milliseconds until news of addresses is written, and until it is written who was reached: that changes all the time. */
  readonly persistMs: number
  readonly persistOutcomesMs: number
  /** Milliseconds between looks at what has expired. */
  readonly housekeepingMs: number
}

/**
 * p2panda tells everybody of all nodes. A libp2p network is ours alone and need not: whoever shows no topic in common
 * is told of nobody else, so that a crawler learns addresses of those whose topics it knows and no more.
 */
export function defaultDiscoverySettings(kind: TransportKind | null): DiscoverySettings {
  return {
    share: kind === 'iroh' ? 'all' : 'common-topics',
    walkers: 2,
    resetProbability: 0.02,
    successRate: 0.02,
    enoughPeers: 30,
    backOff: DEFAULT_BACK_OFF,
    stepMs: 100,
    noNodeMs: 2_000,
    yieldMs: 2_000,
    topicMs: 6 * 3_600_000,
    forgetMs: 30 * 86_400_000,
    revisitMs: 1_000,
    persistMs: 2_000,
    persistOutcomesMs: 60_000,
    housekeepingMs: 60_000,
  }
}

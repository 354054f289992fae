/**
 * Ephemeral streams of a node: what is said now to whoever listens now, signed, kept nowhere. Every stream of a topic
 * shares one membership in its broadcast and one replay window; the last one to close leaves.
 */

import {
  bytesToHex,
  decodeCbor,
  type HybridTimestamp,
  hash,
  incrementHybrid,
  isThicketError,
  type SigningKey,
  ThicketError,
  type Topic,
  type VerifyingKey,
} from '../core/index.js'
import type { Clock, Crypto, Gossip, GossipTopic, GossipVerdict, Trace } from '../ports.js'
import { type EphemeralMessage, encodeEphemeral, parseEphemeral, verifyEphemeral } from './ephemeral-message.js'
import { createReplayWindow, DEFAULT_REPLAY_LIMITS, type ReplayWindow } from './replay-window.js'

export interface EphemeralConfig {
  readonly gossip: Gossip
  readonly crypto: Crypto
  readonly clock: Clock
  readonly signingKey: SigningKey
  readonly trace: Trace | null
}

export interface EphemeralStream {
  /** Signs one item of CBOR and sends it; @throws `message-too-large`, `decoding-cbor`, `stream-closed` */
  publish(body: Uint8Array): void
  close(): void
}

export interface EphemeralMetrics {
  /** Streams that are open. */
  readonly streams: number
  readonly published: number
  /** Messages handed to the streams of their topic. */
  readonly received: number
  /** Messages that do not decode or verify, or are of an unknown version. */
  readonly invalid: number
  /** Genuine messages that came again, or too long after or before their time. */
  readonly replayed: number
}

export interface EphemeralStreams {
  /** `onMessage` hears what others say, never what this node does. */
  open(topic: Topic, onMessage: (message: EphemeralMessage) => void): EphemeralStream
  stop(): void
  metrics(): EphemeralMetrics
}

interface OpenTopic {
  readonly membership: GossipTopic
  readonly handlers: Set<(message: EphemeralMessage) => void>
}

export function createEphemeralStreams(config: EphemeralConfig): EphemeralStreams {
  const { gossip, crypto, clock, signingKey, trace } = config
  const self = signingKey.verifyingKey
  const topics = new Map<Topic, OpenTopic>()
  const counters = { published: 0, received: 0, invalid: 0, replayed: 0 }
  let last: HybridTimestamp = { wallUs: clock.wallUs(), lamport: 0n }
  let stopped = false

  /** As p2panda's, but a small step back of the clock is waited out: replay windows would take it for something old. */
  function stamp(): HybridTimestamp {
    const wallUs = clock.wallUs()
    const isSmallStepBack = wallUs < last.wallUs && last.wallUs - wallUs <= DEFAULT_REPLAY_LIMITS.clockToleranceUs
    last = incrementHybrid(last, isSmallStepBack ? last.wallUs : wallUs)
    return last
  }

  function judge(topic: Topic, window: ReplayWindow, bytes: Uint8Array, from: VerifyingKey): GossipVerdict {
    const refuse = (verdict: GossipVerdict, code: string): GossipVerdict => {
      counters[verdict === 'invalid' || code === 'unsupported-version' ? 'invalid' : 'replayed']++
      trace?.event('ephemeral-refused', { topic, peer: from, code })
      return verdict
    }
    try {
      const unverified = parseEphemeral(bytes, gossip.maxMessageBytes)
      const { author, timestamp, body } = unverified.claimed
      if (author === self) return 'ignored'
      const id = bytesToHex(hash(bytes))
      const early = window.judge(author, id, timestamp.wallUs, clock.wallUs())
      if (early !== 'fresh') return refuse('ignored', early)
      decodeCbor(body)
      const message = verifyEphemeral(unverified, crypto)
      window.admit(author, id, timestamp.wallUs, clock.wallUs())
      counters.received++
      trace?.event('ephemeral-received', { topic, author, timestamp: `${timestamp.wallUs}/${timestamp.lamport}` })
      for (const handler of topics.get(topic)?.handlers ?? []) handler(message)
      return 'accepted'
    } catch (error) {
      if (!isThicketError(error)) throw error
      // A later version is nobody's fault, but what cannot be verified is not passed on.
      return refuse(error.code === 'unsupported-version' ? 'ignored' : 'invalid', error.code)
    }
  }

  function join(topic: Topic): OpenTopic {
    const window = createReplayWindow()
    const membership = gossip.join(topic, (bytes, from) => judge(topic, window, bytes, from))
    const open: OpenTopic = { membership, handlers: new Set() }
    topics.set(topic, open)
    return open
  }

  return {
    open(topic, onMessage) {
      const open = topics.get(topic) ?? join(topic)
      // Two streams may bring the same function, so each puts in one of its own.
      const handler = (message: EphemeralMessage) => onMessage(message)
      open.handlers.add(handler)
      return {
        publish(body) {
          if (stopped || !open.handlers.has(handler)) {
            throw new ThicketError('stream-closed', 'the ephemeral stream is closed', { topic })
          }
          const timestamp = stamp()
          open.membership.broadcast(encodeEphemeral(signingKey, crypto, timestamp, body, gossip.maxMessageBytes))
          counters.published++
          trace?.event('ephemeral-published', { topic, timestamp: `${timestamp.wallUs}/${timestamp.lamport}` })
        },
        close() {
          if (!open.handlers.delete(handler) || open.handlers.size > 0) return
          topics.delete(topic)
          open.membership.leave()
        },
      }
    },
    stop() {
      stopped = true
      topics.clear()
    },
    metrics() {
      let streams = 0
      for (const { handlers } of topics.values()) streams += handlers.size
      return { streams, ...counters }
    },
  }
}

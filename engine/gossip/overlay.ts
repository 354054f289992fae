/**
 * Gossip over an overlay: however many nodes a topic has, each holds connections to a handful of them, and what is said
 * reaches all over a tree that mends itself. It speaks the protocol of iroh-gossip, so p2panda's nodes are neighbours
 * like any other. A topic that is joined without anything being broadcast in it costs next to nothing; its neighbours
 * are the partners of log sync then.
 *
 * This file carries out what the pure machine of each topic decides, one effect after the other, and asks the
 * application for its judgement in between. A peer that says a topic here which we have not joined, or which it may not
 * have, is neither answered nor cut off for it; its connection ends after a while like any that no topic needs.
 */

import { encodeFrame, invariant, ThicketError, type Topic, type VerifyingKey } from '../core/index.js'
import type { GossipTopic, GossipVerdict, Timer } from '../ports.js'
import { Blame } from './blame.js'
import { DEFAULT_OVERLAY_LIMITS, type OverlayLimits } from './overlay-limits.js'
import { OverlayPeers } from './overlay-peers.js'
import type { OverlayGossip, OverlayGossipConfig } from './overlay-types.js'
import { decodeOverlay, encodeOverlay, maxContentBytes, type OverlayMessage } from './overlay-wire.js'
import { Swarm, type SwarmEffect } from './swarm.js'
import { classOf, membershipCost, TrafficCount } from './traffic.js'

interface Joined {
  readonly topic: Topic
  readonly swarm: Swarm
  readonly onMessage: (bytes: Uint8Array, from: VerifyingKey) => GossipVerdict
  /** Said while there was no neighbour; oldest first. */
  readonly waiting: Uint8Array[]
  timer: { readonly atMs: number; readonly timer: Timer } | null
}

export function createOverlayGossip(config: OverlayGossipConfig): OverlayGossip {
  const { id, clock, random } = config
  const trace = config.trace ?? null
  const limits: OverlayLimits = { ...DEFAULT_OVERLAY_LIMITS, ...config.limits }
  const maxMessageBytes = maxContentBytes(limits.frameBytes)
  const topics = new Map<Topic, Joined>()
  /** Of topics that are not joined yet. */
  const earlyCandidates = new Map<Topic, readonly VerifyingKey[]>()
  const blame = new Blame(limits)
  const sent = new TrafficCount()
  const received = new TrafficCount()
  const counters = { sent: 0, received: 0, duplicates: 0, dropped: 0, violations: 0 }
  const violationsByCode: Record<string, number> = {}
  const tasks: { readonly joined: Joined; readonly effect: SwarmEffect }[] = []
  const touched = new Set<VerifyingKey>()
  let neighbourHandler: (topic: Topic, peer: VerifyingKey, isUp: boolean) => void = () => {}
  let peerDataHandler: (peer: VerifyingKey, data: Uint8Array) => void = () => {}
  let encoded: { readonly message: OverlayMessage; readonly frame: Uint8Array } | null = null
  let isRunning = false
  let hasStopped = false

  const peers = new OverlayPeers({
    id,
    clock,
    limits,
    trace,
    dial: (peer, done) => config.dial(peer, config.protocol, done),
    receive(peer, topic, frame) {
      const joined = topics.get(topic)
      if (hasStopped || !joined || !mayServe(peer, topic)) return 0
      const message = decodeOverlay(frame)
      received.add(classOf(message), frame.length)
      run(joined, joined.swarm.receive(peer, message, clock.nowMs()), peer)
      return membershipCost(message)
    },
    isHeld(peer) {
      for (const { swarm } of topics.values()) if (swarm.holds(peer)) return true
      return false
    },
    onDisconnected(peer, hasFailed) {
      if (hasStopped) return
      for (const joined of [...topics.values()]) {
        run(joined, joined.swarm.disconnected(peer, hasFailed, clock.nowMs()))
      }
    },
    onDropped: () => counters.dropped++,
    onViolation(_peer, error) {
      counters.violations++
      violationsByCode[error.code] = (violationsByCode[error.code] ?? 0) + 1
    },
  })

  function mayServe(peer: VerifyingKey, topic: Topic): boolean {
    return config.mayServe?.(peer, topic) ?? true
  }

  function peerData(): Uint8Array | null {
    const data = config.peerData?.() ?? null
    return data && data.length <= limits.peerDataBytes ? data : null
  }

  /** Carries out effects in their order, and what follows from them after those that were there before. */
  function run(joined: Joined, effects: readonly SwarmEffect[], about?: VerifyingKey): void {
    for (const effect of effects) tasks.push({ joined, effect })
    if (about) touched.add(about)
    if (!isRunning) {
      isRunning = true
      try {
        for (let task = tasks.shift(); task; task = tasks.shift()) enact(task.joined, task.effect)
      } finally {
        isRunning = false
      }
      const changed = [...touched]
      touched.clear()
      for (const peer of changed) peers.review(peer)
    }
    arm(joined)
  }

  function enact(joined: Joined, effect: SwarmEffect): void {
    switch (effect.type) {
      case 'send':
        send(joined, effect.to, effect.message)
        break
      case 'deliver': {
        counters.received++
        if (topics.get(joined.topic) !== joined) return
        const verdict = joined.onMessage(effect.payload.content, effect.from)
        if (verdict === 'accepted') run(joined, joined.swarm.accept(effect.payload, effect.from, clock.nowMs()))
        else if (verdict === 'invalid' && blame.isTooMuch(effect.from, clock.nowMs())) {
          const error = new ThicketError('gossip-invalid-messages', 'a neighbour brought too many invalid messages')
          peers.shun(effect.from, error)
        }
        break
      }
      case 'duplicate':
        counters.received++
        counters.duplicates++
        break
      case 'neighbour-up':
      case 'neighbour-down': {
        const isUp = effect.type === 'neighbour-up'
        touched.add(effect.peer)
        trace?.event('gossip-neighbour', { topic: joined.topic, peer: effect.peer, isUp })
        if (isUp) {
          for (const bytes of joined.waiting.splice(0)) run(joined, joined.swarm.broadcast(bytes, clock.nowMs()))
        }
        neighbourHandler(joined.topic, effect.peer, isUp)
        break
      }
      case 'peer-data':
        peerDataHandler(effect.peer, effect.data)
    }
  }

  function send(joined: Joined, to: VerifyingKey, message: OverlayMessage): void {
    touched.add(to)
    if (!mayServe(to, joined.topic)) {
      run(joined, joined.swarm.disconnected(to, true, clock.nowMs()))
      return
    }
    // The same payload goes to several neighbours, one after the other.
    if (encoded?.message !== message) {
      encoded = { message, frame: encodeFrame(encodeOverlay(message), limits.frameBytes - 1) }
    }
    const kind = classOf(message)
    if (kind === 'payload') counters.sent++
    sent.add(kind, encoded.frame.length)
    peers.send(to, joined.topic, encoded.frame, kind !== 'membership', message.type === 'disconnect')
  }

  /** Sees to it that the machine is woken in time, and seldom for nothing. */
  function arm(joined: Joined): void {
    if (topics.get(joined.topic) !== joined) return
    const atMs = joined.swarm.deadlineMs
    if (joined.timer && joined.timer.atMs <= atMs) return
    joined.timer?.timer.cancel()
    const timer = clock.after(Math.max(0, atMs - clock.nowMs()), () => {
      joined.timer = null
      run(joined, joined.swarm.tick(clock.nowMs()))
    })
    joined.timer = { atMs, timer }
  }

  function broadcast(joined: Joined, bytes: Uint8Array): void {
    invariant(bytes.length <= maxMessageBytes, 'who broadcasts has asked for the largest message')
    if (joined.swarm.neighbours.length > 0) {
      run(joined, joined.swarm.broadcast(bytes, clock.nowMs()))
      return
    }
    if (joined.waiting.length >= limits.waitingMessages) {
      joined.waiting.shift()
      counters.dropped++
    }
    joined.waiting.push(bytes)
  }

  function leave(joined: Joined): void {
    if (topics.get(joined.topic) !== joined) return
    topics.delete(joined.topic)
    joined.timer?.timer.cancel()
    run(joined, joined.swarm.quit(clock.nowMs()))
  }

  return {
    maxMessageBytes,
    protocol: config.protocol,
    join(topic, onMessage): GossipTopic {
      if (topics.size >= limits.topics) {
        throw new ThicketError('gossip-too-many-topics', `a node joins at most ${limits.topics} topics`)
      }
      invariant(!topics.has(topic), 'a topic is joined once at a time')
      const nowMs = clock.nowMs()
      const swarm = new Swarm({ id, chance: () => random.float(), limits, peerData, nowMs })
      const joined: Joined = { topic, swarm, onMessage, waiting: [], timer: null }
      topics.set(topic, joined)
      const early = earlyCandidates.get(topic) ?? []
      earlyCandidates.delete(topic)
      run(joined, swarm.setCandidates(early, nowMs))
      return {
        get neighbours() {
          return topics.get(topic) === joined ? swarm.neighbours.length : 0
        },
        broadcast(bytes) {
          if (topics.get(topic) === joined) broadcast(joined, bytes)
        },
        leave: () => leave(joined),
      }
    },
    candidates(topic, interested) {
      if (hasStopped) return
      const joined = topics.get(topic)
      if (joined) {
        const served = interested.filter(peer => mayServe(peer, topic))
        run(joined, joined.swarm.setCandidates(served, clock.nowMs()))
        return
      }
      earlyCandidates.delete(topic)
      if (interested.length > 0 && earlyCandidates.size < limits.topics) earlyCandidates.set(topic, interested)
    },
    onNeighbour(handler) {
      neighbourHandler = handler
    },
    onPeerData(handler) {
      peerDataHandler = handler
    },
    neighboursOf: topic => [...(topics.get(topic)?.swarm.neighbours ?? [])],
    peerFound(peer) {
      if (hasStopped) return
      peers.forgive(peer)
      for (const joined of [...topics.values()]) run(joined, joined.swarm.found(peer, clock.nowMs()))
    },
    accept: connection => peers.accept(connection),
    stop() {
      if (hasStopped) return
      for (const joined of [...topics.values()]) leave(joined)
      hasStopped = true
      peers.stop()
    },
    metrics() {
      let memberships = 0
      for (const { swarm } of topics.values()) memberships += swarm.neighbours.length
      return {
        neighbours: peers.connected,
        ...counters,
        memberships,
        topics: topics.size,
        dialling: peers.dialling,
        dialsFailed: peers.dialsFailed,
        sentByClass: sent.byClass,
        receivedByClass: received.byClass,
        violationsByCode: { ...violationsByCode },
      }
    },
  }
}

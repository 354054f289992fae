/**
 * One radio of a node: hands what is heard to the topic it belongs to, and asks the topics what to say next, one frame
 * at a time. All it knows of operations is that verified ones go to the pipeline.
 */

import type { ThicketError, Topic, VerifyingKey } from '../core/index.js'
import type { Clock, Crypto, PendingFrame, Radio, Random, Timer, Trace } from '../ports.js'
import type { TopicSource } from './authors.js'
import type { BroadcastSettings } from './limits.js'
import type { ReceivedOperation } from './rebuild.js'
import { openFrame } from './seal.js'
import { type StoredNews, TopicBroadcast } from './topic.js'
import { type TopicKeys, topicKeys } from './topic-keys.js'
import type { OutgoingFrame } from './voice.js'

export interface BroadcastVerdict {
  readonly outcome: 'stored' | 'duplicate' | 'held' | 'refused'
  readonly error?: ThicketError
}

export interface BroadcastOptions {
  readonly self: VerifyingKey
  readonly radio: Radio
  readonly clock: Clock
  readonly random: Random
  readonly crypto: Crypto
  readonly trace: Trace | null
  readonly settings: BroadcastSettings
  source(topic: Topic): TopicSource
  /** Verifies again, validates and stores; `done` comes once, at once or later. */
  deliver(
    topic: Topic,
    operations: readonly ReceivedOperation[],
    done: (verdicts: readonly BroadcastVerdict[]) => void,
  ): void
}

export interface BroadcastMetrics {
  readonly framesSent: number
  readonly framesHeard: number
  /** Of no topic of this node, damaged or forged. */
  readonly framesForeign: number
  readonly operationsReceived: number
}

export interface Broadcast {
  readonly radio: string
  topicAdded(topic: Topic): void
  topicRemoved(topic: Topic): void
  stored(topic: Topic, news: readonly StoredNews[]): void
  metrics(): BroadcastMetrics
  stop(): void
}

export function createBroadcast(options: BroadcastOptions): Broadcast {
  const { radio, clock, crypto } = options
  const topics = new Map<Topic, TopicBroadcast>()
  const counters = { framesSent: 0, framesHeard: 0, framesForeign: 0, operationsReceived: 0 }
  let sending: { readonly frame: OutgoingFrame; pending: PendingFrame | null } | null = null
  let timer: { readonly atMs: number; readonly handle: Timer } | null = null
  let nextTopic = 0
  let isStopped = false
  /** Of all topics; made anew when one comes or goes, not for each frame. */
  let ring: readonly TopicKeys[] = []

  radio.onFrame(bytes => {
    if (isStopped) return
    const frame = openFrame(crypto, ring, bytes)
    const topic = frame && topics.get(frame.keys.topic)
    if (!frame || !topic) {
      counters.framesForeign += 1
      return
    }
    counters.framesHeard += 1
    deliver(topic, topic.receive(frame, clock.nowMs()))
    pump()
  })

  function deliver(topic: TopicBroadcast, operations: readonly ReceivedOperation[]): void {
    if (operations.length === 0) return
    counters.operationsReceived += operations.length
    options.deliver(topic.keys.topic, operations, verdicts => {
      for (const [index, { outcome, error }] of verdicts.entries()) {
        const { author, seqNum } = operations[index]!
        if (outcome === 'refused') topic.refused(author, seqNum, error?.code ?? 'refused', clock.nowMs())
      }
      if (verdicts.some(({ outcome }) => outcome === 'refused')) pump()
    })
  }

  function pump(): void {
    if (isStopped) return
    if (sending) {
      // Overheard meanwhile, or of no use any more.
      if (!sending.frame.isWanted()) sending.pending?.cancel()
      return
    }
    const nowMs = clock.nowMs()
    const all = [...topics.values()]
    for (let turn = 0; turn < all.length; turn++) {
      const topic = all[(nextTopic + turn) % all.length]!
      if (topic.dueMs() > nowMs) continue
      const frame = topic.take(nowMs)
      if (!frame) continue
      nextTopic = (nextTopic + turn + 1) % all.length
      send(frame)
      return
    }
    wakeUp()
  }

  function send(frame: OutgoingFrame): void {
    const current: { readonly frame: OutgoingFrame; pending: PendingFrame | null } = { frame, pending: null }
    sending = current
    if (timer) timer.handle.cancel()
    timer = null
    current.pending = radio.send(frame.bytes, frame.kind, outcome => {
      if (isStopped || sending !== current) return
      sending = null
      if (outcome === 'sent') counters.framesSent += 1
      frame.done(outcome === 'sent', clock.nowMs())
      pump()
    })
  }

  function wakeUp(): void {
    let atMs = Infinity
    for (const topic of topics.values()) atMs = Math.min(atMs, topic.dueMs())
    if (timer && timer.atMs === atMs) return
    if (timer) timer.handle.cancel()
    timer = null
    if (atMs === Infinity) return
    const delay = Math.max(1, atMs - clock.nowMs())
    timer = {
      atMs,
      handle: clock.after(delay, () => {
        timer = null
        pump()
      }),
    }
  }

  return {
    radio: radio.name,
    topicAdded(topic) {
      if (isStopped || topics.has(topic)) return
      topics.set(
        topic,
        new TopicBroadcast({
          keys: topicKeys(crypto, topic),
          self: options.self,
          crypto,
          random: options.random,
          source: options.source(topic),
          settings: options.settings,
          mtu: radio.mtu,
          airtimeMs: bytes => radio.airtimeMs(bytes),
          budget: () => radio.budget(),
          wallSeconds: Number(clock.wallUs() / 1_000_000n) % 2 ** 32,
          nowMs: clock.nowMs(),
        }),
      )
      ring = [...topics.values()].map(({ keys }) => keys)
      pump()
    },
    topicRemoved(topic) {
      topics.delete(topic)
      ring = [...topics.values()].map(({ keys }) => keys)
      if (!isStopped) pump()
    },
    stored(topic, news) {
      const state = topics.get(topic)
      if (isStopped || !state || news.length === 0) return
      deliver(state, state.stored(news, clock.nowMs()))
      pump()
    },
    metrics: () => ({ ...counters }),
    stop() {
      isStopped = true
      timer?.handle.cancel()
      topics.clear()
      radio.close()
    },
  }
}

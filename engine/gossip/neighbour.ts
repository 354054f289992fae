/**
 * One connection of direct gossip: a uni stream each way, on which each side says which topics it listens to and then
 * what is said in those that both have joined. A neighbour who breaks the protocol, or brings too many invalid
 * messages, is left at once.
 */

import {
  encodeFrame,
  FrameDecoder,
  hexToBytes,
  isThicketError,
  ThicketError,
  type Topic,
  type VerifyingKey,
} from '../core/index.js'
import type { Connection, GossipVerdict, Role, Stream } from '../ports.js'
import type { GossipLimits } from './limits.js'
import { badgeOf, decodeGossip, encodeGossip, type GossipFrame, maxFrameBytes } from './wire.js'

export interface NeighbourConfig {
  readonly id: VerifyingKey
  readonly connection: Connection
  readonly limits: GossipLimits
  /** The topics that we have joined now. */
  topics(): Iterable<Topic>
  receive(topic: Topic, bytes: Uint8Array, from: Neighbour): GossipVerdict
  /** The remote takes part: its first frame has come, and is about to be handled. */
  onHeard(neighbour: Neighbour): void
  /** From now on both have joined the topic. */
  onShared(topic: Topic): void
  /** A message was given up for this neighbour, who is too slow. */
  onDropped(): void
  /** Called once, never from within a call; the error is set when the remote broke the rules. */
  onEnded(neighbour: Neighbour, error: ThicketError | null): void
}

/** Nothing is told to the remote beyond that it is over. */
const CLOSE_CODE = 0

export class Neighbour {
  readonly #config: NeighbourConfig
  readonly #connection: Connection
  readonly #decoder: FrameDecoder
  /** What the remote calls the topics that we have joined. */
  readonly #joined = new Map<string, Topic>()
  /** What we call those that we have told it of. */
  readonly #announced = new Map<Topic, Uint8Array>()
  /** What the remote has joined, ours or not: we may join it later. */
  readonly #remoteBadges = new Set<string>()
  readonly #queue: Uint8Array[] = []
  #out: Stream | null = null
  #hasInbound = false
  #isWritable = true
  #invalid = 0
  #heard = false
  #hasEnded = false

  constructor(config: NeighbourConfig) {
    this.#config = config
    this.#connection = config.connection
    this.#decoder = new FrameDecoder(maxFrameBytes(config.limits.messageBytes))
  }

  get remote(): VerifyingKey {
    return this.#connection.remote
  }

  get role(): Role {
    return this.#connection.role
  }

  /** Whether the remote takes part: it has sent at least one frame. */
  get heard(): boolean {
    return this.#heard
  }

  /** Whether neither side has a topic for the other. */
  get isIdle(): boolean {
    return this.#announced.size === 0 && this.#remoteBadges.size === 0
  }

  start(): void {
    this.#connection.onStream(stream => this.#adopt(stream))
    this.#connection.onClose(() => this.#end(null))
    this.#out = this.#connection.openUni()
    this.#out.onDrain(() => {
      this.#isWritable = true
      this.#flush()
    })
    this.#out.onAbort(() => this.close())
    this.update()
  }

  /** The topics that we have joined may have changed. */
  update(): void {
    this.#flush()
  }

  shares(topic: Topic): boolean {
    return this.#announced.has(topic) && this.#remoteBadges.has(badgeOf(topic, this.remote, this.#config.id))
  }

  /** To be called for a topic that is shared. */
  send(topic: Topic, message: Uint8Array): void {
    const badge = this.#announced.get(topic)
    if (badge === undefined || this.#hasEnded) return
    if (this.#queue.length >= this.#config.limits.queuedMessages) {
      this.#queue.shift()
      this.#config.onDropped()
    }
    this.#queue.push(encodeFrame(encodeGossip('message', badge, message)))
    this.#flush()
  }

  close(): void {
    if (!this.#hasEnded) this.#connection.close(CLOSE_CODE)
  }

  #flush(): void {
    if (this.#hasEnded || !this.#out) return
    const shared = this.#announce(this.#out)
    while (this.#isWritable && this.#queue.length > 0) this.#isWritable = this.#out.write(this.#queue.shift()!)
    for (const topic of shared) this.#config.onShared(topic)
  }

  /** Tells what has changed since the last time, and returns what is shared now that was not before. */
  #announce(out: Stream): readonly Topic[] {
    if (!this.#isWritable) return []
    const topics = new Set(this.#config.topics())
    const shared: Topic[] = []
    for (const [topic, badge] of [...this.#announced]) {
      if (topics.has(topic)) continue
      this.#announced.delete(topic)
      this.#joined.delete(badgeOf(topic, this.remote, this.#config.id))
      this.#isWritable = out.write(encodeFrame(encodeGossip('leave', badge)))
    }
    for (const topic of topics) {
      if (this.#announced.has(topic)) continue
      const badge = hexToBytes(badgeOf(topic, this.#config.id, this.remote))
      const theirs = badgeOf(topic, this.remote, this.#config.id)
      this.#announced.set(topic, badge)
      this.#joined.set(theirs, topic)
      this.#isWritable = out.write(encodeFrame(encodeGossip('join', badge)))
      if (this.#remoteBadges.has(theirs)) shared.push(topic)
    }
    return shared
  }

  #adopt(stream: Stream): void {
    if (stream.kind !== 'uni' || this.#hasInbound) {
      this.#end(new ThicketError('gossip-unexpected-stream', 'a neighbour opens one uni stream and no other'))
      return
    }
    this.#hasInbound = true
    stream.onData(bytes => this.#take(bytes))
    stream.onEnd(() => this.close())
    stream.onAbort(() => this.close())
  }

  #take(bytes: Uint8Array): void {
    if (this.#hasEnded) return
    this.#decoder.push(bytes)
    try {
      for (;;) {
        const frame = this.#hasEnded ? null : this.#decoder.next()
        if (frame === null) return
        const decoded = decodeGossip(frame)
        if (!this.#heard) {
          this.#heard = true
          this.#config.onHeard(this)
        }
        this.#handle(decoded)
      }
    } catch (error) {
      if (!isThicketError(error)) throw error
      this.#end(error)
    }
  }

  #handle(frame: GossipFrame): void {
    const topic = this.#joined.get(frame.badge)
    if (frame.type === 'join') {
      if (this.#remoteBadges.has(frame.badge)) return
      if (this.#remoteBadges.size >= this.#config.limits.topicsPerNeighbour) {
        throw new ThicketError('gossip-too-many-topics', 'a neighbour joined more topics than one may')
      }
      this.#remoteBadges.add(frame.badge)
      if (topic !== undefined) this.#config.onShared(topic)
    } else if (frame.type === 'leave') {
      this.#remoteBadges.delete(frame.badge)
      if (this.isIdle) this.close()
    } else if (topic !== undefined) {
      // A topic that we have left is no fault: our word of it may be on its way.
      if (this.#config.receive(topic, frame.bytes, this) !== 'invalid') return
      this.#invalid++
      if (this.#invalid >= this.#config.limits.invalidMessages) {
        throw new ThicketError('gossip-invalid-messages', 'a neighbour brought too many invalid messages', {
          count: this.#invalid,
        })
      }
    }
  }

  #end(error: ThicketError | null): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#queue.length = 0
    if (error) this.#connection.close(CLOSE_CODE)
    this.#config.onEnded(this, error)
  }
}

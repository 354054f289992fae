/** Whole overlays over in-process connections, with a clock that is turned by hand, and a peer that writes its frames by hand. */

import { setImmediate as turn } from 'node:timers/promises'
import { InProcessHub, inProcessTransport } from '../adapters/index.js'
import { encodeFrame, FrameDecoder, SigningKey, type Topic, type VerifyingKey } from '../core/index.js'
import type { Clock, Connection, GossipTopic, GossipVerdict, Stream, Timer, Transport } from '../ports.js'
import { createOverlayGossip } from './overlay.js'
import type { OverlayLimits } from './overlay-limits.js'
import type { OverlayGossip, OverlayGossipConfig } from './overlay-types.js'
import { decodeOverlay, decodeTopic, encodeOverlay, encodeTopic, type OverlayMessage } from './overlay-wire.js'

export const TOPIC = '07'.repeat(32) as Topic
export const OTHER = '08'.repeat(32) as Topic
const PROTOCOL = '/test-overlay'

/** Keys in ascending order, so that a smaller number is a smaller id. */
export const IDS: readonly VerifyingKey[] = Array.from(
  { length: 20 },
  (_, at) => SigningKey.fromBytes(new Uint8Array(32).fill(at + 1)).verifyingKey,
).sort()

/** Enough turns of the event loop for what is under way in the hub. */
export async function turns(count = 30): Promise<void> {
  for (let taken = 0; taken < count; taken++) await turn()
}

export class HandClock implements Clock {
  #nowMs = 0
  #timers: { readonly atMs: number; readonly callback: () => void }[] = []

  nowMs = (): number => this.#nowMs
  wallUs = (): bigint => BigInt(Math.floor(this.#nowMs)) * 1_000n

  after(delayMs: number, callback: () => void): Timer {
    const timer = { atMs: this.#nowMs + delayMs, callback }
    this.#timers.push(timer)
    return { cancel: () => (this.#timers = this.#timers.filter(other => other !== timer)) }
  }

  get pending(): number {
    return this.#timers.length
  }

  /** Lets time pass, and what falls due happen, one moment after the other. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms
    await turns()
    for (;;) {
      const next = Math.min(...this.#timers.map(({ atMs }) => atMs))
      if (!(next <= endMs)) break
      this.#nowMs = Math.max(this.#nowMs, next)
      const due = this.#timers.filter(({ atMs }) => atMs <= this.#nowMs)
      this.#timers = this.#timers.filter(({ atMs }) => atMs > this.#nowMs)
      for (const { callback } of due) callback()
      await turns()
    }
    this.#nowMs = endMs
  }
}

export interface OverlayHost {
  readonly id: VerifyingKey
  readonly gossip: OverlayGossip
  readonly transport: Transport
  readonly events: string[]
  readonly dials: VerifyingKey[]
  /** Connections that peers have opened, ever. */
  accepted: number
}

export interface Listener {
  readonly heard: string[]
  readonly topic: GossipTopic
}

export class OverlayNetwork {
  readonly clock = new HandClock()
  readonly hub = new InProcessHub()
  readonly hosts: OverlayHost[] = []
  readonly strangers: Stranger[] = []
  /** Dials wait here for the test to let them go, when it is a list. */
  held: (() => void)[] | null = null
  #chance = 1

  host(number: number, limits: Partial<OverlayLimits> = {}, more: Partial<OverlayGossipConfig> = {}): OverlayHost {
    const id = IDS[number]!
    const transport = inProcessTransport({ hub: this.hub, discover: false })
    const dials: VerifyingKey[] = []
    const gossip = createOverlayGossip({
      id,
      clock: this.clock,
      random: { bytes: length => new Uint8Array(length), float: () => this.#float() },
      protocol: PROTOCOL,
      limits,
      dial: (peer, protocol, done) => {
        dials.push(peer)
        const dial = () => transport.dial(peer, protocol, done)
        if (this.held) this.held.push(dial)
        else dial()
      },
      ...more,
    })
    const host: OverlayHost = { id, gossip, transport, events: [], dials, accepted: 0 }
    gossip.onNeighbour((topic, peer, isUp) =>
      host.events.push(`${topic.slice(0, 2)} ${isUp ? '+' : '-'}${IDS.indexOf(peer)}`),
    )
    transport.start({
      id,
      networkId: new Uint8Array(32),
      peerFound: peer => gossip.peerFound(peer),
      peerLost: () => {},
      accept: connection => {
        host.accepted++
        gossip.accept(connection)
      },
    })
    this.hosts.push(host)
    return host
  }

  stranger(number: number): Stranger {
    const stranger = new Stranger(IDS[number]!, this.hub)
    this.strangers.push(stranger)
    return stranger
  }

  async until(condition: () => boolean, withinMs = 600_000): Promise<void> {
    const endMs = this.clock.nowMs() + withinMs
    while (!condition()) {
      if (this.clock.nowMs() >= endMs) throw new Error('it does not come true')
      await this.clock.advance(100)
    }
  }

  stop(): void {
    for (const { gossip, transport } of this.hosts) {
      gossip.stop()
      transport.stop()
    }
    for (const { transport } of this.strangers) transport.stop()
  }

  #float(): number {
    this.#chance = (Math.imul(this.#chance, 1_664_525) + 1_013_904_223) >>> 0
    return this.#chance / 2 ** 32
  }
}

export function listen(host: OverlayHost, topic = TOPIC, verdict: GossipVerdict = 'accepted'): Listener {
  const heard: string[] = []
  return {
    heard,
    topic: host.gossip.join(topic, bytes => {
      heard.push(new TextDecoder().decode(bytes))
      return verdict
    }),
  }
}

export function say(listener: Listener, text: string): void {
  listener.topic.broadcast(new TextEncoder().encode(text))
}

/** A peer without rules. */
export class Stranger {
  readonly transport: Transport
  readonly #streams = new Map<Topic, Stream>()
  readonly id: VerifyingKey
  readonly heard: { readonly topic: Topic; readonly message: OverlayMessage }[] = []
  readonly ended: Topic[] = []
  connection: Connection | null = null
  closed = 0

  constructor(id: VerifyingKey, hub: InProcessHub) {
    this.id = id
    this.transport = inProcessTransport({ hub, discover: false })
    this.transport.start({
      id,
      networkId: new Uint8Array(32),
      peerFound: () => {},
      peerLost: () => {},
      accept: connection => this.#take(connection),
    })
  }

  async dial(host: OverlayHost): Promise<Connection> {
    const connection = await new Promise<Connection>((resolve, reject) =>
      this.transport.dial(host.id, PROTOCOL, dialled => (dialled ? resolve(dialled) : reject(new Error('no dial')))),
    )
    this.#take(connection)
    return connection
  }

  say(topic: Topic, message: OverlayMessage): void {
    this.write(topic, encodeFrame(encodeOverlay(message)))
  }

  write(topic: Topic, bytes: Uint8Array): void {
    let stream = this.#streams.get(topic)
    if (!stream) {
      stream = this.connection!.openUni()
      stream.write(encodeFrame(encodeTopic(topic)))
      this.#streams.set(topic, stream)
    }
    stream.write(bytes)
  }

  of(topic: Topic): readonly string[] {
    return this.heard.filter(({ topic: named }) => named === topic).map(({ message }) => message.type)
  }

  #take(connection: Connection): void {
    this.connection = connection
    this.#streams.clear()
    connection.onClose(() => this.closed++)
    connection.onStream(stream => {
      const decoder = new FrameDecoder()
      let topic: Topic | null = null
      stream.onData(bytes => {
        decoder.push(bytes)
        for (let frame = decoder.next(); frame; frame = decoder.next()) {
          if (topic === null) topic = decodeTopic(frame)
          else this.heard.push({ topic, message: decodeOverlay(frame) })
        }
      })
      stream.onEnd(() => topic && this.ended.push(topic))
    })
  }
}

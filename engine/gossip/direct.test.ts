/**
 * Goal: what one node says in a topic everybody who is connected hears once, who does not know the topic learns nothing
 * of it, and no peer can cost more than the limits say.
 * Method: gossips that meet over in-process connections, with a clock turned by hand for timers and chance fixed; a
 * hostile peer writes its frames by hand.
 */

import { afterEach, describe, expect, it } from 'vitest'
import { InProcessHub, inProcessTransport } from '../adapters/index.js'
import { encodeFrame, hexToBytes, SigningKey, type Topic, type VerifyingKey } from '../core/index.js'
import type { Clock, Connection, GossipTopic, GossipVerdict, Stream, Timer, Transport } from '../ports.js'
import { createDirectGossip, type DirectGossip } from './direct.js'
import { DEFAULT_GOSSIP_LIMITS, type GossipLimits } from './limits.js'
import { badgeOf, encodeGossip } from './wire.js'

const TOPIC = '07'.repeat(32) as Topic
const OTHER = '08'.repeat(32) as Topic
const PROTOCOL = '/test'
const { yieldMs, retryMinMs, shunMs, waitingMessages, queuedMessages, invalidMessages, topicsPerNeighbour } =
  DEFAULT_GOSSIP_LIMITS

/** Keys in ascending order, so that a smaller number is a smaller id. */
const IDS = Array.from({ length: 6 }, (_, at) => SigningKey.fromBytes(new Uint8Array(32).fill(at + 1)).verifyingKey)
  .sort()
  .map(id => id as VerifyingKey)

class HandClock implements Clock {
  #nowMs = 0
  #timers: { atMs: number; callback: () => void }[] = []

  nowMs = () => this.#nowMs
  wallUs = () => BigInt(this.#nowMs) * 1_000n

  after(delayMs: number, callback: () => void): Timer {
    const timer = { atMs: this.#nowMs + delayMs, callback }
    this.#timers.push(timer)
    return { cancel: () => (this.#timers = this.#timers.filter(other => other !== timer)) }
  }

  get pending(): number {
    return this.#timers.length
  }

  /** Lets time pass in steps, and what falls due happen. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms
    await turns()
    for (;;) {
      const due = this.#timers.filter(({ atMs }) => atMs <= endMs).sort((left, right) => left.atMs - right.atMs)[0]
      if (!due) break
      this.#nowMs = Math.max(this.#nowMs, due.atMs)
      this.#timers = this.#timers.filter(timer => timer !== due)
      due.callback()
      await turns()
    }
    this.#nowMs = endMs
  }
}

/** Enough turns of the event loop for what is under way in the hub. */
async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(resolve => setImmediate(resolve))
}

interface Host {
  readonly id: VerifyingKey
  readonly gossip: DirectGossip
  readonly transport: Transport
  readonly dials: { readonly peer: VerifyingKey; readonly atMs: number }[]
}

class Network {
  readonly clock = new HandClock()
  readonly hub = new InProcessHub()
  readonly hosts: Host[] = []
  /** Nobody can be dialled. */
  down = false
  /** Dials wait here for the test to let them go, when it is a list. */
  held: (() => void)[] | null = null
  /** Transports of hostile peers. */
  readonly strangers = new Map<VerifyingKey, Transport>()

  host(number: number, limits: Partial<GossipLimits> = {}): Host {
    const id = IDS[number]!
    const transport = inProcessTransport({ hub: this.hub, discover: false })
    const dials: Host['dials'] = []
    const gossip = createDirectGossip({
      id,
      clock: this.clock,
      random: { bytes: length => new Uint8Array(length), float: () => 0.5 },
      protocol: PROTOCOL,
      limits,
      dial: (peer, protocol, done) => {
        dials.push({ peer, atMs: this.clock.nowMs() })
        const dial = () => transport.dial(peer, protocol, done)
        if (this.down) this.hub.soon(() => done(null))
        else if (this.held) this.held.push(dial)
        else dial()
      },
    })
    transport.start({
      id,
      networkId: new Uint8Array(32),
      peerFound: peer => gossip.peerFound(peer),
      peerLost: peer => gossip.peerLost(peer),
      accept: connection => gossip.accept(connection),
    })
    const host = { id, gossip, transport, dials }
    this.hosts.push(host)
    return host
  }

  async meet(left: Host, right: Host): Promise<void> {
    left.gossip.peerFound(right.id)
    right.gossip.peerFound(left.id)
    await this.clock.advance(0)
    await turns()
  }

  stop(): void {
    for (const { gossip, transport } of this.hosts) {
      gossip.stop()
      transport.stop()
    }
    for (const transport of this.strangers.values()) transport.stop()
  }
}

interface Listener {
  readonly heard: string[]
  readonly topic: GossipTopic
}

function listen(host: Host, topic = TOPIC, verdict: GossipVerdict = 'accepted'): Listener {
  const heard: string[] = []
  return {
    heard,
    topic: host.gossip.join(topic, bytes => {
      heard.push(text(bytes))
      return verdict
    }),
  }
}

const bytesOf = (said: string) => new TextEncoder().encode(said)
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

let network = new Network()
afterEach(() => {
  network.stop()
  network = new Network()
})

/** Two hosts who share the topic. */
async function pair(limits: Partial<GossipLimits> = {}): Promise<[Host, Listener, Host, Listener]> {
  const [left, right] = [network.host(0, limits), network.host(1)]
  const [atLeft, atRight] = [listen(left), listen(right)]
  await network.meet(left, right)
  return [left, atLeft, right, atRight]
}

describe('who hears what', () => {
  it('both ways, and nobody hears itself', async () => {
    const [, left, , right] = await pair()
    expect([left.topic.neighbours, right.topic.neighbours]).toEqual([1, 1])
    left.topic.broadcast(bytesOf('from the left'))
    right.topic.broadcast(bytesOf('from the right'))
    await turns()
    expect(left.heard).toEqual(['from the right'])
    expect(right.heard).toEqual(['from the left'])
  })

  it('a line of three hears everything', async () => {
    const [a, b, c] = [network.host(0), network.host(1), network.host(2)]
    const listeners = [a, b, c].map(host => listen(host))
    await network.meet(a, b)
    await network.meet(b, c)
    for (const [at, { topic }] of listeners.entries()) topic.broadcast(bytesOf(`${at}`))
    await turns()
    expect(listeners.map(({ heard }) => heard.sort())).toEqual([
      ['1', '2'],
      ['0', '2'],
      ['0', '1'],
    ])
  })

  it('in a triangle a message is judged once and travels each way once at most', async () => {
    const hosts = [network.host(0), network.host(1), network.host(2)]
    const listeners = hosts.map(host => listen(host))
    for (const left of hosts) for (const right of hosts) if (left.id < right.id) await network.meet(left, right)
    listeners[0]!.topic.broadcast(bytesOf('once'))
    await turns()
    expect(listeners.map(({ heard }) => heard)).toEqual([[], ['once'], ['once']])
    expect(hosts.map(({ gossip }) => gossip.metrics().sent)).toEqual([2, 1, 1])
    expect(hosts.map(({ gossip }) => gossip.metrics().duplicates)).toEqual([0, 1, 1])
  })

  it.each<GossipVerdict>(['ignored', 'invalid'])('what is %s is not passed on', async verdict => {
    const [a, b, c] = [network.host(0), network.host(1), network.host(2)]
    const [first, , last] = [listen(a), listen(b, TOPIC, verdict), listen(c)]
    await network.meet(a, b)
    await network.meet(b, c)
    first.topic.broadcast(bytesOf('no'))
    await turns()
    expect(last.heard).toEqual([])
    expect(b.gossip.metrics()).toMatchObject({ received: 1, sent: 0 })
  })

  it('topics do not mix, and one that is left is heard no more', async () => {
    const [left, atLeft, right, atRight] = await pair()
    const elsewhere = listen(right, OTHER)
    const elsewhereAtLeft = listen(left, OTHER)
    await turns()
    elsewhereAtLeft.topic.broadcast(bytesOf('elsewhere'))
    await turns()
    expect([atRight.heard, elsewhere.heard]).toEqual([[], ['elsewhere']])
    elsewhere.topic.leave()
    await turns()
    expect(elsewhereAtLeft.topic.neighbours).toBe(0)
    atLeft.topic.broadcast(bytesOf('here'))
    await turns()
    expect(atRight.heard).toEqual(['here'])
  })

  it('a topic that is left and joined again is heard again', async () => {
    const [left, atLeft, right, atRight] = await pair()
    atRight.topic.leave()
    const again = listen(right)
    await network.clock.advance(4 * retryMinMs)
    atLeft.topic.broadcast(bytesOf('hello again'))
    await turns()
    expect(again.heard).toEqual(['hello again'])
    expect(left.gossip.metrics().neighbours).toBe(1)
  })
})

describe('before the first neighbour', () => {
  it(`${waitingMessages} messages wait, in order; of one more the oldest is given up`, async () => {
    const [left, right] = [network.host(0), network.host(1)]
    const early = listen(left)
    for (let at = 0; at <= waitingMessages; at++) early.topic.broadcast(bytesOf(`${at}`))
    expect(left.gossip.metrics().dropped).toBe(1)
    const late = listen(right)
    await network.meet(left, right)
    expect(late.heard).toEqual(Array.from({ length: waitingMessages }, (_, at) => `${at + 1}`))
  })

  it('exactly as many as may wait all arrive', async () => {
    const [left, right] = [network.host(0), network.host(1)]
    const early = listen(left)
    for (let at = 0; at < waitingMessages; at++) early.topic.broadcast(bytesOf(`${at}`))
    const late = listen(right)
    await network.meet(left, right)
    expect(late.heard).toHaveLength(waitingMessages)
    expect(left.gossip.metrics().dropped).toBe(0)
  })

  it('they wait for one who shares the topic, not for any peer', async () => {
    const [left, right] = [network.host(0), network.host(1)]
    const early = listen(left)
    listen(right, OTHER)
    await network.meet(left, right)
    early.topic.broadcast(bytesOf('patience'))
    await turns()
    const late = listen(right)
    await turns()
    expect(late.heard).toEqual(['patience'])
  })
})

describe('who dials', () => {
  it('nobody while no topic is joined; the smaller id at once, the larger one when nothing came', async () => {
    const [small, large] = [network.host(0), network.host(1)]
    await network.meet(small, large)
    await network.clock.advance(60_000)
    expect([small.dials, large.dials]).toEqual([[], []])
    const listener = listen(large)
    await network.clock.advance(yieldMs - 1)
    expect(large.dials).toEqual([])
    await network.clock.advance(1)
    expect(large.dials).toHaveLength(1)
    // The other one has no topic, and is remembered until it has.
    const late = listen(small)
    await turns()
    listener.topic.broadcast(bytesOf('hello'))
    await turns()
    expect(late.heard).toEqual(['hello'])
    expect(small.dials).toEqual([])
  })

  it.each(['first', 'last'])('when both dial at one moment, the smaller id %s, one connection is left', async order => {
    const [small, large] = [network.host(0), network.host(1)]
    const listeners = [listen(small), listen(large)]
    network.held = []
    large.gossip.peerFound(small.id)
    small.gossip.peerFound(large.id)
    await network.clock.advance(yieldMs)
    for (const dial of order === 'first' ? network.held : network.held.reverse()) dial()
    network.held = null
    await network.clock.advance(60_000)
    expect([small.dials.length, large.dials.length]).toEqual([1, 1])
    expect(listeners.map(({ topic }) => topic.neighbours)).toEqual([1, 1])
    expect(large.gossip.metrics().neighbours).toBe(1)
  })

  it('a dial that comes too late does not cost the connection that is in use', async () => {
    const [small, large] = [network.host(0), network.host(1)]
    const [atSmall, atLarge] = [listen(small), listen(large)]
    network.held = []
    large.gossip.peerFound(small.id)
    small.gossip.peerFound(large.id)
    await network.clock.advance(yieldMs)
    const [first, late] = network.held
    first!()
    await turns()
    late!()
    network.held = null
    for (let at = 0; at < 20; at++) {
      atSmall.topic.broadcast(bytesOf(`${at}`))
      await turns(1)
    }
    await turns()
    expect(atLarge.heard).toHaveLength(20)
    await network.clock.advance(60_000)
    expect([small.dials.length, large.dials.length]).toEqual([1, 1])
    expect(atLarge.topic.neighbours).toBe(1)
  })

  it('begins again with growing pauses, and from the least when the peer was heard', async () => {
    const [left, right] = [network.host(0), network.host(1)]
    listen(left)
    const atRight = listen(right)
    network.down = true
    left.gossip.peerFound(right.id)
    await network.clock.advance(16_000)
    const pauses = left.dials.slice(1).map(({ atMs }, at) => atMs - left.dials[at]!.atMs)
    // Chance is a half, so three quarters of a span that doubles from four times the least.
    expect(pauses).toEqual([3_000, 6_000])
    network.down = false
    await network.clock.advance(12_000)
    expect(atRight.topic.neighbours).toBe(1)
  })

  it('waits no longer than a minute', async () => {
    const [left, right] = [network.host(0), network.host(1)]
    listen(left)
    network.down = true
    left.gossip.peerFound(right.id)
    await network.clock.advance(20 * 60_000)
    const pauses = left.dials.slice(1).map(({ atMs }, at) => atMs - left.dials[at]!.atMs)
    expect(Math.max(...pauses)).toBe(45_000)
  })

  it('a peer that is lost is dialled no more, and no timer is left', async () => {
    const [left, right] = [network.host(0), network.host(1)]
    listen(left)
    network.down = true
    left.gossip.peerFound(right.id)
    await network.clock.advance(1)
    left.gossip.peerLost(right.id)
    expect(network.clock.pending).toBe(0)
  })

  it('a connection with no topic on either side is closed and not made again', async () => {
    const [left, atLeft, right, atRight] = await pair()
    atLeft.topic.leave()
    atRight.topic.leave()
    await network.clock.advance(60_000)
    expect([left, right].map(({ gossip }) => gossip.metrics().neighbours)).toEqual([0, 0])
    expect(network.clock.pending).toBe(0)
  })

  it('a peer that comes back before its old connection has timed out replaces it', async () => {
    const [left, atLeft] = await pair()
    const stranger = await hostile(left, IDS[1]!)
    stranger.join(TOPIC)
    await turns()
    expect(left.gossip.metrics().neighbours).toBe(1)
    atLeft.topic.broadcast(bytesOf('welcome back'))
    await turns()
    expect(stranger.received.join()).toContain('welcome back')
  })

  it('one connection more than the limit is refused', async () => {
    const host = network.host(0, { neighbours: 2 })
    listen(host)
    const peers = [await hostile(host, IDS[1]!), await hostile(host, IDS[2]!), await hostile(host, IDS[3]!)]
    expect(peers.map(({ isClosed }) => isClosed())).toEqual([false, false, true])
  })
})

interface Hostile {
  readonly id: VerifyingKey
  readonly connection: Connection
  readonly out: Stream
  readonly received: string[]
  readonly inbound: Stream[]
  isClosed(): boolean
  join(topic: Topic): void
  say(topic: Topic, bytes: Uint8Array): void
}

/** Dials a host over its own transport and leaves the writing to the test. */
async function hostile(host: Host, id: VerifyingKey, onInbound: (stream: Stream) => void = () => {}): Promise<Hostile> {
  let connection: Connection | null = null
  const existing = network.hosts.find(other => other.id === id)?.transport ?? network.strangers.get(id)
  const transport = existing ?? inProcessTransport({ hub: network.hub, discover: false })
  if (!existing) {
    network.strangers.set(id, transport)
    transport.start({
      id,
      networkId: new Uint8Array(32),
      peerFound: () => {},
      peerLost: () => {},
      accept: other => other.close(0),
    })
  }
  transport.dial(host.id, PROTOCOL, made => {
    connection = made
  })
  await turns(3)
  const made = connection as unknown as Connection
  let closed = false
  const received: string[] = []
  const inbound: Stream[] = []
  made.onClose(() => {
    closed = true
  })
  made.onStream(stream => {
    inbound.push(stream)
    stream.onData(bytes => received.push(text(bytes)))
    onInbound(stream)
  })
  const out = made.openUni()
  await turns()
  const badge = (topic: Topic) => hexToBytes(badgeOf(topic, id, host.id))
  return {
    id,
    connection: made,
    out,
    received,
    inbound,
    isClosed: () => closed,
    join: topic => void out.write(encodeFrame(encodeGossip('join', badge(topic)))),
    say: (topic, bytes) => void out.write(encodeFrame(encodeGossip('message', badge(topic), bytes))),
  }
}

describe('a hostile peer', () => {
  it('that does not know the topic learns nothing, also by sending back what it was told', async () => {
    const host = network.host(0)
    const listener = listen(host)
    const peer = await hostile(host, IDS[1]!)
    const told = hexToBytes(badgeOf(TOPIC, host.id, peer.id))
    peer.out.write(encodeFrame(encodeGossip('join', told)))
    peer.out.write(encodeFrame(encodeGossip('message', told, bytesOf('echo'))))
    await turns()
    expect(listener.topic.neighbours).toBe(0)
    listener.topic.broadcast(bytesOf('secret'))
    await turns()
    expect(peer.received.join()).not.toContain('secret')
    expect(listener.heard).toEqual([])
    expect(peer.isClosed()).toBe(false)
  })

  it.each<[string, (peer: Hostile) => void]>([
    ['garbage', peer => peer.out.write(Uint8Array.of(0, 0, 0, 3, 9, 9, 9))],
    ['a frame beyond the limit', peer => peer.out.write(Uint8Array.of(0, 0, 0x10, 0x25))],
    ['bytes after a frame', peer => peer.out.write(encodeFrame(new Uint8Array(34)))],
    ['a second stream', peer => peer.connection.openUni().write(Uint8Array.of(0))],
    ['a stream both ways', peer => peer.connection.openBi().write(Uint8Array.of(0))],
  ])('is left for %s, and not let in again for a minute', async (_, misbehave) => {
    const host = network.host(0)
    listen(host)
    const peer = await hostile(host, IDS[1]!)
    peer.join(TOPIC)
    await turns()
    expect(peer.isClosed()).toBe(false)
    misbehave(peer)
    await turns()
    expect(peer.isClosed()).toBe(true)
    expect(host.gossip.metrics()).toMatchObject({ violations: 1, neighbours: 0 })
    await network.clock.advance(shunMs - 1)
    expect((await hostile(host, IDS[2]!)).isClosed(), 'others are let in').toBe(false)
    expect((await again(host, peer)).isClosed()).toBe(true)
    await network.clock.advance(1)
    expect((await again(host, peer)).isClosed()).toBe(false)
  })

  it('may send a frame of exactly the limit', async () => {
    const host = network.host(0)
    const listener = listen(host)
    const peer = await hostile(host, IDS[1]!)
    peer.say(TOPIC, new Uint8Array(DEFAULT_GOSSIP_LIMITS.messageBytes))
    await turns()
    expect(listener.heard[0]).toHaveLength(DEFAULT_GOSSIP_LIMITS.messageBytes)
    peer.say(TOPIC, new Uint8Array(DEFAULT_GOSSIP_LIMITS.messageBytes + 1))
    await turns()
    expect(peer.isClosed()).toBe(true)
    expect(listener.heard).toHaveLength(1)
  })

  it(`is left with its invalid message number ${invalidMessages}`, async () => {
    const host = network.host(0)
    const listener = listen(host, TOPIC, 'invalid')
    const peer = await hostile(host, IDS[1]!)
    for (let at = 1; at < invalidMessages; at++) peer.say(TOPIC, bytesOf(`${at}`))
    peer.say(TOPIC, bytesOf('1'))
    await turns()
    expect(listener.heard).toHaveLength(invalidMessages - 1)
    expect(peer.isClosed()).toBe(false)
    peer.say(TOPIC, bytesOf('the last'))
    peer.say(TOPIC, bytesOf('one more'))
    await turns()
    expect(listener.heard.at(-1)).toBe('the last')
    expect(peer.isClosed()).toBe(true)
  })

  it(`may join ${topicsPerNeighbour} topics and not one more`, async () => {
    const host = network.host(0)
    listen(host)
    const peer = await hostile(host, IDS[1]!)
    const topic = (number: number) => number.toString(16).padStart(64, '0') as Topic
    for (let at = 0; at < topicsPerNeighbour; at++) peer.join(topic(at))
    peer.join(topic(0))
    await turns()
    expect(peer.isClosed()).toBe(false)
    peer.join(topic(topicsPerNeighbour))
    await turns()
    expect(peer.isClosed()).toBe(true)
  })

  it('that reads nothing costs a bounded queue: the oldest is given up, the newest arrives', async () => {
    const host = network.host(0)
    const listener = listen(host)
    const peer = await hostile(host, IDS[1]!, stream => stream.pause())
    peer.join(TOPIC)
    await turns()
    const message = (at: number) => bytesOf(`<${at}>`.padEnd(4_000, '.'))
    const total = 3 * queuedMessages
    for (let at = 0; at < total; at++) {
      listener.topic.broadcast(message(at))
      await turns(1)
    }
    const { dropped } = host.gossip.metrics()
    expect(dropped).toBeGreaterThan(queuedMessages)
    for (const stream of peer.inbound) stream.resume()
    await turns(40)
    const arrived = peer.received.join('').match(/<\d+>/g)!
    expect(arrived).toHaveLength(total - dropped)
    expect(arrived.at(-1)).toBe(`<${total - 1}>`)
  })
})

async function again(host: Host, { id }: Hostile): Promise<Hostile> {
  return hostile(host, id)
}

it('a node joins no more topics than its neighbours would take', () => {
  const host = network.host(0, { topicsPerNeighbour: 2 })
  listen(host, TOPIC)
  listen(host, OTHER)
  expect(() => listen(host, '09'.repeat(32) as Topic)).toThrow(
    expect.objectContaining({ code: 'gossip-too-many-topics' }),
  )
})

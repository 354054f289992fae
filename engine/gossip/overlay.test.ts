/**
 * Goal: nodes that know of each other find into one overlay and hear what is said in it, over as few connections as
 * need be; and no peer can cost more than the limits say, or learn of a topic that is none of its business.
 * Method: whole overlays over in-process connections with a clock turned by hand; hostile peers write their own frames.
 */

import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { bytesToHex, encodeFrame, hash } from '../core/index.js'
import { IDS, listen, OTHER, OverlayNetwork, say, TOPIC, turns } from './overlay-hosts.contract.js'
import { DEFAULT_OVERLAY_LIMITS } from './overlay-limits.js'
import type { OverlayMessage } from './overlay-wire.js'

const { lingerMs, shunMs, waitingMessages, invalidMessages } = DEFAULT_OVERLAY_LIMITS

let network = new OverlayNetwork()

afterEach(async () => {
  network.stop()
  await turns()
  network = new OverlayNetwork()
})

function payload(text: string, round: number | null = 0) {
  const content = new TextEncoder().encode(text)
  return { type: 'payload', id: bytesToHex(hash(content)), content, round } as const
}

describe('among honest nodes', () => {
  it('ten nodes that know one of them hear what each says, once, over few connections', async () => {
    const hosts = Array.from({ length: 10 }, (_, at) => network.host(at))
    const listeners = hosts.map(host => listen(host))
    for (const host of hosts.slice(1)) host.gossip.candidates(TOPIC, [IDS[0]!])
    await network.until(() => listeners.every(({ topic }) => topic.neighbours >= 2))
    await network.clock.advance(60_000)
    for (const [at, listener] of listeners.entries()) say(listener, `from ${at}`)
    await network.clock.advance(5_000)
    for (const [at, { heard }] of listeners.entries()) {
      const others = hosts.map((_, other) => `from ${other}`).filter((_, other) => other !== at)
      expect([...heard].sort()).toEqual(others)
    }
    for (const { gossip } of hosts) {
      const metrics = gossip.metrics()
      expect(metrics.memberships).toBeLessThanOrEqual(5)
      expect(metrics.violations).toBe(0)
    }
  })

  it('two nodes that greet each other at the same moment end with one connection', async () => {
    network.held = []
    const [anna, ben] = [network.host(0), network.host(1)]
    const [heardA, heardB] = [listen(anna), listen(ben)]
    anna.gossip.candidates(TOPIC, [ben.id])
    ben.gossip.candidates(TOPIC, [anna.id])
    await turns()
    expect(network.held.length).toBe(2)
    for (const dial of network.held) dial()
    network.held = null
    await network.clock.advance(2 * lingerMs + 1_000)
    say(heardA, 'a')
    say(heardB, 'b')
    await network.clock.advance(100)
    expect([heardA.heard, heardB.heard]).toEqual([['b'], ['a']])
    expect([anna.events, ben.events]).toEqual([['07 +1'], ['07 +0']])
    expect(anna.accepted + ben.accepted).toBe(2)
    for (const { gossip } of [anna, ben]) expect(gossip.metrics()).toMatchObject({ neighbours: 1, memberships: 1 })
  })

  it('all topics of a pair share one connection, which ends when none needs it', async () => {
    const [anna, ben] = [network.host(0), network.host(1)]
    const topics = [TOPIC, OTHER].map(name => [listen(anna, name), listen(ben, name)] as const)
    for (const name of [TOPIC, OTHER]) anna.gossip.candidates(name, [ben.id])
    await network.clock.advance(1_000)
    expect(ben.accepted).toBe(1)
    expect(anna.gossip.metrics()).toMatchObject({ neighbours: 1, memberships: 2, topics: 2 })
    say(topics[1]![0], 'in the other')
    await network.clock.advance(100)
    expect([topics[0]![1].heard, topics[1]![1].heard]).toEqual([[], ['in the other']])
    topics[0]![0].topic.leave()
    await network.clock.advance(lingerMs + 1_000)
    expect(ben.gossip.metrics()).toMatchObject({ neighbours: 1, memberships: 1 })
    topics[1]![0].topic.leave()
    await network.clock.advance(lingerMs + 1_000)
    expect(ben.gossip.metrics()).toMatchObject({ neighbours: 0, memberships: 0 })
    expect(ben.events).toEqual(['07 +0', '08 +0', '07 -0', '08 -0'])
  })

  it('what is said before there is a neighbour waits for it, the oldest dropped beyond the limit', async () => {
    const [anna, ben] = [network.host(0), network.host(1)]
    const [heardA, heardB] = [listen(anna), listen(ben)]
    for (let n = 0; n <= waitingMessages; n++) say(heardA, `${n}`)
    anna.gossip.candidates(TOPIC, [ben.id])
    await network.clock.advance(1_000)
    expect(heardB.heard).toEqual(Array.from({ length: waitingMessages }, (_, n) => `${n + 1}`))
    expect(anna.gossip.metrics().dropped).toBe(1)
  })

  it('candidates that were named before the topic was joined are greeted then', async () => {
    const [anna, ben] = [network.host(0), network.host(1)]
    listen(ben)
    anna.gossip.candidates(TOPIC, [ben.id])
    await network.clock.advance(1_000)
    expect(anna.dials).toEqual([])
    const { topic } = listen(anna)
    await network.clock.advance(1_000)
    expect(topic.neighbours).toBe(1)
  })

  it('a node that vanished and comes back is a neighbour again', async () => {
    const [anna, ben] = [network.host(0), network.host(1)]
    const heardA = listen(anna)
    listen(ben)
    anna.gossip.candidates(TOPIC, [ben.id])
    await network.clock.advance(1_000)
    ben.transport.stop()
    await network.clock.advance(120_000)
    expect(anna.events).toEqual(['07 +1', '07 -1'])
    expect(anna.gossip.metrics().dialsFailed).toBeGreaterThan(1)
    expect(anna.gossip.metrics().dialsFailed).toBeLessThan(20)
    const again = network.host(1)
    const heardB = listen(again)
    anna.gossip.peerFound(again.id)
    await network.until(() => heardA.topic.neighbours === 1, 500)
    say(heardA, 'hello again')
    await network.clock.advance(100)
    expect(heardB.heard).toEqual(['hello again'])
  })

  it('a node in between passes on what it judged good, and nothing else', async () => {
    const apart = (other: number) => ({ mayServe: (peer: string) => peer !== IDS[other] })
    const [anna, ben, carl] = [network.host(0, {}, apart(2)), network.host(1), network.host(2, {}, apart(0))]
    const heardA = listen(anna)
    const heardC = listen(carl)
    ben.gossip.join(TOPIC, bytes => {
      const text = new TextDecoder().decode(bytes)
      return text === 'good' ? 'accepted' : text === 'bad' ? 'invalid' : 'ignored'
    })
    ben.gossip.candidates(TOPIC, [anna.id, carl.id])
    await network.clock.advance(1_000)
    for (const text of ['bad', 'boring', 'good']) say(heardA, text)
    await network.clock.advance(1_000)
    expect(heardC.heard).toEqual(['good'])
    expect(anna.gossip.neighboursOf(TOPIC)).toEqual([ben.id])
  })

  it('tells and hears addresses', async () => {
    const told: string[] = []
    const anna = network.host(0, {}, { peerData: () => Uint8Array.of(1, 2, 3) })
    const ben = network.host(1)
    ben.gossip.onPeerData((peer, data) => told.push(`${IDS.indexOf(peer)}: ${bytesToHex(data)}`))
    listen(anna)
    listen(ben)
    anna.gossip.candidates(TOPIC, [ben.id])
    await network.clock.advance(1_000)
    expect(told).toEqual(['0: 010203'])
  })

  it('a slow reader loses messages and no neighbour, and nobody else waits', async () => {
    const [anna, ben] = [network.host(0, { queuedMessages: 8 }), network.host(1)]
    const [heardA, heardB] = [listen(anna), listen(ben)]
    anna.gossip.candidates(TOPIC, [ben.id])
    await network.clock.advance(1_000)
    const large = 'x'.repeat(4_000)
    for (let n = 0; n < 2_000; n++) say(heardA, `${n} ${large}`)
    await network.clock.advance(60_000)
    const { dropped } = anna.gossip.metrics()
    expect(dropped).toBeGreaterThan(0)
    expect(heardB.heard.length).toBe(2_000 - dropped)
    expect(heardA.topic.neighbours).toBe(1)
  })

  it('says goodbye when it stops, and keeps no timer', async () => {
    const [anna, ben] = [network.host(0), network.host(1)]
    listen(anna)
    listen(ben)
    anna.gossip.candidates(TOPIC, [ben.id])
    await network.clock.advance(1_000)
    ben.gossip.stop()
    await turns()
    expect(anna.events).toEqual(['07 +1', '07 -1'])
    anna.gossip.stop()
    await network.clock.advance(lingerMs)
    expect(network.clock.pending).toBe(0)
  })
})

describe('with strangers', () => {
  async function met(limits = {}, more = {}) {
    const anna = network.host(5, limits, more)
    const heard = listen(anna)
    const stranger = network.stranger(1)
    await stranger.dial(anna)
    return { anna, heard, stranger }
  }

  it('a join is answered, byte by byte as a released node expects it', async () => {
    const { anna, stranger } = await met()
    stranger.say(TOPIC, { type: 'join', data: null })
    await network.clock.advance(10)
    expect(stranger.heard).toEqual([{ topic: TOPIC, message: { type: 'neighbour', priority: 'high', data: null } }])
    stranger.say(TOPIC, { type: 'neighbour', priority: 'high', data: null })
    await network.clock.advance(1_000)
    expect(anna.gossip.neighboursOf(TOPIC)).toEqual([stranger.id])
    expect(stranger.heard.length).toBe(1)
  })

  it('a peer that writes to its newest connection and reads all, as p2panda does, stays a neighbour', async () => {
    const { anna, heard, stranger } = await met()
    stranger.say(TOPIC, { type: 'join', data: null })
    await network.clock.advance(10_000)
    const first = stranger.connection!
    await stranger.dial(anna)
    stranger.say(TOPIC, { type: 'neighbour', priority: 'high', data: null })
    await network.clock.advance(100)
    say(heard, 'over the newer one')
    await network.clock.advance(100)
    expect(stranger.of(TOPIC)).toContain('payload')
    expect(stranger.ended).toEqual([TOPIC])
    first.close(0)
    await network.clock.advance(20_000)
    expect(anna.gossip.neighboursOf(TOPIC)).toEqual([stranger.id])
    expect(anna.events).toEqual(['07 +1'])
  })

  it('unknown and denied topics look the same: no word, and the same end', async () => {
    const ends: number[] = []
    for (const isDenied of [false, true]) {
      const anna = network.host(isDenied ? 6 : 7, {}, { mayServe: () => !isDenied })
      listen(anna, isDenied ? OTHER : TOPIC)
      const stranger = network.stranger(isDenied ? 2 : 3)
      await stranger.dial(anna)
      const startMs = network.clock.nowMs()
      stranger.say(OTHER, { type: 'join', data: null })
      stranger.say(OTHER, payload('hello'))
      await network.until(() => stranger.closed > 0)
      ends.push(network.clock.nowMs() - startMs)
      expect(stranger.heard).toEqual([])
      expect(anna.gossip.metrics()).toMatchObject({ memberships: 0, violations: 0, received: 0 })
    }
    expect(ends[0]).toBe(ends[1])
    expect(ends[0]).toBeGreaterThanOrEqual(lingerMs)
  })

  it('too many invalid messages: it is left and not let in for a while', async () => {
    const anna = network.host(5)
    listen(anna, TOPIC, 'invalid')
    const stranger = network.stranger(1)
    await stranger.dial(anna)
    stranger.say(TOPIC, { type: 'join', data: null })
    for (let n = 1; n < invalidMessages; n++) stranger.say(TOPIC, payload(`${n}`))
    await network.clock.advance(1_000)
    expect(stranger.closed).toBe(0)
    // A little has been forgiven by then.
    for (const text of ['one more', 'and one']) stranger.say(TOPIC, payload(text))
    await network.clock.advance(100)
    expect(stranger.closed).toBe(1)
    expect(anna.gossip.metrics().violationsByCode).toEqual({ 'gossip-invalid-messages': 1 })
    expect(anna.gossip.neighboursOf(TOPIC)).toEqual([])
    await stranger.dial(anna)
    await network.clock.advance(100)
    expect(stranger.closed).toBe(2)
    await network.clock.advance(shunMs)
    await stranger.dial(anna)
    stranger.say(TOPIC, { type: 'join', data: null })
    await network.clock.advance(100)
    expect([stranger.closed, anna.gossip.neighboursOf(TOPIC)]).toEqual([2, [stranger.id]])
  })

  it.each([
    ['garbage', Uint8Array.of(0, 0, 0, 2, 9, 9), 'decoding-postcard'],
    ['a frame that is too large', Uint8Array.of(0, 0, 0x10, 0), 'frame-too-large'],
    ['a key that is none', encodeFrame(Uint8Array.of(0, 1, 2, ...new Uint8Array(31), 0, 6)), 'invalid-verifying-key'],
  ])('%s ends the connection with a code', async (_, bytes, code) => {
    const { anna, stranger } = await met()
    stranger.say(TOPIC, { type: 'join', data: null })
    stranger.write(TOPIC, bytes)
    await network.clock.advance(100)
    expect(stranger.closed).toBe(1)
    expect(anna.gossip.metrics().violationsByCode).toEqual({ [code]: 1 })
    expect(anna.gossip.neighboursOf(TOPIC)).toEqual([])
  })

  it('a message whose id is not its hash ends the connection', async () => {
    const { anna, heard, stranger } = await met()
    stranger.say(TOPIC, { ...payload('a'), id: 'ab'.repeat(32) })
    await network.clock.advance(100)
    expect([stranger.closed, heard.heard]).toEqual([1, []])
    expect(anna.gossip.metrics().violationsByCode).toEqual({ 'overlay-id-mismatch': 1 })
  })

  it('the largest message that fits is passed on, also when it comes by many hops', async () => {
    const { anna, stranger } = await met()
    const ben = network.host(6)
    const heardB = listen(ben)
    ben.gossip.candidates(TOPIC, [anna.id])
    await network.clock.advance(1_000)
    stranger.say(TOPIC, payload('x'.repeat(4_057), 127))
    await network.clock.advance(100)
    expect(heardB.heard.map(({ length }) => length)).toEqual([4_057])
    expect([anna, ben].map(({ gossip }) => gossip.metrics().violations)).toEqual([0, 0])
  })

  it('a bi stream, or one stream too many, ends the connection', async () => {
    const { anna, stranger } = await met({ streamsPerConnection: 3 })
    for (let n = 0; n < 3; n++) stranger.connection!.openUni().write(Uint8Array.of(0))
    await network.clock.advance(100)
    expect(stranger.closed).toBe(0)
    stranger.connection!.openUni().write(Uint8Array.of(0))
    await network.clock.advance(100)
    expect(stranger.closed).toBe(1)
    const other = network.stranger(2)
    await other.dial(anna)
    other.connection!.openBi().write(Uint8Array.of(0))
    await network.clock.advance(100)
    expect(anna.gossip.metrics().violationsByCode).toEqual({
      'overlay-too-many-streams': 1,
      'overlay-unexpected-stream': 1,
    })
  })

  it('frames that are never finished are held within a bound', async () => {
    const { anna, stranger } = await met({ partialBytes: 10_000 })
    const part = encodeFrame(new Uint8Array(4_000)).subarray(0, 3_900)
    for (let n = 0; n < 2; n++) stranger.connection!.openUni().write(part)
    await network.clock.advance(100)
    expect(stranger.closed).toBe(0)
    stranger.connection!.openUni().write(part)
    await network.clock.advance(100)
    expect(anna.gossip.metrics().violationsByCode).toEqual({ 'overlay-buffer-exceeded': 1 })
  })

  it('a flood is read no faster than the allowance, and nothing of it is lost', async () => {
    const { heard, stranger } = await met({ messagesPerSecond: 100, burstSeconds: 2 })
    stranger.say(TOPIC, { type: 'join', data: null })
    for (let n = 0; n < 1_000; n++) stranger.say(TOPIC, payload(`${n}`))
    await turns(200)
    // The first frames name the topic and join it.
    expect(heard.heard.length).toBe(198)
    await network.clock.advance(3_000)
    expect(heard.heard.length).toBeGreaterThan(450)
    expect(heard.heard.length).toBeLessThan(510)
    await network.clock.advance(6_000)
    expect(heard.heard).toEqual(Array.from({ length: 1_000 }, (_, n) => `${n}`))
  })

  it('a flood of other nodes that join makes no more dials at once than may be', async () => {
    network.held = []
    const { anna, stranger } = await met({ dialsAtOnce: 2 })
    stranger.say(TOPIC, { type: 'join', data: null })
    for (const peer of IDS.slice(8))
      stranger.say(TOPIC, { type: 'forward-join', joining: { peer, data: null }, ttl: 0 })
    await network.clock.advance(100)
    expect(anna.gossip.metrics().dialling).toBe(2)
    expect(network.held.length).toBe(2)
    network.held = null
  })

  it('more connections than there may be are refused, and a place becomes free again', async () => {
    const { anna, stranger } = await met({ connections: 2 })
    const [second, third] = [network.stranger(2), network.stranger(3)]
    await second.dial(anna)
    await third.dial(anna)
    await network.clock.advance(100)
    expect([stranger.closed, second.closed, third.closed]).toEqual([0, 0, 1])
    await network.clock.advance(lingerMs)
    expect([stranger.closed, second.closed]).toEqual([1, 1])
    await third.dial(anna)
    await network.clock.advance(100)
    expect(third.closed).toBe(1)
  })

  it('a peer that opens connection after connection holds no more than the limit', async () => {
    const { anna, stranger } = await met({ connectionsPerPeer: 3 })
    for (let n = 0; n < 10; n++) {
      await stranger.dial(anna)
      stranger.say(TOPIC, { type: 'join', data: null })
      await network.clock.advance(10)
    }
    expect(11 - stranger.closed).toBeLessThanOrEqual(3)
    expect(anna.gossip.neighboursOf(TOPIC)).toEqual([stranger.id])
  })

  it('whatever strangers say in whatever order, honest nodes hear each other', async () => {
    const hosts = [5, 6, 7].map(number => network.host(number))
    const listeners = hosts.map(host => listen(host))
    for (const host of hosts.slice(1)) host.gossip.candidates(TOPIC, [hosts[0]!.id])
    await network.clock.advance(2_000)
    const peer = fc.constantFrom(...IDS).map(id => ({ peer: id, data: null }))
    const peers = fc.array(peer, { maxLength: 16 })
    const said = fc.oneof(
      fc.constantFrom<OverlayMessage>(
        { type: 'join', data: null },
        { type: 'neighbour', priority: 'high', data: null },
        { type: 'neighbour', priority: 'low', data: null },
        { type: 'disconnect', isAlive: true },
        { type: 'disconnect', isAlive: false },
        { type: 'prune' },
        { type: 'graft', id: 'ab'.repeat(32), round: 1 },
      ),
      fc.record({ type: fc.constant('forward-join' as const), joining: peer, ttl: fc.nat(9) }),
      fc.record({ type: fc.constant('shuffle-reply' as const), peers }),
      fc
        .tuple(peer, peers, fc.nat(9))
        .map(([{ peer: origin }, told, ttl]): OverlayMessage => ({ type: 'shuffle', origin, peers: told, ttl })),
      fc.nat(1_000).map(
        (number): OverlayMessage => ({
          type: 'announce',
          announcements: [{ id: payload(`${number}`).id, round: 1 }],
        }),
      ),
    )
    const strangers = [1, 2, 3].map(number => network.stranger(number))
    for (const [round, messages] of fc.sample(fc.array(said, { maxLength: 60 }), { numRuns: 30, seed: 7 }).entries()) {
      const stranger = strangers[round % strangers.length]!
      await stranger.dial(hosts[round % hosts.length]!)
      for (const message of messages) stranger.say(TOPIC, message)
      await network.clock.advance(2_000)
    }
    await network.until(() => listeners.every(({ topic }) => topic.neighbours > 0))
    for (const listener of listeners) listener.heard.length = 0
    say(listeners[0]!, 'still here')
    await network.until(() => listeners.slice(1).every(({ heard }) => heard.includes('still here')))
    for (const { gossip } of hosts) {
      expect(gossip.metrics().memberships).toBeLessThanOrEqual(5)
      expect(gossip.metrics().violations).toBe(0)
    }
  })

  it('who takes us for a neighbour though it is none is told so', async () => {
    const { heard, stranger } = await met()
    stranger.say(TOPIC, payload('news all the same'))
    await network.clock.advance(100)
    expect(heard.heard).toEqual(['news all the same'])
    expect(stranger.heard[0]!.message).toEqual({ type: 'disconnect', isAlive: true })
  })
})

describe('what a caller may not', () => {
  it('join more topics than there may be, or one twice', () => {
    const anna = network.host(0, { topics: 1 })
    listen(anna)
    expect(() => listen(anna, OTHER)).toThrow(expect.objectContaining({ code: 'gossip-too-many-topics' }))
    const ben = network.host(1)
    listen(ben)
    expect(() => listen(ben)).toThrow(/joined once/)
  })

  it('say more than fits', () => {
    const { topic } = listen(network.host(0))
    expect(network.hosts[0]!.gossip.maxMessageBytes).toBe(4_057)
    topic.broadcast(new Uint8Array(4_057))
    expect(() => topic.broadcast(new Uint8Array(4_058))).toThrow(/largest message/)
  })

  it('call a topic that was left: nothing happens', () => {
    const { topic } = listen(network.host(0))
    topic.leave()
    topic.leave()
    topic.broadcast(new Uint8Array(1))
    expect(topic.neighbours).toBe(0)
  })
})

it('a node that has stopped refuses whoever comes', async () => {
  const anna = network.host(0)
  const stranger = network.stranger(1)
  anna.gossip.stop()
  await stranger.dial(anna)
  await turns()
  expect(stranger.closed).toBe(1)
})

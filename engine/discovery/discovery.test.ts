/**
 * Goal: nodes find each other and who is interested in what through others, tell nobody more than they are set to, keep
 * what they know over restarts, heal, and cannot be held up or misled by a hostile peer.
 * Method: whole discoveries over in-process connections in a world of addresses, with a clock turned by hand; a hostile
 * peer writes its frames by hand.
 */

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { inProcessTransport, openBetterSqlite } from '../adapters/index.js'
import { bytesToHex, encodeFrame, hash, type Topic, type VerifyingKey } from '../core/index.js'
import type { Connection, Stream } from '../ports.js'
import { openStore } from '../store/index.js'
import { AddressedWorld, KEYS, MemoryBook, PROTOCOL, type TestNode, turns } from './addressed.contract.js'
import { DEFAULT_DISCOVERY_LIMITS as LIMITS } from './limits.js'
import { encodeAliceHashes, encodeAliceSalt, encodeNodes, hashTopics, type NodeRecord } from './psi-wire.js'
import { makeRecord, signRecord } from './records.js'
import { defaultDiscoverySettings } from './settings.js'
import { discoveryProtocolHash, membershipTopic } from './topics.js'

const T = '07'.repeat(32) as Topic
const OTHER = '08'.repeat(32) as Topic

let world: AddressedWorld
beforeEach(() => {
  world = new AddressedWorld()
})
afterEach(() => world.stop())

const knows = (node: TestNode, other: TestNode, topic = T) => node.discovery.peersOf(topic).includes(other.id)

describe('finding each other', () => {
  it('A knows only B and B knows C: A learns C’s address and topic through B', async () => {
    const [a, b, c] = [0, 1, 2].map(number => world.node(number, { topics: [T] })) as [TestNode, TestNode, TestNode]
    b.know(c)
    await world.until(() => knows(b, c) && knows(c, b))
    a.know(b)
    await world.until(() => knows(a, b) && knows(a, c) && knows(c, a))
    expect(a.learned.get(c.id)).toEqual(['/ip4/10.0.0.2/tcp/1'])
    expect(a.told.at(-1)).toEqual({ topic: T, peers: [b.id, c.id].sort() })
  })

  it('discovery smoke_test: one-sided knowledge suffices; the one learns nobody new, the other one', async () => {
    const a = world.node(0, { topics: [T, OTHER] })
    const b = world.node(1, { topics: [T] })
    a.know(b)
    await world.until(() => knows(a, b) && knows(b, a))
    expect(b.learned.get(a.id)).toEqual(['/ip4/10.0.0.0/tcp/1'])
    expect([a.discovery.peersOf(OTHER), b.discovery.peersOf(OTHER)]).toEqual([[], []])
    expect([a.discovery.metrics().nodes, b.discovery.metrics().nodes]).toEqual([1, 1])
    expect(a.discovery.metrics().bytesSent).toBe(b.discovery.metrics().bytesReceived)
  })

  it('tests peer_discovery_in_network: ten nodes in a chain all find all, and never themselves', async () => {
    const nodes = Array.from({ length: 10 }, (_, number) => world.node(number, { topics: [T] }))
    nodes.forEach((node, at) => {
      if (at > 0) node.know(nodes[at - 1]!, 'local')
    })
    await world.until(() => nodes.every(node => node.discovery.peersOf(T).length === 9), 300_000)
    for (const node of nodes)
      expect([node.discovery.peersOf(T), node.learned.has(node.id)]).toEqual([
        nodes.filter(other => other !== node).map(({ id }) => id),
        false,
      ])
  })

  it('the same with iroh, as p2panda does it: not bound, and everybody is told of all', async () => {
    const iroh = { kind: 'iroh', isBound: false } as const
    const [a, b, c] = [0, 1, 2].map(number => world.node(number, { ...iroh, topics: [number === 1 ? OTHER : T] })) as [
      TestNode,
      TestNode,
      TestNode,
    ]
    b.know(c)
    a.know(b)
    await world.until(() => knows(a, c) && knows(c, a))
    expect([a.learned.get(c.id), a.learned.get(b.id), a.discovery.peersOf(T)]).toEqual([
      ['10.0.0.2:1'],
      ['10.0.0.1:1'],
      [c.id],
    ])
  })

  it('bound and unbound nodes find nothing in common', async () => {
    const a = world.node(0, { topics: [T] })
    const b = world.node(1, { topics: [T], isBound: false })
    a.know(b)
    await world.until(() => a.discovery.metrics().initiated > 0)
    expect([knows(a, b), knows(b, a)]).toEqual([false, false])
  })

  it('a world that says who is there: no addresses, no records, and the same knowledge', async () => {
    const [a, b] = [0, 1].map(number => world.node(number, { topics: [T], isAddressed: false })) as [TestNode, TestNode]
    a.know(b, 'local')
    b.know(a, 'local')
    await world.until(() => knows(a, b) && knows(b, a))
    expect(a.discovery.metrics()).toMatchObject({ recordsLearned: 0, recordsRefused: {}, failures: {} })
    a.discovery.peerLost(b.id)
    await world.clock.advance(0)
    expect([a.discovery.peersOf(T), a.told.at(-1)]).toEqual([[], { topic: T, peers: [] }])
  })

  it('a topic that comes later is asked for anew, and one that goes is forgotten', async () => {
    const a = world.node(0)
    const b = world.node(1, { topics: [T] })
    a.know(b)
    await world.until(() => a.discovery.metrics().initiated > 0)
    expect(a.discovery.peersOf(T)).toEqual([])
    a.discovery.setTopics([T])
    await world.until(() => knows(a, b), 5_000)
    a.discovery.setTopics([])
    expect(a.discovery.peersOf(T)).toEqual([])
  })

  it('a topic that comes while a session runs is not lost by its end', async () => {
    const [a, b] = [0, 1].map(number => world.node(number, { topics: [OTHER] })) as [TestNode, TestNode]
    a.know(b)
    for (let turn = 0; a.discovery.metrics().active === 0 && turn < 1_000; turn++) await world.clock.advance(10)
    for (const { discovery } of [a, b]) discovery.setTopics([OTHER, T])
    await world.until(() => knows(a, b) && knows(a, b, OTHER) && knows(b, a), 5_000)
  })

  it('a node that loses its interest is known as a peer no more after the next visit', async () => {
    const [a, b] = [0, 1].map(number => world.node(number, { topics: [T] })) as [TestNode, TestNode]
    a.know(b)
    await world.until(() => knows(a, b))
    b.discovery.setTopics([])
    await world.until(() => !knows(a, b))
    expect(a.told.at(-1)).toEqual({ topic: T, peers: [] })
  })

  it('spec/sync.md 3.1 and 11: the names of the protocol and of the overlay of a synced topic', () => {
    expect(bytesToHex(discoveryProtocolHash(hash(new TextEncoder().encode('p2panda'))))).toBe(
      '8c07b2107cbeaf450e3a17e47c499e8e0fd7549b9c5bdada49c9f9856af16f96',
    )
    expect(membershipTopic(T)).toBe('569e5fce4e64fb0bf93cf8ccba0ccbaede16baf9ac2ea2e9ac3a202b412ead21')
  })

  it('membership topics stand apart from the topics themselves', async () => {
    const a = world.node(0, { topics: [membershipTopic(T)] })
    const b = world.node(1, { topics: [T] })
    a.know(b)
    await world.until(() => a.discovery.metrics().initiated > 0)
    expect([a.discovery.peersOf(membershipTopic(T)), b.discovery.peersOf(T)]).toEqual([[], []])
  })
})

describe('what is told', () => {
  it.each([
    ['all', true, true],
    ['common-topics', true, false],
    ['self', false, false],
  ] as const)('psi transport_info: sharing %s', async (share, hasCharlie, hasDaphne) => {
    const bob = world.node(1, { topics: [T, OTHER], settings: { share } })
    const charlie = world.node(2, { topics: [T] })
    const daphne = world.node(3, { topics: [OTHER] })
    bob.know(charlie)
    bob.know(daphne)
    await world.until(() => knows(bob, charlie) && knows(bob, daphne, OTHER))
    // Alice visits once: a second look would show her what she learnt elsewhere.
    const alice = world.node(0, { topics: [T], settings: { walkers: 0 } })
    bob.know(alice)
    await world.until(() => knows(alice, bob))
    const learned = [bob, charlie, daphne].map(({ id }) => alice.learned.has(id))
    expect(learned).toEqual([true, hasCharlie, hasDaphne])
    expect(charlie.discovery.metrics().recordsLearned).toBeGreaterThan(0)
  })

  it('libp2p shares with common topics unless it is set, iroh all', () => {
    expect([defaultDiscoverySettings('libp2p').share, defaultDiscoverySettings('iroh').share]).toEqual([
      'common-topics',
      'all',
    ])
  })

  it('a node with nothing in common is told of its visitor and of nobody else', async () => {
    const a = world.node(0, { topics: [T] })
    const b = world.node(1, { topics: [T] })
    const stranger = world.node(2, { topics: [OTHER] })
    a.know(b)
    await world.until(() => knows(a, b))
    stranger.know(a)
    await world.until(() => stranger.discovery.metrics().recordsLearned > 0)
    expect([stranger.learned.has(a.id), stranger.learned.has(b.id), stranger.discovery.peersOf(OTHER)]).toEqual([
      true,
      false,
      [],
    ])
  })

  it('new addresses reach those who knew the old ones', async () => {
    const [a, b] = [0, 1].map(number => world.node(number, { topics: [T] })) as [TestNode, TestNode]
    a.know(b)
    await world.until(() => knows(b, a))
    a.move('/ip4/10.9.9.9/tcp/9')
    await world.until(() => b.learned.get(a.id)?.[0] === '/ip4/10.9.9.9/tcp/9')
  })

  it('whom the rules forbid is neither visited nor named', async () => {
    const banned = KEYS[1]!.verifyingKey
    const a = world.node(0, { topics: [T], mayConnect: peer => peer !== banned })
    const b = world.node(1, { topics: [T] })
    a.know(b)
    await world.clock.advance(20_000)
    expect([a.dials, a.discovery.peersOf(T)]).toEqual([[], []])
  })
})

describe('staleness and healing', () => {
  it('who cannot be reached while others can is no peer until it is back', async () => {
    const [a, b, c] = [0, 1, 2].map(number => world.node(number, { topics: [T] })) as [TestNode, TestNode, TestNode]
    a.know(b, 'local')
    a.know(c, 'local')
    await world.until(() => [b, c].every(other => knows(a, other)))
    world.cut.add(c.id)
    await world.until(() => !knows(a, c))
    expect([knows(a, b), a.discovery.metrics().stale]).toEqual([true, 1])
    world.cut.delete(c.id)
    await world.until(() => knows(a, c), 300_000)
  })

  it('a node that is offline finds nobody stale', async () => {
    const [a, b, c] = [0, 1, 2].map(number => world.node(number, { topics: [T] })) as [TestNode, TestNode, TestNode]
    a.know(b, 'local')
    a.know(c, 'local')
    await world.until(() => [b, c].every(other => knows(a, other)))
    // Long enough that the last success is no evidence any more.
    a.discovery.stop()
    const alone = world.node(3, { topics: [T] })
    world.cut.add(alone.id)
    alone.know(b, 'local')
    alone.know(c, 'local')
    await world.clock.advance(60_000)
    expect([alone.dials.length > 2, alone.discovery.metrics().stale]).toEqual([true, 0])
  })

  it('two halves that were apart for long find each other again', async () => {
    const nodes = Array.from({ length: 6 }, (_, number) => world.node(number, { topics: [T] }))
    for (const node of nodes.slice(1)) node.know(nodes[0]!)
    await world.until(() => nodes.every(node => node.discovery.peersOf(T).length === 5), 300_000)
    for (const node of nodes.slice(3)) world.cut.add(node.id)
    await world.until(() => nodes.slice(0, 3).every(node => node.discovery.peersOf(T).length === 2), 600_000)
    world.cut.clear()
    await world.until(() => nodes.every(node => node.discovery.peersOf(T).length === 5), 900_000)
  })
})

describe('a restart', () => {
  it('finds its peers by what it has kept, and dates its own record later than before', async () => {
    const book = new MemoryBook()
    const a = world.node(0, { topics: [T], book })
    const b = world.node(1, { topics: [T] })
    a.know(b, 'local')
    await world.until(() => knows(a, b) && knows(b, a))
    a.stop()
    await turns()
    const again = world.node(0, { topics: [T], book, address: '/ip4/10.0.0.99/tcp/1' })
    await world.until(() => knows(again, b))
    await world.until(() => b.learned.get(a.id)?.[0] === '/ip4/10.0.0.99/tcp/1')
  })

  it('the store of a node satisfies it', async () => {
    const { addressBook, close } = openStore(openBetterSqlite(':memory:'))
    const a = world.node(0, { topics: [T], book: addressBook })
    const b = world.node(1, { topics: [T] })
    const c = world.node(2, { topics: [T] })
    b.know(c, 'local')
    await world.until(() => knows(b, c))
    a.know(b)
    await world.until(() => knows(a, c))
    a.discovery.stop()
    expect(addressBook.load('libp2p').map(({ nodeId, isBootstrap }) => [nodeId, isBootstrap])).toEqual([
      [a.id, false],
      [b.id, true],
      [c.id, false],
    ])
    close()
  })

  it('a node whose disk was lost, and whose clock went back, signs over the record that others still hold', async () => {
    const b = world.node(1, { topics: [T] })
    const ahead = { wallUs: world.clock.wallUs() + 10_000_000_000n, lamport: 0n }
    const old = signRecord(KEYS[0]!, makeRecord('libp2p', ahead, ['/ip4/10.0.0.77/tcp/1']))
    const c = world.node(2, { topics: [T] })
    c.know(b)
    await world.until(() => knows(c, b))
    await inject(world, b, [{ nodeId: KEYS[0]!.verifyingKey, record: old }])
    expect(b.learned.get(KEYS[0]!.verifyingKey)).toEqual(['/ip4/10.0.0.77/tcp/1'])
    const a = world.node(0, { topics: [T], settings: { share: 'all' } })
    a.know(b)
    await world.until(() => knows(a, b))
    // B does not send A its own record; somebody else does.
    await inject(world, a, [{ nodeId: a.id, record: old }])
    await world.until(() => b.learned.get(a.id)?.[0] === '/ip4/10.0.0.0/tcp/1', 300_000)
  })
})

/** One peer of no topics in common that speaks the protocol by hand. */
class Hostile {
  readonly connection: Connection
  readonly stream: Stream
  closes = 0

  constructor(connection: Connection) {
    this.connection = connection
    connection.onClose(() => this.closes++)
    this.stream = connection.openBi()
  }

  say(message: Uint8Array): void {
    this.stream.write(encodeFrame(message))
  }
}

async function dial(into: AddressedWorld, target: TestNode, number: number): Promise<Hostile> {
  const id = KEYS[number]!.verifyingKey
  let transport = strangers.get(id)
  if (!transport) {
    transport = inProcessTransport({ hub: into.hub, discover: false })
    transport.start({ id, networkId: new Uint8Array(32), peerFound() {}, peerLost() {}, accept: it => it.close(0) })
    strangers.set(id, transport)
  }
  let hostile: Hostile | null = null
  transport.dial(target.id, PROTOCOL, connection => {
    hostile = new Hostile(connection!)
  })
  for (let round = 0; hostile === null && round < 100; round++) await turns()
  return hostile!
}

const strangers = new Map<VerifyingKey, ReturnType<typeof inProcessTransport>>()
afterEach(() => {
  for (const transport of strangers.values()) transport.stop()
  strangers.clear()
})

/** Runs a whole session with a node and tells it of these records. */
async function inject(
  into: AddressedWorld,
  target: TestNode,
  records: readonly NodeRecord[],
  number = 30,
): Promise<Hostile> {
  const hostile = await dial(into, target, number)
  hostile.say(encodeAliceSalt(new Uint8Array(32)))
  await turns()
  hostile.say(encodeAliceHashes(new Set()))
  await turns()
  hostile.say(encodeNodes(records))
  await turns()
  await into.clock.advance(0)
  return hostile
}

describe('a hostile peer', () => {
  const date = { wallUs: 1n, lamport: 0n }
  const forged = (number: number): NodeRecord => ({
    nodeId: KEYS[number]!.verifyingKey,
    record: signRecord(KEYS[number + 1]!, makeRecord('libp2p', date, ['/ip4/6.6.6.6/tcp/6'])),
  })
  const honest = (number: number, addresses = ['/ip4/10.1.1.1/tcp/1']): NodeRecord => ({
    nodeId: KEYS[number]!.verifyingKey,
    record: signRecord(KEYS[number]!, makeRecord('libp2p', date, addresses)),
  })

  it('address book: a forged record makes all others unbelieved, and its bringer unwelcome', async () => {
    const a = world.node(0, { topics: [T] })
    const hostile = await inject(world, a, [honest(20), forged(21)])
    expect([a.learned.size, hostile.closes]).toEqual([0, 1])
    expect(a.discovery.metrics()).toMatchObject({
      failures: { 'record-signature-invalid': 1 },
      recordsRefused: { 'record-signature-invalid': 1 },
    })
    await inject(world, a, [honest(20)])
    expect(a.discovery.metrics().failures).toMatchObject({ 'discovery-shunned': 1 })
    await world.clock.advance(LIMITS.shunMs)
    await inject(world, a, [honest(20)])
    expect(a.learned.has(KEYS[20]!.verifyingKey)).toBe(true)
  })

  it('does not make a node forget itself, and addresses that are none harm nobody', async () => {
    const a = world.node(0, { topics: [T] })
    await inject(world, a, [honest(0, ['/ip4/6.6.6.6/tcp/6']), honest(20, ['nonsense'])])
    const b = world.node(1, { topics: [T] })
    b.know(a)
    await world.until(() => knows(b, a))
    expect(b.learned.get(a.id)).toEqual(['/ip4/10.0.0.0/tcp/1'])
  })

  it('that always has news is visited once a second at most', async () => {
    const a = world.node(0, { topics: [T], settings: { noNodeMs: 10, stepMs: 10 } })
    const b = world.node(1, { topics: [T] })
    a.know(b)
    await world.until(() => knows(a, b))
    const before = a.dials.length
    for (let round = 0; round < 50; round++) {
      b.move(`/ip4/10.0.1.${round}/tcp/1`)
      a.know(b)
      await world.clock.advance(100)
    }
    expect(a.dials.length - before).toBeLessThanOrEqual(6)
  })

  it('has a bounded number of signatures checked', async () => {
    const a = world.node(0, { topics: [T], limits: { verifiedRecords: 3, verifiedBurst: 4, verifiedPerSecond: 1 } })
    await inject(
      world,
      a,
      [20, 21, 22, 23, 24].map(number => honest(number)),
    )
    expect(a.discovery.metrics()).toMatchObject({ recordsLearned: 3, recordsRefused: { 'record-over-budget': 2 } })
    await inject(
      world,
      a,
      [23, 24].map(number => honest(number)),
      31,
    )
    expect(a.discovery.metrics()).toMatchObject({ recordsLearned: 4, recordsRefused: { 'record-over-budget': 3 } })
  })

  it('that says nothing is left after a while, and others are served meanwhile', async () => {
    const a = world.node(0, { topics: [T] })
    const slow = await dial(world, a, 30)
    slow.stream.write(Uint8Array.of(0))
    const b = world.node(1, { topics: [T] })
    b.know(a)
    await world.until(() => knows(b, a))
    expect(slow.closes).toBe(0)
    await world.clock.advance(LIMITS.stateMs)
    expect([slow.closes, a.discovery.metrics().failures['discovery-timeout']]).toEqual([1, 1])
  })

  it('gets so many sessions at once, so many in all, and so many in a while', async () => {
    const a = world.node(0, { limits: { acceptedPerPeer: 2, acceptedSessions: 3, acceptedBurst: 5 } })
    const own = [await dial(world, a, 30), await dial(world, a, 30), await dial(world, a, 30)]
    await turns()
    expect(own.map(({ closes }) => closes)).toEqual([0, 0, 1])
    const others = [await dial(world, a, 31), await dial(world, a, 32)]
    await turns()
    // The oldest of all had to go.
    expect([...own, ...others].map(({ closes }) => closes)).toEqual([1, 0, 1, 0, 0])
    for (let more = 0; more < 3; more++) await dial(world, a, 30)
    await turns()
    expect(a.discovery.metrics().failures).toMatchObject({ 'discovery-too-often': 1, 'discovery-crowded': 3 })
  })

  it('that opens streams out of order or sends noise is closed', async () => {
    const a = world.node(0)
    const noisy = await dial(world, a, 30)
    noisy.say(Uint8Array.of(9, 9, 9))
    const early = await dial(world, a, 31)
    early.say(encodeAliceSalt(new Uint8Array(32)))
    early.say(
      encodeAliceHashes(
        hashTopics(
          [T],
          { alice: new Uint8Array(32), bob: new Uint8Array(32), binding: new Uint8Array(0) },
          'initiator',
        ),
      ),
    )
    await turns()
    expect([noisy.closes, early.closes]).toEqual([1, 1])
    expect(Object.keys(a.discovery.metrics().failures).sort()).toEqual([
      'decoding-postcard',
      'discovery-unexpected-message',
    ])
  })

  it('fills the address book with the like of itself, and drives out nobody who has answered', async () => {
    const a = world.node(0, { topics: [T], limits: { nodes: 4 } })
    const b = world.node(1, { topics: [T] })
    a.know(b, 'local')
    await world.until(() => knows(a, b))
    await inject(
      world,
      a,
      Array.from({ length: 10 }, (_, at) => honest(15 + at)),
    )
    expect([a.discovery.metrics().nodes, a.learned.size, knows(a, b)]).toEqual([4, 4, true])
  })
})

describe('what is heard', () => {
  it('watchers subscribe_to_changes: once for each change, nothing twice, and nothing from within a call', async () => {
    const [a, b, c] = [0, 1, 2].map(number => world.node(number, { topics: [T] })) as [TestNode, TestNode, TestNode]
    a.know(b)
    await world.until(() => knows(a, b))
    a.know(c, 'local')
    await world.until(() => knows(a, c))
    await world.clock.advance(60_000)
    expect(a.told).toEqual([
      { topic: T, peers: [b.id] },
      { topic: T, peers: [b.id, c.id] },
    ])
  })
})

describe('the end', () => {
  it('leaves no timer and no session, and nothing is called afterwards', async () => {
    const [a, b] = [0, 1].map(number => world.node(number, { topics: [T], book: new MemoryBook() })) as [
      TestNode,
      TestNode,
    ]
    a.know(b)
    await world.until(() => knows(a, b))
    const told = a.told.length
    world.stop()
    world.stop()
    a.discovery.peerFound(b.id)
    a.discovery.dialled(b.id, false)
    a.discovery.incoming(b.id)
    a.discovery.addressesChanged()
    await world.clock.advance(1_000)
    expect([world.clock.pending, a.discovery.metrics().active, a.told.length]).toEqual([0, 0, told])
  })

  it('more topics than may be looked for are refused', () => {
    const a = world.node(0)
    const topics = Array.from({ length: LIMITS.topics + 1 }, (_, at) => at.toString(16).padStart(64, '0') as Topic)
    expect(() => a.discovery.setTopics(topics)).toThrow(expect.objectContaining({ code: 'discovery-too-many-topics' }))
    a.discovery.setTopics(topics.slice(1))
  })
})

/**
 * Goal: ephemeral streams as an app sees them (spec/node.md 6.10 and 7.1): messages of others, verified, none twice,
 * none kept, whatever a peer sends.
 * Method: real nodes of one process; a hostile peer of the same network writes gossip by hand.
 */

import { afterEach, describe, expect, it } from 'vitest'
import { InProcessHub, inProcessTransport, nodeDefaults } from '../adapters/index.js'
import {
  bytesToHex,
  concatBytes,
  encodeCbor,
  encodeFrame,
  type HybridTimestamp,
  hash,
  hexToBytes,
  idBytes,
  PostcardWriter,
  portableCrypto,
  SigningKey,
  Topic,
} from '../core/index.js'
import { gossipProtocolId } from '../gossip/index.js'
import type { Connection, Stream } from '../ports.js'
import { NodeBuilder } from './builder.js'
import type { EphemeralSubscription, ReceivedEphemeral } from './ephemeral.js'
import type { Node } from './node.js'

const NETWORK = new Uint8Array(32).fill(9)
const KEYS = Array.from({ length: 4 }, (_, at) => SigningKey.fromBytes(new Uint8Array(32).fill(at + 1))).sort(
  (left, right) => (left.verifyingKey < right.verifyingKey ? -1 : 1),
)

let hub = new InProcessHub()
const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
  hub = new InProcessHub()
})

async function start(key: SigningKey, discover = true): Promise<Node> {
  const node = await new NodeBuilder(nodeDefaults())
    .networkId(NETWORK)
    .signingKey(key)
    .transport(inProcessTransport({ hub, discover }))
    .spawn()
  stops.push(() => node.close())
  return node
}

async function take<Message>(rx: EphemeralSubscription<Message>, count: number): Promise<ReceivedEphemeral<Message>[]> {
  const messages: ReceivedEphemeral<Message>[] = []
  if (count === 0) return messages
  for await (const message of rx) {
    messages.push(message)
    if (messages.length === count) break
  }
  return messages
}

async function until(holds: () => boolean): Promise<void> {
  for (let left = 200; !holds(); left--) {
    if (left === 0) throw new Error('it never came to hold')
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

const topic = Topic.fromBytes(new Uint8Array(32).fill(7))

describe('between nodes', () => {
  it('[7.1] two default nodes exchange ephemeral messages both ways on one topic', async () => {
    const defaults = () => new NodeBuilder(nodeDefaults()).transport(inProcessTransport()).spawn()
    const [panda, icebear] = [await defaults(), await defaults()]
    stops.push(
      () => panda.close(),
      () => icebear.close(),
    )
    const fresh = Topic.fromHex(panda.id)
    const [fromPanda, atPanda] = await panda.ephemeralStream<string>(fresh)
    const [fromIcebear, atIcebear] = await icebear.ephemeralStream<string>(fresh)
    await fromPanda.publish('Hello, Icebear!')
    await fromIcebear.publish('Hello, Panda!')
    expect((await take(atIcebear, 1))[0]!.body).toBe('Hello, Icebear!')
    expect((await take(atPanda, 1))[0]!.body).toBe('Hello, Panda!')
  })

  it('[7.1] author equals the sender’s node id, bodies match, timestamps order as sent', async () => {
    const [panda, icebear] = [await start(KEYS[0]!), await start(KEYS[1]!)]
    const [tx] = await panda.ephemeralStream(topic)
    const [, rx] = await icebear.ephemeralStream(topic)
    const bodies = ['text', 7, null, [1, 2, 3], { b: true, a: Uint8Array.of(1) }, 2n ** 60n]
    for (const body of bodies) await tx.publish(body)
    const received = await take(rx, bodies.length)
    expect(received.map(({ body }) => body)).toEqual(bodies)
    for (const { author, topic: of } of received) expect([author, of]).toEqual([panda.id, topic])
    const stamps = received.map(({ timestamp }) => timestamp)
    expect(stamps).toEqual([...stamps].sort((left, right) => (left < right ? -1 : left > right ? 1 : 0)))
    expect(stamps[0]).toBeGreaterThan(1_700_000_000_000_000n)
  })

  it('equal messages are two messages, and nobody hears itself', async () => {
    const [panda, icebear] = [await start(KEYS[0]!), await start(KEYS[1]!)]
    const [tx, own] = await panda.ephemeralStream<string>(topic)
    const [, rx] = await icebear.ephemeralStream<string>(topic)
    const [back] = await icebear.ephemeralStream<string>(topic)
    await tx.publish('same')
    await tx.publish('same')
    expect((await take(rx, 2)).map(({ body }) => body)).toEqual(['same', 'same'])
    await back.publish('the other')
    expect((await take(own, 1)).map(({ body }) => body)).toEqual(['the other'])
  })

  it('a line of three nodes: the ends hear each other through the middle', async () => {
    const nodes = [await start(KEYS[0]!, false), await start(KEYS[1]!, false), await start(KEYS[2]!, false)]
    for (const [left, right] of [
      [0, 1],
      [1, 2],
    ] as const) {
      await nodes[left]!.connect(nodes[right]!.addresses()[0]!)
      await nodes[right]!.connect(nodes[left]!.addresses()[0]!)
    }
    const streams = await Promise.all(nodes.map(node => node.ephemeralStream<string>(topic)))
    // Both sides of each connection: what is said while one of them is being replaced may be lost.
    await until(() => [1, 2, 1].every((count, at) => nodes[at]!.metrics().gossip.neighbours === count))
    for (const [at, [tx]] of streams.entries()) await tx.publish(`from ${at}`)
    for (const [at, [, rx]] of streams.entries()) {
      const heard = (await take(rx, 2)).map(({ author, body }) => `${body} by ${author}`)
      const others = [0, 1, 2].filter(other => other !== at)
      expect(heard.sort()).toEqual(others.map(other => `from ${other} by ${nodes[other]!.id}`))
    }
    expect(nodes[0]!.metrics().ephemeral).toMatchObject({ published: 1, received: 2, invalid: 0, replayed: 0 })
  })

  it('log sync and gossip share a pair of nodes, each over its own protocol, and nothing ephemeral is stored', async () => {
    const [panda, icebear] = [await start(KEYS[0]!), await start(KEYS[1]!)]
    const [tx] = await panda.stream<string>(topic)
    const [, rx] = await icebear.stream<string>(topic)
    const [say] = await panda.ephemeralStream<string>(topic)
    const [, hear] = await icebear.ephemeralStream<string>(topic)
    await tx.publish('kept')
    await say.publish('said')
    expect((await take(hear, 1))[0]!.body).toBe('said')
    for await (const event of rx) {
      if (event.type !== 'processed') continue
      expect(event.operation.message).toBe('kept')
      break
    }
    expect([panda, icebear].map(node => node.metrics().operations)).toEqual([1, 1])
  })
})

describe('a stream', () => {
  it('keeps 128 messages for a slow reader; the oldest beyond that are lost and counted', async () => {
    const [panda, icebear] = [await start(KEYS[0]!), await start(KEYS[1]!)]
    const [tx] = await panda.ephemeralStream<number>(topic)
    const [, rx] = await icebear.ephemeralStream<number>(topic)
    await until(() => panda.metrics().gossip.neighbours === 1)
    for (let at = 0; at < 128; at++) await tx.publish(at)
    await until(() => icebear.metrics().ephemeral.received === 128)
    expect(rx.dropped).toBe(0)
    await tx.publish(128)
    await until(() => icebear.metrics().ephemeral.received === 129)
    expect(rx.dropped).toBe(1)
    expect((await take(rx, 128)).map(({ body }) => body)).toEqual(Array.from({ length: 128 }, (_, at) => at + 1))
  })

  it('refuses a message beyond 4,096 bytes on the wire, and what CBOR does not hold; the stream goes on', async () => {
    const [panda, icebear] = [await start(KEYS[0]!), await start(KEYS[1]!)]
    const [tx] = await panda.ephemeralStream(topic)
    const [, rx] = await icebear.ephemeralStream<string>(topic)
    // 112 bytes are around the body; a text of this length has a head of 3.
    const largest = 'x'.repeat(4_096 - 112 - 3)
    await expect(tx.publish(`${largest}xxxxxxxxx`)).rejects.toMatchObject({ code: 'message-too-large' })
    await expect(tx.publish(() => {})).rejects.toMatchObject({ code: 'encoding-cbor' })
    await tx.publish(largest)
    expect((await take(rx, 1))[0]!.body).toBe(largest)
  })

  it('that is closed ends its reader and refuses to publish; the other one of the topic goes on', async () => {
    const [panda, icebear] = [await start(KEYS[0]!), await start(KEYS[1]!)]
    const [tx, rx] = await panda.ephemeralStream<string>(topic)
    const [, other] = await panda.ephemeralStream<string>(topic)
    const [from] = await icebear.ephemeralStream<string>(topic)
    const ended = take(rx, 1)
    await rx.close()
    await rx.close()
    expect(await ended).toEqual([])
    await expect(tx.publish('late')).rejects.toMatchObject({ code: 'stream-closed' })
    await from.publish('still there?')
    expect((await take(other, 1))[0]!.body).toBe('still there?')
    expect(panda.metrics().ephemeral.streams).toBe(1)
    await other.close()
    await until(() => icebear.metrics().gossip.neighbours === 1)
    const [, again] = await panda.ephemeralStream<string>(topic)
    await from.publish('and now?')
    expect((await take(again, 1))[0]!.body).toBe('and now?')
  })

  it('ends with its node', async () => {
    const node = await start(KEYS[0]!)
    const [tx, rx] = await node.ephemeralStream<string>(topic)
    const ended = take(rx, 1)
    await node.close()
    expect(await ended).toEqual([])
    await expect(tx.publish('late')).rejects.toMatchObject({ code: 'stream-closed' })
    await expect(node.ephemeralStream(topic)).rejects.toMatchObject({ code: 'node-closed' })
  })

  it('leaves the loop by break and goes on in a new one', async () => {
    const [panda, icebear] = [await start(KEYS[0]!), await start(KEYS[1]!)]
    const [tx] = await panda.ephemeralStream<number>(topic)
    const [, rx] = await icebear.ephemeralStream<number>(topic)
    for (let at = 0; at < 3; at++) await tx.publish(at)
    expect((await take(rx, 1))[0]!.body).toBe(0)
    expect((await take(rx, 2)).map(({ body }) => body)).toEqual([1, 2])
  })
})

/** A peer that knows the topic and writes what it likes. */
class HostilePeer {
  readonly key = KEYS[3]!
  readonly received: Uint8Array[] = []
  isClosed = false
  #out: Stream | null = null
  readonly #node: Node

  constructor(node: Node) {
    this.#node = node
  }

  async connect(): Promise<void> {
    const transport = inProcessTransport({ hub, discover: false })
    transport.start({
      id: this.key.verifyingKey,
      networkId: NETWORK,
      peerFound: () => {},
      peerLost: () => {},
      accept: connection => connection.close(0),
    })
    stops.push(() => transport.stop())
    const connection = await new Promise<Connection | null>(resolve => {
      transport.dial(this.#node.id, gossipProtocolId(NETWORK), resolve)
    })
    connection!.onClose(() => {
      this.isClosed = true
    })
    connection!.onStream(stream => stream.onData(bytes => this.received.push(bytes)))
    this.#out = connection!.openUni()
    this.#out.write(encodeFrame(concatBytes(Uint8Array.of(0), this.#badge())))
  }

  say(bytes: Uint8Array): void {
    const frame = new PostcardWriter().varint(2).fixed(this.#badge()).bytes(bytes).finish()
    this.#out!.write(encodeFrame(frame))
  }

  /** A message of anybody, signed by anybody, at any time. */
  message(body: string, options: { at?: bigint; key?: SigningKey; as?: SigningKey } = {}): Uint8Array {
    const key = options.key ?? this.key
    const author = idBytes((options.as ?? key).verifyingKey)
    const timestamp: HybridTimestamp = { wallUs: options.at ?? wallUs(), lamport: 0n }
    const signed = encodeCbor([1, author, timestamp.wallUs, timestamp.lamport, body])
    const signature = portableCrypto.sign(key.toBytes(), signed)
    return encodeCbor([1, author, signature, timestamp.wallUs, timestamp.lamport, body])
  }

  #badge(): Uint8Array {
    const name = new TextEncoder().encode('thicket/gossip-direct/v1')
    return hash(concatBytes(name, idBytes(topic), idBytes(this.key.verifyingKey), idBytes(this.#node.id)))
  }
}

const wallUs = () => BigInt(Date.now()) * 1_000n

describe('a hostile peer', () => {
  async function setUp(): Promise<{ node: Node; rx: EphemeralSubscription<string>; peer: HostilePeer }> {
    const node = await start(KEYS[0]!)
    const [, rx] = await node.ephemeralStream<string>(topic)
    const peer = new HostilePeer(node)
    await peer.connect()
    return { node, rx, peer }
  }

  it('sends garbage, wrong signatures and tags: all dropped and counted, and the stream goes on', async () => {
    const { node, rx, peer } = await setUp()
    const good = peer.message('good')
    const bad = [
      new Uint8Array(),
      hexToBytes('ff'),
      new Uint8Array(200).fill(0x81),
      concatBytes(good, Uint8Array.of(0)),
      concatBytes(Uint8Array.of(0xc6), good),
      peer.message('not mine', { as: KEYS[2]! }),
      encodeCbor([2, 'of a later version']),
    ]
    for (const bytes of bad) peer.say(bytes)
    peer.say(good)
    const [message] = await take(rx, 1)
    expect(message).toMatchObject({ author: peer.key.verifyingKey, body: 'good' })
    expect(node.metrics().ephemeral).toMatchObject({ received: 1, invalid: bad.length, replayed: 0 })
    expect(peer.isClosed).toBe(false)
  })

  it('replays: the same bytes, another’s message, an old one and one of the future come through once or not at all', async () => {
    const { node, rx, peer } = await setUp()
    const now = wallUs()
    const ofOther = peer.message('of another', { key: KEYS[2]!, at: now })
    const bytes = [
      ofOther,
      ofOther,
      peer.message('first', { at: now }),
      peer.message('61 seconds before', { at: now - 61_000_000n }),
      peer.message('of yesterday', { key: KEYS[1]!, at: now - 86_400_000_000n }),
      peer.message('of tomorrow', { key: KEYS[1]!, at: now + 86_400_000_000n }),
      peer.message('59 seconds before', { at: now - 59_000_000n }),
    ]
    for (const message of bytes) peer.say(message)
    peer.say(ofOther)
    expect((await take(rx, 3)).map(({ body }) => body)).toEqual(['of another', 'first', '59 seconds before'])
    await until(() => node.metrics().gossip.duplicates === 2)
    expect(node.metrics().ephemeral).toMatchObject({ received: 3, invalid: 0, replayed: 3 })
    expect(peer.isClosed).toBe(false)
  })

  it('sends a message back to its author, who does not hear itself', async () => {
    const { node, rx, peer } = await setUp()
    peer.say(peer.message('in your name', { key: KEYS[0]! }))
    peer.say(peer.message('good'))
    expect((await take(rx, 1))[0]!.body).toBe('good')
    expect(node.metrics().ephemeral).toMatchObject({ received: 1, invalid: 0 })
  })

  it('sends a message beyond the limit, and is left; honest peers are still heard', async () => {
    const { node, rx, peer } = await setUp()
    const icebear = await start(KEYS[1]!)
    const [tx] = await icebear.ephemeralStream<string>(topic)
    await until(() => node.metrics().gossip.neighbours === 2)
    peer.say(peer.message('x'.repeat(4_096)))
    await until(() => peer.isClosed)
    await tx.publish('still here')
    expect((await take(rx, 1))[0]!.body).toBe('still here')
    expect(node.metrics().gossip).toMatchObject({ violations: 1, neighbours: 1 })
  })

  it('keeps sending what does not verify, and is left; none of it is passed on', async () => {
    const { node, peer } = await setUp()
    const icebear = await start(KEYS[1]!)
    const [, rx] = await icebear.ephemeralStream<string>(topic)
    await until(() => node.metrics().gossip.neighbours === 2)
    for (let at = 0; at < 16; at++) peer.say(peer.message(`forged ${at}`, { as: KEYS[2]! }))
    await until(() => peer.isClosed)
    expect(node.metrics().ephemeral).toMatchObject({ received: 0, invalid: 16 })
    expect(icebear.metrics().gossip.received).toBe(0)
    expect(rx.dropped).toBe(0)
  })

  it('that leaves the topic’s name out of it is told nothing of what is said', async () => {
    const { node, peer } = await setUp()
    const [tx] = await node.ephemeralStream<string>(Topic.fromBytes(new Uint8Array(32).fill(8)))
    await tx.publish('elsewhere')
    await new Promise(resolve => setTimeout(resolve, 20))
    expect(peer.received.map(bytesToHex).join()).not.toContain(bytesToHex(encodeCbor('elsewhere')))
  })
})

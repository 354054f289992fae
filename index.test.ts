/**
 * Goal: the public API keeps the promises of the contract and of spec/node.md 7.1 and 7.2, seen as an app sees them.
 * Method: real nodes of one process on real databases; nothing is mocked but, where named, a clock or a key.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import {
  builder,
  type Codec,
  Cursor,
  inProcessTransport,
  LogId,
  type Node,
  type NodeBuilder,
  SigningKey,
  type StreamEvent,
  type StreamSubscription,
  Topic,
} from './index.js'

const nodes: Node[] = []
const folders: string[] = []

afterEach(async () => {
  for (const node of nodes.splice(0)) await node.close()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

async function start(settings: (of: NodeBuilder) => NodeBuilder = of => of): Promise<Node> {
  // A network of its own keeps every test's nodes to themselves.
  const node = await settings(builder().networkId(network).transport(inProcessTransport())).spawn()
  nodes.push(node)
  return node
}

let network = '00'.repeat(32)
let networks = 0

function freshNetwork(): void {
  networks += 1
  network = networks.toString(16).padStart(64, '0')
}

function databasePath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'thicket-'))
  folders.push(folder)
  return join(folder, 'node.db')
}

type Processed<Message> = Extract<StreamEvent<Message>, { type: 'processed' }>

/** Reads events until `enough` says so; leaves the last one unread on. */
async function collect<Message>(
  rx: StreamSubscription<Message>,
  enough: (events: readonly StreamEvent<Message>[]) => boolean,
): Promise<StreamEvent<Message>[]> {
  const events: StreamEvent<Message>[] = []
  for await (const event of rx) {
    events.push(event)
    if (enough(events)) break
  }
  return events
}

async function messages<Message>(rx: StreamSubscription<Message>, count: number): Promise<Processed<Message>[]> {
  const events = await collect(rx, seen => seen.filter(isProcessed).length >= count)
  return events.filter(isProcessed) as Processed<Message>[]
}

function isProcessed(event: StreamEvent<unknown>): boolean {
  return event.type === 'processed'
}

/** What is there to read now, without waiting for more. */
async function readable<Message>(rx: StreamSubscription<Message>): Promise<StreamEvent<Message>[]> {
  const events: StreamEvent<Message>[] = []
  const iterator = rx[Symbol.asyncIterator]()
  for (;;) {
    const next = await Promise.race([iterator.next(), settled()])
    if (next === null || next.done) return events
    events.push(next.value)
  }
}

async function settled(): Promise<null> {
  await new Promise(resolve => setTimeout(resolve, 50))
  return null
}

describe('a node alone', () => {
  it('[7.1] spawns without configuration, and with a key and a database of one’s own', async () => {
    // Without configuration but for the places that a test may listen on and call out to.
    const plain = await builder().listen('/ip4/127.0.0.1/tcp/0').mdns('disabled').spawn()
    nodes.push(plain)
    expect(plain.id).toMatch(/^[0-9a-f]{64}$/)
    expect(plain.networkId).toBe('f745f8f284789fe66264d6c84e284f5eae080c1b54c3f69f84f04fd0012b8476')
    const key = SigningKey.random()
    const own = await start(of => of.signingKey(key).database(':memory:'))
    expect(own.id).toBe(key.verifyingKey)
    expect(plain.addresses()).toEqual([expect.stringMatching(/^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/12D3Koo/)])
  })

  it('[7.2] the builder spawns from a plain async function, and settings chain', async () => {
    freshNetwork()
    const node = await start(of => of.ackPolicy('explicit').ordering('log').mdns('disabled').database(':memory:'))
    expect(node.addresses()).toEqual([`memory:${network.slice(0, 8)}/${node.id}`])
  })

  it('publishes and reads its own messages as everybody else’s', async () => {
    freshNetwork()
    const node = await start()
    const topic = Topic.random()
    const [tx, rx] = await node.stream<string>(topic)
    const published = await tx.publish('Hello, Panda!')
    expect(await published.processed).toEqual({ ok: true })
    const [event] = await messages(rx, 1)
    expect(event).toMatchObject({
      source: { type: 'local-store' },
      operation: { id: published.id, author: node.id, topic, message: 'Hello, Panda!' },
    })
    expect(event!.operation.header.id).toBe(published.id)
    expect(event!.operation.timestamp).toBeGreaterThan(1_700_000_000_000_000n)
  })

  it('[7.1] automatic acknowledgement: a stream made anew gives only what is new, and no replay', async () => {
    freshNetwork()
    const node = await start()
    const topic = Topic.random()
    const [tx, rx] = await node.stream<string>(topic)
    await tx.publish('first')
    await tx.publish('second')
    expect((await messages(rx, 2)).map(event => event.operation.message)).toEqual(['first', 'second'])
    await rx.close()
    const [txAgain, rxAgain] = await node.stream<string>(topic)
    await txAgain.publish('third')
    const events = await collect(rxAgain, seen => seen.some(isProcessed))
    expect(events).toMatchObject([{ type: 'processed', operation: { message: 'third' } }])
  })

  it('[7.1] explicit acknowledgement: after an ack of the first, a new stream replays exactly the second', async () => {
    freshNetwork()
    const node = await start(of => of.ackPolicy('explicit'))
    const topic = Topic.random()
    const [tx, rx] = await node.stream<string>(topic)
    const first = await tx.publish('first')
    await tx.publish('second')
    await messages(rx, 2)
    await rx.ack(first.id)
    await rx.close()
    const [, rxAgain] = await node.stream<string>(topic)
    const events = await collect(rxAgain, seen => seen.at(-1)?.type === 'replay-ended')
    expect(events).toMatchObject([
      { type: 'replay-started', totalOperations: 1 },
      { type: 'processed', operation: { message: 'second' }, source: { type: 'local-store' } },
      { type: 'replay-ended' },
    ])
  })

  it('leaving the loop by a throw acknowledges nothing: after a crash the operation comes again', async () => {
    freshNetwork()
    const path = databasePath()
    const key = SigningKey.random()
    const topic = Topic.random()
    const first = await start(of => of.database(path).signingKey(key))
    const [tx, rx] = await first.stream<string>(topic)
    await tx.publish('one')
    await tx.publish('two')
    const handle = async () => {
      for await (const event of rx) {
        if (event.type === 'processed' && event.operation.message === 'two') throw new Error('app failed')
      }
    }
    await expect(handle()).rejects.toThrow('app failed')
    await first.close()
    const second = await start(of => of.database(path).signingKey(key))
    const [, rxAgain] = await second.stream<string>(topic)
    const [event] = await messages(rxAgain, 1)
    expect(event!.operation.message).toBe('two')
  })

  it('[7.1] from the start: what was acknowledged comes again', async () => {
    freshNetwork()
    const node = await start()
    const topic = Topic.random()
    const [tx, rx] = await node.stream<string>(topic)
    await tx.publish('first')
    await messages(rx, 1)
    await rx.close()
    const [, rxAgain] = await node.streamFrom<string>(topic, 'start')
    const events = await collect(rxAgain, seen => seen.at(-1)?.type === 'replay-ended')
    expect(events.map(event => event.type)).toEqual(['replay-started', 'processed', 'replay-ended'])
  })

  it('[7.2] asking for the start resets the acknowledgements for good: a later frontier owes everything', async () => {
    freshNetwork()
    const node = await start(of => of.ackPolicy('explicit'))
    const topic = Topic.random()
    const [tx, rx] = await node.stream<string>(topic)
    const { id } = await tx.publish('first')
    await rx.ack(id)
    await rx.close()
    const [, fromStart] = await node.streamFrom<string>(topic, 'start')
    await fromStart.close()
    const [, frontier] = await node.stream<string>(topic)
    expect(await readable(frontier)).toMatchObject([{ type: 'replay-started', totalOperations: 1 }, {}, {}])
  })

  it('[7.1] after a cursor at sequence number 0 the second and third are replayed; the cursor bears the topic’s name', async () => {
    freshNetwork()
    const node = await start()
    const topic = Topic.random()
    const [tx, rx] = await node.stream<string>(topic)
    for (const text of ['first', 'second', 'third']) await tx.publish(text)
    await messages(rx, 3)
    await rx.close()
    const cursor = new Cursor(topic).advance(node.id, LogId.ofTopic(topic), 0)
    expect(cursor.name).toBe(topic)
    const [, rxAgain] = await node.streamFrom<string>(topic, cursor)
    const events = await collect(rxAgain, seen => seen.at(-1)?.type === 'replay-ended')
    expect(events).toMatchObject([
      { type: 'replay-started', totalOperations: 2 },
      { operation: { message: 'second' } },
      { operation: { message: 'third' } },
      { type: 'replay-ended' },
    ])
  })

  it('a cursor of another topic is refused', async () => {
    freshNetwork()
    const node = await start()
    await expect(node.streamFrom(Topic.random(), new Cursor(Topic.random()))).rejects.toMatchObject({
      code: 'invalid-name',
    })
  })

  it('[7.2] the default consumer is named by its topic; nothing is owed at first, one after a publish, nothing after its ack', async () => {
    freshNetwork()
    const node = await start(of => of.ackPolicy('explicit'))
    const topic = Topic.random()
    const open = async () => (await node.stream<string>(topic))[1]
    const [tx, rx] = await node.stream<string>(topic)
    expect(await readable(rx)).toEqual([])
    const { id } = await tx.publish('first')
    await rx.close()
    const owed = await open()
    expect(await readable(owed)).toMatchObject([{ type: 'replay-started', totalOperations: 1 }, {}, {}])
    await owed.ack(id)
    await owed.close()
    expect(await readable(await open())).toEqual([])
  })

  it('[7.2] two named consumers of one topic are independent', async () => {
    freshNetwork()
    const node = await start(of => of.ackPolicy('explicit'))
    const topic = Topic.random()
    const [tx, a] = await node.stream<string>(topic, { consumer: 'a' })
    const [, b] = await node.stream<string>(topic, { consumer: 'b' })
    const { id } = await tx.publish('for both')
    await a.ack(id)
    await a.close()
    await b.close()
    expect(await readable((await node.stream<string>(topic, { consumer: 'a' }))[1])).toEqual([])
    expect(await readable((await node.stream<string>(topic, { consumer: 'b' }))[1])).toHaveLength(3)
  })

  it('prune with a snapshot leaves one operation; the pruned ones are replayed to nobody', async () => {
    freshNetwork()
    const node = await start(of => of.ackPolicy('explicit'))
    const topic = Topic.random()
    const [tx, rx] = await node.stream<string>(topic)
    for (const text of ['one', 'two', 'three']) await tx.publish(text)
    const pruned = await tx.prune('snapshot')
    expect(await pruned.processed).toEqual({ ok: true })
    await rx.close()
    expect(node.metrics().operations).toBe(1)
    const [, rxAgain] = await node.stream<string>(topic)
    expect(await readable(rxAgain)).toMatchObject([
      { type: 'replay-started', totalOperations: 1 },
      { operation: { message: 'snapshot' } },
      { type: 'replay-ended' },
    ])
  })

  it('prune without a snapshot removes everything and delivers nothing', async () => {
    freshNetwork()
    const node = await start()
    const [tx, rx] = await node.stream<string>(Topic.random())
    await tx.publish('gone')
    await tx.prune()
    expect(await readable(rx)).toEqual([])
    expect(node.metrics()).toMatchObject({ operations: 1, pruned: 1 })
  })

  it('a message that does not decode is told, and comes again when the app can read it; an ack past it does not swallow it', async () => {
    freshNetwork()
    const node = await start(of => of.ackPolicy('explicit'))
    const topic = Topic.random()
    let knowsNewForm = false
    const codec: Codec<string> = {
      encode: text => new TextEncoder().encode(text),
      decode(bytes) {
        const text = new TextDecoder().decode(bytes)
        if (text.startsWith('new ') && !knowsNewForm) throw new Error('unknown form')
        return text
      },
    }
    const [tx, rx] = await node.stream(topic, { codec })
    await tx.publish('old')
    await tx.publish('new form')
    const { id } = await tx.publish('old again')
    expect((await readable(rx)).map(event => event.type)).toEqual(['processed', 'decode-failed', 'processed'])
    await rx.ack(id)
    await rx.close()
    knowsNewForm = true
    const [, rxAgain] = await node.stream(topic, { codec })
    expect(await readable(rxAgain)).toMatchObject([
      { type: 'replay-started', totalOperations: 1 },
      { operation: { message: 'new form' } },
      { type: 'replay-ended' },
    ])
  })

  it('a publisher never waits for a reader, and a slow reader loses nothing', async () => {
    freshNetwork()
    const node = await start()
    const [tx, rx] = await node.stream<number>(Topic.random())
    for (let number = 0; number < 500; number++) await (await tx.publish(number)).processed
    expect((await messages(rx, 500)).map(event => event.operation.message)).toEqual([...Array(500).keys()])
  })

  it('acknowledging an operation of another topic is refused, an unknown one is harmless', async () => {
    freshNetwork()
    const node = await start()
    const [tx] = await node.stream<string>(Topic.random())
    const [, other] = await node.stream<string>(Topic.random())
    const { id } = await tx.publish('here')
    await expect(other.ack(id)).rejects.toMatchObject({ code: 'invalid-topic' })
    await other.ack('00'.repeat(32) as typeof id)
  })

  it('a closed node refuses to go on, and closing twice is harmless', async () => {
    freshNetwork()
    const node = await start()
    const [tx, rx] = await node.stream<string>(Topic.random())
    const reading = collect(rx, () => false)
    await node.close()
    await node.close()
    expect(await reading).toEqual([])
    await expect(tx.publish('late')).rejects.toMatchObject({ code: 'node-closed' })
    await expect(node.stream(Topic.random())).rejects.toMatchObject({ code: 'node-closed' })
  })

  it('a database file holds everything over a restart, and one that is in use or foreign is refused', async () => {
    freshNetwork()
    const path = databasePath()
    const key = SigningKey.random()
    const topic = Topic.random()
    const first = await start(of => of.database(path).signingKey(key))
    const [tx] = await first.stream<string>(topic)
    const { id } = await tx.publish('kept')
    await expect(builder().database(path).transport(inProcessTransport()).spawn()).rejects.toMatchObject({
      code: 'database-in-use',
    })
    await first.close()
    const second = await start(of => of.database(path).signingKey(key))
    const [txAgain, rx] = await second.stream<string>(topic)
    expect((await messages(rx, 1))[0]!.operation.id).toBe(id)
    const next = await txAgain.publish('after it')
    const [event] = await messages(rx, 1)
    expect(event!.operation).toMatchObject({ id: next.id, header: { seqNum: 1, backlink: id } })
  })
})

describe('two nodes', () => {
  it('[7.1] a message published before the peer joined is received later through sync, with author and content', async () => {
    freshNetwork()
    const [panda, icebear] = [await start(), await start()]
    const topic = Topic.random()
    const [tx] = await panda.stream<string>(topic)
    const { id } = await tx.publish('early')
    const [, rx] = await icebear.stream<string>(topic)
    const events = await collect(rx, seen => seen.at(-1)?.type === 'sync-ended')
    expect(events).toMatchObject([
      { type: 'sync-started', remoteNodeId: panda.id, incomingOperations: 1 },
      {
        type: 'processed',
        operation: { id, author: panda.id, message: 'early' },
        source: { type: 'sync-session', phase: 'sync' },
      },
      { type: 'sync-ended', remoteNodeId: panda.id, receivedOperations: 1 },
    ])
  })

  it('[7.1] three publishes around the start of a session reach the peer exactly once each', async () => {
    freshNetwork()
    const [panda, icebear] = [await start(), await start()]
    const topic = Topic.random()
    const [tx] = await panda.stream<string>(topic)
    await tx.publish('before')
    const [, rx] = await icebear.stream<string>(topic)
    await tx.publish('during')
    const received = await messages(rx, 2)
    await tx.publish('after')
    received.push(...(await messages(rx, 1)))
    expect(received.map(event => event.operation.message)).toEqual(['before', 'during', 'after'])
    expect((await readable(rx)).filter(isProcessed)).toEqual([])
  })

  it('[7.1] prune with a snapshot: both stores then hold exactly one operation of that log', async () => {
    freshNetwork()
    const [panda, icebear] = [await start(), await start()]
    const topic = Topic.random()
    const [tx] = await panda.stream<string>(topic)
    const [, rx] = await icebear.stream<string>(topic)
    for (const text of ['one', 'two']) await tx.publish(text)
    await messages(rx, 2)
    const { id } = await tx.prune('snapshot')
    const [snapshot] = await messages(rx, 1)
    expect(snapshot!.operation).toMatchObject({ id, message: 'snapshot' })
    expect(panda.metrics().operations).toBe(1)
    expect(icebear.metrics().operations).toBe(1)
  })

  it('[7.1] a stream can be made again after it was closed while the peer goes on', async () => {
    freshNetwork()
    const [panda, icebear] = [await start(), await start()]
    const topic = Topic.random()
    const [tx, rx] = await panda.stream<string>(topic)
    const [theirs] = await icebear.stream<string>(topic)
    await tx.publish('mine')
    await messages(rx, 1)
    await rx.close()
    await theirs.publish('theirs')
    const [txAgain, rxAgain] = await panda.stream<string>(topic)
    await txAgain.publish('mine again')
    const received = await messages(rxAgain, 2)
    expect(received.map(event => event.operation.message).sort()).toEqual(['mine again', 'theirs'])
  })

  it('[7.1] from the start: the own delivered message comes again, then what is synced', async () => {
    freshNetwork()
    const [panda, icebear] = [await start(), await start()]
    const topic = Topic.random()
    const [tx, rx] = await panda.stream<string>(topic)
    await tx.publish('mine')
    await messages(rx, 1)
    await rx.close()
    const [theirs] = await icebear.stream<string>(topic)
    await theirs.publish('theirs')
    const [, rxAgain] = await panda.streamFrom<string>(topic, 'start')
    expect((await messages(rxAgain, 2)).map(event => event.operation.message)).toEqual(['mine', 'theirs'])
  })

  it('nodes of different networks never meet, and one that does not look for others is found by its address', async () => {
    freshNetwork()
    const hidden = await start(of => of.transport(inProcessTransport({ discover: false })))
    const seeker = await start()
    const topic = Topic.random()
    const [tx] = await hidden.stream<string>(topic)
    await tx.publish('found')
    const [, rx] = await seeker.stream<string>(topic)
    expect(await readable(rx)).toEqual([])
    await seeker.connect(hidden.addresses()[0]!)
    expect((await messages(rx, 1))[0]!.operation.message).toBe('found')
    await expect(seeker.connect('/ip4/127.0.0.1/tcp/1')).rejects.toMatchObject({ code: 'address-invalid' })
  })

  it('events tell of peers that come and go', async () => {
    freshNetwork()
    const panda = await start()
    const events = panda.events()[Symbol.asyncIterator]()
    const icebear = await start()
    expect(await events.next()).toEqual({ done: false, value: { type: 'peer-found', nodeId: icebear.id } })
    await icebear.close()
    expect(await events.next()).toEqual({ done: false, value: { type: 'peer-lost', nodeId: icebear.id } })
  })

  it('[7.2] totals over two sync phases add up', async () => {
    freshNetwork()
    const panda = await start()
    const icebear = await start()
    const topic = Topic.random()
    const [tx, rx] = await panda.stream<string>(topic)
    for (let count = 0; count < 20; count++) await tx.publish(`message ${count}`)
    const [, theirs] = await icebear.stream<string>(topic)
    const first = await collect(theirs, seen => seen.at(-1)?.type === 'sync-ended')
    const total = first.at(-1)
    expect(total).toMatchObject({ receivedOperations: 20 })
    expect(total?.type === 'sync-ended' && total.receivedBytes).toBe(
      total?.type === 'sync-ended' && total.receivedBytesTopicTotal,
    )
    await rx.close()
  })
})

/**
 * Goal: the promises of the contract hold when things go wrong: the node closes in the middle, the disk is full, the app
 * hands in nonsense, a message cannot be read, nobody reads at all.
 * Method: nodes of the public API on a database or crypto that the test can break and mend; nothing unhandled may be left.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { inProcessTransport, nodeDefaults, openBetterSqlite } from './engine/adapters/index.js'
import type { NodeDefaults } from './engine/node/index.js'
import {
  builder,
  type Codec,
  Cursor,
  type Database,
  LogId,
  type Node,
  NodeBuilder,
  type StreamEvent,
  type StreamSubscription,
  Topic,
} from './index.js'

const nodes: Node[] = []
const folders: string[] = []
const unhandled: unknown[] = []
const note = (error: unknown) => unhandled.push(error)

beforeEach(() => {
  process.on('uncaughtException', note)
  process.on('unhandledRejection', note)
})

afterEach(async () => {
  for (const node of nodes.splice(0)) await node.close()
  await pause(20)
  process.off('uncaughtException', note)
  process.off('unhandledRejection', note)
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
  expect(unhandled.splice(0)).toEqual([])
})

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

function databasePath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'thicket-'))
  folders.push(folder)
  return join(folder, 'node.db')
}

let networks = 0
/** A network of its own keeps every test's nodes to themselves. */
function freshNetwork(): string {
  networks += 1
  return `aa${networks.toString(16).padStart(62, '0')}`
}

async function start(
  settings: (of: NodeBuilder) => NodeBuilder = of => of,
  defaults: Partial<NodeDefaults> = {},
  network = freshNetwork(),
): Promise<Node> {
  const node = await settings(
    new NodeBuilder({ ...nodeDefaults(), ...defaults }).networkId(network).transport(inProcessTransport()),
  ).spawn()
  nodes.push(node)
  return node
}

type ProcessedEvent<Message> = Extract<StreamEvent<Message>, { type: 'processed' }>

async function take<Message>(rx: StreamSubscription<Message>, count: number): Promise<StreamEvent<Message>[]> {
  const events: StreamEvent<Message>[] = []
  if (count === 0) return events
  for await (const event of rx) if (events.push(event) >= count) break
  return events
}

async function until<Message>(
  rx: StreamSubscription<Message>,
  type: StreamEvent<Message>['type'],
): Promise<StreamEvent<Message>[]> {
  const events: StreamEvent<Message>[] = []
  for await (const event of rx) {
    events.push(event)
    if (event.type === type) break
  }
  return events
}

const types = (events: readonly { readonly type: string }[]) => events.map(event => event.type)
const texts = (events: readonly StreamEvent<string>[]) =>
  events.filter(event => event.type === 'processed').map(event => (event as ProcessedEvent<string>).operation.message)

/** What a stream made now would replay. */
async function owed(node: Node, topic: Topic, consumer?: string): Promise<string[]> {
  const [, rx] = await node.stream<string>(topic, {
    ackPolicy: 'explicit',
    ...(consumer === undefined ? {} : { consumer }),
  })
  const first = await Promise.race([take(rx, 1), pause(30).then(() => [])])
  const events = first.length === 0 ? [] : await until(rx, 'replay-ended')
  await rx.close()
  return texts(events as StreamEvent<string>[])
}

describe('closing in the middle', () => {
  it('verification that comes back after the close touches no closed database', async () => {
    const network = freshNetwork()
    const inner = nodeDefaults()
    const waiting: (() => void)[] = []
    const crypto = Object.create(inner.crypto, {
      verifyBatch: {
        value: (...[messages, done]: Parameters<typeof inner.crypto.verifyBatch>) =>
          inner.crypto.verifyBatch(messages, verdicts => waiting.push(() => done(verdicts))),
      },
    }) as typeof inner.crypto
    const reader = await start(of => of, { crypto }, network)
    const writer = await start(of => of, {}, network)
    const topic = Topic.random()
    const [tx] = await writer.stream<string>(topic)
    await tx.publish('in flight')
    const [txOfReader] = await reader.stream<string>(topic)
    while (waiting.length === 0) await pause(5)
    const [imported] = [await txOfReader.import(writer.exportTopic(topic))]
    while (waiting.length < 2) await pause(5)
    await reader.close()
    for (const comesBack of waiting) comesBack()
    expect(await imported.done).toMatchObject({ stored: 0, refused: [{ position: 0, code: 'node-closed' }] })
  })

  it('acknowledgements that wait for their group are durable before the close returns', async () => {
    const path = databasePath()
    const topic = Topic.random()
    const node = await start(of => of.database(path).ackPolicy('explicit'))
    const [tx, rx] = await node.stream<string>(topic)
    const { id } = await tx.publish('read')
    const acknowledged = rx.ack(id)
    await node.close()
    await acknowledged
    expect(await owed(await start(of => of.database(path)), topic)).toEqual([])
  })

  it('whatever is asked of a closed node is refused with node-closed', async () => {
    const node = await start()
    const topic = Topic.random()
    const [tx, rx] = await node.stream<string>(topic, { ackPolicy: 'explicit' })
    const { id } = await tx.publish('read')
    const [event] = (await take(rx, 1)) as ProcessedEvent<string>[]
    const exported = node.exportTopic(topic)
    await node.close()
    const closed = { code: 'node-closed' }
    await expect(event!.operation.ack()).rejects.toMatchObject(closed)
    await expect(event!.operation.ack(() => {})).rejects.toMatchObject(closed)
    await expect(rx.ack(id)).rejects.toMatchObject(closed)
    await expect(tx.publish('late')).rejects.toMatchObject(closed)
    await expect(tx.prune()).rejects.toMatchObject(closed)
    await expect(tx.import([])).rejects.toMatchObject(closed)
    await expect(exported.next()).rejects.toMatchObject(closed)
    await expect(node.connect('memory:00/00')).rejects.toMatchObject(closed)
    expect(() => node.metrics()).toThrow(expect.objectContaining(closed))
    await rx.close()
  })

  it('readers that wait are let go by the close of their subscription and of their node', async () => {
    const node = await start()
    const [, a] = await node.stream(Topic.random())
    const [, b] = await node.stream(Topic.random())
    const events = node.events()[Symbol.asyncIterator]()
    const waiting = [a[Symbol.asyncIterator]().next(), b[Symbol.asyncIterator]().next(), events.next()]
    await a.close()
    expect(await waiting[0]).toEqual({ done: true, value: undefined })
    await node.close()
    expect(await Promise.all(waiting)).toEqual(Array(3).fill({ done: true, value: undefined }))
  })

  it('closing a subscription makes the last automatic acknowledgement durable', async () => {
    let database: Database | undefined
    const openDatabase = (path: string) => (database = openBetterSqlite(path))
    const node = await start(of => of, { openDatabase })
    const [tx, rx] = await node.stream<string>(Topic.random())
    await tx.publish('read')
    await take(rx, 1)
    await rx.close()
    expect(database!.prepare('SELECT count(*) AS count FROM marks').get()).toEqual({ count: 1 })
  })

  it('a node that could not be spawned leaves nothing behind', async () => {
    const network = freshNetwork()
    const other = await start(of => of, {}, network)
    const events = other.events()[Symbol.asyncIterator]()
    await expect(
      builder().networkId(network).transport(inProcessTransport()).bootstrap('nowhere').spawn(),
    ).rejects.toMatchObject({
      code: 'address-invalid',
    })
    const seen: unknown[] = []
    const reading = (async () => {
      for (let next = await events.next(); !next.done; next = await events.next()) seen.push(next.value.type)
    })()
    await pause(20)
    await other.close()
    await reading
    expect([[], ['peer-found', 'peer-lost']]).toContainEqual(seen)
  })

  it('a publisher outlives its subscription: what it stores is read by the next stream and synced then', async () => {
    const network = freshNetwork()
    const [panda, icebear] = [await start(of => of, {}, network), await start(of => of, {}, network)]
    const topic = Topic.random()
    const [tx, rx] = await panda.stream<string>(topic)
    await rx.close()
    await tx.publish('nobody reads')
    const [, again] = await panda.stream<string>(topic)
    expect(texts(await until(again, 'replay-ended'))).toEqual(['nobody reads'])
    const [, theirs] = await icebear.stream<string>(topic)
    expect(texts(await until(theirs, 'sync-ended'))).toEqual(['nobody reads'])
  })
})

describe('a full disk', () => {
  /** A real database that has no page left, until it is given room. */
  function narrow() {
    let database: Database | undefined
    const pages = () => database!.prepare('PRAGMA page_count').get<{ page_count: number }>()!.page_count
    return {
      openDatabase: (path: string) => (database = openBetterSqlite(path)),
      fill: () => database!.exec(`PRAGMA max_page_count = ${pages()}`),
      room: () => database!.exec('PRAGMA max_page_count = 1073741823'),
      /** From now on every commit fails, as on a disk that has no byte left; only this reaches small writes. */
      count: (table: string) =>
        database!.prepare(`SELECT count(*) AS count FROM ${table}`).get<{ count: number }>()!.count,
    }
  }

  it('publish rejects with database-full and stores nothing; the node goes on reading, and writes when there is room', async () => {
    const disk = narrow()
    const node = await start(of => of, { openDatabase: disk.openDatabase })
    const topic = Topic.random()
    const [tx, rx] = await node.stream<string>(topic)
    await tx.publish('before')
    disk.fill()
    const big = 'x'.repeat(100_000)
    await expect(tx.publish(big)).rejects.toMatchObject({ code: 'database-full' })
    await expect(tx.prune(big)).rejects.toMatchObject({ code: 'database-full' })
    expect(disk.count('operations')).toBe(1)
    expect(texts(await take(rx, 1))).toEqual(['before'])
    disk.room()
    await tx.publish('after')
    const [event] = (await take(rx, 1)) as ProcessedEvent<string>[]
    expect(event!.operation).toMatchObject({ message: 'after', header: { seqNum: 1 } })
  })

  it('what a peer sends is not half stored, and comes again when there is room', async () => {
    const network = freshNetwork()
    const disk = narrow()
    const reader = await start(of => of, { openDatabase: disk.openDatabase }, network)
    const writer = await start(of => of, {}, network)
    const topic = Topic.random()
    const [tx] = await writer.stream<string>(topic)
    const [, rx] = await reader.stream<string>(topic)
    disk.fill()
    const big = 'x'.repeat(100_000)
    for (let count = 0; count < 3; count++) await tx.publish(big)
    const failed = (await until(rx, 'sync-ended')).concat(await until(rx, 'sync-ended')).at(-1)
    expect(failed).toMatchObject({ type: 'sync-ended', error: { code: 'database-full' } })
    expect(disk.count('operations')).toBe(0)
    disk.room()
    const received: string[] = []
    for await (const event of rx) {
      if (event.type === 'processed') received.push(event.operation.message)
      if (received.length === 3) break
    }
    expect(received).toEqual([big, big, big])
  })
})

describe('a disk that refuses every commit', () => {
  function broken() {
    let database: Database | undefined
    return {
      openDatabase: (path: string): Database => (database = openBetterSqlite(path)),
      /** A real refusal by SQLite, of the same kind for all that writes. */
      refuse: (refuses: boolean) => database!.exec(`PRAGMA query_only = ${refuses ? 'ON' : 'OFF'}`),
    }
  }

  it('automatic acknowledgements are told as ack-failed, and the operation is owed again', async () => {
    const disk = broken()
    const node = await start(of => of, { openDatabase: disk.openDatabase })
    const topic = Topic.random()
    const [tx, rx] = await node.stream<string>(topic)
    const { id } = await tx.publish('unlucky')
    const [event] = await take(rx, 1)
    expect(event!.type).toBe('processed')
    disk.refuse(true)
    const [failed] = await take(rx, 1)
    expect(failed).toMatchObject({ type: 'ack-failed', id, error: { code: 'database-read-only' } })
    disk.refuse(false)
    expect(await owed(node, topic)).toEqual(['unlucky'])
  })

  it('explicit acknowledgements reject, all of the group, and go through when asked again', async () => {
    const disk = broken()
    const node = await start(of => of.ackPolicy('explicit'), { openDatabase: disk.openDatabase })
    const topic = Topic.random()
    const [tx, rx] = await node.stream<string>(topic)
    const ids = [(await tx.publish('one')).id, (await tx.publish('two')).id]
    disk.refuse(true)
    const results = await Promise.allSettled(ids.map(id => rx.ack(id)))
    expect(results).toMatchObject(Array(2).fill({ status: 'rejected', reason: { code: 'database-read-only' } }))
    await expect(rx.ack(ids[0]!).then(() => rx.close())).rejects.toMatchObject({ code: 'database-read-only' })
    disk.refuse(false)
    await rx.ack(ids[1]!)
    expect(await owed(node, topic)).toEqual([])
  })

  it('closing a subscription says when its last acknowledgement could not be written', async () => {
    const disk = broken()
    const node = await start(of => of, { openDatabase: disk.openDatabase })
    const topic = Topic.random()
    const [tx, rx] = await node.stream<string>(topic)
    await tx.publish('unlucky')
    await take(rx, 1)
    disk.refuse(true)
    await expect(rx.close()).rejects.toMatchObject({ code: 'database-read-only' })
    disk.refuse(false)
    expect(await owed(node, topic)).toEqual(['unlucky'])
  })
})

describe('what the app hands in', () => {
  it('a message that cannot be encoded is refused with message-encoding, and leaves no operation', async () => {
    const node = await start()
    const [tx] = await node.stream<unknown>(Topic.random())
    const cycle: unknown[] = []
    cycle.push(cycle)
    for (const message of [undefined, () => {}, cycle, new Date(), '\ud800']) {
      await expect(tx.publish(message)).rejects.toMatchObject({ code: 'message-encoding' })
      if (message !== undefined) await expect(tx.prune(message)).rejects.toMatchObject({ code: 'message-encoding' })
    }
    const failing: Codec<string> = {
      encode() {
        throw new Error('not today')
      },
      decode: () => '',
    }
    const [own] = await node.stream(Topic.random(), { codec: failing })
    await expect(own.publish('x')).rejects.toMatchObject({ code: 'message-encoding', cause: { message: 'not today' } })
    const textual = { encode: (text: string) => text, decode: () => '' } as unknown as Codec<string>
    const [wrong] = await node.stream(Topic.random(), { codec: textual })
    await expect(wrong.publish('x')).rejects.toMatchObject({ code: 'message-encoding' })
    expect(node.metrics().operations).toBe(0)
  })

  it('a message of no bytes is refused: it would be an operation without a body, which is delivered to nobody', async () => {
    const node = await start()
    const [tx] = await node.stream<Uint8Array>(Topic.random(), { codec: 'bytes' })
    await expect(tx.publish(new Uint8Array(0))).rejects.toMatchObject({ code: 'message-empty' })
    await expect(tx.prune(new Uint8Array(0))).rejects.toMatchObject({ code: 'message-empty' })
    expect(node.metrics().operations).toBe(0)
  })

  it('a message of 16 MiB goes through, to the peer too; one byte more is refused', async () => {
    const network = freshNetwork()
    const [panda, icebear] = [await start(of => of, {}, network), await start(of => of, {}, network)]
    const topic = Topic.random()
    const [tx] = await panda.stream<Uint8Array>(topic, { codec: 'bytes' })
    const [, rx] = await icebear.stream<Uint8Array>(topic, { codec: 'bytes' })
    await expect(tx.publish(new Uint8Array(16 * 1024 * 1024 + 1))).rejects.toMatchObject({ code: 'message-too-large' })
    const largest = new Uint8Array(16 * 1024 * 1024).fill(7)
    await tx.publish(largest)
    for await (const event of rx) {
      if (event.type !== 'processed') continue
      expect(event.operation.message.length).toBe(largest.length)
      break
    }
  })

  it('the node is not to be called from within the callback of a transaction, save for closing the subscription', async () => {
    const node = await start()
    const [tx, rx] = await node.stream<string>(Topic.random())
    await tx.publish('one')
    const refused: Promise<unknown>[] = []
    await rx.process(() => {
      refused.push(tx.publish('nested'), node.stream(Topic.random()), node.close())
      void rx.close()
    })
    for (const call of refused) await expect(call).rejects.toMatchObject({ code: 'in-transaction' })
    await tx.publish('two')
    expect(await owed(node, tx.topic)).toEqual(['two'])
  })

  it('settings and topics that are none are refused before anything is opened', async () => {
    const node = await start()
    const topic = Topic.random()
    const wrong = async (options: object) => node.stream(topic, options)
    await expect(wrong({ ackPolicy: 'manual' })).rejects.toMatchObject({ code: 'invalid-setting' })
    await expect(wrong({ ordering: 'chronological' })).rejects.toMatchObject({ code: 'invalid-setting' })
    await expect(wrong({ codec: 'json' })).rejects.toMatchObject({ code: 'invalid-setting' })
    await expect(node.streamFrom(topic, 'beginning' as 'start')).rejects.toMatchObject({ code: 'invalid-setting' })
    await expect(node.stream('chat' as Topic)).rejects.toMatchObject({ code: 'invalid-hex-encoding' })
    await expect(node.stream('' as Topic)).rejects.toMatchObject({ code: 'invalid-length' })
    const [, upper] = await node.stream(topic.toUpperCase() as Topic)
    expect(upper.topic).toBe(topic)
    await expect(wrong({ consumer: '' })).rejects.toMatchObject({ code: 'invalid-name' })
    await expect(wrong({ consumer: 'n'.repeat(257) })).rejects.toMatchObject({ code: 'invalid-name' })
    await wrong({ consumer: 'n'.repeat(256) })
  })
})

describe('acknowledgements only grow', () => {
  const reading = (refuses: (text: string) => boolean): Codec<string> => ({
    encode: text => new TextEncoder().encode(text),
    decode(bytes) {
      const text = new TextDecoder().decode(bytes)
      if (refuses(text)) throw new Error('unknown form')
      return text
    },
  })

  it('an operation that was acknowledged is not owed again because another codec cannot read it', async () => {
    const node = await start(of => of.ackPolicy('explicit'))
    const topic = Topic.random()
    const able = reading(() => false)
    const [tx, rx] = await node.stream(topic, { codec: able })
    await tx.publish('one')
    const { id } = await tx.publish('two')
    await rx.ack(id)
    await rx.close()
    const [, unable] = await node.streamFrom(topic, new Cursor(topic), { codec: reading(() => true) })
    expect(types(await until(unable, 'replay-ended'))).toEqual([
      'replay-started',
      'decode-failed',
      'decode-failed',
      'replay-ended',
    ])
    await unable.close()
    const [, again] = await node.stream(topic, { codec: able })
    expect(await Promise.race([take(again, 1), pause(30)])).toBeUndefined()
  })

  it('an operation that broke on the disk is told and stays owed below later marks', async () => {
    let database: Database | undefined
    const openDatabase = (path: string) => (database = openBetterSqlite(path))
    const node = await start(of => of.ackPolicy('explicit'), { openDatabase })
    const topic = Topic.random()
    const [tx, rx] = await node.stream<string>(topic)
    await tx.publish('broken')
    const { id } = await tx.publish('whole')
    const header = database!
      .prepare('SELECT header FROM operations WHERE seq = 0')
      .get<{ header: Uint8Array }>()!.header
    const rotten = header.slice()
    rotten[60]! ^= 1
    const put = database!.prepare('UPDATE operations SET header = ? WHERE seq = 0')
    put.run(rotten)
    expect(await take(rx, 2)).toMatchObject([
      { type: 'processing-failed', error: { code: 'database-corrupt' } },
      { type: 'processed', operation: { message: 'whole' } },
    ])
    await rx.ack(id)
    await rx.close()
    const [, again] = await node.stream<string>(topic)
    expect(types(await until(again, 'replay-ended'))).toEqual(['replay-started', 'processing-failed', 'replay-ended'])
    await again.close()
    put.run(header)
    expect(await owed(node, topic)).toEqual(['broken'])
  })

  it('two streams of one consumer both read everything and share their acknowledgements', async () => {
    const node = await start(of => of.ackPolicy('explicit'))
    const topic = Topic.random()
    const [tx, a] = await node.stream<string>(topic, { consumer: 'shared' })
    const [, b] = await node.stream<string>(topic, { consumer: 'shared' })
    const ids = []
    for (const text of ['one', 'two', 'three']) ids.push((await tx.publish(text)).id)
    expect(texts(await take(a, 3))).toEqual(['one', 'two', 'three'])
    expect(texts(await take(b, 3))).toEqual(['one', 'two', 'three'])
    await Promise.all([a.ack(ids[1]!), b.ack(ids[0]!)])
    await a.close()
    await b.close()
    expect(await owed(node, topic, 'shared')).toEqual(['three'])
    expect(await owed(node, topic, 'another')).toEqual(['one', 'two', 'three'])
    expect(await owed(node, topic)).toEqual(['one', 'two', 'three'])
  })
})

describe('order and back-pressure', () => {
  it('ten thousand publications at once, without a reader, keep their order and are all read later', async () => {
    const node = await start()
    const topic = Topic.random()
    const [tx, rx] = await node.stream<number>(topic)
    await Promise.all(Array.from({ length: 10_000 }, (_, number) => tx.publish(number)))
    let next = 0
    for await (const event of rx) {
      if (event.type === 'processed') expect(event.operation.message).toBe(next++)
      if (next === 10_000) break
    }
  })

  it('[7.1] a slow reader hears sync-started, the operations of the session in order, then sync-ended, then live ones', async () => {
    const network = freshNetwork()
    const [panda, icebear] = [await start(of => of, {}, network), await start(of => of, {}, network)]
    const topic = Topic.random()
    const [tx] = await panda.stream<string>(topic)
    for (let count = 0; count < 300; count++) await tx.publish(`old ${count}`)
    const [, rx] = await icebear.stream<string>(topic)
    while (icebear.metrics().sync.completed === 0) await pause(5)
    await tx.publish('live')
    while (icebear.metrics().operations < 301) await pause(5)
    const events: StreamEvent<string>[] = []
    for await (const event of rx) {
      events.push(event)
      if (event.type === 'processed' && event.operation.message === 'live') break
    }
    // A session may be replaced by a newer one on the way, so only the first and the last of its events are looked at.
    const seen = types(events)
    expect(seen[0]).toBe('sync-started')
    expect(seen.lastIndexOf('sync-ended')).toBeGreaterThan(seen.indexOf('processed'))
    expect(seen.at(-1)).toBe('processed')
    expect(texts(events)).toEqual([...Array.from({ length: 300 }, (_, count) => `old ${count}`), 'live'])
    expect((events.at(-1) as ProcessedEvent<string>).source).toMatchObject({ type: 'sync-session' })
  })

  it('[7.1] every operation before a prune point is processed on the remote, and none fails', async () => {
    const network = freshNetwork()
    const [panda, icebear] = [await start(of => of, {}, network), await start(of => of, {}, network)]
    const topic = Topic.random()
    const [tx] = await panda.stream<string>(topic)
    const [, rx] = await icebear.stream<string>(topic)
    for (const text of ['one', 'two', 'three']) await tx.publish(text)
    const events: StreamEvent<string>[] = []
    const enough = (count: number) => texts(events).length === count
    for await (const event of rx) if (events.push(event) && enough(3)) break
    const pruned = await tx.prune('snapshot')
    expect(await pruned.processed).toEqual({ ok: true })
    for await (const event of rx) if (events.push(event) && enough(4)) break
    expect(texts(events)).toEqual(['one', 'two', 'three', 'snapshot'])
    expect((events.at(-1) as ProcessedEvent<string>).operation.id).toBe(pruned.id)
    expect(types(events)).not.toContain('processing-failed')
  })

  it('pruning the own log while a peer catches up leaves the peer with what is left, told as one snapshot', async () => {
    const network = freshNetwork()
    const [panda, icebear] = [await start(of => of, {}, network), await start(of => of, {}, network)]
    const topic = Topic.random()
    const [tx] = await panda.stream<string>(topic)
    for (let count = 0; count < 400; count++) await tx.publish(`old ${count}`)
    const [, rx] = await icebear.stream<string>(topic)
    while (icebear.metrics().operations === 0) await pause(0)
    await tx.prune('snapshot')
    const events: string[] = []
    for await (const event of rx) {
      if (event.type === 'processed') events.push(event.operation.message)
      if (events.at(-1) === 'snapshot') break
    }
    expect(panda.metrics().operations).toBe(1)
    expect(icebear.metrics()).toMatchObject({ operations: 1, held: 0, refused: 0 })
  })

  it('the replay count is what is read: pruned, bodyless and acknowledged operations do not count', async () => {
    const node = await start(of => of.ackPolicy('explicit'))
    const topic = Topic.random()
    const [tx, rx] = await node.stream<string>(topic)
    for (const text of ['a', 'b', 'c']) await tx.publish(text)
    await tx.prune()
    await tx.publish('d')
    const { id } = await tx.publish('e')
    for (const text of ['f', 'g']) await tx.publish(text)
    expect(await owed(node, topic, 'new')).toEqual(['d', 'e', 'f', 'g'])
    await rx.ack(id)
    await rx.close()
    const [, again] = await node.stream<string>(topic)
    const events = await until(again, 'replay-ended')
    expect(events[0]).toMatchObject({ totalOperations: 2 })
    expect(texts(events)).toEqual(['f', 'g'])
    const behind = new Cursor(topic).advance(node.id, LogId.ofTopic(topic), 1)
    const [, fromCursor] = await node.streamFrom<string>(topic, behind)
    const replay = await until(fromCursor, 'replay-ended')
    expect(replay[0]).toMatchObject({ totalOperations: 4 })
    expect(texts(replay)).toEqual(['d', 'e', 'f', 'g'])
  })
})

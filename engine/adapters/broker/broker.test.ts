/**
 * Goal: the contract of the broker's messages and routes, as a client in any language would rely on it.
 * Method: a real node, a real broker on loopback, clients that say exactly what the test tells them to.
 */

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Cursor, encodeCbor } from '../../core/index.js'
import type { Node } from '../../node/index.js'
import { InProcessHub } from '../in-process.js'
import { type Broker, type BrokerOptions, startBroker } from './index.js'
import { newNode, randomTopic } from './nodes.contract.js'
import { RawClient } from './raw-client.contract.js'

let node: Node
let broker: Broker
const clients: RawClient[] = []
const extra: { close(): Promise<void> }[] = []

async function begin(options: Partial<BrokerOptions> = {}): Promise<void> {
  node = await newNode()
  broker = await startBroker({ node, port: 0, ...options })
}

beforeEach(() => begin())

afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.terminate()
  for (const other of extra.splice(0)) await other.close()
  await broker.close()
  await node.close()
})

async function open(token: string = broker.token, name?: string): Promise<RawClient> {
  const client = new RawClient(broker)
  clients.push(client)
  return client.hello(token, name)
}

function http(path: string, init: { method?: string; body?: unknown; token?: string | null } = {}): Promise<Response> {
  const { method = 'GET', body, token = broker.token } = init
  return fetch(`${broker.url}${path}`, {
    method,
    headers: {
      ...(token === null ? {} : { Authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
}

describe('publish', () => {
  it('answers with the id of a durable operation that carries the message', async () => {
    const topic = randomTopic()
    const client = await open()
    client.send({ type: 'publish', ref: 'r1', topic, message: { text: 'hi', list: [1, null, true, 1.5] } })
    const { ref, id } = await client.next('published')
    expect(ref).toBe('r1')
    const stored = []
    for await (const operation of node.exportTopic(topic)) stored.push(operation)
    expect(stored).toMatchObject([{ id, header: { author: node.id } }])
    expect(stored[0]!.body).toEqual(encodeCbor({ text: 'hi', list: [1, null, true, 1.5] }))
  })

  it('publishes once for one client and ref, also over another connection, and refuses another content', async () => {
    const topic = randomTopic()
    const one = await open(broker.token, 'pen')
    one.send({ type: 'publish', ref: 'r', topic, message: 'once' })
    const first = await one.next('published')
    const two = await open(broker.token, 'pen')
    two.send({ type: 'publish', ref: 'r', topic, message: 'once' })
    expect((await two.next('published')).id).toBe(first.id)
    two.send({ type: 'publish', ref: 'r', topic, message: 'other' })
    expect(await two.next('error')).toMatchObject({ ref: 'r', code: 'ref-conflict' })
    const other = await open(broker.token, 'pencil')
    other.send({ type: 'publish', ref: 'r', topic, message: 'once' })
    expect((await other.next('published')).id).not.toBe(first.id)
    expect(node.metrics().operations).toBe(2)
  })

  it('takes bytes as a body and names dependencies', async () => {
    const topic = randomTopic()
    const client = await open()
    client.send({ type: 'publish', ref: 'a', topic, bytes: Buffer.from([1, 2, 3]).toString('base64url') })
    const { id } = await client.next('published')
    client.send({ type: 'publish', ref: 'b', topic, message: 1, dependsOn: [id] })
    await client.next('published')
    client.send({ type: 'publish', ref: 'c', topic, message: 1, dependsOn: ['0'.repeat(64)] })
    expect(await client.next('error')).toMatchObject({ ref: 'c', code: 'dependency-unknown' })
    client.send({ type: 'publish', ref: 'd', topic, bytes: '' })
    expect(await client.next('error')).toMatchObject({ ref: 'd', code: 'message-empty' })
    client.send({ type: 'publish', ref: 'e', topic, bytes: '+/==' })
    expect(await client.next('error')).toMatchObject({ ref: 'e', code: 'invalid-message' })
  })

  it('says numbers of 64 bits in decimal, and gives the bytes where JSON cannot tell all', async () => {
    const topic = randomTopic()
    const [tx] = await node.stream<unknown>(topic)
    await tx.publish({ big: 2n ** 63n + 1n, bytes: Uint8Array.of(255, 0), plain: 1 })
    await tx.publish({ plain: 1 })
    const client = await open()
    client.send({ type: 'subscribe', topic, consumer: 'c' })
    const lossy = await client.nextOperation()
    expect(lossy.message).toEqual({ big: '9223372036854775809', bytes: '_wA', plain: 1 })
    expect(Buffer.from(lossy.bytes as string, 'base64url')).toEqual(
      Buffer.from(encodeCbor({ big: 2n ** 63n + 1n, bytes: Uint8Array.of(255, 0), plain: 1 })),
    )
    expect(lossy.timestamp).toMatch(/^\d{16,20}$/)
    const whole = await client.nextOperation()
    expect(whole).toMatchObject({ message: { plain: 1 }, author: node.id, topic, seqNum: 1 })
    expect(whole).not.toHaveProperty('bytes')
  })
})

describe('subscribe', () => {
  it('replays to a named consumer what it has not acknowledged, message by message', async () => {
    const topic = randomTopic()
    const [tx] = await node.stream<string>(topic)
    for (const text of ['a', 'b', 'c', 'd']) await tx.publish(text)
    const first = await open()
    first.send({ type: 'subscribe', topic, consumer: 'reader' })
    const operations = []
    for (let count = 0; count < 4; count++) operations.push(await first.nextOperation())
    first.send({ type: 'ack', topic, consumer: 'reader', id: operations[2]!.id })
    first.send({ type: 'ack', topic, consumer: 'reader', id: operations[0]!.id })
    await first.settled()
    await first.close()

    const again = await open()
    again.send({ type: 'subscribe', topic, consumer: 'reader' })
    await again.next('event', ({ event }) => (event as { type: string }).type === 'replay-ended')
    expect(again.operations().map(({ message }) => message)).toEqual(['b', 'd'])
  })

  it('keeps consumers independent, and starts over when told to', async () => {
    const topic = randomTopic()
    const [tx] = await node.stream<string>(topic)
    await tx.publish('a')
    const client = await open()
    client.send({ type: 'subscribe', topic, consumer: 'one' })
    const { id } = await client.nextOperation()
    client.send({ type: 'ack', topic, consumer: 'one', id })
    client.send({ type: 'unsubscribe', topic, consumer: 'one' })
    client.send({ type: 'subscribe', topic, consumer: 'two' })
    expect((await client.nextOperation()).id).toBe(id)
    client.send({ type: 'unsubscribe', topic, consumer: 'two' })
    client.send({ type: 'subscribe', topic, consumer: 'one' })
    await client.settled()
    await tx.publish('b')
    expect((await client.nextOperation()).message).toBe('b')
    client.send({ type: 'subscribe', topic, consumer: 'one', from: 'start' })
    expect((await client.nextOperation()).message).toBe('a')
  })

  it('begins after a cursor', async () => {
    const topic = randomTopic()
    const [tx] = await node.stream<string>(topic)
    for (const text of ['a', 'b']) await tx.publish(text)
    const [log] = node.inspect().logs(topic, null, 1)
    const cursor = new Cursor(`${topic}/late`).advance(node.id, log!.logId, 0)
    const client = await open()
    const from = { cursor: Buffer.from(cursor.encode()).toString('base64url') }
    client.send({ type: 'subscribe', topic, consumer: 'late', from })
    expect((await client.nextOperation()).message).toBe('b')
    client.send({ type: 'subscribe', topic, consumer: 'other', from })
    expect(await client.next('error')).toMatchObject({ topic, consumer: 'other', code: 'invalid-name' })
    client.send({ type: 'subscribe', topic, consumer: 'other', from: { cursor: 'AAAA' } })
    expect(await client.next('error')).toMatchObject({ consumer: 'other', code: 'decoding-cursor' })
  })

  it('delivers no more unacknowledged messages than the window holds', async () => {
    const topic = randomTopic()
    const [tx] = await node.stream<number>(topic)
    for (let number = 0; number < 10; number++) await tx.publish(number)
    const client = await open()
    client.send({ type: 'subscribe', topic, consumer: 'c', window: 3 })
    for (let count = 0; count < 3; count++) await client.nextOperation()
    await client.settled()
    expect(client.operations()).toHaveLength(3)
    client.send({ type: 'ack', topic, consumer: 'c', id: client.operations()[1]!.id })
    expect((await client.nextOperation()).message).toBe(3)
    await client.settled()
    expect(client.operations()).toHaveLength(4)
    for (let at = 0; client.operations().length < 10; at++) {
      client.send({ type: 'ack', topic, consumer: 'c', id: client.operations()[at]!.id })
      await client.settled()
    }
    expect(client.operations().map(({ message }) => message)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  it('gives a consumer to the newest connection, and tells the one before', async () => {
    const topic = randomTopic()
    const [tx] = await node.stream<string>(topic)
    await tx.publish('a')
    const older = await open()
    older.send({ type: 'subscribe', topic, consumer: 'c' })
    const { id } = await older.nextOperation()
    const newer = await open()
    newer.send({ type: 'subscribe', topic, consumer: 'c' })
    expect(await older.next('error')).toMatchObject({ code: 'consumer-taken', topic, consumer: 'c' })
    expect((await newer.nextOperation()).id).toBe(id)
    older.send({ type: 'ack', topic, consumer: 'c', id })
    expect(await older.next('error')).toMatchObject({ code: 'consumer-unknown' })
    await tx.publish('b')
    expect((await newer.nextOperation()).message).toBe('b')
    await older.settled()
    expect(older.operations()).toHaveLength(1)
  })

  it('tells of syncs with peers, and delivers what they bring', async () => {
    const hub = new InProcessHub()
    const topic = randomTopic()
    const near = await newNode({ hub })
    const far = await newNode({ hub })
    const nearBroker = await startBroker({ node: near, port: 0 })
    extra.push(nearBroker, near, far)
    const client = new RawClient(nearBroker)
    clients.push(client)
    await client.hello(nearBroker.token)
    client.send({ type: 'subscribe', topic, consumer: 'c' })
    const [tx] = await far.stream<string>(topic)
    await tx.publish('from afar')
    const operation = await client.nextOperation()
    expect(operation).toMatchObject({ message: 'from afar', author: far.id })
    expect(client.received.some(({ event }) => (event as { type?: string })?.type === 'sync-started')).toBe(true)
  })
})

describe('inspection over HTTP', () => {
  it('shows topics, logs, peers, sessions and operations', async () => {
    const topic = randomTopic()
    const posted = await http(`/api/topics/${topic}/operations`, { method: 'POST', body: { message: { n: 1 } } })
    expect(posted.status).toBe(201)
    const { id } = (await posted.json()) as { id: string }
    expect(await (await http('/api/topics')).json()).toMatchObject({ topics: [{ topic, isOpen: true, logs: 1 }] })
    const log = { topic, author: node.id, first: 0, last: 0, lastId: id }
    expect(await (await http('/api/logs')).json()).toMatchObject({ logs: [log], isCut: false })
    expect(await (await http(`/api/logs?topic=${topic}&limit=1`)).json()).toMatchObject({ logs: [log] })
    expect(await (await http(`/api/logs?topic=${topic}&after=${node.id}`)).json()).toEqual({ logs: [], isCut: false })
    expect(await (await http('/api/peers')).json()).toEqual({ peers: [], isCut: false })
    expect(await (await http('/api/sessions')).json()).toEqual({ sessions: [], isCut: false })
    expect(await (await http(`/api/operations/${id}`)).json()).toMatchObject({
      id,
      topic,
      author: node.id,
      seqNum: 0,
      timestamp: expect.stringMatching(/^\d+$/),
      message: { n: 1 },
      body: Buffer.from(encodeCbor({ n: 1 })).toString('base64url'),
    })
  })

  it('publishes once for one client and ref', async () => {
    const topic = randomTopic()
    const body = { client: 'cron', ref: '2024-01-01', message: 'tick' }
    const path = `/api/topics/${topic}/operations`
    const first = await http(path, { method: 'POST', body })
    const second = await http(path, { method: 'POST', body })
    expect([first.status, second.status]).toEqual([201, 200])
    expect(await first.json()).toEqual(await second.json())
    const other = await http(path, { method: 'POST', body: { ...body, message: 'tock' } })
    expect([other.status, await other.json()]).toMatchObject([409, { code: 'ref-conflict' }])
  })

  it('answers what is wrong with a code', async () => {
    const topic = randomTopic()
    const answers: [string, { method?: string; body?: unknown }, number, string][] = [
      ['/api/nothing', {}, 404, 'not-found'],
      [`/api/operations/${'0'.repeat(64)}`, {}, 404, 'operation-unknown'],
      ['/api/operations/xyz', {}, 400, 'invalid-hex-encoding'],
      ['/api/logs?topic=xyz', {}, 400, 'invalid-topic'],
      ['/api/logs?limit=0', {}, 400, 'invalid-message'],
      ['/api/topics/xyz/operations', { method: 'POST', body: { message: 1 } }, 400, 'invalid-topic'],
      [`/api/topics/${topic}/operations`, { method: 'POST', body: {} }, 400, 'invalid-message'],
      [
        `/api/topics/${topic}/operations`,
        { method: 'POST', body: { message: 1, bytes: 'AA' } },
        400,
        'invalid-message',
      ],
      [`/api/topics/${topic}/operations`, { method: 'POST', body: { message: 1, ref: 'r' } }, 400, 'invalid-message'],
      [`/api/topics/${topic}/operations`, { method: 'POST' }, 400, 'invalid-message'],
    ]
    for (const [path, init, status, code] of answers) {
      const response = await http(path, init)
      expect([path, response.status, await response.json()]).toMatchObject([path, status, { code }])
    }
    const broken = await fetch(`${broker.url}/api/topics/${topic}/operations`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${broker.token}`, 'Content-Type': 'application/json' },
      body: '{"message":',
    })
    expect([broken.status, await broken.json()]).toMatchObject([400, { code: 'invalid-message' }])
  })

  it('gives metrics of the node and its own, and health', async () => {
    await broker.close()
    const health = { ok: true, id: 'secret' }
    broker = await startBroker({ node, port: 0, metrics: async () => 'node_up 1\n', health: () => health })
    const client = await open()
    client.send({ type: 'publish', ref: 'x', topic: randomTopic(), message: 1 })
    await client.next('published')
    const text = await (await http('/metrics')).text()
    expect(text).toContain('node_up 1\n')
    expect(text).toContain('thicket_broker_published_total{again="false"} 1')
    expect(text).toContain('thicket_broker_connections 1')
    expect(await (await http('/health')).json()).toEqual(health)
    expect(await (await http('/health', { token: null })).json()).toEqual({ ok: true })
    health.ok = false
    expect((await http('/health', { token: null })).status).toBe(503)
  })
})

describe('the end of the broker', () => {
  it('says goodbye, and takes up its topics when it comes back', async () => {
    const topic = randomTopic()
    const client = await open()
    client.send({ type: 'subscribe', topic, consumer: 'c' })
    await client.settled()
    await broker.close()
    expect(await client.whenClosed()).toEqual({ code: 1001, reason: 'broker-closing' })
    expect(node.inspect().topics()).toMatchObject([{ topic, isOpen: false }])
    broker = await startBroker({ node, port: 0 })
    expect(node.inspect().topics()).toMatchObject([{ topic, isOpen: true }])
  })

  it('ends in order when the node is closed first', async () => {
    const client = await open()
    client.send({ type: 'subscribe', topic: randomTopic(), consumer: 'c' })
    await client.settled()
    await node.close()
    expect(await client.next('error')).toMatchObject({ code: 'node-closed', consumer: 'c', retry: true })
    client.send({ type: 'publish', ref: 'late', topic: randomTopic(), message: 1 })
    expect(await client.next('error')).toMatchObject({ ref: 'late', code: 'node-closed', retry: true })
  })
})

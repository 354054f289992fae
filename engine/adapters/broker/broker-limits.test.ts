/**
 * Goal: who has no business here gets nothing, and whoever asks for too much costs no more than the limits say.
 * Method: a real node and broker on loopback; clients that break one rule each, beside one that keeps them.
 */

import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Node } from '../../node/index.js'
import { type Broker, type BrokerOptions, startBroker } from './index.js'
import { newNode, randomTopic } from './nodes.contract.js'
import { RawClient, type RawOptions } from './raw-client.contract.js'

let node: Node
let broker: Broker
const clients: RawClient[] = []
const topic = randomTopic()
const allowed = randomTopic()
const scoped = 'a'.repeat(40)

async function restart(options: Partial<BrokerOptions>): Promise<void> {
  await broker?.close()
  broker = await startBroker({ node, port: 0, ...options })
}

beforeEach(async () => {
  node = await newNode()
  broker = await startBroker({ node, port: 0 })
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.terminate()
  await broker.close()
  await node.close()
})

function raw(options: RawOptions = {}): RawClient {
  const client = new RawClient(broker, options)
  clients.push(client)
  return client
}

/** `fetch` does not let one choose the names of a request. */
function ask(
  path: string,
  headers: Record<string, string>,
  method = 'GET',
): Promise<{ status: number; body: string; headers: NodeJS.Dict<string | string[]> }> {
  return new Promise((resolve, reject) => {
    const asked = request(`${broker.url}${path}`, { headers, method }, response => {
      let body = ''
      response.on('data', chunk => {
        body += String(chunk)
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body, headers: response.headers }))
    })
    asked.on('error', reject)
    asked.end()
  })
}

const bearer = (token = broker.token) => ({ Authorization: `Bearer ${token}` })

async function refused(code: string): Promise<number> {
  const { body } = await ask('/metrics', bearer())
  return Number(new RegExp(`refused_total\\{code="${code}"\\} (\\d+)`).exec(body)?.[1] ?? 0)
}

describe('without a token', () => {
  it('answers every route alike but for health and the page', async () => {
    const routes = ['/api/topics', '/api/logs', '/api/peers', '/api/sessions', `/api/operations/${topic}`, '/metrics']
    const answers = await Promise.all([...routes, '/', '/nothing', '/api/nothing'].map(path => ask(path, {})))
    for (const { status, body, headers } of answers) {
      expect([status, JSON.parse(body)]).toMatchObject([401, { code: 'unauthorized' }])
      expect(headers['www-authenticate']).toBe('Bearer')
    }
    expect((await ask('/api/topics', bearer('b'.repeat(64)))).status).toBe(401)
    expect((await ask('/api/topics', { Authorization: `Basic ${broker.token}` })).status).toBe(401)
    expect((await ask(`/api/topics?token=${broker.token}`, {})).status).toBe(401)
    expect((await ask('/chat', {})).status).toBe(200)
    expect((await ask('/health', {})).status).toBe(200)
    expect(await refused('unauthorized')).toBeGreaterThanOrEqual(answers.length)
  })

  it.each([
    ['a wrong token', { type: 'hello', token: 'f'.repeat(64), client: 'x' }],
    ['another message first', { type: 'subscribe', topic, consumer: 'c' }],
    ['a hello without a token', { type: 'hello', client: 'x' }],
    ['a hello that is far too long', { type: 'hello', token: 'f'.repeat(10_000), client: 'x' }],
  ])('closes a WebSocket that begins with %s', async (_, message) => {
    const client = raw()
    await client.opened()
    client.send(message)
    client.send({ type: 'publish', ref: 'r', topic, message: 'x' })
    expect((await client.whenClosed()).code).toBe(1008)
    expect(client.received.map(({ type }) => type)).toEqual(['error'])
    expect(node.inspect().topics()).toEqual([])
  })

  it('closes one that says nothing', async () => {
    await restart({ limits: { helloMs: 50 } })
    expect(await raw().whenClosed()).toEqual({ code: 1008, reason: 'hello-timeout' })
  })

  it('lets few strangers wait, and lets in who is known', async () => {
    await restart({ limits: { strangers: 2, connections: 3 } })
    const known = await raw().hello(broker.token)
    const strangers = [raw(), raw()]
    for (const stranger of strangers) expect(await stranger.opened()).toBe(true)
    expect(await raw().opened()).toBe(false)
    await strangers[0]!.close()
    await expect.poll(() => raw().opened(), { timeout: 20_000 }).toBe(true)
    await known.settled()
    expect(await refused('too-many-connections')).toBeGreaterThanOrEqual(1)
  })
})

describe('scopes', () => {
  beforeEach(() =>
    restart({ scopes: [{ token: scoped, publish: [allowed], subscribe: [allowed], inspect: [allowed] }] }),
  )

  it('allow what they name', async () => {
    const client = await raw().hello(scoped)
    client.send({ type: 'publish', ref: 'r', topic: allowed, message: 1 })
    const { id } = await client.next('published')
    client.send({ type: 'subscribe', topic: allowed, consumer: 'c' })
    expect((await client.nextOperation()).id).toBe(id)
    expect((await ask(`/api/operations/${id}`, bearer(scoped))).status).toBe(200)
  })

  it('refuse everything else, and show nothing of it', async () => {
    const owner = await raw().hello(broker.token)
    owner.send({ type: 'publish', ref: 'r', topic, message: 1 })
    const { id } = await owner.next('published')
    const client = await raw().hello(scoped)
    client.send({ type: 'publish', ref: 'r2', topic, message: 1 })
    expect(await client.next('error')).toMatchObject({ ref: 'r2', code: 'forbidden' })
    client.send({ type: 'subscribe', topic, consumer: 'c' })
    expect(await client.next('error')).toMatchObject({ consumer: 'c', code: 'forbidden' })
    expect((await ask(`/api/operations/${id}`, bearer(scoped))).status).toBe(404)
    expect((await ask(`/api/topics/${topic}/operations`, bearer(scoped), 'POST')).status).toBe(403)
    for (const path of ['/api/peers', '/metrics']) expect((await ask(path, bearer(scoped))).status).toBe(403)
    for (const path of ['/api/topics', '/api/logs', `/api/logs?topic=${topic}`]) {
      expect((await ask(path, bearer(scoped))).body).not.toContain(topic)
    }
  })
})

describe('pages of elsewhere', () => {
  it('are refused by origin and by name', async () => {
    const foreign = { origin: 'https://evil.example' }
    expect(await raw(foreign).opened()).toBe(false)
    expect(await raw({ origin: 'null' }).opened()).toBe(false)
    expect(await raw({ host: 'evil.example' }).opened()).toBe(false)
    expect(await raw({ path: '/elsewhere' }).opened()).toBe(false)
    expect((await ask('/health', { Origin: foreign.origin })).status).toBe(403)
    expect((await ask('/api/topics', { Origin: foreign.origin, ...bearer() })).status).toBe(403)
    expect((await ask('/health', { Host: `evil.example:${broker.port}` })).status).toBe(421)
    expect((await ask('/health', { Host: 'localhost.evil.example' })).status).toBe(421)
  })

  it('are let in when they are ours or allowed', async () => {
    await restart({ allowedOrigins: ['https://app.example'], allowedHosts: ['node.example'] })
    const own = `http://127.0.0.1:${broker.port}`
    for (const origin of [own, 'https://app.example']) expect(await raw({ origin }).opened()).toBe(true)
    expect((await ask('/health', { Host: 'localhost' })).status).toBe(200)
    expect((await ask('/health', { Host: '[::1]:80' })).status).toBe(200)
    expect((await ask('/health', { Host: 'NODE.example:80' })).status).toBe(200)
    const preflight = await ask('/api/topics', { Origin: 'https://app.example' }, 'OPTIONS')
    expect(preflight.status).toBe(204)
    expect(preflight.headers['access-control-allow-origin']).toBe('https://app.example')
    expect((await ask('/health', { Origin: own })).headers).not.toHaveProperty('access-control-allow-origin')
  })
})

describe('garbage', () => {
  it.each([
    ['text that is no JSON', '{"type":', 1007],
    ['bytes', Buffer.from([1, 2, 3]), 1007],
    ['a message beyond the limit', 'x'.repeat(300_000), 1009],
  ])('ends the connection after %s, and no other', async (_, message, code) => {
    await restart({ limits: { messageBytes: 200_000 } })
    const good = await raw().hello(broker.token)
    const bad = await raw().hello(broker.token)
    bad.socket.send(message)
    expect((await bad.whenClosed()).code).toBe(code)
    await good.settled()
  })

  it('is answered with a code where it can be read', async () => {
    const client = await raw().hello(broker.token)
    for (const message of [
      null,
      [],
      7,
      {},
      { type: 'unknown' },
      { type: 'publish', ref: 'r', topic: 'short', message: 1 },
      { type: 'publish', ref: 'r', topic },
      { type: 'publish', ref: 'r', topic, message: 1, bytes: 'AA' },
      { type: 'publish', ref: '', topic, message: 1 },
      { type: 'publish', ref: 'r'.repeat(200), topic, message: 1 },
      { type: 'publish', ref: 'r', topic, message: 1, dependsOn: Array.from({ length: 65 }, () => topic) },
      { type: 'subscribe', topic, consumer: '' },
      { type: 'subscribe', topic, consumer: 'c', window: 0 },
      { type: 'subscribe', topic, consumer: 'c', from: 'somewhere' },
      { type: 'ack', topic, consumer: 'c', id: 'x' },
      { type: 'hello', token: broker.token, client: 'twice' },
    ]) {
      client.send(message)
      expect([message, await client.next('error')]).toMatchObject([message, { code: 'invalid-message' }])
    }
    client.send({ type: 'publish', ref: 'deep', topic, message: JSON.parse('['.repeat(1_000) + ']'.repeat(1_000)) })
    expect(await client.next('error')).toMatchObject({ ref: 'deep', code: 'message-encoding' })
    client.send({ type: 'publish', ref: 'half', topic, message: '\ud800' })
    expect(await client.next('error')).toMatchObject({ ref: 'half', code: 'message-encoding' })
    expect(node.metrics().operations).toBe(0)
  })

  it('refuses an HTTP body beyond the limit', async () => {
    await restart({ limits: { messageBytes: 1_000 } })
    const send = (length: number) =>
      fetch(`${broker.url}/api/topics/${topic}/operations`, {
        method: 'POST',
        headers: { ...bearer(), 'Content-Type': 'application/json' },
        body: JSON.stringify({ message: 'x'.repeat(length) }),
      })
    expect((await send(1_000 - '{"message":""}'.length)).status).toBe(201)
    const tooLong = await send(1_001 - '{"message":""}'.length)
    expect([tooLong.status, await tooLong.json()]).toMatchObject([413, { code: 'message-too-large' }])
  })
})

describe('too much', () => {
  it('bounds subscriptions and topics', async () => {
    await restart({ limits: { subscriptions: 2, topics: 2 } })
    const client = await raw().hello(broker.token)
    for (const consumer of ['a', 'b', 'c']) client.send({ type: 'subscribe', topic, consumer })
    expect(await client.next('error')).toMatchObject({ consumer: 'c', code: 'too-many-subscriptions' })
    client.send({ type: 'subscribe', topic, consumer: 'b' })
    client.send({ type: 'publish', ref: '1', topic: allowed, message: 1 })
    await client.next('published')
    client.send({ type: 'publish', ref: '2', topic: randomTopic(), message: 1 })
    expect(await client.next('error')).toMatchObject({ ref: '2', code: 'too-many-topics' })
  })

  it('takes a flood of requests in order, others in between', async () => {
    await restart({ limits: { requests: 4 } })
    const [loud, quiet] = [await raw().hello(broker.token, 'loud'), await raw().hello(broker.token, 'quiet')]
    for (let ref = 0; ref < 500; ref++) loud.send({ type: 'publish', ref: String(ref), topic, message: ref })
    quiet.send({ type: 'publish', ref: 'quiet', topic: allowed, message: 1 })
    await quiet.next('published')
    expect(loud.received.length).toBeLessThan(500)
    for (let ref = 0; ref < 500; ref++) expect((await loud.next('published')).ref).toBe(String(ref))
  })

  it('holds little for a reader that does not read, and lets it go', async () => {
    await restart({ limits: { bufferedBytes: 64 * 1024, pingMs: 250 } })
    const [tx] = await node.stream<string>(topic)
    const text = 'x'.repeat(64 * 1024)
    for (let count = 0; count < 200; count++) await tx.publish(text)
    const slow = await raw().hello(broker.token)
    slow.socket.pause()
    slow.send({ type: 'subscribe', topic, consumer: 'slow', window: 1_000 })
    const eager = await raw().hello(broker.token)
    eager.send({ type: 'subscribe', topic, consumer: 'eager', window: 1_000 })
    for (let count = 0; count < 200; count++) await eager.nextOperation()
    // The kernel takes some megabytes for both ends of the socket; the rest has to stay in the store.
    await expect.poll(() => refused('silent'), { timeout: 20_000 }).toBe(1)
    const { body } = await ask('/metrics', bearer())
    const sent = Number(/broker_events_total (\d+)/.exec(body)?.[1])
    expect(sent).toBeLessThan(400)
    await eager.settled()
  })
})

describe('how it listens', () => {
  it('refuses to go beyond loopback by accident', async () => {
    await expect(startBroker({ node, port: 0, host: '0.0.0.0' })).rejects.toMatchObject({ code: 'host-not-loopback' })
    await expect(startBroker({ node, port: broker.port })).rejects.toMatchObject({ code: 'port-unavailable' })
    await expect(startBroker({ node, port: 0, token: 'short' })).rejects.toMatchObject({ code: 'token-weak' })
    await expect(startBroker({ node, port: 0, allowedOrigins: ['nonsense'] })).rejects.toMatchObject({
      code: 'invalid-setting',
    })
  })

  it('keeps its token in a file for its owner alone', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'thicket-token-'))
    try {
      const tokenFile = join(folder, 'token')
      await restart({ tokenFile })
      expect(broker.token).toMatch(/^[0-9a-f]{64}$/)
      expect(readFileSync(tokenFile, 'utf8')).toBe(`${broker.token}\n`)
      expect(statSync(tokenFile).mode & 0o777).toBe(0o600)
      const before = broker.token
      await restart({ tokenFile })
      expect(broker.token).toBe(before)
      writeFileSync(tokenFile, 'short\n')
      await expect(startBroker({ node, port: 0, tokenFile })).rejects.toMatchObject({ code: 'token-weak' })
      await expect(startBroker({ node, port: 0, tokenFile: join(folder, 'no', 'where') })).rejects.toMatchObject({
        code: 'token-file-unreachable',
      })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

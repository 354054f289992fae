/**
 * Goal: a broker that dies at the worst moment publishes nothing twice and forgets no consumer.
 * Method: node and broker in a process of their own, on a file; it is ended by SIGKILL between the commit and the answer
 * and at moments of chance. What is in the database afterwards is what the clients were promised.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { decodeCbor, type Topic } from '../../core/index.js'
import { compileEngine } from '../true-disk-lives.contract.js'
import { CHILD_PROGRAM, type ChildLife } from './broker-child.contract.js'
import { type BrokerClient, connectBroker } from './client/index.js'
import { newNode, randomTopic } from './nodes.contract.js'
import { RawClient } from './raw-client.contract.js'

const token = 'c'.repeat(64)
/** The engine compiled once, so that each life starts at once. */
const compiled = mkdtempSync(join(tmpdir(), 'thicket-broker-engine-'))
/** Compiling takes some seconds and a life one; on a machine that is busy, ten times as long. */
const PATIENCE_MS = 180_000
let folder = ''
let child: ChildProcess | null = null
const clients: BrokerClient[] = []

beforeAll(() => {
  compileEngine(join(compiled, 'engine'))
  writeFileSync(join(compiled, 'package.json'), '{ "type": "module" }')
  symlinkSync(fileURLToPath(new URL('../../../node_modules', import.meta.url)), join(compiled, 'node_modules'))
}, PATIENCE_MS)

afterAll(() => rmSync(compiled, { recursive: true, force: true }))

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'thicket-broker-'))
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await kill()
  rmSync(folder, { recursive: true, force: true })
})

async function begin(port: number, diesAtStored: number | null): Promise<{ url: string; port: number }> {
  const life: ChildLife = { database: join(folder, 'node.db'), port, token, diesAtStored }
  const started = spawn(process.execPath, [join(compiled, 'engine', CHILD_PROGRAM), 'live', JSON.stringify(life)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  child = started
  const lines = createInterface({ input: started.stdout! })
  const [line] = (await Promise.race([
    once(lines, 'line'),
    once(started, 'exit').then(([code]) => {
      throw new Error(`the broker ended with ${code} before it listened`)
    }),
  ])) as [string]
  const listening = JSON.parse(line) as { port: number }
  return { url: `http://127.0.0.1:${listening.port}`, port: listening.port }
}

async function kill(): Promise<void> {
  const ending = child
  child = null
  if (!ending || ending.exitCode !== null || ending.signalCode !== null) return
  ending.kill('SIGKILL')
  await once(ending, 'exit')
}

/** What is durable, read by a node of our own once the other one is gone. */
async function bodiesOf(topic: Topic): Promise<{ id: string; message: unknown }[]> {
  const node = await newNode({ database: join(folder, 'node.db') })
  const bodies = []
  for await (const { id, body } of node.exportTopic(topic)) bodies.push({ id, message: decodeCbor(body!) })
  await node.close()
  return bodies
}

it(
  'answers a reference whose operation was committed by a broker that died before the answer',
  async () => {
    const topic = randomTopic()
    const { url, port } = await begin(0, 2)
    const request = { type: 'publish', ref: 'r', topic, message: 'once' }
    const first = await new RawClient({ url }).hello(token, 'pen')
    first.send({ ...request, ref: 'before', message: 'before' })
    await first.next('published')
    first.send(request)
    await first.whenClosed()
    expect(first.received.filter(({ ref }) => ref === 'r')).toEqual([])

    const again = await begin(port, null)
    const second = await new RawClient(again).hello(token, 'pen')
    second.send(request)
    const { id } = await second.next('published')
    second.send(request)
    expect((await second.next('published')).id).toBe(id)
    await kill()
    const bodies = await bodiesOf(topic)
    expect(bodies.map(({ message }) => message)).toEqual(['before', 'once'])
    expect(bodies[1]!.id).toBe(id)
  },
  PATIENCE_MS,
)

it(
  'loses and doubles nothing while it is killed again and again under a client that writes and reads',
  async () => {
    const topic = randomTopic()
    let { url, port } = await begin(0, 7)
    const client = connectBroker({
      url,
      token,
      WebSocket,
      retry: { minMs: 20, maxMs: 100 },
    })
    clients.push(client)
    const numbers = Array.from({ length: 40 }, (_, number) => number)
    const published = numbers.map(number => client.publish(topic, number))
    const read: unknown[] = []
    const reading = (async () => {
      for await (const event of client.subscribe<number>(topic, { consumer: 'reader', window: 8 })) {
        if (event.type !== 'processed') continue
        read.push(event.operation.message)
        event.operation.ack()
        if (read.length === numbers.length) return
      }
    })()
    for (const diesAtStored of [11, 3, null]) {
      await once(child!, 'exit')
      ;({ url, port } = await begin(port, diesAtStored))
    }
    const ids = await Promise.all(published)
    await reading
    expect(new Set(ids).size).toBe(numbers.length)
    expect(read).toEqual(numbers)
    client.close()
    await kill()
    expect((await bodiesOf(topic)).map(({ message }) => message)).toEqual(numbers)
  },
  PATIENCE_MS,
)

it(
  'goes on with a consumer where it stood, after the node was killed',
  async () => {
    const topic = randomTopic()
    const { url, port } = await begin(0, null)
    const client = await new RawClient({ url }).hello(token)
    for (const message of ['a', 'b', 'c']) client.send({ type: 'publish', ref: message, topic, message })
    client.send({ type: 'subscribe', topic, consumer: 'reader' })
    const ids = []
    for (let count = 0; count < 3; count++) ids.push((await client.nextOperation()).id)
    client.send({ type: 'ack', topic, consumer: 'reader', id: ids[0] })
    client.send({ type: 'ack', topic, consumer: 'reader', id: ids[2] })
    // A publication that is answered has carried the acknowledgements before it into its transaction.
    client.send({ type: 'publish', ref: 'd', topic, message: 'd' })
    await client.next('published', ({ ref }) => ref === 'd')
    await kill()
    const again = await new RawClient(await begin(port, null)).hello(token)
    again.send({ type: 'subscribe', topic, consumer: 'reader' })
    const texts = [(await again.nextOperation()).message, (await again.nextOperation()).message]
    expect(texts).toEqual(['b', 'd'])
  },
  PATIENCE_MS,
)

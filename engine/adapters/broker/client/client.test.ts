/**
 * Goal: an app that uses the client need not know whether the broker is there: nothing is lost, nothing comes twice.
 * Method: a real node, a real broker that goes away and comes back on the same port; a socket that loses one answer.
 */

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import type { Topic } from '../../../core/index.js'
import type { Node } from '../../../node/index.js'
import { type Broker, startBroker } from '../index.js'
import { newNode, randomTopic } from '../nodes.contract.js'
import { BrokerClient, type ClientOptions, type ClientSubscription, type SocketLike } from './index.js'
import { ANSWER_MS, OUTBOX_ENTRIES, SILENCE_MS } from './limits.js'

/** Long enough for a machine that is busy. */
const SOON = { timeout: 20_000 }
let node: Node
let broker: Broker
const clients: BrokerClient[] = []

beforeEach(async () => {
  node = await newNode()
  broker = await startBroker({ node, port: 0 })
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await broker.close()
  await node.close()
})

function connect(options: Partial<ClientOptions> = {}): BrokerClient {
  const client = new BrokerClient({
    url: broker.url,
    token: broker.token,
    WebSocket,
    retry: { minMs: 10, maxMs: 50 },
    ...options,
  })
  clients.push(client)
  return client
}

async function away(during: () => Promise<void> | void): Promise<void> {
  const { port, token } = broker
  await broker.close()
  await during()
  broker = await startBroker({ node, port, token })
}

async function read<Message>(
  subscription: ClientSubscription<Message>,
  count: number,
  acks = true,
): Promise<Message[]> {
  const messages: Message[] = []
  for await (const event of subscription) {
    if (event.type !== 'processed') continue
    messages.push(event.operation.message)
    if (acks) event.operation.ack()
    if (messages.length === count) break
  }
  return messages
}

async function stored(topic: Topic): Promise<number> {
  let count = 0
  for await (const _ of node.exportTopic(topic)) count += 1
  return count
}

/** As a page's: texts by key, kept over a reload. */
function memory(): Map<string, string> & NonNullable<ClientOptions['storage']> {
  const kept = new Map<string, string>()
  return Object.assign(kept, {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  })
}

describe('publishing', () => {
  it('waits for a broker that is away, and keeps the order', async () => {
    const topic = randomTopic()
    const client = connect()
    const first = client.publish(topic, 0)
    const published: Promise<string>[] = [first]
    await first
    await away(() => {
      for (let number = 1; number < 100; number++) published.push(client.publish(topic, number))
      expect(client.pending).toHaveLength(99)
    })
    await Promise.all(published)
    expect(client.pending).toEqual([])
    const numbers = Array.from({ length: 100 }, (_, number) => number)
    expect(await read(client.subscribe<number>(topic, { consumer: 'c' }), 100)).toEqual(numbers)
  })

  it('sends again what was not answered, under the same reference', async () => {
    const topic = randomTopic()
    let lost = 0
    class Lossy implements SocketLike {
      onopen: SocketLike['onopen'] = null
      onmessage: SocketLike['onmessage'] = null
      onclose: SocketLike['onclose'] = null
      onerror: SocketLike['onerror'] = null
      readonly #socket: WebSocket

      constructor(url: string) {
        const socket = new WebSocket(url)
        this.#socket = socket
        socket.onopen = event => this.onopen?.(event as never)
        socket.onclose = event => this.onclose?.(event as never)
        socket.onerror = event => this.onerror?.(event as never)
        socket.onmessage = event => {
          if (lost === 0 && String(event.data).includes('"published"')) {
            lost += 1
            socket.terminate()
          } else this.onmessage?.(event as never)
        }
      }

      send(text: string): void {
        this.#socket.send(text)
      }

      close(code?: number, reason?: string): void {
        this.#socket.close(code, reason)
      }
    }
    const client = connect({ WebSocket: Lossy })
    await client.publish(topic, 'once')
    expect(lost).toBe(1)
    expect(await stored(topic)).toBe(1)
  })

  it('survives a reload with a storage, and knows its name again', async () => {
    const topic = randomTopic()
    const storage = memory()
    const page = connect({ storage })
    await page.publish(topic, 'before')
    await away(async () => {
      const closed = page.publish(topic, 'kept')
      page.close()
      await expect(closed).rejects.toMatchObject({ code: 'client-closed' })
      await expect(page.publish(topic, 'late')).rejects.toMatchObject({ code: 'client-closed' })
    })
    const reloaded = connect({ storage })
    expect(reloaded.name).toBe(page.name)
    expect(reloaded.pending).toHaveLength(1)
    await expect.poll(() => reloaded.pending, SOON).toEqual([])
    expect(await stored(topic)).toBe(2)
    expect([...storage.keys()]).toEqual(['thicket:client'])
  })

  it('starts empty on a storage that holds something else', async () => {
    const storage = memory()
    storage.set('thicket:outbox:me', '{"no":"list"}')
    const client = connect({ storage, client: 'me' })
    expect(client.pending).toEqual([])
    await client.publish(randomTopic(), 1)
  })

  it('rejects what the broker refuses for good, and goes on', async () => {
    const client = connect()
    await expect(client.publish('short', 1)).rejects.toMatchObject({ code: 'invalid-message' })
    // Longer than the broker's limit in bytes, though not in characters: sent, it would end every connection anew.
    await expect(client.publish(randomTopic(), '\u20ac'.repeat(900_000))).rejects.toMatchObject({
      code: 'message-too-large',
    })
    await expect(client.publishBytes(randomTopic(), '')).rejects.toMatchObject({ code: 'message-empty' })
    await client.publish(randomTopic(), 1)
  })

  it('queues so much and no more', async () => {
    const client = connect({ url: 'http://127.0.0.1:9' })
    const published = Array.from({ length: OUTBOX_ENTRIES }, () => client.publish(randomTopic(), 1))
    await expect(client.publish(randomTopic(), 1)).rejects.toMatchObject({ code: 'outbox-full' })
    client.close()
    for (const outcome of await Promise.allSettled(published)) expect(outcome.status).toBe('rejected')
  })
})

describe('subscribing', () => {
  it('goes on with its consumer after an interruption, and hands nothing out twice', async () => {
    const topic = randomTopic()
    const client = connect()
    const subscription = client.subscribe<number>(topic, { consumer: 'c', from: 'start', window: 4 })
    for (let number = 0; number < 6; number++) await client.publish(topic, number)
    expect(await read(subscription, 2)).toEqual([0, 1])
    const held = subscription[Symbol.asyncIterator]()
    const third = await nextProcessed(held)
    await away(() => third.operation.ack())
    await expect.poll(() => client.state, SOON).toBe('online')
    for (let number = 6; number < 9; number++) await client.publish(topic, number)
    expect(await read(subscription, 6)).toEqual([3, 4, 5, 6, 7, 8])
    subscription.close()
    await client.publish(topic, 'end')
    expect(await read(client.subscribe(topic, { consumer: 'c' }), 1)).toEqual(['end'])
  })

  it('sees again what it has not acknowledged, with the next subscription', async () => {
    const topic = randomTopic()
    const client = connect()
    await client.publish(topic, 'a')
    expect(await read(client.subscribe<string>(topic, { consumer: 'c' }), 1, false)).toEqual(['a'])
    expect(await read(client.subscribe<string>(topic, { consumer: 'c' }), 1)).toEqual(['a'])
    expect(await read(client.subscribe<string>(topic, { consumer: 'other' }), 1)).toEqual(['a'])
  })

  it('ends with an error when somebody else takes the consumer over', async () => {
    const topic = randomTopic()
    const subscription = connect().subscribe(topic, { consumer: 'c' })
    const reading = read(subscription, 1)
    await expect.poll(() => node.inspect().topics().length, SOON).toBe(1)
    const other = connect()
    const taken = other.subscribe(topic, { consumer: 'c' })
    await expect(reading).rejects.toMatchObject({ code: 'consumer-taken' })
    await other.publish(topic, 'for the newest')
    expect(await read(taken, 1)).toEqual(['for the newest'])
  })

  it('ends for good with a token that is refused', async () => {
    const client = connect({ token: 'f'.repeat(64) })
    await expect(read(client.subscribe(randomTopic(), { consumer: 'c' }), 1)).rejects.toMatchObject({
      code: 'unauthorized',
    })
    expect(client.state).toBe('refused')
    await expect(client.publish(randomTopic(), 1)).rejects.toMatchObject({ code: 'client-refused' })
    const storage = memory()
    const writer = connect({ token: 'f'.repeat(64), storage })
    await expect(writer.publish(randomTopic(), 1)).rejects.toMatchObject({ code: 'unauthorized' })
    expect(connect({ storage }).pending).toHaveLength(1)
    await expect(read(client.subscribe(randomTopic(), { consumer: 'c' }), 1)).rejects.toMatchObject({
      code: 'client-refused',
    })
  })
})

describe('a broker that has gone silent', () => {
  it('is noticed, and called again', async () => {
    let opened = 0
    const silent = new WebSocketServer({ host: '127.0.0.1', port: 0 })
    silent.on('connection', socket => {
      opened += 1
      socket.once('message', () =>
        socket.send(JSON.stringify({ type: 'welcome', client: 'c', nodeId: 'n', messageBytes: 1 })),
      )
    })
    await new Promise(resolve => silent.once('listening', resolve))
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const { port } = silent.address() as { port: number }
      const client = connect({ url: `ws://127.0.0.1:${port}` })
      const until = (condition: () => boolean) => waitFor(condition)
      await until(() => client.state === 'online')
      vi.advanceTimersByTime(SILENCE_MS + ANSWER_MS)
      expect(client.state).toBe('offline')
      vi.advanceTimersByTime(1_000)
      await until(() => opened === 2)
      client.close()
    } finally {
      vi.useRealTimers()
      for (const socket of silent.clients) socket.terminate()
      await new Promise(resolve => silent.close(resolve))
    }
  })
})

/** By turns of the event loop: the timers are held. */
async function waitFor(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns > 1_000_000) throw new Error('it never came')
    await new Promise(resolve => setImmediate(resolve))
  }
}

type Processed<Message> = Extract<
  Awaited<ReturnType<ReturnType<ClientSubscription<Message>[typeof Symbol.asyncIterator]>['next']>>['value'],
  { readonly type: 'processed' }
>

async function nextProcessed<Message>(
  events: ReturnType<ClientSubscription<Message>[typeof Symbol.asyncIterator]>,
): Promise<Processed<Message>> {
  for (;;) {
    const { value } = await events.next()
    if (value?.type === 'processed') return value as Processed<Message>
  }
}

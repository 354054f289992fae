/**
 * Goal: a node of the command line chats, supports topics, remembers what it has printed, answers for its health and
 * ends in order.
 * Method: whole nodes in this process, on in-process transports and streams in memory; processes and sockets have
 * tests of their own.
 */

import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { SigningKey, Topic } from '../../core/index.js'
import type { Node } from '../../node/index.js'
import { InProcessHub } from '../in-process.js'
import { systemRandom } from '../system-random.js'
import { LINE_BYTES } from './limits.js'
import { appNode, eventually, startTested, type TestedNode, testSettings } from './running.contract.js'

const scratch = mkdtempSync(join(tmpdir(), 'thicket-node-'))
afterAll(() => rmSync(scratch, { recursive: true }))
const random = systemRandom()

const nodes: (TestedNode | Node)[] = []
afterEach(async () => {
  for (const node of nodes.splice(0)) await ('end' in node ? node.end() : node.close())
})

async function start(hub: InProcessHub, told: Parameters<typeof testSettings>[0]): Promise<TestedNode> {
  const node = await startTested(testSettings({ 'log-level': 'trace', ...told }), hub)
  nodes.push(node)
  return node
}

async function app(hub: InProcessHub): Promise<Node> {
  const node = await appNode(hub).spawn()
  nodes.push(node)
  return node
}

const messages = (node: TestedNode): readonly unknown[] =>
  node.printed.filter(({ type }) => type === 'processed').map(({ message }) => message)

describe('thicket node --stdin', () => {
  it('says that it is ready, publishes each line and prints what it and others say', async () => {
    const hub = new InProcessHub()
    const topic = Topic.random(random)
    const [a, b] = [await start(hub, { stdin: 'true', topic }), await start(hub, { stdin: 'true', topic })]
    a.input.write('Hello, \u{1f43c}!\n\n')
    a.input.end('and the end')
    await eventually(() => messages(a).length === 3 && messages(b).length === 3, 'both print all three')

    const { id } = a.running.node
    expect(a.printed[0]).toEqual({ type: 'ready', id, addresses: a.running.node.addresses() })
    const published = a.printed.filter(({ type }) => type === 'published')
    expect(published.map(({ message }) => message)).toEqual(['Hello, \u{1f43c}!', '', 'and the end'])
    for (const node of [a, b]) {
      expect(node.printed.filter(({ type }) => type === 'processed')).toEqual(
        published.map(({ id: operation, message }) => ({ type: 'processed', id: operation, author: id, message })),
      )
    }
    for (const { id: operation } of published) {
      const types = a.printed.filter(({ id: other }) => other === operation).map(({ type }) => type)
      expect(types).toEqual(['published', 'processed'])
    }
  })

  it('speaks and understands the text that other apps write, and prints null for the rest', async () => {
    const hub = new InProcessHub()
    const topic = Topic.random(random)
    const node = await start(hub, { stdin: 'true', topic })
    const panda = await app(hub)
    const [tx, rx] = await panda.stream(topic)
    const [raw] = await panda.follow<Uint8Array>(topic, { codec: 'bytes' })
    await tx.publish('text')
    await tx.publish({ no: 'text' })
    await raw.publish(new Uint8Array([0xff, 0xff]))
    node.input.write('answer\n')
    await eventually(() => messages(node).length === 4, 'all are printed')
    expect(messages(node).filter(message => message !== 'answer')).toEqual(['text', null, null])
    for await (const event of rx) {
      if (event.type !== 'processed' || event.operation.author === panda.id) continue
      expect(event.operation.message).toBe('answer')
      break
    }
  })

  it('what was printed is not printed again after a restart, what came meanwhile is', async () => {
    const hub = new InProcessHub()
    const topic = Topic.random(random)
    const told = { stdin: 'true', topic, database: join(scratch, 'resume.db') }
    const first = await start(hub, told)
    first.input.write('one\ntwo\n')
    await eventually(() => messages(first).length === 2, 'both are printed')
    const { id } = first.running.node
    await nodes.pop()
    await first.end()

    const panda = await app(hub)
    const [tx] = await panda.stream<string>(topic)
    await tx.publish('three')
    const second = await start(hub, told)
    expect(second.running.node.id).toBe(id)
    await eventually(() => messages(second).length === 1, 'the third is printed')
    expect(messages(second)).toEqual(['three'])
  })

  it('with several topics it publishes on the first and says which topic a message is of', async () => {
    const hub = new InProcessHub()
    const topics = [Topic.random(random), Topic.random(random)] as const
    const node = await start(hub, { stdin: 'true', topic: topics })
    const panda = await app(hub)
    const [tx] = await panda.stream<string>(topics[1])
    await tx.publish('second')
    node.input.write('first\n')
    await eventually(() => messages(node).length === 2, 'both are printed')
    const topicOf = (text: string) => node.printed.find(({ message, type }) => type === 'processed' && message === text)
    expect(topicOf('first')?.topic).toBe(topics[0])
    expect(topicOf('second')?.topic).toBe(topics[1])
  })

  it('a line that cannot be published is named in the log and the next one is published', async () => {
    const node = await start(new InProcessHub(), { stdin: 'true', topic: Topic.random(random) })
    node.input.write(new Uint8Array([0xff, 0x0a]))
    node.input.write(`${'x'.repeat(LINE_BYTES + 1)}\n`)
    node.input.write(`${'x'.repeat(LINE_BYTES)}\n`)
    node.input.write('after\n')
    await eventually(() => messages(node).length === 2, 'the good ones are printed')
    expect(messages(node).map(message => (message as string).length)).toEqual([LINE_BYTES, 5])
    expect(node.notes()).toContain('"code":"line-not-text"')
    expect(node.notes()).toContain('"code":"line-too-long"')
  })
})

describe('thicket node --topic', () => {
  it('keeps and serves a topic, shows nothing, and says to a person that it is ready', async () => {
    const hub = new InProcessHub()
    const topic = Topic.random(random)
    const support = await start(hub, { topic, 'log-level': 'silent' })
    expect(support.notes()).toBe(
      `node ${support.running.node.id} is ready\n  ${support.running.node.addresses().join('\n  ')}\n`,
    )
    const author = await appNode(hub).spawn()
    const [tx] = await author.stream<string>(topic)
    await tx.publish('for later')
    await eventually(() => support.running.node.metrics().operations === 1, 'it is stored')
    await author.close()

    const [, rx] = await (await app(hub)).stream<string>(topic)
    for await (const event of rx) {
      if (event.type !== 'processed') continue
      expect(event.operation.message).toBe('for later')
      break
    }
    expect(support.printed).toEqual([])
  })

  it('has to do with nobody whom its lists leave out', async () => {
    const hub = new InProcessHub()
    const topic = Topic.random(random)
    const friend = SigningKey.random(random)
    const strict = await start(hub, { topic, allow: friend.verifyingKey })
    const stranger = await app(hub)
    const [ofStranger] = await stranger.stream<string>(topic)
    await ofStranger.publish('unheard')
    const known = await appNode(hub).signingKey(friend).spawn()
    nodes.push(known)
    const [ofFriend] = await known.stream<string>(topic)
    await ofFriend.publish('heard')
    const { node } = strict.running
    await eventually(() => node.metrics().operations > 0 && node.metrics().sync.live > 0, 'the friend is heard')
    expect(
      node
        .inspect()
        .peers()
        .map(({ nodeId }) => nodeId),
    ).toEqual([friend.verifyingKey])
    expect(
      node
        .inspect()
        .sessions()
        .map(({ remote }) => remote),
    ).not.toContain(stranger.id)
  })
})

describe('a node of the command line', () => {
  it('warns about a key that others may read, and about one without a database', async () => {
    const key = join(scratch, 'exposed.key')
    const first = await start(new InProcessHub(), { key })
    expect(first.notes()).toContain('a key was created')
    expect(first.notes()).toContain('without a database the next start with this key forks the log of this one')
    expect(first.notes()).not.toContain('others on this machine')
    chmodSync(key, 0o644)
    if (process.platform === 'win32') return
    const second = await start(new InProcessHub(), { key })
    expect(second.notes()).toContain('others on this machine may read or change the key file')
    expect(second.running.node.id).toBe(first.running.node.id)
  })

  it('never opens a database that a node has open', async () => {
    const database = join(scratch, 'twice.db')
    await start(new InProcessHub(), { database })
    await expect(start(new InProcessHub(), { database })).rejects.toMatchObject({ code: 'database-in-use' })
  })

  it('says what is wrong before it starts, and leaves nothing open', async () => {
    const hub = new InProcessHub()
    const database = join(scratch, 'refused.db')
    await expect(start(hub, { database, bootstrap: 'nowhere' })).rejects.toMatchObject({ code: 'address-invalid' })
    const now = await start(hub, { database })
    expect(now.running.health()).toMatchObject({ ok: true })
    expect(existsSync(`${database}.key`)).toBe(true)
  })

  it('answers for its health and shows its figures', async () => {
    const hub = new InProcessHub()
    const topic = Topic.random(random)
    const node = await start(hub, { stdin: 'true', topic, database: join(scratch, 'health.db') })
    const { running } = node
    expect(running.health()).toEqual({
      ok: true,
      ready: true,
      id: running.node.id,
      addresses: running.node.addresses(),
      peers: 0,
      lastSyncAtMs: null,
      database: { writable: true, reason: null },
    })
    const panda = await app(hub)
    const [tx] = await panda.stream<string>(topic)
    await tx.publish('one')
    node.input.write('two\n')
    await eventually(() => messages(node).length === 2, 'both are printed')
    const health = running.health()
    expect(health.peers).toBe(1)
    expect(health.lastSyncAtMs).toBeGreaterThan(0)

    for (const _ of [1, 2]) {
      const text = await running.metrics.text()
      expect(text).toMatch(/^thicket_operations 2$/m)
      expect(text).toMatch(/^thicket_stored_total 2$/m)
      expect(text).toMatch(/^# TYPE thicket_operations gauge$/m)
      expect(text).toMatch(/^# TYPE thicket_sync_received_live_operations_total counter$/m)
      expect(text).toMatch(/^thicket_peers 1$/m)
      expect(text).toMatch(/^thicket_last_sync_timestamp_seconds \d+/m)
      expect(text).toMatch(/^process_resident_memory_bytes \d+/m)
      expect(text).toMatch(/^nodejs_eventloop_lag_seconds /m)
    }

    await running.close()
    expect(running.health()).toMatchObject({ ok: false, ready: false, database: { writable: false } })
  })

  it('ends in order: its peers see sessions that were closed, its log says why', async () => {
    const hub = new InProcessHub()
    const topic = Topic.random(random)
    const node = await start(hub, { stdin: 'true', topic })
    const panda = await app(hub)
    const [, rx] = await panda.stream<string>(topic)
    await eventually(() => panda.metrics().sync.live === 1, 'they are in touch')
    nodes.splice(nodes.indexOf(node), 1)
    node.stop('SIGTERM')
    expect(await node.running.until).toBe('SIGTERM')
    await node.running.close()
    await node.running.close()
    await eventually(() => panda.metrics().sync.active === 0, 'the session is over')
    expect(panda.metrics().sync.failed).toBe(0)
    expect(node.notes()).toContain('"reason":"SIGTERM"')
    expect(node.notes()).toContain('the node has ended')
    await rx.close()
  })

  it('serves the broker when it is asked to', async () => {
    const database = join(scratch, 'broker.db')
    const node = await start(new InProcessHub(), { database, http: '0' })
    const [, url] = /broker at (\S+), its token in /.exec(node.notes()) ?? []
    const health = (await (await fetch(`${url}/health`)).json()) as { readonly ok?: boolean }
    expect(health.ok).toBe(true)
    expect((await fetch(`${url}/metrics`)).status).toBe(401)
    expect(existsSync(`${database}.token`)).toBe(true)
  })
})

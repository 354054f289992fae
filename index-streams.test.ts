/**
 * Goal: import and export, the app's own rows, and causal order, as an app sees them through the public API.
 * Method: real nodes of one process; files are byte arrays, damaged where the name of the test says so.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import {
  builder,
  inProcessTransport,
  type Node,
  type NodeBuilder,
  type Operation,
  readExport,
  type StreamEvent,
  type StreamSubscription,
  Topic,
  writeExport,
} from './index.js'

const nodes: Node[] = []
let networks = 1_000
let network = ''

afterEach(async () => {
  for (const node of nodes.splice(0)) await node.close()
})

async function start(settings: (of: NodeBuilder) => NodeBuilder = of => of): Promise<Node> {
  const node = await settings(builder().networkId(network).transport(inProcessTransport())).spawn()
  nodes.push(node)
  return node
}

function freshNetwork(): void {
  network = (networks++).toString(16).padStart(64, '0')
}

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

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = []
  for await (const item of items) list.push(item)
  return list
}

/** A node of a network of its own that has published something, and its export as bytes. */
async function exported(topic: Topic, texts: readonly string[]) {
  freshNetwork()
  const node = await start()
  const [tx] = await node.stream<string>(topic)
  const ids = []
  for (const text of texts) ids.push((await tx.publish(text)).id)
  const file = Buffer.concat(await all(writeExport(topic, node.exportTopic(topic))))
  return { node, ids, file: new Uint8Array(file) }
}

describe('import and export', () => {
  it('[7.1] three foreign operations: session 0, resolved without anyone reading, and all events in between', async () => {
    const topic = Topic.random()
    const { node: other, ids } = await exported(topic, ['one', 'two', 'three'])
    freshNetwork()
    const node = await start()
    const [tx, rx] = await node.stream<string>(topic)
    const imported = await tx.import(other.exportTopic(topic))
    expect(imported.sessionId).toBe(0)
    expect(await imported.done).toEqual({ stored: 3, held: 0, duplicates: 0, refused: [] })
    const events = await collect(rx, seen => seen.at(-1)?.type === 'import-ended')
    expect(events).toMatchObject([
      { type: 'import-started', sessionId: 0 },
      ...ids.map(id => ({
        type: 'processed',
        operation: { id, author: other.id },
        source: { type: 'external-stream', sessionId: 0 },
      })),
      { type: 'import-ended', sessionId: 0 },
    ])
    const again = await tx.import(other.exportTopic(topic))
    expect(again.sessionId).toBe(1)
    expect(await again.done).toMatchObject({ stored: 0, duplicates: 3 })
  })

  it('a file on a stick: export here, import there, the same ids and bytes', async () => {
    const topic = Topic.random()
    const { node: other, ids, file } = await exported(topic, ['one', 'two'])
    freshNetwork()
    const node = await start()
    const [tx] = await node.stream<string>(topic)
    const pieces = Array.from({ length: Math.ceil(file.length / 7) }, (_, at) => file.slice(at * 7, at * 7 + 7))
    expect(await (await tx.import(readExport(pieces))).done).toMatchObject({ stored: 2, refused: [] })
    const [here, there] = [await all(node.exportTopic(topic)), await all(other.exportTopic(topic))]
    expect(here.map(({ id }) => id)).toEqual(ids)
    expect(here.map(({ header }) => header.bytes)).toEqual(there.map(({ header }: Operation) => header.bytes))
  })

  it('a pruned log and a causal one come over whole', async () => {
    freshNetwork()
    const topic = Topic.random()
    const [a, b] = [await start(), await start()]
    const [txA] = await a.stream<string>(topic)
    const [txB, rxB] = await b.stream<string>(topic)
    await txA.publish('gone')
    await txA.prune('snapshot')
    await collect(rxB, seen => seen.some(event => event.type === 'processed' && event.operation.message === 'snapshot'))
    await txB.publish('answer')
    freshNetwork()
    const node = await start()
    const [tx, rx] = await node.stream<string>(topic)
    expect(await (await tx.import(b.exportTopic(topic))).done).toMatchObject({ stored: 2, refused: [] })
    const events = await collect(rx, seen => seen.at(-1)?.type === 'import-ended')
    expect(events.flatMap(event => (event.type === 'processed' ? [event.operation.message] : []))).toEqual([
      'snapshot',
      'answer',
    ])
  })

  it('a damaged export: what came before the damage is kept, the rest refused with its position', async () => {
    const topic = Topic.random()
    const { file } = await exported(topic, ['one', 'two', 'three'])
    const open = async () => {
      freshNetwork()
      return (await (await start()).stream<string>(topic))[0]
    }
    const truncated = await (await (await open()).import(readExport([file.slice(0, file.length - 100)]))).done
    expect(truncated).toMatchObject({ stored: 2, refused: [{ position: 2, code: 'export-truncated' }] })
    const flipped = new Uint8Array(file)
    const inSecond = file.length - Math.round((file.length - 48) / 2) + 20
    flipped[inSecond]! ^= 1
    const damaged = await (await (await open()).import(readExport([flipped]))).done
    expect(damaged.stored + damaged.held).toBe(2)
    expect(damaged.refused).toMatchObject([{ position: 1 }])
    const foreign = await (await (await open()).import(readExport([new Uint8Array(100)]))).done
    expect(foreign).toMatchObject({ stored: 0, refused: [{ position: 0, code: 'export-foreign' }] })
  })

  it('operations of another topic and forged ones are refused one by one', async () => {
    const topic = Topic.random()
    const { node: other } = await exported(topic, ['one'])
    const [tx] = await other.stream<string>(Topic.random())
    const [operation] = await all(other.exportTopic(topic))
    const forged = new Uint8Array(operation!.header.bytes)
    forged[50]! ^= 1
    const { done } = await tx.import([
      operation!,
      { header: forged, body: operation!.body },
      { header: new Uint8Array(3), body: null },
    ])
    expect(await done).toMatchObject({
      stored: 0,
      refused: [
        { position: 0, code: 'log-id-mismatch', id: operation!.id },
        { position: 1, code: 'invalid-signature' },
        { position: 2, code: 'decoding-header' },
      ],
    })
  })
})

describe('process: the app’s rows and the acknowledgement commit together', () => {
  const createTable = 'CREATE TABLE IF NOT EXISTS app_messages (id TEXT PRIMARY KEY, text TEXT NOT NULL)'

  async function opened() {
    freshNetwork()
    const node = await start(of => of.ackPolicy('explicit'))
    const topic = Topic.random()
    const [tx, rx] = await node.stream<string>(topic)
    return { node, topic, tx, rx }
  }

  it('what the callback wrote is there, and nothing comes again', async () => {
    const { node, topic, tx, rx } = await opened()
    await tx.publish('one')
    await tx.publish('two')
    const running = rx.process((app, operation) => {
      app.exec(createTable)
      app.run('INSERT INTO app_messages VALUES (?, ?)', operation.id, operation.message)
      if (operation.message === 'two') {
        expect(app.all<{ text: string }>('SELECT text FROM app_messages ORDER BY rowid')).toEqual([
          { text: 'one' },
          { text: 'two' },
        ])
        expect(app.get<{ count: number }>('SELECT count(*) AS count FROM app_messages')).toEqual({ count: 2 })
        void rx.close()
      }
    })
    await running
    const [, again] = await node.stream<string>(topic)
    expect(await firstEvents(again)).toEqual([])
  })

  it('a callback that throws: its rows are gone, the error reaches the app, and the operation comes again', async () => {
    const { node, topic, tx, rx } = await opened()
    await tx.publish('bad')
    await expect(
      rx.process((app, operation) => {
        app.exec(createTable)
        app.run('INSERT INTO app_messages VALUES (?, ?)', operation.id, operation.message)
        throw new Error('app failed')
      }),
    ).rejects.toThrow('app failed')
    await rx.close()
    const [, again] = await node.stream<string>(topic)
    await again.process((app, operation) => {
      app.exec(createTable)
      expect(app.all('SELECT * FROM app_messages')).toEqual([])
      expect(operation.message).toBe('bad')
      void again.close()
    })
  })

  it('going on behind a failure: the failed one is owed, though later ones of its log were acknowledged', async () => {
    const { node, topic, tx, rx } = await opened()
    for (const text of ['good', 'bad', 'good too']) await tx.publish(text)
    const failed: string[] = []
    await rx.process(
      (_, operation) => {
        if (operation.message === 'good too') void rx.close()
        if (operation.message === 'bad') throw new Error('not this one')
      },
      {
        onError(_, operation) {
          failed.push(operation.message)
          return 'continue'
        },
      },
    )
    expect(failed).toEqual(['bad'])
    const [, again] = await node.stream<string>(topic)
    expect(await firstEvents(again)).toMatchObject([
      { type: 'replay-started', totalOperations: 1 },
      { operation: { message: 'bad' } },
      { type: 'replay-ended' },
    ])
  })

  it('a callback that returns a promise is refused, and one that begins or ends transactions too', async () => {
    const { tx, rx } = await opened()
    await tx.publish('one')
    await expect(rx.process((async () => {}) as () => void)).rejects.toMatchObject({ code: 'callback-not-synchronous' })
    await tx.publish('two')
    await expect(rx.process(app => app.exec('SELECT 1; COMMIT'))).rejects.toMatchObject({ code: 'transaction-control' })
  })

  it('whoever must await first acknowledges with a callback', async () => {
    const { node, topic, tx, rx } = await opened()
    await tx.publish('slow')
    for await (const event of rx) {
      if (event.type !== 'processed') continue
      await new Promise(resolve => setTimeout(resolve, 5))
      await event.operation.ack(app => app.exec(createTable))
      break
    }
    await rx.close()
    expect(await firstEvents((await node.stream<string>(topic))[1])).toEqual([])
  })
})

describe('causal order between nodes', () => {
  it('an answer never arrives before the question, whoever brings it; what is named explicitly is named', async () => {
    freshNetwork()
    const topic = Topic.random()
    const [a, b] = [await start(), await start()]
    const [txA] = await a.stream<string>(topic)
    const [txB, rxB] = await b.stream<string>(topic)
    const question = await txA.publish('question')
    await collect(rxB, seen => seen.some(event => event.type === 'processed'))
    await txB.publish('answer')
    const operations = await all(b.exportTopic(topic))
    expect(operations.at(-1)!.header.extensions).toMatchObject({ variant: 'causal', previous: [question.id] })
    freshNetwork()
    const late = await start()
    const [tx, rx] = await late.stream<string>(topic)
    await (await tx.import([...operations].reverse())).done
    const events = await collect(rx, seen => seen.at(-1)?.type === 'import-ended')
    expect(events.flatMap(event => (event.type === 'processed' ? [event.operation.message] : []))).toEqual([
      'question',
      'answer',
    ])
    await expect(tx.publish('x', { dependsOn: ['00'.repeat(32) as typeof question.id] })).rejects.toMatchObject({
      code: 'dependency-unknown',
    })
  })

  it('a replay keeps the order after a restart: never an answer before its question (issue 1278)', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'thicket-'))
    try {
      freshNetwork()
      const topic = Topic.random()
      const [a, b] = [await start(), await start()]
      const [txA, rxA] = await a.stream<string>(topic)
      const [txB, rxB] = await b.stream<string>(topic)
      // Each answers the other, so neither author's log can be replayed whole before the other's.
      for (let turn = 0; turn < 6; turn++) {
        await (turn % 2 === 0 ? txA : txB).publish(`turn ${turn}`)
        const other = turn % 2 === 0 ? rxB : rxA
        await collect(other, seen =>
          seen.some(event => event.type === 'processed' && event.operation.message === `turn ${turn}`),
        )
      }
      const operations = await all(b.exportTopic(topic))
      freshNetwork()
      const open = () => start(of => of.database(join(folder, 'node.db')).ackPolicy('explicit'))
      const first = await open()
      const [tx] = await first.stream<string>(topic)
      await (await tx.import([...operations].reverse())).done
      await first.close()
      const [, rx] = await (await open()).stream<string>(topic)
      const events = await collect(rx, seen => seen.at(-1)?.type === 'replay-ended')
      expect(events.flatMap(event => (event.type === 'processed' ? [event.operation.message] : []))).toEqual(
        Array.from({ length: 6 }, (_, turn) => `turn ${turn}`),
      )
      for (const node of nodes.splice(0)) await node.close()
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('log ordering reads by order of ingest and names nothing', async () => {
    freshNetwork()
    const topic = Topic.random()
    const [a, b] = [await start(), await start(of => of.ordering('log'))]
    const [txA] = await a.stream<string>(topic)
    const [txB, rxB] = await b.stream<string>(topic)
    await txA.publish('question')
    await collect(rxB, seen => seen.some(event => event.type === 'processed'))
    await txB.publish('answer')
    expect((await all(b.exportTopic(topic))).map(({ header }) => header.extensions.variant)).toEqual(['basic', 'basic'])
  })
})

describe('without live mode', () => {
  it('a session is over when both sides are equal, and nothing of it is an error', async () => {
    freshNetwork()
    const topic = Topic.random()
    const [a, b] = [await start(), await start()]
    const [txA] = await a.stream<string>(topic, { liveMode: false })
    await txA.publish('before')
    const [, rxB] = await b.stream<string>(topic, { liveMode: false })
    const events = await collect(rxB, seen => seen.at(-1)?.type === 'sync-ended')
    expect(events.map(({ type }) => type)).toEqual(['sync-started', 'processed', 'sync-ended'])
    expect(events.at(-1)).not.toHaveProperty('error')
    await txA.publish('after')
    expect((await firstEvents(rxB)).filter(({ type }) => type === 'processed')).toEqual([])
    expect([a.metrics().sync.live, b.metrics().sync.live]).toEqual([0, 0])
  })
})

async function firstEvents<Message>(rx: StreamSubscription<Message>): Promise<StreamEvent<Message>[]> {
  const events: StreamEvent<Message>[] = []
  const iterator = rx[Symbol.asyncIterator]()
  for (;;) {
    const pause = new Promise<null>(resolve => setTimeout(() => resolve(null), 50))
    const result = await Promise.race([iterator.next(), pause])
    if (result === null || result.done) return events
    events.push(result.value)
  }
}

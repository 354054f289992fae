/**
 * Goal: what an app commits together with its publications, topics that are followed without a reader, and
 * acknowledgements that leave something out.
 * Method: real nodes of one process on databases in memory, through the public node.
 */

import { afterEach, describe, expect, it } from 'vitest'
import { inProcessTransport, nodeDefaults, systemRandom } from '../adapters/index.js'
import { Topic } from '../core/index.js'
import { type Node, NodeBuilder } from './index.js'

const nodes: Node[] = []
let networks = 0x7100

afterEach(async () => {
  for (const node of nodes.splice(0)) await node.close()
})

async function start(network: number): Promise<Node> {
  const node = await new NodeBuilder(nodeDefaults())
    .transport(inProcessTransport())
    .networkId(network.toString(16).padStart(64, '0'))
    .spawn()
  nodes.push(node)
  return node
}

async function exported(node: Node, topic: Topic): Promise<number> {
  let count = 0
  for await (const _ of node.exportTopic(topic)) count += 1
  return count
}

describe('rows of the app', () => {
  it('commits them with the operation, or neither', async () => {
    const node = await start(networks++)
    const topic = Topic.random(systemRandom())
    const [tx] = await node.stream<string>(topic)
    node.transact(rows => rows.exec('CREATE TABLE sent (id TEXT)'))
    const { id } = await tx.publish('one', {
      alongside: (rows, forged) => rows.run('INSERT INTO sent VALUES (?)', forged),
    })
    const failing = tx.publish('two', {
      alongside(rows, forged) {
        rows.run('INSERT INTO sent VALUES (?)', forged)
        throw new Error('no')
      },
    })
    await expect(failing).rejects.toThrow('no')
    let rows: { id: string }[] = []
    node.transact(of => {
      rows = of.all('SELECT id FROM sent')
    })
    expect(rows).toEqual([{ id }])
    expect(await exported(node, topic)).toBe(1)
  })

  it('refuses a callback that waits, and one that publishes', async () => {
    const node = await start(networks++)
    const [tx] = await node.stream<string>(Topic.random(systemRandom()))
    await expect(tx.publish('x', { alongside: async () => {} })).rejects.toMatchObject({
      code: 'callback-not-synchronous',
    })
    expect(() => node.transact(() => node.transact(() => {}))).toThrow(
      expect.objectContaining({ code: 'in-transaction' }),
    )
  })
})

describe('a topic that is followed', () => {
  it('is synced without a reader, until it is let go', async () => {
    const network = networks++
    const topic = Topic.random(systemRandom())
    const [one, two] = [await start(network), await start(network)]
    const [tx, unfollow] = await one.follow<string>(topic)
    const [, rx] = await two.stream<string>(topic)
    await tx.publish('heard')
    for await (const event of rx) if (event.type === 'processed') break
    unfollow()
    unfollow()
    expect(await exported(two, topic)).toBe(1)
    await tx.publish('alone')
    expect(await exported(one, topic)).toBe(2)
    expect(one.metrics().sync.live).toBe(0)
  })
})

describe('an acknowledgement with exceptions', () => {
  it('owes what it left out, and nothing else', async () => {
    const node = await start(networks++)
    const topic = Topic.random(systemRandom())
    const open = () => node.stream<string>(topic, { consumer: 'reader', ackPolicy: 'explicit' })
    const [tx, rx] = await open()
    const ids = []
    for (const text of ['a', 'b', 'c']) ids.push((await tx.publish(text)).id)
    await rx.ack(ids[2]!, { owed: [ids[0]!, ids[1]!] })
    await rx.ack(ids[0]!)
    await rx.close()
    const [, again] = await open()
    const texts: string[] = []
    for await (const event of again) {
      if (event.type === 'processed') texts.push(event.operation.message)
      if (event.type === 'replay-ended') break
    }
    expect(texts).toEqual(['b'])
  })
})

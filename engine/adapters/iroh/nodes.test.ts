/**
 * Goal: whole nodes over iroh find each other through a third, sync, stay in touch and hear what is said now.
 * Method: three nodes on loopback, of which two know only the first; then the first is gone.
 */

import { afterEach, it } from 'vitest'
import { SigningKey, Topic } from '../../core/index.js'
import { type Node, NodeBuilder } from '../../node/index.js'
import { nodeDefaults } from '../defaults.js'
import { openTransport, settle, until } from './nodes.contract.js'

const TOPIC = Topic.fromHex('5a'.repeat(32))
const nodes: Node[] = []

afterEach(async () => {
  await Promise.all(nodes.splice(0).map(node => node.close()))
})

async function open(number: number, bootstrap: readonly string[] = []): Promise<Node> {
  const builder = new NodeBuilder(nodeDefaults())
    .signingKey(SigningKey.fromBytes(new Uint8Array(32).fill(number)))
    .transport(openTransport())
  for (const address of bootstrap) builder.bootstrap(address)
  const node = await builder.spawn()
  nodes.push(node)
  return node
}

it('three nodes of which two know only the first end with the same operations, and go on without the first', async () => {
  const hub = await open(1)
  const [address] = hub.addresses()
  const [left, right] = [await open(2, [address!]), await open(3, [address!])]
  const seen = [new Set<string>(), new Set<string>(), new Set<string>()]
  const publishers = []
  for (const [index, node] of [hub, left, right].entries()) {
    const [publisher, subscription] = await node.stream<string>(TOPIC)
    publishers.push(publisher)
    void (async () => {
      for await (const event of subscription) if (event.type === 'processed') seen[index]!.add(event.operation.message)
    })()
  }
  for (const [index, publisher] of publishers.entries()) {
    for (let number = 0; number < 10; number++) await publisher.publish(`${index}: ${number}`)
  }
  await until(() => seen.every(({ size }) => size === 30))
  await until(() => left.metrics().gossip.neighbours > 1 && right.metrics().gossip.neighbours > 1)
  await hub.close()
  nodes.splice(nodes.indexOf(hub), 1)
  await publishers[1]!.publish('without the first')
  await until(() => seen[2]!.has('without the first'))
})

it('what is said now is heard by both others', async () => {
  const hub = await open(4)
  const bootstrap = hub.addresses().slice(0, 1)
  const others = [await open(5, bootstrap), await open(6, bootstrap)]
  const heard = [new Set<string>(), new Set<string>()]
  const [voice] = await hub.ephemeralStream<string>(TOPIC)
  for (const [index, node] of others.entries()) {
    const [, ears] = await node.ephemeralStream<string>(TOPIC)
    void (async () => {
      for await (const { body } of ears) heard[index]!.add(body)
    })()
  }
  // Whoever is no neighbour yet does not hear what is said once.
  for (let number = 0; number < 200 && !heard.every(({ size }) => size > 0); number++) {
    await voice.publish(`Hello ${number}`)
    await settle()
  }
  await until(() => heard.every(({ size }) => size > 0))
})

/**
 * Goal: what a node tells an operator of its topics, logs, peers, sessions and operations.
 * Method: two real nodes of one process; what is asked is compared with what was done.
 */

import { afterEach, expect, it } from 'vitest'
import { InProcessHub, inProcessTransport, nodeDefaults, systemRandom } from '../adapters/index.js'
import { OperationId, Topic } from '../core/index.js'
import { type Node, NodeBuilder } from './index.js'

const nodes: Node[] = []

afterEach(async () => {
  for (const node of nodes.splice(0)) await node.close()
})

async function start(hub: InProcessHub): Promise<Node> {
  const node = await new NodeBuilder(nodeDefaults()).transport(inProcessTransport({ hub })).spawn()
  nodes.push(node)
  return node
}

it('tells of topics, logs, peers, sessions and operations', async () => {
  const hub = new InProcessHub()
  const [one, two] = [await start(hub), await start(hub)]
  const [topic, other] = [Topic.random(systemRandom()), Topic.random(systemRandom())]
  const [tx, rx] = await one.stream<string>(topic)
  const [, far] = await two.stream<string>(topic)
  await (await one.stream<string>(other))[1].close()
  await tx.publish('first')
  await tx.prune('second')
  const { id } = await tx.publish('third')
  for await (const event of far) if (event.type === 'processed' && event.operation.id === id) break

  const inspection = one.inspect()
  expect(inspection.topics()).toHaveLength(2)
  expect(inspection.topics().find(row => row.topic === topic)).toMatchObject({ isOpen: true, logs: 1, waiting: 0 })
  expect(inspection.topics().find(row => row.topic === other)).toMatchObject({ isOpen: false, logs: 0 })
  expect(inspection.logs(topic, null, 10)).toMatchObject([{ author: one.id, first: 1, last: 2, lastId: id, held: 0 }])
  expect(inspection.logs(topic, one.id, 10)).toEqual([])
  expect(inspection.logs(topic, null, 0)).toEqual([])
  expect(inspection.peers()).toMatchObject([{ nodeId: two.id }])
  expect(inspection.sessions()).toMatchObject([{ remote: two.id, topic, phase: 'live' }])
  expect(inspection.operation(id)).toMatchObject({ id, topic, isReleased: true, header: { seqNum: 2 } })
  expect(inspection.operation(OperationId.fromHex('00'.repeat(32)))).toBeNull()
  await rx.close()
})

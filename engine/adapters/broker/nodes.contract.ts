/** Nodes for tests of the broker: real ones, that meet in this process if at all. */

import { Topic } from '../../core/index.js'
import { type Node, NodeBuilder } from '../../node/index.js'
import { nodeDefaults } from '../defaults.js'
import { InProcessHub, inProcessTransport } from '../in-process.js'
import { systemRandom } from '../system-random.js'

export function newNode(options: { readonly hub?: InProcessHub; readonly database?: string } = {}): Promise<Node> {
  const { hub = new InProcessHub(), database = ':memory:' } = options
  return new NodeBuilder(nodeDefaults()).transport(inProcessTransport({ hub })).database(database).spawn()
}

export function randomTopic(): Topic {
  return Topic.random(systemRandom())
}

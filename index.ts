/**
 * Thicket's public API: a p2panda-compatible local-first node.
 *
 * ```ts
 * import { spawn, Topic } from 'thicket-mesh'
 *
 * const node = await spawn()
 * const [tx, rx] = await node.stream<string>(Topic.random())
 * await tx.publish('Hello, Panda!')
 * for await (const event of rx) {
 *   if (event.type === 'processed') {
 *     console.log(event.operation.message)
 *     break
 *   }
 * }
 * await node.close()
 * ```
 */

import { nodeDefaults } from './engine/adapters/index.js'
import { type Node, NodeBuilder } from './engine/node/index.js'

/** Begins a node of your own choosing; every setting has a default. */
export function builder(): NodeBuilder {
  return new NodeBuilder(nodeDefaults())
}

/** A node with an in-memory database and a fresh key that finds the other nodes of this process. */
export function spawn(): Promise<Node> {
  return builder().spawn()
}

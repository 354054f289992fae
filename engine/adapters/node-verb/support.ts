/** A support node keeps topics for others: it syncs, stores and serves them, and shows them to nobody. */

import type { Topic } from '../../core/index.js'
import type { Node } from '../../node/index.js'

export interface Support {
  close(): Promise<void>
}

export async function supportTopics(node: Node, topics: readonly Topic[]): Promise<Support> {
  const endings: (() => void)[] = []
  for (const topic of topics) {
    const [, unfollow] = await node.follow(topic)
    endings.push(unfollow)
  }
  return {
    async close() {
      for (const end of endings) end()
    },
  }
}

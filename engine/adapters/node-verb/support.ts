/**
 * A support node keeps topics for others: it syncs and stores them and shows them to nobody. The stream is read to its
 * end all the same, so that a restart finds nothing owed and what is wrong with a topic is heard.
 */

import type { Topic } from '../../core/index.js'
import type { Node, StreamSubscription } from '../../node/index.js'
import type { Log } from './observer.js'

export const SUPPORT_CONSUMER = 'support'

export interface Support {
  close(): Promise<void>
}

export async function supportTopics(
  node: Node,
  topics: readonly Topic[],
  log: Log,
  onFailure: (error: unknown) => void,
): Promise<Support> {
  const subscriptions: StreamSubscription<Uint8Array>[] = []
  for (const topic of topics) {
    const [, rx] = await node.stream<Uint8Array>(topic, {
      consumer: SUPPORT_CONSUMER,
      ackPolicy: 'automatic',
      codec: 'bytes',
    })
    subscriptions.push(rx)
    readAll(topic, rx).catch(onFailure)
  }

  async function readAll(topic: Topic, rx: StreamSubscription<Uint8Array>): Promise<void> {
    for await (const event of rx) {
      if (event.type === 'replay-failed' || event.type === 'ack-failed') {
        log.error({ event: event.type, topic, err: event.error }, 'the stream of a topic is in trouble')
      }
    }
  }

  return {
    async close() {
      for (const rx of subscriptions) await rx.close()
    },
  }
}

/**
 * Topics that clients have named. The node takes part in all of them as long as the broker runs, and again after a
 * restart: a page that is closed or offline finds what came meanwhile, and what it published goes on to the peers.
 */

import { idBytes, ThicketError, Topic } from '../../core/index.js'
import type { Node, StreamPublisher } from '../../node/index.js'

interface Followed {
  readonly publisher: StreamPublisher<Uint8Array>
  readonly unfollow: () => void
}

export class FollowedTopics {
  readonly #node: Node
  readonly #limit: number
  readonly #topics = new Map<Topic, Promise<Followed>>()
  #isClosed = false

  private constructor(node: Node, limit: number) {
    this.#node = node
    this.#limit = limit
  }

  static async open(node: Node, limit: number): Promise<FollowedTopics> {
    const followed = new FollowedTopics(node, limit)
    let known: readonly { topic: Uint8Array }[] = []
    node.transact(rows => {
      rows.exec('CREATE TABLE IF NOT EXISTS broker_topics (topic BLOB PRIMARY KEY) WITHOUT ROWID')
      known = rows.all('SELECT topic FROM broker_topics ORDER BY topic')
    })
    for (const { topic } of known) await followed.#follow(Topic.fromBytes(topic))
    return followed
  }

  get count(): number {
    return this.#topics.size
  }

  /** @throws `too-many-topics`, `node-closed` */
  async publisher(topic: Topic): Promise<StreamPublisher<Uint8Array>> {
    return (await (this.#topics.get(topic) ?? this.#begin(topic))).publisher
  }

  /** Ends taking part in the topics, and remembers them. */
  async close(): Promise<void> {
    this.#isClosed = true
    const topics = [...this.#topics.values()]
    this.#topics.clear()
    for (const topic of topics) (await topic.catch(() => null))?.unfollow()
  }

  #begin(topic: Topic): Promise<Followed> {
    if (this.#isClosed) throw new ThicketError('broker-closing', 'the broker is closing')
    if (this.#topics.size >= this.#limit) {
      throw new ThicketError('too-many-topics', `clients have named ${this.#limit} topics already`)
    }
    this.#node.transact(rows => rows.run('INSERT OR IGNORE INTO broker_topics (topic) VALUES (?)', idBytes(topic)))
    return this.#follow(topic)
  }

  #follow(topic: Topic): Promise<Followed> {
    const following = this.#node
      .follow<Uint8Array>(topic, { codec: 'bytes' })
      .then(([publisher, unfollow]): Followed => ({ publisher, unfollow }))
    this.#topics.set(topic, following)
    following.catch(() => this.#topics.delete(topic))
    return following
  }
}

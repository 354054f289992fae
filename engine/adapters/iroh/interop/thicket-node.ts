/** A node of ours over iroh on loopback, that keeps what its streams deliver. */

import { SigningKey, Topic, type VerifyingKey } from '../../../core/index.js'
import { type AccessRules, type Node, NodeBuilder, type Published, type StreamPair } from '../../../node/index.js'
import type { StreamEvent } from '../../../streams/index.js'
import { nodeDefaults } from '../../defaults.js'
import { type IrohTransport, irohTransport } from '../index.js'
import { SOON_MS } from './limits.js'
import type { RustPeer } from './rust-node.js'
import { until } from './waiting.js'

export interface ThicketOptions {
  readonly seed: Uint8Array
  readonly networkId: Uint8Array
  readonly database?: string
  readonly bootstrap?: readonly string[]
  readonly access?: AccessRules
}

export interface Delivered {
  readonly id: string
  readonly author: VerifyingKey
  readonly seq: number
  readonly message: unknown
}

const LOOPBACK = ['127.0.0.1:0', '[::1]:0']

export class ThicketNode {
  readonly node: Node
  readonly transport: IrohTransport
  /** In the order of delivery. */
  readonly deliveries: (Delivered & { readonly topic: string })[] = []
  readonly troubles: string[] = []
  readonly heard: { readonly topic: string; readonly author: string; readonly message: unknown }[] = []
  readonly #streams = new Map<string, StreamPair<unknown>>()
  readonly #voices = new Map<string, { publish(message: unknown): Promise<void> }>()

  private constructor(node: Node, transport: IrohTransport) {
    this.node = node
    this.transport = transport
  }

  static async start({ seed, networkId, database, bootstrap = [], access }: ThicketOptions): Promise<ThicketNode> {
    const transport = irohTransport({ listen: LOOPBACK })
    const builder = new NodeBuilder(nodeDefaults())
      .signingKey(SigningKey.fromBytes(seed))
      .networkId(networkId)
      .transport(transport)
    if (database !== undefined) builder.database(database)
    if (access !== undefined) builder.access(access)
    for (const address of bootstrap) builder.bootstrap(address)
    return new ThicketNode(await builder.spawn(), transport)
  }

  get id(): string {
    return this.node.id
  }

  get address(): string {
    return this.node.addresses()[0]!
  }

  /** As a Rust node takes it. */
  asPeer(bootstrap = true): RustPeer {
    return { id: this.id, addresses: this.transport.addressing.own(), bootstrap }
  }

  async open(topic: string): Promise<void> {
    const pair = await this.node.stream<unknown>(Topic.fromHex(topic))
    this.#streams.set(topic, pair)
    void this.#follow(topic, pair[1])
  }

  async publish(topic: string, message: unknown, dependsOn: readonly string[] = []): Promise<string> {
    const [publisher] = this.#streams.get(topic)!
    type Ids = Published['id'][]
    const { id } = await publisher.publish(message, dependsOn.length === 0 ? {} : { dependsOn: dependsOn as Ids })
    return id
  }

  async prune(topic: string, message: unknown): Promise<string> {
    return (await this.#streams.get(topic)![0].prune(message)).id
  }

  async hear(topic: string): Promise<void> {
    const [voice, ears] = await this.node.ephemeralStream<unknown>(Topic.fromHex(topic))
    this.#voices.set(topic, voice)
    void (async () => {
      for await (const { author, body } of ears) this.heard.push({ topic, author, message: body })
    })()
  }

  async say(topic: string, message: unknown): Promise<void> {
    await this.#voices.get(topic)!.publish(message)
  }

  delivered(topic: string): Map<string, Delivered> {
    const own = this.deliveries.filter(delivery => delivery.topic === topic)
    return new Map(own.map(delivery => [delivery.id, delivery]))
  }

  async untilDelivered(topic: string, count: number, limitMs = SOON_MS): Promise<Map<string, Delivered>> {
    await until(`a Thicket node delivers ${count} operations`, () => this.delivered(topic).size >= count, limitMs)
    return this.delivered(topic)
  }

  /** First and last sequence number of an author's log, or null. */
  log(topic: string, author: string): { readonly first: number; readonly last: number } | null {
    const logs = this.node.inspect().logs(Topic.fromHex(topic), null, 1000)
    const log = logs.find(entry => entry.author === author)
    return log === undefined ? null : { first: log.first, last: log.last }
  }

  stop(): Promise<void> {
    return this.node.close()
  }

  async #follow(topic: string, events: AsyncIterable<StreamEvent<unknown>>): Promise<void> {
    for await (const event of events) {
      if (event.type !== 'processed') {
        if (event.type.endsWith('failed')) this.troubles.push(event.type)
        continue
      }
      const { id, author, header, message } = event.operation
      this.deliveries.push({ topic, id, author, seq: header.seqNum, message })
    }
  }
}

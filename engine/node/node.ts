/** The public node: promises and async iterables around the synchronous engine. */

import { bytesToHex, LogId, type Operation, ThicketError, Topic, type VerifyingKey } from '../core/index.js'
import { storedHeader } from '../pipeline/index.js'
import type { Clock } from '../ports.js'
import { type AckPolicy, type AppWork, bytesCodec, type Codec, cborCodec, type StreamFrom } from '../streams/index.js'
import type { Ordering } from './config.js'
import type { Engine, EngineMetrics, NodeEvent } from './engine-types.js'
import { type EphemeralPair, EphemeralPublisher, EphemeralSubscription } from './ephemeral.js'
import type { Inspection } from './inspect.js'
import { NodeEvents } from './node-events.js'
import { StreamPublisher } from './publisher.js'
import { oneOf } from './settings.js'
import { StreamSubscription } from './stream-subscription.js'
import { createTurns, type Turns } from './turns.js'

export interface NodeStreamOptions<Message> {
  readonly ackPolicy?: AckPolicy
  /** `causal`: nothing before what it names; `log`: each log in sequence, as it came. */
  readonly ordering?: Ordering
  /** Whether sessions stay open for what is new (default), or are over when both sides are equal and begun again now and then. */
  readonly liveMode?: boolean
  /** A name of one's own gives acknowledgements of one's own. */
  readonly consumer?: string
  /** `cbor` (deterministic, readable by Rust apps), `bytes`, or one of your own. */
  readonly codec?: 'cbor' | 'bytes' | Codec<Message>
}

export type StreamPair<Message> = [StreamPublisher<Message>, StreamSubscription<Message>]

/** Proof that an author signed two branches of one log: headers that cannot stand in one log together, as signed. */
export interface ForkProof {
  readonly author: VerifyingKey
  readonly logId: LogId
  /** The sequence number that both branches claim. */
  readonly seqNum: number
  /** Of the branch that stays here, the one seen first. */
  readonly known: Uint8Array
  /** Of the other branch: another header for `seqNum`, or one for the next number whose backlink is not `known`. */
  readonly conflicting: Uint8Array
}

/** Operations read at once for an export. */
const EXPORT_PAGE = 64
/** Proofs read at once. */
const FORK_PAGE = 64

export class Node {
  readonly id: VerifyingKey
  /** Hex of the 32 bytes that keep networks apart. */
  readonly networkId: string
  readonly #engine: Engine
  readonly #turns: Turns
  readonly #eventStreams = new Set<NodeEvents>()
  readonly #ephemeral = new Set<EphemeralSubscription<unknown>>()

  readonly #transportClosed: () => Promise<void> | undefined

  constructor(
    engine: Engine,
    networkId: Uint8Array,
    clock: Clock,
    transportClosed: () => Promise<void> | undefined = () => undefined,
  ) {
    this.#transportClosed = transportClosed
    this.id = engine.id
    this.networkId = bytesToHex(networkId)
    this.#engine = engine
    this.#turns = createTurns(clock)
    engine.onNodeEvent(event => {
      for (const stream of this.#eventStreams) stream.push(event)
    })
  }

  /** Opens a topic and begins where this consumer's acknowledgements end. */
  stream<Message = unknown>(topic: Topic, options: NodeStreamOptions<Message> = {}): Promise<StreamPair<Message>> {
    return this.streamFrom(topic, 'frontier', options)
  }

  /** As `stream`, from the start (which forgets this consumer's acknowledgements) or after a cursor. */
  async streamFrom<Message = unknown>(
    of: Topic,
    from: StreamFrom,
    options: NodeStreamOptions<Message> = {},
  ): Promise<StreamPair<Message>> {
    const topic = Topic.fromHex(of)
    const codec = codecOf(options.codec)
    if (typeof from === 'string') oneOf('from', from, ['frontier', 'start'])
    if (options.ackPolicy !== undefined) oneOf('ackPolicy', options.ackPolicy, ['automatic', 'explicit'])
    if (options.ordering !== undefined) oneOf('ordering', options.ordering, ['causal', 'log'])
    const core = this.#engine.subscribe<Message>(topic, {
      codec,
      from,
      ...(options.consumer === undefined ? {} : { consumer: options.consumer }),
      ...(options.ackPolicy === undefined ? {} : { ackPolicy: options.ackPolicy }),
      ...(options.ordering === undefined ? {} : { ordering: options.ordering }),
      ...(options.liveMode === undefined ? {} : { liveMode: options.liveMode }),
    })
    return [
      new StreamPublisher<Message>(topic, this.#engine, codec, this.#turns, options.ordering),
      new StreamSubscription<Message>(topic, core, this.#turns),
    ]
  }

  /**
   * Takes part in a topic without reading it: it is stored and synced while it is followed, and can be published in.
   * Resolves to the publisher and the function that ends it.
   */
  async follow<Message = unknown>(
    of: Topic,
    options: Pick<NodeStreamOptions<Message>, 'codec' | 'ordering'> = {},
  ): Promise<[tx: StreamPublisher<Message>, unfollow: () => void]> {
    const topic = Topic.fromHex(of)
    const codec = codecOf(options.codec)
    if (options.ordering !== undefined) oneOf('ordering', options.ordering, ['causal', 'log'])
    const unfollow = this.#engine.follow(topic)
    return [new StreamPublisher<Message>(topic, this.#engine, codec, this.#turns, options.ordering), unfollow]
  }

  /** The app's own reads and writes in the node's database, all in one transaction. The callback is synchronous. */
  transact(work: AppWork): void {
    this.#engine.transact(work)
  }

  /**
   * Every stored operation of a topic, each log in sequence; `writeExport` makes a file of them, `tx.import` takes them in
   * elsewhere, with the same ids.
   */
  async *exportTopic(topic: Topic): AsyncGenerator<Operation, void, undefined> {
    for (let position = 0; ; ) {
      const page = this.#engine.readStored(topic, position, EXPORT_PAGE)
      if (page.length === 0) return
      for (const { id, header, body } of page) {
        await this.#turns.take()
        yield { id, header: storedHeader(header, id), body }
      }
      position = page.at(-1)!.position
    }
  }

  /** Joins a topic for what is said now: signed, to whoever listens, kept by nobody, in no order. */
  async ephemeralStream<Message = unknown>(topic: Topic): Promise<EphemeralPair<Message>> {
    const rx = new EphemeralSubscription<Message>(topic, this.#turns)
    const stream = this.#engine.ephemeral(topic, message => rx.push(message))
    this.#ephemeral.add(rx as EphemeralSubscription<unknown>)
    rx.attach({
      publish: body => stream.publish(body),
      close: () => {
        this.#ephemeral.delete(rx as EphemeralSubscription<unknown>)
        stream.close()
      },
    })
    return [new EphemeralPublisher<Message>(topic, stream, this.#turns), rx]
  }

  /** Every fork that was seen in a topic, also before a restart. Anybody can verify it: `decodeHeader` on both headers. */
  async *forks(topic: Topic): AsyncGenerator<ForkProof, void, undefined> {
    const logId = LogId.ofTopic(topic)
    for (let page = this.#engine.readForks(topic, null, FORK_PAGE); page.length > 0; ) {
      for (const { author, seqNum, known, conflicting } of page) yield { author, logId, seqNum, known, conflicting }
      page = this.#engine.readForks(topic, page.at(-1)!, FORK_PAGE)
    }
  }

  /** System events from now on. */
  events(): AsyncIterable<NodeEvent> {
    const stream = new NodeEvents(() => this.#eventStreams.delete(stream))
    this.#eventStreams.add(stream)
    return stream
  }

  addresses(): readonly string[] {
    return this.#engine.addresses()
  }

  /** Makes the node behind an address known and stays in touch with it. */
  async connect(address: string): Promise<void> {
    this.#engine.connect(address)
  }

  /** As `connect`: a node to begin with. */
  async insertBootstrap(address: string): Promise<void> {
    this.#engine.connect(address)
  }

  /** Topics, logs, peers, sessions and single operations, for people and tools. */
  inspect(): Inspection {
    return this.#engine.inspect()
  }

  metrics(): EngineMetrics {
    return this.#engine.metrics()
  }

  /** Ends sessions and streams, makes acknowledgements durable and closes the database. */
  async close(): Promise<void> {
    this.#engine.stop()
    for (const stream of [...this.#eventStreams]) stream.end()
    for (const rx of [...this.#ephemeral]) rx.end()
    await this.#transportClosed()
  }
}

function codecOf<Message>(codec: NodeStreamOptions<Message>['codec']): Codec<Message> {
  if (codec === undefined || codec === 'cbor') return cborCodec<Message>()
  if (codec === 'bytes') return bytesCodec as unknown as Codec<Message>
  if (typeof codec.encode === 'function' && typeof codec.decode === 'function') return codec
  throw new ThicketError('invalid-setting', 'codec is cbor, bytes, or an object that encodes and decodes', {
    got: codec,
  })
}

/**
 * The program of one node: a whole engine on a database file and libp2p, and an app on top that reads every event at
 * once. It does what the runner says and tells what happened; when the runner is gone, so is it.
 */

import {
  type Libp2pTransport,
  libp2pTransport,
  openBetterSqlite,
  sharedCrypto,
  systemClock,
  systemRandom,
} from '../../engine/adapters/index.js'
import {
  bytesToHex,
  encodeCbor,
  hexToBytes,
  invariant,
  isThicketError,
  SigningKey,
  type Topic,
} from '../../engine/core/index.js'
import { createEngine, type Engine } from '../../engine/node/index.js'
import { bytesCodec, type EphemeralStream, type StreamEvent, type Subscription } from '../../engine/streams/index.js'
import { contentsOf, heightsOf } from '../checks/index.js'
import { HEIGHTS_EVERY_MS } from './limits.js'
import type { Begin, FromNode, Told, ToNode } from './messages.js'
import { RefusingTransport } from './refusing-transport.js'

interface OpenStream {
  readonly topic: Topic
  readonly consumer: string
  readonly subscription: Subscription<Uint8Array>
}

/** Events that the app handles before others have their turn. */
const EVENTS_PER_TURN = 256
/** What the runner is told of the engine in any case. */
const ALWAYS_TRACED: ReadonlySet<string> = new Set(['sync-started', 'session-ended'])

class NodeProcess {
  readonly #wire: Libp2pTransport
  readonly #transport: RefusingTransport
  readonly #engine: Engine
  readonly #spoken: ReadonlySet<Topic>
  readonly #topics: Set<Topic>
  readonly #ephemeral = new Map<Topic, EphemeralStream>()
  #streams: OpenStream[] = []
  #ackPolicy: Begin['ackPolicy']
  #consumer: string | null
  #heightsTimer: NodeJS.Timeout | null = null

  constructor(begin: Begin) {
    this.#spoken = new Set(begin.spoken)
    this.#topics = new Set(begin.topics)
    this.#ackPolicy = begin.ackPolicy
    this.#consumer = begin.consumer
    this.#wire = libp2pTransport({ listen: [begin.listen], mdns: 'disabled' })
    this.#transport = new RefusingTransport(this.#wire, begin.overlay === 'hyparview')
    this.#transport.refuse(begin.refused)
    this.#engine = createEngine({
      signingKey: SigningKey.fromBytes(hexToBytes(begin.seed)),
      networkId: hexToBytes(begin.networkId),
      database: openBetterSqlite(begin.database),
      crypto: sharedCrypto(),
      clock: systemClock(),
      random: systemRandom(),
      transport: this.#transport,
      trace: {
        event: (event, fields) => {
          if (event === 'stored') this.#tellHeightsSoon()
          if (begin.isTraced || ALWAYS_TRACED.has(event)) tell({ type: 'trace', event, fields })
        },
      },
      ackPolicy: begin.ackPolicy,
      ordering: 'causal',
    })
  }

  async begin(): Promise<void> {
    await this.#wire.ready()
    tell({
      type: 'ready',
      addresses: this.#engine.addresses(),
      held: contentsOf(this.#engine).map(({ id }) => id),
    })
    for (const topic of this.#topics) this.#openStream(topic)
    this.#tellHeightsSoon()
  }

  hear(message: Exclude<ToNode, Begin>): void {
    switch (message.type) {
      case 'connect':
        this.#engine.connect(message.address)
        break
      case 'refuse':
        this.#transport.refuse(message.peers)
        break
      case 'publish':
        this.#publish(message)
        break
      case 'say': {
        const stream = this.#ephemeral.get(message.topic)
        if (!stream) break
        stream.publish(encodeCbor(hexToBytes(message.body)))
        tell({ type: 'said' })
        break
      }
      case 'subscribe':
        if (this.#topics.has(message.topic)) break
        this.#topics.add(message.topic)
        this.#openStream(message.topic)
        break
      case 'unsubscribe':
        this.#unsubscribe(message.topic)
        break
      case 'configure':
        this.#ackPolicy = message.ack ?? this.#ackPolicy
        this.#consumer = message.consumer ?? this.#consumer
        for (const { subscription } of this.#streams) subscription.close()
        this.#streams = []
        for (const topic of this.#topics) this.#openStream(topic)
        break
      case 'tell':
        tell({ type: 'told', ...this.#told() })
        break
      case 'stop':
        void this.#stop()
    }
  }

  #publish({ ref, topic, body, prune }: ToNode & { readonly type: 'publish' }): void {
    const bytes = body === null ? null : hexToBytes(body)
    try {
      const { operation } = this.#engine.publish(topic, bytes, prune)
      const { seqNum, backlink, bytes: header, payloadHash } = operation.header
      tell({
        type: 'published',
        ref,
        id: operation.id,
        seqNum,
        backlink,
        bodyHash: payloadHash,
        bytes: header.length + (bytes?.length ?? 0),
      })
    } catch (error) {
      if (!isThicketError(error)) throw error
      tell({ type: 'publish-refused', ref, reason: `${error.code}: ${error.message}` })
    }
  }

  #openStream(topic: Topic): void {
    const consumer = this.#consumer ?? 'default'
    tell({ type: 'opened', consumer, topic })
    const subscription = this.#engine.subscribe(topic, {
      codec: bytesCodec,
      ackPolicy: this.#ackPolicy,
      ...(this.#consumer === null ? {} : { consumer: this.#consumer }),
      onAcknowledged: id => tell({ type: 'acked', consumer, id }),
    })
    const stream: OpenStream = { topic, consumer, subscription }
    this.#streams.push(stream)
    if (this.#spoken.has(topic) && !this.#ephemeral.has(topic)) {
      this.#ephemeral.set(
        topic,
        this.#engine.ephemeral(topic, () => tell({ type: 'heard' })),
      )
    }
    let isDraining = false
    const drain = (): void => {
      if (isDraining || subscription.closed) return
      isDraining = true
      for (let handled = 0; handled < EVENTS_PER_TURN; handled++) {
        const event = subscription.next()
        if (!event) {
          isDraining = false
          return
        }
        this.#handle(stream, event)
      }
      isDraining = false
      setImmediate(drain)
    }
    subscription.onWake(drain)
    setImmediate(drain)
  }

  #handle({ consumer, subscription }: OpenStream, event: StreamEvent<Uint8Array>): void {
    if (event.type === 'fork-detected') tell({ type: 'forked', author: event.author, seqNum: event.seqNum })
    if (event.type !== 'processed') return
    const { id, author, topic, header, message } = event.operation
    const { store } = this.#engine
    const { extensions } = header
    const named = extensions.variant === 'causal' ? extensions.previous : []
    tell({
      type: 'processed',
      id,
      author,
      topic,
      seqNum: header.seqNum,
      backlink: header.backlink,
      dependencies: named.filter(dependency => !event.missing.includes(dependency)),
      bodyHash: bytesToHex(sharedCrypto().hash(message)),
      consumer,
      durable: !store.database.inTransaction && store.operations.has(id),
    })
    if (this.#ackPolicy === 'explicit') {
      subscription.ack(id, error => {
        if (!error) tell({ type: 'acked', consumer, id })
      })
    }
  }

  #unsubscribe(topic: Topic): void {
    this.#topics.delete(topic)
    for (const stream of this.#streams) if (stream.topic === topic) stream.subscription.close()
    this.#streams = this.#streams.filter(stream => stream.topic !== topic)
    this.#ephemeral.get(topic)?.close()
    this.#ephemeral.delete(topic)
  }

  #tellHeightsSoon(): void {
    this.#heightsTimer ??= setTimeout(() => {
      this.#heightsTimer = null
      for (const { id: topic } of this.#engine.store.logs.topics()) {
        tell({ type: 'heights', topic, heights: heightsOf(this.#engine, topic) })
      }
    }, HEIGHTS_EVERY_MS)
  }

  #told(): Told {
    const { sessions, sentSyncOperations, sentLiveOperations, wireBytesSent } = this.#engine.syncMetrics()
    const { ordering } = this.#engine.store
    return {
      contents: contentsOf(this.#engine),
      stateHash: bytesToHex(this.#engine.stateHash()),
      waiting: ordering.countAll(),
      waived: ordering.countWaived(),
      sync: { sessions, operations: sentSyncOperations + sentLiveOperations, bytes: wireBytesSent },
    }
  }

  async #stop(): Promise<void> {
    if (this.#heightsTimer) clearTimeout(this.#heightsTimer)
    this.#engine.stop()
    await this.#wire.closed()
    process.exit(0)
  }
}

function tell(message: FromNode): void {
  process.send!(message)
}

let node: NodeProcess | null = null

process.on('message', (message: ToNode) => {
  if (message.type === 'begin') {
    invariant(node === null, 'a process is one life of one node')
    node = new NodeProcess(message)
    void node.begin()
  } else node?.hear(message)
})
process.on('disconnect', () => process.exit(0))

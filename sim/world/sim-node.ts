/**
 * One node of the world over all its lives: a key and a disk that stay, and an engine that boots on them, dies and
 * boots again. The app on top reads every event at once and keeps account of it.
 */

import {
  bytesToHex,
  encodeCbor,
  type Header,
  type OperationId,
  type SigningKey,
  type Topic,
  type VerifyingKey,
} from '../../engine/core/index.js'
import { createEngine, type Engine } from '../../engine/node/index.js'
import { storedHeader } from '../../engine/pipeline/index.js'
import {
  type Clock,
  type Crypto,
  type Database,
  DatabaseDead,
  type Radio,
  type Random,
  type Trace,
  type Transport,
} from '../../engine/ports.js'
import {
  type AckPolicy,
  bytesCodec,
  type EphemeralStream,
  type StreamEvent,
  type Subscription,
} from '../../engine/streams/index.js'
import { contentHash, contentsOf, heightsOf, type Ledger, SafetyChecks } from '../checks/index.js'
import { Gate, gatedClock } from './gate.js'
import { gatedRadio } from './gated-radio.js'
import { gatedTransport } from './gated-transport.js'
import { NodeSessions } from './overlay-watch.js'

/** What the world lends a node. */
export interface NodeWorld {
  readonly ledger: Ledger
  readonly crypto: Crypto
  readonly networkId: Uint8Array
  nowUs(): number
  /** Runs a piece of the node's work in a turn of its own. */
  soon(node: number, work: () => void): void
  trace(node: string, type: string, fields: Parameters<Trace['event']>[1]): void
  /** Enters the fingerprint. */
  note(node: number, what: 'stored' | 'processed', id: OperationId): void
  processed(node: SimNode, id: OperationId): void
  /** Something of the topic was stored: convergence may have changed. */
  stored(topic: Topic | null): void
  /** An ephemeral message reached the app. */
  heard(node: SimNode): void
}

/** The parts of a node that outlive its process. */
export interface NodeBody {
  readonly index: number
  readonly name: string
  readonly signingKey: SigningKey
  /** Addresses that it is told whenever it boots. */
  readonly bootstrap: readonly string[]
  readonly random: Random
  readonly clock: Clock
  /** Opens the database that survived. */
  openDatabase(clock: Clock): Database
  /** The process is gone: releases what its database held, without touching what survives. */
  releaseDatabase(): void
  openTransport(): Transport
  openRadios(): readonly Radio[]
  /** Connections and radios of this boot are gone. */
  closeTransport(): void
}

export interface SyncTotals {
  readonly sessions: number
  readonly sentSyncOperations: number
  readonly sentLiveOperations: number
}

interface OpenStream {
  readonly topic: Topic
  readonly consumer: string
  readonly subscription: Subscription<Uint8Array>
  isDraining: boolean
}

/** Events an app handles in one turn; more come in the next, so that a long replay does not stop the world. */
const EVENTS_PER_TURN = 256

export class SimNode {
  readonly index: number
  readonly name: string
  readonly id: VerifyingKey
  readonly checks: SafetyChecks
  /** Topics the app wants, alive or not. */
  readonly topics = new Set<Topic>()
  readonly sessions = new NodeSessions()
  engine: Engine | null = null
  crashes = 0
  lives = 0
  ackPolicy: AckPolicy = 'automatic'
  consumer: string | undefined
  readonly #world: NodeWorld
  readonly #body: NodeBody
  /** From the first step of a boot, which can lose power like any other. */
  #isRunning = false
  #gate = new Gate()
  #streams: OpenStream[] = []
  /** Topics in which the scenario has something said. */
  #spoken: ReadonlySet<Topic> = new Set()
  readonly #ephemeral = new Map<Topic, EphemeralStream>()
  /** As last read; what is stored makes it old. */
  readonly #heights = new Map<Topic, string>()
  #past: SyncTotals = { sessions: 0, sentSyncOperations: 0, sentLiveOperations: 0 }

  constructor(world: NodeWorld, body: NodeBody) {
    this.#world = world
    this.#body = body
    this.index = body.index
    this.name = body.name
    this.id = body.signingKey.verifyingKey
    this.checks = new SafetyChecks(body.name, this.id, world.ledger)
  }

  get isUp(): boolean {
    return this.#isRunning
  }

  boot(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    this.lives += 1
    this.#gate = new Gate()
    const clock = gatedClock(this.#body.clock, this.#gate)
    this.#trace('boot', { life: this.lives })
    const engine = createEngine({
      signingKey: this.#body.signingKey,
      networkId: this.#world.networkId,
      database: this.#body.openDatabase(clock),
      crypto: this.#world.crypto,
      clock,
      random: this.#body.random,
      transport: gatedTransport(this.#body.openTransport(), this.#gate),
      radios: this.#body.openRadios().map(radio => gatedRadio(radio, this.#gate)),
      trace: { event: (type, fields) => this.#onTrace(type, fields) },
      ackPolicy: this.ackPolicy,
      ordering: 'causal',
    })
    this.engine = engine
    this.#adoptOwn(engine)
    if (this.lives > 1) this.checks.recovered({ has: id => engine.store.operations.has(id) }, this.#world.nowUs())
    for (const topic of this.topics) this.#openStream(topic)
    for (const address of this.#body.bootstrap) engine.connect(address)
    this.#world.stored(null)
  }

  /** The process dies as it stands: nothing is flushed, closed or said. */
  crash(reason: string): void {
    if (!this.#isRunning) return
    this.#isRunning = false
    this.#gate.kill()
    this.#past = this.syncTotals()
    this.engine = null
    this.#streams = []
    this.#ephemeral.clear()
    this.sessions.died()
    this.#heights.clear()
    this.crashes += 1
    this.#body.closeTransport()
    this.#body.releaseDatabase()
    this.#trace('crash', { reason })
    this.#world.stored(null)
  }

  pause(): void {
    this.#gate.pause()
  }

  resume(): void {
    this.#gate.resume()
  }

  subscribe(topic: Topic): void {
    if (this.topics.has(topic)) return
    this.topics.add(topic)
    this.#gate.pass(() => {
      if (this.topics.has(topic) && !this.#isOpen(topic)) this.#openStream(topic)
    })
    this.#world.stored(topic)
  }

  unsubscribe(topic: Topic): void {
    this.topics.delete(topic)
    this.#gate.pass(() => {
      if (this.topics.has(topic)) return
      for (const stream of this.#streams) if (stream.topic === topic) stream.subscription.close()
      this.#streams = this.#streams.filter(stream => stream.topic !== topic)
      this.#ephemeral.get(topic)?.close()
      this.#ephemeral.delete(topic)
    })
    this.#world.stored(topic)
  }

  /** Streams are opened anew where the way of acknowledging or the consumer changes. */
  configure(change: { readonly ackPolicy?: AckPolicy; readonly consumer?: string }): void {
    this.ackPolicy = change.ackPolicy ?? this.ackPolicy
    this.consumer = change.consumer ?? this.consumer
    this.#gate.pass(() => {
      for (const stream of this.#streams) stream.subscription.close()
      this.#streams = []
      for (const topic of this.topics) this.#openStream(topic)
    })
  }

  publish(topic: Topic, body: Uint8Array | null, prune: boolean): void {
    this.#gate.pass(() => {
      if (!this.engine) return
      const bodyHash = body ? bytesToHex(this.#world.crypto.hash(body)) : null
      const atUs = this.#world.nowUs()
      try {
        const { operation } = this.engine.publish(topic, body, prune)
        const { seqNum, backlink, bytes } = operation.header
        this.#world.ledger.published({
          id: operation.id,
          author: this.id,
          topic,
          seqNum,
          backlink,
          bodyHash,
          bytes: bytes.length + (body?.length ?? 0),
          bodyBytes: body?.length ?? 0,
          prune,
          atUs,
        })
        this.#trace('published', { id: operation.id, topic, seqNum, bytes: body?.length ?? 0, prune })
      } catch (error) {
        if (!(error instanceof DatabaseDead)) throw error
        this.#world.ledger.attempted({ author: this.id, topic, bodyHash, prune, atUs })
        throw error
      }
    })
  }

  /** While it subscribes to one of these topics, the app also listens to what is said in it. Before the first boot. */
  listenIn(topics: ReadonlySet<Topic>): void {
    this.#spoken = topics
  }

  /** Says something that nobody keeps; false when the node is down or does not listen itself. */
  say(topic: Topic, body: Uint8Array): boolean {
    if (!this.engine || !this.topics.has(topic)) return false
    this.#gate.pass(() => this.#ephemeral.get(topic)?.publish(encodeCbor(body)))
    return true
  }

  /** Over all lives: what the dead ones had counted is kept. */
  syncTotals(): SyncTotals {
    const current = this.engine?.syncMetrics()
    return {
      sessions: this.#past.sessions + (current?.sessions ?? 0),
      sentSyncOperations: this.#past.sentSyncOperations + (current?.sentSyncOperations ?? 0),
      sentLiveOperations: this.#past.sentLiveOperations + (current?.sentLiveOperations ?? 0),
    }
  }

  stateHash(): string | null {
    return this.engine ? bytesToHex(this.engine.stateHash()) : null
  }

  heights(topic: Topic): string | null {
    if (!this.engine) return null
    const known = this.#heights.get(topic)
    if (known !== undefined) return known
    const heights = heightsOf(this.engine, topic)
    this.#heights.set(topic, heights)
    return heights
  }

  holds(id: OperationId): boolean {
    return this.engine?.store.operations.has(id) ?? false
  }

  contentHash(): string | null {
    return this.engine && contentHash(contentsOf(this.engine, id => this.#world.ledger.find(id)))
  }

  #isOpen(topic: Topic): boolean {
    return this.#streams.some(stream => stream.topic === topic)
  }

  #openStream(topic: Topic): void {
    const engine = this.engine
    if (!engine) return
    const consumer = this.consumer ?? 'default'
    this.checks.streamOpened(consumer, topic)
    const subscription = engine.subscribe(topic, {
      codec: bytesCodec,
      ackPolicy: this.ackPolicy,
      ...(this.consumer === undefined ? {} : { consumer: this.consumer }),
      onAcknowledged: id => this.checks.acknowledge(consumer, id),
    })
    const stream: OpenStream = { topic, consumer, subscription, isDraining: false }
    this.#streams.push(stream)
    if (this.#spoken.has(topic) && !this.#ephemeral.has(topic)) {
      this.#ephemeral.set(
        topic,
        engine.ephemeral(topic, () => this.#world.heard(this)),
      )
    }
    subscription.onWake(() => this.#drain(stream))
    this.#soon(() => this.#drain(stream))
  }

  #drain(stream: OpenStream): void {
    if (stream.isDraining || stream.subscription.closed) return
    stream.isDraining = true
    for (let handled = 0; handled < EVENTS_PER_TURN; handled++) {
      const event = stream.subscription.next()
      if (!event) {
        stream.isDraining = false
        return
      }
      this.#handle(stream, event)
    }
    stream.isDraining = false
    this.#soon(() => this.#drain(stream))
  }

  #handle(stream: OpenStream, event: StreamEvent<Uint8Array>): void {
    const atUs = this.#world.nowUs()
    if (event.type === 'processed') {
      const { operation } = event
      const { id, author, header } = operation
      const store = this.engine!.store
      this.checks.deliver({
        id,
        author,
        topic: operation.topic,
        seqNum: header.seqNum,
        backlink: header.backlink,
        dependencies: waitedFor(header, event.missing),
        bodyHash: bytesToHex(this.#world.crypto.hash(operation.message)),
        consumer: stream.consumer,
        atUs,
        durable: !store.database.inTransaction && store.operations.has(id),
      })
      this.#world.note(this.index, 'processed', id)
      this.#world.processed(this, id)
      this.#trace('processed', { id, author, seqNum: header.seqNum })
      if (this.ackPolicy === 'explicit') {
        stream.subscription.ack(id, error => {
          if (!error) this.checks.acknowledge(stream.consumer, id)
        })
      }
    } else if (event.type === 'fork-detected') {
      this.checks.report('fork-detected', atUs, `${event.author.slice(0, 12)} signed two branches at ${event.seqNum}`)
    }
  }

  /** Own operations that were committed by a life that died before it could say so. */
  #adoptOwn(engine: Engine): void {
    const { ledger } = this.#world
    for (const topic of engine.store.logs.topics()) {
      const log = engine.store.logs.findLog(topic, this.id)
      if (!log?.tip) continue
      const last = ledger.log(this.id, topic.id).at(-1)
      for (const stored of engine.store.operations.range(
        log.log,
        last?.seqNum ?? null,
        log.tip.seqNum,
        EVENTS_PER_TURN,
      )) {
        const header = storedHeader(stored.header, stored.id)
        const bodyHash = stored.body ? bytesToHex(this.#world.crypto.hash(stored.body)) : null
        const attempt = ledger.settle(this.id, topic.id, bodyHash)
        if (!attempt) {
          this.checks.report(
            'invented-or-altered',
            this.#world.nowUs(),
            `${stored.id.slice(0, 12)} was never published`,
          )
          continue
        }
        ledger.published({
          id: stored.id,
          author: this.id,
          topic: topic.id,
          seqNum: header.seqNum,
          backlink: header.backlink,
          bodyHash,
          bytes: stored.header.length + (stored.body?.length ?? 0),
          bodyBytes: stored.body?.length ?? 0,
          prune: attempt.prune,
          atUs: attempt.atUs,
        })
      }
    }
  }

  #onTrace(type: string, fields: Parameters<Trace['event']>[1]): void {
    this.sessions.onTrace(type, fields)
    if (type === 'stored' && typeof fields.id === 'string') {
      this.#heights.clear()
      this.#world.note(this.index, 'stored', fields.id as OperationId)
      this.#world.stored(null)
    }
    this.#trace(type, fields)
  }

  #soon(work: () => void): void {
    const gate = this.#gate
    this.#world.soon(this.index, () => gate.pass(work))
  }

  #trace(type: string, fields: Parameters<Trace['event']>[1]): void {
    this.#world.trace(this.name, type, fields)
  }
}

function waitedFor(header: Header, missing: readonly OperationId[]): readonly OperationId[] {
  return header.extensions.variant === 'causal' ? header.extensions.previous.filter(id => !missing.includes(id)) : []
}

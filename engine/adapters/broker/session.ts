/**
 * One client on one WebSocket. Its requests are taken one at a time, in the order they came, each in a turn of its own,
 * so that a client with much to say does not hold up the others; while too many wait, nothing is read from its socket.
 */

import type { RawData, WebSocket } from 'ws'
import { Cursor, isThicketError, OperationId, ThicketError, Topic } from '../../core/index.js'
import type { Node } from '../../node/index.js'
import { bodyOf, bytesOfBase64 } from './bodies.js'
import type { ClientMessage, ErrorMessage, From, PublishMessage, ServerMessage } from './client/messages.js'
import { Delivery } from './delivery.js'
import { errorMessage } from './errors.js'
import type { FollowedTopics } from './followed.js'
import type { BrokerLimits } from './limits.js'
import type { BrokerLog } from './log.js'
import type { BrokerMetrics } from './metrics.js'
import type { Owners } from './owners.js'
import type { Publications } from './published.js'
import { parseMessage } from './requests.js'
import type { Grant, Scope, Tokens } from './tokens.js'

export interface SessionWorld {
  readonly node: Node
  readonly tokens: Tokens
  readonly limits: BrokerLimits
  readonly followed: FollowedTopics
  readonly publications: Publications
  readonly owners: Owners
  readonly metrics: BrokerMetrics
  readonly log: BrokerLog
}

/** RFC 6455, 7.4.1: going away, unacceptable data, policy violation, try again later. */
const CLOSE = { goingAway: 1001, unreadable: 1007, policy: 1008, later: 1013 } as const

export class ClientSession {
  readonly #socket: WebSocket
  readonly #world: SessionWorld
  readonly #remote: string
  readonly #onIdentified: () => void
  readonly #deliveries = new Map<string, Delivery>()
  readonly #queue: { readonly text: string; readonly bytes: number }[] = []
  #queuedBytes = 0
  #hasSpoken = false
  #isServing = false
  #isPaused = false
  #isOver = false
  #grant: Grant | null = null
  #client = ''
  /** Looks at the connection that found it silent. */
  #silentLooks = 0
  #helloTimer: NodeJS.Timeout

  constructor(socket: WebSocket, remote: string, world: SessionWorld, onIdentified: () => void) {
    this.#socket = socket
    this.#remote = remote
    this.#world = world
    this.#onIdentified = onIdentified
    this.#helloTimer = setTimeout(() => {
      this.end(CLOSE.policy, new ThicketError('hello-timeout', 'no hello came in time'))
    }, world.limits.helloMs)
    socket.on('message', (data, isBinary) => this.#received(data, isBinary))
    socket.on('pong', () => this.#alive())
    // Frames that break the protocol, and messages that are too long: the library closes with the code for it.
    socket.on('error', error => {
      world.metrics.refused(codeOfProtocol(error))
      world.log.warn({ remote, err: error }, 'a WebSocket client broke the protocol')
    })
    socket.on('close', () => this.#closed())
  }

  get isIdentified(): boolean {
    return this.#grant !== null
  }

  /** Asks whether the client is still there; one that was silent for two looks is not. */
  look(): void {
    if (this.#silentLooks >= 2) {
      this.#world.metrics.refused('silent')
      this.#socket.terminate()
      return
    }
    this.#silentLooks += 1
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping()
  }

  end(code: number, error: ThicketError): void {
    if (this.#isOver) return
    this.#world.metrics.refused(error.code)
    this.#tell(errorMessage(error))
    this.#shut(code, error.code)
  }

  /** Ends in order; resolves when what was acknowledged is durable. */
  async goAway(): Promise<void> {
    this.#shut(CLOSE.goingAway, 'broker-closing')
    await this.#stopDeliveries()
  }

  #shut(code: number, reason: string): void {
    this.#isOver = true
    this.#resume()
    this.#socket.close(code, reason)
    // Who does not answer the close is not waited for.
    const timer = setTimeout(() => this.#socket.terminate(), CLOSE_MS)
    timer.unref()
    this.#socket.once('close', () => clearTimeout(timer))
  }

  #closed(): void {
    this.#isOver = true
    clearTimeout(this.#helloTimer)
    this.#queue.length = 0
    this.#stopDeliveries().catch((err: unknown) => {
      // A node that was closed first has taken its streams along.
      if (!isThicketError(err, 'node-closed')) this.#world.log.error({ err }, 'a subscription did not end well')
    })
  }

  async #stopDeliveries(): Promise<void> {
    const deliveries = [...this.#deliveries.values()]
    this.#deliveries.clear()
    for (const delivery of deliveries) {
      this.#world.owners.letGo(delivery)
      await delivery.stop()
    }
  }

  #received(data: RawData, isBinary: boolean): void {
    if (this.#isOver) return
    this.#alive()
    const bytes = Buffer.isBuffer(data) ? data : Buffer.from(data as ArrayBuffer)
    if (isBinary) {
      this.end(CLOSE.unreadable, new ThicketError('invalid-message', 'messages are JSON in text frames'))
      return
    }
    const { limits } = this.#world
    const isFirst = !this.#hasSpoken
    this.#hasSpoken = true
    if (isFirst && bytes.length > limits.helloBytes) {
      this.end(CLOSE.policy, new ThicketError('unauthorized', 'a hello comes first, and a hello is short'))
      return
    }
    this.#queue.push({ text: bytes.toString('utf8'), bytes: bytes.length })
    this.#queuedBytes += bytes.length
    if (this.#queue.length >= limits.requests || this.#queuedBytes >= limits.requestBytes) this.#pause()
    if (!this.#isServing) void this.#serve()
  }

  async #serve(): Promise<void> {
    this.#isServing = true
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
      this.#queuedBytes -= next.bytes
      await this.#handle(next.text)
      await new Promise(resolve => setImmediate(resolve))
      this.#resumeWithRoom()
      if (this.#isOver) break
    }
    this.#isServing = false
  }

  async #handle(text: string): Promise<void> {
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch {
      this.end(CLOSE.unreadable, new ThicketError('invalid-message', 'the message is no JSON'))
      return
    }
    try {
      const message = parseMessage(value)
      if (message.type === 'hello') this.#hello(message)
      else if (!this.#grant)
        this.end(CLOSE.policy, new ThicketError('unauthorized', 'a hello with a token comes first'))
      else await this.#request(message)
    } catch (error) {
      this.#failed(error, aboutOf(value))
      if (!this.#grant) this.#shut(CLOSE.policy, 'invalid-message')
    }
  }

  #hello({ token, client }: Extract<ClientMessage, { type: 'hello' }>): void {
    if (this.#grant) throw new ThicketError('invalid-message', 'a hello comes once')
    const grant = this.#world.tokens.grantOf(token)
    if (!grant) {
      this.#world.log.warn({ remote: this.#remote }, 'a client came with a wrong token')
      this.end(CLOSE.policy, new ThicketError('unauthorized', 'the token is not known here'))
      return
    }
    clearTimeout(this.#helloTimer)
    this.#grant = grant
    this.#client = client
    this.#onIdentified()
    const { node, limits } = this.#world
    this.#send({ type: 'welcome', client, nodeId: node.id, messageBytes: limits.messageBytes })
  }

  async #request(message: Exclude<ClientMessage, { type: 'hello' }>): Promise<void> {
    if (message.type === 'ping') this.#send({ type: 'pong' })
    else if (message.type === 'publish') await this.#publish(message)
    else if (message.type === 'subscribe') await this.#subscribe(message)
    else {
      const topic = Topic.fromHex(message.topic)
      const delivery = this.#deliveries.get(`${topic}/${message.consumer}`)
      if (!delivery) throw new ThicketError('consumer-unknown', 'this connection does not read for this consumer')
      if (message.type === 'ack') delivery.acknowledge(OperationId.fromHex(message.id))
      else await this.#unsubscribe(delivery)
    }
  }

  async #publish(message: PublishMessage): Promise<void> {
    const { followed, publications, metrics } = this.#world
    const topic = Topic.fromHex(message.topic)
    this.#require('publish', topic)
    const body = bodyOf(message)
    const { id, isNew } = await publications.publish(await followed.publisher(topic), {
      body,
      dependsOn: (message.dependsOn ?? []).map(OperationId.fromHex),
      reference: { client: this.#client, ref: message.ref },
    })
    metrics.published(isNew)
    this.#send({ type: 'published', ref: message.ref, id })
  }

  async #subscribe(message: Extract<ClientMessage, { type: 'subscribe' }>): Promise<void> {
    const { node, limits, owners, followed } = this.#world
    const topic = Topic.fromHex(message.topic)
    const { consumer } = message
    this.#require('subscribe', topic)
    const key = `${topic}/${consumer}`
    const from = fromOf(message.from)
    const before = this.#deliveries.get(key)
    if (!before && this.#deliveries.size >= limits.subscriptions) {
      throw new ThicketError('too-many-subscriptions', `a connection has at most ${limits.subscriptions} subscriptions`)
    }
    if (before) await this.#unsubscribe(before)
    await followed.publisher(topic)
    const delivery = new Delivery({
      topic,
      consumer,
      window: Math.min(message.window ?? limits.defaultWindow, limits.window),
      reader: this.#reader,
      onFailed: error => {
        this.#forget(delivery)
        this.#failed(error ?? new ThicketError('node-closed', 'the node is closed'), { topic, consumer })
      },
    })
    this.#deliveries.set(key, delivery)
    await owners.take(delivery, () => {
      this.#forget(delivery)
      const taken = new ThicketError('consumer-taken', 'another connection reads for this consumer now')
      this.#failed(taken, { topic, consumer })
    })
    try {
      const [, rx] = await node.streamFrom<Uint8Array>(topic, from, { consumer, ackPolicy: 'explicit', codec: 'bytes' })
      await delivery.begin(rx)
    } catch (error) {
      this.#forget(delivery)
      throw error
    }
  }

  async #unsubscribe(delivery: Delivery): Promise<void> {
    this.#forget(delivery)
    await delivery.stop()
  }

  #forget(delivery: Delivery): void {
    const key = `${delivery.topic}/${delivery.consumer}`
    if (this.#deliveries.get(key) === delivery) this.#deliveries.delete(key)
    this.#world.owners.letGo(delivery)
  }

  #require(scope: Scope, topic: string): void {
    if (!this.#grant?.may(scope, topic)) {
      throw new ThicketError('forbidden', `the token does not allow to ${scope} here`)
    }
  }

  #failed(error: unknown, about: Partial<ErrorMessage>): void {
    const { log, metrics } = this.#world
    if (!isThicketError(error)) log.error({ err: error, client: this.#client }, 'a request failed')
    const told = errorMessage(error, about)
    metrics.refused(told.code)
    this.#tell(told)
  }

  #tell(message: ErrorMessage): void {
    this.#send(message)
  }

  readonly #reader = {
    send: (message: ServerMessage) => {
      this.#world.metrics.delivered()
      this.#send(message)
    },
    isChoked: () => this.#isChoked,
  }

  get #isChoked(): boolean {
    return this.#socket.bufferedAmount > this.#world.limits.bufferedBytes
  }

  #send(message: ServerMessage): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    this.#socket.send(JSON.stringify(message), () => this.#sent())
    // Answers that nobody reads are not made without end.
    if (this.#isChoked) this.#pause()
  }

  /** Bytes have left for the network: the reader is slow perhaps, but there. */
  #sent(): void {
    if (this.#isOver) return
    this.#alive()
    this.#resumeWithRoom()
    if (!this.#isChoked) for (const delivery of this.#deliveries.values()) delivery.onRoom()
  }

  #alive(): void {
    this.#silentLooks = 0
  }

  #pause(): void {
    if (this.#isPaused || this.#isOver) return
    this.#isPaused = true
    this.#socket.pause()
  }

  #resumeWithRoom(): void {
    const { limits } = this.#world
    if (this.#queue.length >= limits.requests || this.#queuedBytes >= limits.requestBytes || this.#isChoked) return
    this.#resume()
  }

  #resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#socket.resume()
  }
}

/** Milliseconds for the other side to answer a close. */
const CLOSE_MS = 2_000

function fromOf(from: From | undefined): 'frontier' | 'start' | Cursor {
  if (from === undefined) return 'frontier'
  return typeof from === 'string' ? from : Cursor.decode(bytesOfBase64(from.cursor))
}

/** What an error is about, as far as the message can be read. */
function aboutOf(value: unknown): Partial<ErrorMessage> {
  if (typeof value !== 'object' || value === null) return {}
  const about: Record<string, string> = {}
  for (const name of ['ref', 'topic', 'consumer'] as const) {
    const said = (value as Record<string, unknown>)[name]
    if (typeof said === 'string' && said.length <= MAX_ECHO) about[name] = said
  }
  return about
}

/** Characters that are said back to a client. */
const MAX_ECHO = 256

function codeOfProtocol(error: Error): string {
  return 'code' in error && error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' ? 'message-too-large' : 'protocol-broken'
}

/** One client on one WebSocket: who it is, what it may, what it asks for and reads. */

import type { WebSocket } from 'ws'
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
import { PacedSocket } from './paced-socket.js'
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

/** RFC 6455, 7.4.1: going away, unacceptable data, policy violation. */
const CLOSE = { goingAway: 1001, unreadable: 1007, policy: 1008 } as const

export class ClientSession {
  readonly #socket: PacedSocket
  readonly #world: SessionWorld
  readonly #remote: string
  readonly #onIdentified: () => void
  readonly #deliveries = new Map<string, Delivery>()
  #grant: Grant | null = null
  #client = ''
  #helloTimer: NodeJS.Timeout

  constructor(socket: WebSocket, remote: string, world: SessionWorld, onIdentified: () => void) {
    this.#world = world
    this.#remote = remote
    this.#onIdentified = onIdentified
    this.#helloTimer = setTimeout(() => {
      this.end(CLOSE.policy, new ThicketError('hello-timeout', 'no hello came in time'))
    }, world.limits.helloMs)
    this.#socket = new PacedSocket(socket, world.limits, {
      onText: text => this.#handle(text),
      onUnreadable: reason => this.#unreadable(reason),
      onRoom: () => {
        for (const delivery of this.#deliveries.values()) delivery.onRoom()
      },
      onProtocolError: error => {
        world.metrics.refused(codeOfProtocol(error))
        world.log.warn({ remote, err: error }, 'a WebSocket client broke the protocol')
      },
      onSilent: () => world.metrics.refused('silent'),
      onClosed: () => this.#closed(),
    })
  }

  /** Asks whether the client is still there. */
  look(): void {
    this.#socket.look()
  }

  end(code: number, error: ThicketError): void {
    if (this.#socket.isOver) return
    this.#world.metrics.refused(error.code)
    this.#send(errorMessage(error))
    this.#socket.close(code, error.code)
  }

  /** Ends in order; resolves when what was acknowledged is durable. */
  async goAway(): Promise<void> {
    this.#socket.close(CLOSE.goingAway, 'broker-closing')
    await this.#stopDeliveries()
  }

  #closed(): void {
    clearTimeout(this.#helloTimer)
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

  #unreadable(reason: 'binary' | 'long-hello'): void {
    if (reason === 'binary') {
      this.end(CLOSE.unreadable, new ThicketError('invalid-message', 'messages are JSON in text frames'))
    } else this.end(CLOSE.policy, new ThicketError('unauthorized', 'a hello comes first, and a hello is short'))
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
      if (!this.#grant) this.#socket.close(CLOSE.policy, 'invalid-message')
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
    // Nobody would ever end what a closed connection begins.
    if (this.#socket.isOver) return
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
    this.#send(told)
  }

  readonly #reader = {
    send: (message: ServerMessage) => {
      this.#world.metrics.delivered()
      this.#send(message)
    },
    isChoked: () => this.#socket.isChoked,
  }

  #send(message: ServerMessage): void {
    this.#socket.send(JSON.stringify(message))
  }
}

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

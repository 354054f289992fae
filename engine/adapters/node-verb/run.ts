/**
 * A node from its first setting to its orderly end. Everything that belongs to the process (standard streams, signals,
 * exit codes) comes in, so that a test can run as many nodes as it likes.
 */

import type { Readable, Writable } from 'node:stream'
import { pino } from 'pino'
import { SigningKey } from '../../core/index.js'
import { type MdnsMode, type Node, NodeBuilder, type NodeDefaults, type SlowTransport } from '../../node/index.js'
import type { Database, Trace } from '../../ports.js'
import type { Broker } from '../broker/index.js'
import { type Chat, openChat } from './chat.js'
import { type Health, healthOf } from './health.js'
import { openKeyFile } from './key-file.js'
import { DRAIN_MS, DRAIN_POLL_MS, SHUTDOWN_MS } from './limits.js'
import { createMetrics, type NodeMetrics } from './metrics.js'
import { Observer } from './observer.js'
import type { NodeSettings, TransportName } from './settings.js'
import { supportTopics } from './support.js'

export interface NodeWorld {
  readonly defaults: NodeDefaults
  openTransport(options: TransportOptions): SlowTransport
  readonly input: Readable
  readonly output: Writable
  /** Logs, and what is said to a person. */
  readonly notes: { write(text: string): unknown }
  /** Resolves when the node is to end, with the reason for the log. */
  readonly stop: Promise<string>
}

export interface TransportOptions {
  readonly transport: TransportName
  readonly mdns: MdnsMode
  /** Empty: where the transport likes. */
  readonly listen: readonly string[]
  readonly log: Trace
}

export interface RunningNode {
  readonly node: Node
  readonly metrics: NodeMetrics
  readonly health: () => Health
  /** Resolves when the node was told to end, rejects when it cannot go on. */
  readonly until: Promise<string>
  /** Ends it in order, within bounds; never rejects. */
  close(): Promise<void>
}

type Logger = pino.Logger

export async function startNode(settings: NodeSettings, world: NodeWorld): Promise<RunningNode> {
  const log = pino({ level: settings.logLevel, base: {}, timestamp: pino.stdTimeFunctions.isoTime }, world.notes)
  const signingKey = keyOf(settings, world, log)
  const observer = new Observer(log)
  const failure = withResolvers<never>()
  // Nobody may be listening yet when it fails.
  failure.promise.catch(() => {})
  let isReady = false
  let isClosing = false
  const onFailure = (error: unknown): void => {
    if (isClosing) return
    log.fatal({ err: error }, 'the node cannot go on')
    failure.reject(error)
  }

  const { node, database, transport } = await spawnNode(settings, world, signingKey, observer)
  const metrics = createMetrics({ node, observer, transport: figuresOf(transport) })
  const health = (): Health =>
    healthOf({ node, observer, database, path: settings.database, isReady: () => isReady && !isClosing })
  const parts: { close(): Promise<void> }[] = []

  async function close(): Promise<void> {
    if (isClosing) return
    isClosing = true
    const isDone = await within(SHUTDOWN_MS, async () => {
      for (const part of parts)
        await part.close().catch((err: unknown) => log.error({ err }, 'a part did not end well'))
      // Sessions whose topics have gone say so to their peers before connections are cut.
      await drained(node)
      await node.close()
    })
    metrics.close()
    if (isDone) log.info({}, 'the node has ended')
    else log.warn({ afterMs: SHUTDOWN_MS }, 'the node did not end in time; what it stored is durable all the same')
  }

  try {
    let chat: Chat | null = null
    if (settings.stdin) {
      const { input, output } = world
      chat = await openChat({ node, topics: settings.topics, input, output, log, onFailure })
      parts.push(chat)
    } else if (settings.topics.length > 0) {
      parts.push(await supportTopics(node, settings.topics))
    }
    if (settings.http !== null) {
      const broker = await openBroker(settings, settings.http, { node, metrics, health, log, notes: world.notes })
      parts.unshift(broker)
    }
    isReady = true
    log.info({ id: node.id, networkId: node.networkId, addresses: node.addresses() }, 'the node is ready')
    if (chat) await chat.begin()
    else world.notes.write(readyText(node))
  } catch (error) {
    await close()
    throw error
  }
  const until = Promise.race([
    world.stop.then(reason => {
      log.info({ reason }, 'the node is ending')
      return reason
    }),
    failure.promise,
  ])
  until.catch(() => {})
  return { node, metrics, health, until, close }
}

function keyOf(settings: NodeSettings, world: NodeWorld, log: Logger): SigningKey {
  if (settings.key === null) return SigningKey.random(world.defaults.random)
  const { key, wasCreated, isExposed } = openKeyFile(settings.key, world.defaults.random)
  if (wasCreated) log.info({ path: settings.key, id: key.verifyingKey }, 'a key was created')
  if (isExposed) log.warn({ path: settings.key }, 'others on this machine may read or change the key file')
  if (settings.database === ':memory:') {
    log.warn({ id: key.verifyingKey }, 'without a database the next start with this key forks the log of this one')
  }
  return key
}

interface Spawned {
  readonly node: Node
  readonly database: Database
  readonly transport: SlowTransport
}

async function spawnNode(
  settings: NodeSettings,
  { defaults, openTransport }: NodeWorld,
  signingKey: SigningKey,
  observer: Observer,
): Promise<Spawned> {
  let database: Database | null = null
  let transport: SlowTransport | null = null
  const builder = new NodeBuilder({
    ...defaults,
    openDatabase: path => (database = defaults.openDatabase(path)),
    openTransport: options => (transport = openTransport({ ...options, transport: settings.transport, log: observer })),
  })
  builder.signingKey(signingKey).database(settings.database).mdns(settings.mdns).trace(observer)
  builder.access({ deny: settings.deny, ...(settings.allow === null ? {} : { allow: settings.allow }) })
  if (settings.share) builder.share(settings.share)
  if (settings.networkId) builder.networkId(settings.networkId)
  for (const address of settings.listen) builder.listen(address)
  for (const address of settings.bootstrap) builder.bootstrap(address)
  const node = await builder.spawn()
  return { node, database: database!, transport: transport! }
}

interface BrokerParts {
  readonly node: Node
  readonly metrics: NodeMetrics
  readonly health: () => Health
  readonly log: Logger
  readonly notes: NodeWorld['notes']
}

/** Its library is loaded for those alone who want it. The token of a node without a database is told, not kept. */
async function openBroker(settings: NodeSettings, port: number, parts: BrokerParts): Promise<Broker> {
  const { startBroker } = await import('../broker/index.js')
  const { node, metrics, health, log, notes } = parts
  const tokenFile = settings.tokenFile ?? (settings.database === ':memory:' ? null : `${settings.database}.token`)
  const broker = await startBroker({
    node,
    port,
    ...(tokenFile === null ? {} : { tokenFile }),
    metrics: () => metrics.text(),
    health,
    log,
  })
  notes.write(`broker at ${broker.url}, its token ${tokenFile === null ? `is ${broker.token}` : `in ${tokenFile}`}\n`)
  return broker
}

/** What a transport counts, if it counts at all. */
function figuresOf(transport: SlowTransport): (() => object) | null {
  const counting: SlowTransport & { metrics?: () => object } = transport
  return counting.metrics ? () => counting.metrics?.() ?? {} : null
}

function readyText(node: Node): string {
  const addresses = node.addresses()
  const where = addresses.length === 0 ? 'it has no address of its own' : addresses.join('\n  ')
  return `node ${node.id} is ready\n  ${where}\n`
}

async function drained(node: Node): Promise<void> {
  for (let waitedMs = 0; waitedMs < DRAIN_MS && node.metrics().sync.active > 0; waitedMs += DRAIN_POLL_MS) {
    await new Promise(resolve => setTimeout(resolve, DRAIN_POLL_MS))
  }
}

/** Whether the work was done in time; what fails is over as well. */
async function within(limitMs: number, work: () => Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<boolean>(resolve => {
    timer = setTimeout(() => resolve(false), limitMs)
  })
  try {
    return await Promise.race([work().then(() => true), timeout])
  } finally {
    clearTimeout(timer)
  }
}

interface Resolvers<Value> {
  readonly promise: Promise<Value>
  readonly reject: (error: unknown) => void
}

function withResolvers<Value>(): Resolvers<Value> {
  let reject: (error: unknown) => void = () => {}
  const promise = new Promise<Value>((_, fail) => {
    reject = fail
  })
  return { promise, reject }
}

/** Starts and ends the broker: sockets, limits, and the order in which things close. */

import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { ThicketError } from '../../core/index.js'
import type { Node } from '../../node/index.js'
import { FollowedTopics } from './followed.js'
import { createHttp } from './http.js'
import { type BrokerLimits, DEFAULT_BROKER_LIMITS } from './limits.js'
import { type BrokerLog, SILENT } from './log.js'
import { createBrokerMetrics } from './metrics.js'
import { createOriginRules, isLoopback } from './origins.js'
import { Owners } from './owners.js'
import { loadPages } from './pages.js'
import { Publications } from './published.js'
import { ClientSession, type SessionWorld } from './session.js'
import { createTokens, type ScopedToken, tokenOfFile } from './tokens.js'

export interface BrokerOptions {
  readonly node: Node
  /** An address of loopback unless `allowRemote` says otherwise: what is spoken here is not encrypted. */
  readonly host?: string
  readonly allowRemote?: boolean
  /** 0 for any that is free. */
  readonly port: number
  /** The token that may do everything; made when neither it nor a file for it is named. */
  readonly token?: string
  readonly tokenFile?: string
  /** Further tokens that may do less. */
  readonly scopes?: readonly ScopedToken[]
  /** Pages of other origins that may speak to the broker, such as https://example.org. */
  readonly allowedOrigins?: readonly string[]
  /** Names by which the broker may be addressed beside localhost and addresses in numbers. */
  readonly allowedHosts?: readonly string[]
  readonly log?: BrokerLog
  /** The node's metrics in Prometheus's text; those of the broker come after it. */
  readonly metrics?: () => Promise<string>
  readonly health?: () => object
  readonly limits?: Partial<BrokerLimits>
  /** Folder with the compiled scripts of the chat page, where it is not the ordinary one. */
  readonly pageScripts?: string
}

export interface Broker {
  /** `http://127.0.0.1:4000`, without a slash at the end. */
  readonly url: string
  readonly host: string
  readonly port: number
  readonly token: string
  /** Ends connections in order; resolves when what clients acknowledged is durable. The node lives on. */
  close(): Promise<void>
}

/** Addresses at which a WebSocket is taken. */
const SOCKET_PATHS: ReadonlySet<string> = new Set(['/', '/ws'])

/** @throws `host-not-loopback`, `port-unavailable`, `invalid-setting`, and those of tokens and of the node */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const { node, host = '127.0.0.1', log = SILENT } = options
  if (!isLoopback(host)) {
    if (!options.allowRemote) {
      throw new ThicketError('host-not-loopback', 'the broker listens on loopback alone unless it is told otherwise', {
        got: host,
      })
    }
    log.warn({ host }, 'the broker listens beyond this machine, without encryption of its own')
  }
  const limits: BrokerLimits = { ...DEFAULT_BROKER_LIMITS, ...options.limits }
  const token = tokenOf(options)
  const tokens = createTokens(token, options.scopes)
  const origins = createOriginRules(options.allowedOrigins ?? [], [
    ...(options.allowedHosts ?? []),
    ...(host === '0.0.0.0' || host === '::' ? [] : [host]),
  ])
  const sessions = new Set<ClientSession>()
  const owners = new Owners()
  const publications = new Publications(node, limits.references)
  const followed = await FollowedTopics.open(node, limits.topics)
  const metrics = createBrokerMetrics({
    connections: () => sessions.size,
    subscriptions: () => owners.count,
    topics: () => followed.count,
  })
  const world: SessionWorld = { node, tokens, limits, followed, publications, owners, metrics, log }
  const app = createHttp({
    ...world,
    origins,
    pages: loadPages(options.pageScripts),
    health: options.health ?? (() => ({ ok: true })),
    metricsText: options.metrics ?? (async () => ''),
  })
  const server = createServer(
    { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 5_000, maxHeaderSize: 16 * 1024 },
    app,
  )
  server.maxConnections = limits.connections + limits.httpConnections
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: limits.messageBytes,
    perMessageDeflate: false,
  })
  let strangers = 0
  let isClosing = false

  function refuse(socket: Duplex, status: string, code: string): void {
    metrics.refused(code)
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  }

  function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy())
    const { host: asked, origin } = request.headers
    const [path = ''] = (request.url ?? '').split('?')
    if (!origins.isHostAllowed(asked)) refuse(socket, '421 Misdirected Request', 'host-refused')
    else if (!origins.isOriginAllowed(origin, asked)) refuse(socket, '403 Forbidden', 'origin-refused')
    else if (!SOCKET_PATHS.has(path)) refuse(socket, '404 Not Found', 'not-found')
    else if (isClosing || sessions.size >= limits.connections || strangers >= limits.strangers) {
      refuse(socket, '503 Service Unavailable', 'too-many-connections')
    } else sockets.handleUpgrade(request, socket, head, opened => accept(opened, request.socket.remoteAddress ?? ''))
  }

  function accept(socket: WebSocket, remote: string): void {
    let isStranger = true
    strangers += 1
    const known = (): void => {
      if (isStranger) strangers -= 1
      isStranger = false
    }
    const session = new ClientSession(socket, remote, world, known)
    sessions.add(session)
    socket.on('close', () => {
      known()
      sessions.delete(session)
    })
  }

  server.on('upgrade', upgrade)
  const looks = setInterval(() => {
    for (const session of sessions) session.look()
  }, limits.pingMs)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(options.port, host, resolve)
    })
  } catch (cause) {
    clearInterval(looks)
    await followed.close()
    throw new ThicketError('port-unavailable', `the broker cannot listen on ${host}:${options.port}`, {}, { cause })
  }
  server.on('error', err => log.error({ err }, 'the broker has trouble with its socket'))
  const { port } = server.address() as AddressInfo
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
  log.info({ url }, 'the broker is listening')

  return {
    url,
    host,
    port,
    token,
    async close() {
      if (isClosing) return
      isClosing = true
      clearInterval(looks)
      const isClosed = new Promise<void>(resolve => server.close(() => resolve()))
      await Promise.all([...sessions].map(session => session.goAway().catch(() => {})))
      server.closeAllConnections()
      await followed.close()
      await isClosed
      log.info({ url }, 'the broker has ended')
    },
  }
}

function tokenOf({ token, tokenFile }: BrokerOptions): string {
  if (token !== undefined && tokenFile !== undefined) {
    throw new ThicketError('invalid-setting', 'either a token or a file for it is named')
  }
  return token ?? (tokenFile === undefined ? randomBytes(32).toString('hex') : tokenOfFile(tokenFile))
}

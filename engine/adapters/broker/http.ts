/**
 * The broker's HTTP side. Without a token it tells whether the node is well and hands out the example page; everything
 * else asks for one first, so that a stranger cannot tell what there is.
 */

import express, { type NextFunction, type Request, type Response } from 'express'
import { isThicketError, OperationId, ThicketError, type Topic, VerifyingKey } from '../../core/index.js'
import type { InspectedOperation } from '../../node/index.js'
import { base64Of, bodyOf, contentOf } from './bodies.js'
import { errorMessage, statusOf } from './errors.js'
import { plainJson } from './events.js'
import type { OriginRules } from './origins.js'
import type { Pages } from './pages.js'
import { parsePosted, parseTopic } from './requests.js'
import type { SessionWorld } from './session.js'
import type { Grant } from './tokens.js'

export interface HttpWorld extends SessionWorld {
  readonly origins: OriginRules
  readonly pages: Pages
  /** What is known of the node beside the broker; `ok: false` says that it cannot do its work. */
  readonly health: () => object
  /** Metrics of the node in Prometheus's text, before those of the broker. */
  readonly metricsText: () => Promise<string>
}

export function createHttp(world: HttpWorld): express.Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.use(guard(world))
  app.get('/health', (request, response) => {
    const health = world.health()
    const ok = !('ok' in health) || health.ok !== false
    const grant = grantOf(world, request)
    // Ids, addresses and paths are for those who may look at the node.
    response.status(ok ? 200 : 503).json(grant?.may('inspect', null) ? { ok, ...plainObject(health) } : { ok })
  })
  for (const [path, page] of world.pages.files) {
    app.get(path, (request, response) => {
      response
        .set(page.headers(request.headers.host ?? ''))
        .type(page.type)
        .send(page.read())
    })
  }
  app.use((request, response, next) => {
    const grant = grantOf(world, request)
    if (!grant) {
      world.metrics.refused('unauthorized')
      response.set('WWW-Authenticate', 'Bearer')
      throw new ThicketError('unauthorized', 'a token of this broker is needed: Authorization: Bearer <token>')
    }
    response.locals.grant = grant
    next()
  })
  app.get('/metrics', async (_, response) => {
    requireInspect(response, null)
    const text = `${await world.metricsText()}${await world.metrics.text()}`
    response.type('text/plain; version=0.0.4; charset=utf-8').send(text)
  })
  inspection(app, world)
  publication(app, world)
  app.use(() => {
    throw new ThicketError('not-found', 'there is nothing here')
  })
  app.use((error: unknown, _: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) return next(error)
    const coded = codedOf(error)
    if (!isThicketError(coded)) world.log.error({ err: error }, 'an HTTP request failed')
    const { code, message } = errorMessage(coded)
    response.status(statusOf(code)).json({ code, message })
  })
  return app
}

/** Who may ask at all, by name and by origin, and what browsers are told about every answer. */
function guard({ origins, metrics }: HttpWorld) {
  return (request: Request, response: Response, next: NextFunction): void => {
    const { host, origin } = request.headers
    response.set({
      'Cache-Control': 'no-store',
      'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
      'Cross-Origin-Resource-Policy': 'same-origin',
      'Referrer-Policy': 'no-referrer',
      'X-Content-Type-Options': 'nosniff',
    })
    if (!origins.isHostAllowed(host)) {
      metrics.refused('host-refused')
      throw new ThicketError('host-refused', 'this broker does not go by that name')
    }
    if (!origins.isOriginAllowed(origin, host)) {
      metrics.refused('origin-refused')
      throw new ThicketError('origin-refused', 'pages of this origin may not speak to this broker')
    }
    if (origin !== undefined && origins.isForeign(origin)) {
      response.set({
        'Access-Control-Allow-Origin': origin,
        'Access-Control-Allow-Headers': 'Authorization, Content-Type',
        'Access-Control-Allow-Methods': 'GET, POST',
        'Cross-Origin-Resource-Policy': 'cross-origin',
        Vary: 'Origin',
      })
      // A preflight carries no token, and learns nothing but that it may ask.
      if (request.method === 'OPTIONS') {
        response.status(204).end()
        return
      }
    }
    next()
  }
}

function inspection(app: express.Express, { node, limits }: HttpWorld): void {
  app.get('/api/topics', (_, response) => {
    const grant = grantIn(response)
    const topics = node
      .inspect()
      .topics()
      .filter(({ topic }) => grant.may('inspect', topic))
    response.json({ topics: plainJson(topics.slice(0, limits.rows)), isCut: topics.length > limits.rows })
  })
  app.get('/api/logs', (request, response) => {
    const grant = grantIn(response)
    const { topic: named, after, limit } = request.query
    const rows = limitOf(limit, limits.rows)
    const inspect = node.inspect()
    const topics = named === undefined ? inspect.topics().map(({ topic }) => topic) : [parseTopic(named)]
    const start = after === undefined ? null : VerifyingKey.fromHex(String(after))
    const logs = []
    for (const topic of topics) {
      if (!grant.may('inspect', topic)) continue
      // One more than is shown, to know whether there is more.
      logs.push(...inspect.logs(topic, start, rows + 1 - logs.length))
      if (logs.length > rows) break
    }
    response.json({ logs: plainJson(logs.slice(0, rows)), isCut: logs.length > rows })
  })
  app.get('/api/peers', (_, response) => {
    requireInspect(response, null)
    const peers = node.inspect().peers()
    response.json({ peers: plainJson(peers.slice(0, limits.rows)), isCut: peers.length > limits.rows })
  })
  app.get('/api/sessions', (_, response) => {
    const grant = grantIn(response)
    const sessions = node
      .inspect()
      .sessions()
      .filter(({ topic }) => grant.may('inspect', topic))
    response.json({ sessions: plainJson(sessions.slice(0, limits.rows)), isCut: sessions.length > limits.rows })
  })
  app.get('/api/operations/:id', (request, response) => {
    const id = OperationId.fromHex(request.params.id)
    const found = node.inspect().operation(id)
    // One of another topic is as unknown as one that is not there.
    if (!found || !grantIn(response).may('inspect', found.topic)) {
      throw new ThicketError('operation-unknown', 'there is no such operation')
    }
    response.json(operationJson(found))
  })
}

function publication(app: express.Express, { followed, limits, metrics, publications }: HttpWorld): void {
  const parseBody = express.json({ limit: limits.messageBytes, strict: false })
  app.post('/api/topics/:topic/operations', parseBody, async (request, response) => {
    const topic = parseTopic(request.params.topic)
    if (!grantIn(response).may('publish', topic)) throw forbidden()
    if (!request.is('application/json')) throw new ThicketError('invalid-message', 'the body is application/json')
    const posted = parsePosted(request.body)
    const { id, isNew } = await publications.publish(await followed.publisher(topic), {
      body: bodyOf(posted.bytes === undefined ? { message: posted.message ?? null } : { bytes: posted.bytes }),
      dependsOn: (posted.dependsOn ?? []).map(OperationId.fromHex),
      reference: posted.client === undefined ? null : { client: posted.client, ref: posted.ref! },
    })
    metrics.published(isNew)
    response.status(isNew ? 201 : 200).json({ id })
  })
}

function operationJson({ header, body, topic, isReleased }: InspectedOperation): object {
  const { id, author, seqNum, backlink, payloadSize, payloadHash, extensions, bytes } = header
  return {
    id,
    topic,
    author,
    logId: extensions.logId,
    seqNum,
    backlink,
    timestamp: String(extensions.timestamp),
    prune: extensions.variant === 'basic' && extensions.prune,
    previous: extensions.variant === 'causal' ? extensions.previous : [],
    isReleased,
    payloadSize,
    payloadHash,
    header: base64Of(bytes),
    body: body && base64Of(body),
    ...(body ? { message: contentOf(body).message } : {}),
  }
}

function grantOf({ tokens }: HttpWorld, request: Request): Grant | null {
  const [, token] = /^Bearer +([!-~]+) *$/i.exec(request.headers.authorization ?? '') ?? []
  return token === undefined ? null : tokens.grantOf(token)
}

function grantIn(response: Response): Grant {
  return response.locals.grant as Grant
}

function requireInspect(response: Response, topic: Topic | null): void {
  if (!grantIn(response).may('inspect', topic)) throw forbidden()
}

function forbidden(): ThicketError {
  return new ThicketError('forbidden', 'the token does not allow that')
}

function limitOf(value: unknown, most: number): number {
  if (value === undefined) return most
  const rows = Number(value)
  if (Number.isInteger(rows) && rows >= 1) return Math.min(rows, most)
  throw new ThicketError('invalid-message', 'limit is a whole number of 1 or more')
}

function plainObject(value: object): object {
  return plainJson(value) as object
}

/** Errors of Express and of its body parser carry a status. */
function codedOf(error: unknown): unknown {
  if (!(error instanceof Error) || isThicketError(error) || !('status' in error)) return error
  if (error.status === 413) return new ThicketError('message-too-large', 'the body is too large')
  if (typeof error.status === 'number' && error.status < 500) {
    return new ThicketError('invalid-message', 'the request cannot be read')
  }
  return error
}

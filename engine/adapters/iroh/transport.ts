/**
 * Meets others over iroh, as nodes of p2panda do: QUIC with the node's own key, one QUIC connection for each connection
 * of the port, its protocol as the ALPN.
 */

import { isThicketError, ThicketError, type VerifyingKey } from '../../core/index.js'
import type { AddressedHost, Addressing, Connection, Trace, Transport, TransportHost } from '../../ports.js'
import { AddressedNode } from '../addressed/addressed-node.js'
import { keyOfHex } from '../addressed/key-of-hex.js'
import { formatAddress } from '../addresses.js'
import { alpnOf, Protocols } from './alpn.js'
import type { Incoming, QuicConnection } from './binding.js'
import { numbersOf } from './bytes.js'
import { type ConnectionHost, IrohConnection } from './connection.js'
import { Counters } from './counters.js'
import { type BoundEndpoint, bindEndpoint } from './endpoint.js'
import { handshakeViolation } from './failures.js'
import { ADDRESS_CHECK_MS, DEFAULT_IROH_LIMITS, type IrohLimits } from './limits.js'
import type { IrohMetrics } from './metrics.js'
import { dialTargets, isBindPlace, isPlace, relayOf, relayPlace } from './places.js'
import { Turns } from './turns.js'

export interface IrohOptions {
  /** `host:port` of this machine, one for each family; any free port of every interface when absent. */
  readonly listen?: readonly string[]
  /** Relays that this node may be reached through, in order of nothing: the nearest is chosen. None by default. */
  readonly relays?: readonly string[]
  readonly limits?: Partial<IrohLimits>
  readonly log?: Trace
}

export interface IrohTransport extends Transport {
  readonly addressing: Addressing
  /** Resolves when it can be reached; rejects with `iroh-unavailable`, or with `listen-failed` for a port that is taken. */
  ready(): Promise<void>
  /** Stops, and resolves when sockets and timers are released. */
  close(): Promise<void>
  /** Resolves when what `stop` has begun is done. */
  closed(): Promise<void>
  metrics(): IrohMetrics
}

/** @throws `address-invalid` for a place that it cannot listen on, or a relay that is none */
export function irohTransport(options: IrohOptions = {}): IrohTransport {
  const listen = options.listen ?? []
  for (const place of listen) {
    if (isBindPlace(place)) continue
    throw new ThicketError('address-invalid', 'a place to listen on reads host:port, with an address of this machine', {
      got: place,
    })
  }
  const relays = (options.relays ?? []).map(url => {
    const relay = relayOf(relayPlace(url))
    if (relay !== null) return relay
    throw new ThicketError('address-invalid', 'a relay is an address that begins with https:// or http://', {
      got: url,
    })
  })
  return new IrohNode(listen, relays, { ...DEFAULT_IROH_LIMITS, ...options.limits }, options.log ?? null)
}

class IrohNode extends AddressedNode<IrohLimits> implements IrohTransport, ConnectionHost {
  readonly #listen: readonly string[]
  readonly #relays: readonly string[]
  readonly #counters = new Counters()
  readonly #connections = new Map<VerifyingKey, Set<IrohConnection>>()
  /** Where a peer that has come to us has come from: it listens on the same socket. */
  readonly #seen = new Map<VerifyingKey, string>()
  readonly #dials: Turns
  #protocols = new Protocols([])
  #endpoint: BoundEndpoint | null = null
  #handshakes = 0
  #unreadBytes = 0

  constructor(listen: readonly string[], relays: readonly string[], limits: IrohLimits, log: Trace | null) {
    super('iroh', limits, log)
    this.#listen = listen
    this.#relays = relays
    this.#dials = new Turns(limits.dials, limits.dialsWaiting)
  }

  addresses(): readonly string[] {
    const peer = this.host?.id
    if (peer === undefined) return []
    const places = this.addressing.own().filter(place => relayOf(place) === null)
    return places.map(place => formatAddress({ kind: 'iroh', peer, place }))
  }

  dial(peer: VerifyingKey, protocol: string, done: (connection: Connection | null) => void): void {
    void this.#dial(peer, protocol).then(connection => {
      // Out of the promise, so that what the owner throws ends where such things end.
      setImmediate(() => {
        const isWanted = connection !== null && this.state === 'running'
        if (connection === null) this.#counters.dialsFailed++
        else if (!isWanted) connection.cut()
        done(isWanted ? connection.end : null)
        if (isWanted) connection.start()
      })
    })
  }

  metrics(): IrohMetrics {
    let connections = 0
    let streams = 0
    for (const connection of this.#allConnections()) {
      connections++
      streams += connection.streams
    }
    const { accepted, dialled, dialsFailed, bytesSent, bytesReceived, violations } = this.#counters
    return {
      connections,
      streams,
      peers: this.peers.size,
      unreadBytes: this.#unreadBytes,
      handshakes: this.#handshakes,
      accepted,
      dialled,
      dialsFailed,
      bytesSent,
      bytesReceived,
      violations,
    }
  }

  unread(bytes: number): void {
    this.#unreadBytes += bytes
    if (bytes <= 0 || this.#unreadBytes <= this.limits.unreadBytes) return
    let largest: IrohConnection | null = null
    for (const connection of this.#allConnections()) {
      if (largest === null || connection.unreadBytes > largest.unreadBytes) largest = connection
    }
    if (largest === null) return
    this.#violated('unread-bytes-exceeded', largest.end.remote)
    largest.cut()
  }

  moved(sentBytes: number, receivedBytes: number): void {
    this.#counters.bytesSent += sentBytes
    this.#counters.bytesReceived += receivedBytes
  }

  over(connection: IrohConnection): void {
    const peer = connection.end.remote
    const connections = this.#connections.get(peer)
    if (!connections?.delete(connection)) return
    if (connections.size === 0) this.#connections.delete(peer)
    this.peers.linkClosed(peer)
  }

  protected async begin(_host: TransportHost, addressed: AddressedHost): Promise<void> {
    this.#protocols = new Protocols(addressed.protocols)
    try {
      const alpns = addressed.protocols.map(alpnOf)
      this.#endpoint = await bindEndpoint({ seed: addressed.seed, alpns, listen: this.#listen, relays: this.#relays })
    } catch (cause) {
      this.log?.event('listen-failed', { listen: this.#listen.join(' '), cause: String(cause) })
      if (isThicketError(cause)) throw cause
      throw new ThicketError(
        'listen-failed',
        'this node cannot listen where it is to',
        { listen: this.#listen },
        { cause },
      )
    }
    if (this.state !== 'running') return
    void this.#acceptAll(this.#endpoint)
    this.watch(ADDRESS_CHECK_MS)
  }

  protected async end(): Promise<void> {
    for (const { end } of [...this.#allConnections()]) end.close(0)
    await this.started.catch(() => {})
    // What was closed in order is to arrive, when the others answer in time.
    const deadlineMs = performance.now() + this.limits.stopMs
    while (performance.now() < deadlineMs && this.#connections.size > 0) {
      await new Promise(resolve => setTimeout(resolve, 5))
    }
    for (const connection of [...this.#allConnections()]) connection.cut()
    await this.#endpoint?.close()
  }

  async #acceptAll(endpoint: BoundEndpoint): Promise<void> {
    for (;;) {
      const incoming = await endpoint.next()
      if (incoming === null) return
      if (this.state !== 'running') incoming.refuse().catch(() => {})
      else if (this.#handshakes >= this.limits.handshakes) {
        this.#violated('handshakes-exceeded', null)
        incoming.refuse().catch(() => {})
      } else {
        this.#handshakes++
        void this.#welcome(incoming).finally(() => this.#handshakes--)
      }
    }
  }

  async #welcome(incoming: Incoming): Promise<void> {
    let quic: QuicConnection
    try {
      const isCrowded = this.#handshakes > this.limits.handshakes / 2
      if (isCrowded && !(await incoming.remoteAddrValidated())) {
        await incoming.retry()
        return
      }
      quic = await (await incoming.accept()).connect()
    } catch (error) {
      this.#violated(handshakeViolation(error), null)
      return
    }
    this.#accept(quic)
  }

  #accept(quic: QuicConnection): void {
    const peer = keyOfHex(quic.remoteId().toString())
    const protocol = this.#protocols.nameOf(quic.alpn())
    const refuse = (code: string | null): void => {
      if (code !== null) this.#violated(code, peer)
      quic.close(0n, [])
    }
    if (this.state !== 'running' || protocol === null) refuse(null)
    else if (peer === null || peer === this.host?.id) refuse('key-type-refused')
    else if (!this.addressed?.mayConnect(peer)) refuse('peer-denied')
    else if (this.#isFull(peer)) refuse('connections-exceeded')
    else {
      const place = quic.paths().find(({ isIp }) => isIp)?.remoteAddr
      if (place !== undefined && isPlace(place)) this.#saw(peer, place)
      const connection = this.#add(quic, peer, 'acceptor', protocol)
      this.#counters.accepted++
      setImmediate(() => {
        if (this.state === 'running') this.host?.accept(connection.end)
        else connection.end.close(0)
        connection.start()
      })
    }
  }

  #add(quic: QuicConnection, peer: VerifyingKey, role: 'initiator' | 'acceptor', protocol: string): IrohConnection {
    const connection = new IrohConnection(this, quic, peer, role, protocol)
    const connections = this.#connections.get(peer) ?? new Set()
    this.#connections.set(peer, connections)
    connections.add(connection)
    this.peers.linkOpened(peer, role === 'acceptor')
    return connection
  }

  #isFull(peer: VerifyingKey): boolean {
    let all = 0
    for (const { size } of this.#connections.values()) all += size
    const withPeer = this.#connections.get(peer)?.size ?? 0
    return all >= this.limits.connections || withPeer >= this.limits.connectionsPerPeer
  }

  #saw(peer: VerifyingKey, place: string): void {
    this.#seen.delete(peer)
    this.#seen.set(peer, place)
    for (const oldest of this.#seen.keys()) {
      if (this.#seen.size <= this.limits.peers) break
      this.#seen.delete(oldest)
    }
  }

  async #dial(peer: VerifyingKey, protocol: string): Promise<IrohConnection | null> {
    const turn = this.#dials.take()
    if (turn === null) return null
    try {
      await turn
      await this.started
      return await this.#reach(peer, protocol)
    } catch (error) {
      this.log?.event('dial-failed', { peer, protocol, cause: firstLine(error) })
      return null
    } finally {
      this.#dials.giveBack()
    }
  }

  async #reach(peer: VerifyingKey, protocol: string): Promise<IrohConnection | null> {
    const endpoint = this.#endpoint
    if (endpoint === null || peer === this.host?.id || !this.mayConnect(peer) || this.#isFull(peer)) return null
    const seen = this.#seen.get(peer)
    const places = new Set([...this.peers.placesOf(peer), ...(seen === undefined ? [] : [seen])])
    if (places.size === 0) return null
    const quic = await withinMs(this.limits.dialMs, dialAll(endpoint, peer, [...places], protocol))
    if (!this.mayConnect(peer)) {
      quic.close(0n, [])
      return null
    }
    this.#counters.dialled++
    return this.#add(quic, peer, 'initiator', protocol)
  }

  protected ownPlaces(): readonly string[] {
    return this.#endpoint?.places() ?? []
  }

  protected isPlace(place: string): boolean {
    return isPlace(place)
  }

  protected placeRefused(): void {
    this.#violated('address-invalid', null)
  }

  #violated(code: string, peer: VerifyingKey | null): void {
    this.#counters.violated(code)
    this.log?.event('transport-violation', { code, peer })
  }

  *#allConnections(): Iterable<IrohConnection> {
    for (const connections of this.#connections.values()) yield* connections
  }
}

async function dialAll(
  endpoint: BoundEndpoint,
  peer: VerifyingKey,
  places: readonly string[],
  protocol: string,
): Promise<QuicConnection> {
  const targets = await dialTargets(places)
  return endpoint.connect(peer, targets, numbersOf(alpnOf(protocol)))
}

/** The library cannot be told to give up a dial; what it reaches too late is closed. */
async function withinMs(limitMs: number, dial: Promise<QuicConnection>): Promise<QuicConnection> {
  let timer: NodeJS.Timeout | null = null
  const late = new Promise<null>(resolve => {
    timer = setTimeout(() => resolve(null), limitMs)
  })
  const winner = await Promise.race([dial, late]).finally(() => {
    if (timer !== null) clearTimeout(timer)
  })
  if (winner !== null) return winner
  dial.then(
    quic => quic.close(0n, []),
    () => {},
  )
  throw new ThicketError('dial-timeout', 'the peer did not answer in time', { limitMs })
}

function firstLine(error: unknown): string {
  return String(error).split('\n', 1)[0]!
}

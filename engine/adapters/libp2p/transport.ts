/**
 * Meets others over libp2p: TCP, noise, yamux, with the node's own key. One libp2p connection (a link) to a peer carries
 * all connections of the port with it, whoever opened the link.
 */

import type { Connection as LibConnection, Listener, PeerId, PeerInfo } from '@libp2p/interface'
import { invariant, ThicketError, type VerifyingKey } from '../../core/index.js'
import type { AddressedHost, Addressing, Connection, Trace, Transport, TransportHost } from '../../ports.js'
import { formatAddress, isListenPlace, isTcpPlace, parseAddress } from '../addresses.js'
import { handshakeErrors } from './handshake-errors.js'
import { keyOf, type Library, loadLibrary } from './library.js'
import { DEFAULT_LIBP2P_LIMITS, type Libp2pLimits } from './limits.js'
import { Link, type LinkHost } from './link.js'
import { Links } from './links.js'
import { type LocalDiscovery, startLocalDiscovery } from './local-discovery.js'
import { Counters, type Libp2pMetrics } from './metrics.js'
import { ownPlaces } from './own-addresses.js'
import { Peers } from './peers.js'

export interface Libp2pOptions {
  /** Multiaddrs to listen on; any free port of every interface when absent, nowhere when empty. */
  readonly listen?: readonly string[]
  readonly mdns: 'active' | 'passive' | 'disabled'
  readonly limits?: Partial<Libp2pLimits>
  readonly log?: Trace
}

export interface Libp2pTransport extends Transport {
  readonly addressing: Addressing
  /** Resolves when it listens; rejects with `listen-failed` when it cannot, such as for a port that is taken. */
  ready(): Promise<void>
  /** Stops, and resolves when sockets and timers are released. */
  close(): Promise<void>
  /** Resolves when what `stop` has begun is done. */
  closed(): Promise<void>
  metrics(): Libp2pMetrics
}

/**
 * Milliseconds between looks at the own addresses, which change with the network a laptop is in, and at idle links; less
 * when these are to go earlier.
 */
const CHECK_MS = 15_000
const DEFAULT_LISTEN = ['/ip4/0.0.0.0/tcp/0']

/** @throws `address-invalid` for a place that it cannot listen on */
export function libp2pTransport(options: Libp2pOptions): Libp2pTransport {
  const listen = options.listen ?? DEFAULT_LISTEN
  for (const place of listen) {
    if (isListenPlace(place)) continue
    throw new ThicketError('address-invalid', 'a place to listen on reads /ip4|ip6/<address>/tcp/<port>', {
      got: place,
    })
  }
  return new Libp2pNode(listen, { ...DEFAULT_LIBP2P_LIMITS, ...options.limits }, options.mdns, options.log ?? null)
}

class Libp2pNode implements Libp2pTransport, LinkHost {
  readonly limits: Libp2pLimits
  readonly addressing: Addressing
  readonly #listen: readonly string[]
  readonly #mdns: Libp2pOptions['mdns']
  readonly #log: Trace | null
  readonly #counters = new Counters()
  readonly #peers: Peers
  readonly #links: Links
  readonly #linkOf = new WeakMap<LibConnection, Link>()
  readonly #listeners = new Set<Listener>()
  #host: TransportHost | null = null
  #addressed: AddressedHost | null = null
  #library: Library | null = null
  #discovery: LocalDiscovery | null = null
  #state: 'new' | 'running' | 'stopped' = 'new'
  #started: Promise<void> = Promise.resolve()
  #stopping: Promise<void> = Promise.resolve()
  #checkTimer: NodeJS.Timeout | null = null
  #lastPlaces = ''

  constructor(listen: readonly string[], limits: Libp2pLimits, mdns: Libp2pOptions['mdns'], log: Trace | null) {
    this.#listen = listen
    this.limits = limits
    this.#mdns = mdns
    this.#log = log
    this.#links = new Links(limits.unreadBytes)
    this.#peers = new Peers({
      maxPeers: limits.peers,
      maxAddresses: limits.addresses,
      found: (peer, origin) => this.#soon(host => host.peerFound(peer, origin)),
      lost: peer => this.#soon(host => host.peerLost(peer)),
    })
    this.addressing = {
      kind: 'libp2p',
      own: () => ownPlaces(this.#listeners),
      learn: (peer, places) => this.#peers.learn(peer, this.#usable(places)),
    }
  }

  start(host: TransportHost): void {
    invariant(this.#state === 'new', 'a transport is started once')
    const addressed = host.addressed
    invariant(addressed !== undefined, 'a transport with addresses is given the key of its node')
    this.#state = 'running'
    this.#host = host
    this.#addressed = addressed
    this.#started = this.#begin(host, addressed)
    // Whoever never asks is not to be surprised by it; dials fail, and the log says why.
    this.#started.catch(() => {})
  }

  ready(): Promise<void> {
    return this.#started
  }

  addresses(): readonly string[] {
    const peer = this.#host?.id
    if (peer === undefined) return []
    return this.addressing.own().map(place => formatAddress({ kind: 'libp2p', peer, place }))
  }

  dial(peer: VerifyingKey, protocol: string, done: (connection: Connection | null) => void): void {
    void this.#dial(peer, protocol).then(connection => {
      // Out of the promise, so that what the owner throws ends where such things end.
      setImmediate(() => {
        if (connection === null) this.#counters.dialsFailed++
        else if (this.#state !== 'running') connection.close(0)
        done(this.#state === 'running' ? connection : null)
      })
    })
  }

  connect(address: string): void {
    const { kind, peer, place } = parseAddress(address)
    if (kind !== 'libp2p') {
      throw new ThicketError('address-invalid', 'this node speaks libp2p, and the address is of another transport', {
        got: address,
      })
    }
    if (peer !== this.#host?.id && this.#state !== 'stopped') this.#peers.given(peer, place)
  }

  stop(): void {
    if (this.#state !== 'running') return
    this.#state = 'stopped'
    if (this.#checkTimer !== null) clearInterval(this.#checkTimer)
    this.#stopping = this.#end()
  }

  close(): Promise<void> {
    this.stop()
    return this.#stopping
  }

  closed(): Promise<void> {
    return this.#stopping
  }

  metrics(): Libp2pMetrics {
    let connections = 0
    let streams = 0
    let unreadBytes = 0
    const links = this.#links.all()
    for (const link of links) {
      unreadBytes += link.unreadBytes
      for (const connection of link.connections) {
        connections++
        streams += connection.streams
      }
    }
    const { accepted, dialled, dialsFailed, violations } = this.#counters
    const peers = this.#peers.size
    return {
      links: links.length,
      connections,
      streams,
      peers,
      unreadBytes,
      accepted,
      dialled,
      dialsFailed,
      violations,
    }
  }

  isForeign(token: string, link: Link): boolean {
    return this.#links.isForeign(token, link)
  }

  accept(connection: Connection): void {
    const isPermitted = this.#state === 'running' && this.#addressed?.mayConnect(connection.remote)
    if (!isPermitted) {
      connection.close(0)
      return
    }
    this.#counters.accepted++
    this.#host?.accept(connection)
  }

  violated(link: Link | null, code: string): void {
    this.#counters.violated(code)
    this.#log?.event('transport-violation', { code, peer: link?.remote, address: link?.lib.remoteAddr.toString() })
  }

  unread(bytes: number): void {
    this.#links.unread(bytes)
  }

  async #begin(host: TransportHost, addressed: AddressedHost): Promise<void> {
    try {
      this.#library = await loadLibrary({
        seed: addressed.seed,
        listen: this.#listen,
        limits: this.limits,
        metrics: handshakeErrors(code => this.violated(null, code)),
        mayConnect: peer => this.#mayConnect(peer),
        violated: code => this.violated(null, code),
      })
      const { libp2p } = this.#library
      libp2p.addEventListener('connection:open', ({ detail }) => this.#linkOpened(detail))
      libp2p.addEventListener('connection:close', ({ detail }) => this.#linkClosed(detail))
      libp2p.addEventListener('transport:listening', ({ detail }) => this.#listeners.add(detail))
      const bounds = { maxInboundStreams: this.limits.linkStreams, maxOutboundStreams: this.limits.linkStreams }
      for (const protocol of addressed.protocols) {
        await libp2p.handle(protocol, (stream, connection) => this.#linkOf.get(connection)?.arrived(stream), bounds)
      }
      await libp2p.start()
    } catch (cause) {
      const error = new ThicketError(
        'listen-failed',
        'this node cannot listen where it is to',
        { listen: this.#listen },
        { cause },
      )
      this.#log?.event('listen-failed', { listen: this.#listen.join(' '), cause: String(cause) })
      throw error
    }
    if (this.#state !== 'running') return
    this.#addressesChanged()
    this.#checkTimer = setInterval(() => this.#check(), Math.min(CHECK_MS, this.limits.idleMs))
    this.#checkTimer.unref()
    await this.#discover(host.networkId)
  }

  async #end(): Promise<void> {
    // At once: who dials now is to be told that nobody is there.
    void this.#library?.libp2p.unhandle([...(this.#addressed?.protocols ?? [])]).catch(() => {})
    const connections = this.#links.all().flatMap(link => [...link.connections])
    for (const { end } of connections) end.close(0)
    await this.#started.catch(() => {})
    try {
      await this.#discovery?.stop()
      await this.#untilClosed()
      await this.#library?.libp2p.stop()
    } catch (error) {
      // Whoever stops a transport is not waiting for reasons, and what could not be closed goes with the process.
      this.#log?.event('stop-failed', { cause: String(error) })
    }
    this.#listeners.clear()
  }

  /** What was closed in order is to arrive, when the others answer in time. */
  async #untilClosed(): Promise<void> {
    const deadlineMs = performance.now() + this.limits.stopMs
    while (performance.now() < deadlineMs && this.metrics().connections > 0) {
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  }

  async #discover(networkId: Uint8Array): Promise<void> {
    const library = this.#library
    if (this.#mdns === 'disabled' || library === null) return
    this.#discovery = await startLocalDiscovery({
      mode: this.#mdns,
      networkId,
      logger: library.libp2p.logger,
      addresses: () => this.addresses().map(address => library.multiaddr(address)),
      found: info => this.#heard(info),
    })
  }

  #heard({ id, multiaddrs }: PeerInfo): void {
    const peer = keyOf(id)
    if (peer === null || peer === this.#host?.id || this.#state !== 'running') return
    this.#peers.heard(peer, this.#usable(multiaddrs.map(address => address.toString())))
  }

  #usable(places: readonly string[]): readonly string[] {
    const usable: string[] = []
    for (const place of places) {
      if (usable.length >= this.limits.addresses) break
      if (isTcpPlace(place)) usable.push(place)
      else this.violated(null, 'address-invalid')
    }
    return usable
  }

  #mayConnect(id: PeerId): boolean {
    const peer = keyOf(id)
    if (peer === null) {
      this.violated(null, 'key-type-refused')
      return false
    }
    if (this.#state !== 'running') return false
    if (this.#addressed?.mayConnect(peer)) return true
    this.violated(null, 'peer-denied')
    return false
  }

  async #dial(peer: VerifyingKey, protocol: string): Promise<Connection | null> {
    try {
      await this.#started
      if (this.#state !== 'running' || peer === this.#host?.id || !this.#addressed?.mayConnect(peer)) return null
      const link = this.#links.newest(peer) ?? (await this.#openLink(peer))
      if (link === null) return null
      const connection = await link.dial(protocol)
      this.#counters.dialled++
      return connection
    } catch (error) {
      this.#log?.event('dial-failed', { peer, protocol, cause: String(error) })
      return null
    }
  }

  async #openLink(peer: VerifyingKey): Promise<Link | null> {
    const library = this.#library
    const places = this.#peers.placesOf(peer)
    if (library === null || places.length === 0) return null
    const addresses = places.map(place => library.multiaddr(formatAddress({ kind: 'libp2p', peer, place })))
    try {
      const connection = await library.libp2p.dial(addresses, { signal: AbortSignal.timeout(this.limits.dialMs) })
      return this.#linkOf.get(connection) ?? null
    } catch (error) {
      this.#peers.notThere(peer)
      throw error
    }
  }

  #linkOpened(connection: LibConnection): void {
    const peer = keyOf(connection.remotePeer)
    if (peer === null || this.#state !== 'running') {
      connection.abort(new Error('not to be connected'))
      return
    }
    const link = new Link(this, connection, peer)
    this.#linkOf.set(connection, link)
    const links = this.#links.add(link)
    this.#peers.linkOpened(peer, connection.direction === 'inbound')
    this.#log?.event('link-opened', {
      peer,
      direction: connection.direction,
      address: connection.remoteAddr.toString(),
    })
    if (links.length > this.limits.linksPerPeer) links[0]!.violated('links-exceeded')
  }

  #linkClosed(connection: LibConnection): void {
    const link = this.#linkOf.get(connection)
    if (link === undefined || !this.#linkOf.delete(connection)) return
    if (this.#links.remove(link)) {
      // libp2p keeps a record of whoever came, for an hour; a stranger with many keys would fill it.
      void this.#library?.libp2p.peerStore.delete(connection.remotePeer).catch(() => {})
    }
    link.lost()
    this.#log?.event('link-closed', { peer: link.remote })
    this.#peers.linkClosed(link.remote)
  }

  #check(): void {
    this.#addressesChanged()
    const nowMs = performance.now()
    for (const link of this.#links.all()) {
      if (link.idleMs(nowMs) > this.limits.idleMs) link.lib.close().catch(() => link.cut('idle'))
    }
  }

  #addressesChanged(): void {
    const places = this.addressing.own().join(' ')
    if (places === this.#lastPlaces || this.#state !== 'running') return
    this.#lastPlaces = places
    this.#addressed?.addressesChanged()
  }

  /** Tells the owner in a turn of its own, and nothing any more after the stop. */
  #soon(tell: (host: TransportHost) => void): void {
    setImmediate(() => {
      if (this.#host !== null && this.#state === 'running') tell(this.#host)
    })
  }
}

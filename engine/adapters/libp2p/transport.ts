/**
 * Meets others over libp2p: TCP, noise, yamux, with the node's own key. One libp2p connection (a link) to a peer carries
 * all connections of the port with it, whoever opened the link.
 */

import type { Connection as LibConnection, Listener, PeerId, PeerInfo } from '@libp2p/interface'
import { ThicketError, type VerifyingKey } from '../../core/index.js'
import type { AddressedHost, Addressing, Connection, Trace, Transport, TransportHost } from '../../ports.js'
import { AddressedNode } from '../addressed/addressed-node.js'
import { Counters } from '../addressed/counters.js'
import { formatAddress, isListenPlace, isTcpPlace } from '../addresses.js'
import { handshakeErrors } from './handshake-errors.js'
import { keyOf, type Library, loadLibrary } from './library.js'
import { DEFAULT_LIBP2P_LIMITS, type Libp2pLimits } from './limits.js'
import { Link, type LinkHost } from './link.js'
import { Links } from './links.js'
import { type LocalDiscovery, startLocalDiscovery } from './local-discovery.js'
import type { Libp2pMetrics } from './metrics.js'
import { ownPlaces } from './own-addresses.js'

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

class Libp2pNode extends AddressedNode<Libp2pLimits> implements Libp2pTransport, LinkHost {
  readonly #listen: readonly string[]
  readonly #mdns: Libp2pOptions['mdns']
  readonly #counters = new Counters()
  readonly #links: Links
  readonly #linkOf = new WeakMap<LibConnection, Link>()
  readonly #listeners = new Set<Listener>()
  #library: Library | null = null
  #discovery: LocalDiscovery | null = null

  constructor(listen: readonly string[], limits: Libp2pLimits, mdns: Libp2pOptions['mdns'], log: Trace | null) {
    super('libp2p', limits, log)
    this.#listen = listen
    this.#mdns = mdns
    this.#links = new Links(limits.unreadBytes)
  }

  addresses(): readonly string[] {
    const peer = this.host?.id
    if (peer === undefined) return []
    return this.addressing.own().map(place => formatAddress({ kind: 'libp2p', peer, place }))
  }

  dial(peer: VerifyingKey, protocol: string, done: (connection: Connection | null) => void): void {
    void this.#dial(peer, protocol).then(connection => {
      // Out of the promise, so that what the owner throws ends where such things end.
      setImmediate(() => {
        if (connection === null) this.#counters.dialsFailed++
        else if (this.state !== 'running') connection.close(0)
        done(this.state === 'running' ? connection : null)
      })
    })
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
    const peers = this.peers.size
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
    if (!this.mayConnect(connection.remote)) {
      connection.close(0)
      return
    }
    this.#counters.accepted++
    this.host?.accept(connection)
  }

  violated(link: Link | null, code: string): void {
    this.#counters.violated(code)
    this.log?.event('transport-violation', { code, peer: link?.remote, address: link?.lib.remoteAddr.toString() })
  }

  unread(bytes: number): void {
    this.#links.unread(bytes)
  }

  protected async begin(host: TransportHost, addressed: AddressedHost): Promise<void> {
    try {
      this.#library = await loadLibrary({
        seed: addressed.seed,
        listen: this.#listen,
        limits: this.limits,
        metrics: handshakeErrors(code => this.violated(null, code)),
        mayConnect: peer => this.#mayMeet(peer),
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
      this.log?.event('listen-failed', { listen: this.#listen.join(' '), cause: String(cause) })
      throw error
    }
    if (this.state !== 'running') return
    this.watch(Math.min(CHECK_MS, this.limits.idleMs), () => this.#closeIdle())
    await this.#discover(host.networkId)
  }

  protected async end(): Promise<void> {
    // At once: who dials now is to be told that nobody is there.
    void this.#library?.libp2p.unhandle([...(this.addressed?.protocols ?? [])]).catch(() => {})
    const connections = this.#links.all().flatMap(link => [...link.connections])
    for (const { end } of connections) end.close(0)
    await this.started.catch(() => {})
    try {
      await this.#discovery?.stop()
      await this.#untilClosed()
      await this.#library?.libp2p.stop()
    } catch (error) {
      // Whoever stops a transport is not waiting for reasons, and what could not be closed goes with the process.
      this.log?.event('stop-failed', { cause: String(error) })
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
    if (peer === null || peer === this.host?.id || this.state !== 'running') return
    this.peers.heard(peer, this.usable(multiaddrs.map(address => address.toString())))
  }

  protected ownPlaces(): readonly string[] {
    return ownPlaces(this.#listeners)
  }

  protected isPlace(place: string): boolean {
    return isTcpPlace(place)
  }

  protected placeRefused(): void {
    this.violated(null, 'address-invalid')
  }

  #mayMeet(id: PeerId): boolean {
    const peer = keyOf(id)
    if (peer === null) {
      this.violated(null, 'key-type-refused')
      return false
    }
    if (this.state !== 'running') return false
    if (this.addressed?.mayConnect(peer)) return true
    this.violated(null, 'peer-denied')
    return false
  }

  async #dial(peer: VerifyingKey, protocol: string): Promise<Connection | null> {
    try {
      await this.started
      if (peer === this.host?.id || !this.mayConnect(peer)) return null
      const link = this.#links.newest(peer) ?? (await this.#openLink(peer))
      if (link === null) return null
      const connection = await link.dial(protocol)
      this.#counters.dialled++
      return connection
    } catch (error) {
      this.log?.event('dial-failed', { peer, protocol, cause: String(error) })
      return null
    }
  }

  async #openLink(peer: VerifyingKey): Promise<Link | null> {
    const library = this.#library
    const places = this.peers.placesOf(peer)
    if (library === null || places.length === 0) return null
    const addresses = places.map(place => library.multiaddr(formatAddress({ kind: 'libp2p', peer, place })))
    try {
      const connection = await library.libp2p.dial(addresses, { signal: AbortSignal.timeout(this.limits.dialMs) })
      return this.#linkOf.get(connection) ?? null
    } catch (error) {
      this.peers.notThere(peer)
      throw error
    }
  }

  #linkOpened(connection: LibConnection): void {
    const peer = keyOf(connection.remotePeer)
    if (peer === null || this.state !== 'running') {
      connection.abort(new Error('not to be connected'))
      return
    }
    const link = new Link(this, connection, peer)
    this.#linkOf.set(connection, link)
    const links = this.#links.add(link)
    this.peers.linkOpened(peer, connection.direction === 'inbound')
    this.log?.event('link-opened', {
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
    this.log?.event('link-closed', { peer: link.remote })
    this.peers.linkClosed(link.remote)
  }

  #closeIdle(): void {
    const nowMs = performance.now()
    for (const link of this.#links.all()) {
      if (link.idleMs(nowMs) > this.limits.idleMs) link.lib.close().catch(() => link.cut('idle'))
    }
  }
}

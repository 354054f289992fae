/**
 * The Transport of one boot of a node where any node can dial any other whose address it has learnt, as on the internet.
 * An address names a node of the scenario: `sim:door1`. The link that carries a dial is laid when it is first needed,
 * so a node that talks to nobody costs nothing; all else is as with links.
 */

import { ThicketError, type VerifyingKey } from '../../engine/core/index.js'
import type { Addressing, Connection, PeerOrigin, Transport, TransportHost } from '../../engine/ports.js'
import { type Kernel, msToUs } from '../kernel/index.js'
import { watchedConnection } from '../watched-connection.js'
import { ADDRESSES_PER_PEER, CONNECT_TIMEOUT_MS } from './links-limits.js'
import type { SimTransport } from './links-transport.js'

/** Who is where. */
export interface Atlas {
  id(node: number): VerifyingKey
  /** Null for an address at which nobody is. */
  at(name: string): number | null
  name(node: number): string
  /** Whether the two are joined by a link that the scenario wrote down. */
  areNeighbours(node: number, peer: VerifyingKey): boolean
  /** Lays a link where there is none. */
  lay(from: number, to: number): void
  /** What an answer takes that comes from somebody else than was asked for. */
  readonly roundTripMs: number
}

const ADDRESS = /^sim:(.{1,200})$/u

export class NetworkTransport implements Transport {
  readonly addressing: Addressing
  readonly #kernel: Kernel
  readonly #atlas: Atlas
  readonly #inner: SimTransport
  /** Names that records gave and that somebody gave by hand. */
  readonly #learnt = new Map<VerifyingKey, readonly string[]>()
  readonly #given = new Map<VerifyingKey, string>()
  /** Open connections by peer, whoever dialled: over what lies beneath them either side can open more. */
  readonly #open = new Map<VerifyingKey, number>()
  readonly #announced = new Set<VerifyingKey>()
  #host: TransportHost | null = null

  constructor(kernel: Kernel, atlas: Atlas, inner: SimTransport) {
    this.#kernel = kernel
    this.#atlas = atlas
    this.#inner = inner
    this.addressing = {
      // The notation is ours; records of libp2p are our own kind, which take any text as an address.
      kind: 'libp2p',
      own: () => this.addresses(),
      learn: (peer, addresses) => this.#learn(peer, addresses),
    }
  }

  start(host: TransportHost): void {
    this.#host = host
    this.#inner.start({
      id: host.id,
      networkId: host.networkId,
      ...(host.addressed ? { addressed: host.addressed } : {}),
      peerFound: peer => host.peerFound(peer, 'local'),
      peerLost: peer => {
        if (!this.#isReachable(peer)) host.peerLost(peer)
      },
      accept: connection => this.#accept(connection, host),
    })
  }

  addresses(): readonly string[] {
    return [`sim:${this.#atlas.name(this.#inner.node)}`]
  }

  dial(peer: VerifyingKey, protocol: string, done: (connection: Connection | null) => void): void {
    const names = new Set(this.#learnt.get(peer))
    const given = this.#given.get(peer)
    if (given !== undefined) names.add(given)
    // Over a link, or over what carries a connection already, no address is needed.
    const isJoined = this.#open.has(peer) || this.#atlas.areNeighbours(this.#inner.node, peer)
    if (names.size === 0 && !isJoined) this.#fail(0, done)
    else if (isJoined) this.#inner.dial(peer, protocol, connection => done(connection && this.#counted(connection)))
    else this.#attempt(peer, protocol, [...names], done)
  }

  connect(address: string): void {
    const node = this.#atlas.at(nameIn(address))
    if (node === null || node === this.#inner.node) return
    const peer = this.#atlas.id(node)
    this.#given.set(peer, this.#atlas.name(node))
    this.#kernel.schedule(0, 'network/peer-found', this.#inner.node, () => this.#tell(peer, 'bootstrap'))
  }

  stop(): void {
    this.#inner.stop()
  }

  #attempt(
    peer: VerifyingKey,
    protocol: string,
    [name, ...others]: readonly string[],
    done: (connection: Connection | null) => void,
  ): void {
    const next = (connection: Connection | null): void => {
      if (connection !== null) done(this.#counted(connection))
      else if (others.length === 0) done(null)
      else this.#attempt(peer, protocol, others, done)
    }
    const node = this.#inner.lets(peer) ? this.#atlas.at(name!) : this.#inner.node
    if (node !== null && node !== this.#inner.node && this.#atlas.id(node) === peer) {
      this.#atlas.lay(this.#inner.node, node)
      this.#inner.dial(peer, protocol, next)
      return
    }
    // Nobody answers, or somebody who cannot prove to be the one that was asked for; and one does not call oneself.
    this.#fail(node === null ? CONNECT_TIMEOUT_MS : node === this.#inner.node ? 0 : this.#atlas.roundTripMs, next)
  }

  #fail(afterMs: number, done: (connection: null) => void): void {
    this.#kernel.schedule(msToUs(afterMs), 'network/dialled', this.#inner.node, () => {
      if (!this.#inner.isDead) done(null)
    })
  }

  #learn(peer: VerifyingKey, addresses: readonly string[]): void {
    // What another kind of transport would understand is none of ours.
    const names = addresses.flatMap(address => ADDRESS.exec(address)?.[1] ?? []).slice(0, ADDRESSES_PER_PEER)
    if (names.length > 0) this.#learnt.set(peer, names)
    else if (this.#learnt.delete(peer)) this.#forgetSoon(peer)
  }

  #accept(connection: Connection, host: TransportHost): void {
    const counted = this.#counted(connection)
    this.#tell(connection.remote, 'incoming')
    host.accept(counted)
  }

  #counted(connection: Connection): Connection {
    const peer = connection.remote
    this.#open.set(peer, (this.#open.get(peer) ?? 0) + 1)
    return watchedConnection(connection, () => {
      const left = this.#open.get(peer)! - 1
      if (left > 0) this.#open.set(peer, left)
      else if (this.#open.delete(peer)) this.#forgetSoon(peer)
    })
  }

  #tell(peer: VerifyingKey, origin: PeerOrigin): void {
    if (this.#inner.isStopped || (origin === 'incoming' && this.#announced.has(peer))) return
    this.#announced.add(peer)
    this.#host?.peerFound(peer, origin)
  }

  #forgetSoon(peer: VerifyingKey): void {
    if (this.#isReachable(peer) || !this.#announced.has(peer)) return
    this.#kernel.schedule(0, 'network/peer-lost', this.#inner.node, () => {
      if (this.#inner.isStopped || this.#isReachable(peer) || !this.#announced.delete(peer)) return
      this.#host?.peerLost(peer)
    })
  }

  #isReachable(peer: VerifyingKey): boolean {
    return this.#learnt.has(peer) || this.#given.has(peer) || this.#open.has(peer)
  }
}

function nameIn(address: string): string {
  const name = ADDRESS.exec(address)?.[1]
  if (name !== undefined) return name
  throw new ThicketError('address-invalid', 'an address here reads sim:<name of a node>', { got: address })
}

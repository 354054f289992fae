/**
 * A transport that can be told whom to have nothing to do with: the partition of a true world. Connections with whoever is
 * refused end at once, the node loses them from sight, and finds them again when they are refused no more.
 */

import type { VerifyingKey } from '../../engine/core/index.js'
import type { Addressing, Connection, PeerOrigin, Transport, TransportHost } from '../../engine/ports.js'
import { watchedConnection } from '../watched-connection.js'

export class RefusingTransport implements Transport {
  readonly addressing?: Addressing
  readonly #inner: Transport
  readonly #connections = new Map<VerifyingKey, Set<Connection>>()
  /** Peers that the transport has found, refused or not. */
  readonly #found = new Map<VerifyingKey, PeerOrigin | undefined>()
  #refused: ReadonlySet<VerifyingKey> = new Set()
  #host: TransportHost | null = null

  /** @param hasAddresses whether the node may learn of peers by their addresses, or meets those alone that it is told of */
  constructor(inner: Transport, hasAddresses: boolean) {
    this.#inner = inner
    if (hasAddresses && inner.addressing) this.addressing = inner.addressing
  }

  /** Takes the place of what was refused before. */
  refuse(peers: readonly VerifyingKey[]): void {
    const before = this.#refused
    const now = new Set(peers)
    this.#refused = now
    for (const peer of now) {
      if (before.has(peer)) continue
      for (const connection of [...(this.#connections.get(peer) ?? [])]) connection.close(0)
      if (this.#found.has(peer)) this.#host?.peerLost(peer)
    }
    for (const peer of before) {
      if (!now.has(peer) && this.#found.has(peer)) this.#host?.peerFound(peer, this.#found.get(peer))
    }
  }

  start(host: TransportHost): void {
    this.#host = host
    const { addressed } = host
    this.#inner.start({
      id: host.id,
      networkId: host.networkId,
      ...(addressed
        ? {
            addressed: {
              ...addressed,
              mayConnect: (peer: VerifyingKey) => !this.#refused.has(peer) && addressed.mayConnect(peer),
            },
          }
        : {}),
      peerFound: (peer, origin) => {
        this.#found.set(peer, origin)
        if (!this.#refused.has(peer)) host.peerFound(peer, origin)
      },
      peerLost: peer => {
        this.#found.delete(peer)
        if (!this.#refused.has(peer)) host.peerLost(peer)
      },
      accept: connection => {
        if (this.#refused.has(connection.remote)) connection.close(0)
        else host.accept(this.#tracked(connection))
      },
    })
  }

  addresses(): readonly string[] {
    return this.#inner.addresses()
  }

  dial(peer: VerifyingKey, protocol: string, done: (connection: Connection | null) => void): void {
    if (this.#refused.has(peer)) {
      setImmediate(() => done(null))
      return
    }
    this.#inner.dial(peer, protocol, connection => {
      if (connection !== null && this.#refused.has(peer)) {
        connection.close(0)
        done(null)
      } else done(connection && this.#tracked(connection))
    })
  }

  connect(address: string): void {
    this.#inner.connect(address)
  }

  stop(): void {
    this.#inner.stop()
  }

  #tracked(connection: Connection): Connection {
    const { remote } = connection
    const open = this.#connections.get(remote) ?? new Set()
    this.#connections.set(remote, open)
    open.add(connection)
    return watchedConnection(connection, () => {
      open.delete(connection)
      if (open.size === 0 && this.#connections.get(remote) === open) this.#connections.delete(remote)
    })
  }
}

/**
 * How a node meets others. Where the world says who is there (links, one process), every peer is a partner for every
 * topic. Where peers have addresses, discovery finds out who is interested in what, an overlay chooses a handful of
 * neighbours for each topic, and these are whom a topic is synced with.
 */

import type { SigningKey, Topic, VerifyingKey } from '../core/index.js'
import type { AddressBookStore, DiscoveryMetrics, DiscoverySettings } from '../discovery/index.js'
import type { GossipMetrics } from '../gossip/index.js'
import type { Clock, Connection, Crypto, Gossip, PeerOrigin, Random, Trace, Transport } from '../ports.js'
import type { Access } from './access.js'

export interface NetworkConfig {
  readonly signingKey: SigningKey
  readonly networkId: Uint8Array
  readonly clock: Clock
  readonly random: Random
  readonly crypto: Crypto
  readonly transport: Transport
  readonly access: Access
  /** What is known of other nodes, kept over restarts. */
  readonly book: AddressBookStore
  readonly discovery: Partial<DiscoverySettings>
  readonly trace: Trace | null
  readonly sync: SyncPartners
  /** Protocols that are spoken beside those of the network itself. */
  readonly acceptors: ReadonlyMap<string, (connection: Connection) => void>
  onPeer(peer: VerifyingKey, isThere: boolean): void
}

/** What log sync is told of peers. */
export interface SyncPartners {
  peerFound(peer: VerifyingKey): void
  peerLost(peer: VerifyingKey): void
  partnerFound(topic: Topic, peer: VerifyingKey): void
  partnerLost(topic: Topic, peer: VerifyingKey): void
}

export interface Network {
  readonly gossip: Gossip
  readonly dial: Dial
  /** From here on peers come and go. */
  start(): void
  topicAdded(topic: Topic): void
  topicRemoved(topic: Topic): void
  stop(): void
  gossipMetrics(): GossipMetrics
  /** Null where nobody needs to be discovered. */
  discoveryMetrics(): DiscoveryMetrics | null
}

export type Dial = Transport['dial']

/** What one way of meeting others does with what the transport says. */
export interface Meeting {
  readonly acceptors: ReadonlyMap<string, (connection: Connection) => void>
  peerFound(peer: VerifyingKey, origin: PeerOrigin | undefined): void
  peerLost(peer: VerifyingKey): void
  addressesChanged(): void
  /** A dial of ours ended. */
  dialled(peer: VerifyingKey, isConnected: boolean): void
  /** A peer has reached us. */
  incoming(peer: VerifyingKey): void
}

/** Dials whom the rules permit; anybody else cannot be reached. */
export function permittedDial(config: NetworkConfig, dialled: Meeting['dialled']): Dial {
  const { access, clock, transport } = config
  return (peer, protocol, done) => {
    if (!access.mayConnect(peer)) {
      clock.after(0, () => done(null))
      return
    }
    transport.dial(peer, protocol, connection => {
      dialled(peer, connection !== null)
      done(connection)
    })
  }
}

export function startTransport(config: NetworkConfig, meeting: Meeting): void {
  const { access, signingKey, transport } = config
  transport.start({
    id: signingKey.verifyingKey,
    networkId: config.networkId,
    addressed: {
      seed: signingKey.toBytes(),
      protocols: [...config.acceptors.keys(), ...meeting.acceptors.keys()],
      mayConnect: peer => access.mayConnect(peer),
      addressesChanged: () => meeting.addressesChanged(),
    },
    peerFound(peer, origin) {
      if (!access.mayConnect(peer)) return
      config.onPeer(peer, true)
      meeting.peerFound(peer, origin)
    },
    peerLost(peer) {
      config.onPeer(peer, false)
      meeting.peerLost(peer)
    },
    accept(connection) {
      const { protocol, remote } = connection
      const accept = config.acceptors.get(protocol) ?? meeting.acceptors.get(protocol)
      if (!accept || !access.mayConnect(remote)) {
        connection.close(0)
        return
      }
      meeting.incoming(remote)
      accept(connection)
    },
  })
}

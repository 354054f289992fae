/**
 * Peers are found through others. Discovery finds out who is interested in what and where they are; for each topic an
 * overlay keeps a handful of neighbours, and these are whom it is synced with. What is said now travels on an overlay of
 * its own for each ephemeral topic.
 */

import type { Topic, VerifyingKey } from '../core/index.js'
import { createDiscovery, type Discovery, discoveryProtocolId, membershipTopic } from '../discovery/index.js'
import { createOverlayGossip, overlayProtocolId } from '../gossip/index.js'
import type { Addressing, Gossip, GossipTopic } from '../ports.js'
import { type Meeting, type Network, type NetworkConfig, permittedDial, startTransport } from './network.js'

/** Nothing is ever said on the overlay of those who sync a topic: being a neighbour is all. */
const SILENCE = () => 'invalid' as const

export function createOverlayNetwork(config: NetworkConfig, addressing: Addressing): Network {
  const { access, clock, networkId, random, signingKey, sync, trace } = config
  const id = signingKey.verifyingKey
  /** The topic that is synced, by the name of its overlay. */
  const synced = new Map<Topic, { readonly topic: Topic; readonly membership: GossipTopic }>()
  const spoken = new Set<Topic>()
  const dial = permittedDial(config, (peer, isConnected) => discovery.dialled(peer, isConnected))

  const overlay = createOverlayGossip({
    id,
    clock,
    random,
    trace,
    protocol: overlayProtocolId(networkId),
    dial,
    mayServe: (peer, name) => access.mayServe(peer, synced.get(name)?.topic ?? name, null),
  })
  overlay.onNeighbour((name, peer, isUp) => {
    const topic = synced.get(name)?.topic
    if (topic === undefined) return
    if (isUp) sync.partnerFound(topic, peer)
    else sync.partnerLost(topic, peer)
  })

  const discovery: Discovery = createDiscovery({
    id,
    clock,
    random,
    crypto: config.crypto,
    signingKey,
    trace,
    protocol: discoveryProtocolId(networkId),
    dial,
    addressing,
    book: config.book,
    // p2panda's own sessions are not bound to their channel; ours are.
    isBound: addressing.kind !== 'iroh',
    mayConnect: peer => access.mayConnect(peer),
    settings: config.discovery,
  })
  discovery.onPeers((name, peers) => overlay.candidates(name, peers))

  function tellTopics(): void {
    discovery.setTopics([...synced.keys(), ...spoken].sort())
  }

  function greet(name: Topic): void {
    tellTopics()
    overlay.candidates(name, discovery.peersOf(name))
  }

  const gossip: Gossip = {
    maxMessageBytes: overlay.maxMessageBytes,
    join(topic, onMessage) {
      const joined = overlay.join(topic, onMessage)
      spoken.add(topic)
      greet(topic)
      return {
        get neighbours() {
          return joined.neighbours
        },
        broadcast: bytes => joined.broadcast(bytes),
        leave() {
          joined.leave()
          if (spoken.delete(topic)) tellTopics()
        },
      }
    },
  }

  const meeting: Meeting = {
    acceptors: new Map([
      [overlay.protocol, connection => overlay.accept(connection)],
      [discovery.protocol, connection => discovery.accept(connection)],
    ]),
    peerFound(peer, origin) {
      overlay.peerFound(peer)
      discovery.peerFound(peer, origin)
    },
    peerLost: peer => discovery.peerLost(peer),
    addressesChanged: () => discovery.addressesChanged(),
    dialled: (peer, isConnected) => discovery.dialled(peer, isConnected),
    incoming: (peer: VerifyingKey) => discovery.incoming(peer),
  }

  return {
    gossip,
    dial,
    start() {
      startTransport(config, meeting)
      discovery.start()
    },
    topicAdded(topic) {
      const name = membershipTopic(topic)
      if (synced.has(name)) return
      synced.set(name, { topic, membership: overlay.join(name, SILENCE) })
      greet(name)
    },
    topicRemoved(topic) {
      const name = membershipTopic(topic)
      synced.get(name)?.membership.leave()
      if (synced.delete(name)) tellTopics()
    },
    stop() {
      discovery.stop()
      overlay.stop()
    },
    gossipMetrics: () => overlay.metrics(),
    discoveryMetrics: () => discovery.metrics(),
  }
}

/** Whoever can be dialled is a partner in everything. */

import { createDirectGossip, gossipProtocolId } from '../gossip/index.js'
import { type Meeting, type Network, type NetworkConfig, permittedDial, startTransport } from './network.js'

export function createDirectNetwork(config: NetworkConfig): Network {
  const { sync } = config
  const dial = permittedDial(config, () => {})
  const gossip = createDirectGossip({
    id: config.signingKey.verifyingKey,
    clock: config.clock,
    random: config.random,
    trace: config.trace,
    protocol: gossipProtocolId(config.networkId),
    dial,
  })
  const meeting: Meeting = {
    acceptors: new Map([[gossip.protocol, connection => gossip.accept(connection)]]),
    peerFound(peer) {
      sync.peerFound(peer)
      gossip.peerFound(peer)
    },
    peerLost(peer) {
      sync.peerLost(peer)
      gossip.peerLost(peer)
    },
    addressesChanged() {},
    dialled() {},
    incoming() {},
  }
  return {
    gossip,
    dial,
    start: () => startTransport(config, meeting),
    topicAdded() {},
    topicRemoved() {},
    stop: () => gossip.stop(),
    gossipMetrics: () => gossip.metrics(),
    discoveryMetrics: () => null,
  }
}

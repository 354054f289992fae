/**
 * Goal: connections over iroh behave as over any other transport.
 * Method: the shared contract over real QUIC on loopback, one pair of nodes for each test.
 */

import { connectionContract } from '../../connection.contract.js'
import type { Transport, TransportHost } from '../../ports.js'
import { addressedHost, keyOfNumber, NETWORK, openTransport, settle, until } from './nodes.contract.js'

const KEY_A = keyOfNumber(1)
const KEY_B = keyOfNumber(2)

connectionContract('iroh', () => {
  const a = openTransport()
  const b = openTransport()
  // The contract's hosts know nothing of keys and addresses.
  const startA = (host: TransportHost): void => a.start({ ...hostOf(host), addressed: addressedHost(KEY_A) })
  const startB = (host: TransportHost): void => {
    b.start({ ...hostOf(host), addressed: addressedHost(KEY_B) })
    void Promise.all([a.ready(), b.ready()]).then(() => {
      b.connect(a.addresses()[0]!)
      a.connect(b.addresses()[0]!)
    })
  }
  const close = async (): Promise<void> => {
    await Promise.all([a.close(), b.close()])
  }
  return {
    a: withStart(a, startA),
    b: withStart(b, startB),
    idA: KEY_A.verifyingKey,
    idB: KEY_B.verifyingKey,
    networkId: NETWORK,
    until,
    settle,
    close,
  }
})

function hostOf(host: TransportHost): TransportHost {
  return {
    id: host.id,
    networkId: host.networkId,
    peerFound: (peer, origin) => host.peerFound(peer, origin),
    peerLost: peer => host.peerLost(peer),
    accept: connection => host.accept(connection),
  }
}

function withStart(transport: Transport, start: (host: TransportHost) => void): Transport {
  return {
    start,
    addresses: () => transport.addresses(),
    dial: (peer, protocol, done) => transport.dial(peer, protocol, done),
    connect: address => transport.connect(address),
    stop: () => transport.stop(),
  }
}

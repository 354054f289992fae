/** Two transports with addresses as the contract of connections wants them: its hosts know nothing of keys and places. */

import type { TransportPair } from '../../connection.contract.js'
import type { Transport, TransportHost } from '../../ports.js'
import { addressedHost, keyOfNumber, NETWORK, settle, until } from '../libp2p/nodes.contract.js'

const KEY_A = keyOfNumber(1)
const KEY_B = keyOfNumber(2)

interface Openable extends Transport {
  ready(): Promise<void>
  close(): Promise<void>
}

export function addressedPair(open: () => Openable): TransportPair {
  const a = open()
  const b = open()
  const startA = (host: TransportHost): void => a.start({ ...hostOf(host), addressed: addressedHost(KEY_A) })
  const startB = (host: TransportHost): void => {
    b.start({ ...hostOf(host), addressed: addressedHost(KEY_B) })
    void Promise.all([a.ready(), b.ready()]).then(() => {
      b.connect(a.addresses()[0]!)
      a.connect(b.addresses()[0]!)
    })
  }
  return {
    a: withStart(a, startA),
    b: withStart(b, startB),
    idA: KEY_A.verifyingKey,
    idB: KEY_B.verifyingKey,
    networkId: NETWORK,
    until,
    settle,
    async close() {
      await Promise.all([a.close(), b.close()])
    },
  }
}

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

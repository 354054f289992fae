/** Helpers of the tests here: transports of one network on loopback. */

import type { SigningKey, VerifyingKey } from '../../core/index.js'
import type { AddressedHost, Connection, PeerOrigin, TransportHost } from '../../ports.js'
import { addressedHost, NETWORK, PROTOCOL } from '../libp2p/nodes.contract.js'
import { type IrohOptions, type IrohTransport, irohTransport } from './index.js'

export { addressedHost, keyOfNumber, NETWORK, PROTOCOL, settle, until } from '../libp2p/nodes.contract.js'

export const LOOPBACK = ['127.0.0.1:0', '[::1]:0']

export function openTransport(options: IrohOptions = {}): IrohTransport {
  return irohTransport({ listen: LOOPBACK, ...options })
}

/** A node that keeps what it is told. */
export class Meeting implements TransportHost {
  readonly id: VerifyingKey
  readonly networkId = NETWORK
  readonly addressed: AddressedHost
  readonly transport: IrohTransport
  readonly found: string[] = []
  readonly lost: VerifyingKey[] = []
  readonly accepted: Connection[] = []

  constructor(key: SigningKey, options: IrohOptions = {}, changes: Partial<AddressedHost> = {}) {
    this.id = key.verifyingKey
    this.addressed = addressedHost(key, changes)
    this.transport = openTransport(options)
    this.transport.start(this)
  }

  peerFound(peer: VerifyingKey, origin?: PeerOrigin): void {
    this.found.push(`${peer.slice(0, 8)} ${origin}`)
  }

  peerLost(peer: VerifyingKey): void {
    this.lost.push(peer)
  }

  accept(connection: Connection): void {
    this.accepted.push(connection)
  }

  dial(peer: VerifyingKey, protocol = PROTOCOL): Promise<Connection | null> {
    return new Promise(resolve => this.transport.dial(peer, protocol, resolve))
  }
}

/** Helpers of the tests here: transports of one network on loopback, and waiting for what must come. */

import { setTimeout as sleep } from 'node:timers/promises'
import { SigningKey, type VerifyingKey } from '../../core/index.js'
import type { AddressedHost, Connection, PeerOrigin, TransportHost } from '../../ports.js'
import type { Libp2pOptions, Libp2pTransport } from './index.js'
import { libp2pTransport } from './index.js'

export const NETWORK = new Uint8Array(32).fill(0xcd)
export const PROTOCOL = '/thicket-contract/1'
const LOOPBACK = ['/ip4/127.0.0.1/tcp/0']
/** Generous: the machine may be busy. */
const UNTIL_MS = 30_000

export function keyOfNumber(number: number): SigningKey {
  return SigningKey.fromBytes(new Uint8Array(32).fill(number))
}

export async function until(condition: () => boolean): Promise<void> {
  for (const startMs = performance.now(); !condition(); ) {
    if (performance.now() - startMs > UNTIL_MS) throw new Error('nothing happens')
    await sleep(2)
  }
}

export async function settle(): Promise<void> {
  await sleep(60)
}

export function openTransport(options: Partial<Libp2pOptions> = {}): Libp2pTransport {
  return libp2pTransport({ listen: LOOPBACK, mdns: 'disabled', ...options })
}

export function addressedHost(key: SigningKey, changes: Partial<AddressedHost> = {}): AddressedHost {
  return { seed: key.toBytes(), protocols: [PROTOCOL], mayConnect: () => true, addressesChanged() {}, ...changes }
}

/** A node that keeps what it is told. */
export class Meeting implements TransportHost {
  readonly id: VerifyingKey
  readonly networkId: Uint8Array
  readonly addressed: AddressedHost
  readonly transport: Libp2pTransport
  readonly found: string[] = []
  readonly lost: VerifyingKey[] = []
  readonly accepted: Connection[] = []

  constructor(
    key: SigningKey,
    options: Partial<Libp2pOptions> = {},
    changes: Partial<AddressedHost> = {},
    networkId: Uint8Array = NETWORK,
  ) {
    this.id = key.verifyingKey
    this.networkId = networkId
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

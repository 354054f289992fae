/**
 * Finds peers of the same house by mDNS. `active` asks and answers; `passive` asks and hears what others answer, and
 * says nothing of itself. The service is named after the network, so that the nodes of one network, and nobody else's,
 * hear each other, and none that listens in learns the network's id.
 */

import type { ComponentLogger, PeerInfo } from '@libp2p/interface'
import type { MulticastDNSComponents } from '@libp2p/mdns'
import type { Multiaddr } from '@multiformats/multiaddr'
import { bytesToHex, concatBytes, hash } from '../../core/index.js'

export interface LocalDiscovery {
  stop(): Promise<void>
}

export interface LocalDiscoveryConfig {
  readonly mode: 'active' | 'passive'
  readonly networkId: Uint8Array
  readonly logger: ComponentLogger
  /** What is answered, with ids. */
  addresses(): Multiaddr[]
  found(peer: PeerInfo): void
}

const NAME = new TextEncoder().encode('thicket/mdns/v1')
/** Hex digits in the service's name, which has at most 15 characters (RFC 6763 7.2). */
const NAME_DIGITS = 13

export function serviceTag(networkId: Uint8Array): string {
  return `_t${bytesToHex(hash(concatBytes(NAME, networkId))).slice(0, NAME_DIGITS)}._udp.local`
}

export async function startLocalDiscovery(config: LocalDiscoveryConfig): Promise<LocalDiscovery> {
  const { mdns } = await import('@libp2p/mdns')
  const create = mdns({ serviceTag: serviceTag(config.networkId), broadcast: config.mode === 'active' })
  // The service wants two of libp2p's components, and of the second it asks addresses alone.
  const components = { logger: config.logger, addressManager: { getAddresses: () => config.addresses() } }
  const service = create(components as unknown as MulticastDNSComponents) as ReturnType<typeof create> & {
    start(): Promise<void>
    stop(): Promise<void>
  }
  service.addEventListener('peer', event => config.found(event.detail))
  await service.start()
  return { stop: () => service.stop() }
}

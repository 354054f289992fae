/** The name under which nodes of one network speak log sync (spec/sync.md 3.1, design of the libp2p ids). */

import { bytesToHex, concatBytes, hash } from '../core/index.js'

const PROTOCOL = 'p2panda/log_sync/v1'

/** The 32 bytes that p2panda offers as ALPN for this network. */
export function protocolHash(networkId: Uint8Array): Uint8Array {
  return hash(concatBytes(new TextEncoder().encode(PROTOCOL), networkId))
}

export function protocolId(networkId: Uint8Array): string {
  return `/p2panda/${bytesToHex(protocolHash(networkId))}`
}

/** Under which names topics and the protocol itself are spoken of (spec/sync.md 3.1). */

import { bytesToHex, concatBytes, hash, hexToBytes, idBytes, Topic } from '../core/index.js'

const PROTOCOL = 'p2panda/confidential_discovery/v1'

/** p2panda's constant that sets the overlay of a synced topic apart from the topic itself. */
const MIX = hexToBytes('fd06fbd9ade4d7f482b5968edcf431db235ea3c5e55d8fe3613d26ca3ffa1ae9')

/** The 32 bytes that p2panda offers as ALPN for this network. */
export function discoveryProtocolHash(networkId: Uint8Array): Uint8Array {
  return hash(concatBytes(new TextEncoder().encode(PROTOCOL), networkId))
}

export function discoveryProtocolId(networkId: Uint8Array): string {
  return `/p2panda/${bytesToHex(discoveryProtocolHash(networkId))}`
}

/** The overlay of those who sync a topic. Ephemeral streams meet under the topic's own name, so the two stay apart. */
export function membershipTopic(topic: Topic): Topic {
  return Topic.fromBytes(hash(concatBytes(idBytes(topic), MIX)))
}

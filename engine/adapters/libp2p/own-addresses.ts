/**
 * Where this node can be reached. libp2p itself names only what somebody else has confirmed, which takes protocols that
 * we do not speak; what the listeners say is what is so.
 */

import type { Listener } from '@libp2p/interface'

const LOOPBACK = /^\/ip4\/127\.|^\/ip6\/::1\//
const LINK_LOCAL = /^\/ip6\/fe80:/i

/**
 * Places without ids, in the order of the listeners. Loopback is named only by a node that listens nowhere else: others
 * would meet themselves there. Link-local IPv6 means nothing without the name of an interface.
 */
export function ownPlaces(listeners: Iterable<Listener>): readonly string[] {
  const places = new Set<string>()
  for (const listener of listeners) {
    for (const address of listener.getAddrs()) {
      const place = address.toString().replace(/\/p2p\/[^/]*$/, '')
      if (!LINK_LOCAL.test(place)) places.add(place)
    }
  }
  const elsewhere = [...places].filter(place => !LOOPBACK.test(place))
  return elsewhere.length > 0 ? elsewhere : [...places]
}

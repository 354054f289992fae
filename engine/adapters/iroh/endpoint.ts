/** The endpoint of the library: bound where a node is to listen, and in the words of the transport. */

import type { VerifyingKey } from '../../core/index.js'
import { type Endpoint, type Incoming, loadBinding, type QuicConnection } from './binding.js'
import { numbersOf } from './bytes.js'
import { type DialTargets, isV6Place, relayPlace } from './places.js'

export interface EndpointConfig {
  readonly seed: Uint8Array
  readonly alpns: readonly Uint8Array[]
  readonly listen: readonly string[]
  readonly relays: readonly string[]
}

export interface BoundEndpoint {
  /** Where it can be reached, in one order. */
  places(): readonly string[]
  /** The next that comes; null once it is closed. */
  next(): Promise<Incoming | null>
  connect(peer: VerifyingKey, targets: DialTargets, alpn: number[]): Promise<QuicConnection>
  close(): Promise<void>
}

/** A family that is not named stays open on all interfaces unless it is bound somewhere; nobody is told of that. */
const CLOSED_V4 = '127.0.0.1:0'
const CLOSED_V6 = '[::1]:0'

export async function bindEndpoint(config: EndpointConfig): Promise<BoundEndpoint> {
  const binding = await loadBinding()
  const { Endpoint: Endpoints, EndpointAddr, EndpointId, presetMinimal, RelayMode } = binding

  const bind = (listen: readonly string[]): Promise<Endpoint> => {
    const builder = Endpoints.builder()
    presetMinimal(builder)
    builder.secretKey(numbersOf(config.seed))
    builder.alpns(config.alpns.map(numbersOf))
    const { relays } = config
    builder.relayMode(relays.length === 0 ? RelayMode.disabled() : RelayMode.customFromUrls([...relays]))
    for (const place of listen) builder.bindAddr(place)
    return builder.bind()
  }

  const closing = closingPlaces(config.listen)
  let endpoint: Endpoint
  try {
    endpoint = await bind([...config.listen, ...closing])
  } catch (error) {
    // A machine without one of the families has nothing to close there.
    if (closing.length === 0) throw error
    endpoint = await bind(config.listen)
  }

  const isClosed = (place: string): boolean => closing.some(closed => place.startsWith(closed.slice(0, -1)))

  return {
    places() {
      if (endpoint.isClosed()) return []
      const own = endpoint.addr()
      const relay = own.relayUrl()
      const places = own.directAddresses().filter(place => !isClosed(place))
      return [...places.sort(), ...(relay === null ? [] : [relayPlace(relay)])]
    },
    next: () => endpoint.acceptNext(),
    connect(peer, { addresses, relay }, alpn) {
      return endpoint.connect(new EndpointAddr(EndpointId.fromString(peer), relay, [...addresses]), alpn)
    },
    close: () => endpoint.close(),
  }
}

function closingPlaces(listen: readonly string[]): readonly string[] {
  if (listen.length === 0) return []
  const closing: string[] = []
  if (!listen.some(place => !isV6Place(place))) closing.push(CLOSED_V4)
  if (!listen.some(isV6Place)) closing.push(CLOSED_V6)
  return closing
}

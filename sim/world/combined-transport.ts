/**
 * Several transports of one node as one, such as wired links and BLE. A peer is found when the first of them finds it and
 * lost when the last one has lost it; a dial goes to those that have found it, in the order of the list, until one
 * answers. Connections that run are left where they are when another way to their peer opens or closes.
 */

import { invariant, isThicketError, type VerifyingKey } from '../../engine/core/index.js'
import type { Addressing, Connection, Transport, TransportHost } from '../../engine/ports.js'

export function combinedTransport(parts: readonly Transport[]): Transport {
  invariant(parts.length > 0, 'a node is reached in some way')
  const [only] = parts
  return parts.length === 1 ? only! : new CombinedTransport(parts)
}

class CombinedTransport implements Transport {
  /** Of the one part that has it: a node has one place in a network of addresses. */
  readonly addressing?: Addressing
  readonly #parts: readonly Transport[]
  /** The parts that know a peer. */
  readonly #waysTo = new Map<VerifyingKey, Set<Transport>>()

  constructor(parts: readonly Transport[]) {
    this.#parts = parts
    const addressing = parts.find(part => part.addressing !== undefined)?.addressing
    if (addressing) this.addressing = addressing
  }

  start(host: TransportHost): void {
    for (const part of this.#parts) {
      part.start({
        id: host.id,
        networkId: host.networkId,
        ...(host.addressed ? { addressed: host.addressed } : {}),
        peerFound: (peer, origin) => {
          const ways = this.#waysTo.get(peer)
          if (ways === undefined) this.#waysTo.set(peer, new Set([part]))
          else ways.add(part)
          host.peerFound(peer, origin)
        },
        peerLost: peer => {
          const ways = this.#waysTo.get(peer)
          ways?.delete(part)
          if (ways !== undefined && ways.size > 0) return
          this.#waysTo.delete(peer)
          host.peerLost(peer)
        },
        accept: connection => host.accept(connection),
      })
    }
  }

  addresses(): readonly string[] {
    return [...new Set(this.#parts.flatMap(part => part.addresses()))]
  }

  dial(peer: VerifyingKey, protocol: string, done: (connection: Connection | null) => void): void {
    // Those that have not found the peer come last: they say no in their own time, or know better meanwhile.
    const ways = this.#waysTo.get(peer)
    const knows = (part: Transport): boolean => ways?.has(part) ?? false
    const order = [...this.#parts.filter(knows), ...this.#parts.filter(part => !knows(part))]
    const attempt = (at: number): void => {
      order[at]!.dial(peer, protocol, connection => {
        if (connection === null && at + 1 < order.length) attempt(at + 1)
        else done(connection)
      })
    }
    attempt(0)
  }

  connect(address: string): void {
    let refusal: unknown
    let isTaken = false
    for (const part of this.#parts) {
      try {
        part.connect(address)
        isTaken = true
      } catch (error) {
        if (!isThicketError(error, 'address-invalid')) throw error
        refusal ??= error
      }
    }
    if (!isTaken) throw refusal
  }

  stop(): void {
    for (const part of this.#parts) part.stop()
  }
}

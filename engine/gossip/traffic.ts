/** What the overlay sends and receives, by what it is for. */

import type { OverlayTrafficClass, Traffic } from './overlay-types.js'
import { isMembership, type OverlayMessage } from './overlay-wire.js'

export function classOf(message: OverlayMessage): OverlayTrafficClass {
  if (isMembership(message)) return 'membership'
  return message.type === 'payload' ? 'payload' : 'control'
}

/** Told peers that cost as much as a message: each key never seen has to be checked. */
const PEERS_PER_COST = 4

/** What a message costs of the allowance for membership. */
export function membershipCost(message: OverlayMessage): number {
  if (!isMembership(message)) return 0
  return 1 + ('peers' in message ? message.peers.length / PEERS_PER_COST : 0)
}

export class TrafficCount {
  readonly #counts = {
    membership: { messages: 0, bytes: 0 },
    payload: { messages: 0, bytes: 0 },
    control: { messages: 0, bytes: 0 },
  }

  add(kind: OverlayTrafficClass, bytes: number): void {
    this.#counts[kind].messages++
    this.#counts[kind].bytes += bytes
  }

  get byClass(): Readonly<Record<OverlayTrafficClass, Traffic>> {
    const { membership, payload, control } = this.#counts
    return { membership: { ...membership }, payload: { ...payload }, control: { ...control } }
  }
}

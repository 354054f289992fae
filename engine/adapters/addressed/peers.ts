/**
 * Whom this node can reach, and by what: addresses that were given, heard on the local network or learnt from others,
 * and open links. Says `found` and `lost` as this changes. Pure: no time, no sockets.
 */

import type { VerifyingKey } from '../../core/index.js'
import type { PeerOrigin } from '../../ports.js'

export interface PeersConfig {
  /** Peers that are known, and addresses of one of them. */
  readonly maxPeers: number
  readonly maxAddresses: number
  found(peer: VerifyingKey, origin: PeerOrigin): void
  lost(peer: VerifyingKey): void
}

interface Peer {
  /** Given by somebody who meant it: kept for good. */
  readonly given: Set<string>
  local: readonly string[]
  learnt: readonly string[]
  links: number
  /** Ways of finding that were told and are still open. */
  readonly told: Set<PeerOrigin>
  /** Whether it was ever told, and so is to be told lost. */
  isFound: boolean
}

export class Peers {
  readonly #config: PeersConfig
  readonly #peers = new Map<VerifyingKey, Peer>()

  constructor(config: PeersConfig) {
    this.#config = config
  }

  /** Peers that can be dialled. */
  get size(): number {
    return this.#peers.size
  }

  /** Where to dial a peer: what is nearest first. */
  placesOf(peer: VerifyingKey): readonly string[] {
    const known = this.#peers.get(peer)
    if (known === undefined) return []
    const places = new Set([...known.local, ...known.given, ...known.learnt])
    return [...places].slice(0, this.#config.maxAddresses)
  }

  given(peer: VerifyingKey, place: string): void {
    const known = this.#know(peer)
    if (known.given.size >= this.#config.maxAddresses) {
      for (const oldest of known.given) {
        known.given.delete(oldest)
        break
      }
    }
    known.given.add(place)
    this.#tell(peer, known, 'bootstrap')
  }

  heard(peer: VerifyingKey, places: readonly string[]): void {
    if (places.length === 0) return
    const known = this.#know(peer)
    known.local = places.slice(0, this.#config.maxAddresses)
    this.#tell(peer, known, 'local')
  }

  /** What was heard on the local network proved wrong; who is still there says it again. */
  notThere(peer: VerifyingKey): void {
    const known = this.#peers.get(peer)
    if (known === undefined || known.local.length === 0) return
    known.local = []
    known.told.delete('local')
    this.#forgetIfUnreachable(peer, known)
  }

  learn(peer: VerifyingKey, places: readonly string[]): void {
    if (places.length === 0 && !this.#peers.has(peer)) return
    const known = this.#know(peer)
    known.learnt = places.slice(0, this.#config.maxAddresses)
    this.#forgetIfUnreachable(peer, known)
  }

  linkOpened(peer: VerifyingKey, isIncoming: boolean): void {
    const known = this.#know(peer)
    known.links++
    if (isIncoming) this.#tell(peer, known, 'incoming')
  }

  linkClosed(peer: VerifyingKey): void {
    const known = this.#peers.get(peer)
    if (known === undefined || --known.links > 0) return
    // Who comes again is told anew.
    known.told.delete('incoming')
    this.#forgetIfUnreachable(peer, known)
  }

  #know(peer: VerifyingKey): Peer {
    let known = this.#peers.get(peer)
    if (known === undefined) {
      this.#makeRoom()
      known = { given: new Set(), local: [], learnt: [], links: 0, told: new Set(), isFound: false }
      this.#peers.set(peer, known)
    }
    return known
  }

  /** The oldest goes that nobody has given and no link holds. */
  #makeRoom(): void {
    if (this.#peers.size < this.#config.maxPeers) return
    for (const [peer, known] of this.#peers) {
      if (known.links > 0 || known.given.size > 0) continue
      known.local = []
      known.learnt = []
      this.#forgetIfUnreachable(peer, known)
      return
    }
  }

  #tell(peer: VerifyingKey, known: Peer, origin: PeerOrigin): void {
    if (known.told.has(origin)) return
    known.told.add(origin)
    known.isFound = true
    this.#config.found(peer, origin)
  }

  #forgetIfUnreachable(peer: VerifyingKey, known: Peer): void {
    if (known.links > 0 || known.given.size > 0 || known.local.length > 0 || known.learnt.length > 0) return
    this.#peers.delete(peer)
    if (known.isFound) this.#config.lost(peer)
  }
}

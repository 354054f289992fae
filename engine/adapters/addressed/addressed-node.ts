/**
 * The life of a transport whose peers have addresses, whatever carries its bytes: it starts behind a call that returns
 * at once, keeps account of whom it can reach, tells its owner in turns of their own, and ends in order.
 */

import { invariant, ThicketError, type VerifyingKey } from '../../core/index.js'
import type { AddressedHost, Addressing, Trace, TransportHost } from '../../ports.js'
import { parseAddress } from '../addresses.js'
import { Peers } from './peers.js'

export interface AddressedLimits {
  /** Peers that are known, and addresses of one of them. */
  readonly peers: number
  readonly addresses: number
}

export abstract class AddressedNode<Limits extends AddressedLimits> {
  readonly limits: Limits
  readonly addressing: Addressing
  protected readonly log: Trace | null
  protected readonly peers: Peers
  protected host: TransportHost | null = null
  protected addressed: AddressedHost | null = null
  protected state: 'new' | 'running' | 'stopped' = 'new'
  protected started: Promise<void> = Promise.resolve()
  #stopping: Promise<void> = Promise.resolve()
  #checkTimer: NodeJS.Timeout | null = null
  #lastPlaces = ''

  constructor(kind: Addressing['kind'], limits: Limits, log: Trace | null) {
    this.limits = limits
    this.log = log
    this.peers = new Peers({
      maxPeers: limits.peers,
      maxAddresses: limits.addresses,
      found: (peer, origin) => this.#soon(host => host.peerFound(peer, origin)),
      lost: peer => this.#soon(host => host.peerLost(peer)),
    })
    this.addressing = {
      kind,
      own: () => this.ownPlaces(),
      learn: (peer, places) => this.peers.learn(peer, this.usable(places)),
    }
  }

  protected abstract begin(host: TransportHost, addressed: AddressedHost): Promise<void>
  protected abstract end(): Promise<void>
  protected abstract ownPlaces(): readonly string[]
  /** Whether the text names a place that this transport could dial. */
  protected abstract isPlace(place: string): boolean
  /** A place was told that is none. */
  protected abstract placeRefused(): void

  start(host: TransportHost): void {
    invariant(this.state === 'new', 'a transport is started once')
    const { addressed } = host
    invariant(addressed !== undefined, 'a transport with addresses is given the key of its node')
    this.state = 'running'
    this.host = host
    this.addressed = addressed
    this.started = this.begin(host, addressed)
    // Whoever never asks is not to be surprised by it; dials fail, and the log says why.
    this.started.catch(() => {})
  }

  ready(): Promise<void> {
    return this.started
  }

  connect(address: string): void {
    const ours = this.addressing.kind
    const { kind, peer, place } = parseAddress(address)
    if (kind !== ours) {
      const message = `this node speaks ${ours}, and the address is of another transport`
      throw new ThicketError('address-invalid', message, { got: address })
    }
    if (peer !== this.host?.id && this.state !== 'stopped') this.peers.given(peer, place)
  }

  stop(): void {
    if (this.state !== 'running') return
    this.state = 'stopped'
    if (this.#checkTimer !== null) clearInterval(this.#checkTimer)
    this.#stopping = this.end()
  }

  close(): Promise<void> {
    this.stop()
    return this.#stopping
  }

  closed(): Promise<void> {
    return this.#stopping
  }

  protected mayConnect(peer: VerifyingKey): boolean {
    return this.state === 'running' && (this.addressed?.mayConnect(peer) ?? false)
  }

  protected usable(places: readonly string[]): readonly string[] {
    const usable: string[] = []
    for (const place of places) {
      if (usable.length >= this.limits.addresses) break
      if (this.isPlace(place)) usable.push(place)
      else this.placeRefused()
    }
    return usable
  }

  /** Tells of the own addresses now and whenever they have changed; `look` is called as often. */
  protected watch(everyMs: number, look: () => void = () => {}): void {
    this.#tellAddresses()
    this.#checkTimer = setInterval(() => {
      this.#tellAddresses()
      look()
    }, everyMs)
    this.#checkTimer.unref()
  }

  #tellAddresses(): void {
    const places = this.ownPlaces().join(' ')
    if (places === this.#lastPlaces || this.state !== 'running') return
    this.#lastPlaces = places
    this.addressed?.addressesChanged()
  }

  /** In a turn of its own, and nothing any more after the stop. */
  #soon(tell: (host: TransportHost) => void): void {
    setImmediate(() => {
      if (this.host !== null && this.state === 'running') tell(this.host)
    })
  }
}

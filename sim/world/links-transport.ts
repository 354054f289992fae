/** The Transport port of one boot of one simulated node. After its node's death nothing of it is called any more. */

import type { ConnectionEnd } from '../../engine/connection-end.js'
import { bytesEqual, invariant, ThicketError, type VerifyingKey } from '../../engine/core/index.js'
import type { Connection, Transport, TransportHost } from '../../engine/ports.js'
import type { Kernel } from '../kernel/index.js'
import type { Link } from './links-link.js'

/** What a transport needs of its network. */
export interface Neighbourhood {
  id(node: number): VerifyingKey
  /** The links of a node, in the order in which they were added. */
  links(node: number): readonly Link[]
  linkTo(node: number, peer: VerifyingKey): Link | null
  moveIn(boot: SimTransport): void
}

const ADDRESS = /^sim:([0-9a-f]{64})$/

export class SimTransport implements Transport {
  readonly node: number
  readonly id: VerifyingKey
  readonly #kernel: Kernel
  readonly #neighbourhood: Neighbourhood
  #host: TransportHost | null = null
  #state: 'new' | 'running' | 'stopped' | 'dead' = 'new'

  constructor(kernel: Kernel, neighbourhood: Neighbourhood, node: number) {
    this.#kernel = kernel
    this.#neighbourhood = neighbourhood
    this.node = node
    this.id = neighbourhood.id(node)
  }

  get isDead(): boolean {
    return this.#state === 'dead'
  }

  get isStopped(): boolean {
    return this.#state !== 'running'
  }

  start(host: TransportHost): void {
    invariant(this.#state === 'new', 'a transport serves one boot of a node and is started once')
    invariant(host.id === this.id, 'the host has the node id that the network knows')
    this.#host = host
    this.#state = 'running'
    this.#neighbourhood.moveIn(this)
    for (const link of this.#neighbourhood.links(this.node)) if (link.introduces) this.#findSoon(link)
  }

  addresses(): readonly string[] {
    return [`sim:${this.id}`]
  }

  dial(peer: VerifyingKey, protocol: string, done: (connection: Connection | null) => void): void {
    const link = this.isStopped || !this.lets(peer) ? null : this.#neighbourhood.linkTo(this.node, peer)
    if (link !== null) {
      link.dial(this, protocol, done)
      return
    }
    this.#kernel.schedule(0, 'links/dialled', this.node, () => {
      if (!this.isDead) done(null)
    })
  }

  connect(address: string): void {
    const peer = ADDRESS.exec(address)?.[1]
    if (peer === undefined)
      throw new ThicketError('address-invalid', `an address here reads sim:<node id>`, { got: address })
    const link = this.#neighbourhood.linkTo(this.node, peer as VerifyingKey)
    if (link !== null) this.#findSoon(link)
  }

  stop(): void {
    if (this.#state !== 'running') return
    this.#state = 'stopped'
    for (const link of this.#neighbourhood.links(this.node)) link.stopped(this)
  }

  /** For the network: the process of this boot is gone. */
  die(): void {
    this.#state = 'dead'
    this.#host = null
  }

  /** For the links. */
  accept(end: ConnectionEnd): void {
    if (this.#state === 'running') this.#host?.accept(end)
    else end.close(0)
  }

  peerFound(node: number): void {
    if (this.#state === 'running') this.#host?.peerFound(this.#neighbourhood.id(node))
  }

  peerLost(node: number): void {
    if (this.#state === 'running') this.#host?.peerLost(this.#neighbourhood.id(node))
  }

  speaks(protocol: string): boolean {
    return this.#host?.addressed?.protocols.includes(protocol) ?? true
  }

  /** Whether the node has anything to do with a peer; asked by whoever would connect the two. */
  lets(peer: VerifyingKey): boolean {
    return this.#host?.addressed?.mayConnect(peer) ?? true
  }

  isOfNetwork(other: SimTransport): boolean {
    if (this.#host === null || other.#host === null) return false
    return bytesEqual(this.#host.networkId, other.#host.networkId)
  }

  #findSoon(link: Link): void {
    this.#kernel.schedule(0, 'links/peer-found', this.node, () => {
      if (!link.isDown) this.peerFound(link.directionFrom(this.node).to)
    })
  }
}

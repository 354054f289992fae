/**
 * Connects nodes that run in one process: no socket, no port, nothing to configure. Nodes of one network that share a
 * hub find each other.
 *
 * Everything is delivered in later turns of the event loop. A turn is scheduled only while something is to be delivered,
 * so a hub by itself keeps no process alive.
 */

import { type Carrier, ConnectionEnd } from '../connection-end.js'
import { bytesToHex, invariant, ThicketError, type VerifyingKey } from '../core/index.js'
import type { Connection, Transport, TransportHost } from '../ports.js'

/** Most bytes of one parcel. */
const PARCEL_BYTES = 64 * 1024
/** Most bytes that one end delivers in one turn, so that nodes, and whatever else the process does, take turns. */
const TURN_BYTES = 256 * 1024

const ADDRESS = /^memory:([0-9a-f]{8})\/([0-9a-f]{64})$/

export interface InProcessOptions {
  /** Where nodes meet; the hub of the process when absent. */
  readonly hub?: InProcessHub
  /** False: finds nobody and is found by nobody, unless one is told the other's address. */
  readonly discover?: boolean
}

export function inProcessTransport(options: InProcessOptions = {}): Transport {
  return new InProcessTransport(options.hub ?? processHub, options.discover ?? true)
}

export class InProcessHub {
  /** By network id and node id. */
  readonly #members = new Map<string, InProcessTransport>()
  #tasks: (() => void)[] = []
  #isTurnDue = false

  /** Runs a task in the next turn, after all that were handed in before. */
  soon(task: () => void): void {
    this.#tasks.push(task)
    this.#scheduleTurn()
  }

  join(member: InProcessTransport): void {
    const key = keyOf(member.networkId, member.id)
    if (this.#members.has(key)) {
      throw new ThicketError('node-id-in-use', 'a node with this key runs in this process already', { id: member.id })
    }
    this.#members.set(key, member)
  }

  leave(member: InProcessTransport): void {
    this.#members.delete(keyOf(member.networkId, member.id))
  }

  member(networkId: string, id: string): InProcessTransport | null {
    return this.#members.get(keyOf(networkId, id)) ?? null
  }

  /** All others of a member's network, in the order in which they joined. */
  othersOf(member: InProcessTransport): InProcessTransport[] {
    return [...this.#members.values()].filter(other => other !== member && other.networkId === member.networkId)
  }

  #scheduleTurn(): void {
    if (this.#isTurnDue || this.#tasks.length === 0) return
    this.#isTurnDue = true
    setImmediate(() => this.#turn())
  }

  #turn(): void {
    const tasks = this.#tasks
    this.#tasks = []
    let done = 0
    try {
      for (; done < tasks.length; done++) tasks[done]!()
    } finally {
      // A task that throws ends the process or is somebody's to handle; the others are not lost with it.
      this.#tasks = [...tasks.slice(done + 1), ...this.#tasks]
      this.#isTurnDue = false
      this.#scheduleTurn()
    }
  }
}

const processHub = new InProcessHub()

class InProcessTransport implements Transport {
  readonly #hub: InProcessHub
  readonly #discovers: boolean
  /** Peers named by `connect` that are not there yet. */
  readonly #awaited = new Set<string>()
  readonly #found = new Set<InProcessTransport>()
  readonly #ends = new Set<ConnectionEnd>()
  #host: TransportHost | null = null
  #state: 'new' | 'running' | 'stopped' = 'new'
  #networkId = ''

  constructor(hub: InProcessHub, discovers: boolean) {
    this.#hub = hub
    this.#discovers = discovers
  }

  get id(): VerifyingKey {
    invariant(this.#host !== null, 'a transport that was started has a host')
    return this.#host.id
  }

  get networkId(): string {
    return this.#networkId
  }

  start(host: TransportHost): void {
    invariant(this.#state === 'new', 'a transport is started once')
    this.#host = host
    this.#networkId = bytesToHex(host.networkId)
    try {
      this.#hub.join(this)
    } catch (error) {
      this.#host = null
      throw error
    }
    this.#state = 'running'
    for (const other of this.#hub.othersOf(this)) {
      if (this.#discovers && other.#discovers) this.#findSoon(other)
      if ((this.#discovers && other.#discovers) || other.#awaited.has(this.id)) other.#findSoon(this)
    }
  }

  addresses(): readonly string[] {
    return this.#host === null ? [] : [`memory:${this.#networkId.slice(0, 8)}/${this.id}`]
  }

  dial(peer: VerifyingKey, protocol: string, done: (connection: Connection | null) => void): void {
    this.#hub.soon(() => {
      const other = this.#hub.member(this.#networkId, peer)
      const canConnect = this.#state === 'running' && other !== null && other !== this
      done(canConnect ? this.#connectTo(other, protocol) : null)
    })
  }

  connect(address: string): void {
    const [, network, id] = ADDRESS.exec(address) ?? []
    if (network === undefined || id === undefined) {
      throw new ThicketError('address-invalid', 'an address here reads memory:<network>/<node id>', { got: address })
    }
    if (network !== this.#networkId.slice(0, 8)) {
      throw new ThicketError('address-invalid', 'the address is of another network', { got: address })
    }
    const other = this.#hub.member(this.#networkId, id)
    if (other === this) return
    this.#awaited.add(id)
    if (other !== null) this.#findSoon(other)
  }

  stop(): void {
    if (this.#state !== 'running') return
    this.#state = 'stopped'
    this.#hub.leave(this)
    for (const end of this.#ends) end.close(0)
    for (const other of this.#hub.othersOf(this)) {
      if (!other.#found.delete(this)) continue
      this.#hub.soon(() => {
        if (other.#state === 'running') other.#host?.peerLost(this.id)
      })
    }
  }

  #findSoon(other: InProcessTransport): void {
    this.#hub.soon(() => {
      if (this.#state !== 'running' || other.#state !== 'running') return
      this.#found.add(other)
      this.#host?.peerFound(other.id)
    })
  }

  #connectTo(other: InProcessTransport, protocol: string): ConnectionEnd {
    const ours = new EndCarrier(this.#hub)
    const theirs = new EndCarrier(this.#hub)
    const mine = new ConnectionEnd(ours, other.id, 'initiator', protocol)
    const remote = new ConnectionEnd(theirs, this.id, 'acceptor', protocol)
    const forget = (): void => {
      if (mine.isOver) this.#ends.delete(mine)
      if (remote.isOver) other.#ends.delete(remote)
    }
    ours.join(mine, remote, forget)
    theirs.join(remote, mine, forget)
    this.#ends.add(mine)
    other.#ends.add(remote)
    this.#hub.soon(() => {
      if (other.#state === 'running') other.#host?.accept(remote)
      else remote.close(0)
    })
    return mine
  }
}

/** Carries what one end sends to the other, a bounded number of bytes a turn. */
class EndCarrier implements Carrier {
  readonly #hub: InProcessHub
  #from: ConnectionEnd | null = null
  #to: ConnectionEnd | null = null
  #forget: () => void = () => {}
  #isDue = false

  constructor(hub: InProcessHub) {
    this.#hub = hub
  }

  join(from: ConnectionEnd, to: ConnectionEnd, forget: () => void): void {
    this.#from = from
    this.#to = to
    this.#forget = forget
  }

  wake(): void {
    if (this.#isDue) return
    this.#isDue = true
    this.#hub.soon(() => this.#carry())
  }

  consumed(stream: number, bytes: number): void {
    this.#hub.soon(() => this.#to?.credit(stream, bytes))
  }

  soon(callback: () => void): void {
    this.#hub.soon(callback)
  }

  #carry(): void {
    this.#isDue = false
    const from = this.#from
    const to = this.#to
    if (from === null || to === null) return
    try {
      for (let bytes = 0; bytes < TURN_BYTES; ) {
        const parcel = from.take(PARCEL_BYTES)
        if (parcel === null) break
        if (parcel.type === 'stream') bytes += parcel.bytes.length
        to.put(parcel)
      }
    } finally {
      this.#forget()
      if (from.hasParcel) this.wake()
    }
  }
}

function keyOf(networkId: string, id: string): string {
  return `${networkId}/${id}`
}

/** A link between two nodes: its two directions, the connections over it and the dials under way. */

import { type Carrier, ConnectionEnd } from '../../engine/connection-end.js'
import { type EventHandle, type Kernel, msToUs, WORLD } from '../kernel/index.js'
import { type Direction, Lane, type LinkState } from './links-lane.js'
import { CONNECT_TIMEOUT_MS, PARCEL_HEADER_BYTES } from './links-limits.js'
import type { SimTransport } from './links-transport.js'

/** How a process ends: its machine goes silent, or lives on and tells peers that nobody is there any more. */
export type Exit = 'power' | 'clean'

/** One side of a connection: its end, the boot that owns it, and the lane that it sends on. */
interface Side {
  readonly owner: SimTransport
  readonly end: ConnectionEnd
  readonly lane: Lane
}

/** The initiator's side comes first. */
interface LinkConnection {
  readonly sides: readonly [Side, Side]
  readonly dialled: Direction
}

interface Attempt {
  readonly caller: SimTransport
  readonly protocol: string
  readonly there: Direction
  readonly back: Direction
  readonly done: (end: ConnectionEnd | null) => void
  timeout: EventHandle | null
  /** Its packets wait for the link to come up. */
  isWaiting: boolean
}

/** Who runs at a node now, if anybody, and whether its machine answers for a process that does not. */
export interface Residents {
  current(node: number): SimTransport | null
  answers(node: number): boolean
}

/** What all links of a network have in common. */
export interface LinkFigures {
  /** A connection without progress is lost after this. */
  readonly idleTimeoutMs: number
  /** What a handshake costs on the wire in each direction. */
  readonly handshakeBytes: number
}

/** What tells one link from another. */
export interface LinkRole {
  /** Whether the ends learn of each other by the link; otherwise they know each other's address already. */
  readonly introduces: boolean
  /** Told of all bytes that the link carries, framing included. */
  readonly account: (protocol: string, bytes: number) => void
}

export class Link {
  readonly directions: readonly [Direction, Direction]
  readonly introduces: boolean
  readonly #kernel: Kernel
  readonly #residents: Residents
  readonly #figures: LinkFigures
  readonly #account: LinkRole['account']
  readonly #connections = new Set<LinkConnection>()
  readonly #attempts = new Set<Attempt>()
  #idle: EventHandle | null = null

  constructor(
    kernel: Kernel,
    residents: Residents,
    directions: readonly [Direction, Direction],
    figures: LinkFigures,
    { introduces, account }: LinkRole,
  ) {
    this.#kernel = kernel
    this.#residents = residents
    this.#figures = figures
    this.#account = account
    this.directions = directions
    this.introduces = introduces
  }

  get isDown(): boolean {
    return this.directions.some(direction => direction.state === 'down')
  }

  /** Connections that are not over at both ends. */
  get openConnections(): number {
    this.#sweep()
    return this.#connections.size
  }

  /** Nothing is held by it, and it is as it would be when laid anew. */
  get isIdle(): boolean {
    return this.#isUp && this.#attempts.size === 0 && this.openConnections === 0
  }

  directionFrom(node: number): Direction {
    return this.directions[0].from === node ? this.directions[0] : this.directions[1]
  }

  setState(direction: Direction, state: LinkState): void {
    const wasDown = this.isDown
    const before = direction.state
    direction.state = state
    for (const { sides } of this.#connections) {
      for (const { lane } of sides) {
        if (lane.there === direction && before === 'down' && state !== 'down') lane.healed()
        if (lane.back === direction && state === 'up') lane.healedBack()
      }
    }
    direction.pumpSoon()
    if (this.isDown && !wasDown) this.#wentDown()
    if (!this.isDown && wasDown) this.#cameUp()
    if (this.#isUp) for (const attempt of [...this.#attempts]) if (attempt.isWaiting) this.#call(attempt)
  }

  dial(caller: SimTransport, protocol: string, done: (end: ConnectionEnd | null) => void): void {
    const there = this.directionFrom(caller.node)
    const back = this.directionFrom(there.to)
    there.counters.dials++
    const attempt: Attempt = { caller, protocol, there, back, done, timeout: null, isWaiting: false }
    this.#attempts.add(attempt)
    attempt.timeout = this.#kernel.schedule(msToUs(CONNECT_TIMEOUT_MS), 'links/dial-timeout', caller.node, () =>
      this.#settle(attempt, null),
    )
    this.#call(attempt)
  }

  /** Something between the nodes cuts every connection; both sides learn of it at once. */
  reset(): void {
    for (const connection of [...this.#connections]) this.#lose(connection)
  }

  /** The medium is gone for both ends at once: what was under way comes to nothing, and they are lost to each other. */
  sever(): void {
    for (const direction of this.directions) direction.state = 'down'
    this.#idle?.cancel()
    for (const attempt of [...this.#attempts]) {
      this.#kernel.schedule(0, 'links/dialled', attempt.caller.node, () => this.#settle(attempt, null))
    }
    this.#fallApart()
  }

  /** The boot's process has ended. What has left it still arrives. */
  died(boot: SimTransport, exit: Exit): void {
    for (const attempt of [...this.#attempts]) if (attempt.caller === boot) this.#forget(attempt)
    for (const { sides, dialled } of this.#connections) {
      for (const [mine, other] of [sides, [sides[1], sides[0]]] as const) {
        if (mine.owner !== boot || mine.end.isOver) continue
        mine.end.die()
        if (other.end.isOver) continue
        dialled.counters.resets++
        if (exit === 'clean') mine.lane.launch(PARCEL_HEADER_BYTES, () => other.end.lose())
        else
          this.#kernel.schedule(msToUs(this.#figures.idleTimeoutMs), 'links/lost', other.owner.node, () =>
            other.end.lose(),
          )
      }
    }
    this.#sweep()
  }

  /** The boot's transport was stopped: its connections are closed, its dials come to nothing. */
  stopped(boot: SimTransport): void {
    for (const { sides } of this.#connections) for (const side of sides) if (side.owner === boot) side.end.close(0)
    for (const attempt of [...this.#attempts]) {
      if (attempt.caller === boot)
        this.#kernel.schedule(0, 'links/dialled', boot.node, () => this.#settle(attempt, null))
    }
  }

  get #isUp(): boolean {
    return this.directions.every(direction => direction.state === 'up')
  }

  #wentDown(): void {
    this.#idle = this.#kernel.schedule(msToUs(this.#figures.idleTimeoutMs), 'links/idle', WORLD, () =>
      this.#fallApart(),
    )
  }

  #fallApart(): void {
    this.reset()
    this.#eachResident(0, 'links/peer-lost', (boot, peer) => boot.peerLost(peer))
  }

  #cameUp(): void {
    this.#idle?.cancel()
    const latencyUs = Math.max(...this.directions.map(direction => direction.latencyUs))
    this.#eachResident(latencyUs, 'links/peer-found', (boot, peer) => {
      if (!this.isDown) boot.peerFound(peer)
    })
  }

  #eachResident(delayUs: number, kind: string, tell: (boot: SimTransport, peer: number) => void): void {
    if (!this.introduces) return
    for (const { from, to } of this.directions) {
      this.#kernel.schedule(delayUs, kind, from, () => {
        const boot = this.#residents.current(from)
        if (boot !== null) tell(boot, to)
      })
    }
  }

  /** The first packet of a dial sets out, or waits for the link. */
  #call(attempt: Attempt): void {
    const { there } = attempt
    this.#travel(attempt, there, there.to, () => {
      const callee = this.#residents.current(there.to)
      if (callee === null && !this.#residents.answers(there.to)) return
      const { caller, protocol } = attempt
      const isWelcome = callee?.speaks(protocol) && callee.lets(caller.id) && caller.isOfNetwork(callee)
      this.#travel(attempt, attempt.back, there.from, () => this.#settle(attempt, isWelcome ? callee : null))
    })
  }

  /** Takes a packet of a dial over one direction; a link that is not up makes the dial begin anew once it is. */
  #travel(attempt: Attempt, direction: Direction, node: number, arrive: () => void): void {
    attempt.isWaiting = !this.#isUp
    if (attempt.isWaiting) return
    this.#account(attempt.protocol, this.#figures.handshakeBytes)
    this.#kernel.schedule(direction.transmit(this.#figures.handshakeBytes, this.#rttUs), 'links/dial', node, () => {
      if (!this.#attempts.has(attempt)) return
      attempt.isWaiting = !this.#isUp
      if (!attempt.isWaiting) arrive()
    })
  }

  get #rttUs(): number {
    return this.directions[0].latencyUs + this.directions[1].latencyUs
  }

  #settle(attempt: Attempt, callee: SimTransport | null): void {
    if (!this.#forget(attempt) || attempt.caller.isDead) return
    attempt.done(callee === null || attempt.caller.isStopped ? null : this.#connect(attempt, callee))
  }

  #forget(attempt: Attempt): boolean {
    attempt.timeout?.cancel()
    return this.#attempts.delete(attempt)
  }

  #connect(attempt: Attempt, callee: SimTransport): ConnectionEnd {
    const { caller, protocol, there, back } = attempt
    this.#sweep()
    there.counters.connections++
    const sides: [Side, Side] = [] as unknown as [Side, Side]
    const carrier = (mine: 0 | 1, owner: SimTransport): Carrier => ({
      wake: () => sides[mine].lane.wake(),
      consumed: (stream, bytes) => sides[1 - mine]!.lane.credit(stream, bytes),
      soon: callback => {
        this.#kernel.schedule(0, 'links/soon', owner.node, () => {
          if (!owner.isDead) callback()
        })
      },
    })
    const initiator = new ConnectionEnd(carrier(0, caller), callee.id, 'initiator', protocol)
    const acceptor = new ConnectionEnd(carrier(1, callee), caller.id, 'acceptor', protocol)
    sides[0] = {
      owner: caller,
      end: initiator,
      lane: new Lane(this.#kernel, initiator, acceptor, there, back, this.#account),
    }
    sides[1] = {
      owner: callee,
      end: acceptor,
      lane: new Lane(this.#kernel, acceptor, initiator, back, there, this.#account),
    }
    const connection: LinkConnection = { sides, dialled: there }
    this.#connections.add(connection)
    if (callee.isDead) {
      // It died while its answer was on the way; the caller finds out as it would of any peer that fell silent.
      acceptor.die()
      this.#kernel.schedule(msToUs(this.#figures.idleTimeoutMs), 'links/lost', caller.node, () => initiator.lose())
    } else {
      sides[0].lane.launch(this.#figures.handshakeBytes, () => callee.accept(acceptor))
    }
    return initiator
  }

  #lose({ sides, dialled }: LinkConnection): void {
    if (sides.every(side => side.end.isOver)) return
    dialled.counters.resets++
    for (const { owner, end, lane } of sides) {
      lane.clear()
      this.#kernel.schedule(0, 'links/lost', owner.node, () => end.lose())
    }
  }

  #sweep(): void {
    for (const connection of this.#connections) {
      if (connection.sides.every(side => side.end.isOver)) this.#connections.delete(connection)
    }
  }
}

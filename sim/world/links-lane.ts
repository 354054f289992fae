/**
 * The way of a connection's bytes over a link, in one direction.
 *
 * A `Direction` is one direction of a link: it paces what all connections send over it and draws what chance does. A
 * `Lane` is one connection's part of it: what is on its way arrives in the order in which it was sent, so a segment that
 * was lost delays everything behind it, as in TCP. A direction that is down holds what is in flight; one that is down or
 * stalled sends nothing.
 */

import type { ConnectionEnd } from '../../engine/connection-end.js'
import type { EventHandle, Kernel, SimRandom } from '../kernel/index.js'
import { msToUs } from '../kernel/index.js'
import {
  CHUNK_MS,
  MAX_CHUNK_BYTES,
  MAX_RETRANSMISSIONS,
  MIN_RETRANSMISSION_MS,
  PARCEL_HEADER_BYTES,
  SEGMENT_BYTES,
} from './links-limits.js'

export interface LinkConditions {
  readonly latencyMs: number
  /** Uniform between 0 and this on top of the latency; never reorders. */
  readonly jitterMs: number
  /** Bits per second, shared by all connections; Infinity for no limit. */
  readonly bandwidthBps: number
  /** Chance of each segment to be lost, 0 to 1; shows as delay. */
  readonly loss: number
}

/**
 * How a medium with a rhythm of its own lets bytes through, in place of bandwidth and loss: a direction with a pace has
 * only its latency, which is that of a word without data.
 */
export interface Pace {
  /** Bytes that are best handed over at a time. */
  readonly chunkBytes: number
  /** Puts bytes on the way: at which moments the medium takes more, and they arrive. */
  transmit(bytes: number): { readonly freeAtUs: number; readonly arriveUs: number; readonly again: number }
}

/** `stalled`: nothing is sent, what is in flight arrives. `down`: what is in flight waits too. */
export type LinkState = 'up' | 'stalled' | 'down'

/** What one direction of a link has carried. */
export interface LinkCounters {
  /** Bytes sent, framing included, retransmissions not. */
  bytes: number
  /** Dials in this direction, and those that led to a connection. */
  dials: number
  connections: number
  /** Connections reset or lost; counted in the direction of their dial. */
  resets: number
  retransmissions: number
}

export class Direction {
  readonly from: number
  readonly to: number
  readonly counters: LinkCounters = { bytes: 0, dials: 0, connections: 0, resets: 0, retransmissions: 0 }
  conditions: LinkConditions
  state: LinkState = 'up'
  /** Changes bytes on their way, for tests of what a node does with hostile ones. */
  tamper: ((bytes: Uint8Array) => Uint8Array) | null = null
  readonly #kernel: Kernel
  readonly #random: SimRandom
  /** Lanes with something to send, in turn. */
  readonly #ring: Lane[] = []
  #pace: Pace | null = null
  /** When the link has sent what it was given. */
  #freeAtUs = 0
  #pump: EventHandle | null = null

  constructor(kernel: Kernel, from: number, to: number, random: SimRandom, conditions: LinkConditions) {
    this.#kernel = kernel
    this.#random = random
    this.from = from
    this.to = to
    this.conditions = conditions
  }

  get latencyUs(): number {
    return msToUs(this.conditions.latencyMs)
  }

  /** Begins on a medium that has nothing on its way. */
  follow(pace: Pace): void {
    this.#pace = pace
    this.#freeAtUs = 0
    // It may wait for a moment that the old medium has named.
    this.#pump?.cancel()
    this.pumpSoon()
  }

  wake(lane: Lane): void {
    if (!lane.isQueued) {
      lane.isQueued = true
      this.#ring.push(lane)
    }
    this.pumpSoon()
  }

  /** Goes on sending as soon as the link is free; also called when it has come up. */
  pumpSoon(): void {
    if (this.#pump?.pending || this.#ring.length === 0 || this.state !== 'up') return
    const delayUs = Math.max(0, this.#freeAtUs - this.#kernel.nowUs)
    this.#pump = this.#kernel.schedule(delayUs, 'links/send', this.from, () => this.#send())
  }

  /** Puts bytes on the wire and says after how many microseconds they arrive. */
  transmit(bytes: number, rttUs: number): number {
    if (this.#pace !== null) {
      const { freeAtUs, arriveUs, again } = this.#pace.transmit(bytes)
      this.counters.bytes += bytes
      this.counters.retransmissions += again
      this.#freeAtUs = freeAtUs
      return arriveUs - this.#kernel.nowUs
    }
    const segments = Math.max(1, Math.ceil(bytes / SEGMENT_BYTES))
    const rtoUs = Math.max(msToUs(MIN_RETRANSMISSION_MS), 2 * rttUs)
    let lateUs = 0
    let again = 0
    if (this.conditions.loss > 0) {
      for (let segment = 0; segment < segments; segment++) {
        let losses = 0
        while (losses < MAX_RETRANSMISSIONS && this.#random.float() < this.conditions.loss) losses++
        again += losses
        lateUs = Math.max(lateUs, rtoUs * (2 ** losses - 1))
      }
    }
    this.counters.bytes += bytes
    this.counters.retransmissions += again
    const wireBytes = bytes + again * SEGMENT_BYTES
    const startUs = Math.max(this.#kernel.nowUs, this.#freeAtUs)
    this.#freeAtUs = startUs + Math.ceil((wireBytes * 8 * 1_000_000) / this.conditions.bandwidthBps)
    const jitterUs = msToUs(this.conditions.jitterMs)
    const drawnUs = jitterUs > 0 ? this.#random.int(jitterUs + 1) : 0
    return this.#freeAtUs - this.#kernel.nowUs + this.latencyUs + drawnUs + lateUs
  }

  #send(): void {
    while (this.#ring.length > 0 && this.state === 'up' && this.#freeAtUs <= this.#kernel.nowUs) {
      const lane = this.#ring.shift()!
      lane.isQueued = false
      lane.send(this.#chunkBytes)
      if (lane.source.hasParcel && !lane.isQueued) {
        lane.isQueued = true
        this.#ring.push(lane)
      }
    }
    this.pumpSoon()
  }

  get #chunkBytes(): number {
    if (this.#pace !== null) return Math.max(1, this.#pace.chunkBytes - PARCEL_HEADER_BYTES)
    const inTurn = (this.conditions.bandwidthBps / 8_000) * CHUNK_MS
    return Math.floor(Math.min(MAX_CHUNK_BYTES, Math.max(SEGMENT_BYTES, inTurn))) - PARCEL_HEADER_BYTES
  }
}

interface Flight {
  dueUs: number
  readonly arrive: () => void
}

interface Credit {
  readonly stream: number
  readonly bytes: number
}

export class Lane {
  readonly source: ConnectionEnd
  readonly sink: ConnectionEnd
  isQueued = false
  readonly #kernel: Kernel
  readonly there: Direction
  readonly back: Direction
  /** In the order of sending, which is the order of arrival. */
  readonly #flights: Flight[] = []
  #arrival: EventHandle | null = null
  readonly #heldCredits: Credit[] = []
  readonly #account: (protocol: string, bytes: number) => void

  constructor(
    kernel: Kernel,
    source: ConnectionEnd,
    sink: ConnectionEnd,
    there: Direction,
    back: Direction,
    account: (protocol: string, bytes: number) => void,
  ) {
    this.#kernel = kernel
    this.#account = account
    this.source = source
    this.sink = sink
    this.there = there
    this.back = back
  }

  get isEmpty(): boolean {
    return this.#flights.length === 0
  }

  wake(): void {
    this.there.wake(this)
  }

  /** Sends one parcel of at most so many bytes, if there is one. */
  send(maxBytes: number): void {
    const parcel = this.source.take(maxBytes)
    if (parcel === null) return
    const bytes = parcel.type === 'stream' ? parcel.bytes.length : 0
    this.launch(bytes + PARCEL_HEADER_BYTES, () => {
      if (parcel.type === 'close') {
        this.#kernel.note(parcel.code)
        this.sink.put(parcel)
        return
      }
      const { tamper } = this.there
      const arrived = tamper !== null && bytes > 0 ? tamper(parcel.bytes) : parcel.bytes
      this.#kernel.note([parcel.stream, parcel.isLast ? 1 : 0, parcel.abort ?? -1])
      this.#kernel.note(arrived)
      this.sink.put(arrived === parcel.bytes ? parcel : { ...parcel, bytes: arrived })
      // The sender's account is of what it sent; the reader answers for what it got.
      if (arrived.length < bytes) this.credit(parcel.stream, bytes - arrived.length)
    })
  }

  /** Puts something on its way behind all that was sent before it. */
  launch(bytes: number, arrive: () => void): void {
    const rttUs = this.there.latencyUs + this.back.latencyUs
    this.#account(this.source.protocol, bytes)
    // One that is due before those ahead of it arrives with them: only the head of the queue is waited for.
    this.#flights.push({ dueUs: this.#kernel.nowUs + this.there.transmit(bytes, rttUs), arrive })
    this.#expect()
  }

  /** The sink's reader has taken bytes; the source learns of it over the other direction. */
  credit(stream: number, bytes: number): void {
    this.#kernel.schedule(this.back.latencyUs, 'links/credit', this.there.from, () => {
      if (this.back.state === 'up') this.source.credit(stream, bytes)
      else this.#heldCredits.push({ stream, bytes })
    })
  }

  /** The direction of the bytes has come up: what waited sets out again. */
  healed(): void {
    const head = this.#flights[0]
    if (head !== undefined && head.dueUs <= this.#kernel.nowUs) head.dueUs = this.#kernel.nowUs + this.there.latencyUs
    this.#expect()
  }

  /** The other direction has come up. */
  healedBack(): void {
    for (const { stream, bytes } of this.#heldCredits.splice(0)) this.credit(stream, bytes)
  }

  /** Nothing arrives any more: both ends are gone. */
  clear(): void {
    this.#arrival?.cancel()
    this.#flights.length = 0
    this.#heldCredits.length = 0
  }

  #expect(): void {
    const head = this.#flights[0]
    if (head === undefined || this.#arrival?.pending || this.there.state === 'down') return
    const delayUs = Math.max(0, head.dueUs - this.#kernel.nowUs)
    this.#arrival = this.#kernel.schedule(delayUs, 'links/arrive', this.there.to, () => this.#arrive())
  }

  #arrive(): void {
    if (this.there.state === 'down') return
    const flight = this.#flights.shift()
    // What comes next is arranged first: the reader may throw when its disk has died.
    this.#expect()
    flight?.arrive()
  }
}

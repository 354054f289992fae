/**
 * How the bytes of one connection get through: in connection events, one each interval, as many exchanges of a packet
 * and its answer as fit. A broken packet ends its event and is sent again in the next one. A connection without data
 * costs nothing; what the two ends have to say is laid into the events when they say it.
 *
 * The radio of a node with several connections is shared out evenly: each has its part of the interval, or where not
 * even one exchange fits into that, every second or third event. Answers, which are short and seldom broken, are counted
 * as arriving.
 */

import type { Kernel, SimRandom } from '../../kernel/index.js'
import { msToUs } from '../../kernel/index.js'
import type { ConnectionBooks } from './connection-books.js'
import { LINK_BYTES, MTU_BYTES, SUPERVISION_TIMEOUT_MS } from './limits.js'
import { type BlePhy, INTER_FRAME_SPACE_US, pairUs, pduAirtimeUs } from './pdu.js'
import { ATT_HEADER_BYTES, L2CAP_HEADER_BYTES, notificationBytes } from './throughput.js'

/** What of a packet is the app's. */
const VALUE_BYTES = notificationBytes(MTU_BYTES)
const HEADER_BYTES = ATT_HEADER_BYTES + L2CAP_HEADER_BYTES

export interface ConnectionTraits {
  readonly kernel: Kernel
  readonly books: ConnectionBooks
  readonly random: SimRandom
  readonly phy: BlePhy
  readonly intervalUs: number
  /** Central and peripheral. */
  readonly ends: readonly [number, number]
  readonly loss: number
  /** Chance that a packet with so many payload bytes, sent at that moment, is broken. */
  errorRate(from: number, to: number, bytes: number, atUs: number): number
  /** Connections of the end that has more of them. */
  sharing(): number
  /** Nothing will get through until then, for as long as the supervision timeout. */
  stuck(atUs: number): void
}

/** When bytes handed over are through, and when the next ones may be. */
export interface Transit {
  readonly freeAtUs: number
  readonly arriveUs: number
  /** Packets that had to be sent again. */
  readonly again: number
}

/** One direction, as the links of a simulated network want it. */
export interface ConnectionPace {
  /** Bytes that fill half an event: so two ends that both speak take turns within it. */
  readonly chunkBytes: number
  transmit(bytes: number): Transit
}

type Side = 0 | 1

export class ConnectionEvents {
  readonly paces: readonly [ConnectionPace, ConnectionPace]
  readonly #traits: ConnectionTraits
  readonly #anchorUs: number
  /** Events of now and later into which something was laid, by number. */
  readonly #events = new Map<number, ConnectionEvent>()
  /** The event that each side used last, and when it was through with it. */
  readonly #last: [Cursor, Cursor] = [
    { event: 0, freeAtUs: -1 },
    { event: 0, freeAtUs: -1 },
  ]

  /** The first event is an interval from now. */
  constructor(traits: ConnectionTraits) {
    this.#traits = traits
    this.#anchorUs = traits.kernel.nowUs + traits.intervalUs
    this.paces = [this.#pace(0), this.#pace(1)]
  }

  #pace(side: Side): ConnectionPace {
    const chunkBytes = (): number => Math.ceil(this.#exchanges / 2) * VALUE_BYTES
    return {
      get chunkBytes() {
        return chunkBytes()
      },
      transmit: bytes => this.#transmit(side, bytes),
    }
  }

  /** Of how many events one is this connection's. */
  get #stride(): number {
    const { intervalUs, phy } = this.#traits
    return Math.ceil((pairUs(phy, LINK_BYTES) * this.#sharing) / intervalUs)
  }

  get #limitUs(): number {
    return Math.floor((this.#traits.intervalUs * this.#stride) / this.#sharing)
  }

  get #exchanges(): number {
    return Math.floor(this.#limitUs / pairUs(this.#traits.phy, LINK_BYTES))
  }

  get #sharing(): number {
    return Math.max(1, this.#traits.sharing())
  }

  #transmit(side: Side, bytes: number): Transit {
    const { kernel, phy, intervalUs } = this.#traits
    const { nowUs } = kernel
    const stride = this.#stride
    const limitUs = this.#limitUs
    const last = this.#last[side]
    this.#forget(nowUs)
    // Who has more to say says so in each packet, and the event goes on; who begins waits for the next one.
    let number = last.freeAtUs >= nowUs ? last.event : this.#numberFrom(nowUs, stride)
    let arriveUs = nowUs
    let freeAtUs = nowUs
    let again = 0
    let silentSinceUs: number | null = null
    for (let left = bytes; left > 0; ) {
      const payloadBytes = Math.min(left, VALUE_BYTES) + HEADER_BYTES
      const us = pduAirtimeUs(phy, payloadBytes)
      const event = this.#event(number)
      if (!event.hasRoom(side, us, limitUs)) {
        number = this.#next(number, stride)
        continue
      }
      const eventUs = this.#anchorUs + number * intervalUs
      const startUs = eventUs + event.lay(side, us)
      if (this.#isBroken(side, payloadBytes, us, startUs)) {
        event.close()
        again++
        silentSinceUs ??= startUs
        if (startUs - silentSinceUs >= msToUs(SUPERVISION_TIMEOUT_MS)) {
          this.#traits.stuck(startUs)
          return { freeAtUs: startUs + 1, arriveUs: startUs + 1, again }
        }
        number = this.#next(number, stride)
        continue
      }
      silentSinceUs = null
      left -= VALUE_BYTES
      arriveUs = startUs + us
      freeAtUs = eventUs + event.endUs(side)
    }
    last.event = number
    last.freeAtUs = freeAtUs
    return { freeAtUs, arriveUs, again }
  }

  #isBroken(side: Side, bytes: number, us: number, atUs: number): boolean {
    const { books, random, ends, loss, errorRate } = this.#traits
    const [from, to] = side === 0 ? ends : [ends[1], ends[0]]
    const isWeak = random.float() < errorRate(from, to, bytes, atUs)
    const isLost = !isWeak && loss > 0 && random.float() < loss
    books.sent(from, bytes, us, atUs, isWeak ? 'weak' : isLost ? 'random' : 'received')
    return isWeak || isLost
  }

  #numberFrom(atUs: number, stride: number): number {
    const number = Math.max(0, Math.ceil((atUs - this.#anchorUs) / this.#traits.intervalUs))
    return Math.ceil(number / stride) * stride
  }

  #next(number: number, stride: number): number {
    return (Math.floor(number / stride) + 1) * stride
  }

  #event(number: number): ConnectionEvent {
    let event = this.#events.get(number)
    if (event === undefined) {
      event = new ConnectionEvent(pduAirtimeUs(this.#traits.phy, 0))
      this.#events.set(number, event)
    }
    return event
  }

  #forget(nowUs: number): void {
    const current = Math.floor((nowUs - this.#anchorUs) / this.#traits.intervalUs) - this.#stride
    for (const number of this.#events.keys()) if (number < current) this.#events.delete(number)
  }
}

interface Cursor {
  event: number
  freeAtUs: number
}

/** One connection event as a row of exchanges: the central's packet, then the peripheral's; empty where there is no data. */
class ConnectionEvent {
  readonly #emptyUs: number
  /** Start of each exchange from that of the event, and how long each side's packet in it is. */
  readonly #starts: number[] = []
  readonly #packets: readonly [number[], number[]] = [[], []]
  #usedUs = 0
  #isClosed = false

  constructor(emptyUs: number) {
    this.#emptyUs = emptyUs
  }

  hasRoom(side: Side, us: number, limitUs: number): boolean {
    return !this.#isClosed && this.#usedUs + this.#costUs(side, us) <= limitUs
  }

  /** Says when the packet starts. */
  lay(side: Side, us: number): number {
    const costUs = this.#costUs(side, us)
    const exchange = this.#packets[side].length
    if (exchange === this.#starts.length) this.#starts.push(this.#usedUs)
    this.#packets[side].push(us)
    this.#usedUs += costUs
    return this.#startUs(side, exchange)
  }

  /** When the exchange is over in which the side last said something. */
  endUs(side: Side): number {
    const exchange = this.#packets[side].length - 1
    const answerUs = this.#packets[1][exchange] ?? this.#emptyUs
    return this.#startUs(1, exchange) + answerUs + INTER_FRAME_SPACE_US
  }

  /** A packet was broken. */
  close(): void {
    this.#isClosed = true
  }

  #startUs(side: Side, exchange: number): number {
    const startUs = this.#starts[exchange]!
    if (side === 0) return startUs
    return startUs + (this.#packets[0][exchange] ?? this.#emptyUs) + INTER_FRAME_SPACE_US
  }

  /** Where the other side speaks already, ours takes the place of an empty packet. */
  #costUs(side: Side, us: number): number {
    const isNew = this.#packets[side].length === this.#starts.length
    return isNew ? us + this.#emptyUs + 2 * INTER_FRAME_SPACE_US : us - this.#emptyUs
  }
}

/**
 * One connection with a peer of the overlay, shared by all topics: a uni stream for each topic in each direction, whose
 * first frame names the topic. It cuts the streams into frames and keeps within bounds what waits in either direction;
 * what the frames mean it does not know. A remote that sends more than its allowance is not read for a while.
 */

import { encodeFrame, FrameDecoder, isThicketError, ThicketError, type Topic } from '../core/index.js'
import type { Clock, Connection, Role, Stream, Timer } from '../ports.js'
import { Allowance } from './allowance.js'
import type { OverlayLimits } from './overlay-limits.js'
import { decodeTopic, encodeTopic } from './overlay-wire.js'

export interface OverlayLinkConfig {
  readonly connection: Connection
  readonly clock: Clock
  readonly limits: OverlayLimits
  /** One message, not decoded. What it throws with a code ends the connection. Says what it costs as one of membership. */
  receive(topic: Topic, frame: Uint8Array, link: OverlayLink): number
  /** The remote uses this connection: its first frame has come and is about to be handled. */
  onHeard(link: OverlayLink): void
  /** No stream is open any more in either direction. */
  onQuiet(link: OverlayLink): void
  /** Called once; the error is set when the remote broke the rules. */
  onEnded(link: OverlayLink, code: number | null, error: ThicketError | null): void
}

interface Inbound {
  readonly stream: Stream
  readonly decoder: FrameDecoder
  topic: Topic | null
  hasEnded: boolean
}

interface Outbound {
  readonly stream: Stream
  readonly queue: Uint8Array[]
  isWritable: boolean
  isEnding: boolean
}

/** Nothing is told to the remote beyond that it is over. */
const CLOSE_CODE = 0

export class OverlayLink {
  readonly openedMs: number
  readonly #config: OverlayLinkConfig
  readonly #connection: Connection
  readonly #inbound = new Set<Inbound>()
  readonly #outbound = new Map<Topic, Outbound>()
  readonly #allowance: Allowance
  readonly #membershipAllowance: Allowance
  #pause: Timer | null = null
  #queued = 0
  #heard = false
  #isClosing = false
  #hasEnded = false

  constructor(config: OverlayLinkConfig) {
    const { clock, connection, limits } = config
    this.#config = config
    this.#connection = connection
    this.openedMs = clock.nowMs()
    this.#allowance = new Allowance(
      limits.messagesPerSecond,
      limits.messagesPerSecond * limits.burstSeconds,
      this.openedMs,
    )
    this.#membershipAllowance = new Allowance(
      limits.membershipPerSecond,
      limits.membershipPerSecond * limits.burstSeconds,
      this.openedMs,
    )
  }

  get role(): Role {
    return this.#connection.role
  }

  get heard(): boolean {
    return this.#heard
  }

  get isQuiet(): boolean {
    return this.#inbound.size === 0 && this.#outbound.size === 0
  }

  start(): void {
    this.#connection.onStream(stream => this.#adopt(stream))
    this.#connection.onClose(code => this.#end(code, null))
  }

  /**
   * Sends one framed message, in order within its topic. Returns false when it was dropped for want of room; only what
   * may be dropped is, and who cannot even take the rest is left.
   */
  send(topic: Topic, frame: Uint8Array, mayDrop: boolean): boolean {
    if (this.#hasEnded || this.#isClosing) return false
    const { queuedMessages } = this.#config.limits
    if (this.#queued >= (mayDrop ? queuedMessages : 2 * queuedMessages)) {
      if (!mayDrop) this.close()
      return false
    }
    const out = this.#outbound.get(topic) ?? this.#open(topic)
    if (out.isWritable) out.isWritable = out.stream.write(frame)
    else {
      out.queue.push(frame)
      this.#queued++
    }
    return true
  }

  /** Nothing more will be said in a topic, for now. */
  finish(topic: Topic): void {
    const out = this.#outbound.get(topic)
    if (!out || this.#hasEnded || this.#isClosing) return
    out.isEnding = true
    this.#flush(topic, out)
  }

  /** Nothing more will be sent here at all; what comes is still read. */
  retire(): void {
    for (const topic of [...this.#outbound.keys()]) this.finish(topic)
    this.#checkQuiet()
  }

  close(): void {
    if (this.#isClosing || this.#hasEnded) return
    this.#isClosing = true
    this.#connection.close(CLOSE_CODE)
  }

  #open(topic: Topic): Outbound {
    const stream = this.#connection.openUni()
    const out: Outbound = { stream, queue: [], isWritable: true, isEnding: false }
    this.#outbound.set(topic, out)
    stream.onDrain(() => {
      out.isWritable = true
      this.#flush(topic, out)
    })
    stream.onAbort(() => this.close())
    out.isWritable = stream.write(encodeFrame(encodeTopic(topic)))
    return out
  }

  #flush(topic: Topic, out: Outbound): void {
    if (this.#hasEnded) return
    while (out.isWritable && out.queue.length > 0) {
      this.#queued--
      out.isWritable = out.stream.write(out.queue.shift()!)
    }
    if (!out.isEnding || out.queue.length > 0 || this.#outbound.get(topic) !== out) return
    this.#outbound.delete(topic)
    out.stream.end()
    this.#checkQuiet()
  }

  #adopt(stream: Stream): void {
    if (stream.kind !== 'uni') {
      this.#violate(new ThicketError('overlay-unexpected-stream', 'neighbours speak on uni streams alone'))
      return
    }
    if (this.#inbound.size >= this.#config.limits.streamsPerConnection) {
      this.#violate(new ThicketError('overlay-too-many-streams', 'a neighbour has opened more streams than one may'))
      return
    }
    // As large as what may be written, so that all that comes can be passed on.
    const decoder = new FrameDecoder(this.#config.limits.frameBytes - 1)
    const inbound: Inbound = { stream, decoder, topic: null, hasEnded: false }
    this.#inbound.add(inbound)
    if (this.#pause) stream.pause()
    stream.onData(bytes => {
      if (this.#hasEnded || this.#isClosing) return
      inbound.decoder.push(bytes)
      this.#read(inbound)
      this.#checkPartial()
    })
    stream.onEnd(() => {
      inbound.hasEnded = true
      this.#read(inbound)
    })
    stream.onAbort(() => this.#forget(inbound))
  }

  /** Handles whole frames until there is none or the allowance is used up. */
  #read(inbound: Inbound): void {
    try {
      while (!this.#hasEnded && !this.#isClosing && !this.#pause) {
        const frame = inbound.decoder.next()
        if (frame === null) {
          // What is left of a frame when a stream ends is of no use to anybody.
          if (inbound.hasEnded) this.#forget(inbound)
          return
        }
        this.#handle(inbound, frame)
        this.#restrain()
      }
    } catch (error) {
      if (!isThicketError(error)) throw error
      this.#violate(error)
    }
  }

  #handle(inbound: Inbound, frame: Uint8Array): void {
    const nowMs = this.#config.clock.nowMs()
    this.#allowance.take(nowMs)
    if (!this.#heard) {
      this.#heard = true
      this.#config.onHeard(this)
    }
    if (inbound.topic === null) inbound.topic = decodeTopic(frame)
    else this.#membershipAllowance.take(nowMs, this.#config.receive(inbound.topic, frame, this))
  }

  /** Stops reading for a while when the remote has used up what it may send. */
  #restrain(): void {
    if (this.#hasEnded) return
    const nowMs = this.#config.clock.nowMs()
    const waitMs = Math.max(this.#allowance.waitMs(nowMs), this.#membershipAllowance.waitMs(nowMs))
    if (waitMs === 0) return
    for (const { stream } of this.#inbound) stream.pause()
    this.#pause = this.#config.clock.after(waitMs, () => {
      this.#pause = null
      for (const inbound of [...this.#inbound]) {
        if (!this.#inbound.has(inbound)) continue
        this.#read(inbound)
        if (this.#pause || this.#hasEnded) return
      }
      for (const { stream } of this.#inbound) stream.resume()
    })
  }

  #checkPartial(): void {
    // While reading is held up what waits is our doing, and the transport bounds it.
    if (this.#pause || this.#hasEnded) return
    let bytes = 0
    for (const { decoder } of this.#inbound) bytes += decoder.bufferedBytes
    if (bytes <= this.#config.limits.partialBytes) return
    this.#violate(
      new ThicketError('overlay-buffer-exceeded', 'a neighbour leaves too many frames unfinished', { bytes }),
    )
  }

  #forget(inbound: Inbound): void {
    if (this.#inbound.delete(inbound)) this.#checkQuiet()
  }

  #checkQuiet(): void {
    if (this.isQuiet && !this.#hasEnded) this.#config.onQuiet(this)
  }

  #violate(error: ThicketError): void {
    if (this.#hasEnded) return
    this.close()
    this.#end(CLOSE_CODE, error)
  }

  #end(code: number | null, error: ThicketError | null): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#pause?.cancel()
    this.#inbound.clear()
    this.#outbound.clear()
    this.#config.onEnded(this, code, error)
  }
}

/**
 * Counts, on one link, the streams of the remote that have not agreed on a protocol, and those that never did. libp2p
 * refuses the latter by itself, as often as one likes.
 */

import type { Stream as LibStream, StreamMuxer } from '@libp2p/interface'
import type { Libp2pLimits } from './limits.js'

/** Milliseconds after which an old refusal counts no more: an honest peer that is newer tries now and then. */
const FORGIVEN_AFTER_MS = 60_000

export class StreamWatch {
  readonly #muxer: StreamMuxer
  readonly #limits: Libp2pLimits
  readonly #violated: (code: string) => void
  readonly #cut: (error: Error) => void
  /** When a stream was refused, the oldest first. */
  #refusedMs: number[] = []

  constructor(muxer: StreamMuxer, limits: Libp2pLimits, violated: (code: string) => void, cut: (error: Error) => void) {
    this.#muxer = muxer
    this.#limits = limits
    this.#violated = violated
    this.#cut = cut
  }

  opened(stream: LibStream): void {
    const pending = this.#muxer.streams.filter(({ direction, protocol }) => direction === 'inbound' && protocol === '')
    if (pending.length > this.#limits.pendingStreams) {
      this.#end('pending-streams-exceeded')
      return
    }
    stream.addEventListener('close', () => {
      if (stream.protocol === '' && this.#muxer.status === 'open') this.#refused()
    })
  }

  #refused(): void {
    this.#violated('protocol-refused')
    const nowMs = performance.now()
    this.#refusedMs = this.#refusedMs.filter(refusedMs => nowMs - refusedMs < FORGIVEN_AFTER_MS)
    this.#refusedMs.push(nowMs)
    if (this.#refusedMs.length > this.#limits.unknownProtocols) this.#end('protocols-exceeded')
  }

  #end(code: string): void {
    if (this.#muxer.status !== 'open') return
    this.#violated(code)
    this.#cut(new Error(code))
  }
}

/** What one end of a connection knows of one of its streams, beside what `StreamEnd` knows. */

import type { Stream as LibStream } from '@libp2p/interface'
import { NO_BYTES, type StreamParcel } from '../../stream-end.js'
import type { StreamName } from './wire.js'

export class StreamRecord implements StreamName {
  readonly stream: number
  readonly kind: 'bi' | 'uni'
  readonly isOurs: boolean
  /** Null until libp2p has opened it. */
  lib: LibStream | null
  /** What waits for that. */
  readonly waiting: Uint8Array[] = []
  sentBytes = 0
  /** Bytes of these that the remote's reader has taken. */
  creditedBytes = 0
  /** Bytes received that we have given no credit for. */
  uncreditedBytes = 0
  hasSentEnd = false
  /** The remote has said that our end has arrived. */
  isEndKnown = false
  hasRemoteEnded = false

  constructor({ stream, kind }: StreamName, isOurs: boolean, lib: LibStream | null) {
    this.stream = stream
    this.kind = kind
    this.isOurs = isOurs
    this.lib = lib
  }

  /** Whether the remote may say something on it. */
  get isRead(): boolean {
    return this.kind === 'bi' || !this.isOurs
  }

  get isWritten(): boolean {
    return this.kind === 'bi' || this.isOurs
  }

  /** Bytes that are not with libp2p's stream any more, and can have arrived. */
  get leftBytes(): number {
    return this.lib === null ? 0 : this.sentBytes - this.lib.writeBufferLength
  }

  /** Nothing is sent or expected on libp2p's stream any more. */
  get isQuiet(): boolean {
    return (!this.isWritten || this.hasSentEnd) && (!this.isRead || this.hasRemoteEnded)
  }

  get isDone(): boolean {
    return (!this.isWritten || this.isEndKnown) && (!this.isRead || this.hasRemoteEnded)
  }
}

/** A parcel without content. */
export function parcelOf({ stream, kind }: StreamName): StreamParcel {
  return { type: 'stream', stream, kind, bytes: NO_BYTES, isLast: false, abort: null }
}

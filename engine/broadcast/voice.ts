/**
 * How a node speaks in one topic: its frames, sealed with the keys of the topic, and the counter of its control frames,
 * by which the others tell a new one from one that is played back, as this node does with theirs.
 */

import { concatBytes } from '../core/index.js'
import type { Crypto, FrameClass } from '../ports.js'
import { sealCompact } from './compact.js'
import { NEIGHBOURS } from './limits.js'
import { CONTROL_OVERHEAD_BYTES, SYMBOL_OVERHEAD_BYTES, sealControl, sealSymbol } from './seal.js'
import type { TopicKeys } from './topic-keys.js'
import { FRAME_KIND, type Said } from './wire.js'

export interface OutgoingFrame {
  readonly bytes: Uint8Array
  readonly kind: FrameClass
  /** Whether it is still of use, asked while it waits for the channel. */
  isWanted(): boolean
  /** It went out, or did not. */
  done(wasSent: boolean, nowMs: number): void
}

export interface VoiceOptions {
  readonly keys: TopicKeys
  readonly crypto: Pick<Crypto, 'hash'>
  readonly mtu: number
  /** Seconds since 1970: control frames count from there, so that a node that starts anew is not taken for a replay. */
  readonly wallSeconds: number
}

export class Voice {
  /** What stands for the node in what it says. */
  readonly tag: number
  /** Bytes of the largest frame, and of what fits into one of each kind. */
  readonly mtu: number
  readonly controlRoom: number
  readonly symbolRoom: number
  readonly #options: VoiceOptions
  readonly #heard = new Map<number, number>()
  #counter: number

  constructor(options: VoiceOptions, tag: number) {
    this.tag = tag
    this.mtu = options.mtu
    this.controlRoom = options.mtu - CONTROL_OVERHEAD_BYTES
    this.symbolRoom = options.mtu - SYMBOL_OVERHEAD_BYTES
    this.#options = options
    this.#counter = options.wallSeconds >>> 0
  }

  control(kind: number, plaintext: Uint8Array): Uint8Array {
    return sealControl(this.#options.crypto, this.#options.keys, kind, plaintext)
  }

  symbol(head: Uint8Array, plaintext: Uint8Array): Uint8Array {
    return sealSymbol(this.#options.crypto, this.#options.keys, FRAME_KIND.repair, head, plaintext)
  }

  /** The frame of an operation that nobody has to name: its author says it, or it does not matter who does. */
  operation(compact: Uint8Array): Uint8Array {
    return sealCompact(this.#options.crypto, this.#options.keys, compact)
  }

  /** Those who hear it learn who relays, and so whom they hear. */
  relay(compact: Uint8Array): Uint8Array {
    return this.control(FRAME_KIND.relay, concatBytes(Uint8Array.of(this.tag >> 8, this.tag & 0xff), compact))
  }

  /** What the next control frame begins with. */
  said(): Said {
    this.#counter += 1
    return { sender: this.tag, counter: this.#counter }
  }

  /** Not one's own, and not heard before. */
  isNew({ sender, counter }: Said): boolean {
    const last = this.#heard.get(sender)
    if (sender === this.tag || (last !== undefined && counter <= last)) return false
    this.#heard.set(sender, counter)
    if (this.#heard.size > NEIGHBOURS * 4) this.#heard.delete(this.#heard.keys().next().value!)
    return true
  }
}

/**
 * Operations that fit no frame, as they are sent in pieces and put together again. Who says one first says each piece as
 * it is; whoever offers it later, because somebody lacks it, sends combinations of all pieces, and what others send of
 * them need not be sent once more. How pieces are cut and solved is in fragments.ts.
 */

import type { Author, Authors } from './authors.js'
import { pieceTerms, Reassembly, splitPieces } from './fragments.js'
import { type Column, combine } from './linear-system.js'
import type { Pace } from './pace.js'
import type { OutgoingFrame, Voice } from './voice.js'
import { encodeFragment, FRAGMENT_HEAD_BYTES, FRAME_KIND, type FragmentHead } from './wire.js'

interface Offer {
  readonly author: Author
  readonly seqNum: number
  /** What is cut into pieces: the short form, or the long one where that was asked for. */
  readonly compact: Uint8Array
  /** The next piece as it is; what follows them are combinations. */
  next: number
  left: number
  dueMs: number
}

export class FragmentExchange {
  readonly #authors: Authors
  readonly #pace: Pace
  readonly #voice: Voice
  readonly #offers = new Map<Column, Offer>()
  readonly #reassembly = new Reassembly()

  constructor(authors: Authors, pace: Pace, voice: Voice) {
    this.#authors = authors
    this.#pace = pace
    this.#voice = voice
  }

  /** @param isFirst nobody has heard of it yet */
  offer(author: Author, seqNum: number, compact: Uint8Array, nowMs: number, isFirst: boolean): void {
    const pieces = splitPieces(compact, this.#pieceBytes(author))
    const column = this.#authors.column(author, seqNum)
    if (!pieces || this.#offers.has(column)) return
    this.#offers.set(column, {
      author,
      seqNum,
      compact,
      next: isFirst ? 0 : pieces.length,
      left: pieces.length,
      dueMs: nowMs + (isFirst ? 0 : this.#pace.turn()),
    })
  }

  /** Somebody else sent a piece or a combination of it. */
  overhear(author: Author, seqNum: number): void {
    const column = this.#authors.column(author, seqNum)
    const offer = this.#offers.get(column)
    if (!offer) return
    if (offer.next > 0) offer.left -= 1
    if (offer.left <= 0) this.#offers.delete(column)
  }

  /** The compact operation, once it is complete. */
  add(head: FragmentHead, symbol: Uint8Array, nowMs: number): Uint8Array | null {
    const piece = { tag: head.author, seqNum: head.seqNum, count: head.count, length: head.length }
    return head.seed < PLAIN_PIECES
      ? this.#reassembly.addPiece(piece, head.seed, symbol, nowMs)
      : this.#reassembly.addSymbol(piece, head.seed, symbol, nowMs)
  }

  dueMs(): number {
    let due = Infinity
    for (const { dueMs } of this.#offers.values()) due = Math.min(due, dueMs)
    return due
  }

  postpone(later: (dueMs: number) => number): void {
    for (const offer of this.#offers.values()) offer.dueMs = later(offer.dueMs)
  }

  take(nowMs: number): OutgoingFrame | null {
    for (const [column, offer] of this.#offers) {
      if (offer.dueMs > nowMs) continue
      const { author, seqNum, compact } = offer
      const ref = this.#authors.ref(author)
      const pieces = splitPieces(compact, this.#pieceBytes(author))
      if (!pieces) {
        this.#offers.delete(column)
        continue
      }
      const head = { tag: ref, seqNum, count: pieces.length, length: compact.length }
      const plain = offer.next < PLAIN_PIECES ? pieces[offer.next] : undefined
      const seed = plain ? offer.next : PLAIN_PIECES + Math.floor(this.#pace.chance() * PLAIN_PIECES)
      const symbol = plain ?? combine(pieceTerms(seed, head).map((term, index) => ({ ...term, data: pieces[index]! })))
      return {
        bytes: this.#voice.control(
          FRAME_KIND.fragment,
          encodeFragment({ author: ref, seqNum, seed, count: pieces.length, length: compact.length }, symbol),
        ),
        kind: 'fragment',
        isWanted: () => this.#offers.get(column) === offer,
        done: (wasSent, atMs) => {
          if (wasSent) {
            offer.next += 1
            offer.left -= 1
          }
          offer.dueMs = atMs + this.#pace.turn() / 2
          if (offer.left <= 0) this.#offers.delete(column)
        },
      }
    }
    return null
  }

  #pieceBytes(author: Author): number {
    const longerBytes = this.#authors.ref(author) > 0xffff ? LONG_TAG_BYTES : 0
    return this.#voice.controlRoom - FRAGMENT_HEAD_BYTES - 2 - longerBytes
  }
}

/** A seed below this names a piece as it is; a combination of all has this one or one above. */
const PLAIN_PIECES = 0x80
/** What a tag of 32 bits takes more than one of 16. */
const LONG_TAG_BYTES = 4

/**
 * Compact operations that fit no frame: cut into pieces of one size, sent as they are or combined, put together again.
 *
 * Each piece is a column of its own, so what is lost of a large operation is repaired with the same symbols as all else.
 * What is half complete is bounded in bytes and age: a stranger who knows the topic could start operations and never
 * end them.
 */

import { concatBytes } from '../core/index.js'
import { coefficient, LinearSystem, MAX_COLUMNS, pieceColumn, type Term } from './linear-system.js'

/** Pieces of one operation: as many as a system of equations has columns. Some 50 KB in LoRa frames, hours of air. */
export const MAX_PIECES = MAX_COLUMNS
/** Bytes of incomplete operations of one topic, by the sizes they claim. */
export const MAX_REASSEMBLY_BYTES = 256 * 1024
/** An operation of which nothing new was heard for so long is given up: at 1 % of the air a frame comes every minute. */
export const MAX_REASSEMBLY_AGE_MS = 2 * 60 * 60 * 1000

/** Which operation a piece is of, and how that was cut. */
export interface PieceHead {
  readonly tag: number
  readonly seqNum: number
  readonly count: number
  /** Bytes of the whole. */
  readonly length: number
}

/** Pieces for so many bytes; null when there would be too many. */
export function pieceCount(length: number, maxPieceBytes: number): number | null {
  const count = Math.ceil(length / maxPieceBytes)
  return count <= MAX_PIECES ? count : null
}

/** Equal sizes, except that the last one may be shorter. Null when there would be too many. */
export function splitPieces(bytes: Uint8Array, maxPieceBytes: number): readonly Uint8Array[] | null {
  const count = pieceCount(bytes.length, maxPieceBytes)
  if (count === null) return null
  const size = pieceSize(bytes.length, count)
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * size, (index + 1) * size))
}

/** Null when the pieces do not have the sizes that `splitPieces` gives them. */
export function joinPieces(pieces: readonly Uint8Array[], length: number): Uint8Array | null {
  const size = pieceSize(length, pieces.length)
  const fit = pieces.every((piece, index) => piece.length === sizeAt(index, size, length))
  return fit ? concatBytes(...pieces) : null
}

/** The terms of one combination of all pieces of an operation. */
export function pieceTerms(seed: number, { tag, seqNum, count }: Omit<PieceHead, 'length'>): readonly Term[] {
  return Array.from({ length: count }, (_, index) => ({
    column: pieceColumn(tag, seqNum, index),
    coefficient: coefficient(seed, tag, seqNum, index + 1),
  }))
}

interface Incomplete {
  readonly head: PieceHead
  readonly system: LinearSystem
  readonly pieces: (Uint8Array | null)[]
  newsAtMs: number
}

/** The incomplete operations of one topic. */
export class Reassembly {
  /** The one with the latest news last. */
  readonly #incomplete = new Map<string, Incomplete>()
  #bytes = 0

  /** Bytes that the incomplete operations claim. */
  get bytes(): number {
    return this.#bytes
  }

  /** A piece as it is. The compact operation, once it is complete. */
  addPiece(head: PieceHead, index: number, piece: Uint8Array, nowMs: number): Uint8Array | null {
    const entry = index < head.count ? this.#entryOf(head, nowMs) : null
    if (!entry || entry.pieces[index]) return null
    const solved = entry.system.addKnown(pieceColumn(head.tag, head.seqNum, index), piece)
    entry.pieces[index] = piece.slice()
    return this.#news(entry, solved, nowMs)
  }

  /** A combination of all pieces, as `combine` makes it from `pieceTerms`. */
  addSymbol(head: PieceHead, seed: number, symbol: Uint8Array, nowMs: number): Uint8Array | null {
    const entry = this.#entryOf(head, nowMs)
    if (!entry) return null
    const { isInnovative, solved } = entry.system.addEquation(pieceTerms(seed, head), symbol)
    return isInnovative ? this.#news(entry, solved, nowMs) : null
  }

  /** Symbols that are still needed; the count of pieces when nothing of it was heard. */
  deficit(head: PieceHead): number {
    const entry = this.#incomplete.get(keyOf(head))
    if (!entry) return head.count
    return entry.pieces.filter(piece => piece === null).length - entry.system.equations
  }

  /** Gives up what is too old. */
  expire(nowMs: number): void {
    for (const [key, { newsAtMs }] of this.#incomplete) {
      if (nowMs - newsAtMs < MAX_REASSEMBLY_AGE_MS) return
      this.#drop(key)
    }
  }

  #news(entry: Incomplete, solved: ReturnType<LinearSystem['addKnown']>, nowMs: number): Uint8Array | null {
    const { head, pieces } = entry
    for (const { column, data } of solved) {
      for (let index = 0; index < head.count; index++) {
        if (column === pieceColumn(head.tag, head.seqNum, index)) pieces[index] = data
      }
    }
    const key = keyOf(head)
    entry.newsAtMs = nowMs
    this.#incomplete.delete(key)
    this.#incomplete.set(key, entry)
    if (pieces.includes(null)) return null
    this.#drop(key)
    return joinPieces(pieces as Uint8Array[], head.length)
  }

  #entryOf(head: PieceHead, nowMs: number): Incomplete | null {
    this.expire(nowMs)
    const key = keyOf(head)
    const held = this.#incomplete.get(key)
    if (held) return held
    const isPossible = head.count > 0 && head.count <= MAX_PIECES && head.length >= head.count
    if (!isPossible || head.length > MAX_REASSEMBLY_BYTES) return null
    for (const oldest of [...this.#incomplete.keys()]) {
      if (this.#bytes + head.length <= MAX_REASSEMBLY_BYTES) break
      this.#drop(oldest)
    }
    const entry: Incomplete = {
      head,
      system: new LinearSystem(),
      pieces: Array.from({ length: head.count }, () => null),
      newsAtMs: nowMs,
    }
    this.#incomplete.set(key, entry)
    this.#bytes += head.length
    return entry
  }

  #drop(key: string): void {
    const entry = this.#incomplete.get(key)
    if (entry && this.#incomplete.delete(key)) this.#bytes -= entry.head.length
  }
}

function pieceSize(length: number, count: number): number {
  return Math.ceil(length / count)
}

function sizeAt(index: number, size: number, length: number): number {
  return Math.min(Math.max(length - index * size, 0), size)
}

/** Nodes whose frames differ in size cut differently, and the long form is another than the short one. */
function keyOf({ tag, seqNum, count, length }: PieceHead): string {
  return `${tag}.${seqNum}.${count}.${length}`
}

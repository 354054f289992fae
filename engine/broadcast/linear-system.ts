/**
 * Coded repair: what is missing, from random combinations of what others hold (spec/sync.md 9.5).
 *
 * Each operation, or piece of one, is a column; its data is a byte string over GF(256) that begins with its own length
 * (one byte below 128, else two) and that zeros follow without end, so that columns of different lengths add up. A
 * symbol is a sum of columns, each times a coefficient that follows from the seed and the column, as long as the longest
 * of them. Whoever has as many independent symbols as holes has everything.
 *
 * The equations are kept reduced: each has one column, its pivot, that no other equation has. So there are never more
 * equations than unknown columns, one that says nothing new is seen at once, and a column is solved when it stands
 * alone. Symbols stay of use whatever becomes known later, and whoever sent them.
 */

import { invariant } from '../core/index.js'
import { addMultiple, inverse, scale } from './gf256.js'

/** Numbers name operations, texts name pieces; see `columnOf` and `pieceColumn`. */
export type Column = number | string

/** The column of an operation: 16 bits of tag and 32 of sequence number fit a number exactly. */
export function columnOf(tag: number, seqNum: number): Column {
  return tag * 2 ** 32 + seqNum
}

/** The column of one piece of an operation that fits no frame. */
export function pieceColumn(tag: number, seqNum: number, index: number): Column {
  return `${tag}.${seqNum}.${index}`
}

export interface Term {
  readonly column: Column
  /** 1 to 255. */
  readonly coefficient: number
}

export interface Solved {
  readonly column: Column
  readonly data: Uint8Array
}

export interface EquationResult {
  /** It said something that the equations before it did not. */
  readonly isInnovative: boolean
  readonly solved: readonly Solved[]
}

/**
 * Unknown columns, and known ones besides: a window of repair has 128 at most, so that one and what came before it fit.
 * As there are no more equations than unknown columns, this is their limit too. In bytes: 256 equations of 256
 * coefficients and some 250 bytes are 128 KiB, known columns 64 KiB.
 */
export const MAX_COLUMNS = 256

interface Row {
  readonly coefficients: Uint8Array
  data: Uint8Array
  pivot: number
}

const NOTHING: EquationResult = { isInnovative: false, solved: [] }

/** A nonzero coefficient, the same for everyone. @param piece 0 for a whole operation, else one more than its index */
export function coefficient(seed: number, tag: number, seqNum: number, piece = 0): number {
  let mixed = Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(tag + 1, 0x85ebca77)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d) ^ Math.imul(seqNum + 1, 0xc2b2ae3d)
  mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39) ^ Math.imul(piece + 1, 0x27d4eb2f)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b)
  return (((mixed ^ (mixed >>> 16)) >>> 0) % 255) + 1
}

/** The sum of columns, each times its coefficient. */
export function combine(terms: readonly { readonly coefficient: number; readonly data: Uint8Array }[]): Uint8Array {
  const columns = terms.map(({ data }) => withLength(data))
  const symbol = new Uint8Array(columns.reduce((longest, { length }) => Math.max(longest, length), 0))
  for (let at = 0; at < columns.length; at++) addMultiple(symbol, columns[at]!, terms[at]!.coefficient)
  return symbol
}

/** Bytes of a symbol over columns of at most so many. */
export function symbolBytes(dataBytes: number): number {
  return dataBytes + (dataBytes < SHORT_LENGTH ? 1 : 2)
}

export class LinearSystem {
  /** With their lengths in front; in the order in which they became known. */
  readonly #known = new Map<Column, Uint8Array>()
  /** The place of each unknown column among the coefficients; in the order in which they were first named. */
  readonly #slots = new Map<Column, number>()
  readonly #columns: (Column | null)[] = Array.from({ length: MAX_COLUMNS }, () => null)
  readonly #rows: (Row | null)[] = Array.from({ length: MAX_COLUMNS }, () => null)
  #rank = 0
  #garbled = 0

  /** Equations held. */
  get equations(): number {
    return this.#rank
  }

  isKnown(column: Column): boolean {
    return this.#known.has(column)
  }

  /** Columns, ever, whose equations solved to what cannot be one: somebody combined other bytes than were known here. */
  get garbled(): number {
    return this.#garbled
  }

  /** What somebody holds or received; says what can be solved with it. */
  addKnown(column: Column, data: Uint8Array): readonly Solved[] {
    if (this.#known.has(column)) return []
    const solved: Solved[] = []
    this.#learn(column, withLength(data), solved)
    return solved
  }

  /** @param terms distinct columns */
  addEquation(terms: readonly Term[], symbol: Uint8Array): EquationResult {
    const row: Row = { coefficients: new Uint8Array(MAX_COLUMNS), data: symbol.slice(), pivot: -1 }
    const unknown: Term[] = []
    for (const term of terms) {
      const known = this.#known.get(term.column)
      if (known) addData(row, known, term.coefficient)
      else unknown.push(term)
    }
    // Of more columns than there is room for, not all could ever be solved.
    if (unknown.length === 0 || unknown.length > MAX_COLUMNS) return NOTHING
    this.#makeRoom(unknown)
    for (const { column, coefficient } of unknown) row.coefficients[this.#slotOf(column)] = coefficient
    const solved: Solved[] = []
    const isInnovative = this.#insert(row)
    if (isInnovative) this.#harvest(solved)
    return { isInnovative, solved }
  }

  /**
   * How many more independent symbols over these columns are needed until all of them are known. An equation that
   * names other unknown columns too counts only as far as others let those be taken out of it.
   */
  deficit(columns: readonly Column[]): number {
    const wanted = new Uint8Array(MAX_COLUMNS)
    let unknown = 0
    for (const column of columns) {
      if (this.#known.has(column)) continue
      unknown += 1
      const slot = this.#slots.get(column)
      if (slot !== undefined) wanted[slot] = 1
    }
    const outside: Uint8Array[] = []
    for (const row of this.#rows) {
      if (row) outside.push(row.coefficients.map((factor, slot) => (wanted[slot] === 1 ? 0 : factor)))
    }
    // What the equations say of the columns alone is all they say, less what they need to get rid of the others.
    return unknown - (this.#rank - rankOf(outside))
  }

  /** Forgets a column and what was known of it, as when its data turned out to be of no use. */
  forget(column: Column): void {
    this.#known.delete(column)
    this.#dropSlot(column)
  }

  clear(): void {
    this.#known.clear()
    this.#slots.clear()
    this.#columns.fill(null)
    this.#rows.fill(null)
    this.#rank = 0
  }

  #learn(column: Column, known: Uint8Array, solved: Solved[]): void {
    this.#remember(column, known)
    const slot = this.#slots.get(column)
    if (slot === undefined) return
    const owner = this.#rows[slot]
    // The known value replaces the column in every equation; the one that had it as pivot needs another.
    if (owner) this.#remove(owner)
    for (const row of this.#rows) if (row) substitute(row, slot, known)
    this.#free(column, slot)
    if (owner) {
      substitute(owner, slot, known)
      this.#insert(owner)
    }
    this.#harvest(solved)
  }

  /** Reduces by the equations held, and keeps what is left. */
  #insert(row: Row): boolean {
    for (let slot = 0; slot < MAX_COLUMNS; slot++) {
      const factor = row.coefficients[slot]!
      const other = factor === 0 ? null : this.#rows[slot]
      if (!other) continue
      addMultiple(row.coefficients, other.coefficients, factor)
      addData(row, other.data, factor)
    }
    const pivot = firstNonzero(row.coefficients, 0)
    if (pivot === MAX_COLUMNS) return false
    const factor = inverse(row.coefficients[pivot]!)
    scale(row.coefficients, factor)
    scale(row.data, factor)
    row.pivot = pivot
    for (const other of this.#rows) {
      const share = other?.coefficients[pivot] ?? 0
      if (!other || share === 0) continue
      addMultiple(other.coefficients, row.coefficients, share)
      addData(other, row.data, share)
    }
    this.#rows[pivot] = row
    this.#rank += 1
    return true
  }

  /** Takes out the columns that stand alone. Data that cannot be one is dropped with its equation. */
  #harvest(solved: Solved[]): void {
    for (let slot = 0; slot < MAX_COLUMNS; slot++) {
      const row = this.#rows[slot]
      if (!row || !isAlone(row)) continue
      const column = this.#columns[slot]!
      this.#remove(row)
      const data = withoutLength(row.data)
      if (!data) {
        this.#garbled += 1
        continue
      }
      // Reduced as they are, no other equation has this column.
      this.#free(column, slot)
      this.#remember(column, row.data.slice(0, symbolBytes(data.length)))
      solved.push({ column, data })
    }
  }

  #remember(column: Column, known: Uint8Array): void {
    this.#known.set(column, known)
    if (this.#known.size <= MAX_COLUMNS) return
    const [oldest] = this.#known.keys()
    this.#known.delete(oldest!)
  }

  #slotOf(column: Column): number {
    const held = this.#slots.get(column)
    if (held !== undefined) return held
    const slot = this.#columns.indexOf(null)
    invariant(slot >= 0, 'room was made before')
    this.#slots.set(column, slot)
    this.#columns[slot] = column
    return slot
  }

  /** Drops the unknown columns that were named first, except those about to be named. */
  #makeRoom(terms: readonly Term[]): void {
    const named = new Set(terms.map(({ column }) => column))
    let needed = terms.reduce((count, { column }) => count + (this.#slots.has(column) ? 0 : 1), this.#slots.size)
    for (const column of [...this.#slots.keys()]) {
      if (needed <= MAX_COLUMNS) return
      if (named.has(column)) continue
      this.#dropSlot(column)
      needed -= 1
    }
  }

  /** An unknown column goes with one equation that has it: first it is taken out of the others by that one. */
  #dropSlot(column: Column): void {
    const slot = this.#slots.get(column)
    if (slot === undefined) return
    const victim = this.#rows[slot] ?? this.#rows.find(row => row && row.coefficients[slot] !== 0)
    if (victim) {
      this.#remove(victim)
      const factor = inverse(victim.coefficients[slot]!)
      scale(victim.coefficients, factor)
      scale(victim.data, factor)
      for (const row of this.#rows) {
        const share = row?.coefficients[slot] ?? 0
        if (!row || share === 0) continue
        addMultiple(row.coefficients, victim.coefficients, share)
        addData(row, victim.data, share)
      }
    }
    this.#free(column, slot)
  }

  #remove(row: Row): void {
    this.#rows[row.pivot] = null
    this.#rank -= 1
  }

  #free(column: Column, slot: number): void {
    this.#slots.delete(column)
    this.#columns[slot] = null
  }
}

/** Whether only one column is left in it. */
function isAlone({ coefficients }: Row): boolean {
  return firstNonzero(coefficients, firstNonzero(coefficients, 0) + 1) === MAX_COLUMNS
}

/** `MAX_COLUMNS` when there is none. */
function firstNonzero(coefficients: Uint8Array, from: number): number {
  let at = from
  while (at < MAX_COLUMNS && coefficients[at] === 0) at++
  return at
}

function substitute(row: Row, slot: number, known: Uint8Array): void {
  const share = row.coefficients[slot]!
  if (share === 0) return
  addData(row, known, share)
  row.coefficients[slot] = 0
}

/** Adds a multiple of some data to that of the row, which grows when it is shorter. */
function addData(row: Row, data: Uint8Array, factor: number): void {
  if (data.length > row.data.length) {
    const longer = new Uint8Array(data.length)
    longer.set(row.data)
    row.data = longer
  }
  addMultiple(row.data, data, factor)
}

function rankOf(rows: Uint8Array[]): number {
  let rank = 0
  for (let at = 0; at < rows.length; at++) {
    const row = rows[at]!
    const pivot = firstNonzero(row, 0)
    if (pivot === MAX_COLUMNS) continue
    rank += 1
    scale(row, inverse(row[pivot]!))
    for (let below = at + 1; below < rows.length; below++) addMultiple(rows[below]!, row, rows[below]![pivot]!)
  }
  return rank
}

/** Lengths below this take one byte; above, two with the upper bit of the first set, up to 32,767. */
const SHORT_LENGTH = 0x80

function withLength(data: Uint8Array): Uint8Array {
  const prefix = symbolBytes(data.length) - data.length
  const bytes = new Uint8Array(prefix + data.length)
  if (prefix === 2) bytes[0] = SHORT_LENGTH | (data.length >> 8)
  bytes[prefix - 1] = data.length & 0xff
  bytes.set(data, prefix)
  return bytes
}

/** Null for what cannot be one column: its length does not fit, or something other than zeros follows. */
function withoutLength(bytes: Uint8Array): Uint8Array | null {
  const first = bytes[0] ?? 0
  const isShort = first < SHORT_LENGTH
  const length = isShort ? first : ((first & (SHORT_LENGTH - 1)) << 8) | (bytes[1] ?? 0)
  const start = isShort ? 1 : 2
  if ((!isShort && length < SHORT_LENGTH) || start + length > bytes.length) return null
  for (let at = start + length; at < bytes.length; at++) if (bytes[at] !== 0) return null
  return bytes.slice(start, start + length)
}

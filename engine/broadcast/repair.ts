/**
 * Coded repair: who holds part of an open window sends random combinations of it, taking turns, until as many have been
 * heard as the neediest node asked for; what is heard of them goes to the solver. A symbol that comes before its window
 * is known is kept until that is described. When to ask for a window is no matter of this file.
 */

import { concatBytes } from '../core/index.js'
import { hasBit, setBit } from './bitmap.js'
import type { Forks } from './forks.js'
import type { Forms } from './forms.js'
import type { FragmentExchange } from './fragment-exchange.js'
import { type BroadcastSettings, ORPHANED_SYMBOLS } from './limits.js'
import { coefficient, combine, symbolBytes } from './linear-system.js'
import type { Neighbours } from './neighbours.js'
import type { Opened, OpenWindows } from './open-windows.js'
import type { Pace } from './pace.js'
import type { Solver } from './solver.js'
import type { OutgoingFrame, Voice } from './voice.js'
import { ofOneSize, type Window } from './window.js'
import { decodeRepairHead, encodeRanges, encodeRepairHead, splitRanges, type Want } from './wire.js'

export interface RepairParts {
  readonly forms: Forms
  readonly forks: Forks
  readonly fragments: FragmentExchange
  readonly neighbours: Neighbours
  readonly pace: Pace
  readonly solver: Solver
  readonly voice: Voice
  readonly windows: OpenWindows
  readonly settings: BroadcastSettings
}

interface Orphan {
  readonly window: number
  readonly seed: number
  readonly plaintext: Uint8Array
}

export class Repair {
  readonly #parts: RepairParts
  readonly #orphans: Orphan[] = []
  #seed = 0

  constructor(parts: RepairParts) {
    this.#parts = parts
  }

  /** Somebody asks, perhaps this node. */
  open(want: Want, nowMs: number): Opened | null {
    const opened = this.#parts.windows.open(want, nowMs)
    if (opened?.isNew) this.#adopt(opened.window, nowMs)
    return opened
  }

  /** This node may answer what was asked for, once the neediest have had the time to ask for more. */
  answer(window: Window, nowMs: number): void {
    this.#takeTurn(window, nowMs, ANSWER_DELAY)
  }

  /** The window that a symbol is of; null when it is not known, and the symbol waits for it. */
  receive(clear: Uint8Array, plaintext: Uint8Array, nowMs: number): Opened | null {
    const { windows } = this.#parts
    const { window: id, seed, remaining, isDescribed } = decodeRepairHead(clear)
    const split = isDescribed ? splitRanges(plaintext) : { ranges: null, symbol: plaintext }
    if (!split) return null
    const { ranges, symbol } = split
    const known = windows.get(id)
    if (known && isDescribed) known.told += 1
    const window = known ?? (ranges && windows.hearOf(id, ranges, remaining + 1, nowMs))
    if (!window) {
      this.#orphans.push({ window: id, seed, plaintext: symbol })
      if (this.#orphans.length > ORPHANED_SYMBOLS) this.#orphans.shift()
      return null
    }
    if (!known) this.#adopt(window, nowMs)
    window.heardMs = nowMs
    window.need = Math.max(0, Math.min(window.need - 1, remaining))
    window.asks = 0
    this.#addSymbol(window, seed, symbol, nowMs)
    this.#takeTurn(window, nowMs)
    return { window, isNew: !known }
  }

  dueMs(): number {
    let due = Infinity
    for (const { turnMs } of this.#parts.windows.all()) due = Math.min(due, turnMs ?? Infinity)
    return due
  }

  postpone(later: (dueMs: number) => number): void {
    for (const window of this.#parts.windows.all()) if (window.turnMs !== null) window.turnMs = later(window.turnMs)
  }

  take(nowMs: number): OutgoingFrame | null {
    const { neighbours, pace, windows } = this.#parts
    for (const window of windows.all()) {
      if (window.turnMs === null || window.turnMs > nowMs) continue
      window.turnMs = null
      if (window.need === 1 && pace.chance() > lastSymbolChance(window, neighbours.count)) {
        window.need = 0
        continue
      }
      const frame = this.#makeSymbol(window)
      if (frame) return frame
    }
    return null
  }

  #makeSymbol(window: Window): OutgoingFrame | null {
    const { pace, settings, voice, windows } = this.#parts
    const maskBytes = Math.ceil(window.columns.length / 8)
    // A fifth of the nodes may have missed what was asked for: they can use no symbol before they hear of which window.
    const described = window.told < settings.described ? encodeRanges(window.ranges) : null
    const held = this.#heldOf(window, voice.symbolRoom - maskBytes)
    if (held.length === 0) return null
    const chosen = ofOneSize(held, window.need)
    this.#seed = (this.#seed + 1 + Math.floor(pace.chance() * 7)) & 0xff
    const seed = this.#seed
    const mask = new Uint8Array(maskBytes)
    for (const { index } of chosen) setBit(mask, index)
    const symbol = combine(chosen.map(({ index, data }) => ({ coefficient: coefficientOf(window, index, seed), data })))
    const remaining = Math.max(0, window.need - 1)
    const isDescribed = described !== null && described.length + maskBytes + symbol.length <= voice.symbolRoom
    const head = encodeRepairHead({ window: window.id, seed, remaining, isDescribed })
    const plaintext = isDescribed ? concatBytes(described, mask, symbol) : concatBytes(mask, symbol)
    return {
      bytes: voice.symbol(head, plaintext),
      kind: 'repair',
      isWanted: () => window.need > 0 && windows.get(window.id) === window,
      done: (wasSent, atMs) => {
        if (wasSent) {
          window.need = Math.max(0, window.need - 1)
          window.asks = 0
          window.heardMs = atMs
          if (isDescribed) window.told += 1
        }
        this.#takeTurn(window, atMs)
      },
    }
  }

  /** What of a window is held and fits into a symbol; what does not is offered in pieces. */
  #heldOf(window: Window, room: number): readonly { readonly index: number; readonly data: Uint8Array }[] {
    const { forms, fragments, pace } = this.#parts
    const held: { index: number; data: Uint8Array }[] = []
    for (const [index, { author, seqNum }] of window.columns.entries()) {
      const data = forms.shareOf(author, seqNum)
      if (!data) continue
      if (symbolBytes(data.length) <= room) held.push({ index, data })
      else fragments.offer(author, seqNum, data, pace.lastNewsMs, false)
    }
    return held
  }

  /** Symbols of this window that came before its description. */
  #adopt(window: Window, nowMs: number): void {
    for (let at = this.#orphans.length - 1; at >= 0; at--) {
      const orphan = this.#orphans[at]!
      if (orphan.window !== window.id) continue
      this.#orphans.splice(at, 1)
      this.#addSymbol(window, orphan.seed, orphan.plaintext, nowMs)
    }
  }

  #addSymbol(window: Window, seed: number, plaintext: Uint8Array, nowMs: number): void {
    const { forks, solver } = this.#parts
    const maskBytes = Math.ceil(window.columns.length / 8)
    if (plaintext.length <= maskBytes) return
    const isIn = (index: number): boolean => hasBit(plaintext, index)
    const forked = window.columns.find(({ author }, index) => author.isForked && isIn(index))
    if (forked) {
      // Of which branch it was made, nobody can say; but whoever made it does not know that there are two.
      forks.show(forked.author, nowMs)
      return
    }
    const terms: { index: number; coefficient: number }[] = []
    for (const index of window.columns.keys()) {
      if (isIn(index)) terms.push({ index, coefficient: coefficientOf(window, index, seed) })
    }
    solver.addSymbol(window.columns, terms, plaintext.subarray(maskBytes))
  }

  /** Whose turn it is, is a matter of chance; those with few holes of their own come first. */
  #takeTurn(window: Window, nowMs: number, delay = 0): void {
    const { forms, pace } = this.#parts
    window.turnMs = null
    if (window.need === 0) return
    let held = 0
    for (const { author, seqNum } of window.columns) if (forms.shareOf(author, seqNum)) held += 1
    if (held === 0) return
    const lack = 1 - held / window.columns.length
    const late = window.isSecondHand ? pace.turnUnits() : 0
    window.turnMs = nowMs + pace.units(delay + late) + pace.turn() * (0.1 + pace.chance() + lack)
  }
}

function coefficientOf(window: Window, index: number, seed: number): number {
  const { ref, seqNum } = window.columns[index]!
  return coefficient(seed, ref, seqNum)
}

/** Airtimes that the neediest have to speak up before repair begins. */
const ANSWER_DELAY = 4
/** The last symbol of a round is sent by each of many with this chance, by each of few for certain. */
const LAST_SYMBOL = 0.25
const LAST_SENDERS = 2.5

/**
 * Some of those who believe that one is missing did not hear the last one: that not all of them send it is enough.
 * Whoever asks again has got it from nobody, so ever more of them do.
 */
function lastSymbolChance({ asks }: Window, neighbours: number): number {
  return Math.max(LAST_SYMBOL, LAST_SENDERS / (neighbours + 1)) * 2 ** Math.max(0, asks - 1)
}

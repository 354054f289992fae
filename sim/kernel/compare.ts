/**
 * Finds the first event at which two runs differ, by running them again: checkpoints bound the place from both sides,
 * a second run of each records what lies between, and the records are compared one by one.
 */

import { bytesToHex } from '../../engine/core/index.js'
import { type Checkpoint, hashParts } from './fingerprint.js'

/** Which events a run should record: those with `from` <= number < `from + count`, counted from 0 as they run. */
export interface RecordWindow {
  readonly from: number
  readonly count: number
}

export interface RecordedEvent {
  /** How many events ran before it. */
  readonly number: number
  readonly timeUs: number
  readonly order: number
  readonly kind: string
  readonly node: number
  /** Digest of what was noted while it ran (for number -1: before the first event). */
  readonly notes: string
}

/** What a kernel says about its run; `kernel.record()`. */
export interface RunRecord {
  readonly fingerprint: string
  readonly events: number
  readonly checkpoints: readonly Checkpoint[]
  readonly recorded: readonly RecordedEvent[]
}

/** Runs something from its beginning with this window in the kernel's options, and says what happened. */
export type Rerun = (window: RecordWindow) => RunRecord | Promise<RunRecord>

export interface Difference {
  /** Number of the first event that differs; -1 when the runs differ before their first event. */
  readonly number: number
  /** The event in each run; null where that run had ended before it. */
  readonly a: RecordedEvent | null
  readonly b: RecordedEvent | null
}

/** Events recorded in one re-run; more than lie between two checkpoints unless a run had over 500 million events. */
const MAX_RECORDED = 262_144

/** Null when the runs are equal. Each run is made twice, and more often only when checkpoints lie far apart. */
export async function firstDifference(runA: Rerun, runB: Rerun): Promise<Difference | null> {
  const nothing: RecordWindow = { from: 0, count: 0 }
  const a = await runA(nothing)
  const b = await runB(nothing)
  if (a.fingerprint === b.fingerprint && a.events === b.events) return null
  const end = Math.max(a.events, b.events)
  for (let from = agreedUntil(a.checkpoints, b.checkpoints); from <= end; from += MAX_RECORDED) {
    // The event before the window comes along: a checkpoint is taken before what was noted while its event ran.
    const window: RecordWindow = { from: from - 1, count: MAX_RECORDED + 1 }
    const recordA = (await runA(window)).recorded
    const recordB = (await runB(window)).recorded
    const difference = firstOf(recordA, recordB)
    if (difference !== null) return difference
  }
  return null
}

/** Events up to which both chains agree. */
function agreedUntil(a: readonly Checkpoint[], b: readonly Checkpoint[]): number {
  const digests = new Map(b.map(checkpoint => [checkpoint.events, checkpoint.digest]))
  let agreed = 0
  for (const checkpoint of a) {
    const other = digests.get(checkpoint.events)
    if (other === undefined) continue
    if (other !== checkpoint.digest) break
    agreed = checkpoint.events
  }
  return agreed
}

function firstOf(a: readonly RecordedEvent[], b: readonly RecordedEvent[]): Difference | null {
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const left = a[at] ?? null
    const right = b[at] ?? null
    if (left !== null && right !== null && sameEvent(left, right)) continue
    return { number: (left ?? right)!.number, a: left, b: right }
  }
  return null
}

function sameEvent(a: RecordedEvent, b: RecordedEvent): boolean {
  return (
    a.number === b.number &&
    a.timeUs === b.timeUs &&
    a.order === b.order &&
    a.kind === b.kind &&
    a.node === b.node &&
    a.notes === b.notes
  )
}

/** Keeps the events of a window while a run goes by. */
export class Recorder {
  readonly #window: RecordWindow
  readonly #recorded: RecordedEvent[] = []
  #current: Omit<RecordedEvent, 'notes'> | null = null
  #notes: Uint8Array = new Uint8Array(0)

  constructor(window: RecordWindow) {
    this.#window = window
    // Stands for what is noted before anything runs; its kind belongs to no event.
    if (window.from < 0) this.#current = { number: -1, timeUs: 0, order: -1, kind: 'before the first event', node: -1 }
  }

  begin(number: number, timeUs: number, order: number, kind: string, node: number): void {
    this.#finish()
    const isInside = number >= this.#window.from && number < this.#window.from + this.#window.count
    if (isInside) this.#current = { number, timeUs, order, kind, node }
  }

  note(bytes: Uint8Array): void {
    if (this.#current !== null) this.#notes = hashParts(this.#notes, bytes)
  }

  recorded(): readonly RecordedEvent[] {
    if (this.#current === null) return this.#recorded
    return [...this.#recorded, { ...this.#current, notes: bytesToHex(this.#notes) }]
  }

  #finish(): void {
    if (this.#current === null) return
    this.#recorded.push({ ...this.#current, notes: bytesToHex(this.#notes) })
    this.#current = null
    this.#notes = new Uint8Array(0)
  }
}

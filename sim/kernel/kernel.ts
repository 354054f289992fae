/**
 * The one thread of a simulated world: virtual time in whole microseconds, a heap of events, chance by name, and a
 * fingerprint over all that happens. Nothing here knows what a node or a link is; a node is an index that the
 * fingerprint and the reports carry along.
 */

import { invariant } from '../../engine/core/index.js'
import type { Trace } from '../../engine/ports.js'
import { type ClockOptions, createClock, type SimClock } from './clock.js'
import { Recorder, type RecordWindow, type RunRecord } from './compare.js'
import { Fingerprint } from './fingerprint.js'
import { type GuardError, guarded } from './guard.js'
import { type EventHandle, EventHeap, ScheduledEvent } from './heap.js'
import { createSeedTree, type SimRandom } from './random.js'

declare const kindBrand: unique symbol
/** An interned kind of event: a small number, cheaper to schedule with than its name. */
export type Kind = number & { readonly [kindBrand]: true }

/** The node index of what belongs to the world and to no node. */
export const WORLD = -1

/** 2026-01-01T00:00:00Z; every world begins at the same moment unless told otherwise. */
export const DEFAULT_EPOCH_US = 1_767_225_600_000_000

export interface KernelOptions {
  readonly seed: number
  /** Handed on to whoever has something to tell; never told of single events. */
  readonly trace?: Trace
  /** Wall time of virtual moment 0, in microseconds since the UNIX epoch. */
  readonly epochUs?: number
  /**
   * Gets what a callback throws, with the node of its event, and the run goes on when this returns; a world ends the
   * process of a node whose disk died that way. Without it the throw passes through `run`.
   */
  readonly onThrow?: (error: unknown, node: number) => void
  /** Records these events, for `firstDifference`. */
  readonly window?: RecordWindow
}

export interface RunLimits {
  /** Runs events up to and at this moment, and then leaves the clock there. */
  readonly untilUs?: number
  readonly maxEvents?: number
}

/** `idle`: nothing is left to happen; the clock stays at the last event. */
export type StopReason = 'idle' | 'until' | 'max-events' | 'stopped'

export interface Kernel {
  readonly seed: number
  readonly epochUs: number
  readonly trace: Trace
  /** Virtual microseconds since the beginning. */
  readonly nowUs: number
  /** Events run so far. */
  readonly events: number
  /** Events still to run. */
  readonly scheduled: number
  /** What the guard caught during this kernel's runs, also when the throw was swallowed. */
  readonly guardErrors: readonly GuardError[]
  kind(name: string): Kind
  /** Calls back once at now + `delayUs` (whole microseconds), never from within this call. */
  schedule(delayUs: number, kind: Kind | string, node: number, callback: () => void): EventHandle
  /** Runs events in order with the guard up. After a throw that passed through, it can go on. */
  run(limits?: RunLimits): StopReason
  /** Ends the current run after the event that is running. */
  stop(): void
  random(name: string): SimRandom
  clock(node: number, options?: ClockOptions): SimClock
  /** Takes something into the fingerprint, at this place in the order of things. */
  note(what: Uint8Array | string | number | readonly number[]): void
  /** 64 hex characters over everything so far. */
  fingerprint(): string
  record(): RunRecord
}

const SILENT: Trace = { event() {} }

export function createKernel(options: KernelOptions): Kernel {
  return new SimKernel(options)
}

class SimKernel implements Kernel {
  readonly seed: number
  readonly epochUs: number
  readonly trace: Trace
  readonly random: (name: string) => SimRandom
  readonly guardErrors: GuardError[] = []
  nowUs = 0
  readonly #heap = new EventHeap()
  readonly #fingerprint = new Fingerprint()
  readonly #recorder: Recorder | null
  readonly #onThrow: ((error: unknown, node: number) => void) | null
  readonly #kinds = new Map<string, Kind>()
  readonly #kindNames: string[] = []
  #order = 0
  #isRunning = false
  #stopAsked = false

  constructor(options: KernelOptions) {
    invariant(Number.isSafeInteger(options.seed), 'a seed is a whole number')
    this.seed = options.seed
    this.epochUs = options.epochUs ?? DEFAULT_EPOCH_US
    invariant(Number.isSafeInteger(this.epochUs), 'the epoch is a whole number of microseconds')
    this.trace = options.trace ?? SILENT
    this.random = createSeedTree(options.seed)
    this.#onThrow = options.onThrow ?? null
    this.#recorder = options.window === undefined ? null : new Recorder(options.window)
    this.note([this.seed, this.epochUs])
  }

  get events(): number {
    return this.#fingerprint.events
  }

  get scheduled(): number {
    return this.#heap.size
  }

  kind(name: string): Kind {
    let kind = this.#kinds.get(name)
    if (kind === undefined) {
      kind = this.#kindNames.length as Kind
      this.#kindNames.push(name)
      this.#kinds.set(name, kind)
      // The fingerprint holds numbers; the name goes in once, so that equal numbers mean equal names.
      this.#fingerprint.text(name)
    }
    return kind
  }

  schedule(delayUs: number, kind: Kind | string, node: number, callback: () => void): EventHandle {
    const timeUs = this.nowUs + delayUs
    invariant(delayUs >= 0 && Number.isSafeInteger(timeUs), 'events lie in the future, at a whole microsecond')
    const interned = typeof kind === 'string' ? this.kind(kind) : kind
    const event = new ScheduledEvent(this.#heap, timeUs, this.#order++, interned, node, callback)
    this.#heap.push(event)
    return event
  }

  run(limits: RunLimits = {}): StopReason {
    invariant(!this.#isRunning, 'an event does not run its own kernel')
    this.#isRunning = true
    this.#stopAsked = false
    try {
      return guarded(this.guardErrors, () => this.#loop(limits.untilUs ?? Infinity, limits.maxEvents ?? Infinity))
    } finally {
      this.#isRunning = false
    }
  }

  stop(): void {
    this.#stopAsked = true
  }

  clock(node: number, options?: ClockOptions): SimClock {
    return createClock(this, node, options)
  }

  note(what: Uint8Array | string | number | readonly number[]): void {
    if (typeof what === 'number') this.#fingerprint.number(what)
    else if (typeof what === 'string') this.#fingerprint.text(what)
    else if (what instanceof Uint8Array) this.#fingerprint.bytes(what)
    else this.#fingerprint.numbers(what)
    if (this.#recorder !== null) this.#recorder.note(noteBytes(what))
  }

  fingerprint(): string {
    return this.#fingerprint.digest()
  }

  record(): RunRecord {
    return {
      fingerprint: this.fingerprint(),
      events: this.events,
      checkpoints: [...this.#fingerprint.checkpoints],
      recorded: this.#recorder?.recorded() ?? [],
    }
  }

  #loop(untilUs: number, maxEvents: number): StopReason {
    for (let ran = 0; ; ran++) {
      if (this.#stopAsked) return 'stopped'
      if (ran >= maxEvents) return 'max-events'
      const event = this.#heap.peek()
      if (event === undefined) return 'idle'
      if (event.timeUs > untilUs) {
        this.nowUs = Math.max(this.nowUs, untilUs)
        return 'until'
      }
      this.#heap.pop()
      this.nowUs = event.timeUs
      this.#recorder?.begin(this.events, event.timeUs, event.order, this.#kindNames[event.kind]!, event.node)
      this.#fingerprint.event(event.timeUs, event.order, event.kind, event.node)
      const callback = event.callback!
      event.callback = null
      try {
        callback()
      } catch (error) {
        if (this.#onThrow === null) throw error
        this.#onThrow(error, event.node)
      }
    }
  }
}

function noteBytes(what: Uint8Array | string | number | readonly number[]): Uint8Array {
  if (what instanceof Uint8Array) return what
  return new TextEncoder().encode(JSON.stringify(what))
}

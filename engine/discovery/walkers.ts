/**
 * Walkers visit one node after the other, quickly while that brings news and ever more slowly while it does not
 * (spec/sync.md 4.6). They share one walk, so that no two go the same way, and whom somebody has just met is visited
 * out of turn.
 */

import type { VerifyingKey } from '../core/index.js'
import type { Clock, Timer } from '../ports.js'
import { BackOff } from './back-off.js'
import type { DiscoverySettings } from './settings.js'

export interface VisitOutcome {
  /** Nodes that were told of. */
  readonly told: readonly VerifyingKey[]
  /** Whether it was worth hurrying on. */
  readonly isSuccess: boolean
}

export interface WalkersConfig {
  readonly clock: Clock
  readonly float: () => number
  readonly settings: DiscoverySettings
  /** Nodes that may wait to be visited out of turn. */
  readonly urgentLimit: number
  /** The next step of the walk; null begins it again. */
  next(previous: readonly VerifyingKey[] | null): VerifyingKey | null
  canVisit(node: VerifyingKey): boolean
  /** Whether anybody may become worth a visit by the mere passing of time. */
  isWorthWaiting(): boolean
  /** `done` is called once, also from within the call; with null for a visit that failed. */
  visit(node: VerifyingKey, done: (outcome: VisitOutcome | null) => void): void
}

interface Walker {
  readonly backOff: BackOff
  /** What the last visit told of; null before the first. */
  previous: readonly VerifyingKey[] | null
  timer: Timer | null
  isBusy: boolean
  mustReset: boolean
}

export class Walkers {
  readonly #config: WalkersConfig
  readonly #walkers: readonly Walker[]
  readonly #urgent = new Set<VerifyingKey>()
  #isRunning = false

  constructor(config: WalkersConfig) {
    const { clock, float, settings } = config
    this.#config = config
    this.#walkers = Array.from({ length: settings.walkers }, () => ({
      backOff: new BackOff(settings.backOff, float, clock.nowMs()),
      previous: null,
      timer: null,
      isBusy: false,
      mustReset: false,
    }))
  }

  start(): void {
    this.#isRunning = true
    // Many nodes may start at one moment; they need not all knock at one door at once.
    for (const walker of this.#walkers) this.#waitFor(walker, this.#config.settings.stepMs * this.#config.float())
  }

  stop(): void {
    this.#isRunning = false
    for (const walker of this.#walkers) walker.timer?.cancel()
  }

  /** Everybody begins again at once: something changed that all others should hear of, or that we should ask all. */
  restart(): void {
    for (const walker of this.#walkers) {
      if (walker.isBusy) walker.mustReset = true
      else if (this.#isRunning) this.#reset(walker)
    }
  }

  /** Has a node visited next; it stands in line no more than once. */
  hurryTo(node: VerifyingKey): void {
    if (this.#urgent.size >= this.#config.urgentLimit) return
    this.#urgent.add(node)
    const idle = this.#walkers.find(walker => !walker.isBusy)
    if (idle && this.#isRunning) this.#waitFor(idle, 0)
  }

  #reset(walker: Walker): void {
    walker.mustReset = false
    walker.previous = null
    walker.backOff.reset(this.#config.clock.nowMs())
    this.#waitFor(walker, this.#config.settings.stepMs)
  }

  #waitFor(walker: Walker, delayMs: number): void {
    walker.timer?.cancel()
    walker.timer = this.#config.clock.after(delayMs, () => {
      walker.timer = null
      this.#step(walker)
    })
  }

  #step(walker: Walker): void {
    if (!this.#isRunning || walker.isBusy) return
    const node = this.#takeUrgent() ?? this.#config.next(walker.previous)
    if (node === null) {
      walker.previous = null
      if (this.#config.isWorthWaiting()) this.#waitFor(walker, this.#config.settings.noNodeMs)
      return
    }
    walker.isBusy = true
    this.#config.visit(node, outcome => {
      walker.isBusy = false
      if (this.#isRunning) this.#goOn(walker, outcome)
    })
  }

  #goOn(walker: Walker, outcome: VisitOutcome | null): void {
    if (walker.mustReset) {
      this.#reset(walker)
      return
    }
    const nowMs = this.#config.clock.nowMs()
    // After a failure the walk goes on among those who are left: a dead bootstrap node must not be all that is tried.
    walker.previous = outcome?.told ?? []
    if (outcome?.isSuccess) walker.backOff.reset(nowMs)
    else walker.backOff.increase(nowMs)
    const isPressing = this.#urgent.size > 0
    const { stepMs } = this.#config.settings
    this.#waitFor(walker, isPressing ? stepMs : Math.max(stepMs, walker.backOff.delayMs))
  }

  #takeUrgent(): VerifyingKey | null {
    for (const node of this.#urgent) {
      this.#urgent.delete(node)
      if (this.#config.canVisit(node)) return node
    }
    return null
  }
}

/**
 * Releases that happen by themselves: the rest of a cascade that was too long for one transaction, and operations whose
 * time of waiting is over (contract.md 1, the waiver). A disk that refuses costs one attempt; the next comes later.
 */

import { isThicketError } from '../core/index.js'
import type { Pipeline } from '../pipeline/index.js'
import type { Clock, Timer, Trace } from '../ports.js'
import type { Store, TopicRow } from '../store/index.js'

/** How long an operation waits for what it names before a completed sync lets it go without; contract.md 1. */
const DEPENDENCY_WAIT_MS = 10 * 60_000
/** Looks at what waits so many times within that time, but not more often than each second. */
const WATCHES_PER_WAIT = 10
const MIN_WATCH_MS = 1_000
/** After a refusal of the disk: long enough that somebody may have made room. */
const RETRY_MS = 1_000

export interface ReleasesOptions {
  readonly clock: Clock
  readonly store: Store
  readonly pipeline: Pick<Pipeline<unknown>, 'resume' | 'waive'>
  readonly trace: Trace | null
  readonly dependencyWaitMs?: number | undefined
  /** Topics that a stream is open on. */
  readonly openTopics: () => Iterable<TopicRow>
}

export interface Releases {
  /** Goes on with a cascade, if one was left, in a turn of its own. */
  resumeSoon(): void
  /** A sync phase of the topic was completed: what it did not bring may never come. */
  synced(topic: TopicRow): void
  stop(): void
}

export function watchReleases(options: ReleasesOptions): Releases {
  const { clock, store, pipeline, trace, openTopics } = options
  const dependencyWaitMs = options.dependencyWaitMs ?? DEPENDENCY_WAIT_MS
  /** Wall-clock milliseconds of the last completed sync phase, by topic. */
  const syncedAtMs = new Map<number, number>()
  let watchTimer: Timer | null = null
  let resumeTimer: Timer | null = null
  let stopped = false

  function resumeAfter(delayMs: number): void {
    if (stopped || resumeTimer || store.ordering.ready(1).length === 0) return
    resumeTimer = clock.after(delayMs, () => {
      resumeTimer = null
      if (!attempt(() => pipeline.resume())) resumeAfter(RETRY_MS)
    })
  }

  function waiveOverdue(): void {
    const nowMs = wallMs()
    for (const topic of openTopics()) {
      const syncedMs = syncedAtMs.get(topic.topic)
      if (syncedMs === undefined || store.ordering.count(topic) === 0) continue
      attempt(() => pipeline.waive(topic, Math.min(nowMs - dependencyWaitMs, syncedMs)))
    }
  }

  /** Says whether the database took it. Whatever is no coded error goes up. */
  function attempt(work: () => void): boolean {
    try {
      work()
      return true
    } catch (error) {
      if (!isThicketError(error)) throw error
      trace?.event('release-failed', { code: error.code })
      return false
    }
  }

  function watch(): void {
    watchTimer = clock.after(Math.max(MIN_WATCH_MS, dependencyWaitMs / WATCHES_PER_WAIT), () => {
      waiveOverdue()
      watch()
    })
  }

  function wallMs(): number {
    return Number(clock.wallUs() / 1_000n)
  }

  watch()
  resumeAfter(0)

  return {
    resumeSoon: () => resumeAfter(0),
    synced(topic) {
      syncedAtMs.set(topic.topic, wallMs())
      waiveOverdue()
    },
    stop() {
      stopped = true
      watchTimer?.cancel()
      resumeTimer?.cancel()
    },
  }
}

/**
 * Whether a failed connection says something of the other node: only when we were online ourselves, that is, when
 * another connection succeeded shortly before or after. A node that is offline would else find everybody stale.
 */

import { BoundedMap, type VerifyingKey } from '../core/index.js'

/** Milliseconds between a failure and a success that shows we are online. */
export const EVIDENCE_MS = 60_000
/** Failures that wait for evidence. */
const WAITING_FAILURES = 1_024

export class Evidence {
  #lastSuccess: { readonly peer: VerifyingKey; readonly atMs: number } | null = null
  #waiting = new Map<VerifyingKey, number>()
  /** When each peer was reached last, so that a late failure does not outlive a later success. */
  readonly #reached = new BoundedMap<VerifyingKey, number>(WAITING_FAILURES)

  /** Whether the failure counts now; if not it waits. */
  failed(peer: VerifyingKey, nowMs: number): boolean {
    const success = this.#lastSuccess
    if (success !== null && nowMs - success.atMs <= EVIDENCE_MS) return true
    if (this.#waiting.size >= WAITING_FAILURES) this.#waiting.clear()
    this.#waiting.set(peer, nowMs)
    return false
  }

  /** Peers whose failures, in ascending order of their ids, count now that this one was reached. */
  succeeded(peer: VerifyingKey, nowMs: number): readonly VerifyingKey[] {
    this.#lastSuccess = { peer, atMs: nowMs }
    this.#reached.set(peer, nowMs)
    const counts: VerifyingKey[] = []
    for (const [other, atMs] of this.#waiting) {
      const isRecent = nowMs - atMs <= EVIDENCE_MS
      if (isRecent && other !== peer && (this.#reached.get(other) ?? Number.NEGATIVE_INFINITY) <= atMs)
        counts.push(other)
    }
    this.#waiting.clear()
    return counts.sort()
  }
}

/** Whose sessions are taken: nobody may come too often, and who broke the rules stays outside for a while. */

import { BoundedMap, type VerifyingKey } from '../core/index.js'
import type { DiscoveryLimits } from './limits.js'
import { TokenBucket } from './token-bucket.js'

/** What may happen to an honest peer: its process or its link is gone. */
const HARMLESS = new Set(['discovery-aborted', 'frame-truncated'])

export class Doorkeeper {
  readonly #limits: DiscoveryLimits
  readonly #buckets: BoundedMap<VerifyingKey, TokenBucket>
  readonly #shunnedUntilMs: BoundedMap<VerifyingKey, number>

  constructor(limits: DiscoveryLimits) {
    this.#limits = limits
    this.#buckets = new BoundedMap(limits.rememberedPeers)
    this.#shunnedUntilMs = new BoundedMap(limits.rememberedPeers)
  }

  /** Why a session is not taken, or null. */
  refusal(peer: VerifyingKey, nowMs: number): string | null {
    if (this.isShunned(peer, nowMs)) return 'discovery-shunned'
    let bucket = this.#buckets.get(peer)
    if (!bucket) {
      bucket = new TokenBucket(this.#limits.acceptedBurst, this.#limits.acceptedEachMs, nowMs)
      this.#buckets.set(peer, bucket)
    }
    return bucket.take(1, nowMs) === 1 ? null : 'discovery-too-often'
  }

  /** A session with the peer failed. One that we opened may be slow for want of a good link; that is no fault. */
  failed(peer: VerifyingKey, code: string, isOurs: boolean, nowMs: number): void {
    if (HARMLESS.has(code) || (isOurs && code === 'discovery-timeout')) return
    this.#shunnedUntilMs.set(peer, nowMs + this.#limits.shunMs)
  }

  isShunned(peer: VerifyingKey, nowMs: number): boolean {
    return (this.#shunnedUntilMs.get(peer) ?? Number.NEGATIVE_INFINITY) > nowMs
  }
}

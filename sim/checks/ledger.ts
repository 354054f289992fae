/**
 * What truly happened, kept outside every node: each publication that was attempted, what became of it, and who
 * received what. The checks compare nodes with this, never with each other's word.
 */

import type { OperationId, Topic, VerifyingKey } from '../../engine/core/index.js'

export interface PublishedEntry {
  readonly id: OperationId
  readonly author: VerifyingKey
  readonly topic: Topic
  readonly seqNum: number
  readonly backlink: OperationId | null
  /** Hex of BLAKE3 of the body, null without one. */
  readonly bodyHash: string | null
  readonly bytes: number
  readonly bodyBytes: number
  readonly prune: boolean
  readonly atUs: number
}

/** A publication whose node died before it could say how it ended. */
export interface Attempt {
  readonly author: VerifyingKey
  readonly topic: Topic
  readonly bodyHash: string | null
  readonly prune: boolean
  readonly atUs: number
}

export class Ledger {
  readonly #published = new Map<OperationId, PublishedEntry>()
  /** By author and topic, ascending by sequence number: an author's log as it should be. */
  readonly #logs = new Map<string, PublishedEntry[]>()
  /** Sequence number of the newest prune point of a log. */
  readonly #prunePoints = new Map<string, number>()
  readonly #attempts: Attempt[] = []
  lastPublishAtUs = 0

  published(entry: PublishedEntry): void {
    this.#published.set(entry.id, entry)
    const key = logKey(entry.author, entry.topic)
    const log = this.#logs.get(key)
    if (log) log.push(entry)
    else this.#logs.set(key, [entry])
    if (entry.prune) this.#prunePoints.set(key, Math.max(entry.seqNum, this.#prunePoints.get(key) ?? 0))
    this.lastPublishAtUs = Math.max(this.lastPublishAtUs, entry.atUs)
  }

  attempted(attempt: Attempt): void {
    this.#attempts.push(attempt)
  }

  find(id: OperationId): PublishedEntry | undefined {
    return this.#published.get(id)
  }

  /** Takes the attempt that an operation found later must have come from. */
  settle(author: VerifyingKey, topic: Topic, bodyHash: string | null): Attempt | undefined {
    const index = this.#attempts.findIndex(
      attempt => attempt.author === author && attempt.topic === topic && attempt.bodyHash === bodyHash,
    )
    return index < 0 ? undefined : this.#attempts.splice(index, 1)[0]
  }

  log(author: VerifyingKey, topic: Topic): readonly PublishedEntry[] {
    return this.#logs.get(logKey(author, topic)) ?? []
  }

  entries(): Iterable<PublishedEntry> {
    return this.#published.values()
  }

  get size(): number {
    return this.#published.size
  }

  /** Whether a later prune point of the same log covers this operation. */
  isPruned(entry: PublishedEntry): boolean {
    return entry.seqNum < (this.#prunePoints.get(logKey(entry.author, entry.topic)) ?? 0)
  }
}

function logKey(author: VerifyingKey, topic: Topic): string {
  return `${author}/${topic}`
}

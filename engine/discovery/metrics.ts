/** What discovery counts. */

export interface DiscoveryMetrics {
  /** Sessions open now. */
  readonly active: number
  /** Sessions that this node opened and that others opened, and that were completed, ever. */
  readonly initiated: number
  readonly accepted: number
  /** Sessions and attempts to open one that failed, ever, by code. */
  readonly failures: Readonly<Record<string, number>>
  /** Records that were news, ever. */
  readonly recordsLearned: number
  /** Records that were not taken, ever, by code. */
  readonly recordsRefused: Readonly<Record<string, number>>
  readonly bytesSent: number
  readonly bytesReceived: number
  /** Nodes in the address book, and those of them that are stale. */
  readonly nodes: number
  readonly stale: number
}

export class Counters {
  initiated = 0
  accepted = 0
  recordsLearned = 0
  bytesSent = 0
  bytesReceived = 0
  readonly failures: Record<string, number> = {}
  readonly recordsRefused: Record<string, number> = {}

  failed(code: string): void {
    this.failures[code] = (this.failures[code] ?? 0) + 1
  }

  refused(code: string, count = 1): void {
    if (count > 0) this.recordsRefused[code] = (this.recordsRefused[code] ?? 0) + count
  }
}

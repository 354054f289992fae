/** What the transport counts, for people and tools. */

export interface Libp2pMetrics {
  /** libp2p connections that are open. */
  readonly links: number
  /** Connections of the port that are open. */
  readonly connections: number
  /** Streams of these that are not over. */
  readonly streams: number
  /** Peers that can be dialled. */
  readonly peers: number
  /** Bytes received that no reader has taken, with what holds them. */
  readonly unreadBytes: number
  readonly accepted: number
  readonly dialled: number
  readonly dialsFailed: number
  /** What peers did that they must not, and what was refused, by code. */
  readonly violations: Readonly<Record<string, number>>
}

export class Counters {
  accepted = 0
  dialled = 0
  dialsFailed = 0
  readonly #violations = new Map<string, number>()

  /** Codes come from this code and never from a peer, so there are few. */
  violated(code: string): void {
    this.#violations.set(code, (this.#violations.get(code) ?? 0) + 1)
  }

  get violations(): Record<string, number> {
    return Object.fromEntries([...this.#violations].sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}

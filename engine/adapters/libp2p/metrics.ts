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

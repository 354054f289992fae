/** What the transport counts, for people and tools. */

export interface IrohMetrics {
  /** QUIC connections that are open; each is one connection of the port. */
  readonly connections: number
  /** Streams of these that are not over. */
  readonly streams: number
  /** Peers that can be dialled. */
  readonly peers: number
  /** Bytes that the library has handed over and no reader has taken. */
  readonly unreadBytes: number
  /** Incoming connections that have not proved their key yet. */
  readonly handshakes: number
  readonly accepted: number
  readonly dialled: number
  readonly dialsFailed: number
  readonly bytesSent: number
  readonly bytesReceived: number
  /** What peers did that they must not, and what was refused, by code. */
  readonly violations: Readonly<Record<string, number>>
}

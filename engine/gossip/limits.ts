/** Every bound of direct gossip, with its unit and its reason. */

export interface GossipLimits {
  /** Bytes of one message: what p2panda's gossip is configured for. */
  readonly messageBytes: number
  /** Messages of a topic that wait for its first neighbour, as many as p2panda's channel into gossip holds. */
  readonly waitingMessages: number
  /** Messages that wait for a slow neighbour beside what its stream holds; the oldest goes first. */
  readonly queuedMessages: number
  /** Messages remembered by hash per topic, so that each is judged and passed on once; up to twice as many are. */
  readonly rememberedMessages: number
  /** Topics that one neighbour may join. */
  readonly topicsPerNeighbour: number
  /** Invalid messages of one connection before it is closed: honest nodes judge before they pass on. */
  readonly invalidMessages: number
  /** Connections in use with all peers. */
  readonly neighbours: number
  /** Milliseconds in which a peer that broke the rules is not let in again. */
  readonly shunMs: number
  /** Such peers kept in mind; up to twice as many are. */
  readonly shunnedPeers: number
  /** Milliseconds in which the smaller node id should have dialled; then the larger one does. */
  readonly yieldMs: number
  /** Milliseconds before the first new attempt after a connection ended. */
  readonly retryMinMs: number
  /** Milliseconds between attempts after many failures. */
  readonly retryMaxMs: number
}

export const DEFAULT_GOSSIP_LIMITS: GossipLimits = {
  messageBytes: 4_096,
  waitingMessages: 128,
  queuedMessages: 128,
  rememberedMessages: 1_024,
  topicsPerNeighbour: 1_024,
  invalidMessages: 16,
  neighbours: 256,
  shunMs: 60_000,
  shunnedPeers: 1_024,
  yieldMs: 2_000,
  retryMinMs: 1_000,
  retryMaxMs: 60_000,
}

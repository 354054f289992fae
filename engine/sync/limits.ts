/** Every bound of log sync, with its unit and its reason. */

export interface SyncLimits {
  /** Bytes of one handshake frame: a topic takes 34, surplus at the end is allowed by the encoding. */
  readonly handshakeFrameBytes: number
  /** Bytes of one received sync frame: the largest body, its header and some room. Upstream's is 128 MiB. */
  readonly frameBytes: number
  /** Bytes of one received body: it has to be held in memory whole. */
  readonly bodyBytes: number
  /** Authors in a received `Have`: a key never seen costs some 93 us to check, so this many hold a node up for a second. */
  readonly haveAuthors: number
  /** Logs in a received `Have`, over all authors. */
  readonly haveLogs: number
  /** Bytes of operations that are with the sink: beyond it nothing is read from the stream. */
  readonly unprocessedBytes: number
  /** Operations that are with the sink. */
  readonly unprocessedOperations: number
  /** Raw bytes that came though the stream was paused: a world that goes on all the same loses the session. */
  readonly bufferedBytes: number
  /** Operations handed to the sink in one batch: one transaction, kept short. */
  readonly batchOperations: number
  readonly batchBytes: number
  /** Operations asked of the source at a time. */
  readonly pageOperations: number
  readonly pageBytes: number
  /** Bytes of one write: 64 KiB were seen to be some 16 times as fast as one write a frame. */
  readonly writeBytes: number
  /** Milliseconds from the opening to the end of the topic handshake. */
  readonly handshakeMs: number
  /** Milliseconds for each of `Have` and `PreSync`: the remote may have to scan its logs first. */
  readonly exchangeMs: number
  /** Milliseconds without any progress while operations are exchanged; a long catch-up makes progress. */
  readonly idleMs: number
  /** Milliseconds that a session that we close may take to end; upstream waits as long as QUIC does, 10 s. */
  readonly closeMs: number
  /** Milliseconds in which the smaller node id should have begun; then the larger one does. */
  readonly yieldMs: number
  /** Milliseconds before the first new attempt after a session ended. */
  readonly retryMinMs: number
  /** Milliseconds between attempts after many failures. */
  readonly retryMaxMs: number
  /**
   * Operations of one session with a peer that may lose what comes too fast. A node of p2panda queues 1,024 events and
   * drops what comes beyond; two sessions with it may run at once.
   */
  readonly windowOperations: number
  /** The same once a peer has kept up with all that was sent: it is no such node, or a quick one. */
  readonly windowMaxOperations: number
  /** Milliseconds before the next such session, where the peer has kept up and where it has not. */
  readonly windowMs: number
  readonly windowBusyMs: number
  /** Milliseconds after which a peer that was sent operations is asked for its heights, in a sync phase and live. */
  readonly recheckMs: number
  readonly recheckLiveMs: number
  /** Sessions with one such peer for one topic that it has begun; it may not know that an older one is over. */
  readonly acceptedPerPair: number
  /** Connections in use with one peer, handshakes included: one for each topic in common, and some that are replaced. */
  readonly sessionsPerPeer: number
  /** Connections in use with all peers. */
  readonly sessions: number
}

const MIB = 1024 * 1024

export const DEFAULT_SYNC_LIMITS: SyncLimits = {
  handshakeFrameBytes: 1024,
  frameBytes: 17 * MIB,
  bodyBytes: 16 * MIB,
  haveAuthors: 10_000,
  haveLogs: 100_000,
  unprocessedBytes: 4 * MIB,
  unprocessedOperations: 2048,
  bufferedBytes: 32 * MIB,
  batchOperations: 256,
  batchBytes: MIB,
  pageOperations: 256,
  pageBytes: 64 * 1024,
  writeBytes: 64 * 1024,
  handshakeMs: 30_000,
  exchangeMs: 120_000,
  idleMs: 30_000,
  closeMs: 10_000,
  yieldMs: 2000,
  retryMinMs: 1000,
  retryMaxMs: 30_000,
  windowOperations: 448,
  windowMaxOperations: 32_768,
  windowMs: 100,
  windowBusyMs: 300,
  recheckMs: 2000,
  recheckLiveMs: 20_000,
  acceptedPerPair: 3,
  sessionsPerPeer: 256,
  sessions: 1024,
}

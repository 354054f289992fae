/** Every bound of the iroh transport, with its unit and its reason. */

export interface IrohLimits {
  /** QUIC connections in all: each is one protocol run and holds some 100 KiB in the library. */
  readonly connections: number
  /** QUIC connections with one peer: log sync may have 256 sessions with it, gossip and discovery some more. */
  readonly connectionsPerPeer: number
  /** Incoming connections that have not proved their key; from half of it on a sender must show that it is where it says. */
  readonly handshakes: number
  /** Dials under way at once, and those that wait. */
  readonly dials: number
  readonly dialsWaiting: number
  /** Milliseconds that one dial may take over all addresses of the peer. */
  readonly dialMs: number
  /** Streams of each kind that the remote may hold open on one connection: gossip has one uni stream for each topic. */
  readonly streams: number
  /** Bytes that the library holds unread for one connection; a stream of it may fill 1.25 MB. */
  readonly receiveWindowBytes: number
  /** Bytes received, handed over by the library and not taken by their readers, over all connections. */
  readonly unreadBytes: number
  /** Milliseconds that a connection which we close may take to deliver what was written before. */
  readonly closeMs: number
  /** Milliseconds that `stop` waits for that. */
  readonly stopMs: number
  /** Peers whose addresses are kept, and addresses of one peer: a dial tries them all. */
  readonly peers: number
  readonly addresses: number
}

const KIB = 1024
const MIB = 1024 * KIB

export const DEFAULT_IROH_LIMITS: IrohLimits = {
  connections: 1024,
  connectionsPerPeer: 320,
  handshakes: 64,
  dials: 32,
  dialsWaiting: 512,
  dialMs: 10_000,
  streams: 256,
  receiveWindowBytes: 2 * MIB,
  unreadBytes: 256 * MIB,
  closeMs: 10_000,
  stopMs: 1000,
  peers: 10_000,
  addresses: 16,
}

/** Bytes of one call of the library: each byte is a number of an array there, so a larger call would hold up the node. */
export const CALL_BYTES = 64 * KIB
/** Bytes that one connection hands on in one turn, so that connections take turns. */
export const TURN_BYTES = 256 * KIB
/** Milliseconds between looks at our own addresses: the library's own word of changes ends the process (1.1.0). */
export const ADDRESS_CHECK_MS = 2000
/** Bytes of an ALPN (RFC 7301 3.1). */
export const MAX_ALPN_BYTES = 255

/** Every bound of the libp2p transport, with its unit and its reason. */

export interface Libp2pLimits {
  /** libp2p connections in all: each holds a socket and some 100 KiB of buffers. */
  readonly links: number
  /** libp2p connections with one peer: both may dial at once, and one that was killed comes back before it is missed. */
  readonly linksPerPeer: number
  /** Incoming connections that have not proved their key yet; each costs a key agreement and a signature. */
  readonly handshakes: number
  /** Incoming connections a second from one host. libp2p's own 5 keep out a household or a machine of twenty nodes. */
  readonly handshakesPerSecond: number
  /** Milliseconds in which an incoming connection must have proved its key and agreed on the multiplexer. */
  readonly handshakeMs: number
  /** Dials under way at once, and those that wait. */
  readonly dials: number
  readonly dialsWaiting: number
  /** Milliseconds that one dial may take over all addresses of the peer. */
  readonly dialMs: number
  /** Milliseconds for one address: they are tried one after the other, and many lead nowhere from here. */
  readonly addressMs: number
  /** Milliseconds in which a new stream must have agreed on its protocol. */
  readonly negotiationMs: number
  /** Milliseconds in which a stream must have said to which connection it belongs, and that one must be known. */
  readonly headMs: number
  /** Streams of one link that have not agreed on a protocol, said their head or found their connection. */
  readonly pendingStreams: number
  /** Streams that we open at once on one link: well below what the other side bears in suspense. */
  readonly openings: number
  /** Bytes that may come on a stream whose connection is not known yet; beyond it nobody has asked for them. */
  readonly pendingBytes: number
  /** Connections of one link: log sync may have 256 sessions with a peer, gossip and discovery some more. */
  readonly connections: number
  /** Streams of one connection that the remote opened and that are not over; a session uses two. */
  readonly streams: number
  /** Streams of libp2p on one link, each way: a session has three, two of its own and one that we add. */
  readonly linkStreams: number
  /** Bytes received and not taken by their readers, for one link and for all. */
  readonly unreadBytesPerLink: number
  readonly unreadBytes: number
  /** Bytes that wait on a control stream: a remote that makes us answer and does not listen stops here. */
  readonly controlBytes: number
  /** Streams for protocols that we do not speak on one link: a newer peer may try some, a scanner tries many. */
  readonly unknownProtocols: number
  /** Milliseconds that a connection which we close may take to deliver what was written before. */
  readonly closeMs: number
  /** Milliseconds that `stop` waits for that. */
  readonly stopMs: number
  /** Milliseconds between signs of life on a link; one that gives none is cut, and its connections are lost. */
  readonly pingMs: number
  /** Milliseconds that a link is kept with no connection on it: a stranger with many keys could hold all links there are. */
  readonly idleMs: number
  /** Peers whose addresses are kept, and addresses of one peer: a dial tries them all. */
  readonly peers: number
  readonly addresses: number
}

const KIB = 1024
const MIB = 1024 * KIB

export const DEFAULT_LIBP2P_LIMITS: Libp2pLimits = {
  links: 512,
  linksPerPeer: 4,
  handshakes: 64,
  handshakesPerSecond: 40,
  handshakeMs: 10_000,
  dials: 32,
  dialsWaiting: 512,
  dialMs: 15_000,
  addressMs: 3000,
  negotiationMs: 10_000,
  headMs: 10_000,
  pendingStreams: 320,
  openings: 64,
  pendingBytes: 256 * KIB,
  connections: 320,
  streams: 32,
  linkStreams: 1280,
  unreadBytesPerLink: 64 * MIB,
  unreadBytes: 256 * MIB,
  controlBytes: 64 * KIB,
  unknownProtocols: 16,
  closeMs: 30_000,
  stopMs: 1000,
  pingMs: 15_000,
  idleMs: 120_000,
  peers: 10_000,
  addresses: 16,
}

/** Bytes of one write to libp2p: 64 KiB were seen to be some 16 times as fast as one write of 330 bytes each. */
export const WRITE_BYTES = 64 * KIB
/** Bytes that one connection hands to libp2p in one turn, so that connections take turns. */
export const TURN_BYTES = 256 * KIB
/** Bytes of the objects around one piece of what was received. */
export const PIECE_BYTES = 160
/** yamux lets a stream send so much unread; ours is never paused, so this is also what may be on its way. */
export const YAMUX_WINDOW_BYTES = 256 * KIB
/** Connections that are over and whose late streams are recognised, on one link. */
export const RECENT_CONNECTIONS = 1024
/** Stream numbers of one connection that were passed over and may still come. */
export const SKIPPED_STREAMS = 256

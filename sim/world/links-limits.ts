/** The figures of the simulated links, with their reasons. */

/** Payload of one TCP segment: 1,500 bytes of Ethernet less 20 of IPv4 and 20 of TCP. */
export const SEGMENT_BYTES = 1_460
/** What a parcel costs on the wire beside its bytes: a stream's frame header in QUIC or yamux is 4 to 12 bytes. */
export const PARCEL_HEADER_BYTES = 8
/** What a handshake costs on the wire in each direction; QUIC pads its first datagrams to this. */
export const HANDSHAKE_BYTES = 1_200
/** Most bytes that are sent, and arrive, as one event. */
export const MAX_CHUNK_BYTES = 64 * 1024
/** A chunk occupies the link for about so long, so that connections share a slow link in small turns. */
export const CHUNK_MS = 20
/** Shortest retransmission timeout, as Linux has it. */
export const MIN_RETRANSMISSION_MS = 200
/** After so many losses in a row a segment goes through: the link is bad, not down; at 200 ms that is 12.6 s late. */
export const MAX_RETRANSMISSIONS = 6
/** A dial that nobody answers fails after this. */
export const CONNECT_TIMEOUT_MS = 5_000
/** A connection without progress is lost after this; p2panda's QUIC figure. */
export const IDLE_TIMEOUT_MS = 10_000
/** Addresses of one peer that are remembered, as many as a node that moves between networks has at a time. */
export const ADDRESSES_PER_PEER = 8

/**
 * Where the world enters the engine.
 *
 * The engine knows no wall clock, chance, file or socket; every world (the true one in `engine/adapters`, the false one
 * in `sim`) hands these in. All calls are synchronous: what a world does elsewhere comes back through a callback, and
 * whoever calls back owns the moment, so a simulator never has to guess when microtasks have drained.
 */

import type { Topic, VerifyingKey } from './core/index.js'

/** Two kinds of time. The monotonic one drives timers and never jumps; the wall clock stamps operations and may. */
export interface Clock {
  /** Milliseconds since some fixed moment; may be fractional, never decreases. */
  nowMs(): number
  /** Microseconds since the UNIX epoch; can jump and skew. */
  wallUs(): bigint
  /** Calls back once, not before `delayMs` have passed and never from within this call. */
  after(delayMs: number, callback: () => void): Timer
}

export interface Timer {
  /** Harmless when the timer has fired or was cancelled. */
  cancel(): void
}

export interface Random {
  bytes(length: number): Uint8Array
  /** Uniform in [0, 1). */
  float(): number
}

export interface SignedMessage {
  readonly verifyingKey: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

export interface Crypto {
  /** BLAKE3, 32 bytes, unkeyed. */
  hash(bytes: Uint8Array): Uint8Array
  /** The Ed25519 public key of a 32-byte seed. */
  verifyingKey(seed: Uint8Array): Uint8Array
  sign(seed: Uint8Array, message: Uint8Array): Uint8Array
  /** Strict verification (spec/node.md 1.2): canonical s, no small-order key or R, cofactorless. Never throws. */
  verify(message: SignedMessage): boolean
  /**
   * Verifies many, elsewhere where the world can. `done` gets one verdict a message, in the order given; batches come
   * back in the order they were handed in, at once or later. Returns false when so many bytes are in flight that the
   * caller should hand in nothing more before its next `done`; what was handed in is verified all the same.
   */
  verifyBatch(messages: readonly SignedMessage[], done: (verdicts: readonly boolean[]) => void): boolean
}

/** What SQLite takes and gives. Integers come back as numbers; 64-bit values are stored as 8-byte blobs. */
export type SqlValue = number | string | Uint8Array | null

export interface Statement {
  /** Rows changed by this statement. */
  run(...parameters: SqlValue[]): number
  /** The first row by column name, or undefined. */
  get<Row>(...parameters: SqlValue[]): Row | undefined
  all<Row>(...parameters: SqlValue[]): Row[]
}

/**
 * One SQLite database, wholly synchronous. After a power cut it is dead: every later call throws `DatabaseDead`, which
 * nothing in the engine may catch to carry on; a restart gets a fresh instance.
 */
export interface Database {
  prepare(sql: string): Statement
  /** Runs one or more statements without parameters or results. */
  exec(sql: string): void
  readonly inTransaction: boolean
  /** Harmless when closed already. */
  close(): void
}

/** Thrown by every call on a database whose process or power is gone. Not a ThicketError: no code handles it. */
export class DatabaseDead extends Error {
  override readonly name = 'DatabaseDead'
}

export type Role = 'initiator' | 'acceptor'

/**
 * One protocol run with one remote key over ordered, reliable, authenticated byte streams: one log-sync session, one
 * discovery session, one gossip neighbour. Handlers are set once, by whoever owns the connection, before control
 * returns to the world; what arrived earlier waits.
 */
export interface Connection {
  readonly remote: VerifyingKey
  readonly role: Role
  readonly protocol: string
  openBi(): Stream
  openUni(): Stream
  onStream(handler: (stream: Stream) => void): void
  /** Called once, also after a local `close`; `code` is null when the connection was lost rather than closed. */
  onClose(handler: (code: number | null) => void): void
  /** Ends the connection. What was written and half-closed before is still delivered when the link lives. */
  close(code: number): void
}

export interface Stream {
  readonly kind: 'bi' | 'uni'
  /** Queues bytes; false says: write no more before `drain`. The bytes were taken in either case. */
  write(bytes: Uint8Array): boolean
  onDrain(handler: () => void): void
  onData(handler: (bytes: Uint8Array) => void): void
  /** The remote half-closed: no more data will come. */
  onEnd(handler: () => void): void
  /** The remote aborted the stream, or the connection is gone. */
  onAbort(handler: (code: number | null) => void): void
  /** Half-closes our side after what was written. */
  end(): void
  abort(code: number): void
  /** Stops `data` after the current call; the sender is slowed down in turn. */
  pause(): void
  resume(): void
}

/** How a node meets others. */
export interface Transport {
  start(host: TransportHost): void
  /** Where others reach this node, in the transport's own notation. */
  addresses(): readonly string[]
  /** Opens a connection to a peer; `done` is called once, never from within this call. */
  dial(peer: VerifyingKey, protocol: string, done: (connection: Connection | null) => void): void
  /** Makes the peer behind an address known; throws `address-invalid` for a notation that is not this transport's. */
  connect(address: string): void
  /** Present where peers are found by addresses that nodes tell each other; absent where the world says who is there. */
  readonly addressing?: Addressing
  stop(): void
}

/** Addresses are in the transport's own notation, without the id of the node. */
export interface Addressing {
  /** The variant of transport records that carries these addresses; each kind has its own part of the address book. */
  readonly kind: 'libp2p' | 'iroh'
  /** Where this node can be reached now, for its own signed record; may be empty. */
  own(): readonly string[]
  /** Where a peer is said to be; takes the place of what was learnt before, and an empty list forgets the peer. */
  learn(peer: VerifyingKey, addresses: readonly string[]): void
}

/** `bootstrap`: somebody gave us the address; `local`: it is in the same house; `incoming`: it has dialled us. */
export type PeerOrigin = 'bootstrap' | 'local' | 'incoming'

export interface TransportHost {
  readonly id: VerifyingKey
  readonly networkId: Uint8Array
  /** What transports with addresses need of their node; the others do without. */
  readonly addressed?: AddressedHost
  /** The peer can be dialled from now on. */
  peerFound(peer: VerifyingKey, origin?: PeerOrigin): void
  peerLost(peer: VerifyingKey): void
  /** A peer opened a connection to us. */
  accept(connection: Connection): void
}

export interface AddressedHost {
  /** The signing seed: the node's key is the key of its transport. */
  readonly seed: Uint8Array
  /** What peers may open connections for; a transport that negotiates protocols refuses all others by itself. */
  readonly protocols: readonly string[]
  /** Whether anything is to be said to or heard from a peer; asked once its key is known, in either direction. */
  mayConnect(peer: VerifyingKey): boolean
  /** `addressing.own()` says something else than before. */
  addressesChanged(): void
}

/**
 * Broadcast to whoever has joined a topic. Best effort: nothing is stored, acknowledged or ordered, and what was said
 * before one joined is not heard. Bytes are neither signed nor hidden by it.
 */
export interface Gossip {
  /** Bytes of the largest message. */
  readonly maxMessageBytes: number
  /** A topic is joined once at a time; the same message comes once, or seldom again. */
  join(topic: Topic, onMessage: (bytes: Uint8Array, from: VerifyingKey) => GossipVerdict): GossipTopic
}

/** What is accepted is passed on; `ignored` ends here; who brings what is `invalid` too often is left. */
export type GossipVerdict = 'accepted' | 'ignored' | 'invalid'

export interface GossipTopic {
  /** Peers that have joined too and are connected to us. */
  readonly neighbours: number
  /** Waits, within bounds, while there is no neighbour. At most `maxMessageBytes`. */
  broadcast(bytes: Uint8Array): void
  leave(): void
}

/** What a frame is for, so that the account of a radio can tell; the medium itself never looks into frames. */
export const FRAME_CLASSES = ['operation', 'digest', 'heights', 'want', 'repair', 'fragment', 'introduction'] as const
export type FrameClass = (typeof FRAME_CLASSES)[number]

/**
 * A shared medium that carries small frames to whoever happens to hear them. Nothing is addressed, acknowledged,
 * ordered or certain, and a frame may come more than once. Handlers are called in turns of their own, never from within
 * a call of `send`.
 */
export interface Radio {
  /** What tells the radios of one node apart. */
  readonly name: string
  /** Bytes of the largest frame. */
  readonly mtu: number
  /** Milliseconds on air of a frame of so many bytes, for all times that the medium repeats it. */
  airtimeMs(bytes: number): number
  /** What the law leaves of the air. */
  budget(): AirtimeBudget
  /**
   * Takes one frame and sends it when the channel is free and the law allows it. One frame at a time: a second one
   * before `done` is a defect of the caller.
   */
  send(frame: Uint8Array, kind: FrameClass, done: (outcome: 'sent' | 'cancelled' | 'failed') => void): PendingFrame
  onFrame(handler: (frame: Uint8Array, signal: Signal) => void): void
  /** After this nothing is sent or heard; what waits is dropped without a word. */
  close(): void
}

export interface AirtimeBudget {
  /** Largest share of the time that may be spent sending in the long run, 1 without a law. */
  readonly share: number
  /** Milliseconds of air that may be spent before a frame would have to wait for the law. */
  readonly availableMs: number
  /** Length of the window that the law looks at; 0 without a law. */
  readonly windowMs: number
}

export interface PendingFrame {
  /** Takes the frame back while not a bit of it is on the air; says whether that was in time. */
  cancel(): boolean
}

export interface Signal {
  readonly rssiDbm: number
  readonly snrDb: number
}

/** Receives what happens, for people and tools. Never influences the engine. */
export interface Trace {
  event(type: string, fields: TraceFields): void
}
export type TraceFields = Readonly<Record<string, string | number | boolean | null | undefined>>

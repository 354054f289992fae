/**
 * How patient the broadcast room is and how much it keeps. Times are multiples of one airtime: that of a frame of 128
 * bytes, which is 1.3 s on LONG_FAST and some milliseconds on a fast radio, so the same rules fit both.
 */

export interface BroadcastSettings {
  /** A hole as old as this is asked for even while operations flow; longer windows cost less air and more patience. */
  readonly windowAge: number
  /** Operations since the last window that make the next one worth while, whatever its age. */
  readonly windowOperations: number
  /** Symbols missing at which nobody waits for more: a window is full enough. */
  readonly urgentDeficit: number
  /** Without a new operation for so long, what is missing is asked for. */
  readonly quiet: number
  /** After a round of repair that left holes, so long until the next. */
  readonly secondRound: number
  /** Holes that are left to the next window while operations flow. */
  readonly carriedOver: number
  /** Symbols beyond what was asked for that nobody asks for separately. */
  readonly spared: number
  /** Turns of those who answer are spread over so many airtimes for each of them. */
  readonly turn: number
  /** A symbol carries the description of its window until that was said so often. */
  readonly described: number
  /** First and longest wait for a digest on a quiet topic. */
  readonly firstDigest: number
  readonly lastDigest: number
  /** A digest is due at the latest after this, also while operations flow: gaps alone cannot show a silent author. */
  readonly forcedDigest: number
}

export const DEFAULT_BROADCAST_SETTINGS: BroadcastSettings = {
  windowAge: 1_500,
  windowOperations: 18,
  urgentDeficit: 14,
  quiet: 180,
  secondRound: 20,
  carriedOver: 99,
  spared: 3,
  turn: 2,
  described: 2,
  firstDigest: 320,
  lastDigest: 1_400,
  forcedDigest: 2_800,
}

/** Bytes of the frame whose airtime is the unit of all waits. */
export const UNIT_FRAME_BYTES = 128

/** Operations of one window; the bitmap of 64 costs 8 bytes in each coded frame. */
export const WINDOW_OPERATIONS = 64

/** Compact operations kept because something before them is missing, for each topic. */
export const PARKED_OPERATIONS = 2_048

/** Ids of stored operations kept beyond their pruning, for each topic, some 300 bytes each; after a restart long forms help. */
export const REMEMBERED_IDS = 1_024

/** Frames of authors nobody has introduced yet, for each topic. */
export const UNRESOLVED_FRAMES = 64

/** Authors known in one topic. */
export const AUTHORS = 4_096

/** Windows of repair open at a time in one topic. */
export const OPEN_WINDOWS = 8

/** Coded symbols kept for windows whose description was not heard. */
export const ORPHANED_SYMBOLS = 64

/** Operations handed on from elsewhere (another radio, a link) that wait for their turn; older ones are left to repair. */
export const BRIDGED_OPERATIONS = 64

/** Own operations that wait for the air; the oldest is left to repair when there are more. */
export const OWN_OPERATIONS = 256

/** Neighbours remembered by what they hear. */
export const NEIGHBOURS = 512

/** Share of the hourly budget that is kept for what the node itself publishes. */
export const RESERVED_SHARE = 0.2

/** Claims about a log may run ahead of what is held by so much; what lies beyond is learned step by step. */
export const MAX_AHEAD = 1_000_000

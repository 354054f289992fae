/** Bounds of the checks against real nodes, in milliseconds: generous, since the machine may be busy. */

/** Until something that needs no catch-up has happened. */
export const SOON_MS = 60_000
/** Until a catch-up of 1,000 operations is over: a node of p2panda takes some hundreds a second. */
export const CATCH_UP_MS = 120_000
/** One check, all in all. */
export const CHECK_MS = 240_000
/** Until a process that was told to end has ended. */
export const END_MS = 10_000
/** Long enough for what must not happen to have happened. */
export const SETTLE_MS = 3000
/** The first build of all crates, on a busy machine. */
export const BUILD_MS = 90 * 60_000
/** How long a node is sent garbage. */
export const GARBAGE_MS = 60_000
/** One cell of the bench; what has not arrived by then is reported as missing. */
export const CELL_MS = 180_000

/** The figures of the loopback world, with their reasons. */

/** Processes at once: each takes some 100 MB and listens on a port. */
export const MAX_NODES = 50
/** Processes that start at the same time: more would only wait for each other's processor. */
export const STARTING_AT_ONCE = 4
/** A process that does not listen after this, in milliseconds, never will. */
export const START_TIMEOUT_MS = 60_000
/** How long a kill or a pause waits for publications that are on their way to the node, in milliseconds. */
export const PUBLISH_TIMEOUT_MS = 30_000
/** How long a process may take to end in order, in milliseconds, before it is killed. */
export const STOP_TIMEOUT_MS = 10_000
/** How long an answer of a node may take, in milliseconds: it may have a replay to handle first. */
export const TELL_TIMEOUT_MS = 60_000
/** Changes of heights are told at most so often, in milliseconds. */
export const HEIGHTS_EVERY_MS = 50
/** How often the runner looks whether all is done, in milliseconds. */
export const LOOK_EVERY_MS = 200
/** All stand at the same heights for so long, in milliseconds, before the runner believes that it stays so. */
export const STABLE_MS = 1_000
/** Bytes of what a process said last that its end is explained with. */
export const LAST_WORDS_BYTES = 8_192

/** Bounds of streams. */

/** Operations read from the store at once; a slow reader holds no more than this. */
export const PAGE_OPERATIONS = 32

/** Control events that wait for a slow reader; beyond it the oldest that only informs is dropped and counted. */
export const CONTROL_EVENTS = 1_024

/** Sources remembered per topic for operations that the app has not read yet; older ones read as local-store. */
export const REMEMBERED_SOURCES = 4_096

/** How long an acknowledgement may wait for others to share its fsync, in milliseconds. */
export const ACK_GROUP_MS = 2

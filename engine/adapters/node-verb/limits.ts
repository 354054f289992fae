/** Every bound of `thicket node`, with its unit and its reason. */

import { DEFAULT_SYNC_LIMITS } from '../../sync/index.js'

/** Bytes of a config file: lists of ten thousand node ids fit in. */
export const CONFIG_BYTES = 1024 * 1024
/** Entries on the stack of the YAML parser: a list in a mapping takes four, and nothing here nests deeper. */
export const CONFIG_NESTING = 16
/** Bytes of a key file: 64 digits and a line end; what is larger is no key file and need not be read. */
export const KEY_FILE_BYTES = 1024
/** Values of one setting: as many node ids as the address book holds. */
export const VALUES_PER_SETTING = 10_000
/** Topics one node keeps open by settings: each costs a session with each of its partners. */
export const TOPICS = 1_000
/** Bytes of one line of standard input: the largest body, less what CBOR puts in front of a text of that length. */
export const LINE_BYTES = DEFAULT_SYNC_LIMITS.bodyBytes - 5
/** Milliseconds for an orderly end: a supervisor commonly waits 10 s before it kills. */
export const SHUTDOWN_MS = 5_000
/** Milliseconds of it in which sessions may end by themselves before their connections are cut. */
export const DRAIN_MS = 1_000
/** Milliseconds between two looks at whether they have. */
export const DRAIN_POLL_MS = 20
/** Milliseconds after the end in which whatever still holds the process must let go of it. */
export const LINGER_MS = 1_000
/** Free bytes below which the disk of the database counts as full: some commits still fit, so a warning comes in time. */
export const FREE_DISK_BYTES = 16 * 1024 * 1024
/** Different values that a label of a metric takes before the rest is counted as `other`: peers must not choose how many. */
export const LABEL_VALUES = 128
/** Milliseconds in which a signal that comes again is the same one: npx passes on what the terminal sent to both. */
export const SIGNAL_ECHO_MS = 300
/** Bytes of log lines that wait for a slow reader: some thousand lines. */
export const LOG_BUFFER_BYTES = 1024 * 1024
/** Log lines about one type of event in one second: a hostile peer must not fill the disk with its misdeeds. */
export const LOG_LINES_PER_SECOND = 20

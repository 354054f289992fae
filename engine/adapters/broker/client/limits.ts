/** Every bound of the client, with its unit and its reason. */

/** Publications that wait for their acknowledgement; a person writes fewer in a day without a network. */
export const OUTBOX_ENTRIES = 1_000
/** Characters of these as they are stored: a browser keeps some 5 million for a page. */
export const OUTBOX_CHARACTERS = 2_000_000
/** Publications sent and not answered: enough to fill a line, few enough to be sent again. */
export const PUBLICATIONS_IN_FLIGHT = 32
/** Control events that wait for a slow reader; the oldest are dropped. */
export const CONTROL_EVENTS = 256
/** Ids remembered as acknowledged: more than the largest window of a broker. */
export const REMEMBERED_ACKS = 4_096
/** Unacknowledged messages of a subscription, where the app names no window. */
export const DEFAULT_WINDOW = 64

/** Milliseconds before the first new attempt and at most between two. */
export const RETRY_MIN_MS = 500
export const RETRY_MAX_MS = 30_000
/** Milliseconds from an attempt to the broker's welcome. */
export const WELCOME_MS = 10_000
/** Milliseconds of silence before the client asks whether the broker is still there, and for the answer. */
export const SILENCE_MS = 25_000
export const ANSWER_MS = 10_000
/** Milliseconds for the answer when there is reason for doubt: the machine woke up, or says that it is offline. */
export const DOUBT_MS = 3_000
/** Milliseconds that a connection has to last before the next attempt is a first one again. */
export const STEADY_MS = 10_000

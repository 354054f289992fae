/** The figures of the BLE air that are choices, with their reasons. Those of packets stand with the packets. */

/** Uniform between 0 and this on top of each advertising interval (Core Specification, volume 6, part B, 4.4.2.2.1). */
export const MAX_ADVERT_DELAY_US = 10_000

/** A frame is repeated in at most so many advertising events; at 100 ms that is a second and a half. */
export const MAX_ADVERT_EVENTS = 16

/** From one packet of an advertising event to the next: a chip has to change its channel. Not fixed by anybody. */
export const CHANNEL_CHANGE_US = 150

/** T_MAFS: least time from the packet that points to an auxiliary one to that one. */
export const AUX_OFFSET_US = 300

/** Strength over interference from which a packet survives; nRF54L15 and others are between 12 and 14 dB. */
export const CAPTURE_DB = 13

/** A node counts as in reach of another's adverts while at least one in ten of them could be read. */
export const REACH_ERROR_RATE = 0.9

/** Shadowing beyond so many deviations is cut off, so that a range has an end. */
export const MAX_SHADOWING_SIGMAS = 3

/**
 * Fading holds still for this part of its coherence time: from one step to the next it changes by a sixth of its
 * deviation on average. No shorter than a connection's interval, which is how often a link asks; and no longer than leaves
 * a silence of the supervision timeout several steps.
 */
export const FADING_STEPS = 64
export const LEAST_FADING_STEP_MS = 30
export const MOST_FADING_STEP_MS = 1_000

// Connections.

/** From one connection event to the next; what phones grant an app in the foreground, a multiple of 1.25 ms. */
export const CONNECTION_INTERVAL_MS = 30

/** Links that a node holds at once; phones allow between 5 and 8. */
export const MAX_CONNECTIONS = 6

/** A connection over which nothing came for so long is over; phones set 2 to 6 s. */
export const SUPERVISION_TIMEOUT_MS = 4_000

/** Largest link-layer payload, with the data length extension. */
export const LINK_BYTES = 251

/** Largest attribute packet: with the L2CAP header before it, it fills one link-layer payload. */
export const MTU_BYTES = 247

/** A node connects to another only when no more than half of all full packets would be broken. */
export const CONNECT_ERROR_RATE = 0.5

/** Where this many of the empty packets are broken, chance finds no gap of silence shorter than the timeout any more. */
export const SILENCE_ERROR_RATE = 0.97

/** Connection events from the first to the first byte of an app: features, lengths, PHY, MTU, services, and security. */
export const SETUP_EVENTS = 12

/** Discovery is computed so far ahead at a time. */
export const DISCOVERY_STEP_MS = 10_000

/** When a node with all places taken meets another, its oldest link makes room once it has stood for so long. */
export const LEAST_STAND_MS = 60_000

/** A walk is looked at so far ahead at a time, and a crossing is found to within the step: at 2 m/s a decimetre. */
export const LOOK_AHEAD_MS = 60_000
export const CROSSING_STEP_MS = 50

/** Where fading decides, a walk is looked at anew after so many metres: at 100 m they are a tenth of a decibel. */
export const WAVERING_STEP_M = 1

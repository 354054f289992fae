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

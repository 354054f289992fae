/**
 * How much a connection carries: application bytes in notifications, one value each, as many exchanges of a packet and
 * its empty answer as fit into one connection event.
 */

import type { BlePhy } from './pdu.js'
import { pairUs } from './pdu.js'

/** Header of L2CAP's basic frame, and of a notification: opcode and handle. */
export const L2CAP_HEADER_BYTES = 4
export const ATT_HEADER_BYTES = 3

export interface NotificationShape {
  readonly phy: BlePhy
  /** Bytes of the largest attribute packet, its own header included. */
  readonly mtu: number
  /** Bytes of the largest link-layer payload: 27, or up to 251 with the data length extension. */
  readonly linkBytes: number
}

/** Application bytes of one notification. */
export function notificationBytes(mtu: number): number {
  return mtu - ATT_HEADER_BYTES
}

/** Microseconds that one notification takes with all its fragments, each answered by an empty packet. */
export function notificationUs({ phy, mtu, linkBytes }: NotificationShape): number {
  let us = 0
  for (let left = mtu + L2CAP_HEADER_BYTES; left > 0; left -= linkBytes) us += pairUs(phy, Math.min(left, linkBytes))
  return us
}

/** Application bits a second with whole notifications in each connection event; with no interval, without a gap. */
export function notificationBps(shape: NotificationShape, intervalMs: number | null = null): number {
  const bits = notificationBytes(shape.mtu) * 8
  const us = notificationUs(shape)
  if (intervalMs === null) return (bits * 1_000_000) / us
  return (Math.floor((intervalMs * 1_000) / us) * bits * 1_000) / intervalMs
}

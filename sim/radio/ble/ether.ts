/** What is on the air: packets by channel, for as long as another packet can still ask whether it was disturbed. */

import { roundDb } from '../../kernel/index.js'
import { milliwatts, ratioDb } from '../linear.js'
import { CAPTURE_DB } from './limits.js'

export interface Packet {
  readonly from: number
  readonly channel: number
  readonly startUs: number
  /** Moved to an earlier moment when its sender loses power. */
  endUs: number
}

/** Longer than any advertising event takes: 3 packets of 17 bytes and one of 255, all coded, are under 22 ms. */
const MEMORY_US = 30_000

export class Ether {
  /** By channel, in the order of announcement. */
  readonly #packets: Packet[][] = []

  /** Announces a packet, which may begin later. */
  add(packet: Packet, nowUs: number): void {
    const kept = (this.#packets[packet.channel] ?? []).filter(({ endUs }) => endUs > nowUs - MEMORY_US)
    kept.push(packet)
    this.#packets[packet.channel] = kept
  }

  /** The sender's power is gone. */
  cut(packet: Packet, nowUs: number): void {
    packet.endUs = Math.min(packet.endUs, Math.max(packet.startUs, nowUs))
  }

  /**
   * Whether what else was on the channel, as strong as `rssiDbm` says for its sender, drowned a packet. Any overlap
   * counts, however short: one broken bit is enough for the checksum.
   */
  isDrowned(packet: Packet, strengthDbm: number, rssiDbm: (from: number) => number | null): boolean {
    let power = 0
    for (const other of this.#packets[packet.channel] ?? []) {
      if (other === packet || other.startUs >= packet.endUs || other.endUs <= packet.startUs) continue
      const otherDbm = rssiDbm(other.from)
      if (otherDbm !== null) power += milliwatts(otherDbm)
    }
    return power > 0 && ratioDb(milliwatts(roundDb(strengthDbm)), power) < CAPTURE_DB
  }
}

/**
 * Time on air of one BLE packet, to the microsecond. The lengths and spacings are those of the Bluetooth Core
 * Specification's link layer (volume 6, part B); every value is a whole number, so nothing is rounded.
 */

import { invariant } from '../../../engine/core/index.js'

/** How symbols are sent; the two coded ones are one PHY with 2 or 8 symbols a bit. */
export type BlePhy = '1M' | '2M' | 'S=2' | 'S=8'

/** The length field is one byte. */
export const MAX_PDU_BYTES = 255

/** From the end of one packet to the start of the next in the same exchange. */
export const INTER_FRAME_SPACE_US = 150

const ACCESS_ADDRESS_BYTES = 4
const PDU_HEADER_BYTES = 2
const CRC_BYTES = 3
/** What the receiver must get right beside the payload: access address, header and checksum. */
export const FRAMING_BYTES = ACCESS_ADDRESS_BYTES + PDU_HEADER_BYTES + CRC_BYTES

/** Preamble: 80 symbols; access address: 256; coding indicator: 16; first terminator: 3 bits of 8 symbols. */
const CODED_HEAD_US = 80 + 256 + 16 + 24

/** Microseconds of a PDU with so many payload bytes, 0 to 255; a message integrity code counts as payload. */
export function pduAirtimeUs(phy: BlePhy, payloadBytes: number): number {
  invariant(
    Number.isInteger(payloadBytes) && payloadBytes >= 0 && payloadBytes <= MAX_PDU_BYTES,
    `a PDU carries 0 to ${MAX_PDU_BYTES} bytes`,
  )
  switch (phy) {
    // One byte of preamble, eight microseconds a byte.
    case '1M':
      return (1 + FRAMING_BYTES + payloadBytes) * 8
    // Two bytes of preamble, four microseconds a byte.
    case '2M':
      return (2 + FRAMING_BYTES + payloadBytes) * 4
    // Header, payload and checksum, then the second terminator of 3 bits.
    case 'S=2':
      return CODED_HEAD_US + (PDU_HEADER_BYTES + payloadBytes + CRC_BYTES) * 16 + 6
    case 'S=8':
      return CODED_HEAD_US + (PDU_HEADER_BYTES + payloadBytes + CRC_BYTES) * 64 + 24
  }
}

/** Microseconds of a packet, what answers it and the pauses behind both. */
export function pairUs(phy: BlePhy, payloadBytes: number, answerBytes = 0): number {
  return pduAirtimeUs(phy, payloadBytes) + pduAirtimeUs(phy, answerBytes) + 2 * INTER_FRAME_SPACE_US
}

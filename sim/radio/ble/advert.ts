/**
 * How a frame is laid into advertising packets, and how long one advertising event with it takes.
 *
 * Legacy: the frame itself on each of the three primary channels. Extended: there a short packet that points to an
 * auxiliary one on a secondary channel, which carries the frame. Neither tells an address that stays: legacy packets have
 * to name one, which a node draws anew for each frame; auxiliary ones are anonymous and name none.
 */

import { AUX_OFFSET_US, CHANNEL_CHANGE_US, MAX_ADVERT_DELAY_US, MAX_ADVERT_EVENTS } from './limits.js'
import { type BlePhy, MAX_PDU_BYTES, pduAirtimeUs } from './pdu.js'
import { type BleSpec, dataPhy, PRIMARY_CHANNELS, primaryPhy } from './spec.js'

export type AdvertKind = 'legacy' | 'extended'

/** Length, type (manufacturer data) and company of the one structure that holds the frame. */
const STRUCTURE_BYTES = 4
/** Data of a legacy advert beside the six bytes of its address. */
const LEGACY_DATA_BYTES = 31
const ADDRESS_BYTES = 6
/** Length and mode, flags, and the advert's number, by which scanners know what they have heard. */
const AUX_HEADER_BYTES = 4
/** The same, and the pointer: channel, clock accuracy, offset and PHY. */
const POINTER_BYTES = 7

export interface AdvertForm {
  readonly kind: AdvertKind
  readonly primaryPhy: BlePhy
  /** Of the auxiliary packet; legacy adverts have none. */
  readonly auxPhy: BlePhy
  /** Bytes of the largest frame: 27 and 247. */
  readonly mtu: number
}

/** One advertising event, in microseconds from its start. */
export interface AdvertTimes {
  /** Payload and duration of each primary packet. */
  readonly primaryBytes: number
  readonly primaryUs: number
  /** From the start of one primary packet to that of the next. */
  readonly strideUs: number
  /** Null for legacy adverts. */
  readonly aux: { readonly bytes: number; readonly startUs: number; readonly us: number } | null
  readonly endUs: number
  /** Time on air, without the pauses. */
  readonly airtimeUs: number
}

export function advertForm(kind: AdvertKind, spec: BleSpec): AdvertForm {
  // Legacy adverts exist on 1M alone.
  if (kind === 'legacy') {
    return { kind, primaryPhy: '1M', auxPhy: '1M', mtu: LEGACY_DATA_BYTES - STRUCTURE_BYTES }
  }
  const mtu = MAX_PDU_BYTES - AUX_HEADER_BYTES - STRUCTURE_BYTES
  return { kind, primaryPhy: primaryPhy(spec), auxPhy: dataPhy(spec), mtu }
}

export function advertTimes(form: AdvertForm, frameBytes: number): AdvertTimes {
  const isLegacy = form.kind === 'legacy'
  const primaryBytes = isLegacy ? ADDRESS_BYTES + STRUCTURE_BYTES + frameBytes : POINTER_BYTES
  const primaryUs = pduAirtimeUs(form.primaryPhy, primaryBytes)
  const strideUs = primaryUs + CHANNEL_CHANGE_US
  const primariesEndUs = strideUs * (PRIMARY_CHANNELS - 1) + primaryUs
  const primariesUs = primaryUs * PRIMARY_CHANNELS
  if (isLegacy) {
    return { primaryBytes, primaryUs, strideUs, aux: null, endUs: primariesEndUs, airtimeUs: primariesUs }
  }
  const bytes = AUX_HEADER_BYTES + STRUCTURE_BYTES + frameBytes
  const us = pduAirtimeUs(form.auxPhy, bytes)
  const startUs = primariesEndUs + AUX_OFFSET_US
  return {
    primaryBytes,
    primaryUs,
    strideUs,
    aux: { bytes, startUs, us },
    endUs: startUs + us,
    airtimeUs: primariesUs + us,
  }
}

/**
 * Events after which nearly every scanner has heard a frame, whatever its phase. Scanners and advertisers keep the same
 * interval, so from event to event an advert moves against a window by the delay alone, half its maximum on average, and
 * has to walk through all that the window leaves out.
 */
export function sweepEvents(spec: Pick<BleSpec, 'intervalMs' | 'windowMs'>): number {
  const gapMs = Math.max(0, spec.intervalMs - spec.windowMs)
  return Math.min(MAX_ADVERT_EVENTS, 1 + Math.ceil(gapMs / (MAX_ADVERT_DELAY_US / 2_000)))
}

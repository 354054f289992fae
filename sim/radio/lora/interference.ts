/**
 * What LoRa frames of one kind do to those of another. Where channels overlap, the part of the power that falls into the
 * wanted channel disturbs. What chirps at the same rate looks like a frame of one's own (capture.ts judges those); what
 * chirps faster or slower is spread out by the receiver like noise, and has to be many decibels stronger to do harm.
 */

import { roundDb } from '../../kernel/index.js'
import { milliwatts, ratioDb } from '../linear.js'
import type { Disturbance } from './capture.js'
import { isolationDb } from './isolation.js'

export interface Channel {
  readonly frequencyHz: number
  readonly bandwidthHz: number
  readonly spreadingFactor: number
}

/** A disturbance that chirps at another rate. */
export interface Stranger extends Disturbance {
  /** Its spreading factor as the wanted channel sees it. */
  readonly asSf: number
}

/**
 * Rates this near to each other count as equal. Chips write 41.7 kHz for four times 10.4 kHz, and over one symbol such
 * rates drift apart by no more than a hundredth of the channel.
 */
const EQUAL_RATE = 0.01
/** What the isolation tables know. */
const FIRST_SF = 7
const LAST_SF = 12

/** By how much an interferer is weaker within the wanted channel than on the whole, 0 or below; null without overlap. */
export function overlapDb(wanted: Channel, interferer: Channel): number | null {
  const half = (wanted.bandwidthHz + interferer.bandwidthHz) / 2
  const sharedHz = half - Math.abs(wanted.frequencyHz - interferer.frequencyHz)
  if (sharedHz <= 0) return null
  // Within the wider of the two, the narrower one lies whole.
  const withinHz = Math.min(sharedHz, wanted.bandwidthHz, interferer.bandwidthHz)
  return roundDb(10 * Math.log10(withinHz / interferer.bandwidthHz))
}

/**
 * The spreading factor that has the interferer's chirp rate at the wanted bandwidth, as near as the tables know it; null
 * where the rates are equal, so that both are not orthogonal whatever their factors are called.
 */
export function spreadingFactorSeen(wanted: Channel, interferer: Channel): number | null {
  const seen = interferer.spreadingFactor + 2 * Math.log2(wanted.bandwidthHz / interferer.bandwidthHz)
  // A step of the factor halves the rate.
  const off = seen - wanted.spreadingFactor
  if (Math.abs(off) < Math.log2(1 + EQUAL_RATE)) return null
  const nearest = Math.max(FIRST_SF, Math.min(LAST_SF, Math.round(seen)))
  if (nearest !== wanted.spreadingFactor) return nearest
  // Whatever is not of this rate is at least a neighbour, and at the ends of the tables the only one.
  const neighbour = nearest + Math.sign(off)
  return neighbour < FIRST_SF ? FIRST_SF + 1 : neighbour > LAST_SF ? LAST_SF - 1 : neighbour
}

/**
 * Whether strangers were too strong at any moment after the grace of a frame. Those of one factor count together, as far
 * as they are there at once; different factors are judged one by one, as the tables were made.
 */
export function isJammed(
  { flight, rssiDbm }: Disturbance,
  strangers: readonly Stranger[],
  { spreadingFactor, graceUs }: { readonly spreadingFactor: number; readonly graceUs: number },
): boolean {
  const harmful = strangers.filter(
    ({ flight: other }) => other.endUs > flight.startUs + graceUs && other.startUs < flight.endUs,
  )
  const wantedMw = milliwatts(rssiDbm)
  return harmful.some(({ asSf, flight: { startUs } }) => {
    // The power of a factor is greatest where one of its frames begins, or where the wanted one does.
    const atUs = Math.max(startUs, flight.startUs)
    let power = 0
    for (const other of harmful) {
      const isThere = other.flight.startUs <= atUs && atUs < other.flight.endUs
      if (isThere && other.asSf === asSf) power += milliwatts(other.rssiDbm)
    }
    return ratioDb(wantedMw, power) < isolationDb(spreadingFactor, asSf)
  })
}

/**
 * The share of frames that noise destroys, by spreading factor, signal-to-noise ratio and length: no cliff at the
 * sensitivity, but a slope two to three decibels wide. The bit error rate is the closed form of Elshabrawy and Robert
 * (IEEE Communications Letters 2018, DOI 10.1109/LCOMM.2018.2849718), and one wrong bit loses the frame.
 *
 * It is asked for every reception, so the part that hangs on the ratio alone is looked up: the ratio is a multiple of
 * 1/1024 dB anyway, and each of them has its own exact entry, made when it is first needed.
 */

import { roundDb, roundTo } from '../../kernel/index.js'
import { gaussianTail } from '../gaussian-tail.js'
import { requiredSnrDb } from './noise.js'

const STEPS_PER_DB = 1_024
/** Below it, by decibels under the required ratio, nothing arrives; above, nothing is lost to noise. Both with room. */
const BELOW_DB = 12
const ABOVE_DB = 8
/** Error rates are multiples of this: rarer losses are none. */
const RATE_STEP = 2 ** -20
/**
 * A receiver has to find the preamble and read the header as well; so a shorter frame is no safer than this one, and one
 * of a few bits cannot be guessed out of pure noise.
 */
const LEAST_BYTES = 8

/** By spreading factor: logarithm of the chance that a bit is right, by step of the ratio; NaN where nobody asked yet. */
const tables = new Map<number, Float64Array>()

/** Between 0 and 1, a multiple of 2^-20. */
export function frameErrorRate(spreadingFactor: number, snrDb: number, bytes: number): number {
  const step = Math.round((snrDb - requiredSnrDb(spreadingFactor) + BELOW_DB) * STEPS_PER_DB)
  if (step < 0) return 1
  if (step >= (BELOW_DB + ABOVE_DB) * STEPS_PER_DB) return 0
  const bits = 8 * Math.max(bytes, LEAST_BYTES)
  return roundTo(-Math.expm1(bits * logBitSurvival(spreadingFactor, step)), RATE_STEP)
}

/** The share of bits that noise turns over; not rounded. */
export function bitErrorRate(spreadingFactor: number, snrDb: number): number {
  const ratio = 10 ** (snrDb / 10)
  const distance = Math.sqrt(ratio * 2 ** (spreadingFactor + 1)) - Math.sqrt(1.386 * spreadingFactor + 1.154)
  return gaussianTail(distance) / 2
}

/** The weakest ratio at which any frame, of whatever length, can arrive at all. */
export function weakestSnrDb(spreadingFactor: number): number {
  let weakest = weakestKnown.get(spreadingFactor)
  if (weakest === undefined) {
    weakest = requiredSnrDb(spreadingFactor) - BELOW_DB
    while (frameErrorRate(spreadingFactor, weakest, LEAST_BYTES) === 1) weakest += 1 / 16
    weakestKnown.set(spreadingFactor, roundDb(weakest))
  }
  return weakest
}

const weakestKnown = new Map<number, number>()

function logBitSurvival(spreadingFactor: number, step: number): number {
  let table = tables.get(spreadingFactor)
  if (table === undefined) {
    table = new Float64Array((BELOW_DB + ABOVE_DB) * STEPS_PER_DB).fill(Number.NaN)
    tables.set(spreadingFactor, table)
  }
  let survival = table[step]!
  if (Number.isNaN(survival)) {
    const snrDb = requiredSnrDb(spreadingFactor) - BELOW_DB + step / STEPS_PER_DB
    survival = Math.log1p(-bitErrorRate(spreadingFactor, snrDb))
    table[step] = survival
  }
  return survival
}

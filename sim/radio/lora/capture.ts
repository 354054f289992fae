/**
 * Which of several frames that chirp at one rate a receiver gets. The stronger one survives: by 6 dB while the receiver
 * still looks for a preamble, by 3 dB once it has locked on; and what ends before that does no harm.
 */

import { milliwatts, ratioDb } from '../linear.js'
import type { LoraSpec } from './spec.js'

/** Symbols of a preamble after which a receiver has locked on. */
export const LOCK_SYMBOLS = 6
/** What a wanted frame must be stronger by: before the lock, and after it. */
export const CAPTURE_BEFORE_LOCK_DB = 6
const CAPTURE_AFTER_LOCK_DB = 3

/** What a profile changes: whether the error curve is soft, and when two frames disturb each other. */
export interface Rules {
  readonly isHard: boolean
  readonly isTwoStage: boolean
  /** Whether radios of other kinds count at all; to simulators that know no isolation they are orthogonal. */
  readonly hasInterference: boolean
  /** Symbols at the beginning of a frame in which another may still end without harm. */
  graceSymbols(preambleSymbols: number): number
}

const PAIRWISE: Rules = {
  isHard: true,
  isTwoStage: false,
  hasInterference: false,
  graceSymbols: preamble => Math.max(0, preamble - 5),
}

export const RULES: Readonly<Record<LoraSpec['profile'], Rules>> = {
  physical: {
    isHard: false,
    isTwoStage: true,
    hasInterference: true,
    graceSymbols: preamble => Math.max(0, preamble - LOCK_SYMBOLS),
  },
  lorasim: PAIRWISE,
  meshtasticator: PAIRWISE,
}

/** A frame as a receiver feels it. Its end comes sooner when its sender loses power. */
export interface Disturbance {
  readonly flight: { readonly startUs: number; readonly endUs: number }
  readonly rssiDbm: number
}

export interface Lock {
  readonly isTwoStage: boolean
  /** Of the beginning of a frame, in which another may still end without harm. */
  readonly graceUs: number
  /** From the first clear symbol to the lock. */
  readonly lockUs: number
}

/** Whether the others were too strong: while the receiver still looked for the preamble, or once it had locked on. */
export function isDrowned({ flight, rssiDbm }: Disturbance, others: readonly Disturbance[], lock: Lock): boolean {
  if (others.length === 0) return false
  const spareUs = flight.startUs + lock.graceUs
  // What ends within the first symbols leaves enough preamble, but the receiver locks on later.
  let clearUs = flight.startUs
  for (const { flight: other } of others) if (other.endUs <= spareUs) clearUs = Math.max(clearUs, other.endUs)
  const lockedUs = clearUs + lock.lockUs
  let earlyMw = 0
  let allMw = 0
  for (const other of others) {
    if (other.flight.endUs <= spareUs || other.flight.startUs >= flight.endUs) continue
    if (!lock.isTwoStage) {
      // Pair by pair; and what begins as late in this frame as that does harm to neither.
      const isHarmless = other.flight.startUs >= flight.startUs && flight.endUs <= other.flight.startUs + lock.graceUs
      if (!isHarmless && rssiDbm - other.rssiDbm < CAPTURE_BEFORE_LOCK_DB) return true
      continue
    }
    const power = milliwatts(other.rssiDbm)
    allMw += power
    if (other.flight.startUs < lockedUs) earlyMw += power
  }
  const wantedMw = milliwatts(rssiDbm)
  if (earlyMw > 0 && ratioDb(wantedMw, earlyMw) < CAPTURE_BEFORE_LOCK_DB) return true
  return allMw > 0 && ratioDb(wantedMw, allMw) < CAPTURE_AFTER_LOCK_DB
}

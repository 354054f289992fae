/**
 * How much weaker a signal arrives than it was sent, by distance, frequency and antenna heights: the mean, without hills,
 * walls and fading. A result is rounded to 1/1024 dB, never below 0, and never falls with distance.
 */

import { invariant } from '../../engine/core/index.js'
import { roundDb } from '../kernel/index.js'

export type Environment = 'open' | 'suburban' | 'urban' | 'metropolitan'

/** The fields that a model does not name do not count for it. */
export interface PathLossModel {
  readonly model: 'log-distance' | 'okumura-hata' | '3gpp' | 'none'
  /** Of log-distance: decibels a decade, over ten. */
  readonly exponent: number
  /** Of log-distance: the loss at a distance, from which the rest follows. */
  readonly referenceM: number
  readonly lossAtReferenceDb: number
  /** Of okumura-hata; of 3gpp too, which knows suburban and urban alone: what is denser than a suburb is urban. */
  readonly environment: Environment
}

export interface PathEnds {
  readonly frequencyHz: number
  /** Above ground. */
  readonly fromHeightM: number
  readonly toHeightM: number
}

/** Petäjäjärvi et al., measured in Oulu at 868 MHz: the loss at 1 km, and the exponent over the city. */
export const OULU = { referenceM: 1_000, lossAtReferenceDb: 128.95, exponent: 2.32 } as const

/** Nearer, all models leave what they were made for; two antennas nearer than a metre count as a metre apart. */
const LEAST_DISTANCE_M = 1
/** Half way round the Earth, in which every search for a range ends. */
const GREATEST_DISTANCE_M = 20_000_000

export function pathLossDb(model: PathLossModel, metres: number, ends: PathEnds): number {
  const distanceM = Math.max(metres, LEAST_DISTANCE_M)
  return roundDb(Math.max(0, meanLossDb(model, distanceM, ends)))
}

/** The greatest distance, to a centimetre, at which the loss is no larger; infinity where none is. */
export function rangeM(model: PathLossModel, lossDb: number, ends: PathEnds): number {
  if (pathLossDb(model, GREATEST_DISTANCE_M, ends) <= lossDb) return Infinity
  if (pathLossDb(model, LEAST_DISTANCE_M, ends) > lossDb) return 0
  let near = LEAST_DISTANCE_M * 100
  let far = GREATEST_DISTANCE_M * 100
  while (far - near > 1) {
    const middle = Math.floor((near + far) / 2)
    if (pathLossDb(model, middle / 100, ends) <= lossDb) near = middle
    else far = middle
  }
  return near / 100
}

function meanLossDb(model: PathLossModel, distanceM: number, ends: PathEnds): number {
  switch (model.model) {
    case 'none':
      return 0
    case 'log-distance':
      return model.lossAtReferenceDb + 10 * model.exponent * Math.log10(distanceM / model.referenceM)
    case 'okumura-hata':
      return hataDb(model.environment, distanceM, ends)
    case '3gpp':
      return macroDb(model.environment, distanceM, ends)
  }
}

/** Hata 1980, the form with separate terms for the receiver's height. */
function hataDb(environment: Environment, distanceM: number, ends: PathEnds): number {
  const { fromHeightM, toHeightM, frequencyHz } = checked(ends)
  const logMhz = Math.log10(frequencyHz) - 6
  const heightGainDb =
    environment === 'metropolitan'
      ? 3.2 * Math.log10(11.75 * toHeightM) ** 2 - 4.97
      : (1.1 * logMhz - 0.7) * toHeightM - (1.56 * logMhz - 0.8)
  const atOneKm = 69.55 + 26.16 * logMhz - 13.82 * Math.log10(fromHeightM) - heightGainDb
  return atOneKm + perDecadeDb(fromHeightM) * Math.log10(distanceM / 1_000) + hataCorrectionDb(environment, logMhz)
}

function hataCorrectionDb(environment: Environment, logMhz: number): number {
  switch (environment) {
    case 'open':
      return -4.78 * logMhz ** 2 + 18.33 * logMhz - 40.98
    case 'suburban':
      return -2 * (logMhz - Math.log10(28)) ** 2 - 5.4
    case 'urban':
    case 'metropolitan':
      return 0
  }
}

/** 3GPP TR 25.996 macro cells, with the heights where Meshtasticator has them. */
function macroDb(environment: Environment, distanceM: number, ends: PathEnds): number {
  const { fromHeightM, toHeightM, frequencyHz } = checked(ends)
  const logMhz = Math.log10(frequencyHz) - 6
  const atOneKm =
    45.5 +
    (35.46 - 1.1 * toHeightM) * logMhz -
    13.82 * Math.log10(toHeightM) +
    0.7 * toHeightM +
    macroUrbanDb(environment)
  return atOneKm + perDecadeDb(fromHeightM) * Math.log10(distanceM / 1_000)
}

function macroUrbanDb(environment: Environment): number {
  return environment === 'urban' || environment === 'metropolitan' ? 3 : 0
}

function perDecadeDb(fromHeightM: number): number {
  return 44.9 - 6.55 * Math.log10(fromHeightM)
}

function checked(ends: PathEnds): PathEnds {
  invariant(ends.fromHeightM > 0 && ends.toHeightM > 0, 'antennas stand above the ground')
  invariant(ends.frequencyHz > 0, 'a frequency is a number of hertz above 0')
  return ends
}

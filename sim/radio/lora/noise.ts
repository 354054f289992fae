/** What a LoRa receiver needs: the noise in its channel, and how far above or below it a frame may lie. */

import { roundDb } from '../../kernel/index.js'

/** Thermal noise of one hertz at room temperature. */
const THERMAL_DBM_PER_HZ = -174
/** What a receiver adds to it; Semtech's convention for its chips. */
export const NOISE_FIGURE_DB = 6

export function noiseFloorDbm(bandwidthHz: number, noiseFigureDb: number = NOISE_FIGURE_DB): number {
  return roundDb(THERMAL_DBM_PER_HZ + 10 * Math.log10(bandwidthHz) + noiseFigureDb)
}

/** SX1276 datasheet, table 13: -7.5 dB at SF7, and two and a half more for every step. */
export function requiredSnrDb(spreadingFactor: number): number {
  return -2.5 * (spreadingFactor - 4)
}

/** The weakest frame that data sheets promise to receive. */
export function sensitivityDbm(
  spreadingFactor: number,
  bandwidthHz: number,
  noiseFigureDb: number = NOISE_FIGURE_DB,
): number {
  return noiseFloorDbm(bandwidthHz, noiseFigureDb) + requiredSnrDb(spreadingFactor)
}

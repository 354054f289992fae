/**
 * The chance of a BLE packet to arrive broken, from the strength at which it is received: the model of BabbleSim's
 * simple BLE modem (ext_2G4_modem_BLE_simple). Interference enters by what it adds to the noise.
 */

import { roundTo } from '../../kernel/index.js'
import { gaussianTail } from '../gaussian-tail.js'
import { type BlePhy, FRAMING_BYTES } from './pdu.js'

/** Thermal noise of one hertz at room temperature, dBm, and the receiver's own on top of it. */
const THERMAL_DBM_PER_HZ = -174
const NOISE_FIGURE_DB = 4
/** What the demodulator loses against the ideal one. */
const IMPLEMENTATION_LOSS_DB = 2
/** However strong the signal, quantisation leaves noise so far below it. */
const DIGITAL_FLOOR_DB = -35
/** What repeating and coding each bit is worth. */
const CODING_GAIN_DB: Readonly<Record<BlePhy, number>> = { '1M': 0, '2M': 0, 'S=2': 4, 'S=8': 9 }
const BANDWIDTH_HZ: Readonly<Record<BlePhy, number>> = { '1M': 1.1e6, '2M': 2.5e6, 'S=2': 1.1e6, 'S=8': 1.1e6 }
/** Rates are multiples of this, so that the last bits of `Math.exp` decide nothing. */
const RATE_STEP = 2 ** -20

/** Noise in the receiver, dBm. */
export function noiseFloorDbm(phy: BlePhy): number {
  return THERMAL_DBM_PER_HZ + NOISE_FIGURE_DB + 10 * Math.log10(BANDWIDTH_HZ[phy])
}

export function bitErrorRate(phy: BlePhy, rssiDbm: number): number {
  const effectiveDb = rssiDbm - noiseFloorDbm(phy) - IMPLEMENTATION_LOSS_DB + CODING_GAIN_DB[phy]
  // Two noises add up as powers.
  const noise = 10 ** (-effectiveDb / 10) + 10 ** (DIGITAL_FLOOR_DB / 10)
  return gaussianTail(Math.sqrt(1 / noise))
}

/** Chance that a PDU with so many payload bytes is broken, in steps of 2^-20. */
export function packetErrorRate(phy: BlePhy, rssiDbm: number, payloadBytes: number): number {
  const bits = 8 * (FRAMING_BYTES + payloadBytes)
  // By the logarithm: 1 - (1 - b)^n loses all digits where b is small.
  return roundTo(-Math.expm1(bits * Math.log1p(-bitErrorRate(phy, rssiDbm))), RATE_STEP)
}

/** The weakest signal, to 1/1024 dB, of which a PDU of this size is broken with at most this chance. */
export function weakestDbm(phy: BlePhy, payloadBytes: number, rate: number): number {
  let weakDbm = -200
  let strongDbm = 0
  while (strongDbm - weakDbm > 1 / 1_024) {
    const middleDbm = (weakDbm + strongDbm) / 2
    if (packetErrorRate(phy, middleDbm, payloadBytes) <= rate) strongDbm = middleDbm
    else weakDbm = middleDbm
  }
  return Math.ceil(strongDbm * 1_024) / 1_024
}

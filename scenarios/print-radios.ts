/** Writes the radios of a drawn scenario, and where its nodes are, so that they read back as the same. */

import { DEFAULTS } from './defaults.js'
import { MODEL_KEYS } from './format-radios.js'
import type { NodeOf, PointOf, PropagationOf, RadioOf } from './types.js'
import { writeDuration } from './units.js'

type Written = Readonly<Record<string, unknown>>

export function writtenRadio(radio: RadioOf<number>): Written {
  const common = {
    power: radio.powerDbm,
    loss: radio.loss,
    propagation: writtenPropagation(radio.propagation),
    ...(radio.fading
      ? { fading: { sigma: radio.fading.sigmaDb, coherence: writeDuration(radio.fading.coherenceMs) } }
      : {}),
  }
  if (radio.type === 'ble') {
    const { type, phy, mode, intervalMs, windowMs } = radio
    return { type, phy, mode, interval: writeDuration(intervalMs), window: writeDuration(windowMs), ...common }
  }
  const { type, preset, spreadingFactor, bandwidthHz, codingRate, preambleSymbols } = radio
  const modem = preset
    ? { preset }
    : { sf: spreadingFactor, bw: bandwidthHz, cr: codingRate, preamble: preambleSymbols }
  return { type, ...modem, frequency: radio.frequencyHz, region: radio.region, profile: radio.profile, ...common }
}

/** What says where a node is and what it carries; nothing for one that has nothing to do with radios. */
export function writtenPresence({ at, radios, mac, antenna, move }: NodeOf<number>): Written {
  const isOrdinary = antenna.gainDb === DEFAULTS.antenna.gainDb && antenna.heightM === DEFAULTS.antenna.heightM
  return {
    at: at ? writtenPoint(at) : undefined,
    radios: radios.length > 0 ? radios.map(({ name }) => name) : undefined,
    mac: mac === DEFAULTS.mac ? undefined : mac,
    antenna: isOrdinary ? undefined : { gain: antenna.gainDb, height: antenna.heightM },
    move:
      move.length > 0
        ? move.map(({ atMs, to, speedMps }) => ({ at: writeDuration(atMs), to: writtenPoint(to), speed: speedMps }))
        : undefined,
  }
}

export function writtenPoint({ xM, yM }: PointOf<number>): readonly number[] {
  return [xM, yM]
}

/** Only what the model asks for: the reader refuses the rest. */
function writtenPropagation(propagation: PropagationOf<number>): Written {
  const own: readonly string[] = MODEL_KEYS[propagation.model]
  const all = {
    exponent: propagation.exponent,
    sigma: propagation.sigmaDb,
    reference: propagation.referenceM,
    'loss-at-reference': propagation.lossAtReferenceDb,
    environment: propagation.environment,
  }
  return { model: propagation.model, ...Object.fromEntries(Object.entries(all).filter(([key]) => own.includes(key))) }
}

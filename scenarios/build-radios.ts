/** From what the reader found of a radio to what it is: presets looked up, defaults filled in, the law of its region kept. */

import { DEFAULTS } from './defaults.js'
import { greatest, least } from './extremes.js'
import {
  MODEL_KEYS,
  MODEM_KEYS,
  type WrittenBle,
  type WrittenLora,
  type WrittenPropagation,
  type WrittenRadio,
} from './format-radios.js'
import { LORA_PRESETS, type LoraPreset } from './lora-presets.js'
import { LORA_REGIONS, type LoraBand } from './lora-regions.js'
import type { Problems } from './problems.js'
import type { BleRadioOf, LoraRadioOf, PropagationOf, Quantity, RadioOf } from './types.js'
import { writeFrequency } from './units.js'

type Modem = Pick<
  LoraRadioOf<Quantity>,
  'preset' | 'spreadingFactor' | 'bandwidthHz' | 'codingRate' | 'preambleSymbols'
>

export function buildRadio({ name, value, line, column }: WrittenRadio, problems: Problems): RadioOf<Quantity> {
  const defaults = isLora(value) ? { ...DEFAULTS.lora, powerDbm: usualPowerDbm(value) } : DEFAULTS.ble
  const { fading } = value
  const common = {
    line,
    column,
    name,
    loss: value.loss ?? DEFAULTS.radio.loss,
    powerDbm: value.power ?? defaults.powerDbm,
    propagation: buildPropagation(value.propagation, defaults.propagation, problems),
    fading: fading ? { sigmaDb: fading.sigma!, coherenceMs: fading.coherence ?? DEFAULTS.radio.coherenceMs } : null,
  }
  if (isLora(value)) return { ...common, ...buildLora(value, problems) }
  return { ...common, ...buildBle(value as WrittenBle, problems) }
}

function isLora(value: WrittenRadio['value']): value is WrittenLora {
  return value.type === 'lora'
}

/** A radio that is not told its power keeps the law of wherever it may send. */
function usualPowerDbm({ region = DEFAULTS.lora.region }: WrittenLora): number {
  return Math.min(DEFAULTS.lora.powerDbm, ...LORA_REGIONS[region].bands.map(({ maxPowerDbm }) => maxPowerDbm))
}

function buildLora(written: WrittenLora, problems: Problems): LoraRadioOf<Quantity> {
  const region = written.region ?? DEFAULTS.lora.region
  const modem = buildModem(written, problems)
  const frequencyHz = written.frequency ?? LORA_REGIONS[region].frequencyHz
  const lora = {
    type: 'lora' as const,
    ...modem,
    frequencyHz,
    region,
    profile: written.profile ?? DEFAULTS.lora.profile,
  }
  checkLaw(lora, written, problems)
  return lora
}

function buildModem(written: WrittenLora, problems: Problems): Modem {
  const { sf, bw, cr, preamble, keyAt } = written
  const named = MODEM_KEYS.filter(key => written[key] !== undefined)
  if (written.preset !== undefined || named.length === 0) {
    for (const key of named)
      problems.add(keyAt[key]!, `the preset says what ${key} is`, 'a preset alone, or sf, bw, cr and preamble')
    return presetModem(written.preset ?? DEFAULTS.lora.preset)
  }
  for (const [key, other] of [
    ['sf', 'bw'],
    ['bw', 'sf'],
  ] as const) {
    if (written[key] === undefined)
      problems.add(keyAt[other] ?? keyAt[named[0]!]!, `${key} is missing`, 'sf and bw together, or a preset')
  }
  return {
    preset: null,
    spreadingFactor: sf ?? 0,
    bandwidthHz: bw ?? 0,
    codingRate: cr ?? DEFAULTS.lora.codingRate,
    preambleSymbols: preamble ?? DEFAULTS.lora.preambleSymbols,
  }
}

function presetModem(preset: LoraPreset): Modem {
  return { preset, ...LORA_PRESETS[preset] }
}

/** Of everything that may be drawn the channel has to lie in one band of the region, and the power within its law. */
function checkLaw(lora: LoraRadioOf<Quantity>, written: WrittenLora, problems: Problems): void {
  const { frequencyHz, bandwidthHz, region } = lora
  const fromHz = least(frequencyHz) - greatest(bandwidthHz) / 2
  const toHz = greatest(frequencyHz) + greatest(bandwidthHz) / 2
  const bands: readonly LoraBand[] = LORA_REGIONS[region].bands
  const band = bands.find(each => fromHz >= each.fromHz && toHz <= each.toHz)
  const { valueAt } = written
  if (!band) {
    const at = valueAt.frequency ?? valueAt.bw ?? valueAt.preset ?? valueAt.region ?? written
    const channel = `${writeFrequency(fromHz)} to ${writeFrequency(toHz)}`
    const all = bands.map(each => `${writeFrequency(each.fromHz)} to ${writeFrequency(each.toHz)}`)
    problems.add(at, `the channel from ${channel} lies in no band of ${region}`, `a channel within ${all.join(', ')}`)
    return
  }
  if (written.power === undefined || greatest(written.power) <= band.maxPowerDbm) return
  const message = `${greatest(written.power)}dBm is more than the law of ${region} allows`
  problems.add(valueAt.power!, message, `a power of at most ${band.maxPowerDbm}dBm`)
}

function buildBle(written: WrittenBle, problems: Problems): BleRadioOf<Quantity> {
  const { ble } = DEFAULTS
  const intervalMs = written.interval ?? ble.intervalMs
  const windowMs = written.window ?? ble.windowMs
  if (greatest(windowMs) > least(intervalMs)) {
    const at = written.valueAt.window ?? written.valueAt.interval ?? written
    const message = `a window of ${greatest(windowMs)}ms is longer than its interval`
    problems.add(at, message, `a window of at most ${least(intervalMs)}ms`)
  }
  return { type: 'ble', phy: written.phy ?? ble.phy, mode: written.mode ?? ble.mode, intervalMs, windowMs }
}

function buildPropagation(
  written: WrittenPropagation | undefined,
  defaults: Pick<PropagationOf<number>, 'exponent' | 'referenceM' | 'lossAtReferenceDb'>,
  problems: Problems,
): PropagationOf<Quantity> {
  const { radio } = DEFAULTS
  const model = written?.model ?? radio.model
  if (written) checkPropagation(written, model, problems)
  return {
    model,
    exponent: written?.exponent ?? defaults.exponent,
    sigmaDb: written?.sigma ?? radio.sigmaDb,
    referenceM: written?.reference ?? defaults.referenceM,
    lossAtReferenceDb: written?.['loss-at-reference'] ?? defaults.lossAtReferenceDb,
    environment: written?.environment ?? radio.environment,
  }
}

function checkPropagation(
  written: WrittenPropagation,
  model: PropagationOf<Quantity>['model'],
  problems: Problems,
): void {
  const { keyAt, valueAt, environment } = written
  const own: readonly string[] = MODEL_KEYS[model]
  for (const [key, at] of Object.entries(keyAt)) {
    if (key === 'model' || own.includes(key)) continue
    problems.add(at, `${key} means nothing to ${model}`, own.length === 0 ? 'the model alone' : `${own.join(', ')}`)
    return
  }
  if (keyAt.reference && !keyAt['loss-at-reference'])
    problems.add(
      keyAt.reference,
      'how much is lost over that distance is missing',
      'loss-at-reference beside reference',
    )
  if (model === '3gpp' && environment && environment !== 'urban' && environment !== 'suburban')
    problems.add(valueAt.environment!, `3gpp knows nothing ${environment}`, 'suburban or urban')
}

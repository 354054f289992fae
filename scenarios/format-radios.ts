/** The part of the format that says what the radios are: LoRa or BLE, how they are set, and the air between them. */

import { isMap, type Node } from 'yaml'
import { longDuration, share, wholeNumber } from './amounts.js'
import { BOUNDS, DEFAULTS } from './defaults.js'
import { LORA_BANDWIDTHS_HZ, LORA_PRESET_NAMES } from './lora-presets.js'
import { LORA_REGION_NAMES } from './lora-regions.js'
import { named, object, optional, required, variants } from './mapping.js'
import { quantity } from './quantity.js'
import { alone } from './rules.js'
import { type Context, choice, custom, type Shape } from './shape.js'
import type { Position } from './types.js'
import { UNITS } from './units.js'
import { radioName } from './words.js'

type ValueOf<Of> = Of extends Shape<infer Value> ? Value : never

const ENVIRONMENTS = ['open', 'suburban', 'urban', 'metropolitan'] as const

/** Keys that one model of propagation alone asks for. */
export const MODEL_KEYS = {
  'log-distance': ['exponent', 'sigma', 'reference', 'loss-at-reference'],
  'okumura-hata': ['sigma', 'environment'],
  '3gpp': ['sigma', 'environment'],
  none: [],
} as const

const sigma = quantity('a standard deviation from 0dB to 30dB such as 4dB', UNITS.level, { min: 0, max: 30 })

const propagation = object(
  'propagation',
  {
    model: optional(choice('log-distance', 'okumura-hata', '3gpp', 'none'), undefined, DEFAULTS.radio.model),
    exponent: optional(
      quantity('an exponent from 1 to 10 such as 2.8', UNITS.ratio, { min: 1, max: 10 }),
      `Of log-distance; ${DEFAULTS.lora.propagation.exponent} for lora and ${DEFAULTS.ble.propagation.exponent} for ble where nothing is said`,
    ),
    sigma: optional(sigma, 'Of the shadowing, drawn once for each pair', DEFAULTS.radio.sigmaDb),
    reference: optional(
      quantity('a distance from 1mm to 100km such as 40m', UNITS.distance, { min: 0.001, max: 100_000 }),
      'Of log-distance: where the loss is known; 1km for lora and 1m for ble where nothing is said',
    ),
    'loss-at-reference': optional(
      quantity('a loss from 0dB to 300dB such as 128.95dB', UNITS.level, { min: 0, max: 300 }),
      `Of log-distance; ${DEFAULTS.lora.propagation.lossAtReferenceDb}dB for lora and ${DEFAULTS.ble.propagation.lossAtReferenceDb}dB for ble where nothing is said`,
    ),
    environment: optional(
      choice(...ENVIRONMENTS),
      'Of okumura-hata; of 3gpp too, which knows suburban and urban alone',
      DEFAULTS.radio.environment,
    ),
  },
  { rules: { dependencies: { reference: ['loss-at-reference'] } } },
)

const slowFading = object('fading', {
  sigma: required(sigma),
  coherence: optional(longDuration, 'After so long little of it is left', DEFAULTS.radio.coherenceMs),
})

/** Written in full, or as its standard deviation alone. */
const fading = custom(
  'a standard deviation such as 3dB, or a mapping with sigma and coherence',
  { anyOf: [...(sigma.schema.anyOf as readonly object[]), slowFading.schema] },
  (node: Node | null, at: Position, context: Context) => {
    if (isMap(node) && !node.has('from') && !node.has('to')) return slowFading.read(node, at, context)
    const alone = sigma.read(node, at, context)
    return alone === undefined ? undefined : { sigma: alone, coherence: undefined }
  },
)

const common = {
  loss: optional(share, 'Of receptions, each by itself, beside what the physics take', DEFAULTS.radio.loss),
  propagation: optional(propagation, 'How much weaker a signal arrives'),
  fading: optional(fading, 'How the strength of each pair wanders; not at all where nothing is said'),
} as const

/** What a preset says, and what says it where there is no preset. */
export const MODEM_KEYS = ['sf', 'bw', 'cr', 'preamble'] as const

const lora = object(
  'a LoRa radio',
  {
    type: required(choice('lora')),
    preset: optional(choice(...LORA_PRESET_NAMES), 'The settings of a mesh firmware', DEFAULTS.lora.preset),
    sf: optional(wholeNumber(7, 12), 'Spreading factor'),
    bw: optional(
      quantity(`a bandwidth of LoRa: ${LORA_BANDWIDTHS_HZ.map(hz => `${hz / 1_000}`).join(', ')}kHz`, UNITS.frequency, {
        among: LORA_BANDWIDTHS_HZ,
      }),
    ),
    cr: optional(
      quantity('a coding rate from 5 to 8 (the denominator), or 4/5 to 4/8', UNITS.codingRate, {
        min: 5,
        max: 8,
        integer: true,
      }),
      undefined,
      DEFAULTS.lora.codingRate,
    ),
    preamble: optional(wholeNumber(6, 65_535), 'In symbols', DEFAULTS.lora.preambleSymbols),
    frequency: optional(
      quantity('a frequency from 100MHz to 2.5GHz such as 869.525MHz', UNITS.frequency, {
        min: 100_000_000,
        max: 2_500_000_000,
        integer: true,
      }),
      "The middle of the channel; the region's own otherwise",
    ),
    region: optional(choice(...LORA_REGION_NAMES), 'Whose law holds', DEFAULTS.lora.region),
    power: optional(
      quantity('a power from -30dBm to 50dBm such as 14dBm', UNITS.power, { min: -30, max: 50 }),
      undefined,
      DEFAULTS.lora.powerDbm,
    ),
    profile: optional(
      choice('physical', 'lorasim', 'meshtasticator'),
      'Whose rules decide what is received: physics, or those of a published simulator',
      DEFAULTS.lora.profile,
    ),
    ...common,
  },
  { rules: { ...alone('preset', MODEM_KEYS), dependencies: { sf: ['bw'], bw: ['sf'], cr: ['sf'], preamble: ['sf'] } } },
)

const timing = (expected: string, min: number) => quantity(expected, UNITS.duration, { min, max: 10_240 })

const ble = object('a BLE radio', {
  type: required(choice('ble')),
  phy: optional(choice('1M', '2M', 'coded'), undefined, DEFAULTS.ble.phy),
  mode: optional(
    choice('connect', 'advertise'),
    'Links between those who are near, or frames to whoever scans',
    DEFAULTS.ble.mode,
  ),
  interval: optional(
    timing('an interval from 20ms to 10.24s such as 100ms', 20),
    'From one advert to the next, and from one scan window to the next',
    DEFAULTS.ble.intervalMs,
  ),
  window: optional(
    timing('a scan window from 2.5ms to 10.24s such as 30ms', 2.5),
    'How much of each interval it listens',
    DEFAULTS.ble.windowMs,
  ),
  power: optional(
    quantity('a power from -40dBm to 20dBm such as 0dBm', UNITS.power, { min: -40, max: 20 }),
    undefined,
    DEFAULTS.ble.powerDbm,
  ),
  ...common,
})

export const radios = named('radios', radioName, variants('a radio', 'type', { lora, ble }), BOUNDS.radios)

export type WrittenRadio = ValueOf<typeof radios>[number]
export type WrittenLora = ValueOf<typeof lora>
export type WrittenBle = ValueOf<typeof ble>
export type WrittenPropagation = ValueOf<typeof propagation>

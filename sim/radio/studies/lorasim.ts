/**
 * What LoRaSim studied (Bor and Roedig 2016): sensors around one gateway that send without listening, and the share of
 * their frames that the gateway can extract. Its rules are kept as they were published, so that the figures can be laid
 * side by side; none of the rest of our physics takes part.
 */

import { createKernel, roundDb, roundUs } from '../../kernel/index.js'
import { type Modulation, symbolUs, timeOnAir } from '../lora/time-on-air.js'

export type LorasimExperiment = 'sn1' | 'sn3'

export interface LorasimOptions {
  readonly experiment: LorasimExperiment
  readonly nodes: number
  /** Frames sent by all nodes together. */
  readonly packets: number
  readonly seed: number
  /** Without it a frame is lost to any overlap. */
  readonly capture: boolean
  /** The published figures were made with a natural logarithm in the loss; the code was later corrected. */
  readonly pathLoss: 'ln' | 'log10'
}

export interface LorasimResult {
  /** Data extraction rate: received over sent. */
  readonly der: number
  readonly sent: number
  readonly received: number
}

/** Bounds that keep a study within seconds and a few hundred megabytes. */
export const MAX_LORASIM_NODES = 100_000
export const MAX_LORASIM_PACKETS = 100_000_000

/** The slowest setting, and the same with less redundancy. */
const MODULATIONS: Readonly<Record<LorasimExperiment, Modulation>> = {
  sn1: { spreadingFactor: 12, bandwidthHz: 125_000, codingRate: 8, preambleSymbols: 8 },
  sn3: { spreadingFactor: 12, bandwidthHz: 125_000, codingRate: 5, preambleSymbols: 8 },
}
const PAYLOAD_BYTES = 20
/** Each node waits so long on average after one frame before it begins the next. */
const MEAN_GAP_US = 1_000_000_000
/** Nodes are spread evenly over a disc of 3.1 hectares. LoRaSim derives it from -132.25 dBm. */
const DISC_RADIUS_M = 98.953
const POWER_DBM = 14
const REFERENCE_M = 40
const LOSS_AT_REFERENCE_DB = 127.41
const EXPONENT = 2.08
/** A frame survives another that is so much weaker. */
const CAPTURE_DB = 6
/** So many clean symbols of preamble are enough to find a frame. */
const PREAMBLE_SYMBOLS_NEEDED = 5

interface OnAir {
  readonly endUs: number
  readonly rssiDbm: number
  isLost: boolean
}

export function studyLorasim(options: LorasimOptions): LorasimResult {
  const modulation = MODULATIONS[options.experiment]
  const airtimeUs = timeOnAir(modulation, PAYLOAD_BYTES).us
  const { preambleSymbols } = modulation
  // With capture, the later frame does not mind what ends within the symbols that it can spare.
  const spareUs = options.capture ? (preambleSymbols - PREAMBLE_SYMBOLS_NEEDED) * symbolUs(modulation) : 0
  const kernel = createKernel({ seed: options.seed })
  const levels = receivedLevels(options, kernel.random('lorasim/places'))
  const gaps = kernel.random('lorasim/gaps')
  const frameStart = kernel.kind('frame')

  /** All frames are equally long, so they leave in the order in which they came. */
  let onAir: OnAir[] = []
  let sent = 0
  let lost = 0

  const lose = (frame: OnAir): void => {
    if (!frame.isLost) lost++
    frame.isLost = true
  }

  const send = (node: number): void => {
    sent++
    const nowUs = kernel.nowUs
    const frame: OnAir = { endUs: nowUs + airtimeUs, rssiDbm: levels[node]!, isLost: false }
    onAir = onAir.filter(other => other.endUs > nowUs)
    for (const other of onAir) {
      if (other.endUs <= nowUs + spareUs) continue
      const strongerDb = frame.rssiDbm - other.rssiDbm
      if (!options.capture || strongerDb < CAPTURE_DB) lose(frame)
      if (!options.capture || strongerDb > -CAPTURE_DB) lose(other)
    }
    onAir.push(frame)
    if (sent === options.packets) kernel.stop()
    else schedule(node, airtimeUs)
  }

  const schedule = (node: number, busyUs: number): void => {
    const gapUs = roundUs(-Math.log(1 - gaps.float()) * MEAN_GAP_US)
    kernel.schedule(busyUs + gapUs, frameStart, node, () => send(node))
  }

  for (let node = 0; node < options.nodes; node++) schedule(node, 0)
  kernel.run()
  const received = sent - lost
  return { der: received / sent, sent, received }
}

/**
 * What an ALOHA channel delivers without capture: nobody else may begin within a frame's length before or after it. A
 * node waits after its frames, so it begins them a little more rarely than once a mean gap.
 */
export function alohaDelivery(experiment: LorasimExperiment, nodes: number): number {
  const airtimeUs = timeOnAir(MODULATIONS[experiment], PAYLOAD_BYTES).us
  return Math.exp((-2 * (nodes - 1) * airtimeUs) / (MEAN_GAP_US + airtimeUs))
}

function receivedLevels({ nodes, pathLoss }: LorasimOptions, places: { float(): number }): number[] {
  const log = pathLoss === 'ln' ? Math.log : Math.log10
  return Array.from({ length: nodes }, () => {
    // Even over the disc: the radius goes with the root, and the angle does not matter to a gateway in the middle.
    const distanceM = DISC_RADIUS_M * Math.sqrt(1 - places.float())
    return roundDb(POWER_DBM - LOSS_AT_REFERENCE_DB - 10 * EXPONENT * log(distanceM / REFERENCE_M))
  })
}

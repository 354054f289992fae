/**
 * The ground of a flood: nodes on a square grid, and who hears whom how loud. Only pairs in reach are kept, so the cost
 * follows neighbours and a grid of ten thousand nodes is no different from a small one.
 */

import { LORA_PRESETS, type LoraPreset } from '../../../scenarios/index.js'
import { roundUs } from '../../kernel/index.js'
import { distanceM } from '../geometry.js'
import { sensitivityDbm } from '../lora/noise.js'
import { symbolUs, timeOnAir } from '../lora/time-on-air.js'
import { OULU, type PathLossModel, pathLossDb, rangeM } from '../path-loss.js'
import { SpatialIndex } from '../spatial-index.js'

export interface FloodGrid {
  readonly preset: LoraPreset
  readonly rows: number
  readonly columns: number
  readonly spacingM: number
}

export interface FloodGround {
  readonly nodes: number
  readonly airtimeUs: number
  readonly slotUs: number
  /** What ends within this time after a later frame begins does it no harm. */
  readonly spareUs: number
  /** Of each node, those that notice its frames at all, ascending. */
  readonly neighbours: readonly (readonly Neighbour[])[]
}

export interface Neighbour {
  readonly node: number
  readonly rssiDbm: number
  /** It is within reach of reception too, not only of carrier sensing. */
  readonly canReceive: boolean
}

/** Thrown where everybody hears everybody and there are too many of them. */
export class GroundTooCrowded extends Error {
  override readonly name = 'GroundTooCrowded'
}

/** Each pair in reach takes about 100 bytes; 10,000 nodes a kilometre apart have 200,000 pairs on LONG_FAST. */
export const MAX_FLOOD_PAIRS = 4_000_000
/** Farther apart nobody hears anybody. */
export const MAX_FLOOD_SPACING_M = 1_000_000

const MESSAGE_BYTES = 40
/** What each frame of Meshtastic carries before its message. */
const HEADER_BYTES = 16
const POWER_DBM = 30
const ANTENNA_M = 1
/** Carrier sensing notices frames that are weaker than what can be received. */
const CARRIER_SENSE_DB = 3
/** The channel of the US band that firmware once chose by the bandwidth. */
const BAND_HZ = 902_000_000
const CHANNEL = 27
/** Carrier sensing as firmware before 2.6 had it, propagation, turnaround and processing. */
const SLOT_SYMBOLS = 8.5
const SLOT_EXTRA_US = 7_600
const PREAMBLE_SYMBOLS_NEEDED = 5

const SUBURB: PathLossModel = { model: '3gpp', environment: 'suburban', ...OULU }

export function layOut(grid: FloodGrid): FloodGround {
  const modem = LORA_PRESETS[grid.preset]
  const ends = {
    frequencyHz: BAND_HZ + CHANNEL * modem.bandwidthHz,
    fromHeightM: ANTENNA_M,
    toHeightM: ANTENNA_M,
  }
  // Meshtasticator has the sensitivities of its presets in steps of half a decibel.
  const weakestDbm = Math.round(2 * sensitivityDbm(modem.spreadingFactor, modem.bandwidthHz)) / 2
  const reachM = rangeM(SUBURB, POWER_DBM - weakestDbm + CARRIER_SENSE_DB, ends)
  if (pairsWithin(grid, reachM) > MAX_FLOOD_PAIRS) {
    throw new GroundTooCrowded('too many pairs of nodes hear each other; expected fewer nodes or a larger spacing')
  }
  const places = Array.from({ length: grid.rows * grid.columns }, (_, node) => ({
    xM: (node % grid.columns) * grid.spacingM,
    yM: Math.floor(node / grid.columns) * grid.spacingM,
  }))
  const index = new SpatialIndex(places, reachM)
  // On a grid a few distances repeat for ever.
  const levels = new Map<number, number>()
  const levelDbm = (metres: number): number => {
    let level = levels.get(metres)
    if (level === undefined) {
      level = POWER_DBM - pathLossDb(SUBURB, metres, ends)
      levels.set(metres, level)
    }
    return level
  }
  return {
    nodes: places.length,
    airtimeUs: timeOnAir(modem, MESSAGE_BYTES + HEADER_BYTES).us,
    slotUs: SLOT_SYMBOLS * symbolUs(modem) + SLOT_EXTRA_US,
    spareUs: roundUs((modem.preambleSymbols - PREAMBLE_SYMBOLS_NEEDED) * symbolUs(modem)),
    neighbours: places.map((place, node) =>
      index
        .within(place, reachM)
        .filter(other => other !== node)
        .map(other => {
          const rssiDbm = levelDbm(distanceM(place, places[other]!))
          return { node: other, rssiDbm, canReceive: rssiDbm >= weakestDbm }
        }),
    ),
  }
}

/** Counted by the step between two nodes: a grid has as many pairs with the same step as it has room for it. */
function pairsWithin({ rows, columns, spacingM }: FloodGrid, reachM: number): number {
  const steps = Math.floor(reachM / spacingM)
  let pairs = 0
  for (let down = 0; down <= Math.min(steps, rows - 1); down++) {
    for (let across = 0; across <= Math.min(steps, columns - 1); across++) {
      if (across + down === 0 || (across * across + down * down) * spacingM * spacingM > reachM * reachM) continue
      const directions = (across === 0 ? 1 : 2) * (down === 0 ? 1 : 2)
      pairs += directions * (columns - across) * (rows - down)
    }
  }
  return pairs
}

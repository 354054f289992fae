/**
 * Where the nodes of a BLE air are, how strongly each hears another, and who is near whom. Nothing is an event; what
 * moves is computed for the moment in question.
 *
 * Shadowing and fading belong to a pair and are the same both ways; they hang on the names of the two and on the radio's.
 * Who is near whom is a question of the mean, which fading is left out of; whoever asks allows for what it may add.
 */

import { invariant } from '../../../engine/core/index.js'
import { type Kernel, roundDb } from '../../kernel/index.js'
import type { AirNode, Place } from '../air.js'
import { distanceM } from '../geometry.js'
import { Motion } from '../motion.js'
import { createPairs, type PairChance } from '../pair-chance.js'
import { pathLossDb, rangeM } from '../path-loss.js'
import { SpatialIndex } from '../spatial-index.js'
import { createFades, type Fades } from './fades.js'
import { MAX_SHADOWING_SIGMAS } from './limits.js'
import { type BleSpec, FREQUENCY_HZ } from './spec.js'

interface Station {
  readonly node: number
  readonly name: string
  readonly motion: Motion
  readonly antenna: AirNode['antenna']
}

/** The index of moving nodes is built anew once they may have walked this share of the range. */
const SLACK_SHARE = 0.25

export class Reach {
  /** Numbers of the nodes, ascending. */
  readonly nodes: readonly number[]
  readonly #kernel: Kernel
  readonly #spec: BleSpec
  readonly #stations: readonly Station[]
  readonly #byNode: ReadonlyMap<number, Station>
  readonly #chanceOf: (one: string, other: string) => PairChance
  readonly #fades: Fades | null
  readonly #topSpeedMps: number
  /** What two nodes gain and lose whatever their distance, dB, by from and to. */
  readonly #fixedDb = new Map<number, Map<number, number>>()
  #index: { readonly builtUs: number; readonly points: SpatialIndex } | null = null
  /** Where nobody walks, lists of hearers hold until somebody is moved. */
  readonly #hearers = new Map<string, readonly number[]>()

  constructor(kernel: Kernel, spec: BleSpec, nodes: readonly AirNode[]) {
    this.#kernel = kernel
    this.#spec = spec
    this.#stations = [...nodes]
      .sort((left, right) => left.node - right.node)
      .map(({ node, name, at, move, antenna }) => ({ node, name, motion: new Motion(at, move), antenna }))
    this.#byNode = new Map(this.#stations.map(station => [station.node, station]))
    this.nodes = this.#stations.map(({ node }) => node)
    this.#chanceOf = createPairs(kernel.random(`radio/${spec.name}/shadowing`))
    this.#fades = createFades(kernel, spec.fading, this.#chanceOf)
    this.#topSpeedMps = Math.max(0, ...this.#stations.map(({ motion }) => motion.topSpeedMps))
  }

  nameOf(node: number): string {
    return this.#station(node).name
  }

  place(node: number, timeUs = this.#kernel.nowUs): Place {
    return this.#station(node).motion.at(timeUs)
  }

  /** Moves a node at once. */
  jump(node: number, to: Place): void {
    this.#station(node).motion.jump(this.#kernel.nowUs, to)
    this.#index = null
    this.#hearers.clear()
  }

  distanceM(a: number, b: number, timeUs = this.#kernel.nowUs): number {
    return distanceM(this.place(a, timeUs), this.place(b, timeUs))
  }

  /** The most by which the distance of two nodes changes in a second, from this moment on. */
  closingMps(a: number, b: number, timeUs: number): number {
    return this.#speedMps(a, timeUs) + this.#speedMps(b, timeUs)
  }

  /** As it is at a moment, which is now or later. */
  rssiDbm(from: number, to: number, timeUs = this.#kernel.nowUs): number {
    const meanDbm = this.meanDbm(from, to, timeUs)
    if (this.#fades === null) return meanDbm
    return roundDb(meanDbm + this.#fades.db(this.#station(from), this.#station(to), timeUs))
  }

  /** The most by which fading takes a strength away from its mean. */
  get mostFadingDb(): number {
    return this.#fades?.mostDb ?? 0
  }

  /** When the strength of a pair next changes though neither walks; Infinity when it never does. */
  nextFadeUs(timeUs: number): number {
    return this.#fades?.nextUs(timeUs) ?? Infinity
  }

  /** Without fading. */
  meanDbm(from: number, to: number, timeUs = this.#kernel.nowUs): number {
    const lossDb = pathLossDb(this.#spec.propagation, this.distanceM(from, to, timeUs), this.#ends(from, to))
    return roundDb(this.#spec.powerDbm + this.#gainDb(from, to) - lossDb)
  }

  /** How far apart the two may stand so that a signal arrives at least so strong on average; the same both ways. */
  rangeM(a: number, b: number, weakestDbm: number): number {
    return Math.min(this.#rangeM(a, b, weakestDbm), this.#rangeM(b, a, weakestDbm))
  }

  /** Who hears a node at least so strongly on average, ascending. */
  hearers(from: number, weakestDbm: number): readonly number[] {
    if (this.#topSpeedMps > 0) return this.#findHearers(from, weakestDbm)
    const key = `${from} ${weakestDbm}`
    let hearers = this.#hearers.get(key)
    if (hearers === undefined) {
      hearers = this.#findHearers(from, weakestDbm)
      this.#hearers.set(key, hearers)
    }
    return hearers
  }

  #findHearers(from: number, weakestDbm: number): readonly number[] {
    const index = this.#freshIndex(weakestDbm)
    const slackM = (this.#topSpeedMps * (this.#kernel.nowUs - index.builtUs)) / 1_000_000
    return index.points
      .within(this.place(from), this.#greatestRangeM(weakestDbm) + slackM)
      .map(at => this.nodes[at]!)
      .filter(to => to !== from && this.meanDbm(from, to) >= weakestDbm)
  }

  #freshIndex(weakestDbm: number): { readonly builtUs: number; readonly points: SpatialIndex } {
    const range = this.#greatestRangeM(weakestDbm)
    const { nowUs } = this.#kernel
    const walkedM = (this.#topSpeedMps * (nowUs - (this.#index?.builtUs ?? 0))) / 1_000_000
    if (this.#index !== null && walkedM <= range * SLACK_SHARE) return this.#index
    const places = this.#stations.map(({ motion }) => motion.at(nowUs))
    this.#index = { builtUs: nowUs, points: new SpatialIndex(places, Math.max(1, range)) }
    return this.#index
  }

  /** No two nodes hear each other farther apart than this. */
  #greatestRangeM = memo((weakestDbm: number) => {
    const gains = this.#stations.map(({ antenna }) => antenna.gainDb)
    const heights = this.#stations.map(({ antenna }) => antenna.heightM)
    const heightM = Math.max(...heights)
    const { powerDbm, propagation } = this.#spec
    const budgetDb = powerDbm + 2 * Math.max(...gains) + MAX_SHADOWING_SIGMAS * propagation.sigmaDb - weakestDbm
    const ends = { frequencyHz: FREQUENCY_HZ, fromHeightM: heightM, toHeightM: heightM }
    return this.#stations.length === 0 ? 0 : rangeM(propagation, budgetDb, ends)
  })

  #rangeM(from: number, to: number, weakestDbm: number): number {
    const budgetDb = this.#spec.powerDbm + this.#gainDb(from, to) - weakestDbm
    return rangeM(this.#spec.propagation, budgetDb, this.#ends(from, to))
  }

  /** Antennas and shadowing. */
  #gainDb(from: number, to: number): number {
    let row = this.#fixedDb.get(from)
    if (row === undefined) {
      row = new Map()
      this.#fixedDb.set(from, row)
    }
    let gainDb = row.get(to)
    if (gainDb === undefined) {
      const [a, b] = [this.#station(from), this.#station(to)]
      gainDb = a.antenna.gainDb + b.antenna.gainDb - this.#shadowingDb(a.name, b.name)
      row.set(to, gainDb)
    }
    return gainDb
  }

  #shadowingDb(a: string, b: string): number {
    const { sigmaDb } = this.#spec.propagation
    if (sigmaDb === 0) return 0
    const deviations = this.#chanceOf(a, b).normal()
    return roundDb(sigmaDb * Math.max(-MAX_SHADOWING_SIGMAS, Math.min(MAX_SHADOWING_SIGMAS, deviations)))
  }

  #ends(from: number, to: number): { frequencyHz: number; fromHeightM: number; toHeightM: number } {
    return {
      frequencyHz: FREQUENCY_HZ,
      fromHeightM: this.#station(from).antenna.heightM,
      toHeightM: this.#station(to).antenna.heightM,
    }
  }

  #speedMps(node: number, timeUs: number): number {
    const { motion } = this.#station(node)
    return motion.isSettled(timeUs) ? 0 : motion.topSpeedMps
  }

  #station(node: number): Station {
    const station = this.#byNode.get(node)
    invariant(station !== undefined, 'the node carries this radio')
    return station
  }
}

function memo(compute: (key: number) => number): (key: number) => number {
  const known = new Map<number, number>()
  return key => {
    let value = known.get(key)
    if (value === undefined) {
      value = compute(key)
      known.set(key, value)
    }
    return value
  }
}

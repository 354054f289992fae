/**
 * The air that LoRa radios of one kind share: who hears whom, which frames survive each other, what the law allows and
 * when the channel counts as free. Discrete events alone; a frame costs its neighbours, not all nodes.
 *
 * A frame is judged at each receiver when it ends, in the order of node numbers, and each receiver draws from a stream of
 * its own, so that a node more or less shifts nothing for the others. Powers of a pair are reciprocal.
 *
 * Radios of other kinds (another preset) disturb frames here through the ether that the airs of a world share.
 */

import { invariant } from '../../../engine/core/index.js'
import type { FrameClass, Radio, Trace } from '../../../engine/ports.js'
import { DUTY_WINDOW_MS, loraBandOf } from '../../../scenarios/index.js'
import { type Kernel, roundDb, roundUs } from '../../kernel/index.js'
import { AirBooks, type LossCause } from '../account.js'
import type { Air, AirAccount, AirNode, Place } from '../air.js'
import { type AirtimeLaw, DutyLedger, NO_LAW } from '../law.js'
import { Motion } from '../motion.js'
import { createPairs } from '../pair-chance.js'
import { isDrowned, LOCK_SYMBOLS, type Lock, RULES, type Rules } from './capture.js'
import { frameErrorRate, weakestSnrDb } from './error-rate.js'
import type { EtherMember, LoraEther } from './ether.js'
import { Field } from './field.js'
import { isJammed } from './interference.js'
import { LoraRadio, type Medium } from './lora-radio.js'
import { noiseFloorDbm, requiredSnrDb } from './noise.js'
import { type Neighbour, Paths } from './paths.js'
import type { LoraSpec, Mac } from './spec.js'
import type { Flight, Reception, Station } from './station.js'
import { Terrain } from './terrain.js'
import { symbolUs, timeOnAir } from './time-on-air.js'

export { LORA_MTU } from './lora-radio.js'
export type { LoraSpec, Mac } from './spec.js'

export interface LoraAirOptions {
  readonly kernel: Kernel
  readonly spec: LoraSpec
  readonly nodes: readonly AirNode[]
  readonly macOf?: (node: number) => Mac
  readonly trace?: Trace | null
  /** What this kind shares with the others of its world; without it nothing else is on the band. */
  readonly ether?: LoraEther | null
}

/** SX1262 with a temperature-compensated oscillator: from sending to listening. */
const TX_TO_RX_US = 5_000
/** A channel detection misses one in twenty strong signals, and all at this ratio; between them in proportion. */
const CAD_SURE_MISS_DB = -15
const CAD_LEAST_MISS = 0.05
/** Interference weaker than this below the noise changes nothing. */
const IRRELEVANT_DB = 6

export function createLoraAir(options: LoraAirOptions): Air {
  return new LoraAir(options)
}

class LoraAir implements Air, Medium, EtherMember {
  readonly name: string
  readonly type = 'lora'
  readonly nodes: readonly number[]
  readonly kernel: Kernel
  readonly spec: LoraSpec
  readonly books: AirBooks
  readonly law: AirtimeLaw
  readonly slotUs: number
  readonly field: Field<Station>
  readonly weakestDbm: number
  readonly #trace: Trace | null
  readonly #ether: LoraEther | null
  readonly #rules: Rules
  readonly #lock: Lock
  readonly #symbolUs: number
  readonly #noiseDbm: number
  readonly #paths: Paths<Station>
  readonly #blocks = new Set<(from: number, to: number) => boolean>()

  constructor({ kernel, spec, nodes, macOf, trace, ether }: LoraAirOptions) {
    this.kernel = kernel
    this.spec = spec
    this.name = spec.name
    this.#trace = trace ?? null
    this.#rules = RULES[spec.profile]
    this.#symbolUs = symbolUs(spec)
    this.#lock = {
      isTwoStage: this.#rules.isTwoStage,
      graceUs: this.#rules.graceSymbols(spec.preambleSymbols) * this.#symbolUs,
      lockUs: LOCK_SYMBOLS * this.#symbolUs,
    }
    this.slotUs = roundUs(2.5 * this.#symbolUs + 7_600)
    this.#noiseDbm = noiseFloorDbm(spec.bandwidthHz)
    this.weakestDbm = this.#noiseDbm + Math.min(weakestSnrDb(spec.spreadingFactor), -IRRELEVANT_DB)
    this.law = lawOf(spec)
    const terrain = new Terrain(createPairs(kernel.random(`radio/${spec.name}/shadowing`)))
    const stations = [...nodes]
      .sort((a, b) => a.node - b.node)
      .map(
        ({ node, name, at, move, antenna }): Station => ({
          node,
          name,
          antenna,
          motion: new Motion(at, move),
          ledger: new DutyLedger(this.law),
          random: kernel.random(`radio/${spec.name}/${name}`),
          mac: macOf?.(node) ?? 'csma',
          radio: null,
          sending: null,
          deafUntilUs: 0,
          hearing: [],
          intrusions: [],
        }),
      )
    this.nodes = stations.map(({ node }) => node)
    this.field = new Field(stations)
    this.#paths = new Paths({ kernel, spec, terrain, from: this.field, to: this.field, weakestDbm: this.weakestDbm })
    this.books = new AirBooks(this.nodes)
    this.#ether = (this.#rules.hasInterference && ether) || null
    this.#ether?.join(this)
  }

  attach(node: number): Radio {
    const station = this.#station(node)
    invariant(station.radio === null, 'a node has one radio of a kind at a time')
    // A receiver that is switched on in the middle of a frame has no preamble to lock on to.
    for (const reception of station.hearing) reception.isMissed = true
    const radio = new LoraRadio(this, station)
    station.radio = radio
    return radio
  }

  detach(node: number): void {
    const station = this.#station(node)
    station.radio?.die()
    station.radio = null
    if (station.sending) this.#breakOff(station.sending)
  }

  block(isBlocked: (from: number, to: number) => boolean): () => void {
    this.#blocks.add(isBlocked)
    return () => this.#blocks.delete(isBlocked)
  }

  isBlocked(from: number, to: number): boolean {
    for (const isBlocked of this.#blocks) if (isBlocked(from, to)) return true
    return false
  }

  place(node: number, at: Place): void {
    this.field.jump(this.#station(node), this.kernel.nowUs, at)
  }

  frameErrorRate(from: number, to: number, bytes: number): number {
    return this.#errorRate(this.#paths.meanRssiDbm(this.#station(from), this.#station(to)) - this.#noiseDbm, bytes)
  }

  get share(): number {
    return this.law.share
  }

  account(): AirAccount {
    return this.books.close(this.kernel.nowUs)
  }

  airtimeUs(bytes: number): number {
    return timeOnAir(this.spec, bytes).us
  }

  /** What a channel detection says, with its mistakes. Frames that begin at this very moment are heard by nobody yet. */
  isBusy(station: Station): boolean {
    let isBusy = false
    const lockedUs = this.kernel.nowUs - LOCK_SYMBOLS * this.#symbolUs
    const weakestDbm = this.#noiseDbm + requiredSnrDb(this.spec.spreadingFactor)
    for (const { rssiDbm, flight, isDeaf } of station.hearing) {
      if (flight.startUs >= this.kernel.nowUs) continue
      // A receiver that is in the middle of a frame knows it without any detection.
      if (!isDeaf && flight.startUs <= lockedUs && rssiDbm >= weakestDbm) isBusy = true
      if (this.#isDetected(station, rssiDbm)) isBusy = true
    }
    // A detection looks for chirps of its own rate, whoever sends them, and sees no others.
    for (const { rssiDbm, flight, asSf } of station.intrusions) {
      if (asSf !== null || flight.startUs >= this.kernel.nowUs) continue
      if (this.#isDetected(station, rssiDbm)) isBusy = true
    }
    return isBusy
  }

  #isDetected(station: Station, rssiDbm: number): boolean {
    const snrDb = Math.min(0, rssiDbm - this.#noiseDbm)
    const miss = CAD_LEAST_MISS + (1 - CAD_LEAST_MISS) * Math.min(1, snrDb / CAD_SURE_MISS_DB)
    return station.random.float() >= miss
  }

  send(station: Station, bytes: Uint8Array, kind: FrameClass, done: () => void): void {
    const startUs = this.kernel.nowUs
    const durationUs = this.airtimeUs(bytes.length)
    const endUs = startUs + durationUs
    const stay = station.ledger.record(startUs, endUs)
    const lists = { receptions: [], intrusions: [] }
    const flight: Flight = { from: station, bytes, kind, startUs, endUs, ...lists, stay, isBroken: false }
    station.sending = flight
    // Whoever sends stops listening.
    for (const reception of station.hearing) reception.isDeaf = true
    for (const neighbour of this.#paths.audible(station)) this.#begin(flight, neighbour)
    this.#ether?.begin(this, flight)
    this.#event('frame-sent', station, { kind, bytes: bytes.length, airtimeUs: durationUs })
    this.kernel.schedule(durationUs, 'radio/end', station.node, () => {
      if (flight.isBroken) return
      this.#end(flight)
      done()
    })
  }

  held(station: Station, kind: FrameClass, untilUs: number): void {
    this.books.losses.dutyCycleHeld += 1
    this.#event('frame-held', station, { kind, untilUs })
  }

  #begin(flight: Flight, { post: station, rssiDbm, fading }: Neighbour<Station>): void {
    if (this.isBlocked(flight.from.node, station.node)) return
    // The preamble is long enough to lock on late, but no later than it lasts.
    const spareUs = flight.startUs + this.#lock.graceUs
    const reception: Reception = {
      flight,
      at: station,
      rssiDbm: fading ? roundDb(rssiDbm + fading.db(this.kernel.nowUs)) : rssiDbm,
      others: [...station.hearing],
      strangers: [],
      isDeaf: station.sending !== null || station.deafUntilUs > spareUs,
      isMissed: false,
    }
    for (const intrusion of station.intrusions) {
      const { asSf } = intrusion
      if (asSf === null) reception.others.push(intrusion)
      else reception.strangers.push({ ...intrusion, asSf })
      if (intrusion.isOwn && intrusion.flight.endUs > spareUs) reception.isDeaf = true
    }
    for (const other of station.hearing) other.others.push(reception)
    station.hearing.push(reception)
    flight.receptions.push(reception)
  }

  #end(flight: Flight): void {
    const { from, bytes, kind, startUs, endUs } = flight
    from.sending = null
    this.#ether?.end(flight)
    from.deafUntilUs = endUs + TX_TO_RX_US
    this.books.sent(from.node, kind, bytes.length, startUs, endUs)
    for (const reception of flight.receptions) {
      const { at } = reception
      at.hearing.splice(at.hearing.indexOf(reception), 1)
      if (reception.isMissed || at.radio === null) continue
      const cause = flight.isBroken ? 'weak' : this.#fate(reception)
      if (cause === null) this.#deliver(reception)
      else {
        this.books.losses[cause] += 1
        this.#event('frame-lost', at, { from: from.node, cause, kind })
      }
    }
  }

  #breakOff(flight: Flight): void {
    flight.isBroken = true
    flight.endUs = this.kernel.nowUs
    flight.from.ledger.cut(flight.stay, flight.endUs)
    this.#end(flight)
  }

  /** What becomes of a frame at one receiver; the draws come in this order whatever the result. */
  #fate(reception: Reception): LossCause | null {
    const { at, flight, rssiDbm } = reception
    const chanceOfLoss = this.spec.loss > 0 ? at.random.float() : 1
    const chanceOfError = this.#rules.isHard ? 1 : at.random.float()
    if (reception.isDeaf) return 'halfDuplex'
    if (this.#isDisturbed(reception)) return 'collision'
    const rate = this.#errorRate(rssiDbm - this.#noiseDbm, flight.bytes.length)
    if (this.#rules.isHard ? rate === 1 : chanceOfError < rate) return 'weak'
    return chanceOfLoss < this.spec.loss ? 'random' : null
  }

  #isDisturbed(reception: Reception): boolean {
    if (isDrowned(reception, reception.others, this.#lock)) return true
    const { spreadingFactor } = this.spec
    const { graceUs } = this.#lock
    return reception.strangers.length > 0 && isJammed(reception, reception.strangers, { spreadingFactor, graceUs })
  }

  #deliver({ at, flight, rssiDbm }: Reception): void {
    this.books.receptions += 1
    this.#event('frame-received', at, { from: flight.from.node, kind: flight.kind, bytes: flight.bytes.length })
    const radio = at.radio!
    const signal = { rssiDbm, snrDb: roundDb(rssiDbm - this.#noiseDbm) }
    this.kernel.schedule(0, 'radio/receive', at.node, () => radio.hear(flight.bytes.slice(), signal))
  }

  #errorRate(snrDb: number, bytes: number): number {
    if (this.#rules.isHard) return snrDb >= requiredSnrDb(this.spec.spreadingFactor) ? 0 : 1
    return frameErrorRate(this.spec.spreadingFactor, roundDb(snrDb), bytes)
  }

  #station(node: number): Station {
    const station = this.field.post(node)
    invariant(station, 'the node carries this radio')
    return station
  }

  #event(type: string, at: Station, fields: Readonly<Record<string, string | number>>): void {
    this.#trace?.event(type, { radio: this.name, at: at.name, ...fields })
  }
}

function lawOf(spec: LoraSpec): AirtimeLaw {
  const band = loraBandOf(spec.region, spec.frequencyHz, spec.bandwidthHz)
  if (!band) return NO_LAW
  const isDwellLimited = band.maxDwellMs !== null && spec.bandwidthHz < band.dwellBandwidthHz
  return {
    share: band.dutyCycle,
    windowUs: band.dutyCycle < 1 ? DUTY_WINDOW_MS * 1_000 : 0,
    maxDwellUs: isDwellLimited ? band.maxDwellMs! * 1_000 : Infinity,
  }
}

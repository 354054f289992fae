/**
 * The air that LoRa radios of one kind share: who hears whom, which frames survive each other, what the law allows and
 * when the channel counts as free. Discrete events alone; a frame costs its neighbours, not all nodes.
 *
 * A frame is judged at each receiver when it ends, in the order of node numbers, and each receiver draws from a stream of
 * its own, so that a node more or less shifts nothing for the others. Powers of a pair are reciprocal.
 *
 * Radios of different kinds (another preset) do not disturb each other here, as on channels of their own.
 */

import { invariant } from '../../../engine/core/index.js'
import type { AirtimeBudget, FrameClass, PendingFrame, Radio, Signal, Trace } from '../../../engine/ports.js'
import { DUTY_WINDOW_MS, loraBandOf, type RadioOf } from '../../../scenarios/index.js'
import { type Kernel, roundDb, roundUs, type SimRandom } from '../../kernel/index.js'
import { AirBooks, type LossCause } from '../account.js'
import type { Air, AirAccount, AirNode, Place } from '../air.js'
import { distanceM } from '../geometry.js'
import { type AirtimeLaw, DutyLedger, NO_LAW, type Stay } from '../law.js'
import { milliwatts, ratioDb } from '../linear.js'
import { Motion } from '../motion.js'
import { createPairs, type PairChance } from '../pair-chance.js'
import { pathLossDb, rangeM } from '../path-loss.js'
import { SpatialIndex } from '../spatial-index.js'
import { frameErrorRate, weakestSnrDb } from './error-rate.js'
import { noiseFloorDbm, requiredSnrDb } from './noise.js'
import { symbolUs, timeOnAir } from './time-on-air.js'

export type LoraSpec = RadioOf<number> & { readonly type: 'lora' }
export type Mac = 'csma' | 'aloha'

export interface LoraAirOptions {
  readonly kernel: Kernel
  readonly spec: LoraSpec
  readonly nodes: readonly AirNode[]
  readonly macOf?: (node: number) => Mac
  readonly trace?: Trace | null
}

/** Largest PHY payload of a LoRa modem: its length is one byte. */
export const LORA_MTU = 255
/** SX1262 with a temperature-compensated oscillator: from listening to sending, and back. */
const RX_TO_TX_US = 1_000
const TX_TO_RX_US = 5_000
/** Symbols of a preamble after which a receiver has locked on. */
const LOCK_SYMBOLS = 6
/** What a wanted frame must be stronger by: before the lock, and after it. */
const CAPTURE_BEFORE_LOCK_DB = 6
const CAPTURE_AFTER_LOCK_DB = 3
/** A channel detection misses one in twenty strong signals, and all at this ratio; between them in proportion. */
const CAD_SURE_MISS_DB = -15
const CAD_LEAST_MISS = 0.05
/** Slots of the contention window, first and last. */
const FIRST_WINDOW = 16
const LAST_WINDOW = 128
/** Interference weaker than this below the noise changes nothing. */
const IRRELEVANT_DB = 6
/** Shadowing is drawn within so many deviations, so that a range bounds who can hear. */
const SHADOWING_BOUND = 3

/** What a profile changes: whether the error curve is soft, and when two frames disturb each other. */
interface Rules {
  readonly isHard: boolean
  readonly isTwoStage: boolean
  /** Symbols at the beginning of a frame in which another may still end without harm. */
  graceSymbols(preambleSymbols: number): number
}

const RULES: Readonly<Record<LoraSpec['profile'], Rules>> = {
  physical: { isHard: false, isTwoStage: true, graceSymbols: preamble => Math.max(0, preamble - LOCK_SYMBOLS) },
  lorasim: { isHard: true, isTwoStage: false, graceSymbols: preamble => Math.max(0, preamble - 5) },
  meshtasticator: { isHard: true, isTwoStage: false, graceSymbols: preamble => Math.max(0, preamble - 5) },
}

interface Station {
  readonly node: number
  readonly name: string
  readonly antenna: AirNode['antenna']
  readonly motion: Motion
  readonly ledger: DutyLedger
  readonly random: SimRandom
  readonly mac: Mac
  radio: LoraRadio | null
  sending: Flight | null
  /** Its receiver hears nothing before this moment. */
  deafUntilUs: number
  hearing: Reception[]
}

interface Flight {
  readonly from: Station
  readonly bytes: Uint8Array
  readonly kind: FrameClass
  readonly startUs: number
  endUs: number
  readonly receptions: Reception[]
  readonly stay: Stay | null
  isBroken: boolean
}

interface Reception {
  readonly flight: Flight
  readonly at: Station
  readonly rssiDbm: number
  readonly others: Reception[]
  isDeaf: boolean
  /** Its radio was off for some of the frame, so there is nobody to hear it; still it disturbs what comes after. */
  isMissed: boolean
}

interface Neighbour {
  readonly station: Station
  /** Mean power, shadowing included, fading left out. */
  readonly rssiDbm: number
  readonly fading: Fading | null
}

interface Fading {
  readonly chance: PairChance
  valueDb: number
  atUs: number
}

export function createLoraAir(options: LoraAirOptions): Air {
  return new LoraAir(options)
}

class LoraAir implements Air {
  readonly name: string
  readonly type = 'lora'
  readonly nodes: readonly number[]
  readonly kernel: Kernel
  readonly spec: LoraSpec
  readonly books: AirBooks
  readonly law: AirtimeLaw
  readonly slotUs: number
  readonly #trace: Trace | null
  readonly #stations: readonly Station[]
  readonly #byNode: ReadonlyMap<number, Station>
  readonly #rules: Rules
  readonly #symbolUs: number
  readonly #noiseDbm: number
  readonly #weakestDbm: number
  readonly #shadows: (one: string, other: string) => PairChance
  readonly #shadowOf = new Map<string, number>()
  readonly #fadings = new Map<string, Fading>()
  readonly #blocks = new Set<(from: number, to: number) => boolean>()
  /** Who can hear a station at all; kept while nobody moves. */
  readonly #neighbours = new Map<Station, readonly Neighbour[]>()
  #index: { readonly atUs: number; readonly isLasting: boolean; readonly places: SpatialIndex } | null = null

  constructor({ kernel, spec, nodes, macOf, trace }: LoraAirOptions) {
    this.kernel = kernel
    this.spec = spec
    this.name = spec.name
    this.#trace = trace ?? null
    this.#rules = RULES[spec.profile]
    this.#symbolUs = symbolUs(spec)
    this.slotUs = roundUs(2.5 * this.#symbolUs + 7_600)
    this.#noiseDbm = noiseFloorDbm(spec.bandwidthHz)
    this.#weakestDbm = this.#noiseDbm + Math.min(weakestSnrDb(spec.spreadingFactor), -IRRELEVANT_DB)
    this.law = lawOf(spec)
    this.#shadows = createPairs(kernel.random(`radio/${spec.name}/shadowing`))
    this.#stations = [...nodes]
      .sort((a, b) => a.node - b.node)
      .map(({ node, name, at, move, antenna }) => ({
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
      }))
    this.nodes = this.#stations.map(({ node }) => node)
    this.#byNode = new Map(this.#stations.map(station => [station.node, station]))
    this.books = new AirBooks(this.nodes)
  }

  attach(node: number): Radio {
    const station = this.#station(node)
    invariant(station.radio === null, 'a node has one radio of a kind at a time')
    // A receiver that is switched on in the middle of a frame has no preamble to lock on to.
    for (const reception of station.hearing) reception.isMissed = true
    station.radio = new LoraRadio(this, station)
    return station.radio
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

  place(node: number, at: Place): void {
    this.#station(node).motion.jump(this.kernel.nowUs, at)
    this.#neighbours.clear()
    this.#index = null
  }

  frameErrorRate(from: number, to: number, bytes: number): number {
    return this.#errorRate(this.#meanRssi(this.#station(from), this.#station(to)) - this.#noiseDbm, bytes)
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
      const snrDb = Math.min(0, rssiDbm - this.#noiseDbm)
      const miss = CAD_LEAST_MISS + (1 - CAD_LEAST_MISS) * Math.min(1, snrDb / CAD_SURE_MISS_DB)
      if (station.random.float() >= miss) isBusy = true
    }
    return isBusy
  }

  send(station: Station, bytes: Uint8Array, kind: FrameClass, done: (wasSent: boolean) => void): void {
    const startUs = this.kernel.nowUs
    const durationUs = this.airtimeUs(bytes.length)
    const endUs = startUs + durationUs
    const stay = station.ledger.record(startUs, endUs)
    const flight: Flight = { from: station, bytes, kind, startUs, endUs, receptions: [], stay, isBroken: false }
    station.sending = flight
    // Whoever sends stops listening.
    for (const reception of station.hearing) reception.isDeaf = true
    for (const neighbour of this.#audible(station)) this.#begin(flight, neighbour)
    this.#event('frame-sent', station, { kind, bytes: bytes.length, airtimeUs: durationUs })
    this.kernel.schedule(durationUs, 'radio/end', station.node, () => {
      if (flight.isBroken) return
      this.#end(flight)
      done(true)
    })
  }

  held(station: Station, kind: FrameClass, untilUs: number): void {
    this.books.losses.dutyCycleHeld += 1
    this.#event('frame-held', station, { kind, untilUs })
  }

  #begin(flight: Flight, { station, rssiDbm, fading }: Neighbour): void {
    for (const isBlocked of this.#blocks) if (isBlocked(flight.from.node, station.node)) return
    const heardDbm = fading ? roundDb(rssiDbm + this.#fadingDb(fading)) : rssiDbm
    const lockUs = flight.startUs + LOCK_SYMBOLS * this.#symbolUs
    const graceUs = this.#rules.graceSymbols(this.spec.preambleSymbols) * this.#symbolUs
    const reception: Reception = {
      flight,
      at: station,
      rssiDbm: heardDbm,
      others: [...station.hearing],
      // The preamble is long enough to lock on late, but no later than it lasts.
      isDeaf: station.sending !== null || station.deafUntilUs > lockUs - LOCK_SYMBOLS * this.#symbolUs + graceUs,
      isMissed: false,
    }
    for (const other of station.hearing) other.others.push(reception)
    station.hearing.push(reception)
    flight.receptions.push(reception)
  }

  #end(flight: Flight): void {
    const { from, bytes, kind, startUs, endUs } = flight
    from.sending = null
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
    if (this.#isDrowned(reception)) return 'collision'
    const rate = this.#errorRate(rssiDbm - this.#noiseDbm, flight.bytes.length)
    if (this.#rules.isHard ? rate === 1 : chanceOfError < rate) return 'weak'
    return chanceOfLoss < this.spec.loss ? 'random' : null
  }

  /** Whether the others were too strong: while the receiver still looked for the preamble, or once it had locked on. */
  #isDrowned({ flight, rssiDbm, others }: Reception): boolean {
    if (others.length === 0) return false
    const graceUs = this.#rules.graceSymbols(this.spec.preambleSymbols) * this.#symbolUs
    const spareUs = flight.startUs + graceUs
    // What ends within the first symbols leaves enough preamble, but the receiver locks on later.
    let clearUs = flight.startUs
    for (const { flight: other } of others) if (other.endUs <= spareUs) clearUs = Math.max(clearUs, other.endUs)
    const lockUs = clearUs + LOCK_SYMBOLS * this.#symbolUs
    let earlyMw = 0
    let allMw = 0
    for (const other of others) {
      if (other.flight.endUs <= spareUs || other.flight.startUs >= flight.endUs) continue
      if (!this.#rules.isTwoStage) {
        // Pair by pair; and what begins as late in this frame as that does harm to neither.
        const isHarmless = other.flight.startUs >= flight.startUs && flight.endUs <= other.flight.startUs + graceUs
        if (!isHarmless && rssiDbm - other.rssiDbm < CAPTURE_BEFORE_LOCK_DB) return true
        continue
      }
      const power = milliwatts(other.rssiDbm)
      allMw += power
      if (other.flight.startUs < lockUs) earlyMw += power
    }
    const wantedMw = milliwatts(rssiDbm)
    if (earlyMw > 0 && ratioDb(wantedMw, earlyMw) < CAPTURE_BEFORE_LOCK_DB) return true
    return allMw > 0 && ratioDb(wantedMw, allMw) < CAPTURE_AFTER_LOCK_DB
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

  // ---- who hears whom -----------------------------------------------------------------------------------------

  #audible(station: Station): readonly Neighbour[] {
    const kept = this.#neighbours.get(station)
    if (kept) return kept
    const nowUs = this.kernel.nowUs
    const found: Neighbour[] = []
    for (const other of this.#near(station)) {
      if (other === station) continue
      const rssiDbm = this.#meanRssi(station, other)
      const fading = this.#fadingOf(station, other)
      const strongest = rssiDbm + (this.spec.fading ? SHADOWING_BOUND * this.spec.fading.sigmaDb : 0)
      if (strongest >= this.#weakestDbm) found.push({ station: other, rssiDbm, fading })
    }
    if (this.#isStill(nowUs)) this.#neighbours.set(station, found)
    return found
  }

  /** From now to the end, unless somebody is moved at once. */
  #isStill(nowUs: number): boolean {
    return this.#stations.every(({ motion }) => motion.isSettled(nowUs))
  }

  #near(station: Station): readonly Station[] {
    const { propagation, powerDbm, fading, frequencyHz } = this.spec
    if (this.#stations.length < 64 || propagation.model === 'none') return this.#stations
    const gains = station.antenna.gainDb + Math.max(...this.#stations.map(({ antenna }) => antenna.gainDb))
    const marginDb = SHADOWING_BOUND * (propagation.sigmaDb + (fading?.sigmaDb ?? 0))
    const toHeightM = Math.max(...this.#stations.map(({ antenna }) => antenna.heightM))
    const ends = { frequencyHz, fromHeightM: station.antenna.heightM, toHeightM }
    const reachM = rangeM(propagation, powerDbm + gains + marginDb - this.#weakestDbm, ends)
    const nowUs = this.kernel.nowUs
    // One index serves all stations of a moment; while nobody moves, of the whole run.
    if (this.#index === null || (this.#index.atUs !== nowUs && !this.#index.isLasting)) {
      const places = this.#stations.map(({ motion }) => motion.at(nowUs))
      this.#index = {
        atUs: nowUs,
        isLasting: this.#isStill(nowUs),
        places: new SpatialIndex(places, Math.max(1, Math.min(reachM, 1e9))),
      }
    }
    return this.#index.places.within(station.motion.at(nowUs), reachM).map(at => this.#stations[at]!)
  }

  #meanRssi(from: Station, to: Station): number {
    const { propagation, powerDbm, frequencyHz } = this.spec
    const nowUs = this.kernel.nowUs
    const metres = distanceM(from.motion.at(nowUs), to.motion.at(nowUs))
    const lossDb = pathLossDb(propagation, metres, {
      frequencyHz,
      fromHeightM: from.antenna.heightM,
      toHeightM: to.antenna.heightM,
    })
    return roundDb(powerDbm + from.antenna.gainDb + to.antenna.gainDb - lossDb + this.#shadowDb(from, to))
  }

  #shadowDb(from: Station, to: Station): number {
    const { sigmaDb } = this.spec.propagation
    if (sigmaDb === 0) return 0
    const key = from.node < to.node ? `${from.node} ${to.node}` : `${to.node} ${from.node}`
    let shadow = this.#shadowOf.get(key)
    if (shadow === undefined) {
      const drawn = this.#shadows(from.name, to.name).normal()
      shadow = roundDb(sigmaDb * Math.max(-SHADOWING_BOUND, Math.min(SHADOWING_BOUND, drawn)))
      this.#shadowOf.set(key, shadow)
    }
    return shadow
  }

  #fadingOf(from: Station, to: Station): Fading | null {
    const { fading } = this.spec
    if (!fading || fading.sigmaDb === 0) return null
    const key = from.node < to.node ? `${from.node} ${to.node}` : `${to.node} ${from.node}`
    let state = this.#fadings.get(key)
    if (!state) {
      const chance = this.#shadows(`${from.name}/fading`, `${to.name}/fading`)
      state = { chance, valueDb: roundDb(fading.sigmaDb * chance.normal()), atUs: this.kernel.nowUs }
      this.#fadings.set(key, state)
    }
    return state
  }

  /** Ornstein-Uhlenbeck, moved on to now: both directions of a pair see the same. */
  #fadingDb(state: Fading): number {
    const { sigmaDb, coherenceMs } = this.spec.fading!
    const elapsedMs = (this.kernel.nowUs - state.atUs) / 1_000
    if (elapsedMs > 0) {
      const kept = Math.exp(-elapsedMs / Math.max(1, coherenceMs))
      const fresh = sigmaDb * Math.sqrt(Math.max(0, 1 - kept * kept))
      state.valueDb = roundDb(state.valueDb * kept + fresh * state.chance.normal())
      state.atUs = this.kernel.nowUs
    }
    const bound = SHADOWING_BOUND * sigmaDb
    return Math.max(-bound, Math.min(bound, state.valueDb))
  }

  #station(node: number): Station {
    const station = this.#byNode.get(node)
    invariant(station, 'the node carries this radio')
    return station
  }

  #event(type: string, at: Station, fields: Readonly<Record<string, string | number>>): void {
    this.#trace?.event(type, { radio: this.name, at: at.name, ...fields })
  }
}

/** The radio of one boot of one node: one frame at a time, sent when the channel seems free and the law allows it. */
class LoraRadio implements Radio {
  readonly name: string
  readonly mtu = LORA_MTU
  readonly #air: LoraAir
  readonly #station: Station
  #handler: ((frame: Uint8Array, signal: Signal) => void) | null = null
  #waiting: Waiting | null = null
  #isDead = false

  constructor(air: LoraAir, station: Station) {
    this.#air = air
    this.#station = station
    this.name = air.name
  }

  airtimeMs(bytes: number): number {
    return this.#air.airtimeUs(bytes) / 1_000
  }

  budget(): AirtimeBudget {
    const { ledger } = this.#station
    const { share, windowUs } = ledger.law
    return { share, availableMs: ledger.availableUs(this.#air.kernel.nowUs) / 1_000, windowMs: windowUs / 1_000 }
  }

  send(frame: Uint8Array, kind: FrameClass, done: (outcome: 'sent' | 'cancelled' | 'failed') => void): PendingFrame {
    if (this.#isDead) return { cancel: () => false }
    invariant(this.#waiting === null, 'a radio takes one frame at a time')
    const waiting: Waiting = { bytes: frame.slice(), kind, done, state: 'waiting', window: FIRST_WINDOW, isHeld: false }
    this.#waiting = waiting
    const isPossible = frame.length > 0 && frame.length <= LORA_MTU
    if (!isPossible || !this.#station.ledger.allows(this.#air.airtimeUs(frame.length))) {
      this.#later(0, () => this.#finish(waiting, 'failed'))
    } else if (this.#station.mac === 'aloha') this.#later(0, () => this.#attempt(waiting))
    else this.#later(this.#backOffUs(waiting), () => this.#attempt(waiting))
    return {
      cancel: () => {
        if (this.#isDead || waiting.state !== 'waiting') return false
        waiting.state = 'over'
        this.#later(0, () => this.#finish(waiting, 'cancelled'))
        return true
      },
    }
  }

  onFrame(handler: (frame: Uint8Array, signal: Signal) => void): void {
    this.#handler = handler
  }

  close(): void {
    if (!this.#isDead) this.#air.detach(this.#station.node)
  }

  die(): void {
    this.#isDead = true
    this.#waiting = null
  }

  hear(frame: Uint8Array, signal: Signal): void {
    if (!this.#isDead) this.#handler?.(frame, signal)
  }

  #attempt(waiting: Waiting): void {
    if (waiting.state !== 'waiting') return
    const nowUs = this.#air.kernel.nowUs
    const durationUs = this.#air.airtimeUs(waiting.bytes.length)
    const isCsma = this.#station.mac === 'csma'
    const legalUs = this.#station.ledger.earliestUs(nowUs + (isCsma ? RX_TO_TX_US : 0), durationUs)
    if (legalUs > nowUs + (isCsma ? RX_TO_TX_US : 0)) {
      if (!waiting.isHeld) this.#air.held(this.#station, waiting.kind, legalUs)
      waiting.isHeld = true
      // Of radios that were held until the same moment, those that listen give way to each other.
      const backOffUs = isCsma ? this.#backOffUs(waiting) : 0
      this.#later(legalUs - nowUs + backOffUs, () => this.#attempt(waiting))
      return
    }
    if (!isCsma) {
      this.#transmit(waiting)
      return
    }
    if (this.#air.isBusy(this.#station)) {
      waiting.window = Math.min(LAST_WINDOW, waiting.window * 2)
      this.#later(this.#backOffUs(waiting) + this.#air.slotUs, () => this.#attempt(waiting))
      return
    }
    // From here on the frame is on its way; what begins in this millisecond is not heard any more.
    waiting.state = 'over'
    this.#later(RX_TO_TX_US, () => this.#transmit(waiting))
  }

  #transmit(waiting: Waiting): void {
    waiting.state = 'over'
    this.#air.send(this.#station, waiting.bytes, waiting.kind, () => this.#finish(waiting, 'sent'))
  }

  #finish(waiting: Waiting, outcome: 'sent' | 'cancelled' | 'failed'): void {
    if (this.#isDead || this.#waiting !== waiting) return
    this.#waiting = null
    waiting.done(outcome)
  }

  #backOffUs({ window }: Waiting): number {
    return this.#station.random.int(window) * this.#air.slotUs
  }

  #later(delayUs: number, run: () => void): void {
    this.#air.kernel.schedule(delayUs, 'radio/mac', this.#station.node, () => {
      if (!this.#isDead) run()
    })
  }
}

interface Waiting {
  readonly bytes: Uint8Array
  readonly kind: FrameClass
  readonly done: (outcome: 'sent' | 'cancelled' | 'failed') => void
  state: 'waiting' | 'over'
  window: number
  /** Counted once as held back by the law. */
  isHeld: boolean
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

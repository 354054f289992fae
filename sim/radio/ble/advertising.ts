/**
 * Broadcast in BLE adverts: each frame is repeated in a number of advertising events, on the three primary channels, and
 * heard by scanners whose window it falls into. Nobody listens before sending; packets that meet destroy each other
 * unless one is 13 dB stronger.
 *
 * An advertising event is two or three kernel events: its start, the end of its primary packets, the end of its auxiliary
 * one. Scan windows are computed, so an air on which nobody sends costs nothing.
 */

import { invariant } from '../../../engine/core/index.js'
import type { Radio, Trace } from '../../../engine/ports.js'
import type { Kernel, SimRandom } from '../../kernel/index.js'
import { msToUs } from '../../kernel/index.js'
import { AirBooks, type LossCause } from '../account.js'
import type { Air, AirAccount, AirNode, Place } from '../air.js'
import { type AdvertForm, type AdvertKind, type AdvertTimes, advertForm, advertTimes, sweepEvents } from './advert.js'
import { type Advert, AdvertRadio } from './advert-radio.js'
import { noiseFloorDbm, packetErrorRate, weakestDbm } from './error-rate.js'
import { Ether, type Packet } from './ether.js'
import { MAX_ADVERT_DELAY_US, REACH_ERROR_RATE } from './limits.js'
import { Reach } from './reach.js'
import { Scanner } from './scan.js'
import { type BleSpec, PRIMARY_CHANNELS, SECONDARY_CHANNELS } from './spec.js'

export interface BleAdvertisingOptions {
  readonly kernel: Kernel
  readonly spec: BleSpec
  readonly nodes: readonly AirNode[]
  readonly trace?: Trace
  /** Extended unless told otherwise. */
  readonly adverts?: AdvertKind
  /** Advertising events of each frame; see `sweepEvents` for what it is when absent. */
  readonly events?: number
}

/** Also says how many pairs came to nothing because the scanner listened at another time or elsewhere. */
export interface BleAirAccount extends AirAccount {
  readonly unheard: number
}

export interface BleAdvertisingAir extends Air {
  account(): BleAirAccount
}

export function createBleAdvertising(options: BleAdvertisingOptions): BleAdvertisingAir {
  return new AdvertisingAir(options)
}

/** An advert and what has become of it. */
interface Sending {
  readonly advert: Advert
  readonly times: AdvertTimes
  eventsLeft: number
  airtimeUs: number
  /** Nothing for a node that has heard it; otherwise why it has not so far. */
  readonly fates: Map<number, LossCause | 'unheard' | 'heard'>
}

/** What a node has on the air in one advertising event. */
interface AdvertEvent {
  readonly startUs: number
  readonly endUs: number
  readonly primaries: readonly Packet[]
  readonly aux: Packet | null
  /** Who has read a pointer and waits for the auxiliary packet. */
  readonly followers: number[]
}

/** The part of a node's radio that outlives its boots. */
interface Station {
  readonly node: number
  readonly scanner: Scanner
  /** For what it sends and for what it hears. */
  readonly sends: SimRandom
  readonly hears: SimRandom
  radio: AdvertRadio | null
  sending: Sending | null
  /** Before this moment no advertising event may begin. */
  freeUs: number
  /** Latest first; the one before may still overlap what is being judged. */
  events: readonly AdvertEvent[]
  /** Tuned to an auxiliary channel between these moments. */
  awayFromUs: number
  awayUntilUs: number
  next: { cancel(): void } | null
}

class AdvertisingAir implements BleAdvertisingAir {
  readonly name: string
  readonly type = 'ble'
  readonly nodes: readonly number[]
  readonly #kernel: Kernel
  readonly #spec: BleSpec
  readonly #trace: Trace
  readonly #form: AdvertForm
  readonly #events: number
  readonly #reach: Reach
  readonly #reachDbm: number
  /** On average so strong that fading may lift it into reach. */
  readonly #hopeDbm: number
  readonly #ether = new Ether()
  readonly #books: AirBooks
  readonly #stations = new Map<number, Station>()
  readonly #blocks = new Set<(from: number, to: number) => boolean>()
  #unheard = 0

  constructor({ kernel, spec, nodes, trace, adverts, events }: BleAdvertisingOptions) {
    this.#kernel = kernel
    this.#spec = spec
    this.#trace = trace ?? kernel.trace
    this.name = spec.name
    this.#form = advertForm(adverts ?? 'extended', spec)
    this.#events = events ?? sweepEvents(spec)
    invariant(Number.isInteger(this.#events) && this.#events >= 1, 'a frame is advertised at least once')
    this.#reach = new Reach(kernel, spec, nodes)
    this.nodes = this.#reach.nodes
    this.#books = new AirBooks(this.nodes)
    const smallest = advertTimes(this.#form, 0)
    this.#reachDbm = weakestDbm(this.#form.primaryPhy, smallest.primaryBytes, REACH_ERROR_RATE)
    this.#hopeDbm = this.#reachDbm - this.#reach.mostFadingDb
    for (const node of this.nodes) {
      const stream = `radio/${spec.name}/${this.#reach.nameOf(node)}`
      this.#stations.set(node, {
        node,
        scanner: new Scanner(spec, kernel.random(`${stream}/scan`)),
        sends: kernel.random(`${stream}/sends`),
        hears: kernel.random(`${stream}/hears`),
        radio: null,
        sending: null,
        freeUs: 0,
        events: [],
        awayFromUs: 0,
        awayUntilUs: 0,
        next: null,
      })
    }
  }

  attach(node: number): Radio {
    const station = this.#station(node)
    invariant(station.radio === null, 'one boot of a node drives its radio at a time')
    station.radio = new AdvertRadio(
      {
        name: this.name,
        mtu: this.#form.mtu,
        airtimeMs: bytes => (this.#events * advertTimes(this.#form, bytes).airtimeUs) / 1_000,
        soon: work => this.#kernel.schedule(0, 'ble/told', node, work),
      },
      advert => this.#begin(station, advert),
      () => this.#silence(station),
    )
    return station.radio
  }

  detach(node: number): void {
    this.#station(node).radio?.close()
  }

  block(isBlocked: (from: number, to: number) => boolean): () => void {
    const block = (from: number, to: number): boolean => isBlocked(from, to)
    this.#blocks.add(block)
    return () => this.#blocks.delete(block)
  }

  place(node: number, at: Place): void {
    this.#reach.jump(node, at)
  }

  /** Advertising is free of duty cycles. */
  readonly share = 1

  airtimeUs(bytes: number): number {
    return this.#events * advertTimes(this.#form, bytes).airtimeUs
  }

  /** Of one advertising event that falls into the scanner's window. */
  frameErrorRate(from: number, to: number, bytes: number): number {
    const rssiDbm = this.#reach.meanDbm(from, to)
    if (rssiDbm < this.#reachDbm || bytes > this.#form.mtu) return 1
    const { primaryBytes, aux } = advertTimes(this.#form, bytes)
    const primaryRate = packetErrorRate(this.#form.primaryPhy, rssiDbm, primaryBytes)
    const auxRate = aux === null ? 0 : packetErrorRate(this.#form.auxPhy, rssiDbm, aux.bytes)
    return 1 - (1 - primaryRate) * (1 - auxRate)
  }

  account(): BleAirAccount {
    return { ...this.#books.close(this.#kernel.nowUs), unheard: this.#unheard }
  }

  /** Takes a frame to be sent; what comes back takes it away again while nothing of it is on the air. */
  #begin(station: Station, advert: Advert): () => boolean {
    const times = advertTimes(this.#form, advert.frame.length)
    const sending: Sending = { advert, times, eventsLeft: this.#events, airtimeUs: 0, fates: new Map() }
    station.sending = sending
    this.#scheduleEvent(station, sending)
    return () => {
      if (station.sending !== sending || sending.eventsLeft < this.#events) return false
      station.next?.cancel()
      station.sending = null
      return true
    }
  }

  #scheduleEvent(station: Station, sending: Sending): void {
    const { nowUs } = this.#kernel
    const delayUs = station.sends.int(MAX_ADVERT_DELAY_US + 1)
    const startUs = Math.max(nowUs, station.freeUs) + delayUs
    station.next = this.#kernel.schedule(startUs - nowUs, 'ble/advert', station.node, () =>
      this.#advertise(station, sending),
    )
  }

  #advertise(station: Station, sending: Sending): void {
    const startUs = this.#kernel.nowUs
    const { times } = sending
    sending.eventsLeft--
    station.freeUs = startUs + Math.max(msToUs(this.#spec.intervalMs), times.endUs)
    const packet = (channel: number, atUs: number, us: number): Packet => {
      const made = { from: station.node, channel, startUs: startUs + atUs, endUs: startUs + atUs + us }
      this.#ether.add(made, startUs)
      return made
    }
    const primaries: Packet[] = []
    for (let channel = 0; channel < PRIMARY_CHANNELS; channel++) {
      primaries.push(packet(channel, channel * times.strideUs, times.primaryUs))
    }
    const auxChannel = PRIMARY_CHANNELS + station.sends.int(SECONDARY_CHANNELS)
    const aux = times.aux === null ? null : packet(auxChannel, times.aux.startUs, times.aux.us)
    const event: AdvertEvent = { startUs, endUs: startUs + times.endUs, primaries, aux, followers: [] }
    station.events = [event, ...station.events.slice(0, 1)]
    const delayUs = primaries.at(-1)!.endUs - startUs
    station.next = this.#kernel.schedule(delayUs, 'ble/primaries', station.node, () =>
      this.#judgePrimaries(station, sending, event),
    )
  }

  #judgePrimaries(station: Station, sending: Sending, event: AdvertEvent): void {
    const { primaryBytes } = sending.times
    for (const to of this.#reach.hearers(station.node, this.#hopeDbm)) {
      const hearer = this.#station(to)
      if (hearer.radio === null || !this.#isOpen(sending, to) || this.#isBlocked(station.node, to)) continue
      const packet = event.primaries.find(({ channel, startUs, endUs }) =>
        hearer.scanner.hears(channel, startUs, endUs),
      )
      if (packet === undefined || isAway(hearer, packet)) {
        if (!sending.fates.has(to)) sending.fates.set(to, 'unheard')
        continue
      }
      const fate = this.#judge(packet, hearer, this.#form.primaryPhy, primaryBytes)
      if (fate !== null) sending.fates.set(to, fate)
      else if (event.aux === null) this.#receive(station, sending, hearer)
      else {
        hearer.awayFromUs = packet.endUs
        hearer.awayUntilUs = event.aux.endUs
        event.followers.push(to)
      }
    }
    if (event.aux === null) {
      this.#endEvent(station, sending)
      return
    }
    const delayUs = event.aux.endUs - this.#kernel.nowUs
    station.next = this.#kernel.schedule(delayUs, 'ble/aux', station.node, () =>
      this.#judgeAux(station, sending, event, event.aux!),
    )
  }

  #judgeAux(station: Station, sending: Sending, event: AdvertEvent, aux: Packet): void {
    const bytes = sending.times.aux!.bytes
    for (const to of event.followers) {
      const hearer = this.#station(to)
      if (hearer.radio === null || this.#isBlocked(station.node, to)) continue
      const fate = this.#judge(aux, hearer, this.#form.auxPhy, bytes)
      if (fate !== null) sending.fates.set(to, fate)
      else this.#receive(station, sending, hearer)
    }
    this.#endEvent(station, sending)
  }

  /** Null when the packet can be read. */
  #judge(packet: Packet, hearer: Station, phy: AdvertForm['auxPhy'], bytes: number): LossCause | null {
    const { node } = hearer
    // Between the packets of its own event a radio is busy too.
    if (hearer.events.some(own => own.startUs < packet.endUs && own.endUs > packet.startUs)) return 'halfDuplex'
    const rssiDbm = this.#reach.rssiDbm(packet.from, node)
    const isDrowned = this.#ether.isDrowned(packet, rssiDbm, from =>
      from === node || this.#isBlocked(from, node) ? null : this.#reach.rssiDbm(from, node),
    )
    if (isDrowned) return 'collision'
    return hearer.hears.float() < packetErrorRate(phy, rssiDbm, bytes) ? 'weak' : null
  }

  #receive(station: Station, sending: Sending, hearer: Station): void {
    // The scenario's own loss is one of frames: drawn for each packet, repeating would defeat it.
    if (this.#spec.loss > 0 && hearer.hears.float() < this.#spec.loss) {
      sending.fates.set(hearer.node, 'random')
      return
    }
    sending.fates.set(hearer.node, 'heard')
    const rssiDbm = this.#reach.rssiDbm(station.node, hearer.node)
    const signal = { rssiDbm, snrDb: rssiDbm - noiseFloorDbm(this.#form.auxPhy) }
    const frame = sending.advert.frame.slice()
    const { radio } = hearer
    this.#trace.event('frame-received', {
      radio: this.name,
      from: this.#reach.nameOf(station.node),
      to: this.#reach.nameOf(hearer.node),
      kind: sending.advert.kind,
      bytes: frame.length,
      rssiDbm,
    })
    this.#kernel.schedule(0, 'ble/frame', hearer.node, () => {
      this.#kernel.note(frame)
      radio?.hear(frame, signal)
    })
  }

  #endEvent(station: Station, sending: Sending): void {
    sending.airtimeUs += sending.times.airtimeUs
    if (sending.eventsLeft > 0) {
      this.#scheduleEvent(station, sending)
      return
    }
    station.sending = null
    this.#account(station, sending)
    sending.advert.done('sent')
  }

  /** Nothing of the node is on the air any more; what was is broken off. */
  #silence(station: Station): void {
    const { sending } = station
    station.radio = null
    station.sending = null
    station.next?.cancel()
    if (sending === null) return
    const { nowUs } = this.#kernel
    const event = station.events[0]
    if (event !== undefined && event.endUs > nowUs) {
      for (const packet of event.aux === null ? event.primaries : [...event.primaries, event.aux]) {
        this.#ether.cut(packet, nowUs)
        sending.airtimeUs += packet.endUs - packet.startUs
      }
      station.events = [{ ...event, endUs: nowUs }, ...station.events.slice(1)]
    }
    this.#account(station, sending)
  }

  /** Enters a frame that is over; one of which nothing was on the air never was. */
  #account(station: Station, { advert, airtimeUs, fates }: Sending): void {
    if (airtimeUs === 0) return
    const { nowUs } = this.#kernel
    // As if its packets had followed each other without a pause: an hour does not see the difference.
    this.#books.sent(station.node, advert.kind, advert.frame.length, nowUs - airtimeUs, nowUs)
    const from = this.#reach.nameOf(station.node)
    const told = { radio: this.name, from, kind: advert.kind, bytes: advert.frame.length }
    this.#trace.event('frame-sent', { ...told, airtimeUs })
    for (const [node, fate] of fates) {
      if (fate === 'heard') this.#books.receptions++
      else {
        if (fate === 'unheard') this.#unheard++
        else this.#books.losses[fate]++
        this.#trace.event('frame-lost', { ...told, to: this.#reach.nameOf(node), cause: fate })
      }
    }
  }

  /** Whether the frame may still reach the node. */
  #isOpen(sending: Sending, to: number): boolean {
    const fate = sending.fates.get(to)
    return fate !== 'heard' && fate !== 'random'
  }

  #isBlocked(from: number, to: number): boolean {
    for (const isBlocked of this.#blocks) if (isBlocked(from, to)) return true
    return false
  }

  #station(node: number): Station {
    const station = this.#stations.get(node)
    invariant(station !== undefined, 'the node carries this radio')
    return station
  }
}

/** Whether the scanner had followed another advert's pointer. */
function isAway(hearer: Station, packet: Packet): boolean {
  return packet.startUs < hearer.awayUntilUs && packet.endUs > hearer.awayFromUs
}

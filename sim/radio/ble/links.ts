/**
 * BLE radios that connect, as links that come and go: what the encounters of nodes and the events of their connections
 * come to together. Whoever lays the links gets, for each, a pace in both directions.
 */

import { type Kernel, msToUs } from '../../kernel/index.js'
import type { AirNode, Place } from '../air.js'
import { type BleConnectionAccount, ConnectionBooks } from './connection-books.js'
import { ConnectionEvents, type ConnectionPace } from './connection-events.js'
import { Discovery } from './discovery.js'
import { type EncounterHandlers, Encounters, type Presence } from './encounters.js'
import { packetErrorRate, weakestDbm } from './error-rate.js'
import {
  CONNECT_ERROR_RATE,
  CONNECTION_INTERVAL_MS,
  LINK_BYTES,
  MAX_ADVERT_DELAY_US,
  SILENCE_ERROR_RATE,
} from './limits.js'
import { pduAirtimeUs } from './pdu.js'
import { Reach } from './reach.js'
import { type BleSpec, dataPhy, PRIMARY_CHANNELS, primaryPhy } from './spec.js'

export interface BleLinksOptions {
  readonly kernel: Kernel
  readonly spec: BleSpec
  readonly nodes: readonly AirNode[]
  readonly handlers: BleLinkHandlers
  readonly connectionIntervalMs?: number
  readonly maxConnections?: number
}

export interface BleLinkHandlers extends Omit<EncounterHandlers, 'linked'> {
  /** A link begins, with its paces from a to b and back, and the latency of a word without data. */
  linked(a: number, b: number, latencyMs: number, paces: readonly [ConnectionPace, ConnectionPace]): void
}

export interface BleLinks {
  readonly nodes: readonly number[]
  setPresence(node: number, presence: Presence): void
  isLinked(a: number, b: number): boolean
  /** Ends a link at once, where there is one. */
  hangUp(a: number, b: number): void
  block(isBlocked: (from: number, to: number) => boolean): () => void
  place(node: number, at: Place): void
  /** Of one packet; 1 where the two would not connect. */
  frameErrorRate(from: number, to: number, bytes: number): number
  account(): BleConnectionAccount
}

/** Address and data of a full legacy advert, which is what nodes find each other by. */
const ADVERT_BYTES = 37

export function createBleLinks(options: BleLinksOptions): BleLinks {
  const { kernel, spec, handlers } = options
  const intervalMs = options.connectionIntervalMs ?? CONNECTION_INTERVAL_MS
  const intervalUs = msToUs(intervalMs)
  const phy = dataPhy(spec)
  const reach = new Reach(kernel, spec, options.nodes)
  const books = new ConnectionBooks(reach.nodes)
  const blocks = new Set<(from: number, to: number) => boolean>()
  const connectDbm = weakestDbm(phy, LINK_BYTES, CONNECT_ERROR_RATE)
  const silenceDbm = weakestDbm(phy, 0, SILENCE_ERROR_RATE)
  const discovery = new Discovery(kernel, spec, reach, connectDbm, intervalUs)
  const idle = new IdleTime(kernel, spec, phy, intervalUs, reach.nodes)

  const encounters = new Encounters({
    kernel,
    reach,
    connectDbm,
    silenceDbm,
    ...(options.maxConnections === undefined ? {} : { maxConnections: options.maxConnections }),
    isBlocked: (a, b) => [...blocks].some(isBlocked => isBlocked(a, b) || isBlocked(b, a)),
    discoveryUs: (a, b) => discovery.drawUs(a, b),
    handlers: {
      linked(a, b) {
        books.connections++
        idle.links(1)
        const linkedUs = kernel.nowUs
        const events = new ConnectionEvents({
          kernel,
          books,
          random: kernel.random(`radio/${spec.name}/${reach.nameOf(a)}-${reach.nameOf(b)}`),
          phy,
          intervalUs,
          ends: [a, b],
          loss: spec.loss,
          errorRate: (from, to, bytes, atUs) => packetErrorRate(phy, reach.rssiDbm(from, to, atUs), bytes),
          sharing: () => Math.max(encounters.linksOf(a), encounters.linksOf(b)),
          stuck: atUs => {
            kernel.schedule(atUs - kernel.nowUs, 'ble/stuck', a, () => {
              if (encounters.linkedSinceUs(a, b) === linkedUs) encounters.hangUp(a, b)
            })
          },
        })
        handlers.linked(a, b, intervalMs, events.paces)
      },
      faded: handlers.faded,
      recovered: handlers.recovered,
      lost(a, b) {
        idle.links(-1)
        handlers.lost(a, b)
      },
    },
  })

  return {
    nodes: reach.nodes,
    setPresence(node, presence) {
      idle.advertises(node, presence === 'on')
      encounters.setPresence(node, presence)
    },
    isLinked: (a, b) => encounters.linkedSinceUs(a, b) !== null,
    hangUp: (a, b) => encounters.hangUp(a, b),
    block(isBlocked) {
      const block = (from: number, to: number): boolean => isBlocked(from, to)
      blocks.add(block)
      encounters.blocksChanged()
      return () => {
        if (blocks.delete(block)) encounters.blocksChanged()
      }
    },
    place(node, at) {
      reach.jump(node, at)
      encounters.jumped(node)
    },
    frameErrorRate(from, to, bytes) {
      const rssiDbm = reach.meanDbm(from, to)
      return rssiDbm < connectDbm ? 1 : packetErrorRate(phy, rssiDbm, Math.min(bytes, LINK_BYTES))
    },
    account() {
      books.idleAirtimeUs = idle.airtimeUs()
      return books.close(kernel.nowUs)
    },
  }
}

/** How long nodes have advertised and links have stood, and so how long they were on the air for nothing. */
class IdleTime {
  readonly #kernel: Kernel
  readonly #advertShare: number
  readonly #linkShare: number
  readonly #advertising: Map<number, boolean>
  #advertisers = 0
  #links = 0
  #advertUs = 0
  #linkUs = 0
  #lookedUs = 0

  constructor(
    kernel: Kernel,
    spec: BleSpec,
    phy: ReturnType<typeof dataPhy>,
    intervalUs: number,
    nodes: readonly number[],
  ) {
    this.#kernel = kernel
    const advertUs = PRIMARY_CHANNELS * pduAirtimeUs(primaryPhy(spec), ADVERT_BYTES)
    this.#advertShare = advertUs / (msToUs(spec.intervalMs) + MAX_ADVERT_DELAY_US / 2)
    this.#linkShare = (2 * pduAirtimeUs(phy, 0)) / intervalUs
    this.#advertising = new Map(nodes.map(node => [node, false]))
  }

  advertises(node: number, isOn: boolean): void {
    this.#look()
    if (this.#advertising.get(node) === isOn) return
    this.#advertising.set(node, isOn)
    this.#advertisers += isOn ? 1 : -1
  }

  links(more: 1 | -1): void {
    this.#look()
    this.#links += more
  }

  airtimeUs(): number {
    this.#look()
    return Math.round(this.#advertUs * this.#advertShare + this.#linkUs * this.#linkShare)
  }

  #look(): void {
    const us = this.#kernel.nowUs - this.#lookedUs
    this.#advertUs += us * this.#advertisers
    this.#linkUs += us * this.#links
    this.#lookedUs = this.#kernel.nowUs
  }
}

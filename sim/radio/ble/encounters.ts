/**
 * Who is connected to whom: nodes that come near each other meet after a while, stay linked while anything gets through,
 * and are lost to each other when nothing has for as long as the supervision timeout.
 *
 * A pair is an event when something changes for it: when it comes into range or leaves it (computed from the ways the
 * two walk), when it has met, when its silence has lasted too long. Nodes that stand still cause none, unless the radio
 * fades and their distance is such that fading decides: then the strength of the next minute is drawn ahead, and what is
 * an event is again the moment when it crosses the edge.
 *
 * A node holds a bounded number of links. Where a node with all places taken meets another one, its oldest link makes
 * room once it has stood for a while; so nobody is left out of a crowd for good, and a crowd that would fall into closed
 * circles keeps mixing.
 */

import { invariant } from '../../../engine/core/index.js'
import { type EventHandle, type Kernel, msToUs, WORLD } from '../../kernel/index.js'
import {
  CROSSING_STEP_MS,
  DISCOVERY_STEP_MS,
  LEAST_STAND_MS,
  LOOK_AHEAD_MS,
  MAX_CONNECTIONS,
  SUPERVISION_TIMEOUT_MS,
  WAVERING_STEP_M,
} from './limits.js'
import type { Reach } from './reach.js'

/** What the world does about it. The lower number comes first. */
export interface EncounterHandlers {
  /** Two nodes have met: a link of theirs begins. */
  linked(a: number, b: number): void
  /** Nothing gets through for now. */
  faded(a: number, b: number): void
  /** It does again, before the timeout. */
  recovered(a: number, b: number): void
  /** The link is over. */
  lost(a: number, b: number): void
}

export interface EncounterOptions {
  readonly kernel: Kernel
  readonly reach: Reach
  readonly handlers: EncounterHandlers
  /** From this strength on two nodes connect. */
  readonly connectDbm: number
  /** Below this nothing gets through. */
  readonly silenceDbm: number
  readonly maxConnections?: number
  isBlocked(a: number, b: number): boolean
  /** Microseconds until two nodes near each other are connected; null when not within `DISCOVERY_STEP_MS`. */
  discoveryUs(a: number, b: number): number | null
}

/** `off`: no process. `leaving`: its process has ended in order, and what it said last still goes out. */
export type Presence = 'on' | 'leaving' | 'off'

/** `near`: looking for each other, or waiting for a free place. `fading`: linked, but silent. */
type PairState = 'apart' | 'near' | 'linked' | 'fading'

/** How strongly two nodes have to hear each other. */
interface Edge {
  readonly weakestDbm: number
  /** Up to here they do whatever fading takes, and beyond there they do not whatever it adds. Without fading the same. */
  readonly nearM: number
  readonly farM: number
}

interface Pair {
  readonly a: number
  readonly b: number
  /** What it takes to connect, and to stay connected. */
  readonly connects: Edge
  readonly stays: Edge
  state: PairState
  /** Near, and known to each other: only a place is missing. Since when, for fairness. */
  waitsSinceUs: number | null
  linkedSinceUs: number
  /** One of the two has lost its memory of the link: only the timeout can end it. */
  isBroken: boolean
  crossing: EventHandle | null
  /** Of discovery or of supervision. */
  timer: EventHandle | null
}

interface Station {
  readonly node: number
  presence: Presence
  /** By the other node, in the order of first nearness. */
  readonly pairs: Map<number, Pair>
  /** When it last let a link go for another. */
  rotatedUs: number
  /** When it looks for who waits, and the event. */
  rotationUs: number
  rotation: EventHandle | null
}

export class Encounters {
  readonly #kernel: Kernel
  readonly #reach: Reach
  readonly #options: EncounterOptions
  readonly #maxConnections: number
  readonly #stations = new Map<number, Station>()

  constructor(options: EncounterOptions) {
    this.#kernel = options.kernel
    this.#reach = options.reach
    this.#options = options
    this.#maxConnections = options.maxConnections ?? MAX_CONNECTIONS
    invariant(this.#maxConnections >= 1, 'a node has a place for a link')
    for (const node of this.#reach.nodes) {
      this.#stations.set(node, {
        node,
        presence: 'off',
        pairs: new Map(),
        rotatedUs: -Infinity,
        rotationUs: 0,
        rotation: null,
      })
    }
    for (const node of this.#reach.nodes) this.#meetAll(node)
  }

  /** Links of a node, silent ones included. */
  linksOf(node: number): number {
    let links = 0
    for (const pair of this.#station(node).pairs.values()) if (isLink(pair)) links++
    return links
  }

  /** When the link of two nodes began; null without one. */
  linkedSinceUs(a: number, b: number): number | null {
    const pair = this.#station(a).pairs.get(b)
    return pair !== undefined && isLink(pair) ? pair.linkedSinceUs : null
  }

  setPresence(node: number, presence: Presence): void {
    const station = this.#station(node)
    station.presence = presence
    for (const pair of station.pairs.values()) {
      // The peer notices nothing before its timeout.
      if (isLink(pair) && presence !== 'on') this.#break(pair, presence === 'off')
      this.#update(pair)
    }
  }

  /** The two hang up, or have to: whatever state the link was in, it is over. */
  hangUp(a: number, b: number): void {
    const pair = this.#station(a).pairs.get(b)
    if (pair !== undefined && isLink(pair)) this.#end(pair)
  }

  /** A node was moved at once. */
  jumped(node: number): void {
    this.#meetAll(node)
    for (const pair of this.#station(node).pairs.values()) this.#update(pair)
  }

  /** What is blocked has changed. */
  blocksChanged(): void {
    for (const station of this.#stations.values()) {
      for (const pair of station.pairs.values()) if (pair.a === station.node) this.#update(pair)
    }
  }

  /** Pairs exist where two nodes are in range of each other or one of them walks. */
  #meetAll(node: number): void {
    const { nowUs } = this.#kernel
    const inRange = new Set(this.#reach.hearers(node, this.#options.silenceDbm - this.#reach.mostFadingDb))
    for (const other of this.#reach.nodes) {
      if (other === node || this.#station(node).pairs.has(other)) continue
      if (!inRange.has(other) && this.#reach.closingMps(node, other, nowUs) === 0) continue
      const [a, b] = node < other ? [node, other] : [other, node]
      const pair: Pair = {
        a,
        b,
        connects: this.#edge(a, b, this.#options.connectDbm),
        stays: this.#edge(a, b, this.#options.silenceDbm),
        state: 'apart',
        waitsSinceUs: null,
        linkedSinceUs: 0,
        isBroken: false,
        crossing: null,
        timer: null,
      }
      this.#station(node).pairs.set(other, pair)
      this.#station(other).pairs.set(node, pair)
      this.#update(pair)
    }
  }

  /** Brings a pair's state up to what is true now, and arranges the next look. */
  #update(pair: Pair): void {
    const { a, b } = pair
    const { handlers } = this.#options
    if (pair.state === 'linked' && !pair.isBroken && !this.#isInTouch(pair)) {
      pair.state = 'fading'
      this.#supervise(pair)
      handlers.faded(a, b)
    } else if (pair.state === 'fading' && !pair.isBroken && this.#isInTouch(pair)) {
      pair.state = 'linked'
      pair.timer?.cancel()
      handlers.recovered(a, b)
    } else if (pair.state === 'apart' && this.#isInTouch(pair)) {
      pair.state = 'near'
      this.#discover(pair)
    } else if (pair.state === 'near' && !this.#isInTouch(pair)) {
      this.#part(pair)
    }
    this.#lookAgain(pair)
  }

  #part(pair: Pair): void {
    pair.state = 'apart'
    pair.waitsSinceUs = null
    pair.timer?.cancel()
  }

  #discover(pair: Pair): void {
    const us = this.#options.discoveryUs(pair.a, pair.b)
    const kind = us === null ? 'ble/seeks' : 'ble/meets'
    pair.timer = this.#kernel.schedule(us ?? msToUs(DISCOVERY_STEP_MS), kind, WORLD, () => {
      // A walk out of range is found to within a step, so the pair is looked at once more.
      if (!this.#isInTouch(pair)) this.#part(pair)
      else if (us === null) this.#discover(pair)
      else {
        pair.waitsSinceUs = this.#kernel.nowUs
        if (this.#makesRoom(pair)) this.#link(pair)
      }
    })
  }

  #link(pair: Pair): void {
    pair.state = 'linked'
    pair.waitsSinceUs = null
    pair.isBroken = false
    pair.linkedSinceUs = this.#kernel.nowUs
    this.#options.handlers.linked(pair.a, pair.b)
    this.#lookAgain(pair)
  }

  /** The memory of the link is gone at one end; the other holds its place until the timeout. */
  #break(pair: Pair, isSilent: boolean): void {
    if (pair.isBroken) return
    pair.isBroken = true
    if (pair.state === 'linked') this.#supervise(pair)
    pair.state = 'fading'
    if (isSilent) this.#options.handlers.faded(pair.a, pair.b)
  }

  #supervise(pair: Pair): void {
    pair.timer = this.#kernel.schedule(msToUs(SUPERVISION_TIMEOUT_MS), 'ble/silence', WORLD, () => this.#end(pair))
  }

  #end(pair: Pair): void {
    pair.timer?.cancel()
    pair.state = 'apart'
    pair.isBroken = false
    this.#options.handlers.lost(pair.a, pair.b)
    this.#update(pair)
    this.#admit(pair.a)
    this.#admit(pair.b)
  }

  /** Gives free places of a node to those who wait: first to who has fewest links, then to who has waited longest. */
  #admit(node: number): void {
    const station = this.#station(node)
    const waiting = [...station.pairs.values()].filter(({ waitsSinceUs }) => waitsSinceUs !== null)
    const rank = (pair: Pair): number => this.linksOf(pair.a === node ? pair.b : pair.a)
    waiting.sort((x, y) => rank(x) - rank(y) || x.waitsSinceUs! - y.waitsSinceUs! || x.a - y.a || x.b - y.b)
    for (const pair of waiting) {
      // An earlier one may have taken its place meanwhile.
      if (pair.waitsSinceUs !== null && this.#makesRoom(pair)) this.#link(pair)
    }
  }

  /** Whether both nodes have a place now; full ones let their oldest link go if it has stood long enough. */
  #makesRoom(pair: Pair): boolean {
    const full = [pair.a, pair.b].filter(node => this.linksOf(node) >= this.#maxConnections)
    for (const node of full) {
      const oldest = this.#oldestLink(node)
      // Silent ones all: their places become free within the timeout.
      if (oldest === null) return false
      const sinceUs = Math.max(oldest.linkedSinceUs, this.#station(node).rotatedUs)
      const ripeUs = sinceUs + msToUs(LEAST_STAND_MS)
      if (ripeUs <= this.#kernel.nowUs) continue
      this.#admitAt(node, ripeUs)
      return false
    }
    for (const node of full) this.#retire(this.#oldestLink(node)!, node)
    return true
  }

  /** A link makes room for another one of this node. The two stay near each other and wait for their turn. */
  #retire(pair: Pair, node: number): void {
    const { nowUs } = this.#kernel
    pair.state = 'near'
    pair.waitsSinceUs = nowUs
    this.#station(node).rotatedUs = nowUs
    this.#options.handlers.lost(pair.a, pair.b)
    this.#update(pair)
    // The other one has a place to give away now.
    this.#admitAt(pair.a === node ? pair.b : pair.a, nowUs)
  }

  #admitAt(node: number, atUs: number): void {
    const station = this.#station(node)
    if (station.rotation?.pending) {
      if (station.rotationUs <= atUs) return
      station.rotation.cancel()
    }
    station.rotationUs = atUs
    station.rotation = this.#kernel.schedule(atUs - this.#kernel.nowUs, 'ble/rotates', WORLD, () => this.#admit(node))
  }

  #oldestLink(node: number): Pair | null {
    let oldest: Pair | null = null
    for (const pair of this.#station(node).pairs.values()) {
      if (pair.state !== 'linked') continue
      if (oldest === null || pair.linkedSinceUs < oldest.linkedSinceUs) oldest = pair
    }
    return oldest
  }

  /** Whether the two can hear each other well enough for what they are to each other. */
  #isInTouch(pair: Pair): boolean {
    const { a, b } = pair
    if (this.#station(a).presence !== 'on' || this.#station(b).presence !== 'on') return false
    if (this.#options.isBlocked(a, b)) return false
    const { nowUs } = this.#kernel
    return this.#isStrongEnough(pair, nowUs, this.#reach.distanceM(a, b, nowUs))
  }

  #edge(a: number, b: number, weakestDbm: number): Edge {
    const { mostFadingDb } = this.#reach
    const nearM = this.#reach.rangeM(a, b, weakestDbm + mostFadingDb)
    const farM = mostFadingDb === 0 ? nearM : this.#reach.rangeM(a, b, weakestDbm - mostFadingDb)
    return { weakestDbm, nearM, farM }
  }

  /** At a moment at which they are so far apart. */
  #isStrongEnough(pair: Pair, atUs: number, distance: number): boolean {
    const { a, b } = pair
    const { weakestDbm, nearM, farM } = edgeOf(pair)
    if (distance <= nearM) return true
    if (distance > farM) return false
    return Math.min(this.#reach.rssiDbm(a, b, atUs), this.#reach.rssiDbm(b, a, atUs)) >= weakestDbm
  }

  /**
   * Arranges to be called when the two next come into range or leave it. The distance changes no faster than the two
   * walk, so what is far from the edge is left alone for as long as that takes. Where fading decides, each of its steps
   * counts.
   */
  #lookAgain(pair: Pair): void {
    pair.crossing?.cancel()
    pair.crossing = null
    const { nowUs } = this.#kernel
    const { a, b } = pair
    const { nearM, farM } = edgeOf(pair)
    const isInside = this.#isStrongEnough(pair, nowUs, this.#reach.distanceM(a, b, nowUs))
    const endUs = nowUs + msToUs(LOOK_AHEAD_MS)
    for (let atUs = nowUs; ; ) {
      const closingMps = this.#reach.closingMps(a, b, atUs)
      const distance = this.#reach.distanceM(a, b, atUs)
      const isWavering = distance > nearM && distance <= farM
      const hasCrossed = this.#isStrongEnough(pair, atUs, distance) !== isInside
      if (!hasCrossed && closingMps === 0 && !isWavering) return
      if (hasCrossed || atUs >= endUs) {
        pair.crossing = this.#kernel.schedule(atUs - nowUs, 'ble/crosses', WORLD, () => this.#update(pair))
        return
      }
      const gapM = isWavering ? WAVERING_STEP_M : distance <= nearM ? nearM - distance : distance - farM
      const freeUs = Math.floor((gapM / closingMps) * 1_000_000)
      const walkedUs = atUs + Math.max(msToUs(CROSSING_STEP_MS), Number.isFinite(freeUs) ? freeUs : endUs - atUs)
      atUs = isWavering ? Math.min(walkedUs, this.#reach.nextFadeUs(atUs)) : walkedUs
    }
  }

  #station(node: number): Station {
    const station = this.#stations.get(node)
    invariant(station !== undefined, 'the node carries this radio')
    return station
  }
}

function isLink(pair: Pair): boolean {
  return pair.state === 'linked' || pair.state === 'fading'
}

/** The edge that matters to the pair now. */
function edgeOf(pair: Pair): Edge {
  return isLink(pair) ? pair.stays : pair.connects
}

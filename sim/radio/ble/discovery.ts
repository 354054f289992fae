/**
 * How long two nodes near each other take to meet: each advertises and scans, one falls into the other's window, the
 * other listens for its next advert without pause and answers it, and the two set up their connection. All of it is
 * drawn at once, so that a meeting is one event.
 */

import { type Kernel, msToUs, roundTo, type SimRandom } from '../../kernel/index.js'
import { packetErrorRate } from './error-rate.js'
import { CHANNEL_CHANGE_US, DISCOVERY_STEP_MS, MAX_ADVERT_DELAY_US, SETUP_EVENTS } from './limits.js'
import { pduAirtimeUs } from './pdu.js'
import type { Reach } from './reach.js'
import { Scanner } from './scan.js'
import { type BleSpec, PRIMARY_CHANNELS, primaryPhy } from './spec.js'

/** Address and data of a full legacy advert. */
const ADVERT_BYTES = 37

export class Discovery {
  readonly #kernel: Kernel
  readonly #spec: BleSpec
  readonly #reach: Reach
  readonly #heardDbm: number
  readonly #connectionIntervalUs: number
  readonly #scanners = new Map<number, Scanner>()

  /** Nodes heard at least at `heardDbm` disturb each other's adverts. */
  constructor(kernel: Kernel, spec: BleSpec, reach: Reach, heardDbm: number, connectionIntervalUs: number) {
    this.#kernel = kernel
    this.#spec = spec
    this.#reach = reach
    this.#heardDbm = heardDbm
    this.#connectionIntervalUs = connectionIntervalUs
  }

  /** Microseconds until the two are connected; null when they do not find each other within `DISCOVERY_STEP_MS`. */
  drawUs(a: number, b: number): number | null {
    const random = this.#kernel.random(`radio/${this.#spec.name}/${this.#reach.nameOf(a)}/meets`)
    const { nowUs } = this.#kernel
    const endUs = nowUs + msToUs(DISCOVERY_STEP_MS)
    const intervalUs = msToUs(this.#spec.intervalMs)
    const sides = [
      { from: a, to: b, nextUs: nowUs + random.int(intervalUs), clear: this.#undisturbed(b) },
      { from: b, to: a, nextUs: nowUs + random.int(intervalUs), clear: this.#undisturbed(a) },
    ] satisfies [unknown, unknown]
    for (;;) {
      const side = sides[0].nextUs <= sides[1].nextUs ? sides[0] : sides[1]
      const { from, to, nextUs, clear } = side
      if (nextUs >= endUs) return null
      const isFound = this.#isInWindow(to, nextUs) && this.#isRead(random, from, to, nextUs, clear)
      side.nextUs += intervalUs + random.int(MAX_ADVERT_DELAY_US + 1)
      if (!isFound) continue
      // From now on the finder listens all the time; the answer is as short as the advert was.
      while (side.nextUs < endUs && !this.#isRead(random, from, to, side.nextUs, clear)) {
        side.nextUs += intervalUs + random.int(MAX_ADVERT_DELAY_US + 1)
      }
      return side.nextUs >= endUs ? null : side.nextUs - nowUs + SETUP_EVENTS * this.#connectionIntervalUs
    }
  }

  #isInWindow(node: number, atUs: number): boolean {
    let scanner = this.#scanners.get(node)
    if (scanner === undefined) {
      const stream = `radio/${this.#spec.name}/${this.#reach.nameOf(node)}/scan`
      scanner = new Scanner(this.#spec, this.#kernel.random(stream))
      this.#scanners.set(node, scanner)
    }
    const us = pduAirtimeUs(primaryPhy(this.#spec), ADVERT_BYTES)
    for (let channel = 0; channel < PRIMARY_CHANNELS; channel++) {
      const startUs = atUs + channel * (us + CHANNEL_CHANGE_US)
      if (scanner.hears(channel, startUs, startUs + us)) return true
    }
    return false
  }

  #isRead(random: SimRandom, from: number, to: number, atUs: number, clear: number): boolean {
    const rssiDbm = this.#reach.rssiDbm(from, to, atUs)
    const rate = packetErrorRate(primaryPhy(this.#spec), rssiDbm, ADVERT_BYTES)
    return random.float() >= rate && random.float() < clear
  }

  /** Chance that none of the others that a node hears advertises at the same time as the one it is to hear. */
  #undisturbed(node: number): number {
    const others = Math.max(0, this.#reach.hearers(node, this.#heardDbm).length - 1)
    const us = pduAirtimeUs(primaryPhy(this.#spec), ADVERT_BYTES)
    const everyUs = msToUs(this.#spec.intervalMs) + MAX_ADVERT_DELAY_US / 2
    return roundTo(Math.exp((-2 * others * us) / everyUs), 2 ** -20)
  }
}

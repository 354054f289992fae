/** The books of connections: packets with data, and what became of them. Connections do not know classes of frames. */

import { FRAME_CLASSES, type FrameClass } from '../../../engine/ports.js'
import type { AirAccount } from '../air.js'

const MINUTE_US = 60_000_000
const MINUTES = 60

/** Frames are link-layer packets with data, repeats included; bytes are their payloads. */
export interface BleConnectionAccount extends AirAccount {
  /** Links that came about, ever. */
  readonly connections: number
  /** Adverts and empty packets of all nodes, computed from intervals; no part of `airtimeUs`. */
  readonly idleAirtimeUs: number
}

export class ConnectionBooks {
  connections = 0
  idleAirtimeUs = 0
  #frames = 0
  #bytes = 0
  #receptions = 0
  #weak = 0
  #random = 0
  /** Airtime of each node by minute: no law applies here, so windows need not be exact. */
  readonly #minutes = new Map<number, number[]>()

  constructor(nodes: readonly number[]) {
    for (const node of nodes) this.#minutes.set(node, [])
  }

  sent(node: number, bytes: number, airtimeUs: number, atUs: number, fate: 'received' | 'weak' | 'random'): void {
    this.#frames++
    this.#bytes += bytes
    if (fate === 'received') this.#receptions++
    else if (fate === 'weak') this.#weak++
    else this.#random++
    const minutes = this.#minutes.get(node)!
    const minute = Math.floor(atUs / MINUTE_US)
    while (minutes.length <= minute) minutes.push(0)
    minutes[minute]! += airtimeUs
  }

  close(nowUs: number): BleConnectionAccount {
    const airtimeUsOf = new Map<number, number>()
    let airtimeUs = 0
    let mostUs = 0
    for (const [node, minutes] of this.#minutes) {
      const totalUs = minutes.reduce((sum, us) => sum + us, 0)
      airtimeUsOf.set(node, totalUs)
      airtimeUs += totalUs
      mostUs = Math.max(mostUs, busiestUs(minutes))
    }
    const windowUs = Math.min(nowUs, MINUTES * MINUTE_US)
    return {
      frames: this.#frames,
      bytes: this.#bytes,
      airtimeUs,
      receptions: this.#receptions,
      losses: { weak: this.#weak, collision: 0, halfDuplex: 0, random: this.#random, dutyCycleHeld: 0 },
      bytesByClass: nothingByClass(),
      airtimeUsByClass: nothingByClass(),
      airtimeUsOf,
      maxDutyCycle: windowUs > 0 ? mostUs / windowUs : 0,
      connections: this.connections,
      idleAirtimeUs: this.idleAirtimeUs,
    }
  }
}

/** The most airtime of any hour that begins with a minute. */
function busiestUs(minutes: readonly number[]): number {
  let sum = 0
  let most = 0
  for (const [at, us] of minutes.entries()) {
    sum += us - (minutes[at - MINUTES] ?? 0)
    most = Math.max(most, sum)
  }
  return most
}

function nothingByClass(): Record<FrameClass, number> {
  return Object.fromEntries(FRAME_CLASSES.map(kind => [kind, 0])) as Record<FrameClass, number>
}

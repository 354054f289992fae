/**
 * The channel of a flood: which frames a node notices, which of them it receives, and which destroy each other, by the
 * rules of Meshtasticator. Collisions are judged at each receiver once, when a frame begins. What begins at the same
 * moment happens at once: neither of two such senders notices the other in time.
 */

import type { FloodGround, Neighbour } from './flood-ground.js'

/** A frame survives another that is so much weaker. */
const CAPTURE_DB = 6

export interface FloodFrame {
  readonly sender: number
  startUs: number
  endUs: number
  /** One for each neighbour of the sender, in their order. */
  heard: Heard[]
}

/** A frame as one node hears it. */
export interface Heard {
  readonly frame: FloodFrame
  readonly at: Neighbour
  /** False where the node was sending when the frame began, or is too far away to receive. */
  isSensed: boolean
  hasCollided: boolean
  /** What lost when it began is not followed any further and disturbs nobody later. */
  lostAtOnce: boolean
}

export class FloodChannel {
  /** Pairs of a frame that is over and a node that sensed it. */
  sensed = 0
  /** Those of them that another frame destroyed. */
  collided = 0
  readonly #ground: FloodGround
  /** By node: what is on the air there. */
  readonly #heard: Heard[][]
  readonly #isSending: Uint8Array

  constructor(ground: FloodGround) {
    this.#ground = ground
    this.#heard = Array.from({ length: ground.nodes }, () => [])
    this.#isSending = new Uint8Array(ground.nodes)
  }

  /** Whether the node has to wait: it sends or receives, or senses a carrier that is on the air for a slot at least. */
  isBusy(node: number, nowUs: number): boolean {
    if (this.#isSending[node] === 1) return true
    const slotAgoUs = nowUs - this.#ground.slotUs
    for (const { frame, isSensed, lostAtOnce } of this.#heard[node]!) {
      if (frame.startUs <= slotAgoUs || (isSensed && !lostAtOnce && frame.startUs < nowUs)) return true
    }
    return false
  }

  begin(frame: FloodFrame, nowUs: number): void {
    frame.startUs = nowUs
    frame.endUs = nowUs + this.#ground.airtimeUs
    this.#isSending[frame.sender] = 1
    for (const heard of this.#heard[frame.sender]!) {
      if (heard.frame.startUs === nowUs) heard.isSensed = false
    }
    const spareUntilUs = nowUs + this.#ground.spareUs
    frame.heard = this.#ground.neighbours[frame.sender]!.map(at => {
      const heard: Heard = { frame, at, isSensed: false, hasCollided: false, lostAtOnce: false }
      const others = this.#heard[at.node]!
      if (at.canReceive) {
        heard.isSensed = this.#isSending[at.node] === 0
        collide(heard, others, spareUntilUs)
      }
      others.push(heard)
      return heard
    })
  }

  /** The frame is over; the sender is free again, and it is told who sensed it and whether it was received there. */
  end(frame: FloodFrame, tell: (heard: Heard, isReceived: boolean) => void): void {
    this.#isSending[frame.sender] = 0
    for (const heard of frame.heard) {
      const others = this.#heard[heard.at.node]!
      others.splice(others.indexOf(heard), 1)
      if (!heard.isSensed) continue
      this.sensed++
      if (heard.hasCollided) this.collided++
      tell(heard, !heard.hasCollided)
    }
    frame.heard = []
  }
}

/** Less than the capture apart, both lose; else the weaker. What ends while the newcomer can spare symbols is harmless. */
function collide(heard: Heard, others: readonly Heard[], spareUntilUs: number): void {
  for (const other of others) {
    if (!other.at.canReceive || other.lostAtOnce || other.frame.endUs <= spareUntilUs) continue
    const strongerDb = heard.at.rssiDbm - other.at.rssiDbm
    if (strongerDb < CAPTURE_DB) heard.hasCollided = true
    if (strongerDb > -CAPTURE_DB) other.hasCollided = true
  }
  heard.lostAtOnce = heard.hasCollided
}

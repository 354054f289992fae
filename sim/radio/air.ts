/** What every simulated medium offers to the world that lays it out, whatever its physics. */

import type { FrameClass, Radio } from '../../engine/ports.js'

export interface Air {
  /** As the scenario calls it. */
  readonly name: string
  readonly type: 'lora' | 'ble'
  /** Numbers of the nodes that carry this radio, ascending. */
  readonly nodes: readonly number[]
  /** The radio of one boot of a node. */
  attach(node: number): Radio
  /** The node's power is gone: a frame that it was sending breaks off, what waited is forgotten. */
  detach(node: number): void
  /** While it holds, nothing from `from` reaches `to` where the predicate says so. Returns what ends it. */
  block(isBlocked: (from: number, to: number) => boolean): () => void
  /** Time on air of a frame, repeats included. */
  airtimeUs(bytes: number): number
  /** Share of the time that the law leaves each node; 1 without a law. */
  readonly share: number
  /** Moves a node at once. */
  place(node: number, at: Place): void
  /** Error rate of a frame without interference, shadowing included, fading left out; 1 out of range. */
  frameErrorRate(from: number, to: number, bytes: number): number
  account(): AirAccount
}

/** Metres on a plane. */
export interface Place {
  readonly xM: number
  readonly yM: number
}

/** From `atMs` on, straight to `to`. A later waypoint takes over from wherever the node is then. */
export interface Waypoint {
  readonly atMs: number
  readonly to: Place
  readonly speedMps: number
}

/** A node as the air sees it. */
export interface AirNode {
  readonly node: number
  readonly name: string
  readonly at: Place
  readonly move: readonly Waypoint[]
  readonly antenna: { readonly gainDb: number; readonly heightM: number }
}

/** Sums over the whole run. Receptions and losses count pairs of a frame and a node that could have heard it. */
export interface AirAccount {
  readonly frames: number
  readonly bytes: number
  readonly airtimeUs: number
  readonly receptions: number
  readonly losses: AirLosses
  readonly bytesByClass: Readonly<Record<FrameClass, number>>
  readonly airtimeUsByClass: Readonly<Record<FrameClass, number>>
  /** Airtime by number of node. */
  readonly airtimeUsOf: ReadonlyMap<number, number>
  /** The largest share of any window of an hour that any node sent; of the whole run where that is shorter. */
  readonly maxDutyCycle: number
}

export interface AirLosses {
  /** Too weak in the noise. Nodes far out of range are not counted. */
  readonly weak: number
  readonly collision: number
  /** The receiver was sending. */
  readonly halfDuplex: number
  /** The scenario's own loss. */
  readonly random: number
  /** Frames that the law held back; not losses, but time. */
  readonly dutyCycleHeld: number
}

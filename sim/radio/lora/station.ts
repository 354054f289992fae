/** What the air keeps of each radio of a kind, and of each frame on its way. */

import type { FrameClass, Signal } from '../../../engine/ports.js'
import type { SimRandom } from '../../kernel/index.js'
import type { DutyLedger, Stay } from '../law.js'
import type { Disturbance } from './capture.js'
import type { Post } from './field.js'
import type { Stranger } from './interference.js'
import type { Mac } from './spec.js'

/** The radio of one boot of a node, while its power lasts. */
export interface Listener {
  hear(frame: Uint8Array, signal: Signal): void
  die(): void
}

export interface Station extends Post {
  readonly ledger: DutyLedger
  readonly random: SimRandom
  readonly mac: Mac
  radio: Listener | null
  sending: Flight | null
  /** Its receiver hears nothing before this moment. */
  deafUntilUs: number
  hearing: Reception[]
  /** Frames of other kinds that are in its channel. */
  intrusions: Intrusion[]
}

export interface Flight {
  readonly from: Station
  readonly bytes: Uint8Array
  readonly kind: FrameClass
  readonly startUs: number
  endUs: number
  readonly receptions: Reception[]
  /** At the stations of other kinds, which it disturbs. */
  readonly intrusions: Intrusion[]
  readonly stay: Stay | null
  isBroken: boolean
}

export interface Reception extends Disturbance {
  readonly flight: Flight
  readonly at: Station
  /** What chirps at the same rate, and what does not. */
  readonly others: Disturbance[]
  readonly strangers: Stranger[]
  isDeaf: boolean
  /** Its radio was off for some of the frame, so there is nobody to hear it; still it disturbs what comes after. */
  isMissed: boolean
}

export interface Intrusion extends Disturbance {
  readonly at: Station
  /** Its spreading factor as this channel sees it; null where it chirps at the same rate. */
  readonly asSf: number | null
  /** The node sends it itself, with another radio. */
  readonly isOwn: boolean
}

/** What the enumeration of power cuts speaks of. */

import type { OperationId, Topic } from '../../engine/core/index.js'
import type { DiskImage, DiskStep } from '../disk/index.js'

export type Journal = 'wal' | 'rollback'

/** A storage step of one node that does not happen any more. */
export interface CrashPoint {
  readonly journal: Journal
  readonly node: string
  /** Of this node's disk, counting from 1. */
  readonly step: number
  readonly kind: DiskStep
  /** Virtual time of the cut. */
  readonly atMs: number
}

export interface CrashViolation extends CrashPoint {
  readonly check: string
  /** Which of the point's damage seeds, counting from 1; 0 for the run without a cut. */
  readonly damage: number
  readonly detail: string
}

/** What a check found, before it is known where. */
export interface Finding {
  readonly check: string
  readonly detail: string
}

/** What an app was told, in the order of the telling. */
export interface Told {
  readonly type: 'delivered' | 'acknowledged'
  readonly consumer: string
  readonly id: OperationId
}

/** How a node stands at the moment of a cut, beside what lies on its disk. */
export interface NodeState {
  readonly name: string
  readonly topics: ReadonlySet<Topic>
  readonly ackPolicy: 'automatic' | 'explicit'
  readonly consumer: string | undefined
  readonly told: readonly Told[]
}

/** A cut as it is carried out of the run: what may be left of the node, and who it will meet again. */
export interface Captured {
  readonly point: CrashPoint
  readonly node: NodeState
  /** One image for each damage seed. */
  readonly survivors: readonly DiskImage[]
  /** The other nodes as their processes see their disks. */
  readonly peers: readonly { readonly state: NodeState; readonly image: DiskImage }[]
  /** Publications that had resolved, of all nodes: so many of the ledger's entries. */
  readonly published: number
}

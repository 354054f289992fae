/** What a run has come to, in whatever world it ran: all that expectations and the report are made from. */

import type { OperationId, Topic, VerifyingKey } from '../../engine/core/index.js'
import type { Ledger, SafetyChecks } from '../checks/index.js'
import type { NodeSessions, OverlayWatch } from './overlay-watch.js'
import type { RadioReport } from './radio-report.js'

export interface OutcomeNode {
  readonly index: number
  readonly name: string
  readonly id: VerifyingKey
  readonly isUp: boolean
  readonly topics: ReadonlySet<Topic>
  readonly checks: SafetyChecks
  readonly sessions: NodeSessions
  /** How far its logs of a topic reach, in words that differ when the logs do; null while it is down. */
  heights(topic: Topic): string | null
  /** Whether it is up and has the operation in its store. */
  holds(id: OperationId): boolean
}

export interface Outcome {
  readonly nodes: readonly OutcomeNode[]
  readonly topics: ReadonlyMap<string, Topic>
  readonly ledger: Ledger
  readonly overlay: OverlayWatch | null
  /** When the last publication, change of subscription or fault is over. */
  readonly calmUs: number
  /** When the last fault or change of subscription is. */
  readonly settledUs: number
  /** Since when all subscribers have stood at the same heights, after the calm. */
  readonly convergedAtUs: number | null
  /** Those whose app should have everything of the topic. */
  subscribers(topic: Topic): readonly OutcomeNode[]
  linkBytes(): number
  radioReport(): RadioReport | null
}

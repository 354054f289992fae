/** The report of one run, as `--json` prints it: names and fields are users' contract. */

import type { Violation } from '../checks/index.js'
import type { RadioReport } from './radio-report.js'

export interface Report {
  readonly thicket: string
  readonly scenario: string
  readonly seed: number
  readonly verdict: 'pass' | 'fail' | 'unknown'
  /** Why the verdict is `unknown`. */
  readonly reason?: string
  /** Hex of the rolling hash over every event; null where events are not repeatable. */
  readonly fingerprint: string | null
  readonly simulatedMs: number
  readonly wallMs: number
  readonly events: number
  readonly expectations: readonly ExpectationResult[]
  readonly violations: readonly ReportedViolation[]
  readonly nodes: readonly NodeReport[]
  readonly sync: SyncReport
  readonly ordering: OrderingReport
  /** Null where nodes meet at links alone. */
  readonly network: NetworkReport | null
  /** Null while no node carries a radio. */
  readonly radio: RadioReport | null
  readonly deliveryMs: { readonly p50: number; readonly p90: number; readonly max: number } | null
  readonly convergedAtMs: number | null
}

export interface ExpectationResult {
  readonly name: string
  readonly ok: boolean
  readonly detail: string
}

export interface ReportedViolation {
  readonly check: string
  readonly node: string
  readonly atMs: number
  readonly detail: string
}

export interface NodeReport {
  readonly name: string
  readonly id: string
  /** Operations in the node's store at the end. */
  readonly operations: number
  /** Different operations that reached the app. */
  readonly delivered: number
  /** Different operations whose acknowledgement was durable. */
  readonly acked: number
  readonly crashes: number
  /** Of all that it stores, how it is ordered and acknowledged: equal seeds give equal hashes in the simulated world. */
  readonly stateHash: string
  /** Of authors, topics, sequence numbers and bodies alone: the same in every world in which a scenario runs. */
  readonly contentHash: string
}

/** Over all nodes that are up at the end. */
export interface OrderingReport {
  /** Operations that wait for what they name. */
  readonly waiting: number
  /** Operations that were released without something that they name, once for each node. */
  readonly waived: number
}

export interface SyncReport {
  readonly sessions: number
  /** Bytes written to links, by all nodes. */
  readonly bytes: number
  /** Operations sent, by all nodes, repetitions included. */
  readonly operations: number
}

export interface NetworkReport {
  /** Sessions of log sync: the mean over all nodes and all the time, and the most that one node had at a time. */
  readonly sessionsPerNode: { readonly mean: number; readonly max: number }
  /** Since when the sessions join all subscribers of each topic; null when they do not at the end. */
  readonly connectedAtMs: number | null
  /** Bytes on the wire by what they are for, handshakes and framing included. */
  readonly bytesByProtocol: Readonly<Record<string, number>>
}

export function reportedViolation(violation: Violation): ReportedViolation {
  const { check, node, atUs, detail } = violation
  return { check, node, atMs: atUs / 1_000, detail }
}

/** The value below which a fraction of the sorted values lies (nearest rank). */
export function percentile(sorted: readonly number[], fraction: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * fraction) - 1)] ?? 0
}

/** `41m12s`, `3.4s`, `80ms`: what a person reads at a glance. */
export function humanDuration(ms: number): string {
  // What would be rounded up to the next unit is said in that unit.
  if (ms < 999.5) return `${Math.round(ms)}ms`
  if (ms < 59_950) return `${Math.round(ms / 100) / 10}s`
  const seconds = Math.round(ms / 1_000)
  const hours = Math.floor(seconds / 3_600)
  const minutes = Math.floor((seconds % 3_600) / 60)
  const rest = seconds % 60
  const tail = rest > 0 ? `${rest}s` : ''
  if (hours === 0) return `${minutes}m${tail}`
  return `${hours}h${minutes > 0 || rest > 0 ? `${minutes}m` : ''}${tail}`
}

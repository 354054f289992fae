/**
 * What the sync sessions of one topic add up to, and the events that tell an app of them. Each session counts once: by
 * its newest counters while it runs, by its last ones after it has ended.
 *
 * The order in which an app hears of one session: sync-started, its operations, sync-ended, operations of live mode,
 * and a second sync-ended when live mode fails (spec/node.md 6.9).
 */

import type { ThicketError, VerifyingKey } from '../core/index.js'
import type { SyncEnded, SyncSessionSource, SyncStarted } from './events.js'

/** Counters of one session, as log sync keeps them. */
export interface SessionCounters {
  readonly outboundSyncOperations: number
  readonly outboundSyncBytes: number
  readonly inboundSyncOperations: number
  readonly inboundSyncBytes: number
  readonly sentSyncOperations: number
  readonly sentSyncBytes: number
  readonly receivedSyncOperations: number
  readonly receivedSyncBytes: number
  readonly sentLiveOperations: number
  readonly sentLiveBytes: number
  readonly receivedLiveOperations: number
  readonly receivedLiveBytes: number
}

/** A session at one moment. */
export interface SessionReport {
  readonly remote: VerifyingKey
  readonly sessionId: number
  readonly metrics: SessionCounters
}

interface Bytes {
  readonly sent: number
  readonly received: number
}

export class SessionTotals {
  readonly #running = new Map<number, Bytes>()
  #ended: Bytes = { sent: 0, received: 0 }

  /** Sessions in which both sides take part now. */
  get running(): number {
    return this.#running.size
  }

  started(report: SessionReport): SyncStarted {
    this.#running.set(report.sessionId, bytesOf(report.metrics))
    const { metrics } = report
    return {
      type: 'sync-started',
      remoteNodeId: report.remote,
      sessionId: report.sessionId,
      incomingOperations: metrics.inboundSyncOperations,
      outgoingOperations: metrics.outboundSyncOperations,
      incomingBytes: metrics.inboundSyncBytes,
      outgoingBytes: metrics.outboundSyncBytes,
      topicSessions: this.running,
    }
  }

  /** The sync phase is complete; the session may go on in live mode. */
  finished(report: SessionReport): SyncEnded {
    this.#note(report)
    return { type: 'sync-ended', ...this.#counters(report) }
  }

  /** The session is over. Only a failure is news: whoever heard of the end of the sync phase need not hear of this. */
  ended(report: SessionReport, error: ThicketError | null): SyncEnded | null {
    this.#note(report)
    const last = this.#running.get(report.sessionId)
    if (last) {
      this.#running.delete(report.sessionId)
      this.#ended = { sent: this.#ended.sent + last.sent, received: this.#ended.received + last.received }
    }
    return error ? { type: 'sync-ended', ...this.#counters(report), error } : null
  }

  /** Where operations came from that a session brought. */
  source(report: SessionReport & { readonly phase: 'sync' | 'live' }): SyncSessionSource {
    this.#note(report)
    return { type: 'sync-session', phase: report.phase, ...this.#counters(report) }
  }

  /** Reports of verified operations lag behind those of the session itself; counters only grow. */
  #note(report: SessionReport): void {
    const before = this.#running.get(report.sessionId)
    if (!before) return
    const now = bytesOf(report.metrics)
    this.#running.set(report.sessionId, {
      sent: Math.max(before.sent, now.sent),
      received: Math.max(before.received, now.received),
    })
  }

  #counters(report: SessionReport) {
    const { metrics } = report
    const { sent, received } = bytesOf(metrics)
    let { sent: sentTotal, received: receivedTotal } = this.#ended
    for (const bytes of this.#running.values()) {
      sentTotal += bytes.sent
      receivedTotal += bytes.received
    }
    return {
      remoteNodeId: report.remote,
      sessionId: report.sessionId,
      sentOperations: metrics.sentSyncOperations + metrics.sentLiveOperations,
      receivedOperations: metrics.receivedSyncOperations + metrics.receivedLiveOperations,
      sentBytes: sent,
      receivedBytes: received,
      sentBytesTopicTotal: sentTotal,
      receivedBytesTopicTotal: receivedTotal,
    }
  }
}

function bytesOf(metrics: SessionCounters): Bytes {
  return {
    sent: metrics.sentSyncBytes + metrics.sentLiveBytes,
    received: metrics.receivedSyncBytes + metrics.receivedLiveBytes,
  }
}

/** What log sync asks of the rest of the engine. The store and the intake satisfy these; tests use small fakes. */

import type { LogHeights, LogId, LogRange, ThicketError, Topic, VerifyingKey } from '../core/index.js'

export type { LogHeights, LogRange }

/** An operation as it travels: the bytes of its signed header and its body. */
export interface RawOperation {
  readonly header: Uint8Array
  readonly body: Uint8Array | null
}

export interface StoredRawOperation extends RawOperation {
  readonly author: VerifyingKey
  readonly logId: LogId
  readonly seqNum: number
  /** Place in the node's order of ingest; grows for ever. */
  readonly position: number
}

export interface SyncSource {
  /** Whether this node subscribes the topic and `peer` may be told so. */
  serves(topic: Topic, peer: VerifyingKey): boolean
  /** The heights of the logs that `peer` may hear of, together with the position up to which they speak. */
  heights(topic: Topic, peer: VerifyingKey): { readonly heights: LogHeights; readonly position: number }
  /** Count and bytes (headers and bodies held) in the ranges. */
  measure(ranges: readonly LogRange[]): { readonly operations: number; readonly bytes: number }
  /** Operations of one range in ascending order; fewer than `limit` only at the end of the range. */
  readRange(range: LogRange, limit: number, maxBytes: number): readonly StoredRawOperation[]
  /** Operations of the topic that were stored after `position` and that `peer` may have, in order of ingest. */
  readAfter(
    topic: Topic,
    position: number,
    limit: number,
    maxBytes: number,
    peer: VerifyingKey,
  ): readonly StoredRawOperation[]
}

export interface ReceivedOutcome {
  readonly outcome: 'stored' | 'duplicate' | 'held' | 'refused'
  /** Known once the header decoded. */
  readonly author?: VerifyingKey
  readonly logId?: LogId
  readonly seqNum?: number
  /** Why it was refused. */
  readonly error?: ThicketError
  /** The peer itself is at fault (malformed header, bad signature): the session must end with this error. */
  readonly fatal?: boolean
}

export interface ReceivedFrom {
  readonly topic: Topic
  readonly remote: VerifyingKey
  readonly sessionId: number
  readonly phase: 'sync' | 'live'
  /** Counters of the session at the time of receipt. */
  readonly metrics: SessionMetrics
}

export interface SyncSink {
  /**
   * Verifies, validates and stores; `done` is called once after the commit, at once or later, in order of the calls.
   * Returns false when so much is in flight that the caller should read no more before its next `done`.
   */
  receive(
    from: ReceivedFrom,
    operations: readonly RawOperation[],
    done: (outcomes: readonly ReceivedOutcome[]) => void,
  ): boolean
}

export interface SessionMetrics {
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

/** Told to the streams of the topic, in this order for one session: started, finished, live, ended. */
export type SyncEvent =
  | {
      readonly type: 'sync-started'
      readonly topic: Topic
      readonly remote: VerifyingKey
      readonly sessionId: number
      readonly metrics: SessionMetrics
    }
  | {
      readonly type: 'sync-finished'
      readonly topic: Topic
      readonly remote: VerifyingKey
      readonly sessionId: number
      readonly metrics: SessionMetrics
    }
  | {
      readonly type: 'session-ended'
      readonly topic: Topic
      readonly remote: VerifyingKey
      readonly sessionId: number
      readonly metrics: SessionMetrics
      readonly error: ThicketError | null
    }

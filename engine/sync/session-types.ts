/** What goes into a session and what comes out of it. All of it is plain data. */

import type { ThicketError, Topic } from '../core/index.js'
import type { Role } from '../ports.js'
import type {
  LogHeights,
  LogRange,
  RawOperation,
  ReceivedOutcome,
  SessionMetrics,
  StoredRawOperation,
} from './interfaces.js'
import type { SyncLimits } from './limits.js'

export interface SessionConfig {
  readonly role: Role
  /** What the initiator asks for; null for the acceptor, who hears it. */
  readonly topic: Topic | null
  /** Whether the session stays open after the sync phase and exchanges what is new; asked when that phase is over. */
  readonly live: boolean | ((topic: Topic) => boolean)
  /**
   * Operations that this side sends at most before it ends the session in order, to be begun again; asked once it is
   * known how many the remote lacks. Without it all that is missing is sent at once.
   */
  readonly window?: (topic: Topic, lack: number) => number
  readonly limits: SyncLimits
}

/** The two streams of a session, both opened by the initiator, one after the other. */
export type StreamName = 'handshake' | 'sync'

/** `nowMs` is monotonic. */
export type SessionInput = { readonly nowMs: number } & (
  | { readonly type: 'start' }
  | { readonly type: 'data'; readonly stream: StreamName; readonly bytes: Uint8Array }
  /** The remote half-closed the stream. */
  | { readonly type: 'end'; readonly stream: StreamName }
  /** The stream was aborted, or the whole connection is gone. */
  | { readonly type: 'lost'; readonly stream: StreamName | 'connection' }
  /** Everything written so far was taken, and more may be written. */
  | { readonly type: 'writable' }
  | { readonly type: 'admitted'; readonly admitted: boolean }
  | { readonly type: 'heights'; readonly heights: LogHeights; readonly position: number }
  | { readonly type: 'measured'; readonly operations: number; readonly bytes: number }
  | { readonly type: 'page'; readonly operations: readonly StoredRawOperation[] }
  /** The oldest batch that is with the sink has come back. */
  | { readonly type: 'outcomes'; readonly outcomes: readonly ReceivedOutcome[] }
  /** The sink wants no more before its next outcomes. */
  | { readonly type: 'sink-full' }
  /** New operations of the topic lie in the store. */
  | { readonly type: 'stored' }
  /** Ends the session in order; without `wait` at once. */
  | { readonly type: 'close'; readonly wait: boolean }
  /** Answers `more`. */
  | { readonly type: 'more' }
  /** The moment of the last `deadline` has come. */
  | { readonly type: 'deadline' }
)

/** To be carried out in order. Whoever executes them answers those that ask, each with one input. */
export type SessionEffect =
  | { readonly type: 'open'; readonly stream: StreamName }
  /** Answered by `writable` as soon as the stream takes more. */
  | { readonly type: 'write'; readonly stream: StreamName; readonly bytes: Uint8Array }
  /** Half-closes our side. */
  | { readonly type: 'end-stream'; readonly stream: StreamName }
  | { readonly type: 'pause' }
  | { readonly type: 'resume' }
  /** May this remote sync the topic now? Answered by `admitted`. */
  | { readonly type: 'admit'; readonly topic: Topic }
  | { readonly type: 'read-heights' }
  | { readonly type: 'measure'; readonly ranges: readonly LogRange[] }
  /** Answered by `page`; an empty one says that nothing is left. */
  | { readonly type: 'read-range'; readonly range: LogRange; readonly limit: number; readonly maxBytes: number }
  /** Answered by `page`; an empty one says that nothing newer is stored. */
  | { readonly type: 'read-after'; readonly position: number; readonly limit: number; readonly maxBytes: number }
  /** For the sink; answered by `outcomes`, and by `sink-full` where that is so. */
  | {
      readonly type: 'deliver'
      readonly phase: 'sync' | 'live'
      readonly operations: readonly RawOperation[]
      readonly metrics: SessionMetrics
    }
  /** Replaces the deadline before; null means none. */
  | { readonly type: 'deadline'; readonly atMs: number | null }
  /** Whole frames are left; the session wants a turn after these effects. */
  | { readonly type: 'more' }
  | { readonly type: 'sync-started'; readonly metrics: SessionMetrics }
  | { readonly type: 'sync-finished'; readonly metrics: SessionMetrics }
  | { readonly type: 'live-started' }
  /** The last effect of a session. Nothing that comes later has one. */
  | { readonly type: 'ended'; readonly error: ThicketError | null; readonly metrics: SessionMetrics }

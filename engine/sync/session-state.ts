/** All that one side of a session remembers. Only `step` changes it. */

import { FrameDecoder, type LogHeights, type LogRange, type Topic } from '../core/index.js'
import type { RawOperation, SessionMetrics } from './interfaces.js'
import { KnownHeights } from './known-heights.js'
import type { SessionConfig, SessionEffect, StreamName } from './session-types.js'

export type SessionPhase =
  | 'new'
  | 'topic'
  | 'topic-done'
  | 'admitting'
  | 'have'
  | 'pre-sync'
  | 'sync'
  | 'live'
  /** Our `Close` is out. */
  | 'closing'
  /** Without live mode: all is said, and the remote's end of stream is awaited. */
  | 'draining'
  | 'ended'

type Counters = { -readonly [Name in keyof SessionMetrics]: number }

export interface Inbound {
  readonly decoder: FrameDecoder
  /** How the stream ended, once it has. */
  over: 'end' | 'lost' | null
  /** Whether anything ever came. */
  heard: boolean
}

/** Operations that are with the sink. */
interface Batch {
  readonly operations: readonly RawOperation[]
  readonly bytes: number
  readonly phase: 'sync' | 'live'
}

/** Only `step` changes a session; others may look at its phase, topic and metrics. */
export interface Session {
  readonly config: SessionConfig
  phase: SessionPhase
  topic: Topic | null
  readonly metrics: Counters
  readonly inbound: { readonly [Name in StreamName]: Inbound }
  effects: SessionEffect[]
  nowMs: number
  startedMs: number
  phaseSinceMs: number
  progressMs: number
  /** The deadline last asked for; later ones are looked at when it fires, so progress costs no timer. */
  armedMs: number | null
  /** When a session that is being closed must have ended. */
  closeAtMs: number | null
  localHeights: LogHeights | null
  preSyncSent: boolean
  doneSent: boolean
  remoteDone: 'no' | 'heard' | 'acted-upon'
  remoteClosed: boolean
  /** What the remote has by its `Have` and by what it sent. */
  known: KnownHeights
  ranges: readonly LogRange[]
  rangeIndex: number
  /** Operations that may still be sent in the sync phase. */
  windowOperations: number
  /** Something was left out because the window was full. */
  partial: boolean
  rangeAfter: number | null
  /** Place in the node's order of ingest up to which the remote has been served. */
  position: number
  /** Something may be stored beyond the position. */
  newer: boolean
  /** A page was asked for and has not come. */
  reading: boolean
  writable: boolean
  outbox: Uint8Array[]
  outboxBytes: number
  batch: RawOperation[]
  batchBytes: number
  readonly outstanding: Batch[]
  outstandingBytes: number
  outstandingOperations: number
  /** Live operations that are with the sink, so that a page that already has them is not sent back. */
  readonly arriving: Set<string>
  sinkFull: boolean
  paused: boolean
  delivered: boolean
  more: boolean
}

export function createSession(config: SessionConfig): Session {
  return {
    config,
    phase: 'new',
    topic: config.topic,
    metrics: {
      outboundSyncOperations: 0,
      outboundSyncBytes: 0,
      inboundSyncOperations: 0,
      inboundSyncBytes: 0,
      sentSyncOperations: 0,
      sentSyncBytes: 0,
      receivedSyncOperations: 0,
      receivedSyncBytes: 0,
      sentLiveOperations: 0,
      sentLiveBytes: 0,
      receivedLiveOperations: 0,
      receivedLiveBytes: 0,
    },
    inbound: {
      handshake: inbound(config.limits.handshakeFrameBytes),
      sync: inbound(config.limits.frameBytes),
    },
    effects: [],
    nowMs: 0,
    startedMs: 0,
    phaseSinceMs: 0,
    progressMs: 0,
    armedMs: null,
    closeAtMs: null,
    localHeights: null,
    preSyncSent: false,
    doneSent: false,
    remoteDone: 'no',
    remoteClosed: false,
    known: new KnownHeights(new Map()),
    ranges: [],
    rangeIndex: 0,
    windowOperations: Number.POSITIVE_INFINITY,
    partial: false,
    rangeAfter: null,
    position: 0,
    newer: false,
    reading: false,
    writable: false,
    outbox: [],
    outboxBytes: 0,
    batch: [],
    batchBytes: 0,
    outstanding: [],
    outstandingBytes: 0,
    outstandingOperations: 0,
    arriving: new Set(),
    sinkFull: false,
    paused: false,
    delivered: false,
    more: false,
  }
}

function inbound(limitBytes: number): Inbound {
  return { decoder: new FrameDecoder(limitBytes), over: null, heard: false }
}

/** What a subscription tells the app. */

import type { Header, LogId, OperationId, ThicketError, Topic, VerifyingKey } from '../core/index.js'
import type { AppWork } from './app-transaction.js'

export interface ProcessedOperation<Message> {
  readonly id: OperationId
  readonly author: VerifyingKey
  readonly topic: Topic
  /** Microseconds since the UNIX epoch, as the author's clock said. */
  readonly timestamp: bigint
  readonly message: Message
  readonly header: Header
  /**
   * Acknowledges this operation and everything before it in its log; resolves when that is durable. With a callback, its
   * reads and writes in the node's database and the acknowledgement commit together, or neither does.
   */
  ack(work?: AppWork): Promise<void>
}

export type Source = LocalStore | SyncSessionSource | ExternalStream | RadioSource

/** An own publication, or a replay of what was stored before. */
export interface LocalStore {
  readonly type: 'local-store'
}

/** Handed in by `import`. */
export interface ExternalStream {
  readonly type: 'external-stream'
  readonly sessionId: number
}

/** Heard on a radio; whose frame it was is not to be told, for many may have helped. */
export interface RadioSource {
  readonly type: 'radio'
  readonly radio: string
}

export interface SyncSessionSource {
  readonly type: 'sync-session'
  readonly remoteNodeId: VerifyingKey
  readonly sessionId: number
  readonly phase: 'sync' | 'live'
  readonly sentOperations: number
  readonly receivedOperations: number
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly sentBytesTopicTotal: number
  readonly receivedBytesTopicTotal: number
}

export type StreamEvent<Message> = Processed<Message> | DecodeFailed | ControlEvent

export interface Processed<Message> {
  readonly type: 'processed'
  readonly operation: ProcessedOperation<Message>
  readonly source: Source
  /** What the operation names and did not wait for any longer; see the waiver in README.md. */
  readonly missing: readonly OperationId[]
}

/** The operation stays unacknowledged, also below later marks: it comes again when the stream is made anew. */
export interface DecodeFailed {
  readonly type: 'decode-failed'
  readonly id: OperationId
  readonly author: VerifyingKey
  readonly header: Header
  readonly body: Uint8Array
  readonly error: Error
  readonly source: Source
}

/** Both sides have said what they will send. */
export interface SyncStarted {
  readonly type: 'sync-started'
  readonly remoteNodeId: VerifyingKey
  readonly sessionId: number
  readonly incomingOperations: number
  readonly outgoingOperations: number
  readonly incomingBytes: number
  readonly outgoingBytes: number
  readonly topicSessions: number
}

/** The sync phase is complete, or (with `error`) the session failed. */
export interface SyncEnded {
  readonly type: 'sync-ended'
  readonly remoteNodeId: VerifyingKey
  readonly sessionId: number
  readonly sentOperations: number
  readonly receivedOperations: number
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly sentBytesTopicTotal: number
  readonly receivedBytesTopicTotal: number
  readonly error?: ThicketError
}

/** Everything that is not an operation of the stream. */
export type ControlEvent =
  | SyncStarted
  | SyncEnded
  | {
      readonly type: 'processing-failed'
      readonly id: OperationId | null
      readonly author: VerifyingKey | null
      readonly error: ThicketError
      readonly source: Source
    }
  | {
      readonly type: 'fork-detected'
      readonly author: VerifyingKey
      readonly logId: LogId
      readonly seqNum: number
      /** Both headers as signed. */
      readonly known: Uint8Array
      readonly conflicting: Uint8Array
      readonly remote: VerifyingKey | null
    }
  | { readonly type: 'import-started'; readonly sessionId: number }
  | { readonly type: 'import-ended'; readonly sessionId: number }
  | { readonly type: 'replay-started'; readonly totalOperations: number }
  | { readonly type: 'replay-ended' }
  | { readonly type: 'replay-failed'; readonly error: Error }
  | { readonly type: 'ack-failed'; readonly id: OperationId; readonly error: Error }

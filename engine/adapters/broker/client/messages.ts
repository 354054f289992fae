/**
 * What a broker and its clients say to each other over a WebSocket, one JSON text a message. Numbers of 64 bits are
 * decimal strings, bytes are base64url, ids are hex.
 */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** Where a subscription begins; a cursor is the base64url of its bytes and carries the consumer's name. */
export type From = 'frontier' | 'start' | { readonly cursor: string }

/** A message of the app, or the body as it is. */
export type Content = { readonly message: Json } | { readonly bytes: string }

export type ClientMessage =
  | { readonly type: 'hello'; readonly token: string; readonly client: string }
  | PublishMessage
  | {
      readonly type: 'subscribe'
      readonly topic: string
      readonly consumer: string
      readonly from?: From
      readonly window?: number
    }
  | { readonly type: 'ack'; readonly topic: string; readonly consumer: string; readonly id: string }
  | { readonly type: 'unsubscribe'; readonly topic: string; readonly consumer: string }
  | { readonly type: 'ping' }

/** The same `ref` of the same client publishes once, however often it is sent. */
export type PublishMessage = {
  readonly type: 'publish'
  readonly ref: string
  readonly topic: string
  readonly dependsOn?: readonly string[]
} & Content

export type ServerMessage =
  | {
      readonly type: 'welcome'
      readonly client: string
      readonly nodeId: string
      /** A longer message ends the connection. */
      readonly messageBytes: number
    }
  | { readonly type: 'published'; readonly ref: string; readonly id: string }
  | {
      readonly type: 'event'
      readonly topic: string
      readonly consumer: string
      readonly event: BrokerEvent
    }
  | ErrorMessage
  | { readonly type: 'pong' }

export interface ErrorMessage {
  readonly type: 'error'
  /** Of the publication that failed. */
  readonly ref?: string
  /** Of the subscription that failed or is over. */
  readonly topic?: string
  readonly consumer?: string
  readonly code: string
  readonly message: string
  /** True where the same request may succeed later. */
  readonly retry?: boolean
}

export interface BrokerOperation {
  readonly id: string
  readonly author: string
  readonly topic: string
  readonly logId: string
  readonly seqNum: number
  /** Microseconds since the UNIX epoch. */
  readonly timestamp: string
  readonly previous: readonly string[]
  /** Absent when the body is no CBOR; 64-bit numbers in it are decimal strings, bytes base64url. */
  readonly message?: Json
  /** The body, where `message` does not tell all of it. */
  readonly bytes?: string
}

/** As the node's stream events; what is not named here has the fields of the node's own event of that type. */
export type BrokerEvent =
  | {
      readonly type: 'processed'
      readonly operation: BrokerOperation
      readonly source: { readonly type: string; readonly [field: string]: Json }
      readonly missing: readonly string[]
    }
  | { readonly type: ControlEventType; readonly [field: string]: Json }

export type ControlEventType =
  | 'sync-started'
  | 'sync-ended'
  | 'import-started'
  | 'import-ended'
  | 'replay-started'
  | 'replay-ended'
  | 'replay-failed'
  | 'processing-failed'
  | 'decode-failed'
  | 'ack-failed'
  | 'fork-detected'

/** What the runner and the processes of its nodes say to each other: JSON, in the order in which it was said. */

import type { OperationId, Topic, VerifyingKey } from '../../engine/core/index.js'
import type { TraceFields } from '../../engine/ports.js'
import type { AckPolicy } from '../../engine/streams/index.js'
import type { HeldOperation } from '../checks/index.js'

export interface Begin {
  readonly type: 'begin'
  /** Hex, as all bytes here. */
  readonly seed: string
  readonly networkId: string
  readonly database: string
  readonly listen: string
  /** `direct`: it syncs with everybody that it is told of; `hyparview`: it finds others, and an overlay picks among them. */
  readonly overlay: 'direct' | 'hyparview'
  readonly topics: readonly Topic[]
  readonly spoken: readonly Topic[]
  readonly refused: readonly VerifyingKey[]
  readonly ackPolicy: AckPolicy
  readonly consumer: string | null
  /** Whether everything that the engine traces is to be told. */
  readonly isTraced: boolean
}

export type ToNode =
  | Begin
  | { readonly type: 'connect'; readonly address: string }
  /** Takes the place of what was refused before. */
  | { readonly type: 'refuse'; readonly peers: readonly VerifyingKey[] }
  | {
      readonly type: 'publish'
      readonly ref: number
      readonly topic: Topic
      readonly body: string | null
      readonly prune: boolean
    }
  | { readonly type: 'say'; readonly topic: Topic; readonly body: string }
  | { readonly type: 'subscribe' | 'unsubscribe'; readonly topic: Topic }
  | { readonly type: 'configure'; readonly ack: AckPolicy | null; readonly consumer: string | null }
  | { readonly type: 'tell' }
  | { readonly type: 'stop' }

export type FromNode =
  /** It listens; what it holds was there before it began. */
  | { readonly type: 'ready'; readonly addresses: readonly string[]; readonly held: readonly OperationId[] }
  | {
      readonly type: 'published'
      readonly ref: number
      readonly id: OperationId
      readonly seqNum: number
      readonly backlink: OperationId | null
      readonly bodyHash: string | null
      /** Of header and body. */
      readonly bytes: number
    }
  | { readonly type: 'publish-refused'; readonly ref: number; readonly reason: string }
  | { readonly type: 'opened'; readonly consumer: string; readonly topic: Topic }
  | {
      readonly type: 'processed'
      readonly id: OperationId
      readonly author: VerifyingKey
      readonly topic: Topic
      readonly seqNum: number
      readonly backlink: OperationId | null
      readonly dependencies: readonly OperationId[]
      readonly bodyHash: string
      readonly consumer: string
      readonly durable: boolean
    }
  | { readonly type: 'acked'; readonly consumer: string; readonly id: OperationId }
  | { readonly type: 'forked'; readonly author: VerifyingKey; readonly seqNum: number }
  | { readonly type: 'heights'; readonly topic: Topic; readonly heights: string }
  /** An ephemeral message was sent, or reached the app. */
  | { readonly type: 'said' | 'heard' }
  | { readonly type: 'trace'; readonly event: string; readonly fields: TraceFields }
  | ({ readonly type: 'told' } & Told)

/** How a node stands when it is asked. */
export interface Told {
  readonly contents: readonly HeldOperation[]
  readonly stateHash: string
  readonly waiting: number
  readonly waived: number
  readonly sync: {
    readonly sessions: number
    readonly operations: number
    /** Of sync sessions, as they left the engine. */
    readonly bytes: number
  }
}

/** What an engine is made of. A world hands all of it in; nothing has a hidden default. */

import type { BroadcastSettings } from '../broadcast/index.js'
import type { SigningKey } from '../core/index.js'
import type { DiscoverySettings } from '../discovery/index.js'
import type { Clock, Crypto, Database, Radio, Random, Trace, Transport } from '../ports.js'
import type { AckPolicy } from '../streams/index.js'
import type { Access } from './access.js'

/** `causal` reads by order of release, `log` by order of ingest; both keep each log in sequence. */
export type Ordering = 'causal' | 'log'

export interface EngineOptions {
  readonly signingKey: SigningKey
  /** 32 bytes; nodes of different networks never meet. */
  readonly networkId: Uint8Array
  readonly database: Database
  readonly crypto: Crypto
  readonly clock: Clock
  readonly random: Random
  readonly transport: Transport
  /** Whom it talks to and what it serves; everybody and everything by default. */
  readonly access?: Access
  /** How it finds peers, where its transport has addresses. */
  readonly discovery?: Partial<DiscoverySettings>
  /** Shared media that the node hears and speaks on beside its connections; none by default. */
  readonly radios?: readonly Radio[]
  /** How patient the node is on its radios; the defaults suit LoRa and BLE. */
  readonly broadcast?: BroadcastSettings
  readonly trace: Trace | null
  readonly ackPolicy: AckPolicy
  readonly ordering: Ordering
  /** How long an operation waits for what it names, in milliseconds; 10 minutes by default. */
  readonly dependencyWaitMs?: number
}

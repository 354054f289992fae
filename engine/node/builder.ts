/** Builds a node. Every setting has a default that the world hands in; the last call of a setting wins. */

import { hexToBytes, SigningKey, ThicketError } from '../core/index.js'
import type { Share } from '../discovery/index.js'
import type { Clock, Crypto, Database, Random, Trace, Transport } from '../ports.js'
import type { AckPolicy } from '../streams/index.js'
import { type AccessRules, accessOf } from './access.js'
import type { Ordering } from './config.js'
import { createEngine } from './engine.js'
import type { Engine } from './engine-types.js'
import { Node } from './node.js'
import { oneOf } from './settings.js'

export type MdnsMode = 'active' | 'passive' | 'disabled'

/** What the true world gives a node that says nothing of its own. */
export interface NodeDefaults {
  readonly crypto: Crypto
  readonly clock: Clock
  readonly random: Random
  readonly networkId: Uint8Array
  /** Opens the file at a path, or a database in memory for ':memory:'. */
  openDatabase(path: string): Database
  openTransport(options: { readonly mdns: MdnsMode; readonly listen: readonly string[] }): SlowTransport
}

/** A transport whose beginning and end take time, as sockets do. */
export interface SlowTransport extends Transport {
  /** Resolves when it can be reached; rejects when it never will be, such as for a port that is taken. */
  ready?(): Promise<void>
  /** Resolves when all that it held is released, after `stop`. */
  closed?(): Promise<void>
}

export class NodeBuilder {
  readonly #defaults: NodeDefaults
  #signingKey: SigningKey | null = null
  #database = ':memory:'
  #ackPolicy: AckPolicy = 'automatic'
  #ordering: Ordering = 'causal'
  #networkId: Uint8Array
  #mdns: MdnsMode = 'active'
  #clock: Clock
  #random: Random
  #transport: SlowTransport | null = null
  #access: AccessRules = {}
  #share: Share | null = null
  readonly #listen: string[] = []
  #trace: Trace | null = null
  readonly #bootstraps: string[] = []

  constructor(defaults: NodeDefaults) {
    this.#defaults = defaults
    this.#networkId = defaults.networkId
    this.#clock = defaults.clock
    this.#random = defaults.random
  }

  /** The key that signs operations and is the node's id; a fresh one by default. */
  signingKey(key: SigningKey): this {
    this.#signingKey = key
    return this
  }

  /** Path of the SQLite file, created when absent, or ':memory:'. */
  database(path: string): this {
    this.#database = path
    return this
  }

  ackPolicy(policy: AckPolicy): this {
    this.#ackPolicy = oneOf('ackPolicy', policy, ['automatic', 'explicit'])
    return this
  }

  ordering(ordering: Ordering): this {
    this.#ordering = oneOf('ordering', ordering, ['causal', 'log'])
    return this
  }

  /** 32 bytes, or their hex. Nodes of different networks never meet. */
  networkId(networkId: Uint8Array | string): this {
    const bytes = typeof networkId === 'string' ? hexToBytes(networkId) : networkId
    if (bytes.length !== NETWORK_ID_BYTES) {
      throw new ThicketError('invalid-length', `a network id has ${NETWORK_ID_BYTES} bytes`, {
        actual: bytes.length,
        expected: NETWORK_ID_BYTES,
      })
    }
    this.#networkId = bytes
    return this
  }

  /** A multiaddr such as `/ip4/0.0.0.0/tcp/4001`; may be called again for more. By default a free port of all interfaces. */
  listen(multiaddr: string): this {
    this.#listen.push(multiaddr)
    return this
  }

  /** Whom the node talks to and what it serves; everybody and everything by default. */
  access(rules: AccessRules): this {
    accessOf(rules)
    this.#access = rules
    return this
  }

  /**
   * Which nodes a peer is told of: those who share a topic that it has shown to know (`common-topics`, the default over
   * TCP), every one (`all`, right for a node that others begin with), or only this one (`self`).
   */
  share(share: Share): this {
    this.#share = oneOf<Share>('share', share, ['all', 'common-topics', 'self'])
    return this
  }

  /** The address of a node to begin with; may be called again for more. */
  bootstrap(address: string): this {
    this.#bootstraps.push(address)
    return this
  }

  /** Whether nodes nearby find each other by themselves; `disabled` leaves addresses that are handed in. */
  mdns(mode: MdnsMode): this {
    this.#mdns = oneOf('mdns', mode, ['active', 'passive', 'disabled'])
    return this
  }

  clock(clock: Clock): this {
    this.#clock = clock
    return this
  }

  random(random: Random): this {
    this.#random = random
    return this
  }

  /** Instead of TCP; `listen` and `mdns` are then its own business. */
  transport(transport: SlowTransport): this {
    this.#transport = transport
    return this
  }

  /** Hears of everything that happens in the node, for logs and metrics; never influences it. */
  trace(trace: Trace): this {
    this.#trace = trace
    return this
  }

  async spawn(): Promise<Node> {
    const signingKey = this.#signingKey ?? SigningKey.random(this.#random)
    const access = accessOf(this.#access)
    const transport = this.#transport ?? this.#defaults.openTransport({ mdns: this.#mdns, listen: this.#listen })
    const database = this.#defaults.openDatabase(this.#database)
    let engine: Engine | null = null
    try {
      engine = createEngine({
        signingKey,
        networkId: this.#networkId,
        database,
        crypto: this.#defaults.crypto,
        clock: this.#clock,
        random: this.#random,
        transport,
        access,
        discovery: this.#share === null ? {} : { share: this.#share },
        trace: this.#trace,
        ackPolicy: this.#ackPolicy,
        ordering: this.#ordering,
      })
      await transport.ready?.()
      for (const address of this.#bootstraps) engine.connect(address)
      return new Node(engine, this.#networkId, this.#clock, () => transport.closed?.())
    } catch (error) {
      if (engine) engine.stop()
      else database.close()
      if (engine) await transport.closed?.()
      throw error
    }
  }
}

const NETWORK_ID_BYTES = 32

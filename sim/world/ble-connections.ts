/**
 * BLE radios that connect: nodes that come near each other find a link between them, with the `Transport` port on top as
 * on any link, and lose it when they part. Who meets whom and how fast bytes go is the radio's business; this joins it to
 * the links of the world.
 */

import { invariant, type VerifyingKey } from '../../engine/core/index.js'
import type { Transport } from '../../engine/ports.js'
import type { Kernel } from '../kernel/index.js'
import {
  type Air,
  type AirNode,
  type BleConnectionAccount,
  type BleSpec,
  createBleLinks,
  SUPERVISION_TIMEOUT_MS,
} from '../radio/index.js'
import { createNetwork, type Exit, type Network } from './links.js'

export interface BleConnectionsOptions {
  readonly kernel: Kernel
  readonly spec: BleSpec
  /** Those that carry this radio. */
  readonly nodes: readonly AirNode[]
  /** Node ids by number, of all nodes of the world. */
  readonly ids: readonly VerifyingKey[]
  readonly connectionIntervalMs?: number
  readonly maxConnections?: number
}

/** An air that gives nodes links instead of frames. */
export interface BleConnections extends Omit<Air, 'attach' | 'detach' | 'account' | 'airtimeUs' | 'share'> {
  /** The transport of one boot of a node. */
  transport(node: number): Transport
  /** The node's process ends now; without power its peers notice when the supervision timeout has passed. */
  die(node: number, exit?: Exit): void
  isLinked(a: number, b: number): boolean
  /** For counters and for tests. */
  readonly network: Network
  account(): BleConnectionAccount
}

/** Keys and signatures of a handshake in each direction, in small packets; nothing is padded as on the internet. */
const HANDSHAKE_BYTES = 200

export function createBleConnections(options: BleConnectionsOptions): BleConnections {
  const { kernel, spec, nodes, ids } = options
  const network = createNetwork(kernel, {
    nodes: ids,
    figures: { handshakeBytes: HANDSHAKE_BYTES, idleTimeoutMs: SUPERVISION_TIMEOUT_MS },
  })
  const links = createBleLinks({
    kernel,
    spec,
    nodes,
    ...(options.connectionIntervalMs === undefined ? {} : { connectionIntervalMs: options.connectionIntervalMs }),
    ...(options.maxConnections === undefined ? {} : { maxConnections: options.maxConnections }),
    handlers: {
      linked: (a, b, latencyMs, paces) => network.join(a, b, latencyMs, paces),
      faded: (a, b) => network.setLink(a, b, 'down'),
      recovered: (a, b) => network.setLink(a, b, 'up'),
      lost: (a, b) => network.sever(a, b),
    },
  })
  const carriers = new Set(links.nodes)

  return {
    name: spec.name,
    type: 'ble',
    nodes: links.nodes,
    network,
    transport(node) {
      invariant(carriers.has(node), 'the node carries this radio')
      const inner = network.transport(node)
      let isRunning = false
      return {
        start(host) {
          inner.start(host)
          isRunning = true
          links.setPresence(node, 'on')
        },
        addresses: () => inner.addresses(),
        dial: (peer, protocol, done) => inner.dial(peer, protocol, done),
        connect: address => inner.connect(address),
        stop() {
          if (!isRunning) return
          isRunning = false
          inner.stop()
          links.setPresence(node, 'leaving')
        },
      }
    },
    die(node, exit = 'power') {
      network.die(node, exit)
      links.setPresence(node, 'off')
      // A process that ends in order has its links closed by the system.
      if (exit === 'clean') for (const [a, b] of network.pairs()) if (a === node || b === node) links.hangUp(a, b)
    },
    isLinked: (a, b) => links.isLinked(a, b),
    block: isBlocked => links.block(isBlocked),
    place: (node, at) => links.place(node, at),
    frameErrorRate: (from, to, bytes) => links.frameErrorRate(from, to, bytes),
    account: () => links.account(),
  }
}

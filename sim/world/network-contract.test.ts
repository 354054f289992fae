/**
 * Goal: where any node can dial any other, the transport satisfies the connection contract that every transport
 * satisfies. Method: the shared suite, with A and B told of each other by address alone, on a quick network and on a bad one; the kernel
 * is the world that goes on.
 */

import { connectionContract, type TransportPair } from '../../engine/connection.contract.js'
import type { VerifyingKey } from '../../engine/core/index.js'
import type { Transport } from '../../engine/ports.js'
import { createKernel, WORLD } from '../kernel/index.js'
import { createNetwork, type LinkConditions } from './links.js'

const SETTLE_US = 20_000_000

function pairOver(conditions: Partial<LinkConditions>): TransportPair {
  const idA = 'a1'.repeat(32) as VerifyingKey
  const idB = 'b2'.repeat(32) as VerifyingKey
  const kernel = createKernel({ seed: 11 })
  const network = createNetwork(kernel, { nodes: [idA, idB], reach: { names: ['a', 'b'], conditions } })
  const told = (node: number, address: string): Transport => {
    const inner = network.transport(node)
    return {
      start(host) {
        inner.start(host)
        inner.connect(address)
      },
      addresses: () => inner.addresses(),
      dial: (peer, protocol, done) => inner.dial(peer, protocol, done),
      connect: another => inner.connect(another),
      stop: () => inner.stop(),
    }
  }
  return {
    a: told(0, 'sim:b'),
    b: told(1, 'sim:a'),
    idA,
    idB,
    networkId: new Uint8Array(32),
    async until(condition) {
      while (!condition()) if (kernel.run({ maxEvents: 1 }) === 'idle') throw new Error('the world stands still')
    },
    async settle() {
      kernel.run({ untilUs: kernel.nowUs + SETTLE_US })
    },
    async inTurn(body) {
      kernel.schedule(0, 'test', WORLD, body)
      kernel.run({ maxEvents: 1 })
    },
    killA: () => network.die(0),
    async close() {},
  }
}

connectionContract('a network that reaches all, quick', () => pairOver({}), { canKill: true })
connectionContract(
  'a network that reaches all, bad',
  () => pairOver({ latencyMs: 80, jitterMs: 60, bandwidthBps: 8_000_000, loss: 0.05 }),
  { canKill: true },
)

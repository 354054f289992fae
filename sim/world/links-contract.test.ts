/**
 * Goal: simulated links satisfy the connection contract that every transport satisfies.
 * Method: the shared suite, on a quick link and on a slow, lossy, jittery one; the kernel is the world that goes on.
 */

import { connectionContract, type TransportPair } from '../../engine/connection.contract.js'
import type { VerifyingKey } from '../../engine/core/index.js'
import { createKernel, WORLD } from '../kernel/index.js'
import { createNetwork, type LinkConditions } from './links.js'

const SETTLE_US = 20_000_000

function pairOver(conditions: Partial<LinkConditions>): TransportPair {
  const idA = 'a1'.repeat(32) as VerifyingKey
  const idB = 'b2'.repeat(32) as VerifyingKey
  const kernel = createKernel({ seed: 11 })
  const network = createNetwork(kernel, { nodes: [idA, idB] })
  network.addLink(0, 1, conditions)
  return {
    a: network.transport(0),
    b: network.transport(1),
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

connectionContract('simulated links, quick', () => pairOver({}), { canKill: true })
connectionContract(
  'simulated links, bad',
  () => pairOver({ latencyMs: 80, jitterMs: 60, bandwidthBps: 8_000_000, loss: 0.05 }),
  { canKill: true },
)

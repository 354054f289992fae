/**
 * Goal: links that BLE radios find satisfy the connection contract that every transport satisfies.
 * Method: the shared suite over two nodes near each other on the fast PHY, and at the edge of the usual one's range.
 */

import { connectionContract, type TransportPair } from '../../engine/connection.contract.js'
import type { VerifyingKey } from '../../engine/core/index.js'
import { createKernel, WORLD } from '../kernel/index.js'
import { EDGE_SPEC } from '../radio/ble/edge-spec.contract.js'
import type { BleSpec } from '../radio/index.js'
import { createBleConnections } from './ble-connections.js'

const SETTLE_US = 60_000_000

function pairOver(distanceM: number, spec: Partial<BleSpec>, seed = 11): TransportPair {
  const ids = ['a1', 'b2'].map(byte => byte.repeat(32) as VerifyingKey)
  const kernel = createKernel({ seed })
  const ble = createBleConnections({
    kernel,
    ids,
    spec: {
      ...EDGE_SPEC,
      ...spec,
    },
    nodes: ids.map((_, node) => ({
      node,
      name: `n${node}`,
      at: { xM: node * distanceM, yM: 0 },
      move: [],
      antenna: { gainDb: 0, heightM: 1 },
    })),
  })
  return {
    a: ble.transport(0),
    b: ble.transport(1),
    idA: ids[0]!,
    idB: ids[1]!,
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
    killA: () => ble.die(0),
    async close() {},
  }
}

connectionContract('BLE links, 2M, some packets lost', () => pairOver(5, { phy: '2M', loss: 0.05 }), { canKill: true })
connectionContract('BLE links, at the edge', () => pairOver(185, {}), { canKill: true })

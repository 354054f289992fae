/**
 * Goal: radios that speak in BLE adverts satisfy the radio contract that every medium satisfies.
 * Method: the shared suite over two nodes near each other, with short frames and with long ones.
 */

import { type RadioPair, radioContract } from '../../../engine/radio.contract.js'
import { createKernel } from '../../kernel/index.js'
import { createBleAdvertising } from './advertising.js'
import { EDGE_SPEC } from './edge-spec.contract.js'

/** Fifteen advertising events of at most 110 ms each, twice over. */
const SETTLE_MS = 4_000

function pairOf(adverts: 'legacy' | 'extended'): RadioPair {
  const kernel = createKernel({ seed: 3 })
  const air = createBleAdvertising({
    kernel,
    adverts,
    spec: {
      ...EDGE_SPEC,
      windowMs: 90,
    },
    nodes: [0, 1].map(node => ({
      node,
      name: `n${node}`,
      at: { xM: node * 10, yM: 0 },
      move: [],
      antenna: { gainDb: 0, heightM: 1 },
    })),
  })
  const pass = (ms: number): void => {
    kernel.run({ untilUs: kernel.nowUs + ms * 1_000 })
  }
  return { a: air.attach(0), b: air.attach(1), pass, settle: () => pass(SETTLE_MS) }
}

radioContract('BLE, legacy adverts', () => pairOf('legacy'))
radioContract('BLE, extended adverts', () => pairOf('extended'))

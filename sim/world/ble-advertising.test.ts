/**
 * Goal: nodes that only hear each other's BLE adverts end up with the same operations.
 * Method: six whole engines without links, one radio each, in one room and in a row where nobody hears everybody.
 */

import { describe, expect, it } from 'vitest'
import { portableCrypto, SigningKey, Topic } from '../../engine/core/index.js'
import { createEngine, type Engine } from '../../engine/node/index.js'
import { bytesCodec } from '../../engine/streams/index.js'
import { createKernel } from '../kernel/index.js'
import { EDGE_SPEC } from '../radio/ble/edge-spec.contract.js'
import { createBleAdvertising } from '../radio/index.js'
import { createNetwork } from './links.js'
import { memoryStorage } from './memory-storage.js'

const TOPIC = Topic.fromBytes(new Uint8Array(32).fill(7))
const KEYS = Array.from({ length: 6 }, (_, at) => SigningKey.fromBytes(new Uint8Array(32).fill(at + 1)))
const OPERATIONS = 18

function operationsOf(engine: Engine): number {
  const [topic] = engine.store.logs.topics()
  if (topic === undefined) return 0
  const heights = KEYS.map(key => engine.store.logs.findLog(topic, key.verifyingKey)?.tip?.seqNum ?? -1)
  return heights.reduce((sum, height) => sum + height + 1, 0)
}

describe('log sync over BLE adverts', () => {
  it.each([
    ['in one room', 5],
    ['in a row of which each hears its neighbours alone', 130],
  ])('converges %s', (_, spacingM) => {
    const kernel = createKernel({ seed: 3 })
    const air = createBleAdvertising({
      kernel,
      spec: EDGE_SPEC,
      nodes: KEYS.map((_key, node) => ({
        node,
        name: `n${node}`,
        at: { xM: node * spacingM, yM: 0 },
        move: [],
        antenna: { gainDb: 0, heightM: 1 },
      })),
    })
    const links = createNetwork(kernel, { nodes: KEYS.map(key => key.verifyingKey) })
    const engines = KEYS.map((signingKey, node) => {
      const clock = kernel.clock(node)
      const engine = createEngine({
        signingKey,
        networkId: new Uint8Array(32),
        database: memoryStorage().open(clock),
        crypto: portableCrypto,
        clock,
        random: kernel.random(`nodes/${node}`),
        transport: links.transport(node),
        radios: [air.attach(node)],
        trace: null,
        ackPolicy: 'automatic',
        ordering: 'causal',
      })
      engine.subscribe(TOPIC, { codec: bytesCodec })
      return engine
    })
    for (let nth = 0; nth < OPERATIONS; nth++) {
      const node = nth % KEYS.length
      kernel.schedule((nth + 1) * 10_000_000, 'test', node, () => {
        engines[node]!.publish(TOPIC, new Uint8Array(40).fill(nth), false)
      })
    }
    kernel.run({ untilUs: 600_000_000 })
    expect(engines.map(operationsOf)).toEqual(KEYS.map(() => OPERATIONS))
    const { bytes, maxDutyCycle } = air.account()
    expect(bytes).toBeGreaterThan(OPERATIONS * 60)
    expect(maxDutyCycle).toBeLessThan(0.05)
  })
})

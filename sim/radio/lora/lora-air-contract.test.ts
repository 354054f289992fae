/**
 * Goal: LoRa radios satisfy the radio contract that every medium satisfies.
 * Method: the shared suite over two nodes near each other, with carrier sense and without, under a law and without one.
 */

import { type RadioPair, radioContract } from '../../../engine/radio.contract.js'
import { LORA_PRESETS } from '../../../scenarios/index.js'
import { createKernel } from '../../kernel/index.js'
import { createLoraAir, type LoraSpec, type Mac } from './lora-air.js'

/** A frame of full length behind the longest back-off takes 2.6 s. */
const SETTLE_MS = 6_000

function pairOf(mac: Mac, region: LoraSpec['region']): RadioPair {
  const kernel = createKernel({ seed: 3 })
  const air = createLoraAir({
    kernel,
    spec: {
      name: 'field',
      line: 1,
      column: 1,
      type: 'lora',
      preset: 'LONG_FAST',
      ...LORA_PRESETS.LONG_FAST,
      frequencyHz: 869_525_000,
      region,
      powerDbm: 14,
      profile: 'physical',
      loss: 0,
      fading: null,
      propagation: {
        model: 'log-distance',
        exponent: 2.2,
        sigmaDb: 0,
        referenceM: 1_000,
        lossAtReferenceDb: 128.95,
        environment: 'suburban',
      },
    },
    nodes: [0, 1].map(node => ({
      node,
      name: `n${node}`,
      at: { xM: node * 100, yM: 0 },
      move: [],
      antenna: { gainDb: 0, heightM: 1 },
    })),
    macOf: () => mac,
  })
  const pass = (ms: number): void => {
    kernel.run({ untilUs: kernel.nowUs + ms * 1_000 })
  }
  return { a: air.attach(0), b: air.attach(1), pass, settle: () => pass(SETTLE_MS) }
}

radioContract('LoRa with carrier sense, EU868', () => pairOf('csma', 'EU868'))
radioContract('LoRa as pure ALOHA, no law', () => pairOf('aloha', 'none'))

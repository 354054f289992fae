/**
 * Goal: the study extracts the share of frames that LoRaSim does, and that theory says.
 * Method: means of four seeds against published figures and against the closed form of ALOHA; small cases by hand.
 */

import { describe, expect, it } from 'vitest'
import { alohaDelivery, type LorasimExperiment, type LorasimOptions, studyLorasim } from './lorasim.js'

const SEEDS = [1, 2, 3, 4]
const PACKETS = 40_000
const TOLERANCE = 0.01

const WAYS = {
  simple: { capture: false, pathLoss: 'ln' },
  log10: { capture: true, pathLoss: 'log10' },
  ln: { capture: true, pathLoss: 'ln' },
} as const

function meanDer(experiment: LorasimExperiment, nodes: number, way: keyof typeof WAYS, packets = PACKETS): number {
  const runs = SEEDS.map(seed => studyLorasim({ experiment, nodes, packets, seed, ...WAYS[way] }))
  return runs.reduce((sum, { der }) => sum + der, 0) / runs.length
}

/** LoRaSim itself, 40,000 to 60,000 packets, three to four seeds. */
describe.each([
  ['sn1', 10, { simple: 0.9694, log10: 0.9756, ln: 0.9798 }],
  ['sn1', 64, { simple: 0.803, log10: 0.8409, ln: 0.867 }],
  ['sn1', 200, { simple: 0.5034, log10: 0.5821, ln: 0.6454 }],
  ['sn1', 1_600, { simple: 0.0041, log10: 0.0526, ln: 0.1096 }],
  ['sn3', 10, { simple: 0.976, log10: 0.9815, ln: 0.9847 }],
  ['sn3', 64, { simple: 0.8447, log10: 0.8768, ln: 0.8978 }],
  ['sn3', 200, { simple: 0.5887, log10: 0.6607, ln: 0.7151 }],
  ['sn3', 1_600, { simple: 0.0149, log10: 0.0799, ln: 0.1496 }],
] as const)('%s with %i nodes', (experiment, nodes, published) => {
  it.each(['simple', 'log10', 'ln'] as const)('agrees with LoRaSim: %s', way => {
    expect(Math.abs(meanDer(experiment, nodes, way) - published[way])).toBeLessThan(TOLERANCE)
  })
})

describe('without capture', () => {
  it.each([
    ['sn1', 2],
    ['sn1', 30],
    ['sn1', 120],
    ['sn1', 500],
    ['sn3', 30],
    ['sn3', 350],
  ] as const)('%s with %i nodes agrees with the closed form', (experiment, nodes) => {
    expect(Math.abs(meanDer(experiment, nodes, 'simple') - alohaDelivery(experiment, nodes))).toBeLessThan(TOLERANCE)
  })

  it('knows the closed form as it was published', () => {
    expect([10, 64, 200, 1_600].map(nodes => alohaDelivery('sn1', nodes).toFixed(4))).toEqual([
      '0.9697',
      '0.8063',
      '0.5065',
      '0.0042',
    ])
  })
})

describe('the study', () => {
  const options: LorasimOptions = { experiment: 'sn1', nodes: 50, packets: 2_000, seed: 9, ...WAYS.ln }

  it('is the same for the same seed and another for another', () => {
    const first = studyLorasim(options)
    expect(studyLorasim(options)).toEqual(first)
    expect(studyLorasim({ ...options, seed: 10 })).not.toEqual(first)
  })

  it('sends as many frames as it was told, and loses none where one node is alone', () => {
    expect(studyLorasim(options).sent).toBe(2_000)
    expect(studyLorasim({ ...options, nodes: 1 })).toEqual({ der: 1, sent: 2_000, received: 2_000 })
  })

  it('extracts more with capture, and more where the loss is steeper', () => {
    const [simple, log10, ln] = (['simple', 'log10', 'ln'] as const).map(way => meanDer('sn1', 300, way, 5_000))
    expect(log10).toBeGreaterThan(simple! + 0.02)
    expect(ln).toBeGreaterThan(log10! + 0.02)
  })
})

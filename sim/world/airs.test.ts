/**
 * Goal: on a lossy air nodes ask for what exists, and fall silent once they have it; and two kinds of LoRa radios in one
 * place lose frames to each other.
 * Method: ten nodes that lose a fifth of all frames, with a seed whose first dependencies name authors that some do not
 * know yet; their codes fit the logs of others far beyond their ends, which once was believed and asked for until the end
 * of the run. Two presets among each other on one frequency, against the same on two.
 */

import { describe, expect, it } from 'vitest'
import { sharedCrypto } from '../../engine/adapters/index.js'
import { parseScenario } from '../../scenarios/index.js'
import { checkDeterminism } from './determinism.js'
import type { Report } from './report.js'
import { type RunOptions, runScenario } from './run.js'

const SCENARIO = `
thicket: 1
name: early-loss
seed: 4
duration: 3h
nodes:
  - { name: n, count: 10, place: { random: { width: 500m, height: 500m } }, radios: [lora] }
radios:
  lora: { type: lora, preset: LONG_FAST, region: EU868-P, power: 14dBm, loss: 20% }
topics: [chat]
workload:
  - { at: 1m, node: any, publish: { topic: chat, count: 40, every: 45s, size: 40 } }
expect:
  - converged: { within: 1h }
`

it('nobody asks for operations that nobody wrote', async () => {
  const { report } = await runScenario({
    scenario: parseScenario(SCENARIO, 'early-loss.yaml'),
    version: 'test',
    crypto: sharedCrypto(),
  })
  expect(report.verdict).toBe('pass')
  expect(report.radio!.overFloor!).toBeLessThan(4)
})

/** Two groups of houses side by side, each with a preset and a topic of its own. */
const twoKinds = (quickHz: string): RunOptions => ({
  scenario: parseScenario(
    `
thicket: 1
name: two-kinds
seed: 1
duration: 1h
nodes:
  - { name: far, count: 3, place: { ring: { radius: 1km } }, radios: [long], subscribe: [slow] }
  - { name: fast, count: 3, place: { ring: { radius: 1020m } }, radios: [quick], subscribe: [quick] }
radios:
  long: { type: lora, preset: LONG_FAST, region: none, power: 14dBm, frequency: 869.525MHz }
  quick: { type: lora, preset: MEDIUM_FAST, region: none, power: 14dBm, frequency: ${quickHz} }
topics: [slow, quick]
workload:
  - { at: 1m, node: far, publish: { topic: slow, count: 40, every: 40s, size: 40 } }
  - { at: 1m, node: fast, publish: { topic: quick, count: 40, every: 40s, size: 40 } }
expect:
  - converged: { within: 1h }
  - no-violations: true
`,
    'two-kinds.yaml',
  ),
  version: 'test',
  crypto: sharedCrypto(),
})

describe('two presets among each other', () => {
  it('lose more frames on one frequency than each on its own, converge all the same, and run alike each time', async () => {
    const { report: apart } = await runScenario(twoKinds('868.3MHz'))
    const { first, difference } = await checkDeterminism(twoKinds('869.525MHz'))
    expect(difference).toBeNull()
    expect([apart.verdict, first.report.verdict]).toEqual(['pass', 'pass'])
    const lostShare = ({ radio }: Report): number =>
      radio!.losses.collision / (radio!.losses.collision + radio!.receptions)
    expect(lostShare(first.report)).toBeGreaterThan(3 * lostShare(apart))
  })
})

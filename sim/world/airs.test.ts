/**
 * Goal: on a lossy air nodes ask for what exists, and fall silent once they have it. Method: ten nodes that lose a fifth
 * of all frames, with a seed whose first dependencies name authors that some do not know yet; their codes fit the logs of
 * others far beyond their ends, which once was believed and asked for until the end of the run.
 */

import { expect, it } from 'vitest'
import { sharedCrypto } from '../../engine/adapters/index.js'
import { parseScenario } from '../../scenarios/index.js'
import { runScenario } from './run.js'

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

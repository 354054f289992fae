/**
 * One world of the radio bench: so many full nodes in one broadcast domain for an hour, one publication a minute for the
 * first forty. Memory is what the process has at the end over what it had before, and includes garbage. The maximum that
 * the system counts would not do: a process begins with that of its parent, which has run other worlds.
 */

import { nativeCrypto } from '../engine/adapters/index.js'
import { parseScenario } from '../scenarios/index.js'
import { runScenario } from '../sim/index.js'

const DURATION_S = 3_600
const nodes = Number(process.argv[2])

const scenario = parseScenario(
  `thicket: 1
name: bench
seed: 1
duration: ${DURATION_S}s
storage: memory
nodes:
  - { name: v, count: ${nodes}, place: { random: { width: 400m, height: 400m } }, radios: [lora] }
radios:
  lora: { type: lora, preset: LONG_FAST, region: EU868-P, power: 14dBm }
topics: [field]
workload:
  - { at: 1m, node: any, publish: { topic: field, count: 40, every: 1m, size: 40 } }
`,
  'bench.yaml',
)
const beforeBytes = process.memoryUsage().rss
const startedAt = performance.now()
const { report, record } = await runScenario({ scenario, version: 'bench', crypto: nativeCrypto({ workers: 0 }) })
const seconds = (performance.now() - startedAt) / 1_000
const times = Math.round(DURATION_S / seconds).toLocaleString('en')
const events = Math.round(record.events / seconds).toLocaleString('en')
const settledMin =
  report.convergedAtMs === null ? 'never' : `after ${Math.round(report.convergedAtMs / 60_000)} minutes`
const kibEach = Math.round((process.memoryUsage().rss - beforeBytes) / 1_024 / nodes).toLocaleString('en')
console.log(
  `  ${`${nodes}`.padStart(3)} nodes  ${times.padStart(8)} times real time  ${events.padStart(10)} events/s  ${kibEach.padStart(7)} KiB a node  converged ${settledMin}`,
)

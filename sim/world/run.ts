/** One run of a scenario from its first event to its report. */

import type { Crypto } from '../../engine/ports.js'
import { type DrawnScenario, drawScenario, type Scenario } from '../../scenarios/index.js'
import { loadSqlite } from '../disk/index.js'
import { createKernel, type Kernel, type RecordWindow, type RunRecord } from '../kernel/index.js'
import { expectationResults } from './expectations.js'
import { percentile, type Report, reportedViolation } from './report.js'
import { diskStorage, type StableStorage } from './stable-storage.js'
import type { TraceFile } from './trace.js'
import { World, type WorldOptions } from './world.js'

export interface RunOptions {
  readonly scenario: Scenario
  /** Wins over the seed in the file. */
  readonly seed?: number
  readonly version: string
  readonly crypto: Crypto
  readonly trace?: TraceFile | null
  readonly window?: RecordWindow
  readonly plant?: WorldOptions['plant']
  /** Told now and then how far the run has come; fractions of 1. */
  readonly onProgress?: (fraction: number, events: number) => void
}

export interface RunResult {
  readonly report: Report
  readonly record: RunRecord
}

/** Events between two looks at the true clock: some tens of milliseconds. */
const EVENTS_PER_SLICE = 20_000

/** The scenario as this seed draws it. */
export function drawnScenario(scenario: Scenario, seed: number): DrawnScenario {
  const random = createKernel({ seed }).random('scenario')
  return drawScenario(scenario, () => random.float())
}

export async function runScenario(options: RunOptions): Promise<RunResult> {
  const seed = options.seed ?? options.scenario.seed
  const scenario = drawnScenario(options.scenario, seed)
  const openStorage = await storages(scenario)
  const startedAt = performance.now()
  const world = new World({
    scenario,
    seed,
    crypto: options.crypto,
    openStorage,
    trace: options.trace ?? null,
    ...(options.window ? { window: options.window } : {}),
    ...(options.plant ? { plant: options.plant } : {}),
  })
  try {
    while (!world.run({ maxEvents: EVENTS_PER_SLICE })) {
      options.onProgress?.(world.kernel.nowUs / world.endUs, world.kernel.events)
    }
    // Somebody may have swallowed it; a run that reached outside is no run, whatever it says.
    const [caught] = world.kernel.guardErrors
    if (caught) throw caught
    return { report: reportOf(world, scenario, seed, options.version, startedAt), record: world.kernel.record() }
  } finally {
    world.discard()
  }
}

/** The native database is loaded only for a scenario that asks for memory: simulating needs no native module. */
async function storages(scenario: DrawnScenario): Promise<WorldOptions['openStorage']> {
  const sqlite = await loadSqlite()
  const isAsked = scenario.storage === 'memory' || scenario.nodes.some(node => node.storage === 'memory')
  const memory = isAsked ? (await import('./memory-storage.js')).memoryStorage : null
  return (
    { name, storage }: { readonly name: string; readonly storage: DrawnScenario['storage'] },
    kernel: Kernel,
  ): StableStorage => (storage === 'memory' && memory ? memory() : diskStorage(sqlite, kernel.random(`sqlite/${name}`)))
}

function reportOf(world: World, scenario: DrawnScenario, seed: number, version: string, startedAt: number): Report {
  const disagreement = world.disagreement()
  const violations = world.nodes.flatMap(node => node.checks.violations)
  const expectations = expectationResults(world, scenario, disagreement, violations.length)
  const times = [...world.deliveryUs].sort((a, b) => a - b).map(us => us / 1_000)
  const metrics = world.nodes.map(node => node.syncTotals())
  const isGood = violations.length === 0 && expectations.every(({ ok }) => ok)
  return {
    thicket: version,
    scenario: scenario.name,
    seed,
    verdict: isGood ? 'pass' : 'fail',
    fingerprint: world.kernel.fingerprint(),
    simulatedMs: world.endUs / 1_000,
    wallMs: Math.round(performance.now() - startedAt),
    events: world.kernel.events,
    expectations,
    violations: violations.map(reportedViolation),
    nodes: world.nodes.map(node => ({
      name: node.name,
      id: node.id,
      operations: node.engine?.store.operations.count() ?? 0,
      delivered: node.checks.delivered.size,
      acked: node.checks.acknowledged.size,
      crashes: node.crashes,
      stateHash: node.stateHash() ?? '',
      contentHash: node.contentHash() ?? '',
    })),
    sync: {
      sessions: sum(metrics.map(({ sessions }) => sessions)),
      bytes: world.linkBytes(),
      operations: sum(
        metrics.map(({ sentSyncOperations, sentLiveOperations }) => sentSyncOperations + sentLiveOperations),
      ),
    },
    ordering: {
      waiting: sum(world.nodes.map(node => node.engine?.store.ordering.countAll() ?? 0)),
      waived: sum(world.nodes.map(node => node.engine?.store.ordering.countWaived() ?? 0)),
    },
    network: world.networkReport(),
    radio: world.radioReport(),
    deliveryMs:
      times.length === 0
        ? null
        : { p50: percentile(times, 0.5), p90: percentile(times, 0.9), max: percentile(times, 1) },
    convergedAtMs: disagreement === null && world.convergedAtUs !== null ? world.convergedAtUs / 1_000 : null,
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

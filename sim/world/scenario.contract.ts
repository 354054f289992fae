/** For tests: a few nodes that write to each other, as text or as a finished run. */

import { sharedCrypto } from '../../engine/adapters/index.js'
import { parseScenario } from '../../scenarios/index.js'
import { loadSqlite } from '../disk/index.js'
import type { Report } from './report.js'
import { drawnScenario, type RunOptions, runScenario } from './run.js'
import { diskStorage } from './stable-storage.js'
import { World } from './world.js'

/** Parts of a scenario; each is YAML, flow style or indented lists. */
export interface Parts {
  readonly nodes?: string
  readonly network?: string
  readonly topics?: string
  readonly links?: string
  readonly workload?: string
  readonly faults?: string
  readonly expect?: string
  readonly storage?: 'crash-disk' | 'memory'
  readonly duration?: string
}

/** Three nodes in a triangle; each writes eight operations in as many seconds. */
export function scenarioText(parts: Parts = {}): string {
  return [
    'thicket: 1',
    'name: tested',
    `duration: ${parts.duration ?? '60s'}`,
    `storage: ${parts.storage ?? 'crash-disk'}`,
    `network: ${parts.network ?? '{ reach: links }'}`,
    `nodes: ${parts.nodes ?? '[{ name: a }, { name: b }, { name: c }]'}`,
    `topics: ${parts.topics ?? '[chat]'}`,
    `links: ${parts.links ?? '[{ mesh: [a, b, c] }]'}`,
    `workload: ${parts.workload ?? '[{ at: 1s, node: [a, b, c], publish: { topic: chat, count: 8, every: 1s } }]'}`,
    `faults: ${parts.faults ?? '[]'}`,
    `expect: ${parts.expect ?? '[{ converged: { within: 30s } }, { delivered: 100% }, { no-violations: true }]'}`,
  ].join('\n')
}

export function runOptions(parts: Parts = {}, options: Partial<RunOptions> = {}): RunOptions {
  return {
    scenario: parseScenario(scenarioText(parts), 'tested.yaml'),
    version: 'test',
    crypto: sharedCrypto(),
    ...options,
  }
}

export async function reportOn(parts: Parts = {}, options: Partial<RunOptions> = {}): Promise<Report> {
  return (await runScenario(runOptions(parts, options))).report
}

/** What failed, in words; empty for a run that passed. */
export function complaints(report: Report): readonly string[] {
  return [
    ...report.expectations.filter(({ ok }) => !ok).map(({ name, detail }) => `${name}: ${detail}`),
    ...report.violations.map(({ check, node, detail }) => `${check} of ${node}: ${detail}`),
  ]
}

export interface TracedEvent {
  readonly tUs: number
  readonly node: string | null
  readonly type: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** A world on disks that a test drives by itself, with everything it traced. */
export async function testWorld(
  parts: Parts = {},
  seed = 1,
): Promise<{ world: World; traced: TracedEvent[]; name: (index: number) => string }> {
  const scenario = drawnScenario(parseScenario(scenarioText(parts), 'tested.yaml'), seed)
  const sqlite = await loadSqlite()
  const traced: TracedEvent[] = []
  const world = new World({
    scenario,
    seed,
    crypto: sharedCrypto(),
    openStorage: ({ name }, kernel) => diskStorage(sqlite, kernel.random(`sqlite/${name}`)),
    trace: {
      write: (tUs, node, type, fields) => traced.push({ tUs, node, type, fields }),
      close() {},
    },
  })
  return { world, traced, name: index => world.nodes[index]!.name }
}

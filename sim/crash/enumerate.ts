/**
 * Every storage step of every node of a scenario as a power cut, several damage seeds each, in both journal modes; and
 * the control: on disks whose writes are never synced the same checks must find lost promises, or they find nothing.
 */

import { invariant } from '../../engine/core/index.js'
import type { Crypto } from '../../engine/ports.js'
import type { DrawnScenario, Scenario } from '../../scenarios/index.js'
import { loadSqlite, type Sqlite } from '../disk/index.js'
import { drawnScenario, type World } from '../world/index.js'
import { type RecordingOptions, record } from './recording.js'
import { checkSurvivor, recover } from './recovery.js'
import type { Captured, CrashViolation, Finding, Journal } from './types.js'

export interface CrashOptions {
  readonly scenario: Scenario
  /** Wins over the seed in the file. */
  readonly seed?: number
  readonly version: string
  readonly crypto: Crypto
  /** Damage seeds for each point; 3 by default. One of them, in turn, meets its peers again; the others boot alone. */
  readonly damage?: number
  /** Both by default. */
  readonly journals?: readonly Journal[]
  /** Cuts at most so many points, spread evenly; all by default. */
  readonly limit?: number
  /** Whether the node, once recovered, boots and meets its peers; true by default. */
  readonly boots?: boolean
  readonly onProgress?: (done: number, total: number) => void
}

/** Where the points lie and what became of them. */
export interface CrashRow {
  readonly journal: Journal
  readonly node: string
  readonly points: number
  readonly runs: number
  readonly violations: number
  /** Points by kind of step. */
  readonly kinds: Readonly<Record<string, number>>
}

export interface CrashReport {
  readonly thicket: string
  readonly scenario: string
  readonly seed: number
  readonly verdict: 'pass' | 'fail'
  readonly points: number
  /** Crashes and recoveries: points times damage seeds. */
  readonly runs: number
  readonly violations: readonly CrashViolation[]
  readonly wallMs: number
  readonly runsPerSecond: number
  readonly rows: readonly CrashRow[]
  /** The same on disks that never sync, where promises must be seen broken. */
  readonly control: { readonly points: number; readonly runs: number; readonly violations: number }
}

export const DEFAULT_DAMAGE = 3

/** Points of the control in each journal mode: it has to find something, not everything. */
const CONTROL_POINTS = 200

/** Peers that a node meets again; more would boot more engines and hold nothing else. */
const PEERS = 2

/** A broken enumeration repeats itself; the report names so many. */
const REPORTED_VIOLATIONS = 1_000

interface Enumeration {
  readonly sqlite: Sqlite
  readonly scenario: DrawnScenario
  readonly seed: number
  readonly crypto: Crypto
  readonly journal: Journal
  readonly synchronous: 'full' | 'off'
  readonly damage: number
  readonly boots: boolean
  readonly limit: number
  /** Told of each run. */
  readonly onRun: (captured: Captured, damage: number, findings: readonly Finding[]) => void
  /** Told how many points there will be. */
  readonly onCounted?: (points: number) => void
}

export async function crashScenario(options: CrashOptions): Promise<CrashReport> {
  const sqlite = await loadSqlite()
  const seed = options.seed ?? options.scenario.seed
  const scenario: DrawnScenario = onDisks(drawnScenario(options.scenario, seed))
  const damage = options.damage ?? DEFAULT_DAMAGE
  const journals = options.journals ?? ['wal', 'rollback']
  const startedAt = performance.now()
  const violations: CrashViolation[] = []
  const rows = new Map<
    string,
    { -readonly [Key in keyof CrashRow]: CrashRow[Key] } & { kinds: Record<string, number> }
  >()
  const common = { sqlite, scenario, seed, crypto: options.crypto }
  let points = 0
  let runs = 0
  let found = 0
  const limits = shares(options.limit ?? Number.POSITIVE_INFINITY, journals.length)
  for (const [nth, journal] of journals.entries()) {
    let total = 0
    let done = 0
    found += enumerate(
      {
        ...common,
        journal,
        synchronous: 'full',
        damage,
        boots: options.boots ?? true,
        limit: limits[nth]!,
        onCounted(counted) {
          total = counted * damage
          for (const { name } of scenario.nodes)
            rows.set(`${journal} ${name}`, { journal, node: name, points: 0, runs: 0, violations: 0, kinds: {} })
        },
        onRun({ point }, nthDamage, findings) {
          const row = rows.get(`${point.journal} ${point.node}`)!
          runs += 1
          row.runs += 1
          row.violations += findings.length
          if (nthDamage === 1) {
            points += 1
            row.points += 1
            row.kinds[point.kind] = (row.kinds[point.kind] ?? 0) + 1
          }
          for (const finding of findings) {
            found += 1
            if (violations.length < REPORTED_VIOLATIONS) violations.push({ ...finding, ...point, damage: nthDamage })
          }
          options.onProgress?.(++done, total)
        },
      },
      violation => violations.push(violation),
    )
  }
  const cutMs = performance.now() - startedAt
  const control = { points: 0, runs: 0, violations: 0 }
  for (const journal of journals) {
    enumerate(
      {
        ...common,
        journal,
        synchronous: 'off',
        damage: 1,
        boots: false,
        limit: CONTROL_POINTS,
        onRun(_captured, _damage, findings) {
          control.points += 1
          control.runs += 1
          control.violations += findings.length
        },
      },
      () => {},
    )
  }
  return {
    thicket: options.version,
    scenario: scenario.name,
    seed,
    verdict: found === 0 && points > 0 && control.violations > 0 ? 'pass' : 'fail',
    points,
    runs,
    violations,
    wallMs: Math.round(performance.now() - startedAt),
    runsPerSecond: Math.round((runs / cutMs) * 10_000) / 10,
    rows: [...rows.values()],
    control,
  }
}

/** Runs once to count the steps and once to cut them. Says how many violations the uncut run itself had. */
function enumerate(of: Enumeration, onViolation: (violation: CrashViolation) => void): number {
  const { journal, limit } = of
  const recording: Omit<RecordingOptions, 'wants' | 'peersOf' | 'onCaptured'> = of
  const rehearsal = record({ ...recording, wants: () => false, peersOf: () => [], onCaptured() {} })
  rehearsal.world.discard()
  const { steps } = rehearsal
  const wanted = Math.min(limit, steps)
  of.onCounted?.(wanted)
  let nth = 0
  const peersOf = neighbours(rehearsal.world, of.scenario)
  const { world, steps: again } = record({
    ...recording,
    // Evenly spread: the one at which the share of the wanted grows by one.
    wants: index => Math.floor(((index + 1) * wanted) / steps) > Math.floor((index * wanted) / steps),
    peersOf: of.boots ? peersOf : () => [],
    onCaptured(captured, base) {
      const { sqlite, crypto, scenario, seed, synchronous } = of
      const together = (nth++ % of.damage) + 1
      for (let damage = 1; damage <= of.damage; damage++) {
        const meetsPeers = damage === together
        const run = { sqlite, crypto, scenario, seed, synchronous, captured, damage, base, meetsPeers }
        of.onRun(captured, damage, of.boots ? recover(run) : checkSurvivor(run))
      }
    },
  })
  invariant(again === steps, 'two runs of one seed take the same storage steps')
  const uncut = world.nodes.flatMap(node => node.checks.violations)
  world.discard()
  for (const { check, node, atUs, detail } of uncut) {
    onViolation({ journal, node, step: 0, kind: 'write', atMs: atUs / 1_000, damage: 0, check, detail })
  }
  return uncut.length
}

/** Whom a node can reach, at most a few, and not the same ones for every point. */
function neighbours(world: World, scenario: DrawnScenario): RecordingOptions['peersOf'] {
  const names = scenario.nodes.map(({ name }) => name)
  const linked = new Map<string, string[]>(names.map(name => [name, []]))
  for (const [a, b] of world.network.pairs()) {
    linked.get(names[a]!)!.push(names[b]!)
    linked.get(names[b]!)!.push(names[a]!)
  }
  return (node, index) => {
    const all = linked.get(node)!
    return Array.from({ length: Math.min(PEERS, all.length) }, (_, nth) => all[(index + nth) % all.length]!)
  }
}

/** Memory loses nothing at a storage step, so every node stands on a disk here. */
function onDisks(scenario: DrawnScenario): DrawnScenario {
  return { ...scenario, storage: 'crash-disk', nodes: scenario.nodes.map(node => ({ ...node, storage: null })) }
}

function shares(limit: number, parts: number): readonly number[] {
  return Array.from({ length: parts }, (_, nth) =>
    limit === Number.POSITIVE_INFINITY
      ? limit
      : Math.floor((limit * (nth + 1)) / parts) - Math.floor((limit * nth) / parts),
  )
}

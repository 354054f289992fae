/**
 * Goal: power cuts at every storage step of small scenarios break no promise in either journal mode; and whoever breaks
 * one is found, be it a disk that never syncs or a database that was altered, so that a clean table means something.
 * Method: enumerations of scenarios written here, the control, and surviving databases that are spoiled by hand.
 */

import { beforeAll, describe, expect, it } from 'vitest'
import { sharedCrypto } from '../../engine/adapters/index.js'
import { portableCrypto } from '../../engine/core/index.js'
import { parseScenario } from '../../scenarios/index.js'
import { createDisk, loadSqlite, type Sqlite } from '../disk/index.js'
import { createKernel } from '../kernel/index.js'
import { drawnScenario, type World } from '../world/index.js'
import { type CrashReport, crashScenario } from './index.js'
import { inspectDatabase } from './invariants.js'
import { printCrashReport } from './print.js'
import { checkPromises } from './promises.js'
import { record } from './recording.js'
import { recover } from './recovery.js'
import { openForCrash } from './storage.js'
import type { Captured, Journal } from './types.js'

let sqlite: Sqlite
beforeAll(async () => {
  sqlite = await loadSqlite()
})

const PAIR = `
thicket: 1
name: pair
duration: 6s
nodes: [{ name: left }, { name: right }]
topics: [notes]
links: [{ between: [left, right], latency: 10ms }]
workload:
  - { at: 1s, node: left, publish: { topic: notes, size: 30 } }
  - { at: 2s, node: right, publish: { topic: notes, size: 30 } }
  - { at: 3s, node: left, prune: { topic: notes } }
`

const CONSUMERS = `
thicket: 1
name: consumers
duration: 6s
nodes: [{ name: left }, { name: right }]
topics: [notes, tasks]
links: [{ between: [left, right], latency: 10ms }]
workload:
  - { at: 0s, node: right, ack: explicit, consumer: archive }
  - { at: 1s, node: left, publish: { topic: notes, size: 30 } }
  - { at: 1s, node: left, publish: { topic: tasks, size: 30 } }
  - { at: 2s, node: left, unsubscribe: tasks }
  - { at: 3s, node: right, publish: { topic: tasks, size: 30 } }
`

function crash(text: string, journal: Journal, limit?: number): Promise<CrashReport> {
  return crashScenario({
    scenario: parseScenario(text, 'test.yaml'),
    seed: 3,
    version: 'test',
    crypto: sharedCrypto(),
    damage: 1,
    journals: [journal],
    ...(limit === undefined ? {} : { limit }),
  })
}

describe.each(['wal', 'rollback'] as const)('cuts with a %s journal', journal => {
  it('at every step of two nodes that write and prune break nothing; without syncing they do', async () => {
    const report = await crash(PAIR, journal)
    expect(report.violations).toEqual([])
    expect(report.verdict).toBe('pass')
    expect(report.points).toBeGreaterThan(200)
    expect(report.runs).toBe(report.points)
    expect(report.control.violations).toBeGreaterThan(0)
    const kinds = report.rows.flatMap(row => Object.keys(row.kinds))
    expect(kinds).toEqual(expect.arrayContaining(['write', 'sync', journal === 'wal' ? 'truncate' : 'delete']))
    expect(printCrashReport(report)).toContain(`${report.points} crash points`)
  }, 60_000)

  it('spread over two topics, a named consumer and an unsubscription break nothing', async () => {
    const report = await crash(CONSUMERS, journal, 60)
    expect(report.violations).toEqual([])
    expect(report.points).toBe(60)
  }, 60_000)

  it('the same seed gives the same points and the same verdicts', async () => {
    const { wallMs: _, runsPerSecond: __, ...first } = await crash(PAIR, journal, 10)
    const { wallMs: ___, runsPerSecond: ____, ...second } = await crash(PAIR, journal, 10)
    expect(second).toEqual(first)
  }, 60_000)
})

describe('what a node never wrote to the medium', () => {
  it('is missed by every promise that stood on it: the control fails for the right reasons', async () => {
    const checks = new Set<string>()
    for (const { base, captured, checked } of survivors('off')) {
      if (captured.node.told.length === 0) continue
      for (const { check } of checked(base)) checks.add(check)
    }
    expect([...checks]).toEqual(expect.arrayContaining(['lost-published', 'lost-acknowledged', 'lost-delivered']))
  }, 60_000)
})

describe('a node that boots on what is left and meets its peer', () => {
  it('is found to sign a second operation for a place, when the disk never synced the first', () => {
    const checks = new Set<string>()
    for (const { base, captured } of survivors('off')) {
      if (captured.published === 0) continue
      const { scenario } = withoutPrune()
      const common = { sqlite, crypto: portableCrypto, scenario, seed: 3, synchronous: 'off' as const, damage: 1 }
      for (const { check } of recover({ ...common, captured, base, meetsPeers: true })) checks.add(check)
    }
    expect([...checks]).toContain('fork-detected')
    expect([...checks]).toContain('not-converged')
  }, 60_000)
})

describe('a database that was altered after its recovery', () => {
  it.each([
    ['a log whose tip is not its newest row', 'UPDATE logs SET height = height + 1 WHERE height IS NOT NULL', 'tip'],
    ['a count of held operations', 'UPDATE logs SET held = 1', 'held-count'],
    ['a count of held bytes', 'UPDATE topics SET held_bytes = 7', 'held-bytes'],
    ['a count of waiting operations', 'UPDATE topics SET waiting = 1', 'waiting-count'],
    ['an operation that is neither released nor waits', 'UPDATE operations SET place = NULL', 'waiting'],
    ['a place beyond the last one', 'UPDATE topics SET last_place = 0', 'place'],
    ['an edge of nothing that waits', "INSERT INTO edges VALUES (x'00', 1)", 'edge'],
    ['a frontier of what is not stored', "INSERT INTO frontier SELECT topic, x'00' FROM topics", 'frontier'],
    ['a topic without its frontier', 'DELETE FROM frontier', 'frontier-empty'],
    ['a mark above its log', 'UPDATE marks SET seq = seq + 9', 'mark'],
    ['a body that is another', "UPDATE operations SET body = x'00' WHERE body IS NOT NULL", 'altered'],
    ['a body that is gone', 'UPDATE operations SET body = NULL', 'altered'],
    ['a publication that is gone', 'DELETE FROM operations', 'lost-published'],
    ['an acknowledgement that is gone', 'DELETE FROM marks', 'lost-acknowledged'],
    [
      'an acknowledgement taken back',
      'INSERT INTO exceptions SELECT consumer, log, seq FROM marks',
      'lost-acknowledged',
    ],
  ])('%s is found', (_, sql, check) => {
    const last = survivors('full').at(-1)!
    expect(last.checked(last.base).map(one => one.check)).toEqual([])
    expect(last.checked(last.base, sql).map(one => one.check)).toContain(check)
  })

  it('what counts as acknowledged though the app never saw it is found', () => {
    const { base, captured } = survivors('full').at(-1)!
    const forgetful = { ...captured, node: { ...captured.node, told: [] } }
    expect(check(base, forgetful).map(one => one.check)).toContain('swallowed')
  })
})

interface Survivor {
  readonly base: World
  readonly captured: Captured
  readonly checked: (base: World, sql?: string) => readonly { readonly check: string }[]
}

function withoutPrune() {
  return { scenario: drawnScenario(parseScenario(PAIR.replace(/.*prune.*\n/, ''), 'test.yaml'), 3) }
}

const known = new Map<string, readonly Survivor[]>()

/** Every state that a cut of `left` can leave in the scenario without a prune. */
function survivors(synchronous: 'full' | 'off'): readonly Survivor[] {
  const before = known.get(synchronous)
  if (before) return before
  const { scenario } = withoutPrune()
  const all: Survivor[] = []
  const { world } = record({
    sqlite,
    scenario,
    seed: 3,
    crypto: portableCrypto,
    journal: 'wal',
    synchronous,
    damage: 1,
    wants: () => true,
    peersOf: () => ['right'],
    onCaptured(captured, base) {
      if (captured.point.node === 'left') all.push({ base, captured, checked: (of, sql) => check(of, captured, sql) })
    },
  })
  world.discard()
  known.set(synchronous, all)
  return all
}

function check(base: World, captured: Captured, sql?: string): readonly { readonly check: string }[] {
  const disk = createDisk({ image: captured.survivors[0]! })
  const { journal } = captured.point
  const random = createKernel({ seed: 1 }).random('test')
  try {
    const database = openForCrash(disk, { sqlite, journal, synchronous: 'full', random }, { wallUs: () => 0n })
    if (sql !== undefined) database.exec(sql)
    const author = base.nodes.find(node => node.name === captured.node.name)!.id
    const inspection = inspectDatabase(database)
    return [
      ...inspection.findings,
      ...checkPromises(database, inspection, { author, ledger: base.ledger, captured }).findings,
    ]
  } catch (error) {
    return [{ check: (error as { code: string }).code }]
  } finally {
    disk.kill()
  }
}

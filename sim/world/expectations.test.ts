/**
 * Goal: every expectation can be met and missed, and says in words what came of it.
 * Method: one scenario that misses it beside one that meets it; the shape of the report, field by field.
 */

import { describe, expect, it } from 'vitest'
import { printReport } from './print.js'
import { humanDuration, percentile } from './report.js'
import { type Parts, reportOn } from './scenario.contract.js'

const LATE = '[{ at: 7500ms, link: [a, b], down-for: 4s }, { at: 7500ms, link: [a, c], down-for: 4s }]'

async function judged(expectation: string, parts: Parts = {}) {
  const report = await reportOn({ expect: `[${expectation}]`, ...parts })
  return { verdict: report.verdict, ...report.expectations[0]! }
}

describe('expectations', () => {
  it('converged: within the time after the last publication or healed fault', async () => {
    expect(await judged('converged: { within: 10s }')).toMatchObject({ verdict: 'pass', ok: true, name: 'converged' })
    const slow = await judged('converged: { within: 1ms }', { faults: LATE })
    expect(slow).toMatchObject({ verdict: 'fail', ok: false })
    expect(slow.detail).toMatch(/^at 1\d(\.\d)?s, .+ after the last publication or fault \(1ms allowed\)$/)
    const never = await judged('converged: { within: 10s }', { faults: '[{ at: 2s, isolate: b }]' })
    expect(never).toMatchObject({ verdict: 'fail', ok: false })
    expect(never.detail).toMatch(/^not by the end: \w and \w stand at different heights$/)
  })

  it('delivered: the share of what was owed to the apps', async () => {
    expect(await judged('delivered: 100%')).toMatchObject({ verdict: 'pass', detail: '100 % of 72 deliveries' })
    const cut = { faults: '[{ at: 500ms, isolate: b }]' }
    const missed = await judged('delivered: 100%', cut)
    expect(missed).toMatchObject({ verdict: 'fail', ok: false })
    expect(missed.detail).toBe('55.55 % of 72 deliveries; b lacks 16')
    expect(await judged('delivered: 55%', cut)).toMatchObject({ verdict: 'pass', ok: true })
  })

  it('no-violations: listed whether or not it is expected', async () => {
    expect(await judged('no-violations: true')).toMatchObject({ verdict: 'pass', detail: 'no check was broken' })
    const plant: { atMs: number; run: (world: { nodes: readonly { checks: Reporter }[] }) => void } = {
      atMs: 5_000,
      run: ({ nodes }) => nodes[1]!.checks.report('lost-delivered', 5_000_000, 'planted'),
    }
    const report = await reportOn({ expect: '[{ no-violations: true }]' }, { plant })
    expect(report.verdict).toBe('fail')
    expect(report.expectations[0]).toEqual({ name: 'no-violations', ok: false, detail: '1 check was broken' })
    expect(report.violations).toEqual([{ check: 'lost-delivered', node: 'b', atMs: 5_000, detail: 'planted' }])
    expect((await reportOn({ expect: '[]' }, { plant })).verdict).toBe('fail')
  })

  it('duplicates: what one consumer was handed again', async () => {
    expect(await judged('duplicates: { max: 0 }')).toMatchObject({ verdict: 'pass', ok: true })
    // An app whose power goes while an acknowledgement is being written is handed the operation again.
    const again = await judged('duplicates: { max: 0 }', { workload: MANY, faults: CRASHES })
    expect(again).toMatchObject({ verdict: 'fail', ok: false })
    expect(again.detail).toMatch(/^\d+ repeated deliver(y|ies), at most 0 expected$/)
    expect(await judged('duplicates: { max: 1000 }', { workload: MANY, faults: CRASHES })).toMatchObject({ ok: true })
  })

  it('bytes: what one operation cost on the links', async () => {
    const missed = await judged('bytes: { max-per-operation: 100 }')
    expect(missed).toMatchObject({ verdict: 'fail', ok: false })
    expect(missed.detail).toMatch(/^\d+ bytes an operation on the links, at most 100 expected$/)
    expect(await judged('bytes: { max-per-operation: 10kB }')).toMatchObject({ verdict: 'pass', ok: true })
  })

  it('nothing at all: a run without expectations passes when no check is broken', async () => {
    const report = await reportOn({ expect: '[]' })
    expect(report).toMatchObject({ verdict: 'pass', expectations: [], violations: [] })
  })

  it('nobody publishes: all is owed to nobody', async () => {
    const report = await reportOn({ workload: '[]' })
    expect(report).toMatchObject({ verdict: 'pass', deliveryMs: null })
  })
})

interface Reporter {
  report(check: 'lost-delivered', atUs: number, detail: string): void
}
const MANY = '[{ at: 3s, node: a, publish: { topic: chat, count: 30, every: 1ms } }]'
const CRASHES = '[{ at: 3s, crash: b, at-write: 25, restart-after: 1s }]'

describe('the report', () => {
  it('has the fields that users depend on, and no others', async () => {
    const report = await reportOn({ faults: '[{ at: 2100ms, crash: b, restart-after: 500ms }]' }, { seed: 5 })
    expect(Object.keys(report)).toEqual([
      ...['thicket', 'scenario', 'seed', 'verdict', 'fingerprint', 'simulatedMs', 'wallMs', 'events'],
      ...['expectations', 'violations', 'nodes', 'sync', 'ordering', 'network', 'radio', 'deliveryMs', 'convergedAtMs'],
    ])
    expect(report).toMatchObject({
      thicket: 'test',
      scenario: 'tested',
      seed: 5,
      simulatedMs: 60_000,
      network: null,
      radio: null,
    })
    expect(report.fingerprint).toMatch(/^[0-9a-f]{64}$/)
    for (const count of [report.wallMs, report.events]) expect(Number.isSafeInteger(count)).toBe(true)
    for (const node of report.nodes) {
      expect(Object.keys(node)).toEqual([
        'name',
        'id',
        'operations',
        'delivered',
        'acked',
        'crashes',
        'stateHash',
        'contentHash',
      ])
      expect(node).toMatchObject({ operations: 24, delivered: 24, acked: 24, crashes: node.name === 'b' ? 1 : 0 })
      expect(node.id).toMatch(/^[0-9a-f]{64}$/)
      expect(node.stateHash).toMatch(/^[0-9a-f]{64}$/)
    }
    expect(Object.keys(report.sync)).toEqual(['sessions', 'bytes', 'operations'])
    expect(report.sync.operations).toBeGreaterThanOrEqual(48)
    const { p50, p90, max } = report.deliveryMs!
    expect(p50).toBeLessThanOrEqual(p90)
    expect(p90).toBeLessThanOrEqual(max)
    expect(report.convergedAtMs).toBeGreaterThan(8_000)
  })

  it('is printed verdict first, then expectations, nodes, sync and fingerprint', async () => {
    const report = await reportOn({ faults: '[{ at: 500ms, isolate: b }]' })
    const lines = printReport(report).split('\n')
    expect(lines[1]).toBe('✗ tested: FAIL   seed 1')
    expect(lines.find(line => line.includes('delivered'))).toContain('✗ delivered')
    expect(lines.filter(line => /^ {2}[abc] +[0-9a-f]{8} /.test(line))).toHaveLength(3)
    expect(lines.at(-2)).toBe(`  fingerprint ${report.fingerprint}`)
  })
})

describe('figures for people', () => {
  it.each([
    [0, '0ms'],
    [999.4, '999ms'],
    [999.6, '1s'],
    [59_940, '59.9s'],
    [59_960, '1m'],
    [61_000, '1m1s'],
    [3_600_000, '1h'],
    [3_661_000, '1h1m1s'],
    [7_200_000, '2h'],
    [3_605_000, '1h0m5s'],
  ])('%d ms reads %s', (ms, text) => expect(humanDuration(ms)).toBe(text))

  it('percentiles are values that occurred', () => {
    expect(percentile([1, 2, 3, 4], 0.5)).toBe(2)
    expect(percentile([1, 2, 3, 4], 0.9)).toBe(4)
    expect(percentile([7], 0.5)).toBe(7)
    expect(percentile([], 0.5)).toBe(0)
  })
})

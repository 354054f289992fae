/**
 * Goal: whole nodes on a network that reaches all: each knows its bootstrap nodes and no other, churn takes and gives
 * power as planned, and the report tells of sessions and bytes. Method: small scenarios, run to their report.
 */

import { describe, expect, it } from 'vitest'
import { complaints, reportOn, testWorld } from './scenario.contract.js'

const STAR = {
  network: '{ reach: all, latency: 30ms }',
  nodes: '[{ name: door }, { name: n, count: 4, bootstrap: door }]',
  links: '[]',
  workload: '[{ at: 1s, node: [door, n], publish: { topic: chat, count: 4, every: 1s } }]',
} as const

describe('a network that reaches all', () => {
  it('brings together whoever knows an address, and reports what it took', async () => {
    const expectations = '[{ converged: true }, { delivered: 100% }, { overlay-connected: { within: 10s } }]'
    const report = await reportOn({ ...STAR, expect: expectations })
    expect(complaints(report)).toEqual([])
    expect(report.network?.sessionsPerNode.max).toBeGreaterThanOrEqual(4)
    expect(report.network?.sessionsPerNode.mean).toBeGreaterThan(1)
    expect(report.network?.connectedAtMs).toBeLessThan(10_000)
    expect(Object.keys(report.network!.bytesByProtocol)).toContain('log-sync')
    const bytes = Object.values(report.network!.bytesByProtocol).reduce((sum, each) => sum + each, 0)
    expect(bytes).toBe(report.sync.bytes)
  })

  it('leaves those alone who know nobody, and says so', async () => {
    const report = await reportOn({
      ...STAR,
      nodes: '[{ name: door }, { name: n, count: 4, bootstrap: door }, { name: lost }]',
      expect: '[{ overlay-connected: true }, { sessions: { max-per-node: 1 } }, { converged: true }]',
    })
    expect(report.verdict).toBe('fail')
    const [overlay, sessions, converged] = report.expectations
    expect(overlay).toMatchObject({ ok: false, detail: 'not by the end: chat falls into 2 parts' })
    expect(sessions?.ok).toBe(false)
    expect(sessions?.detail).toMatch(/^\d+ at one time at \w+, at most 1 expected$/)
    expect(converged?.ok).toBe(false)
    expect(report.network?.connectedAtMs).toBeNull()
  })

  it('repeats bit for bit, discovery and overlay included', async () => {
    const parts = { ...STAR, faults: '[{ at: 2s, for: 6s, churn: { rate: 30/m, down-for: 2s } }]', duration: '30s' }
    const [first, again, other] = [await reportOn(parts), await reportOn(parts), await reportOn(parts, { seed: 2 })]
    expect(again.fingerprint).toBe(first.fingerprint)
    expect(again.nodes).toEqual(first.nodes)
    expect(other.fingerprint).not.toBe(first.fingerprint)
  })

  it('lets a node find by way of others whom it was not told of', async () => {
    const report = await reportOn({
      ...STAR,
      nodes: '[{ name: door }, { name: n, count: 2, bootstrap: door }, { name: far, bootstrap: n1 }]',
      workload: '[{ at: 1s, node: far, publish: { topic: chat, count: 4, every: 1s } }]',
      faults: '[{ at: 10s, crash: [door, n1] }]',
      expect: '[{ overlay-connected: { within: 30s } }, { delivered: 100% }]',
    })
    expect(complaints(report)).toEqual([])
    expect(Object.keys(report.network!.bytesByProtocol)).toEqual(['discovery', 'log-sync', 'overlay'])
  })

  it('heals from a partition', async () => {
    const report = await reportOn({
      ...STAR,
      faults: '[{ at: 2s, for: 20s, partition: [[door, n1], rest] }]',
      expect: '[{ converged: true }, { delivered: 100% }, { overlay-connected: { within: 20s } }]',
    })
    expect(complaints(report)).toEqual([])
    expect(report.network?.connectedAtMs).toBeGreaterThan(22_000)
  })
})

describe('churn', () => {
  const churned = {
    ...STAR,
    duration: '3m',
    faults: '[{ at: 5s, for: 1m, churn: { rate: 20/m, down-for: 4s, nodes: [n1, n2, n3] } }]',
    expect: '[{ converged: { within: 30s } }, { delivered: 100% }, { overlay-connected: { within: 30s } }]',
  }

  it('takes power from the nodes named, gives it back, and all is well in the end', async () => {
    const report = await reportOn(churned)
    expect(complaints(report)).toEqual([])
    const crashes = Object.fromEntries(report.nodes.map(({ name, crashes }) => [name, crashes]))
    expect(crashes.door).toBe(0)
    expect(crashes.n4).toBe(0)
    expect(crashes.n1! + crashes.n2! + crashes.n3!).toBeGreaterThan(8)
  })

  it('is the same for a seed, whatever else the scenario does', async () => {
    const crashesOf = async (parts: object, seed: number) => {
      const { world, traced } = await testWorld({ ...churned, ...parts }, seed)
      while (!world.run());
      world.discard()
      return traced.filter(({ type }) => type === 'crash').map(({ tUs, node }) => `${tUs} ${node}`)
    }
    const first = await crashesOf({}, 1)
    expect(await crashesOf({ workload: '[]' }, 1)).toEqual(first)
    expect(await crashesOf({ workload: '[]' }, 2)).not.toEqual(first)
  })

  it('leaves a node alone that another fault has taken', async () => {
    const report = await reportOn({
      ...churned,
      faults: `[{ at: 4s, crash: [n1, n2, n3], restart-after: 100s }, ${churned.faults.slice(1)}`,
      expect: '[{ converged: true }]',
    })
    expect(complaints(report)).toEqual([])
    expect(report.nodes.map(({ crashes }) => crashes)).toEqual([0, 1, 1, 1, 0])
  })
})

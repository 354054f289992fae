/**
 * Goal: one scenario ends in the same operations on real processes as in the simulated world: who wrote what as which
 * entry of its log agrees across the worlds, and within one world all nodes hold the same ids. Method: a short file with
 * a partition, kills, a pause and a prune, run in both.
 */

import { describe, expect, it } from 'vitest'
import { sharedCrypto } from '../../engine/adapters/index.js'
import { parseScenario } from '../../scenarios/index.js'
import type { HeldOperation } from '../checks/index.js'
import { runScenario } from '../world/index.js'
import { complaints } from '../world/scenario.contract.js'
import { runLoopback } from './index.js'

/** The nodes have a while to converge after the last fault; real clocks and processes share one machine with others. */
const TEST_TIMEOUT_MS = 180_000

const SHORT = parseScenario(
  `thicket: 1
name: both-worlds
duration: 2m
nodes: [{ name: a }, { name: b }, { name: c }]
topics: [chat, { name: news, subscribers: [a, c] }]
links: [{ mesh: [a, b, c] }]
workload:
  - { at: 200ms, node: [a, b, c], publish: { topic: chat, count: 12, every: 150ms, size: { from: 10, to: 200 } } }
  - { at: 300ms, node: any, publish: { topic: news, count: 10, every: 100ms, size: 40 } }
  - { at: 500ms, node: a, ephemeral: { topic: chat, count: 3, every: 100ms } }
  - { at: 8s, node: b, prune: { topic: chat } }
  - { at: 8100ms, node: b, publish: { topic: chat, count: 2, every: 100ms } }
  - { at: 1s, node: c, ack: explicit }
faults:
  - { at: 600ms, partition: [[a], rest], for: 600ms }
  - { at: 900ms, crash: c, restart-after: 500ms }
  - { at: 1300ms, pause: a, for: 200ms }
expect:
  - converged: true
  - delivered: 100%
  - no-violations: true
`,
  'both-worlds.yaml',
)

/** What means the same in every world, as a sorted multiset. */
const meaning = (held: readonly HeldOperation[]) =>
  held.map(({ author, topic, seqNum, bodyHash }) => `${topic} ${author} ${seqNum} ${bodyHash}`).sort()
const idsIn = (held: readonly HeldOperation[], topic: string) =>
  held.flatMap(operation => (operation.topic === topic ? [operation.id] : [])).sort()

describe('two worlds', () => {
  it('end in the same operations on every node', { timeout: TEST_TIMEOUT_MS }, async () => {
    const simulated = await runScenario({ scenario: SHORT, version: 'test', crypto: sharedCrypto() })
    const { report, holdings } = await runLoopback({ scenario: SHORT, version: 'test' })
    expect(complaints(simulated.report)).toEqual([])
    expect(complaints(report)).toEqual([])

    expect(report.nodes.map(({ name, id }) => [name, id])).toEqual(
      simulated.report.nodes.map(({ name, id }) => [name, id]),
    )
    const hashes = ({ nodes }: typeof report) => nodes.map(({ name, contentHash }) => [name, contentHash])
    expect(hashes(report)).toEqual(hashes(simulated.report))

    const [a, b, c] = ['a', 'b', 'c'].map(name => holdings.get(name)!) as [
      HeldOperation[],
      HeldOperation[],
      HeldOperation[],
    ]
    expect(meaning(a)).toEqual(meaning(c))
    const [chat] = b.map(({ topic }) => topic)
    expect(new Set(b.map(({ topic }) => topic)).size, 'b has one topic').toBe(1)
    expect(idsIn(b, chat!)).toEqual(idsIn(a, chat!))
    expect(a.map(({ id }) => id).sort()).toEqual(c.map(({ id }) => id).sort())

    expect(Object.keys(report)).toEqual(Object.keys(simulated.report))
    expect(report).toMatchObject({ fingerprint: null, verdict: 'pass', scenario: 'both-worlds', seed: 1, radio: null })
    expect(report.nodes.map(({ crashes }) => crashes)).toEqual([0, 0, 1])
    expect(report.deliveryMs!.p50).toBeGreaterThan(0)
    expect(report.convergedAtMs).toBeGreaterThan(1_900)
    expect(report.simulatedMs).toBeLessThan(120_000)
  })
})

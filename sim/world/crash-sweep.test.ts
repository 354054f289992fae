/**
 * Goal: wherever a node's power or process goes, nothing that was promised is lost and everyone agrees in the end.
 * Method: a small scenario with a partition, run once for each write (on a disk) or commit (in memory) at which one
 * node dies and comes back 3 s later: of a writer, of a reader, and of a node in its first boot.
 */

import { describe, expect, it } from 'vitest'
import type { Report } from './report.js'
import { complaints, type Parts, reportOn } from './scenario.contract.js'

const WORKLOAD = '[{ at: 1s, node: [a, b], publish: { topic: chat, count: 12, every: 500ms } }]'
const PARTITION = '{ at: 2s, partition: [[a], rest], for: 3s }'

function crashed(node: string, at: string, write: number, storage: Parts['storage'] = 'crash-disk'): Promise<Report> {
  return reportOn({
    storage,
    workload: WORKLOAD,
    faults: `[${PARTITION}, { at: ${at}, crash: ${node}, at-write: ${write}, restart-after: 3s }]`,
  })
}

/** What went wrong, by write; and how many of the crashes came to pass. */
async function sweep(node: string, at: string, writes: number, storage?: Parts['storage']) {
  const wrong: string[] = []
  let crashes = 0
  for (let write = 1; write <= writes; write++) {
    const report = await crashed(node, at, write, storage)
    crashes += report.nodes.find(({ name }) => name === node)!.crashes
    wrong.push(...complaints(report).map(complaint => `${node} at ${write}: ${complaint}`))
  }
  return { wrong, crashes }
}

describe('a power cut at each of 60 writes of the disk', () => {
  it.each([
    ['a writer that the partition cuts off', 'a', '3s'],
    ['a writer on the side of the others', 'b', '4s900ms'],
    ['a reader', 'c', '2s'],
    ['a node in its first boot, schema and all', 'a', '0s'],
  ])('%s', async (_, node, at) => {
    expect(await sweep(node, at.replace('4s900ms', '4900ms'), 60)).toEqual({ wrong: [], crashes: 60 })
  })
})

describe('the end of the process at each of 30 commits in memory', () => {
  it.each([
    ['a writer', 'a', '1s'],
    ['a reader', 'c', '1s'],
  ])('%s', async (_, node, at) => {
    const { wrong, crashes } = await sweep(node, at, 30, 'memory')
    expect(wrong).toEqual([])
    // Commits are fewer than writes: the last of the row may lie beyond the end of the work.
    expect(crashes).toBeGreaterThanOrEqual(12)
  })

  it('a node in its first boot', async () => {
    const { wrong, crashes } = await sweep('a', '0s', 6, 'memory')
    expect(wrong).toEqual([])
    expect(crashes).toBe(6)
  })
})

it('is not calm before a node whose cut came late is back', async () => {
  const faults = '[{ at: 0s, crash: c, at-write: 150, restart-after: 20s }]'
  const report = await reportOn({ faults, workload: WORKLOAD, expect: '[{ converged: { within: 2s } }]' })
  expect(report.nodes[2]!.crashes).toBe(1)
  expect(complaints(report)).toEqual([])
  expect(report.convergedAtMs).toBeGreaterThan(20_000)
})

it('dies twice, the second time while it recovers from the first', async () => {
  const wrong: string[] = []
  for (let write = 1; write <= 12; write++) {
    const report = await reportOn({
      workload: WORKLOAD,
      faults: `[{ at: 3s, crash: a, at-write: 3, restart-after: 1s }, { at: 3500ms, crash: a, at-write: ${write}, restart-after: 2s }]`,
    })
    expect(report.nodes[0]!.crashes).toBe(2)
    wrong.push(...complaints(report))
  }
  expect(wrong).toEqual([])
})

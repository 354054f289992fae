/**
 * Goal: one seed is one run, for ever; chance from outside is caught or found; a run leaves the process as it was.
 * Method: runs compared field by field, and chance planted in the middle of a run, openly and behind the guard's back.
 */

import { describe, expect, it } from 'vitest'
import { checkDeterminism } from './determinism.js'
import type { Report } from './report.js'
import { type Parts, reportOn, runOptions, testWorld } from './scenario.contract.js'
import type { World } from './world.js'

const FAULTS = '[{ at: 3s, partition: [[a], rest], for: 3s }, { at: 4s, crash: b, at-write: 3, restart-after: 2s }]'
const lossy: Parts = { links: '[{ mesh: [a, b, c], loss: 5%, jitter: 10ms }]', faults: FAULTS }

function unclocked({ wallMs: _, ...report }: Report): Omit<Report, 'wallMs'> {
  return report
}

describe('one seed', () => {
  it('gives one report, but for the wall clock, and another seed another', async () => {
    const first = await reportOn(lossy, { seed: 7 })
    const second = await reportOn(lossy, { seed: 7 })
    expect(unclocked(second)).toEqual(unclocked(first))
    const other = await reportOn(lossy, { seed: 8 })
    expect(other.fingerprint).not.toBe(first.fingerprint)
    expect(other.nodes.map(({ id }) => id)).not.toEqual(first.nodes.map(({ id }) => id))
    expect(other.verdict).toBe('pass')
  })

  it('gives the same run with a trace and without', async () => {
    const lines: string[] = []
    const trace = { write: (...event: unknown[]) => void lines.push(JSON.stringify(event)), close() {} }
    const traced = await reportOn(lossy, { trace })
    expect(lines.length).toBeGreaterThan(100)
    expect(unclocked(traced)).toEqual(unclocked(await reportOn(lossy)))
  })

  it('gives the same nodes and messages when a node, a link, a topic or a fault is added', async () => {
    const bodies = async (parts: Parts) => {
      const { world } = await testWorld(parts)
      while (!world.run({ maxEvents: 10_000 }));
      const result = {
        keys: new Map(world.nodes.map(({ name, id }) => [name, id])),
        bodies: [...world.ledger.entries()].map(({ author, bodyHash }) => `${author} ${bodyHash}`).sort(),
      }
      world.discard()
      return result
    }
    const plain = await bodies({})
    const faulty = await bodies({ faults: FAULTS })
    expect(faulty.keys).toEqual(plain.keys)
    const larger = await bodies({
      nodes: '[{ name: z }, { name: a }, { name: b }, { name: c }]',
      topics: '[another, chat]',
      links: '[{ between: [z, b] }, { mesh: [a, b, c] }]',
    })
    for (const [name, id] of plain.keys) expect(larger.keys.get(name)).toBe(id)
    expect(larger.bodies).toEqual(plain.bodies)
  })
})

describe('chance from outside', () => {
  const inNode = (work: () => void) => ({ plant: { atMs: 5_000, run: work } })

  it('is caught by the guard, which names the call and the port', async () => {
    await expect(
      reportOn(
        {},
        inNode(() => void Math.random()),
      ),
    ).rejects.toThrow(/Math\.random\(\).*Random port/)
    await expect(
      reportOn(
        {},
        inNode(() => void Date.now()),
      ),
    ).rejects.toThrow(/Date\.now\(\).*Clock port/)
    await expect(
      reportOn(
        {},
        inNode(() => void setTimeout(() => {}, 0)),
      ),
    ).rejects.toThrow(/setTimeout.*Clock port/)
  })

  it('is caught also where somebody swallows the error', async () => {
    const swallow = () => {
      try {
        Math.random()
      } catch {
        // A careless catch, as a library might have it.
      }
    }
    await expect(reportOn({}, inNode(swallow))).rejects.toThrow(/Math\.random\(\)/)
  })

  it('leaves the process clean, also after it was caught', async () => {
    const before = [Math.random, Date, Date.now, setTimeout, performance.now]
    await expect(
      reportOn(
        {},
        inNode(() => void Math.random()),
      ),
    ).rejects.toThrow()
    expect([Math.random, Date, Date.now, setTimeout, performance.now]).toEqual(before)
    await reportOn({})
    expect([Math.random, Date, Date.now, setTimeout, performance.now]).toEqual(before)
    expect(Date.now()).toBeGreaterThan(Date.UTC(2020))
    expect(Math.random()).toBeLessThan(1)
  })

  it('that escapes the guard and moves an event is found by running twice, and the event is named', async () => {
    const saved = Math.random
    const plant = {
      atMs: 5_000,
      run: ({ kernel }: World) => {
        kernel.schedule(Math.floor(saved() * 1_000_000), 'coin', 1, () => {})
      },
    }
    const { first, difference } = await checkDeterminism(runOptions({}, { plant }))
    expect(first.report.verdict).toBe('pass')
    expect(difference).toMatch(/^event \d+: .+ in one run, .+ in the other$/)
    expect(difference).toContain('coin of b at 5')
  })

  it('that escapes the guard and changes a message is found, with the node that stored it', async () => {
    const saved = Math.random
    const plant = {
      atMs: 5_000,
      run: ({ nodes, topics }: World) =>
        nodes[2]!.publish(topics.get('chat')!, new TextEncoder().encode(String(saved())), false),
    }
    const { difference } = await checkDeterminism(runOptions({}, { plant }))
    expect(difference).toContain('planted of the world at 5000 ms')
  })

  it('is not found where there is none', async () => {
    const { difference } = await checkDeterminism(runOptions(lossy))
    expect(difference).toBeNull()
  })
})

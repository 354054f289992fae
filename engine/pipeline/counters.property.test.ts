/**
 * Goal: what the store counts as it goes (operations held per log, bytes held and operations waiting per topic) is what a
 * recount of its rows gives, whatever came, in whatever order, at whatever bound.
 * Method: random batches out of three authors' logs, with prune points, a fork and dependencies, against small bounds;
 * recounted after each batch, and once more after everything has come in order.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LogId, type Operation, type OperationId } from '../core/index.js'
import { author, chain, operation, pipelineFixture, TOPIC } from './fixtures.contract.js'

const LOG = 12
const [alice, bob, carol] = [author(2), author(3), author(4)]

/** An author whose operations name those of others, and so wait for them. */
function causal(dependencies: readonly Operation[]): Operation[] {
  const operations: Operation[] = []
  let backlink: OperationId | null = null
  for (const [seqNum, dependency] of dependencies.entries()) {
    const extensions = {
      variant: 'causal',
      logId: LogId.ofTopic(TOPIC),
      timestamp: 1_788_000_000_000_000n + BigInt(seqNum),
      previous: [dependency.id],
    } as const
    const next: Operation = operation(carol, { seqNum, backlink, extensions })
    operations.push(next)
    backlink = next.id
  }
  return operations
}

const first = chain(alice, LOG, [5])
const second = chain(bob, LOG, [4, 9])
const logs = [first, second, chain(bob, LOG, [], ' of another branch'), causal([...second].reverse())]
const everything = logs.flat()

const batches = fc.array(fc.array(fc.integer({ min: 0, max: everything.length - 1 }), { minLength: 1, maxLength: 6 }), {
  minLength: 1,
  maxLength: 12,
})
const bounds = fc.record({
  operationsPerLog: fc.integer({ min: 1, max: 6 }),
  bytesPerTopic: fc.integer({ min: 1, max: 2_500 }),
})

describe('counters of the store', () => {
  it('held operations, held bytes and waiting operations never drift from their rows', () => {
    fc.assert(
      fc.property(batches, bounds, (sequence, held) => {
        const fixture = pipelineFixture({ held })
        for (const batch of sequence) {
          fixture.receive(batch.map(index => everything[index]!))
          recount(fixture, held)
        }
        for (const log of [first, second, logs[3]!]) fixture.receive(log)
        recount(fixture, held)
        fixture.store.close()
      }),
      { numRuns: 30 },
    )
  })
})

function recount(
  { store }: ReturnType<typeof pipelineFixture>,
  held: { operationsPerLog: number; bytesPerTopic: number },
) {
  const all = <Row>(sql: string) => store.database.prepare(sql).all<Row>()
  const perLog = all<{ log: number; height: number; counted: number; rows: number; lowest: number | null }>(
    `SELECT l.log AS log, coalesce(l.height, -1) AS height, l.held AS counted, count(h.seq) AS rows, min(h.seq) AS lowest
     FROM logs l LEFT JOIN held h ON h.log = l.log GROUP BY l.log`,
  )
  for (const { counted, rows, lowest, height } of perLog) {
    expect(counted).toBe(rows)
    expect(rows).toBeLessThanOrEqual(held.operationsPerLog)
    // Whatever is held lies beyond a gap; what follows the tip would have been released.
    if (lowest !== null) expect(lowest).toBeGreaterThan(height + 1)
  }
  const [topic] = all<{ bytes: number; rows: number; waiting: number; waits: number }>(
    `SELECT held_bytes AS bytes, waiting,
       (SELECT coalesce(sum(length(header) + coalesce(length(body), 0)), 0) FROM held) AS rows,
       (SELECT count(*) FROM waiting) AS waits FROM topics`,
  )
  expect(topic!.bytes).toBe(topic!.rows)
  expect(topic!.bytes).toBeLessThanOrEqual(held.bytesPerTopic)
  expect(topic!.waiting).toBe(topic!.waits)
  expect(all('SELECT position FROM operations WHERE place IS NULL'), 'who has no place waits').toHaveLength(
    topic!.waits,
  )
}

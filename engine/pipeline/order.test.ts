/**
 * Goal: nothing is released before what it names, nothing is lost in any order of arrival, and nothing waits for ever.
 * Method: hand-made and random graphs of operations against a real store; every bound is reached once and passed once.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openBetterSqlite } from '../adapters/better-sqlite.js'
import { LogId, type Operation, type OperationId, portableCrypto, type SigningKey, type Topic } from '../core/index.js'
import type { Database } from '../ports.js'
import { openStore, type Store } from '../store/index.js'
import { author, ManualClock, OTHER_TOPIC, operation, TOPIC } from './fixtures.contract.js'
import { type Committed, createPipeline, type Judged, type OrderLimits, type Pipeline } from './index.js'

const alice = author(2)
const bob = author(3)
const carol = author(4)

/** A node whose process can be replaced by another on the same database. */
class Fixture {
  readonly clock = new ManualClock()
  readonly committed: Committed<string>[] = []
  readonly #database: Database
  readonly #limits: OrderLimits | undefined
  store!: Store
  pipeline!: Pipeline<string>

  constructor(limits?: OrderLimits) {
    this.#database = openBetterSqlite(':memory:')
    this.#limits = limits
    this.restart()
  }

  restart(): void {
    this.store = openStore(this.#database)
    this.pipeline = createPipeline<string>({
      store: this.store,
      crypto: portableCrypto,
      clock: this.clock,
      signingKey: author(1),
      onCommitted: batch => this.committed.push(batch),
      onCommitting: () => {},
      ...(this.#limits ? { orderLimits: this.#limits } : {}),
    })
  }

  row(topic: Topic = TOPIC) {
    return this.store.transact(tx => this.store.logs.ensureTopic(tx, topic, LogId.ofTopic(topic)))
  }

  receive(operations: readonly Operation[], topic: Topic = TOPIC): readonly Judged[] {
    let judged: readonly Judged[] = []
    const raw = operations.map(({ header, body }) => ({ header: header.bytes, body }))
    this.pipeline.receive(this.row(topic), 'test', raw, verdicts => {
      judged = verdicts
    })
    return judged
  }

  publish(
    text: string,
    options: { prune?: boolean; dependsOn?: readonly OperationId[]; topic?: Topic; causal?: boolean } = {},
  ) {
    const body = new TextEncoder().encode(text)
    const { topic, prune = false, causal = true, dependsOn = [] } = options
    return this.pipeline.publish(this.row(topic), { body, prune, causal, dependsOn }).operation
  }

  /** In the order of release. */
  released(topic: Topic = TOPIC): readonly OperationId[] {
    return this.store.operations.afterPlace(this.row(topic), 0, 100_000).map(({ id }) => id)
  }

  missed(of: Operation): readonly OperationId[] {
    return this.store.ordering.missed(this.store.operations.find(of.id)!.position)
  }

  waiting(topic: Topic = TOPIC): number {
    return this.store.ordering.count(this.row(topic))
  }

  frontier(topic: Topic = TOPIC): readonly OperationId[] {
    return this.store.ordering.frontier(this.row(topic))
  }
}

/** The next operation of a log, naming others. */
function causal(
  key: SigningKey,
  before: Operation | null,
  previous: readonly Operation[],
  topic: Topic = TOPIC,
): Operation {
  const seqNum = before ? before.header.seqNum + 1 : 0
  return operation(key, {
    seqNum,
    backlink: before?.id ?? null,
    body: `${key.verifyingKey.slice(0, 4)} ${seqNum} ${previous.map(({ id }) => id.slice(0, 6)).join()}`,
    extensions: {
      variant: 'causal',
      logId: LogId.ofTopic(topic),
      timestamp: 1_788_000_000_000_000n + BigInt(seqNum),
      previous: previous.map(({ id }) => id),
    },
  })
}

const ids = (operations: readonly Operation[]) => operations.map(({ id }) => id)

describe('release', () => {
  it('[7.5] a dependency that comes late is released first, and what named it follows in the same transaction', () => {
    const fixture = new Fixture()
    const first = operation(alice, { seqNum: 0 })
    const second = causal(bob, null, [first])
    expect(fixture.receive([second])[0]).toMatchObject({ outcome: 'stored' })
    expect(fixture.released()).toEqual([])
    expect(fixture.waiting()).toBe(1)
    fixture.receive([first])
    expect(fixture.released()).toEqual(ids([first, second]))
    expect(fixture.waiting()).toBe(0)
    expect(fixture.missed(second)).toEqual([])
  })

  it('[7.5] a redundant dependency loses nothing: D on B and C, C on B, B on A, in all 24 orders', () => {
    const a = operation(author(5), { seqNum: 0 })
    const b = causal(author(6), null, [a])
    const c = causal(author(7), null, [b])
    const d = causal(author(8), null, [b, c])
    for (const order of permutations([a, b, c, d])) {
      const fixture = new Fixture()
      for (const item of order) fixture.receive([item])
      expect(fixture.released()).toEqual(ids([a, b, c, d]))
    }
  })

  it('[7.5] a dependency named twice counts once, and receiving anything again changes nothing', () => {
    const fixture = new Fixture()
    const first = operation(alice, { seqNum: 0 })
    const second = causal(bob, null, [first, first])
    fixture.receive([second])
    fixture.receive([second, first, second, first])
    expect(fixture.released()).toEqual(ids([first, second]))
    expect(fixture.store.ordering.countAll()).toBe(0)
    expect(fixture.store.ordering.hasEdges()).toBe(false)
  })

  it('a log stays in sequence: what follows a waiting operation waits with it', () => {
    const fixture = new Fixture()
    const first = operation(alice, { seqNum: 0 })
    const second = causal(bob, null, [first])
    const third = operation(bob, { seqNum: 1, backlink: second.id })
    fixture.receive([second, third])
    expect(fixture.released()).toEqual([])
    fixture.receive([first])
    expect(fixture.released()).toEqual(ids([first, second, third]))
  })

  it('[7.5] any graph, in any order of arrival, with duplicates and restarts, ends in a linear extension of itself', () => {
    const keys = [author(10), author(11), author(12), author(13), author(14)]
    const arbitrary = fc.record({
      steps: fc.array(fc.record({ by: fc.nat(4), names: fc.array(fc.nat(1_000), { maxLength: 4 }) }), {
        minLength: 1,
        maxLength: 200,
      }),
      order: fc.infiniteStream(fc.nat(1_000_000)),
      batches: fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
      restarts: fc.infiniteStream(fc.nat(9)),
    })
    fc.assert(
      fc.property(arbitrary, ({ steps, order, batches, restarts }) => {
        const { operations, edges } = graph(keys, steps)
        const arrivals = shuffled([...operations, ...operations.filter((_, index) => index % 3 === 0)], order)
        const fixture = new Fixture()
        while (arrivals.length > 0) {
          fixture.receive(arrivals.splice(0, next(batches)))
          if (next(restarts) === 0) fixture.restart()
        }
        const released = fixture.released()
        expect(new Set(released)).toEqual(new Set(ids(operations)))
        expect(released).toHaveLength(operations.length)
        const placeOf = new Map(released.map((id, place) => [id, place]))
        for (const [before, after] of edges) expect(placeOf.get(before)!).toBeLessThan(placeOf.get(after)!)
        expect(fixture.store.ordering.countAll()).toBe(0)
        expect(fixture.store.ordering.hasEdges()).toBe(false)
        const named = new Set(edges.map(([before]) => before))
        expect([...fixture.frontier()].sort()).toEqual(
          ids(operations)
            .filter(id => !named.has(id))
            .sort(),
        )
      }),
      { numRuns: 40 },
    )
  })

  it('a cascade longer than a step is finished by later ones, also after a restart', () => {
    const fixture = new Fixture({ waitingPerTopic: 1_000, releasesPerStep: 10 })
    const operations = braid(40)
    fixture.receive(operations.slice(1))
    fixture.receive([operations[0]!])
    expect(fixture.released().length).toBeLessThanOrEqual(11)
    fixture.restart()
    let steps = 0
    while (fixture.pipeline.resume()) steps += 1
    expect(steps).toBeGreaterThan(1)
    expect(fixture.released()).toEqual(ids(operations))
  })
})

describe('topics', () => {
  it('an operation that operations of two topics name releases both (issue 1364)', () => {
    const fixture = new Fixture()
    const shared = operation(alice, { seqNum: 0 })
    const here = causal(bob, null, [shared])
    const there = causal(bob, null, [shared], OTHER_TOPIC)
    fixture.receive([here])
    fixture.receive([there], OTHER_TOPIC)
    expect([fixture.waiting(), fixture.waiting(OTHER_TOPIC)]).toEqual([1, 1])
    fixture.receive([shared])
    expect(fixture.released()).toEqual(ids([shared, here]))
    expect(fixture.released(OTHER_TOPIC)).toEqual([there.id])
    expect(new Set(fixture.committed.at(-1)!.changes.released.map(({ topic }) => topic)).size).toBe(2)
  })

  it('the frontier of a topic knows its own operations alone', () => {
    const fixture = new Fixture()
    const shared = operation(alice, { seqNum: 0 })
    fixture.receive([shared])
    fixture.receive([causal(bob, null, [shared], OTHER_TOPIC)], OTHER_TOPIC)
    expect(fixture.frontier()).toEqual([shared.id])
  })
})

describe('what a publication names', () => {
  it('nothing but its log: plain Basic; then every head of the topic, sorted', () => {
    const fixture = new Fixture()
    expect(fixture.publish('one').header.extensions.variant).toBe('basic')
    expect(fixture.publish('two').header.extensions.variant).toBe('basic')
    const [a, b] = [operation(alice, { seqNum: 0 }), operation(bob, { seqNum: 0 })]
    fixture.receive([a, b])
    const third = fixture.publish('three')
    expect(third.header.extensions).toMatchObject({ variant: 'causal', previous: ids([a, b]).sort() })
    expect(fixture.frontier()).toEqual([third.id])
    expect(fixture.publish('four').header.extensions.variant).toBe('basic')
  })

  it('heads only: of a chain through other authors the last one', () => {
    const fixture = new Fixture()
    const a = operation(alice, { seqNum: 0 })
    const b = causal(bob, null, [a])
    const c = causal(carol, null, [b])
    fixture.receive([a, b, c])
    expect(fixture.publish('mine').header.extensions).toMatchObject({ previous: [c.id] })
  })

  it('nothing that is still waiting', () => {
    const fixture = new Fixture()
    const a = operation(alice, { seqNum: 0 })
    fixture.receive([causal(bob, null, [a])])
    expect(fixture.publish('mine').header.extensions.variant).toBe('basic')
  })

  it('64 heads at most; what does not fit is named by the next', () => {
    const fixture = new Fixture()
    const heads = Array.from({ length: 65 }, (_, index) => operation(author(50 + index), { seqNum: 0 }))
    fixture.receive(heads)
    const first = fixture.publish('first').header.extensions
    const second = fixture.publish('second').header.extensions
    expect(first).toMatchObject({ previous: ids(heads).sort().slice(0, 64) })
    expect(second).toMatchObject({ previous: ids(heads).sort().slice(64) })
    expect(fixture.frontier()).toHaveLength(1)
  })

  it('a prune point names nothing, and log ordering names nothing', () => {
    const fixture = new Fixture()
    fixture.receive([operation(alice, { seqNum: 0 })])
    expect(fixture.publish('plain', { causal: false }).header.extensions.variant).toBe('basic')
    expect(fixture.publish('prune', { prune: true }).header.extensions).toMatchObject({ variant: 'basic', prune: true })
  })

  it('explicit dependencies, also of another topic; an unknown one is refused and nothing is published', () => {
    const fixture = new Fixture()
    const there = operation(alice, { seqNum: 0, topic: OTHER_TOPIC })
    fixture.receive([there], OTHER_TOPIC)
    expect(fixture.publish('named', { dependsOn: [there.id] }).header.extensions).toMatchObject({
      previous: [there.id],
    })
    const unknown = operation(carol, { seqNum: 0 }).id
    expect(() => fixture.publish('no', { dependsOn: [unknown] })).toThrow(
      expect.objectContaining({ code: 'dependency-unknown' }),
    )
    expect(fixture.released()).toHaveLength(1)
  })
})

describe('the waiver', () => {
  it('1: what is known as the second branch of a fork is not waited for, whether it is known before or after', () => {
    const fixture = new Fixture()
    const kept = operation(alice, { seqNum: 0, body: 'kept' })
    const refused = operation(alice, { seqNum: 0, body: 'refused' })
    const early = causal(bob, null, [refused])
    const late = causal(carol, null, [refused])
    fixture.receive([kept, early])
    expect(fixture.waiting()).toBe(1)
    fixture.receive([refused])
    expect(fixture.released()).toEqual(ids([kept, early]))
    expect(fixture.missed(early)).toEqual([refused.id])
    fixture.receive([late])
    expect(fixture.released()).toEqual(ids([kept, early, late]))
    expect(fixture.missed(late)).toEqual([refused.id])
    expect(fixture.committed.reduce((sum, { changes }) => sum + changes.waived, 0)).toBe(2)
  })

  it('1: an equivocator cannot stall honest authors', () => {
    const fixture = new Fixture()
    const [one, other] = [operation(alice, { seqNum: 0, body: 'one' }), operation(alice, { seqNum: 0, body: 'other' })]
    const honest = causal(bob, null, [other])
    const answer = causal(carol, null, [honest])
    fixture.receive([one])
    fixture.receive([answer, honest])
    expect(fixture.released()).toEqual([one.id])
    fixture.receive([other])
    expect(fixture.released()).toEqual(ids([one, honest, answer]))
  })

  it('2: what was pruned here is not waited for, and a prune lets go what waited for what it deletes', () => {
    const fixture = new Fixture()
    const first = operation(alice, { seqNum: 0 })
    const unknown = operation(carol, { seqNum: 0 })
    const waits = causal(alice, first, [unknown])
    const named = causal(bob, null, [waits])
    const prune = operation(alice, { seqNum: 2, backlink: waits.id, prune: true })
    fixture.receive([first, waits, named])
    expect(fixture.waiting()).toBe(2)
    fixture.receive([prune])
    expect(new Set(fixture.released())).toEqual(new Set(ids([prune, named])))
    expect(fixture.missed(named)).toEqual([waits.id])
    const late = causal(bob, named, [first])
    fixture.receive([late])
    expect(fixture.missed(late)).toEqual([first.id])
    expect(fixture.waiting()).toBe(0)
    expect(fixture.store.ordering.hasEdges()).toBe(false)
  })

  it('3: what has waited too long is released, the oldest first, and the waiver survives a restart', () => {
    const fixture = new Fixture()
    const unknown = operation(carol, { seqNum: 0 })
    const [early, late] = [causal(alice, null, [unknown]), causal(bob, null, [unknown])]
    fixture.receive([early])
    const before = Number(fixture.clock.wall / 1_000n)
    fixture.clock.wall += 60_000_000n
    fixture.receive([late])
    expect(fixture.pipeline.waive(fixture.row(), before - 1)).toBe(0)
    expect(fixture.pipeline.waive(fixture.row(), before)).toBe(1)
    fixture.restart()
    expect(fixture.released()).toEqual([early.id])
    expect(fixture.missed(early)).toEqual([unknown.id])
    fixture.receive([unknown])
    expect(fixture.released()).toEqual(ids([early, unknown, late]))
    // Both name it, one of them without having waited: it is no head.
    expect([...fixture.frontier()].sort()).toEqual(ids([early, late]).sort())
  })

  it('3: a log stays in sequence also where the clock went back between its operations', () => {
    const fixture = new Fixture()
    const unknown = operation(carol, { seqNum: 0 })
    const first = causal(alice, null, [unknown])
    const second = causal(alice, first, [unknown])
    fixture.receive([first])
    fixture.clock.wall -= 3_600_000_000n
    fixture.receive([second])
    fixture.pipeline.waive(fixture.row(), Number(fixture.clock.wall / 1_000n))
    expect(fixture.released()).toEqual(ids([first, second]))
  })

  it('4: past the bound the oldest is released', () => {
    const fixture = new Fixture({ waitingPerTopic: 3, releasesPerStep: 100 })
    const unknown = operation(carol, { seqNum: 0 })
    const waiting = Array.from({ length: 4 }, (_, index) => causal(author(60 + index), null, [unknown]))
    fixture.receive(waiting.slice(0, 3))
    expect(fixture.released(), 'exactly at the bound').toEqual([])
    fixture.receive(waiting.slice(3))
    expect(fixture.released(), 'one past it').toEqual([waiting[0]!.id])
    expect(fixture.waiting()).toBe(3)
  })
})

function graph(
  keys: readonly SigningKey[],
  steps: readonly { readonly by: number; readonly names: readonly number[] }[],
) {
  const operations: Operation[] = []
  const tips = new Map<number, Operation>()
  const edges: [OperationId, OperationId][] = []
  for (const { by, names } of steps) {
    const before = tips.get(by) ?? null
    const previous = operations.length === 0 ? [] : names.map(name => operations[name % operations.length]!)
    const made = causal(keys[by]!, before, previous)
    for (const named of before ? [...previous, before] : previous) edges.push([named.id, made.id])
    operations.push(made)
    tips.set(by, made)
  }
  return { operations, edges }
}

/** Three authors in turn, each operation naming the one before it. */
function braid(length: number): Operation[] {
  const made: Operation[] = []
  for (let index = 0; index < length; index++) {
    made.push(causal(author(20 + (index % 3)), made[index - 3] ?? null, made.slice(-1)))
  }
  return made
}

function next<Value>(stream: IterableIterator<Value>): Value {
  const result = stream.next()
  return result.value as Value
}

function shuffled<Item>(items: readonly Item[], order: IterableIterator<number>): Item[] {
  return items
    .map(item => ({ item, rank: next(order) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item)
}

function permutations<Item>(items: readonly Item[]): Item[][] {
  if (items.length <= 1) return [[...items]]
  return items.flatMap((item, index) =>
    permutations([...items.slice(0, index), ...items.slice(index + 1)]).map(rest => [item, ...rest]),
  )
}

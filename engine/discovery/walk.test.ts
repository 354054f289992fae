/**
 * Goal: a walk meets everybody, begins again where it should, and slows down and hurries as upstream's does.
 * Method: the behaviour asserted upstream (spec/sync.md 8.2 and 8.3) with chance from a seed.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Topic, VerifyingKey } from '../core/index.js'
import { seededRandom } from './addressed.contract.js'
import { BackOff, DEFAULT_BACK_OFF } from './back-off.js'
import { EVIDENCE_MS, Evidence } from './evidence.js'
import { TokenBucket } from './token-bucket.js'
import { TopicKnowledge } from './topic-knowledge.js'
import { createWalk, markVisited, nextNode, type WalkInput } from './walk.js'

const node = (number: number) => number.toString(16).padStart(64, '0') as VerifyingKey
const topic = (number: number) => number.toString(16).padStart(64, 'f') as Topic
const SELF = node(0)

function input(more: Partial<WalkInput>): WalkInput {
  const { float } = seededRandom(1)
  return {
    previous: [],
    known: () => [],
    bootstraps: () => [],
    float,
    resetProbability: 0,
    canVisit: () => true,
    ...more,
  }
}

describe('the walk', () => {
  it('walk explore_full_graph: from one bootstrap node everybody of a graph is visited, each once', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 30 }), fc.nat(), (count, seed) => {
        const { float } = seededRandom(seed)
        // A random tree: everybody but the first is told of by somebody before.
        const parents = Array.from({ length: count }, (_, at) => Math.floor(float() * at))
        const toldBy = (at: number) =>
          parents.flatMap((parent, child) => (child > 0 && parent === at ? [node(child + 1)] : []))
        const walk = createWalk(SELF)
        const visited: VerifyingKey[] = []
        let previous: readonly VerifyingKey[] | null = null
        for (let step = 0; step < count; step++) {
          const next = nextNode(walk, input({ previous, float, known: () => [node(1)], bootstraps: () => [node(1)] }))!
          visited.push(next)
          previous = toldBy(Number.parseInt(next, 16) - 1)
        }
        expect([...visited].sort()).toEqual(Array.from({ length: count }, (_, at) => node(at + 1)))
      }),
    )
  })

  it('walk mark_nodes_as_visited: nobody twice before all were visited, then all again', () => {
    const walk = createWalk(SELF)
    const known = () => [1, 2, 3, 4].map(node)
    const { float } = seededRandom(2)
    const rounds = [0, 1].map(() =>
      [0, 1, 2, 3].map(step => nextNode(walk, input({ previous: step === 0 ? null : [], known, float }))).sort(),
    )
    expect(rounds).toEqual([known(), known()])
  })

  it('walk never_yield_own_node_info: with oneself alone there is nobody', () => {
    const walk = createWalk(SELF)
    const alone = { known: () => [SELF], bootstraps: () => [SELF] }
    expect([
      nextNode(walk, input({ previous: null, ...alone })),
      nextNode(walk, input({ previous: [SELF], ...alone })),
    ]).toEqual([null, null])
  })

  it('begins again at a bootstrap node by chance', () => {
    const walk = createWalk(SELF)
    const more = { known: () => [1, 2, 3].map(node), bootstraps: () => [node(3)] }
    expect(nextNode(walk, input({ previous: null, ...more }))).toBe(node(3))
    expect(nextNode(walk, input({ ...more, float: () => 0.019, resetProbability: 0.02 }))).toBe(node(3))
    expect(nextNode(walk, input({ ...more, float: () => 0.02, resetProbability: 0.02 }))).toBe(node(1))
  })

  it('passes over whom it has met elsewhere and whom it cannot visit', () => {
    const walk = createWalk(SELF)
    nextNode(walk, input({ previous: null, known: () => [node(1), node(2), node(3)], bootstraps: () => [node(1)] }))
    markVisited(walk, node(2))
    expect(nextNode(walk, input({ canVisit: which => which !== node(3) }))).toBeNull()
  })
})

describe('back-off', () => {
  it('backoff increment: by steps of 1 to 5 s up to the bound', () => {
    fc.assert(
      fc.property(fc.nat(), seed => {
        const backOff = new BackOff(DEFAULT_BACK_OFF, seededRandom(seed).float, 0)
        let before = backOff.delayMs
        expect(before).toBe(0)
        while (before < 30_000) {
          backOff.increase(0)
          const step = backOff.delayMs - before
          expect(step >= 1_000 || backOff.delayMs === 30_000).toBe(true)
          expect(step).toBeLessThanOrEqual(5_000)
          before = backOff.delayMs
        }
        backOff.increase(0)
        expect(backOff.delayMs).toBe(30_000)
      }),
    )
  })

  it('backoff reset: back to nothing, once a random while has passed, and not before', () => {
    const moments = new Set<number>()
    for (let seed = 0; seed < 20; seed++) {
      const backOff = new BackOff(DEFAULT_BACK_OFF, seededRandom(seed).float, 0)
      let atMs = 0
      do {
        atMs += 100
        backOff.increase(atMs)
      } while (backOff.delayMs > 0)
      expect(atMs).toBeGreaterThanOrEqual(60_000)
      expect(atMs).toBeLessThanOrEqual(180_100)
      moments.add(atMs)
    }
    expect(moments.size).toBeGreaterThan(10)
  })
})

describe('what is known of topics', () => {
  it('replaces what was known of a node, and tells what changed', () => {
    const knowledge = new TopicKnowledge(10)
    expect(knowledge.setOwn([topic(1), topic(2)])).toEqual([topic(1), topic(2)])
    expect(knowledge.set(node(1), [topic(1), topic(3)], 10)).toEqual([topic(1)])
    expect(knowledge.set(node(1), [topic(1)], 20)).toEqual([])
    expect(knowledge.set(node(1), [topic(2)], 30)).toEqual([topic(1), topic(2)])
    expect([knowledge.nodesOf(topic(1)), knowledge.nodesOf(topic(2)), knowledge.nodesOf(topic(3))]).toEqual([
      [],
      [node(1)],
      [],
    ])
    expect(knowledge.expire(29)).toEqual([])
    expect(knowledge.expire(30)).toEqual([topic(2)])
    expect(knowledge.topicsOf(node(1)).size).toBe(0)
  })

  it('address book add_topic_bug: own topics that come one after the other add up', () => {
    const knowledge = new TopicKnowledge(10)
    for (let count = 1; count <= 3; count++) knowledge.setOwn([1, 2, 3].slice(0, count).map(topic))
    knowledge.set(node(1), [1, 2, 3].map(topic), 10)
    expect([1, 2, 3].map(number => knowledge.nodesOf(topic(number)))).toEqual([[node(1)], [node(1)], [node(1)]])
    knowledge.setOwn([topic(2)])
    expect([...knowledge.topicsOf(node(1))]).toEqual([topic(2)])
  })

  it('holds so many nodes of a topic, those heard of last', () => {
    const knowledge = new TopicKnowledge(2)
    knowledge.setOwn([topic(1)])
    for (const which of [1, 2, 1, 3]) knowledge.set(node(which), [topic(1)], 10)
    expect([knowledge.nodesOf(topic(1)), knowledge.topicsOf(node(2)).size]).toEqual([[node(1), node(3)], 0])
  })
})

describe('evidence', () => {
  it('a failure counts when another connection succeeded a minute before or after, and not when it was our own fault', () => {
    const evidence = new Evidence()
    expect(evidence.failed(node(1), 0)).toBe(false)
    expect(evidence.succeeded(node(2), EVIDENCE_MS)).toEqual([node(1)])
    expect(evidence.failed(node(1), 2 * EVIDENCE_MS)).toBe(true)
    expect(evidence.failed(node(1), 2 * EVIDENCE_MS + 1)).toBe(false)
    expect(evidence.succeeded(node(2), 3 * EVIDENCE_MS + 2)).toEqual([])
  })

  it('a peer that was reached since has not failed', () => {
    const evidence = new Evidence()
    evidence.failed(node(1), 0)
    expect(evidence.succeeded(node(1), 1)).toEqual([])
    expect(evidence.succeeded(node(2), 2)).toEqual([])
  })
})

it('a bucket gives a burst and then so much in a while', () => {
  const bucket = new TokenBucket(3, 100, 0)
  expect([
    bucket.take(2, 0),
    bucket.take(2, 0),
    bucket.take(1, 99),
    bucket.take(1, 100),
    bucket.take(9, 10_000),
  ]).toEqual([2, 1, 0, 1, 3])
})

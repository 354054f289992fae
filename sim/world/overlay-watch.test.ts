/**
 * Goal: the watch counts sessions as nodes tell of them, and says rightly whether they join all subscribers of a topic.
 * Method: nodes that are tables; connectedness against a plain search on random graphs.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Topic, type VerifyingKey } from '../../engine/core/index.js'
import { NodeSessions, OverlayWatch, type Watched } from './overlay-watch.js'

const CHAT = Topic.fromBytes(new Uint8Array(32).fill(1))
const NEWS = Topic.fromBytes(new Uint8Array(32).fill(2))
const idOf = (index: number) => index.toString(16).padStart(64, '0') as VerifyingKey

function node(index: number, peers: readonly number[], changes: Partial<Watched> = {}): Watched {
  const sessions = new NodeSessions()
  for (const [at, peer] of peers.entries()) {
    sessions.onTrace('sync-started', { session: at, topic: CHAT, peer: idOf(peer) })
  }
  return { id: idOf(index), isUp: true, topics: new Set([CHAT]), sessions, ...changes }
}
const parts = (...nodes: readonly Watched[]) => new OverlayWatch(() => nodes, [CHAT, NEWS]).disconnected()?.parts ?? 1

describe('sessions of a node', () => {
  it('begin and end as it tells, and the most at one time is kept over its lives', () => {
    const sessions = new NodeSessions()
    for (const session of [0, 1, 2]) sessions.onTrace('sync-started', { session, topic: CHAT, peer: idOf(session) })
    sessions.onTrace('session-ended', { session: 1, topic: CHAT, peer: idOf(1) })
    sessions.onTrace('session-ended', { session: 9, topic: CHAT, peer: idOf(1) })
    sessions.onTrace('stored', { id: 'x' })
    expect([sessions.count, sessions.peak]).toEqual([2, 3])
    expect(sessions.peersIn(CHAT)).toEqual([idOf(0), idOf(2)])
    expect(sessions.peersIn(NEWS)).toEqual([])
    sessions.died()
    expect([sessions.count, sessions.peak]).toEqual([0, 3])
  })
})

describe('an overlay', () => {
  it('is connected when sessions join all, by way of others too, whoever of the two tells of them', () => {
    expect(parts()).toBe(1)
    expect(parts(node(0, []))).toBe(1)
    expect(parts(node(0, [1]), node(1, [0]))).toBe(1)
    expect(parts(node(0, [1]), node(1, [2]), node(2, []))).toBe(1)
    expect(parts(node(0, [1]), node(1, []), node(2, []))).toBe(2)
  })

  it('is of subscribers alone, and each that is waited for counts, up or down', () => {
    expect(parts(node(0, [1]), node(1, []), node(2, [], { topics: new Set([NEWS]) }))).toBe(1)
    expect(parts(node(0, [1]), node(1, [2], { isUp: false }), node(2, []))).toBe(3)
    expect(parts(node(0, [9]), node(1, []))).toBe(2)
  })

  it('is as connected as a plain search finds it', () => {
    const graph = fc.integer({ min: 1, max: 12 }).chain(size =>
      fc.record({
        size: fc.constant(size),
        edges: fc.array(fc.tuple(fc.nat(size - 1), fc.nat(size - 1)), { maxLength: 20 }),
        down: fc.array(fc.nat(size - 1), { maxLength: 3 }),
      }),
    )
    fc.assert(
      fc.property(graph, ({ size, edges, down }) => {
        const isUp = (index: number) => !down.includes(index)
        const nodes = Array.from({ length: size }, (_, index) =>
          node(
            index,
            edges.flatMap(([from, to]) => (from === index ? [to] : [])),
            { isUp: isUp(index) },
          ),
        )
        let count = 0
        const seen = new Set<number>()
        for (let index = 0; index < size; index++) {
          if (seen.has(index)) continue
          count += 1
          const open = [index]
          while (open.length > 0) {
            const at = open.pop()!
            if (seen.has(at)) continue
            seen.add(at)
            for (const [a, b] of edges) {
              if (!isUp(a) || !isUp(b)) continue
              if (a === at) open.push(b)
              if (b === at) open.push(a)
            }
          }
        }
        expect(parts(...nodes)).toBe(count)
      }),
    )
  })

  it('is connected since the first look of those that found it so without a break', () => {
    let nodes = [node(0, [1]), node(1, [])]
    const watch = new OverlayWatch(() => nodes, [CHAT])
    watch.look(1_000)
    watch.look(2_000)
    expect(watch.connectedAtUs).toBe(1_000)
    nodes = [node(0, []), node(1, [])]
    watch.look(3_000)
    expect(watch.connectedAtUs).toBeNull()
    nodes = [node(0, [1]), node(1, [0], { isUp: true })]
    watch.look(4_000)
    watch.look(5_000)
    expect(watch.connectedAtUs).toBe(4_000)
    expect(watch.meanSessions).toBeCloseTo((1 + 0 + 1 + 0 + 0 + 0 + 1 + 1 + 1 + 1) / 10)
  })
})

/**
 * Goal: ways between two kinds of radios are alike in both directions and leave nobody out who could matter.
 * Method: two fields over one terrain, with shadows and fading; asked both ways, over many pairs.
 */

import { describe, expect, it } from 'vitest'
import { createKernel } from '../../kernel/index.js'
import { Motion } from '../motion.js'
import { createPairs } from '../pair-chance.js'
import { IN_THE_OPEN, SPEC } from './air-bench.contract.js'
import { Field, type Post } from './field.js'
import { Paths } from './paths.js'
import { Terrain } from './terrain.js'

const SHADY = {
  ...SPEC,
  ...IN_THE_OPEN,
  fading: { sigmaDb: 3, coherenceMs: 5_000 },
  propagation: { ...SPEC.propagation, model: 'log-distance', sigmaDb: 6 },
} as const

function field(nodes: readonly number[], spacingM = 500): Field<Post> {
  const antenna = { gainDb: 0, heightM: 2 }
  return new Field(
    nodes.map(node => ({ node, name: `n${node}`, antenna, motion: new Motion({ xM: node * spacingM, yM: 0 }) })),
  )
}

function bothWays(one: Field<Post>, other: Field<Post>, weakestDbm: number) {
  const kernel = createKernel({ seed: 1 })
  const shared = { kernel, spec: SHADY, terrain: new Terrain(createPairs(kernel.random('hills'))), weakestDbm }
  return [new Paths({ ...shared, from: one, to: other }), new Paths({ ...shared, from: other, to: one })] as const
}

describe('ways between two kinds', () => {
  it('lose the same there and back, hills and fading included', () => {
    const [one, other] = [field([0, 1, 2, 3]), field([2, 3, 4, 5, 6])]
    const [there, back] = bothWays(one, other, -200)
    let pairs = 0
    for (const from of one.posts) {
      for (const { post, rssiDbm, fading } of there.audible(from)) {
        const returned = back.audible(post).find(neighbour => neighbour.post.node === from.node)!
        expect([returned.rssiDbm, returned.fading!.db(7_000)]).toEqual([rssiDbm, fading!.db(7_000)])
        pairs++
      }
    }
    // A node is no neighbour of itself, though it carries both.
    expect(pairs).toBe(4 * 5 - 2)
  })

  it('are left out where even the best moment is too weak, and nowhere else', () => {
    const weakestDbm = -118
    const [one, other] = [field([0, 50]), field([...new Array(120).keys()])]
    const [there] = bothWays(one, other, weakestDbm)
    for (const from of one.posts) {
      const strongest = (to: Post): number => there.meanRssiDbm(from, to) + 9
      const wanted = other.posts.filter(to => to.node !== from.node && strongest(to) >= weakestDbm)
      const found = there.audible(from).map(({ post }) => post.node)
      expect(found).toEqual(wanted.map(({ node }) => node))
      expect(found.length).toBeLessThan(119)
    }
  })

  it('are worked out once while all stand, and anew when somebody of either kind was moved', () => {
    const [one, other] = [field([0]), field([1, 2])]
    const [there] = bothWays(one, other, -200)
    const [from] = one.posts
    const first = there.audible(from!)
    expect(there.audible(from!)).toBe(first)
    other.jump(other.post(2)!, 0, { xM: 90_000, yM: 0 })
    const second = there.audible(from!)
    expect(second[1]!.rssiDbm).toBeLessThan(first[1]!.rssiDbm)
    one.jump(from!, 0, { xM: 90_000, yM: 0 })
    expect(there.audible(from!)[0]!.rssiDbm).toBeLessThan(second[0]!.rssiDbm)
  })

  it('are worked out anew while somebody of either kind is on the way', () => {
    const antenna = { gainDb: 0, heightM: 2 }
    const away = [{ atMs: 0, to: { xM: 90_000, yM: 0 }, speedMps: 10 }]
    const walking = new Field<Post>([{ node: 5, name: 'n5', antenna, motion: new Motion({ xM: 0, yM: 0 }, away) }])
    const standing = field([0])
    const [there, back] = bothWays(standing, walking, -200)
    const [stander] = standing.posts
    const [walker] = walking.posts
    expect(there.audible(stander!)).not.toBe(there.audible(stander!))
    expect(back.audible(walker!)).not.toBe(back.audible(walker!))
  })
})

/** Goal: what was read or drawn cannot change under whoever holds it. Method: every object of both is looked at. */

import { describe, expect, it } from 'vitest'
import { drawScenario, parseScenario } from './index.js'

const TEXT = `thicket: 1
name: ice
nodes: [{ name: a, clock: { skew: 1s } }, { name: v, count: { from: 1, to: 3 }, place: { ring: { radius: 1m } }, radios: r }]
radios: { r: { type: lora } }
topics: [{ name: x, subscribers: [v] }]
links: [{ mesh: [a, v] }]
workload: [{ at: { from: 1s, to: 2s }, node: v, prune: { topic: x } }]
faults: [{ at: 1s, partition: [v, rest] }, { at: 1s, link: [a, v1] }]
expect: [{ delivered: 100% }]
`

function thawed(value: unknown, path = 'scenario'): readonly string[] {
  if (typeof value !== 'object' || value === null) return []
  const below = Object.entries(value).flatMap(([key, item]) => thawed(item, `${path}.${key}`))
  return Object.isFrozen(value) ? below : [path, ...below]
}

describe('a scenario', () => {
  it('is frozen as written', () => {
    expect(thawed(parseScenario(TEXT, 'ice.yaml'))).toEqual([])
  })

  it('is frozen as drawn', () => {
    expect(thawed(drawScenario(parseScenario(TEXT, 'ice.yaml'), () => 0.5))).toEqual([])
  })
})

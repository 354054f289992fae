/**
 * Goal: network faults overlap, and a direction heals when the last fault that holds it ends.
 * Method: three nodes in a triangle whose links are a table.
 */

import { expect, it } from 'vitest'
import { NetworkFaults } from './network.js'

function triangle() {
  const states = new Map<string, string>()
  const faults = new NetworkFaults({
    pairs: () => [
      [0, 1],
      [1, 2],
      [0, 2],
    ],
    setLink: (from, to, state, which) => {
      expect(which).toBe('forward')
      states.set(`${from}>${to}`, state)
    },
  })
  const held = () => [...states].filter(([, state]) => state !== 'up').map(([key, state]) => `${key} ${state}`)
  return { faults, held }
}

it('partitions into groups, both ways', () => {
  const { faults, held } = triangle()
  const end = faults.partition([[0, 1], [2]])
  expect(held().sort()).toEqual(['0>2 down', '1>2 down', '2>0 down', '2>1 down'])
  end()
  expect(held()).toEqual([])
})

it('lets a node in no group reach nobody', () => {
  const { faults, held } = triangle()
  faults.partition([[0, 1]])
  expect(held().sort()).toEqual(['0>2 down', '1>2 down', '2>0 down', '2>1 down'])
})

it('isolates each node from everyone, also from another isolated one', () => {
  const { faults, held } = triangle()
  faults.isolate([0, 1])
  expect(held()).toHaveLength(6)
})

it('keeps a direction down until the last partition over it has ended', () => {
  const { faults, held } = triangle()
  const endFirst = faults.partition([[0], [1, 2]])
  const endSecond = faults.partition([[0, 1], [2]])
  endFirst()
  expect(held().sort()).toEqual(['0>2 down', '1>2 down', '2>0 down', '2>1 down'])
  endSecond()
  expect(held()).toEqual([])
})

it('lets the stronger of two faults decide, and falls back to the weaker', () => {
  const { faults, held } = triangle()
  const endClog = faults.begin('stalled', (from, to) => from === 0 && to === 1)
  const endIsolation = faults.isolate([0])
  expect(held()).toContain('0>1 down')
  endIsolation()
  expect(held()).toEqual(['0>1 stalled'])
  endClog()
  expect(held()).toEqual([])
})

it('can be told twice that a fault is over', () => {
  const { faults, held } = triangle()
  const end = faults.isolate([0])
  const endOther = faults.isolate([0])
  end()
  end()
  expect(held()).toHaveLength(4)
  endOther()
  expect(held()).toEqual([])
})

it('holds links that are laid while a fault lasts, until it ends', () => {
  const pairs: [number, number][] = [[0, 1]]
  const states = new Map<string, string>()
  const faults = new NetworkFaults({
    pairs: () => pairs,
    setLink: (from, to, state) => states.set(`${from}>${to}`, state),
  })
  const end = faults.partition([[0, 1], [2]])
  const endClog = faults.begin('stalled', (from, to) => from === 0 && to === 2)
  pairs.push([0, 2])
  faults.laid(0, 2)
  faults.laid(0, 2)
  expect([...states]).toEqual([
    ['0>2', 'down'],
    ['2>0', 'down'],
  ])
  end()
  end()
  expect([...states]).toEqual([
    ['0>2', 'stalled'],
    ['2>0', 'up'],
  ])
  endClog()
  expect(states.get('0>2')).toBe('up')
  faults.laid(1, 2)
  expect(states.size).toBe(2)
})

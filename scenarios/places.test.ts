/** Goal: nodes stand where `place` says, the same for the same chance. Method: each way to be placed, worked out by hand. */

import seedrandom from 'seedrandom'
import { describe, expect, it } from 'vitest'
import { drawScenario, parseScenario } from './index.js'

const never = () => {
  throw new Error('there is nothing to draw')
}

const placed = (count: number, place: string) =>
  parseScenario(`thicket: 1\nname: t\nnodes: [{ name: v, count: ${count}, place: ${place} }]\n`, 'places.yaml')

function points(count: number, place: string, random: () => number = never) {
  return drawScenario(placed(count, place), random).nodes.map(({ at }) => [at?.xM, at?.yM])
}

describe('a place', () => {
  it('in a grid goes row by row from the origin', () => {
    expect(points(5, '{ grid: { rows: 2, columns: 3, spacing: 1.5km } }')).toEqual([
      [0, 0],
      [1_500, 0],
      [3_000, 0],
      [0, 1_500],
      [1_500, 1_500],
    ])
  })

  it('in a line goes east where nothing is said, and along its bearing from north otherwise', () => {
    expect(points(3, '{ line: { spacing: 2km } }')).toEqual([
      [0, 0],
      [2_000, 0],
      [4_000, 0],
    ])
    expect(points(2, '{ line: { from: [1, -1], spacing: 1km, bearing: 0 } }')).toEqual([
      [1, -1],
      [1, 999],
    ])
    expect(points(2, '{ line: { spacing: 1km, bearing: 225deg } }')[1]).toEqual([-707.107, -707.107])
  })

  it('in a ring begins in the north and goes clockwise', () => {
    expect(points(4, '{ ring: { center: [1km, 1km], radius: 100m } }')).toEqual([
      [1_000, 1_100],
      [1_100, 1_000],
      [1_000, 900],
      [900, 1_000],
    ])
  })

  it('at random lies in its area, and is drawn after everything else, twice a node', () => {
    expect(points(1, '{ random: { width: 4km, height: 2km } }', () => 0.25)).toEqual([[1_000, 500]])
    expect(
      points(40, '{ random: { width: 4km, height: 0m } }', seedrandom('a')).every(([x, y]) => x! <= 4_000 && y === 0),
    ).toBe(true)
    const asked: number[] = []
    drawScenario(placed(3, '{ random: { width: { from: 1, to: 2 }, height: 1 } }'), () => asked.push(0) / 100)
    expect(asked).toHaveLength(7)
  })

  it('is the same for the same chance', () => {
    const draw = (seed: string) => points(9, '{ random: { width: 1km, height: 1km } }', seedrandom(seed))
    expect(draw('a')).toEqual(draw('a'))
    expect(draw('a')).not.toEqual(draw('b'))
  })
})

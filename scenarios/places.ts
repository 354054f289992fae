/** Puts the nodes of one line of a scenario where its `at` or `place` says. Coordinates are whole millimetres. */

import type { NodeOf, PointOf } from './types.js'

/**
 * One place for each of `count` nodes, in their order.
 * @param random uniform in [0, 1); asked twice for each node of a random place, east before north, and never otherwise
 */
export function placesOf(
  node: NodeOf<number>,
  count: number,
  random: () => number,
): readonly (PointOf<number> | null)[] {
  const place = node.place
  const indices = Array.from({ length: count }, (_, index) => index)
  if (place === null) return indices.map(() => node.at)
  switch (place.type) {
    case 'random':
      return indices.map(() => {
        const xM = random() * place.widthM
        return point(xM, random() * place.heightM)
      })
    case 'grid':
      return indices.map(index =>
        point((index % place.columns) * place.spacingM, Math.floor(index / place.columns) * place.spacingM),
      )
    case 'line':
      return indices.map(index => from(place.start, place.bearingDeg, index * place.spacingM))
    case 'ring':
      return indices.map(index => from(place.center, (360 * index) / count, place.radiusM))
  }
}

/** @param bearingDeg from north, clockwise */
function from({ xM, yM }: PointOf<number>, bearingDeg: number, distanceM: number): PointOf<number> {
  const bearing = (bearingDeg * Math.PI) / 180
  return point(xM + distanceM * Math.sin(bearing), yM + distanceM * Math.cos(bearing))
}

/** Rounded, so that sines of different machines give the same place; never -0, which no file could tell from 0. */
function point(xM: number, yM: number): PointOf<number> {
  return { xM: Math.round(xM * 1_000) / 1_000 + 0, yM: Math.round(yM * 1_000) / 1_000 + 0 }
}

/** Where nodes are: of the ways to write it the one that is meant, and whether there is room for all of them. */

import { DEFAULTS } from './defaults.js'
import { greatest, least } from './extremes.js'
import type { WrittenNode } from './format.js'
import type { WrittenPlacement } from './format-places.js'
import type { Problems } from './problems.js'
import type { NodeOf, PlacementOf, Quantity } from './types.js'

type Presence = Pick<NodeOf<Quantity>, 'at' | 'place' | 'move' | 'antenna'>

export function buildPlaces(node: WrittenNode, problems: Problems): Presence {
  const { at, place, move, antenna, keyAt } = node
  const count = node.count ?? 1
  if (at && place) {
    const second = keyAt.place!.line - keyAt.at!.line || keyAt.place!.column - keyAt.at!.column
    problems.add(second > 0 ? keyAt.place! : keyAt.at!, 'at and place say the same', 'one of them')
  } else if (at && greatest(count) > 1) {
    problems.add(keyAt.at!, `${greatest(count)} nodes cannot all be at one point`, 'place: random, grid, line or ring')
  } else if (move && !at && !place) {
    problems.add(keyAt.move!, 'a node that moves has to be somewhere first', 'at: [x, y], or place')
  }
  return {
    at: at ?? null,
    place: place ? buildPlacement(place, count, problems) : null,
    antenna: {
      gainDb: antenna?.gain ?? DEFAULTS.antenna.gainDb,
      heightM: antenna?.height ?? DEFAULTS.antenna.heightM,
    },
    move: (move ?? []).map(({ at, to, speed, valueAt }) => ({
      atMs: at!,
      moment: valueAt.at!,
      to: to!,
      speedMps: speed!,
    })),
  }
}

function buildPlacement(written: WrittenPlacement, count: Quantity, problems: Problems): PlacementOf<Quantity> {
  const { line, column } = written
  switch (written.kind) {
    case 'random': {
      const { width, height } = written.value
      return { line, column, type: 'random', widthM: width!, heightM: height! }
    }
    case 'grid': {
      const { rows, columns, spacing } = written.value
      const room = least(rows!) * least(columns!)
      const most = greatest(count)
      if (most > room) {
        const message = `${most} nodes do not fit into a grid of ${least(rows!)} by ${least(columns!)}`
        problems.add(written, message, `at most ${room} nodes, or a larger grid`)
      }
      return { line, column, type: 'grid', rows: rows!, columns: columns!, spacingM: spacing! }
    }
    case 'line': {
      const { from, spacing, bearing } = written.value
      const { bearingDeg, origin } = DEFAULTS.place
      return {
        line,
        column,
        type: 'line',
        start: from ?? origin,
        spacingM: spacing!,
        bearingDeg: bearing ?? bearingDeg,
      }
    }
    case 'ring': {
      const { center, radius } = written.value
      return { line, column, type: 'ring', center: center ?? DEFAULTS.place.origin, radiusM: radius! }
    }
  }
}

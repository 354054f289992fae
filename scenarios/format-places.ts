/** The part of the format that says where nodes are, and where they go. */

import { duration, wholeNumber } from './amounts.js'
import { BOUNDS, DEFAULTS } from './defaults.js'
import { object, oneKey, optional, required } from './mapping.js'
import { quantity } from './quantity.js'
import { custom, list, type Shape } from './shape.js'
import type { PointOf, Quantity } from './types.js'
import { UNITS } from './units.js'

type ValueOf<Of> = Of extends Shape<infer Value> ? Value : never

const KM = BOUNDS.coordinateM / 1_000
const coordinate = quantity(`a distance such as 40m or -3km, up to ${KM}km either way`, UNITS.distance, {
  min: -BOUNDS.coordinateM,
  max: BOUNDS.coordinateM,
})
const length = quantity(`a distance from 0m to ${KM}km such as 40m or 3km`, UNITS.distance, {
  min: 0,
  max: BOUNDS.coordinateM,
})

const two = list('two distances, east and north', coordinate, 2, 2)

export const point: Shape<PointOf<Quantity>> = custom(two.expected, two.schema, (node, at, context) => {
  const read = two.read(node, at, context)
  return read && { xM: read[0]!, yM: read[1]! }
})

export const placement = oneKey('a place', {
  random: object('an area', {
    width: required(length, 'Drawn by the seed, from the origin'),
    height: required(length),
  }),
  grid: object('a grid', {
    rows: required(wholeNumber(1, BOUNDS.nodes), 'From the origin, row by row to the north'),
    columns: required(wholeNumber(1, BOUNDS.nodes)),
    spacing: required(length),
  }),
  line: object('a line', {
    from: optional(point, 'Where the first stands', [0, 0]),
    spacing: required(length),
    bearing: optional(
      quantity('an angle from 0 to 360 degrees such as 90 or 45deg', UNITS.angle, { min: 0, max: 360 }),
      'From north, clockwise',
      DEFAULTS.place.bearingDeg,
    ),
  }),
  ring: object('a ring', {
    center: optional(point, 'The first node stands north of it, the others follow clockwise', [0, 0]),
    radius: required(length),
  }),
})

export const antenna = object('an antenna', {
  gain: optional(
    quantity('a gain from -30dB to 30dB such as 3dB', UNITS.gain, { min: -30, max: 30 }),
    'Over one that radiates alike in all directions',
    DEFAULTS.antenna.gainDb,
  ),
  height: optional(
    quantity('a height from 0.1m to 10km such as 10m', UNITS.distance, { min: 0.1, max: 10_000 }),
    'Above ground',
    DEFAULTS.antenna.heightM,
  ),
})

export const waypoints = list(
  'waypoints',
  object('a waypoint', {
    at: required(duration, 'When it sets out'),
    to: required(point),
    speed: required(
      quantity(`a speed above 0 and up to ${BOUNDS.speedMps}m/s such as 5km/h`, UNITS.speed, {
        above: 0,
        max: BOUNDS.speedMps,
      }),
    ),
  }),
  0,
  BOUNDS.waypoints,
)

export type WrittenPlacement = ValueOf<typeof placement>
export type WrittenWaypoint = ValueOf<typeof waypoints>[number]

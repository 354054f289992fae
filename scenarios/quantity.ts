/** A shape for amounts: a number with or without a unit, or a range `{ from, to }` of such. */

import { isMap, type Node } from 'yaml'
import { object, required } from './mapping.js'
import { type Context, custom, type JsonSchema, positionOf, refuse, type Shape, scalarOf } from './shape.js'
import type { Position, Quantity } from './types.js'
import type { Unit } from './units.js'

export interface Bounds {
  readonly min?: number
  readonly max?: number
  /** Not itself allowed, unlike `min`. */
  readonly above?: number
  readonly integer?: boolean
  /** These alone, ascending; a range draws one of those within it. */
  readonly among?: readonly number[]
}

export function quantity(expected: string, unit: Unit, bounds: Bounds): Shape<Quantity> {
  const single = custom(expected, singleSchema(unit, bounds), (node, at, context) => {
    const value = unit.read(scalarOf(node))
    return value !== null && isWithin(value, bounds) ? value : refuse(node, at, context, expected)
  })
  const range = object('a range', { from: required(single), to: required(single) })
  const schema = { anyOf: [...alternatives(single.schema), { ...range.schema, description: 'drawn by the seed' }] }
  return custom(expected, { ...schema, description: expected }, (node, at, context) =>
    isMap(node) ? readRange(node, at, context) : single.read(node, at, context),
  )

  function readRange(node: Node, at: Position, context: Context): Quantity | undefined {
    const read = range.read(node, at, context)
    if (read?.from === undefined || read.to === undefined) return undefined
    if (read.from <= read.to) return { from: read.from, to: read.to }
    context.problems.add(positionOf(node, context, at), 'the range ends before it begins', 'from to be at most to')
    return undefined
  }
}

function isWithin(
  value: number,
  { min = -Infinity, max = Infinity, above = -Infinity, integer, among }: Bounds,
): boolean {
  if (among) return among.includes(value)
  return (
    Number.isFinite(value) && value >= min && value <= max && value > above && (!integer || Number.isInteger(value))
  )
}

function singleSchema(unit: Unit, { min, max, above, integer, among }: Bounds): JsonSchema {
  const number = among
    ? { enum: among }
    : {
        type: integer ? 'integer' : 'number',
        ...(min === undefined ? {} : { minimum: min }),
        ...(above === undefined ? {} : { exclusiveMinimum: above }),
        ...(max === undefined ? {} : { maximum: max }),
      }
  if (unit.pattern === null) return number
  const sign = min !== undefined && min < 0 ? '[+-]?' : ''
  return { anyOf: [number, { type: 'string', pattern: `^${sign}${unit.pattern}$` }] }
}

function alternatives(schema: JsonSchema): readonly JsonSchema[] {
  return Array.isArray(schema.anyOf) ? (schema.anyOf as JsonSchema[]) : [schema]
}

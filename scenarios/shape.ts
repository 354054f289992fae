/**
 * Shapes: one description of what may stand at a place gives both its reader, with positions, and its JSON Schema. A
 * reader that finds a problem reports it and gives undefined, so that the rest of the file is still looked at.
 */

import { isAlias, isMap, isScalar, isSeq, type LineCounter, type Node, type Pair, type YAMLMap } from 'yaml'
import type { Problems } from './problems.js'
import type { Position, Quantity } from './types.js'

export type JsonSchema = Readonly<Record<string, unknown>>

export interface Context {
  readonly problems: Problems
  readonly lines: LineCounter
}

export interface Shape<Value> {
  /** What is expected, for messages. */
  readonly expected: string
  readonly schema: JsonSchema
  read(node: Node | null, at: Position, context: Context): Value | undefined
}

export function positionOf(node: Node | null | undefined, context: Context, otherwise: Position): Position {
  const offset = node?.range?.[0]
  if (offset === undefined) return otherwise
  const { line, col } = context.lines.linePos(offset)
  return { line, column: col }
}

function scalarOf(node: Node | null): unknown {
  return isScalar(node) ? node.value : undefined
}

/** A short word for what was found. */
function found(node: Node | null): string {
  if (node === null) return 'nothing'
  if (isMap(node)) return 'a mapping'
  if (isSeq(node)) return 'a list'
  if (isAlias(node)) return 'an alias'
  const value = scalarOf(node)
  return value === null ? 'nothing' : `${typeof value === 'string' ? JSON.stringify(value) : String(value)}`
}

export interface Bounds {
  readonly min?: number
  readonly max?: number
  /** Not itself allowed, unlike `min`. */
  readonly above?: number
  readonly integer?: boolean
}

/** A number with a unit, or a range `{ from, to }` of such. */
export function quantity(expected: string, read: (value: unknown) => number | null, bounds: Bounds): Shape<Quantity> {
  const isWithin = (value: number) =>
    Number.isFinite(value) &&
    value >= (bounds.min ?? -Infinity) &&
    value <= (bounds.max ?? Infinity) &&
    value > (bounds.above ?? -Infinity) &&
    (!bounds.integer || Number.isInteger(value))
  const readOne = (node: Node | null, at: Position, context: Context): number | undefined => {
    const value = read(scalarOf(node))
    if (value !== null && isWithin(value)) return value
    context.problems.add(positionOf(node, context, at), `${found(node)} is not possible here`, expected)
    return undefined
  }
  const single = { anyOf: [{ type: 'number' }, { type: 'string' }], description: expected }
  return {
    expected,
    schema: {
      anyOf: [
        ...single.anyOf,
        {
          type: 'object',
          properties: { from: single, to: single },
          required: ['from', 'to'],
          additionalProperties: false,
        },
      ],
      description: expected,
    },
    read(node, at, context) {
      if (!isMap(node)) return readOne(node, at, context)
      const range = object({
        from: required(custom(expected, single, readOne)),
        to: required(custom(expected, single, readOne)),
      })
      const read = range.read(node, at, context)
      if (read?.from === undefined || read.to === undefined) return undefined
      if (read.from > read.to) {
        context.problems.add(positionOf(node, context, at), 'the range ends before it begins', 'from to be at most to')
        return undefined
      }
      return { from: read.from, to: read.to }
    },
  }
}

export function custom<Value>(
  expected: string,
  schema: JsonSchema,
  read: (node: Node | null, at: Position, context: Context) => Value | undefined,
): Shape<Value> {
  return { expected, schema, read }
}

/** A single value that a function accepts or turns down with null. */
export function scalar<Value>(
  expected: string,
  schema: JsonSchema,
  accept: (value: unknown) => Value | null,
): Shape<Value> {
  return custom(expected, { ...schema, description: expected }, (node, at, context) => {
    const value = accept(scalarOf(node))
    if (value !== null) return value
    context.problems.add(positionOf(node, context, at), `${found(node)} is not possible here`, expected)
    return undefined
  })
}

export function choice<Word extends string>(...words: readonly Word[]): Shape<Word> {
  return scalar(words.join(' or '), { enum: words }, value => words.find(word => word === value) ?? null)
}

export function list<Item>(item: Shape<Item>, least = 0): Shape<readonly Item[]> {
  const expected = `a list of ${item.expected}`
  return custom(expected, { type: 'array', items: item.schema, minItems: least }, (node, at, context) => {
    if (!isSeq(node) || node.items.length < least) {
      const what = isSeq(node) ? `${node.items.length} items are too few` : `${found(node)} is no list`
      context.problems.add(positionOf(node, context, at), what, least > 1 ? `${expected}, at least ${least}` : expected)
      return undefined
    }
    const values = node.items.map(child => item.read(child as Node, positionOf(child as Node, context, at), context))
    return values.every(value => value !== undefined) ? (values as Item[]) : undefined
  })
}

export interface Field<Value, IsRequired extends boolean> {
  readonly shape: Shape<Value>
  readonly isRequired: IsRequired
}

export function required<Value>(shape: Shape<Value>): Field<Value, true> {
  return { shape, isRequired: true }
}

export function optional<Value>(shape: Shape<Value>): Field<Value, false> {
  return { shape, isRequired: false }
}

type Fields = Readonly<Record<string, Field<unknown, boolean>>>
type ValueOf<Of> = Of extends Field<infer Value, boolean> ? Value : never
export type ReadObject<Of extends Fields> = { readonly [Key in keyof Of]: ValueOf<Of[Key]> | undefined } & Position

/** @param later keys that the format names and this version does not know yet, with what they belong to */
export function object<Of extends Fields>(
  fields: Of,
  later: Readonly<Record<string, string>> = {},
): Shape<ReadObject<Of>> {
  const keys = Object.keys(fields)
  const expected = 'a mapping'
  const schema: JsonSchema = {
    type: 'object',
    properties: Object.fromEntries(keys.map(key => [key, fields[key]!.shape.schema])),
    required: keys.filter(key => fields[key]!.isRequired),
    additionalProperties: false,
  }
  return custom(expected, schema, (node, at, context) => {
    if (!isMap(node)) {
      context.problems.add(
        positionOf(node, context, at),
        `${found(node)} is no mapping`,
        `a mapping with ${keys.join(', ')}`,
      )
      return undefined
    }
    const position = positionOf(node, context, at)
    const values: Record<string, unknown> = { ...position }
    let isWhole = true
    const pairs = node.items as Pair<Node, Node | null>[]
    for (const pair of pairs) {
      const name = String(scalarOf(pair.key) ?? found(pair.key))
      const keyAt = positionOf(pair.key, context, position)
      const field = Object.hasOwn(fields, name) ? fields[name] : undefined
      if (!field) {
        isWhole = false
        const place = later[name]
        if (place)
          context.problems.add(
            keyAt,
            `${name} is not simulated by this version: it belongs to ${place}`,
            `one of ${keys.join(', ')}`,
          )
        else context.problems.add(keyAt, `unknown key ${name}`, suggestion(name, keys))
        continue
      }
      const value = field.shape.read(pair.value, keyAt, context)
      if (value === undefined) isWhole = false
      else values[name] = value
    }
    for (const key of keys) {
      if (!fields[key]!.isRequired || hasKey(node, key)) continue
      isWhole = false
      context.problems.add(position, `${key} is missing`, `${key}: ${fields[key]!.shape.expected}`)
    }
    return isWhole ? (values as ReadObject<Of>) : undefined
  })
}

function hasKey(map: YAMLMap, key: string): boolean {
  return map.items.some(pair => scalarOf(pair.key as Node) === key)
}

/** The nearest key when one is near, all of them otherwise. */
function suggestion(name: string, keys: readonly string[]): string {
  const [nearest] = keys
    .map(key => ({ key, distance: editDistance(name, key) }))
    .filter(({ key, distance }) => distance <= Math.max(1, Math.floor(key.length / 3)))
    .sort((a, b) => a.distance - b.distance)
  return nearest ? `${nearest.key} (did you mean it?) or another of ${keys.join(', ')}` : `one of ${keys.join(', ')}`
}

function editDistance(from: string, to: string): number {
  let before = Array.from({ length: to.length + 1 }, (_, at) => at)
  for (let row = 1; row <= from.length; row++) {
    const now = [row]
    for (let at = 1; at <= to.length; at++) {
      const replaced = before[at - 1]! + (from[row - 1] === to[at - 1] ? 0 : 1)
      now.push(Math.min(before[at]! + 1, now[at - 1]! + 1, replaced))
    }
    before = now
  }
  return before[to.length]!
}

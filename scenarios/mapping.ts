/**
 * Shapes for mappings: which keys they have, which of them must be there, and what they mean; also mappings whose keys are
 * names, mappings of several kinds, and mappings of one key.
 */

import { isMap, type Node, type Pair } from 'yaml'
import { custom, found, type JsonSchema, placeOf, positionOf, refuse, type Shape, scalarOf, shown } from './shape.js'
import { nearest } from './suggest.js'
import type { Position } from './types.js'

export interface Field<Value, IsRequired extends boolean> {
  readonly shape: Shape<Value>
  readonly isRequired: IsRequired
  readonly notes: JsonSchema
}

/** @param about what the key means, for the schema */
export function required<Value>(shape: Shape<Value>, about?: string): Field<Value, true> {
  return { shape, isRequired: true, notes: notes(shape, about) }
}

/** @param otherwise what holds when the key is not there, for the schema */
export function optional<Value>(shape: Shape<Value>, about?: string, otherwise?: unknown): Field<Value, false> {
  return {
    shape,
    isRequired: false,
    notes: { ...notes(shape, about), ...(otherwise === undefined ? {} : { default: otherwise }) },
  }
}

function notes({ schema }: Shape<unknown>, about: string | undefined): JsonSchema {
  if (about === undefined) return {}
  return { description: schema.description === undefined ? about : `${about}: ${schema.description}` }
}

type Fields = Readonly<Record<string, Field<unknown, boolean>>>
type ValueOf<Of> = Of extends Field<infer Value, boolean> ? Value : never

export type ReadObject<Of extends Fields> = { readonly [Key in keyof Of]: ValueOf<Of[Key]> | undefined } & Position &
  Places

export interface Places {
  /** Where the keys that are there stand, and where their values begin. */
  readonly keyAt: Readonly<Record<string, Position>>
  readonly valueAt: Readonly<Record<string, Position>>
}

export interface ObjectOptions {
  /** Keys that the format names and this version does not know yet, with the part of the format they belong to. */
  readonly later?: Readonly<Record<string, string>>
  /** Rules between the keys, for the schema; whoever gives them checks them as well. */
  readonly rules?: JsonSchema
}

export function object<Of extends Fields>(
  what: string,
  fields: Of,
  { later = {}, rules = {} }: ObjectOptions = {},
): Shape<ReadObject<Of>> {
  const keys = Object.keys(fields)
  const needed = keys.filter(key => fields[key]!.isRequired)
  const expected = `${what}: a mapping with ${keys.join(', ')}`
  const schema: JsonSchema = {
    type: 'object',
    properties: Object.fromEntries(keys.map(key => [key, { ...fields[key]!.shape.schema, ...fields[key]!.notes }])),
    ...(needed.length > 0 ? { required: needed } : {}),
    additionalProperties: false,
    ...rules,
  }
  return custom(expected, schema, (node, at, context) => {
    if (!isMap(node)) return refuse(node, at, context, expected)
    const position = positionOf(node, context, at)
    const keyAt: Record<string, Position> = {}
    const valueAt: Record<string, Position> = {}
    const values: Record<string, unknown> = { ...position, keyAt, valueAt }
    const accounted = new Set<string>()
    let isWhole = true
    for (const { key, value } of node.items as Pair<Node, Node | null>[]) {
      const name = String(scalarOf(key) ?? found(key))
      const place = placeOf(key, context, position)
      const field = Object.hasOwn(fields, name) ? fields[name] : undefined
      if (!field) {
        isWhole = false
        const meant = nearest(name, keys)
        // A required key under another name is one mistake, not two: it is not missed as well.
        for (const key of meant === undefined ? needed : [meant]) accounted.add(key)
        const message = Object.hasOwn(later, name)
          ? `${name} is not simulated by this version: it belongs to ${later[name]}`
          : `unknown key ${shown(name)}${meant === undefined ? '' : `, did you mean ${meant}?`}`
        context.problems.add(place, message, `one of ${keys.join(', ')}`)
        continue
      }
      accounted.add(name)
      keyAt[name] = place
      valueAt[name] = positionOf(value, context, place)
      const read = field.shape.read(value, place, context)
      if (read === undefined) isWhole = false
      else values[name] = read
    }
    for (const key of needed) {
      if (accounted.has(key)) continue
      isWhole = false
      context.problems.add(position, `${key} is missing`, `${key}: ${fields[key]!.shape.expected}`)
    }
    return isWhole ? (values as ReadObject<Of>) : undefined
  })
}

export interface Named<Value> extends Position {
  readonly name: string
  readonly value: Value
}

/** A mapping from names that the file chooses to values that are alike, in the order of the file. */
export function named<Value>(
  what: string,
  name: Shape<string>,
  value: Shape<Value>,
  most: number,
): Shape<readonly Named<Value>[]> {
  const expected = `${what}: a mapping from names to what they mean, at most ${most}`
  const schema = { type: 'object', propertyNames: name.schema, additionalProperties: value.schema, maxProperties: most }
  return custom(expected, schema, (node, at, context) => {
    if (!isMap(node)) return refuse(node, at, context, expected)
    if (node.items.length > most) {
      context.problems.add(positionOf(node, context, at), `${node.items.length} ${what} are too many`, expected)
      return undefined
    }
    const all = (node.items as Pair<Node, Node | null>[]).map(pair => {
      const place = placeOf(pair.key, context, at)
      const key = name.read(pair.key, place, context)
      const read = value.read(pair.value, place, context)
      return key === undefined || read === undefined ? undefined : { name: key, value: read, ...place }
    })
    return all.every(one => one !== undefined) ? all : undefined
  })
}

type AnyOf<Kinds> = {
  readonly [Kind in keyof Kinds]: Kinds[Kind] extends Shape<infer Value> ? Value : never
}[keyof Kinds]

/** A mapping whose key `by` says of which kind it is, and so which other keys it has. */
export function variants<Kinds extends Readonly<Record<string, Shape<unknown>>>>(
  what: string,
  by: string,
  kinds: Kinds,
): Shape<AnyOf<Kinds>> {
  const words = Object.keys(kinds)
  const expected = `${what}: a mapping with ${by}: ${words.join(' or ')}`
  return custom(expected, { anyOf: words.map(word => kinds[word]!.schema) }, (node, at, context) => {
    if (!isMap(node)) return refuse(node, at, context, expected)
    const pair = (node.items as Pair<Node, Node | null>[]).find(({ key }) => scalarOf(key) === by)
    const kind = words.find(word => word === scalarOf(pair?.value ?? null))
    if (kind !== undefined) return kinds[kind]!.read(node, at, context) as AnyOf<Kinds> | undefined
    const position = positionOf(node, context, at)
    if (pair) return refuse(pair.value, placeOf(pair.key, context, position), context, words.join(' or '))
    context.problems.add(position, `${by} is missing`, `${by}: ${words.join(' or ')}`)
    return undefined
  })
}

type OneOf<Kinds> = {
  readonly [Kind in keyof Kinds]: Kinds[Kind] extends Shape<infer Value>
    ? Position & { readonly kind: Kind; readonly value: Value }
    : never
}[keyof Kinds]

/** A mapping of one key, which says what the value is. */
export function oneKey<Kinds extends Readonly<Record<string, Shape<unknown>>>>(
  what: string,
  kinds: Kinds,
): Shape<OneOf<Kinds>> {
  const keys = Object.keys(kinds)
  const expected = `${what}: exactly one of ${keys.join(', ')}`
  const schema = {
    type: 'object',
    properties: Object.fromEntries(keys.map(key => [key, kinds[key]!.schema])),
    additionalProperties: false,
    minProperties: 1,
    maxProperties: 1,
  }
  return custom(expected, schema, (node, at, context) => {
    if (!isMap(node)) return refuse(node, at, context, expected)
    const position = positionOf(node, context, at)
    const [first, second] = node.items as Pair<Node, Node | null>[]
    if (!first) context.problems.add(position, `${what} says nothing`, expected)
    else if (second) context.problems.add(placeOf(second.key, context, position), `${what} is one thing`, expected)
    if (!first || second) return undefined
    const place = placeOf(first.key, context, position)
    const name = String(scalarOf(first.key) ?? found(first.key))
    const kind = keys.find(key => key === name)
    if (kind === undefined) {
      const meant = nearest(name, keys)
      const hint = meant === undefined ? '' : `, did you mean ${meant}?`
      context.problems.add(place, `unknown key ${shown(name)}${hint}`, expected)
      return undefined
    }
    const value = kinds[kind]!.read(first.value, place, context)
    return value === undefined ? undefined : ({ kind, value, ...position } as OneOf<Kinds>)
  })
}

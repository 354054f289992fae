/** A shape for mappings: which keys they have, which of them must be there, and what they mean. */

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

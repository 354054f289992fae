/**
 * Shapes: one description of what may stand at a place gives both its reader, with positions, and its JSON Schema. A
 * reader that finds a problem reports it and gives undefined, so that the rest of the file is still looked at.
 */

import { isAlias, isMap, isScalar, isSeq, type LineCounter, type Node } from 'yaml'
import type { Problems } from './problems.js'
import type { Position } from './types.js'

export type JsonSchema = Readonly<Record<string, unknown>>

export interface Context {
  readonly problems: Problems
  readonly lines: LineCounter
}

export interface Shape<Value> {
  /** What is expected, for messages. */
  readonly expected: string
  readonly schema: JsonSchema
  /** @param at where to point when the value itself has no place: its key, or the list it stands in */
  read(node: Node | null, at: Position, context: Context): Value | undefined
}

/** The place of a value. One that was left out has a place too, behind the colon, but a person looks for its key. */
export function positionOf(node: Node | null | undefined, context: Context, otherwise: Position): Position {
  if (isScalar(node) && node.value === null && !node.source) return otherwise
  return placeOf(node, context, otherwise)
}

export function placeOf(node: Node | null | undefined, context: Context, otherwise: Position): Position {
  const offset = node?.range?.[0]
  if (offset === undefined) return otherwise
  const { line, col } = context.lines.linePos(offset)
  return { line, column: col }
}

export function scalarOf(node: Node | null): unknown {
  return isScalar(node) ? node.value : undefined
}

/** A short word for what was found, as it was written. */
export function found(node: Node | null): string {
  if (node === null) return 'nothing'
  if (isMap(node)) return 'a mapping'
  if (isSeq(node)) return 'a list'
  if (isAlias(node)) return 'an alias'
  if (!isScalar(node) || node.value === null) return 'nothing'
  return typeof node.value === 'string' ? quoted(node.value) : short(node.source ?? String(node.value))
}

/** A name as it stands when it is an ordinary word, in quotes otherwise; always within one line. */
export function shown(name: string): string {
  return /^[\p{L}\p{N}._/<-]{1,60}$/u.test(name) ? name : quoted(name)
}

function quoted(text: string): string {
  return JSON.stringify(short(text))
}

/** Characters of a value that a message repeats. */
const SHOWN = 60

function short(text: string): string {
  return text.length <= SHOWN ? text : `${text.slice(0, SHOWN)}…`
}

export function refuse(node: Node | null, at: Position, context: Context, expected: string): undefined {
  const what = found(node)
  const message = what === 'nothing' ? 'a value is missing' : `${what} is not possible here`
  context.problems.add(positionOf(node, context, at), message, expected)
  return undefined
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
  return custom(
    expected,
    { ...schema, description: expected },
    (node, at, context) => accept(scalarOf(node)) ?? refuse(node, at, context, expected),
  )
}

export function choice<Word extends string>(...words: readonly Word[]): Shape<Word> {
  return scalar(words.join(' or '), { enum: words }, value => words.find(word => word === value) ?? null)
}

/** @param what in the plural, for messages */
export function list<Item>(what: string, item: Shape<Item>, least = 0, most?: number): Shape<readonly Item[]> {
  const expected = least === most ? `a list of ${what}` : `a list of ${what}${least > 0 ? `, at least ${least}` : ''}`
  const schema = {
    type: 'array',
    items: item.schema,
    ...(least > 0 ? { minItems: least } : {}),
    ...(most === undefined ? {} : { maxItems: most }),
  }
  return custom(expected, schema, (node, at, context) => {
    if (!isSeq(node)) return refuse(node, at, context, expected)
    const { length } = node.items
    if (length < least || length > (most ?? length)) {
      const amount = `${length} ${length === 1 ? 'item is' : 'items are'} too ${length < least ? 'few' : 'many'}`
      context.problems.add(positionOf(node, context, at), amount, expected)
      return undefined
    }
    const values = node.items.map(child => item.read(child as Node, placeOf(child as Node, context, at), context))
    return values.every(value => value !== undefined) ? (values as Item[]) : undefined
  })
}

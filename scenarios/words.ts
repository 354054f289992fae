/** Names and texts: which characters they may have, and which words are taken. */

import type { Node } from 'yaml'
import { type Context, custom, list, positionOf, type Shape, scalar, scalarOf } from './shape.js'
import type { Position, Reference } from './types.js'

/** Characters that no editor shows; Unicode calls them control characters, surrogates without a partner, or none at all. */
export const UNPRINTABLE = /[^\P{Cc}\t\n\r]|\p{Cs}|[\uFFFE\uFFFF]/u

/** Letters of any script, whole ones: an accent of its own would make two names that look the same. */
const NODE_NAME = /^[\p{L}\p{N}][\p{L}\p{N}._-]{0,63}$/u
const TOPIC_NAME = /^[\p{L}\p{N}][\p{L}\p{N}._/-]{0,63}$/u
const LABEL = /^(?=.*\S)[^\p{Cc}\p{Cs}]{1,100}$/u

/** Words that stand for nodes in some places, so that no node may have them as its name. */
export const RESERVED: readonly string[] = ['any', 'rest', 'all']

const NODE_EXPECTED = 'a name: letters, digits, - . and _, beginning with a letter or a digit'
const TOPIC_EXPECTED = 'a topic name: letters, digits, - . / and _, beginning with a letter or a digit'

const nodeWord = word(NODE_EXPECTED, NODE_NAME)

export const nodeName = custom(
  NODE_EXPECTED,
  { ...nodeWord.schema, not: { enum: RESERVED } },
  (node, at, context): string | undefined => {
    const name = nodeWord.read(node, at, context)
    if (name === undefined || !RESERVED.includes(name)) return name
    context.problems.add(
      positionOf(node, context, at),
      `${name} has a meaning of its own and names no node`,
      `a name other than ${RESERVED.join(', ')}`,
    )
    return undefined
  },
)

export const topicName = word(TOPIC_EXPECTED, TOPIC_NAME)
export const label = word('a name: one line of 1 to 100 characters', LABEL)
export const text = scalar('a text', { type: 'string' }, value =>
  typeof value === 'string' && !UNPRINTABLE.test(value) ? value : null,
)

export const radioName = word(NODE_EXPECTED, NODE_NAME)

export const nodeReference = reference('the name of a node', NODE_NAME)
export const topicReference = reference('the name of a topic', TOPIC_NAME)
const radioReference = reference('the name of a radio', NODE_NAME)
export const radioReferences = oneOrMore('the name of a radio or a list', 'names of radios', radioReference, 0)
export const nodeReferences = oneOrMore('the name of a node or a list of them', 'names of nodes', nodeReference)
export const topicReferences = oneOrMore('the name of a topic or a list of them', 'names of topics', topicReference)
export const nodePair = list('two names of nodes', nodeReference, 2, 2)

/** Like a list of one or more, and may be empty. */
export const anyTopicReferences = oneOrMore('the name of a topic or a list', 'names of topics', topicReference, 0)
export const anyNodeReferences = oneOrMore('the name of a node or a list', 'names of nodes', nodeReference, 0)

function word(expected: string, pattern: RegExp): Shape<string> {
  return scalar(expected, { type: 'string', pattern: pattern.source }, value =>
    typeof value === 'string' && pattern.test(value) ? value : null,
  )
}

function reference(expected: string, pattern: RegExp): Shape<Reference> {
  const name = word(expected, pattern)
  return custom(expected, name.schema, (node, at, context) => {
    const read = name.read(node, at, context)
    return read === undefined ? undefined : { name: read, ...positionOf(node, context, at) }
  })
}

function oneOrMore(expected: string, what: string, one: Shape<Reference>, least = 1): Shape<readonly Reference[]> {
  const many = list(what, one, least)
  return custom(
    expected,
    { anyOf: [one.schema, many.schema], description: expected },
    (node: Node | null, at: Position, context: Context) => {
      if (scalarOf(node) === undefined) return many.read(node, at, context)
      const only = one.read(node, at, context)
      return only && [only]
    },
  )
}

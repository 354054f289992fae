/** The keys of format version 1, as far as this version simulates them; the reader and the JSON Schema come from here. */

import { BOUNDS } from './defaults.js'
import { choice, custom, list, object, optional, positionOf, quantity, required, type Shape, scalar } from './shape.js'
import type { Reference } from './types.js'
import { readBandwidth, readDrift, readDuration, readShare, readSize } from './units.js'

const asNumber = (value: unknown) => (typeof value === 'number' ? value : null)

export const duration = quantity('a duration such as 90s, 2h or 250 (milliseconds), not negative', readDuration, {
  min: 0,
  max: BOUNDS.durationMs,
})
const longDuration = quantity('a duration above zero such as 2h', readDuration, { above: 0, max: BOUNDS.durationMs })
const signedDuration = quantity('a duration such as 30s or -1h', readDuration, {
  min: -BOUNDS.durationMs,
  max: BOUNDS.durationMs,
})
const share = quantity('a share from 0% to 100%, or a fraction from 0 to 1', readShare, { min: 0, max: 1 })
const count = (most: number) =>
  quantity(`a whole number from 1 to ${most}`, asNumber, { min: 1, max: most, integer: true })

/** Letters, digits, `-` and `_`; words with a meaning of their own are no names. */
const NAME = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/
const WORDS: readonly string[] = ['any', 'rest', 'all']
const NAME_EXPECTED = 'a name of letters, digits, - and _ that begins with a letter'

const name = scalar(`${NAME_EXPECTED}, not ${WORDS.join(', ')}`, { type: 'string', pattern: NAME.source }, value =>
  typeof value === 'string' && NAME.test(value) && !WORDS.includes(value) ? value : null,
)

const reference: Shape<Reference> = custom('a name', { type: 'string' }, (node, at, context) => {
  const position = positionOf(node, context, at)
  const text = scalar(NAME_EXPECTED, {}, value => (typeof value === 'string' && NAME.test(value) ? value : null)).read(
    node,
    at,
    context,
  )
  return text === undefined ? undefined : { name: text, ...position }
})

/** One name, or a list of them. */
const references: Shape<readonly Reference[]> = custom(
  'a name or a list of names',
  { anyOf: [reference.schema, { type: 'array', items: reference.schema, minItems: 1 }] },
  (node, at, context) => {
    if (node && 'items' in node) return list(reference, 1).read(node, at, context)
    const one = reference.read(node, at, context)
    return one && [one]
  },
)

const pair: Shape<readonly Reference[]> = custom(
  'two names',
  { type: 'array', items: reference.schema, minItems: 2, maxItems: 2 },
  (node, at, context) => {
    const names = list(reference, 2).read(node, at, context)
    if (names && names.length > 2) {
      context.problems.add(positionOf(node, context, at), `${names.length} names are too many`, 'two names')
      return undefined
    }
    return names
  },
)

const storage = choice('crash-disk', 'memory')
const text = scalar('a text', { type: 'string' }, value => (typeof value === 'string' ? value : null))
const flag = scalar('true or false', { type: 'boolean' }, value => (typeof value === 'boolean' ? value : null))

const LATER_NODE = {
  at: 'the radios',
  place: 'the radios',
  radios: 'the radios',
  mac: 'the radios',
  antenna: 'the radios',
  move: 'the radios',
  bootstrap: 'the overlay',
}

const node = object(
  {
    name: required(name),
    count: optional(count(BOUNDS.nodes)),
    storage: optional(storage),
    subscribe: optional(references),
    clock: optional(
      object({
        skew: optional(signedDuration),
        drift: optional(
          quantity('parts per million such as 20ppm', readDrift, { min: -BOUNDS.driftPpm, max: BOUNDS.driftPpm }),
        ),
      }),
    ),
  },
  LATER_NODE,
)

const link = object({
  between: optional(pair),
  mesh: optional(list(reference, 2)),
  latency: optional(duration),
  jitter: optional(duration),
  bandwidth: optional(quantity('a bandwidth above zero such as 1Mbit/s', readBandwidth, { above: 0, max: 1e12 })),
  loss: optional(quantity('a share from 0% to 90%', readShare, { min: 0, max: 0.9 })),
  'one-way': optional(flag),
})

const topicMapping = object({ name: required(name), subscribers: optional(references) })

const topic = custom(
  'a topic name, or a mapping with name and subscribers',
  { anyOf: [name.schema, topicMapping.schema] },
  (item, at, context) => {
    if (item && 'items' in item) return topicMapping.read(item, at, context)
    const topicName = name.read(item, at, context)
    return topicName === undefined
      ? undefined
      : { name: topicName, subscribers: undefined, ...positionOf(item, context, at) }
  },
)

const work = object(
  {
    at: required(duration),
    node: required(references),
    publish: optional(
      object(
        {
          topic: required(reference),
          count: optional(count(BOUNDS.publications)),
          every: optional(duration),
          size: optional(
            quantity(`a size from 1 byte to 16MiB such as 60 or 4kB`, readSize, {
              min: 1,
              max: BOUNDS.messageBytes,
              integer: true,
            }),
          ),
        },
        { 'depends-on': 'causal ordering' },
      ),
    ),
    prune: optional(object({ topic: required(reference) })),
    subscribe: optional(references),
    unsubscribe: optional(references),
    ack: optional(choice('automatic', 'explicit')),
    consumer: optional(name),
  },
  { ephemeral: 'ephemeral streams' },
)

const fault = object(
  {
    at: required(duration),
    for: optional(longDuration),
    partition: optional(list(references, 1)),
    isolate: optional(references),
    'one-way': optional(pair),
    link: optional(pair),
    'down-for': optional(longDuration),
    clog: optional(pair),
    crash: optional(references),
    'at-write': optional(count(1_000_000)),
    'restart-after': optional(duration),
    pause: optional(references),
    clock: optional(references),
    jump: optional(signedDuration),
  },
  {
    duplicate: 'the radios',
    reorder: 'the radios',
    corrupt: 'the radios',
    wipe: 'disk faults',
    restore: 'disk faults',
    disk: 'disk faults',
    byzantine: 'byzantine nodes',
    move: 'the radios',
    churn: 'the overlay',
  },
)

const expectation = object(
  {
    converged: optional(object({ within: required(duration) })),
    delivered: optional(share),
    'no-violations': optional(flag),
    duplicates: optional(
      object({ max: required(quantity('a whole number', asNumber, { min: 0, max: 1e9, integer: true })) }),
    ),
    bytes: optional(
      object({
        'max-per-operation': required(quantity('a size such as 500 or 4kB', readSize, { above: 0, max: 1e12 })),
      }),
    ),
  },
  { airtime: 'the radios', 'over-floor': 'the radios', sessions: 'the overlay', 'overlay-connected': 'the overlay' },
)

export const scenarioShape = object(
  {
    thicket: required(scalar('1, the version of the format', { const: 1 }, value => (value === 1 ? 1 : null))),
    name: required(name),
    description: optional(text),
    seed: optional(
      scalar('a whole number of 0 or more', { type: 'integer', minimum: 0 }, value =>
        typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null,
      ),
    ),
    duration: optional(longDuration),
    storage: optional(storage),
    nodes: required(list(node, 1)),
    links: optional(list(link)),
    topics: optional(list(topic)),
    workload: optional(list(work)),
    faults: optional(list(fault)),
    expect: optional(list(expectation)),
  },
  { radios: 'the radios', network: 'the overlay' },
)

type ValueOf<Of> = Of extends Shape<infer Value> ? Value : never
export type WrittenScenario = ValueOf<typeof scenarioShape>
export type WrittenNode = ValueOf<typeof node>
export type WrittenLink = ValueOf<typeof link>
export type WrittenWork = ValueOf<typeof work>
export type WrittenFault = ValueOf<typeof fault>
export type WrittenExpectation = ValueOf<typeof expectation>

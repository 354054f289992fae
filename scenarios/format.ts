/** The keys of format version 1, as far as this version simulates them; the reader and the JSON Schema come from here. */

import { isMap, isScalar } from 'yaml'
import { BOUNDS, DEFAULTS } from './defaults.js'
import { object, optional, required } from './mapping.js'
import { quantity } from './quantity.js'
import { choice, custom, type JsonSchema, list, positionOf, refuse, type Shape, scalar } from './shape.js'
import type { Reference } from './types.js'
import { UNITS } from './units.js'
import {
  anyNodeReferences,
  anyTopicReferences,
  label,
  nodeName,
  nodePair,
  nodeReference,
  nodeReferences,
  text,
  topicName,
  topicReference,
  topicReferences,
} from './words.js'

const DAYS = BOUNDS.durationMs / 86_400_000
const duration = quantity(`a duration such as 90s, 1h30m or 250 (milliseconds), from 0 to ${DAYS}d`, UNITS.duration, {
  min: 0,
  max: BOUNDS.durationMs,
})
const longDuration = quantity(`a duration above 0 and up to ${DAYS}d, such as 2h`, UNITS.duration, {
  above: 0,
  max: BOUNDS.durationMs,
})
const signedDuration = quantity(`a duration such as 30s or -1h, up to ${DAYS}d either way`, UNITS.duration, {
  min: -BOUNDS.durationMs,
  max: BOUNDS.durationMs,
})
const share = quantity('a share from 0% to 100%, or a fraction from 0 to 1', UNITS.share, { min: 0, max: 1 })
const wholeNumber = (least: number, most: number) =>
  quantity(`a whole number from ${least} to ${most}`, UNITS.count, { min: least, max: most, integer: true })
const storage = choice('crash-disk', 'memory')
const flag = scalar('true or false', { type: 'boolean' }, value => (typeof value === 'boolean' ? value : null))

/** A rule for the schema. */
const exactlyOne = (keys: readonly string[]): JsonSchema => ({ oneOf: keys.map(key => ({ required: [key] })) })

const node = object(
  'a node',
  {
    name: required(nodeName),
    count: optional(
      wholeNumber(1, BOUNDS.nodes),
      'So many nodes name1, name2 …; the name alone stands for all of them',
    ),
    storage: optional(storage, "What this node stores its data on; the scenario's own otherwise"),
    subscribe: optional(anyTopicReferences, 'The topics it subscribes to at the start; what the topics say otherwise'),
    clock: optional(
      object('a clock', {
        skew: optional(signedDuration, 'Ahead of true time at the start', DEFAULTS.clock.skewMs),
        drift: optional(
          quantity(`parts per million such as 20ppm, up to ${BOUNDS.driftPpm} either way`, UNITS.drift, {
            min: -BOUNDS.driftPpm,
            max: BOUNDS.driftPpm,
          }),
          'How much too fast it runs',
          DEFAULTS.clock.driftPpm,
        ),
      }),
      'How its wall clock errs',
    ),
  },
  {
    later: {
      at: 'the radios',
      place: 'the radios',
      radios: 'the radios',
      mac: 'the radios',
      antenna: 'the radios',
      move: 'the radios',
      bootstrap: 'the overlay',
    },
  },
)

export const LINK_SHAPES = ['between', 'mesh'] as const

const link = object(
  'a link',
  {
    between: optional(nodePair, 'The two ends; a counted name links each of its nodes'),
    mesh: optional(list('names of nodes', nodeReference, 1), 'Every pair of these'),
    latency: optional(duration, 'One way', DEFAULTS.link.latencyMs),
    jitter: optional(duration, 'Added to the latency, at most', DEFAULTS.link.jitterMs),
    bandwidth: optional(
      quantity('a bandwidth such as 1Mbit/s, from 1bit/s to 1000Gbit/s', UNITS.bandwidth, { min: 1, max: 1e12 }),
      undefined,
      DEFAULTS.link.bandwidthBps,
    ),
    loss: optional(
      quantity('a share from 0% to 90%, or a fraction from 0 to 0.9', UNITS.share, { min: 0, max: 0.9 }),
      'Of segments; it shows as delay, as in TCP',
      DEFAULTS.link.loss,
    ),
    'one-way': optional(flag, 'These conditions hold from the first to the second alone', false),
  },
  { rules: exactlyOne(LINK_SHAPES) },
)

const topicMapping = object('a topic', {
  name: required(topicName),
  subscribers: optional(anyNodeReferences, 'Who subscribes at the start; everybody otherwise'),
})

const topic = custom(
  'a topic name, or a mapping with name and subscribers',
  { anyOf: [topicName.schema, topicMapping.schema] },
  (item, at, context) => {
    if (isMap(item)) return topicMapping.read(item, at, context)
    const name = topicName.read(item, at, context)
    const position = positionOf(item, context, at)
    return name === undefined ? undefined : { name, subscribers: undefined, keyAt: {}, valueAt: {}, ...position }
  },
)

const oneTopic = object('a topic', { topic: required(topicReference) })

/** Written as `chat`, `[chat, news]` or, as beside publish and prune, `{ topic: chat }`. */
const subscription: Shape<readonly Reference[]> = custom(
  topicReferences.expected,
  { ...topicReferences.schema, anyOf: [...(topicReferences.schema.anyOf as JsonSchema[]), oneTopic.schema] },
  (item, at, context) => {
    if (!isMap(item)) return topicReferences.read(item, at, context)
    const named = oneTopic.read(item, at, context)?.topic
    return named && [named]
  },
)

export const WORK_KEYS = ['publish', 'prune', 'subscribe', 'unsubscribe'] as const
export const SETTING_KEYS = ['ack', 'consumer'] as const

/** Settings stand alone or beside a subscription, which they then hold for. */
const SETTINGS_BESIDE = WORK_KEYS.filter(key => key !== 'subscribe').flatMap(key =>
  SETTING_KEYS.map(setting => [key, setting]),
)

const work = object(
  'a line of work',
  {
    at: required(duration),
    node: required(nodeReferences, 'Who does it; any draws one anew for each publication'),
    publish: optional(
      object(
        'a publication',
        {
          topic: required(topicReference),
          count: optional(wholeNumber(1, BOUNDS.publications), 'How many', DEFAULTS.publish.count),
          every: optional(duration, 'From one to the next', DEFAULTS.publish.everyMs),
          size: optional(
            quantity('a size from 1 byte to 16MiB such as 60 or 4kB', UNITS.size, {
              min: 1,
              max: BOUNDS.messageBytes,
              integer: true,
            }),
            'Of each message',
            DEFAULTS.publish.size,
          ),
        },
        { later: { 'depends-on': 'causal ordering' } },
      ),
    ),
    prune: optional(oneTopic, 'Removes everything of its own log before this moment'),
    subscribe: optional(subscription),
    unsubscribe: optional(subscription),
    ack: optional(choice('automatic', 'explicit'), 'How its app acknowledges from now on'),
    consumer: optional(topicName, 'Under which name its app reads from now on'),
  },
  {
    later: { ephemeral: 'ephemeral streams' },
    rules: {
      anyOf: [...(exactlyOne(WORK_KEYS).oneOf as JsonSchema[]), ...SETTING_KEYS.map(key => ({ required: [key] }))],
      not: { anyOf: [...pairsOf(WORK_KEYS), ...SETTINGS_BESIDE].map(pair => ({ required: pair })) },
    },
  },
)

export const FAULT_KEYS = ['partition', 'isolate', 'one-way', 'link', 'clog', 'crash', 'pause', 'clock'] as const
export type FaultKey = (typeof FAULT_KEYS)[number]

/** Faults of a moment, and one way to say how long is enough. */
const WITHOUT_FOR = ['crash', 'clock', 'down-for'] as const

/** Keys that go with one fault alone. */
export const COMPANIONS = {
  'down-for': 'link',
  'at-write': 'crash',
  'restart-after': 'crash',
  jump: 'clock',
} as const satisfies Readonly<Record<string, FaultKey>>

const fault = object(
  'a fault',
  {
    at: required(duration),
    for: optional(longDuration, 'How long it lasts; to the end otherwise'),
    partition: optional(
      list('groups of nodes', nodeReferences, 2),
      'Groups that hear nothing of each other; rest is everybody else',
    ),
    isolate: optional(nodeReferences, 'Cut off from everybody'),
    'one-way': optional(nodePair, 'Only what the first sends to the second gets through'),
    link: optional(nodePair, 'The link between the two breaks'),
    'down-for': optional(longDuration, 'How long the link is down; to the end otherwise'),
    clog: optional(nodePair, 'The link between the two stands, and nothing gets through'),
    crash: optional(nodeReferences, 'Loses power: what its disk had not synced may be gone'),
    'at-write': optional(wholeNumber(1, 1_000_000), 'Which write to its disk after this moment is the one that fails'),
    'restart-after': optional(duration, 'How long it stays without power; for good otherwise'),
    pause: optional(nodeReferences, 'Does nothing at all, and remembers everything'),
    clock: optional(nodeReferences, 'The wall clock of these jumps'),
    jump: optional(signedDuration, 'Forward, or back with a minus'),
  },
  {
    later: {
      duplicate: 'the radios',
      reorder: 'the radios',
      corrupt: 'the radios',
      wipe: 'disk faults',
      restore: 'disk faults',
      from: 'disk faults',
      disk: 'disk faults',
      byzantine: 'byzantine nodes',
      move: 'the radios',
      churn: 'the overlay',
    },
    rules: {
      ...exactlyOne(FAULT_KEYS),
      not: { anyOf: WITHOUT_FOR.map(key => ({ required: [key, 'for'] })) },
      dependencies: {
        ...Object.fromEntries(Object.entries(COMPANIONS).map(([companion, owner]) => [companion, [owner]])),
        clock: ['jump'],
      },
    },
  },
)

export const EXPECTATION_KEYS = ['converged', 'delivered', 'no-violations', 'duplicates', 'bytes'] as const

const convergence = object('convergence', {
  within: optional(duration, 'Counted from the last publication or healed fault; by the end otherwise'),
})

/** Also `true`: by the end. */
const converged: Shape<Pick<ValueOf<typeof convergence>, 'within'>> = custom(
  'true, or a mapping with within',
  { anyOf: [{ const: true }, convergence.schema] },
  (item, at, context) => {
    if (isMap(item)) return convergence.read(item, at, context)
    return isScalar(item) && item.value === true
      ? { within: undefined }
      : refuse(item, at, context, 'true, or a mapping with within')
  },
)

const expectation = object(
  'an expectation',
  {
    converged: optional(converged, 'Every subscriber holds the same operations'),
    delivered: optional(share, 'Of all operations and subscribers: what reached the app'),
    'no-violations': optional(flag, 'The built-in safety checks all hold'),
    duplicates: optional(
      object('duplicates', { max: required(wholeNumber(0, 1e9)) }),
      'Deliveries of what was delivered before',
    ),
    bytes: optional(
      object('bytes', {
        'max-per-operation': required(
          quantity('a size from 1 byte to 1TB such as 500 or 4kB', UNITS.size, { min: 1, max: 1e12, integer: true }),
        ),
      }),
      'On all links',
    ),
  },
  {
    later: {
      airtime: 'the radios',
      'over-floor': 'the radios',
      sessions: 'the overlay',
      'overlay-connected': 'the overlay',
    },
    rules: exactlyOne(EXPECTATION_KEYS),
  },
)

export const scenarioShape = object(
  'a scenario',
  {
    thicket: required(scalar('1, the version of the format', { const: 1 }, value => (value === 1 ? 1 : null))),
    name: required(label),
    description: optional(text),
    seed: optional(
      scalar(
        `a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`,
        { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
        value => (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null),
      ),
      'Of everything that is left to chance; --seed wins',
      DEFAULTS.seed,
    ),
    duration: optional(longDuration, 'Of simulated time', DEFAULTS.durationMs),
    storage: optional(
      storage,
      'A disk that can lose power at any write, or memory for large quiet runs',
      DEFAULTS.storage,
    ),
    nodes: required(list('nodes', node, 1)),
    links: optional(list('links', link), 'Ordered, reliable links of bytes'),
    topics: optional(list('topics', topic)),
    workload: optional(list('lines of work', work), 'What the apps do'),
    faults: optional(list('faults', fault), 'What goes wrong'),
    expect: optional(list('expectations', expectation), 'What has to be true at the end'),
  },
  { later: { radios: 'the radios', network: 'the overlay' } },
)

function pairsOf(keys: readonly string[]): readonly (readonly string[])[] {
  return keys.flatMap((key, index) => keys.slice(index + 1).map(other => [key, other]))
}

type ValueOf<Of> = Of extends Shape<infer Value> ? Value : never
export type WrittenScenario = ValueOf<typeof scenarioShape>
export type WrittenNode = ValueOf<typeof node>
export type WrittenLink = ValueOf<typeof link>
export type WrittenWork = ValueOf<typeof work>
export type WrittenFault = ValueOf<typeof fault>
export type WrittenExpectation = ValueOf<typeof expectation>

/** The part of the format that happens in time, and what is expected of it: work, faults and expectations. */

import { isMap, isScalar } from 'yaml'
import { duration, flag, longDuration, share, signedDuration, wholeNumber } from './amounts.js'
import { BOUNDS, DEFAULTS } from './defaults.js'
import { point } from './format-places.js'
import { object, optional, required } from './mapping.js'
import { quantity } from './quantity.js'
import { exactlyOne, neverTogether, pairsOf } from './rules.js'
import { choice, custom, type JsonSchema, list, refuse, type Shape } from './shape.js'
import type { Quantity, Reference } from './types.js'
import { UNITS } from './units.js'
import { nodePair, nodeReferences, topicName, topicReference, topicReferences } from './words.js'

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

export const WORK_KEYS = ['publish', 'prune', 'ephemeral', 'subscribe', 'unsubscribe'] as const
export const SETTING_KEYS = ['ack', 'consumer'] as const

/** Settings stand alone or beside a subscription, which they then hold for. */
const SETTINGS_BESIDE = WORK_KEYS.filter(key => key !== 'subscribe').flatMap(key =>
  SETTING_KEYS.map(setting => [key, setting]),
)

export const work = object(
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
    ephemeral: optional(
      object('an ephemeral message', {
        topic: required(topicReference),
        count: optional(wholeNumber(1, BOUNDS.publications), 'How many', DEFAULTS.publish.count),
        every: optional(duration, 'From one to the next', DEFAULTS.publish.everyMs),
        size: optional(
          quantity('a size from 1 byte to 3900 bytes such as 60', UNITS.size, {
            min: 1,
            max: BOUNDS.ephemeralBytes,
            integer: true,
          }),
          'Of each message',
          DEFAULTS.publish.size,
        ),
      }),
      'Said to the subscribers who listen at that moment, kept by nobody',
    ),
    subscribe: optional(subscription),
    unsubscribe: optional(subscription),
    ack: optional(choice('automatic', 'explicit'), 'How its app acknowledges from now on'),
    consumer: optional(topicName, 'Under which name its app reads from now on'),
  },
  {
    rules: {
      anyOf: [...(exactlyOne(WORK_KEYS).oneOf as JsonSchema[]), ...SETTING_KEYS.map(key => ({ required: [key] }))],
      ...neverTogether([...pairsOf(WORK_KEYS), ...SETTINGS_BESIDE]),
    },
  },
)

export const FAULT_KEYS = [
  'partition',
  'isolate',
  'one-way',
  'link',
  'clog',
  'crash',
  'pause',
  'clock',
  'move',
  'churn',
] as const
export type FaultKey = (typeof FAULT_KEYS)[number]

/** Faults of a moment, and one way to say how long is enough. */
const WITHOUT_FOR = ['crash', 'clock', 'move', 'down-for'] as const

/** Keys that go with one fault alone. */
export const COMPANIONS = {
  'down-for': 'link',
  'at-write': 'crash',
  'restart-after': 'crash',
  jump: 'clock',
  to: 'move',
} as const satisfies Readonly<Record<string, FaultKey>>

const PER_HOUR = BOUNDS.churnPerHour.toLocaleString('en', { useGrouping: false })

const churn = object('churn', {
  rate: required(
    quantity(`a rate such as 10/h or 2/m, above 0 and up to ${PER_HOUR}/h`, UNITS.rate, {
      above: 0,
      max: BOUNDS.churnPerHour,
    }),
    'How often one of them does, drawn as a Poisson process; of all of them together',
  ),
  'down-for': required(longDuration, 'How long it stays without power'),
  nodes: optional(nodeReferences, 'Which nodes; all of them otherwise'),
})

export const fault = object(
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
    move: optional(nodeReferences, 'These are elsewhere at once'),
    to: optional(point, 'Where they are then'),
    churn: optional(churn, 'These lose power now and then, and come back'),
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
    },
    rules: {
      ...exactlyOne(FAULT_KEYS),
      ...neverTogether(WITHOUT_FOR.map(key => [key, 'for'])),
      dependencies: {
        ...Object.fromEntries(Object.entries(COMPANIONS).map(([companion, owner]) => [companion, [owner]])),
        clock: ['jump'],
        move: ['to'],
      },
    },
  },
)

export const EXPECTATION_KEYS = [
  'converged',
  'delivered',
  'no-violations',
  'duplicates',
  'bytes',
  'airtime',
  'over-floor',
  'sessions',
  'overlay-connected',
] as const

/** Also `true`: by the end. @param since what the time is counted from */
function inTime(what: string, since: string): Shape<{ readonly within: Quantity | undefined }> {
  const timed = object(what, { within: optional(duration, `Counted from ${since}; by the end otherwise`) })
  const expected = 'true, or a mapping with within'
  return custom(expected, { anyOf: [{ const: true }, timed.schema] }, (item, at, context) => {
    if (isMap(item)) return timed.read(item, at, context)
    return isScalar(item) && item.value === true ? { within: undefined } : refuse(item, at, context, expected)
  })
}

const converged = inTime('convergence', 'the last publication or healed fault')
const connected = inTime('a connected overlay', 'the last healed fault or change of subscription')

export const expectation = object(
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
    airtime: optional(
      object('airtime', { 'max-per-node': required(share) }),
      'Of the time: what the busiest radio sends',
    ),
    'over-floor': optional(
      object('over-floor', {
        max: required(quantity('a ratio above 0 and up to 1000 such as 1.3', UNITS.ratio, { above: 0, max: 1_000 })),
      }),
      'Bytes sent by radio over the bytes that had to be',
    ),
    sessions: optional(
      object('sessions', { 'max-per-node': required(wholeNumber(1, 1_000_000)) }),
      'Of log sync, at one time; what the busiest node ever had',
    ),
    'overlay-connected': optional(
      connected,
      'In every topic its sessions of log sync join all subscribers, directly or by way of others',
    ),
  },
  { rules: exactlyOne(EXPECTATION_KEYS) },
)

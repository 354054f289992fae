/** The keys of format version 1, as far as this version simulates them; the reader and the JSON Schema come from here. */

import { isMap } from 'yaml'
import { flag, longDuration, signedDuration, storage, wholeNumber } from './amounts.js'
import { BOUNDS, DEFAULTS } from './defaults.js'
import { expectation, fault, work } from './format-events.js'
import { conditions, network } from './format-network.js'
import { antenna, placement, point, waypoints } from './format-places.js'
import { radios } from './format-radios.js'
import { object, optional, required } from './mapping.js'
import { quantity } from './quantity.js'
import { exactlyOne, neverTogether } from './rules.js'
import { choice, custom, list, positionOf, type Shape, scalar } from './shape.js'
import { UNITS } from './units.js'
import {
  anyNodeReferences,
  anyTopicReferences,
  label,
  nodeName,
  nodePair,
  nodeReference,
  nodeReferences,
  radioReferences,
  text,
  topicName,
} from './words.js'

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
    at: optional(point, 'Where it is at the start, in metres east and north'),
    place: optional(placement, 'Where several are at the start'),
    bootstrap: optional(nodeReferences, 'Whose addresses it knows from the start, where the network reaches all'),
    radios: optional(radioReferences, 'Which of the radios it carries', []),
    mac: optional(choice('csma', 'aloha'), 'Listens before it sends, or does not', DEFAULTS.mac),
    antenna: optional(antenna),
    move: optional(waypoints, 'Where it goes; a later waypoint takes over from wherever it is then'),
  },
  { rules: neverTogether([['at', 'place']]) },
)

export const LINK_SHAPES = ['between', 'mesh'] as const

const link = object(
  'a link',
  {
    between: optional(nodePair, 'The two ends; a counted name links each of its nodes'),
    mesh: optional(list('names of nodes', nodeReference, 1), 'Every pair of these'),
    ...conditions,
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

export const scenarioShape = object('a scenario', {
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
  network: optional(network, 'Who can dial whom; only the ends of links otherwise'),
  radios: optional(radios, 'What nodes may carry; each is an air of its own'),
  links: optional(list('links', link), 'Ordered, reliable links of bytes'),
  topics: optional(list('topics', topic)),
  workload: optional(list('lines of work', work), 'What the apps do'),
  faults: optional(list('faults', fault), 'What goes wrong'),
  expect: optional(list('expectations', expectation), 'What has to be true at the end'),
})

type ValueOf<Of> = Of extends Shape<infer Value> ? Value : never
export type WrittenScenario = ValueOf<typeof scenarioShape>
export type WrittenNode = ValueOf<typeof node>
export type WrittenLink = ValueOf<typeof link>
export type WrittenWork = ValueOf<typeof work>
export type WrittenFault = ValueOf<typeof fault>
export type WrittenExpectation = ValueOf<typeof expectation>

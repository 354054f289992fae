/** The part of the format that says what connections are like, and who can dial whom. */

import { duration } from './amounts.js'
import { DEFAULTS } from './defaults.js'
import { object, optional } from './mapping.js'
import { quantity } from './quantity.js'
import { choice, type Shape } from './shape.js'
import { UNITS } from './units.js'

type ValueOf<Of> = Of extends Shape<infer Value> ? Value : never

/** What links and a network have in common. */
export const conditions = {
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
} as const

export const CONDITION_KEYS = ['latency', 'jitter', 'bandwidth', 'loss'] as const

const BESIDE_ALL = { properties: { reach: { const: 'all' } }, required: ['reach'] }

export const network = object(
  'a network',
  {
    reach: optional(
      choice('all', 'links'),
      'all: whoever has learnt the address of a node can dial it; links: only the ends of a link meet',
      DEFAULTS.network.reach,
    ),
    ...conditions,
  },
  { rules: { dependencies: Object.fromEntries(CONDITION_KEYS.map(key => [key, BESIDE_ALL])) } },
)

export type WrittenNetwork = ValueOf<typeof network>

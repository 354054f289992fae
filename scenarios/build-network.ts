/** From what the reader found of connections to what they are like: defaults filled in. */

import { DEFAULTS } from './defaults.js'
import { CONDITION_KEYS, type WrittenNetwork } from './format-network.js'
import type { Problems } from './problems.js'
import type { ConditionsOf, NetworkOf, Quantity } from './types.js'

type WrittenConditions = Partial<Pick<WrittenNetwork, (typeof CONDITION_KEYS)[number]>>

export function buildConditions(written: WrittenConditions): ConditionsOf<Quantity> {
  return {
    latencyMs: written.latency ?? DEFAULTS.link.latencyMs,
    jitterMs: written.jitter ?? DEFAULTS.link.jitterMs,
    bandwidthBps: written.bandwidth ?? DEFAULTS.link.bandwidthBps,
    loss: written.loss ?? DEFAULTS.link.loss,
  }
}

export function buildNetwork(written: WrittenNetwork | undefined, problems: Problems): NetworkOf<Quantity> {
  const reach = written?.reach ?? DEFAULTS.network.reach
  for (const key of CONDITION_KEYS) {
    const at = written?.keyAt[key]
    if (at && reach === 'links')
      problems.add(at, `${key} of a network holds where reach is all`, 'reach: all, or the same key on links')
  }
  return { reach, ...buildConditions(written ?? {}) }
}

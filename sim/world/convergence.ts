/**
 * When do all subscribers of a topic hold the same? Heights decide while the run goes on, since they are cheap to
 * compare; at the end the sets of operations are compared one by one, up to what somebody pruned.
 */

import type { OperationId, Topic } from '../../engine/core/index.js'
import type { Ledger } from '../checks/index.js'
import type { OutcomeNode } from './outcome.js'

export interface Disagreement {
  readonly topic: Topic
  readonly detail: string
}

/** Null when every subscriber that is up stands at the same heights, and at least one is up. */
export function heightsDisagree(nodes: readonly OutcomeNode[], topic: Topic): string | null {
  let first: { readonly name: string; readonly heights: string } | null = null
  for (const node of nodes) {
    if (!node.topics.has(topic)) continue
    const heights = node.heights(topic)
    if (heights === null) return `${node.name} is down`
    if (first === null) first = { name: node.name, heights }
    else if (first.heights !== heights) return `${node.name} and ${first.name} stand at different heights`
  }
  return null
}

/** Every operation that nobody pruned lies at every subscriber of its topic. */
export function setsDisagree(nodes: readonly OutcomeNode[], topic: Topic, ledger: Ledger): string | null {
  const subscribers = nodes.filter(node => node.topics.has(topic) && node.isUp)
  for (const entry of ledger.entries()) {
    if (entry.topic !== topic || ledger.isPruned(entry)) continue
    const lacking = subscribers.filter(node => !node.holds(entry.id))
    // What no subscriber ever received (its author was never one, or is gone) is nobody's disagreement.
    if (lacking.length === 0 || lacking.length === subscribers.length) continue
    return `${lacking[0]!.name} lacks ${short(entry.id)}`
  }
  return null
}

function short(id: OperationId): string {
  return id.slice(0, 12)
}

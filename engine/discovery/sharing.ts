/** Which records a remote is told of: none that is stale, none that its node has not signed, none of the remote's own. */

import { compareHybrid, type HybridTimestamp, type Topic, type VerifyingKey } from '../core/index.js'
import { type AddressBook, type AddressEntry, isStale } from './address-book.js'
import type { DiscoveryLimits } from './limits.js'
import type { NodeRecord, ToldRecord } from './psi-wire.js'
import type { Share } from './settings.js'
import type { TopicKnowledge } from './topic-knowledge.js'

export interface Sharing {
  readonly book: AddressBook
  readonly knowledge: TopicKnowledge
  /** What the remote has shown to have in common with us. */
  readonly common: readonly Topic[]
  /** What it has told us of: nobody needs to hear that back. */
  readonly told: readonly ToldRecord[]
  readonly remote: VerifyingKey
  readonly share: Share
  readonly float: () => number
  readonly limits: Pick<DiscoveryLimits, 'sharedRecords'>
}

export function recordsToShare(sharing: Sharing): readonly NodeRecord[] {
  const records: NodeRecord[] = []
  const known = new Map<VerifyingKey, HybridTimestamp>()
  for (const told of sharing.told) if ('record' in told) known.set(told.nodeId, told.record.timestamp)
  for (const entry of candidates(sharing)) {
    const { nodeId, record } = entry
    if (nodeId === sharing.remote || !record?.signature || isStale(entry)) continue
    const told = known.get(nodeId)
    if (told === undefined || compareHybrid(told, record.timestamp) < 0) records.push({ nodeId, record })
  }
  return choose(records, sharing.limits.sharedRecords, sharing.float)
}

function candidates({ book, knowledge, common, share }: Sharing): readonly AddressEntry[] {
  if (share === 'self') return []
  if (share === 'all') return book.all()
  const nodes = new Set(common.flatMap(topic => knowledge.nodesOf(topic)))
  return [...nodes].sort().flatMap(node => book.get(node) ?? [])
}

/** So many of them by chance, or all. */
function choose<Item>(items: Item[], count: number, float: () => number): readonly Item[] {
  for (let at = 0; at < Math.min(count, items.length - 1) && items.length > count; at++) {
    const other = at + Math.floor(float() * (items.length - at))
    const item = items[at]!
    items[at] = items[other]!
    items[other] = item
  }
  return items.slice(0, count)
}

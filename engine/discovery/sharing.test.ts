/** Goal: nobody is told of more than is set, of stale nodes, of itself or of what it knows. Method: one book, all choices. */

import { describe, expect, it } from 'vitest'
import type { Topic } from '../core/index.js'
import { AddressBook } from './address-book.js'
import { KEYS, seededRandom } from './addressed.contract.js'
import { DEFAULT_DISCOVERY_LIMITS as LIMITS } from './limits.js'
import { makeRecord, signRecord, type TransportRecord } from './records.js'
import { recordsToShare, type Sharing } from './sharing.js'
import { TopicKnowledge } from './topic-knowledge.js'

const [ONE, TWO] = ['01', '02'].map(byte => byte.repeat(32)) as [Topic, Topic]
const id = (number: number) => KEYS[number]!.verifyingKey
const record = (number: number, wallUs = 5n): TransportRecord =>
  signRecord(KEYS[number]!, makeRecord('libp2p', { wallUs, lamport: 0n }, [`/ip4/10.0.0.${number}/tcp/1`]))

function share(more: Partial<Sharing>): readonly number[] {
  const book = new AddressBook('libp2p', LIMITS)
  const knowledge = new TopicKnowledge(LIMITS.interestedPerTopic)
  knowledge.setOwn([ONE, TWO])
  for (let number = 1; number <= 9; number++) {
    book.learn(id(number), record(number), 1n)
    knowledge.set(id(number), number % 2 === 0 ? [TWO] : [ONE], 1)
  }
  book.learn(id(10), makeRecord('libp2p', { wallUs: 1n, lamport: 0n }, ['/ip4/10.0.0.10/tcp/1']), 1n)
  book.failed(id(9), 2n)
  const { float } = seededRandom(1)
  const sharing = {
    book,
    knowledge,
    common: [ONE],
    told: [],
    remote: id(1),
    share: 'all' as const,
    float,
    limits: LIMITS,
  }
  return recordsToShare({ ...sharing, ...more }).map(({ nodeId }) => KEYS.findIndex(key => key.verifyingKey === nodeId))
}

describe('records to share', () => {
  it('all: none that is stale, unsigned, or the remote’s', () => expect(share({})).toEqual([2, 3, 4, 5, 6, 7, 8]))

  it('common topics: only those who share one', () => {
    expect(share({ share: 'common-topics' })).toEqual([3, 5, 7])
    expect(share({ share: 'common-topics', common: [] })).toEqual([])
    expect(share({ share: 'common-topics', common: [ONE, TWO] })).toEqual([2, 3, 4, 5, 6, 7, 8])
  })

  it('self: nobody', () => expect(share({ share: 'self' })).toEqual([]))

  it('nothing that the remote has told as new or newer itself', () => {
    const told = [
      { nodeId: id(2), record: record(2, 4n) },
      { nodeId: id(3), record: record(3, 5n) },
      { nodeId: id(4), record: record(4, 6n) },
      { nodeId: id(5), fault: 'record-too-large' as const },
    ]
    expect(share({ told })).toEqual([2, 5, 6, 7, 8])
  })

  it('a random choice, each once, when there are more than may be sent', () => {
    const seen = new Set<number>()
    for (let seed = 0; seed < 40; seed++) {
      const chosen = share({ limits: { sharedRecords: 3 }, float: seededRandom(seed).float })
      expect([chosen.length, new Set(chosen).size]).toEqual([3, 3])
      for (const number of chosen) seen.add(number)
    }
    expect(seen.size).toBe(7)
  })
})

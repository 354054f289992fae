/**
 * Goal: every safety check can fail, and none fails without reason.
 * Method: short stories told by hand, each that breaks one promise beside its near miss that breaks none.
 */

import { describe, expect, it } from 'vitest'
import type { OperationId, Topic, VerifyingKey } from '../../engine/core/index.js'
import { Ledger, type PublishedEntry } from './ledger.js'
import { type Delivery, SafetyChecks } from './safety.js'

const alice = 'a1'.repeat(32) as VerifyingKey
const bob = 'b2'.repeat(32) as VerifyingKey
const topic = '70'.repeat(32) as Topic
const otherTopic = '71'.repeat(32) as Topic

const idOf = (seqNum: number) => seqNum.toString(16).padStart(64, '0') as OperationId
const backlinkOf = (seqNum: number) => (seqNum === 0 ? null : idOf(seqNum - 1))
const bodyOf = (seqNum: number) => `body ${seqNum}`

function entry(seqNum: number, changes: Partial<PublishedEntry> = {}): PublishedEntry {
  return {
    id: idOf(seqNum),
    author: alice,
    topic,
    seqNum,
    backlink: backlinkOf(seqNum),
    bodyHash: bodyOf(seqNum),
    bytes: 100,
    bodyBytes: 0,
    prune: false,
    atUs: 1_000 * seqNum,
    ...changes,
  }
}

function delivery(seqNum: number, changes: Partial<Delivery> = {}): Delivery {
  return {
    id: idOf(seqNum),
    author: alice,
    topic,
    seqNum,
    backlink: backlinkOf(seqNum),
    dependencies: [],
    bodyHash: bodyOf(seqNum),
    consumer: 'default',
    atUs: 5_000_000,
    durable: true,
    ...changes,
  }
}

/** Bob, who watches Alice's log of so many operations; `prune` is the one that prunes, which has no body. */
function watcher(published: number, prune: number | null = null) {
  const ledger = new Ledger()
  for (let seqNum = 0; seqNum < published; seqNum++) {
    ledger.published(entry(seqNum, seqNum === prune ? { prune: true, bodyHash: null } : {}))
  }
  const checks = new SafetyChecks('bob', bob, ledger)
  checks.streamOpened('default', topic)
  return { ledger, checks, broken: () => checks.violations.map(({ check }) => check) }
}

describe('sequence-gap', () => {
  it('is broken when an operation with a body is passed over', () => {
    const { checks, broken } = watcher(4)
    checks.deliver(delivery(0))
    checks.deliver(delivery(2))
    expect(broken()).toEqual(['sequence-gap'])
    expect(checks.violations[0]).toMatchObject({ node: 'bob', atUs: 5_000_000 })
    expect(checks.violations[0]!.detail).toContain('sequence number 1 was skipped')
  })
  it('is not when the one passed over was pruned', () => {
    const { checks, broken } = watcher(4, 2)
    checks.deliver(delivery(0))
    checks.deliver(delivery(3))
    expect(broken()).toEqual([])
  })
  it('is not when the one passed over is a prune, which no app is handed', () => {
    const { checks, broken } = watcher(4, 1)
    checks.deliver(delivery(0))
    checks.deliver(delivery(2))
    expect(broken()).toEqual([])
  })
  it('is when one beyond the prune point is passed over', () => {
    const { checks, broken } = watcher(5, 2)
    checks.deliver(delivery(0))
    checks.deliver(delivery(4))
    expect(broken()).toEqual(['sequence-gap'])
  })
  it('is not when a stream begins in the middle', () => {
    const { checks, broken } = watcher(4)
    checks.deliver(delivery(2))
    expect(broken()).toEqual([])
  })
})

describe('causality', () => {
  it('is broken when a log runs backwards', () => {
    const { checks, broken } = watcher(3)
    checks.deliver(delivery(1))
    checks.deliver(delivery(0))
    expect(broken()).toEqual(['causality'])
    expect(checks.violations[0]!.detail).toContain('came after 1')
  })
  it('is broken when an operation repeats within one stream', () => {
    const { checks, broken } = watcher(3)
    checks.deliver(delivery(0))
    checks.deliver(delivery(0))
    expect(broken()).toEqual(['causality'])
    expect(checks.repeated).toBe(1)
  })
  it('is not when it repeats because the stream was opened anew', () => {
    const { checks, broken } = watcher(3)
    checks.deliver(delivery(0))
    checks.streamOpened('default', topic)
    checks.deliver(delivery(0))
    expect(broken()).toEqual([])
    expect(checks.repeated).toBe(1)
  })
  it('is not when another consumer, or another topic, is at another place', () => {
    const { ledger, checks, broken } = watcher(3)
    ledger.published(entry(0, { id: idOf(100), topic: otherTopic }))
    checks.deliver(delivery(0))
    checks.deliver(delivery(1))
    checks.deliver(delivery(0, { consumer: 'audit' }))
    checks.deliver(delivery(0, { id: idOf(100), topic: otherTopic }))
    expect(broken()).toEqual([])
    expect(checks.repeated).toBe(0)
  })
  it('is broken when the place in the log is not the one that its author gave', () => {
    const { checks, broken } = watcher(3)
    checks.deliver(delivery(1, { backlink: idOf(7) }))
    expect(broken()).toEqual(['causality'])
  })
})

describe('dependency-order', () => {
  const carol = 'c3'.repeat(32) as VerifyingKey
  const question = {
    author: carol,
    seqNum: 0,
    backlink: null,
    id: 'ee'.repeat(32) as OperationId,
    bodyHash: 'question',
  }

  function asked() {
    const watched = watcher(1)
    watched.ledger.published(entry(0, question))
    return watched
  }

  it('is broken when what an operation names comes after it, anew or in one replay', () => {
    const { checks, broken } = asked()
    checks.deliver(delivery(0, { dependencies: [question.id] }))
    checks.deliver(delivery(0, question))
    expect(broken()).toEqual(['dependency-order'])
  })

  it('is not when it came before, or when the stream was opened anew in between', () => {
    const { checks, broken } = asked()
    checks.deliver(delivery(0, question))
    checks.deliver(delivery(0, { dependencies: [question.id] }))
    checks.streamOpened('default', topic)
    checks.deliver(delivery(0, question))
    expect(broken()).toEqual([])
  })
})

describe('invented-or-altered', () => {
  const stories: readonly (readonly [string, Partial<Delivery>])[] = [
    ['nobody published it', { id: idOf(99) }],
    ['its body is another', { bodyHash: bodyOf(1) }],
    ['its author is another', { author: bob }],
    ['its topic is another', { topic: otherTopic }],
  ]
  it.each(stories)('is broken when %s', (_, changes) => {
    const { checks, broken } = watcher(2)
    checks.deliver(delivery(0, changes))
    expect(broken()).toEqual(['invented-or-altered'])
  })
  it('is not when all is as it was published', () => {
    const { checks, broken } = watcher(2)
    checks.deliver(delivery(0))
    checks.deliver(delivery(1))
    expect(broken()).toEqual([])
  })
})

describe('lost-acknowledged', () => {
  it('is broken when what was acknowledged comes again after a restart', () => {
    const { checks, broken } = watcher(2)
    checks.deliver(delivery(0))
    checks.acknowledge('default', idOf(0))
    checks.streamOpened('default', topic)
    checks.deliver(delivery(0))
    expect(broken()).toEqual(['lost-acknowledged'])
  })
  it('is not when it was another consumer that acknowledged', () => {
    const { checks, broken } = watcher(2)
    checks.deliver(delivery(0, { consumer: 'audit' }))
    checks.acknowledge('audit', idOf(0))
    checks.deliver(delivery(0))
    expect(broken()).toEqual([])
  })
})

describe('lost-published', () => {
  it('is broken when a node came back without what it had published', () => {
    const { ledger, checks, broken } = watcher(0)
    ledger.published(entry(0, { author: bob }))
    checks.recovered({ has: () => false }, 9)
    expect(broken()).toEqual(['lost-published'])
    expect(checks.violations[0]!.detail).toContain('was reported durable')
  })
  it('is not when the node pruned it itself', () => {
    const { ledger, checks, broken } = watcher(0)
    ledger.published(entry(0, { author: bob }))
    ledger.published(entry(1, { author: bob, prune: true, bodyHash: null }))
    checks.recovered({ has: id => id === idOf(1) }, 9)
    expect(broken()).toEqual([])
  })
  it('is not when the node died before it could report it', () => {
    const { ledger, checks, broken } = watcher(0)
    ledger.attempted({ author: bob, topic, bodyHash: bodyOf(0), prune: false, atUs: 1 })
    checks.recovered({ has: () => false }, 9)
    expect(broken()).toEqual([])
  })
})

describe('lost-delivered', () => {
  it('is broken when a node came back without what its app was handed', () => {
    const { checks, broken } = watcher(2)
    checks.deliver(delivery(0))
    checks.recovered({ has: () => false }, 9)
    expect(broken()).toEqual(['lost-delivered'])
  })
  it('is not for what its app never saw', () => {
    const { checks, broken } = watcher(2)
    checks.deliver(delivery(0))
    checks.recovered({ has: id => id === idOf(0) }, 9)
    expect(broken()).toEqual([])
  })
  it('is not for what its author has pruned', () => {
    const { checks, broken } = watcher(2, 1)
    checks.deliver(delivery(0))
    checks.recovered({ has: () => false }, 9)
    expect(broken()).toEqual([])
  })
})

describe('delivery-before-durability', () => {
  it('is broken when the database does not hold what the app is handed', () => {
    const { checks, broken } = watcher(1)
    checks.deliver(delivery(0, { durable: false }))
    expect(broken()).toEqual(['delivery-before-durability'])
  })
  it('is not when it does', () => {
    const { checks, broken } = watcher(1)
    checks.deliver(delivery(0, { durable: true }))
    expect(broken()).toEqual([])
  })
})

it('keeps the first hundred violations of a node', () => {
  const { checks } = watcher(1)
  for (let at = 0; at < 100; at++) checks.report('fork-detected', at, 'again')
  expect(checks.violations).toHaveLength(100)
  checks.report('fork-detected', 100, 'again')
  expect(checks.violations).toHaveLength(100)
})

describe('the ledger', () => {
  it('settles each attempt once, the oldest first', () => {
    const ledger = new Ledger()
    const attempt = { author: bob, topic, bodyHash: bodyOf(0), prune: false, atUs: 1 }
    ledger.attempted(attempt)
    ledger.attempted({ ...attempt, atUs: 2 })
    expect(ledger.settle(bob, otherTopic, bodyOf(0))).toBeUndefined()
    expect(ledger.settle(bob, topic, bodyOf(0))?.atUs).toBe(1)
    expect(ledger.settle(bob, topic, bodyOf(0))?.atUs).toBe(2)
    expect(ledger.settle(bob, topic, bodyOf(0))).toBeUndefined()
  })
  it('counts as pruned what lies before the newest prune point, and not the point', () => {
    const { ledger } = watcher(4, 2)
    expect([0, 1, 2, 3].map(seqNum => ledger.isPruned(ledger.find(idOf(seqNum))!))).toEqual([true, true, false, false])
  })
})

/**
 * Goal: an author who signs two branches of one log is found out by every honest node that meets both, the first branch
 * seen stays, and the proof outlives restarts and convinces others.
 * Method: the equivocator is two nodes with one key on two databases, which are never at one hub together; the honest
 * ones are nodes as any app has them, moved from hub to hub by restarts on their files.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { InProcessHub, inProcessTransport, nodeDefaults } from '../adapters/index.js'
import { decodeHeader, LogId, type OperationId, SigningKey, Topic } from '../core/index.js'
import type { StreamEvent } from '../streams/index.js'
import { type ForkProof, type Node, NodeBuilder, type StreamPublisher } from './index.js'

const topic = Topic.fromBytes(new Uint8Array(32).fill(7))
const liar = SigningKey.fromBytes(new Uint8Array(32).fill(66))

let folder: string
const running = new Set<Member>()

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'thicket-forks-'))
})

afterEach(async () => {
  for (const member of running) await member.leave()
  rmSync(folder, { recursive: true })
})

/** A node at a hub, with its stream of the topic read all the time. */
interface Member {
  readonly node: Node
  readonly tx: StreamPublisher<string>
  readonly events: StreamEvent<string>[]
  leave(): Promise<void>
}

async function joinHub(hub: InProcessHub, name: string, key: SigningKey): Promise<Member> {
  const node = await new NodeBuilder(nodeDefaults())
    .signingKey(key)
    .database(join(folder, `${name}.db`))
    .transport(inProcessTransport({ hub }))
    .spawn()
  const [tx, rx] = await node.stream<string>(topic)
  const events: StreamEvent<string>[] = []
  const reading = (async () => {
    for await (const event of rx) events.push(event)
  })()
  const member: Member = {
    node,
    tx,
    events,
    async leave() {
      running.delete(member)
      await rx.close()
      await reading
      await node.close()
    },
  }
  running.add(member)
  return member
}

const alice = SigningKey.fromBytes(new Uint8Array(32).fill(1))
const bob = SigningKey.fromBytes(new Uint8Array(32).fill(2))

const texts = (member: Member) =>
  member.events.flatMap(event => (event.type === 'processed' ? [event.operation.message] : []))
const reported = (member: Member) => member.events.filter(event => event.type === 'fork-detected')

async function proofs(node: Node, of: Topic = topic): Promise<ForkProof[]> {
  const all: ForkProof[] = []
  for await (const proof of node.forks(of)) all.push(proof)
  return all
}

/** What anybody can check who trusts neither node: both are signed by one author and cannot stand in one log. */
function convict(proof: ForkProof): void {
  const known = decodeHeader(proof.known)
  const conflicting = decodeHeader(proof.conflicting)
  expect(known.author).toBe(proof.author)
  expect(conflicting.author).toBe(proof.author)
  expect([known.extensions.logId, conflicting.extensions.logId]).toEqual([proof.logId, proof.logId])
  expect(known.seqNum).toBe(proof.seqNum)
  if (conflicting.seqNum === known.seqNum) expect(conflicting.id).not.toBe(known.id)
  else {
    expect(conflicting.seqNum).toBe(known.seqNum + 1)
    expect(conflicting.backlink).not.toBe(known.id)
  }
}

/** Both branches begin with the same operation: the second node of the liar takes it from the first one's export. */
async function branches(): Promise<{ left: Member; right: Member; common: OperationId }> {
  const left = await joinHub(new InProcessHub(), 'left', liar)
  const right = await joinHub(new InProcessHub(), 'right', liar)
  const { id } = await left.tx.publish('in common')
  const imported = await right.tx.import(left.node.exportTopic(topic))
  await imported.done
  return { left, right, common: id }
}

describe('an equivocator', () => {
  it('is reported by an honest node that meets one branch and then the other, and the first one stays', async () => {
    const { left, right } = await branches()
    for (const text of ['left 1', 'left 2']) await left.tx.publish(text)
    for (const text of ['right 1', 'right 2', 'right 3']) await right.tx.publish(text)
    await left.leave()
    await right.leave()

    const first = new InProcessHub()
    const honest = await joinHub(first, 'alice', alice)
    const liarsLeft = await joinHub(first, 'left', liar)
    await expect.poll(() => texts(honest)).toEqual(['in common', 'left 1', 'left 2'])
    expect(reported(honest)).toEqual([])
    await liarsLeft.leave()

    await joinHub(first, 'right', liar)
    await expect
      .poll(() => reported(honest))
      .toMatchObject([{ author: liar.verifyingKey, seqNum: 2, remote: liar.verifyingKey }])
    expect(texts(honest)).toEqual(['in common', 'left 1', 'left 2'])
    expect(honest.node.metrics().forks).toBe(1)
  })

  it('is reported by two honest nodes that hold a branch each, as soon as the others’ branch goes on', async () => {
    const { left, right } = await branches()
    await left.tx.publish('left 1')
    await right.tx.publish('right 1')
    await left.leave()
    await right.leave()
    for (const [name, key] of [
      ['left', alice],
      ['right', bob],
    ] as const) {
      const hub = new InProcessHub()
      const honest = await joinHub(hub, key === alice ? 'alice' : 'bob', key)
      const liars = await joinHub(hub, name, liar)
      await expect.poll(() => texts(honest)).toEqual(['in common', `${name} 1`])
      await liars.leave()
      await honest.leave()
    }

    // Equal heights: nothing in p2panda's Have tells the two branches apart, and nothing is exchanged.
    const hub = new InProcessHub()
    const one = await joinHub(hub, 'alice', alice)
    const two = await joinHub(hub, 'bob', bob)
    await expect.poll(() => [...one.events, ...two.events].filter(event => event.type === 'sync-ended')).toHaveLength(2)
    expect([...reported(one), ...reported(two)]).toEqual([])

    // The left branch goes on at Alice's own hub, and shows to Bob when he meets her.
    await one.leave()
    const apart = new InProcessHub()
    const oneApart = await joinHub(apart, 'alice', alice)
    const liarsLeft = await joinHub(apart, 'left', liar)
    await liarsLeft.tx.publish('left 2')
    await expect.poll(() => texts(oneApart)).toContain('left 2')
    await liarsLeft.leave()
    await oneApart.leave()
    const oneAgain = await joinHub(hub, 'alice', alice)
    await expect
      .poll(() => reported(two))
      .toMatchObject([{ author: liar.verifyingKey, seqNum: 1, remote: alice.verifyingKey }])

    // The right branch overtakes it while both look: now it shows to Alice.
    const liarsRight = await joinHub(hub, 'right', liar)
    for (const text of ['right 2', 'right 3']) await liarsRight.tx.publish(text)
    await expect.poll(() => reported(oneAgain).length).toBeGreaterThan(0)

    for (const { node } of [oneAgain, two]) {
      const found = await proofs(node)
      expect(found.length).toBeGreaterThan(0)
      for (const proof of found) convict(proof)
    }
    expect(texts(two).filter(text => text.startsWith('left'))).toEqual([])
    expect(texts(oneAgain).filter(text => text.startsWith('right'))).toEqual([])
  })

  it('stays convicted after a restart, also when the known branch is pruned away, and is not reported anew', async () => {
    const { left, right } = await branches()
    await left.tx.publish('left 1')
    await right.tx.publish('right 1')
    const hub = new InProcessHub()
    const honest = await joinHub(hub, 'alice', alice)
    await (await honest.tx.import(left.node.exportTopic(topic))).done
    await (await honest.tx.import(right.node.exportTopic(topic))).done
    const before = await proofs(honest.node)
    expect(before).toMatchObject([{ author: liar.verifyingKey, logId: LogId.ofTopic(topic), seqNum: 1 }])
    await left.tx.prune('left, pruned')
    await (await honest.tx.import(left.node.exportTopic(topic))).done
    await honest.leave()

    const again = await joinHub(hub, 'alice', alice)
    expect(await proofs(again.node)).toEqual(before)
    for (const proof of before) convict(proof)
    await (await again.tx.import(right.node.exportTopic(topic))).done
    expect(await proofs(again.node)).toEqual(before)
  })

  it('gives no proof of a topic in which nobody lied, or that is unknown here', async () => {
    const honest = await joinHub(new InProcessHub(), 'alice', alice)
    await honest.tx.publish('truth')
    expect(await proofs(honest.node)).toEqual([])
    expect(await proofs(honest.node, Topic.fromBytes(new Uint8Array(32)))).toEqual([])
  })

  it('signs as many branches as it likes, and sixteen proofs of that are kept', async () => {
    const honest = await joinHub(new InProcessHub(), 'alice', alice)
    const { left } = await branches()
    await (await honest.tx.import(left.node.exportTopic(topic))).done
    for (let branch = 0; branch < 17; branch++) {
      const other = await joinHub(new InProcessHub(), `other ${branch}`, liar)
      await other.tx.publish(`branch ${branch}`)
      await (await honest.tx.import(other.node.exportTopic(topic))).done
      await other.leave()
    }
    expect(await proofs(honest.node)).toHaveLength(16)
  })
})

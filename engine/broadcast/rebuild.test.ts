/**
 * Goal: what is left out of a compact operation is found among what could be meant, within the limit of verifications;
 * what lacks is named. Method: authors and dependencies that collide, old numbers, holes, and a count of verifications.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nativeCrypto } from '../adapters/index.js'
import { type OperationId, Topic } from '../core/index.js'
import type { Crypto } from '../ports.js'
import { encodeCompact, parseCompact } from './compact.js'
import { CODE_RANGE, dependencyCode, firstSeqNumOfCode } from './compact-lookup.js'
import { fakeId, KnownTopic, signingKeyOf, type Written, write } from './known-topic.contract.js'
import { MAX_VERIFICATIONS, type RebuildHint, rebuild } from './rebuild.js'
import { combinations } from './rebuild-dependencies.js'

const crypto = nativeCrypto({ workers: 0 })
const topic = Topic.fromHex('11'.repeat(32))
const START_US = 1_754_300_000_000_000n
const STEP_US = 45_000_000n
const me = signingKeyOf(0)
const author = me.verifyingKey

/** A log of the author that holds all up to `length` - 1. */
function logOf(length: number): KnownTopic {
  const known = new KnownTopic(crypto, topic)
  for (let seqNum = 0; seqNum < length; seqNum++) known.holdAs(author, seqNum, own(seqNum), at(seqNum))
  return known
}

const own = (seqNum: number) => fakeId(crypto, `own ${seqNum}`)
const at = (seqNum: number) => START_US + BigInt(seqNum) * STEP_US

function operation(known: KnownTopic, seqNum: number, previous?: readonly OperationId[]): Written {
  const body = new Uint8Array(20)
  const backlink = own(seqNum - 1)
  return write(crypto, known.keys, me, {
    seqNum,
    backlink,
    timestamp: at(seqNum),
    body,
    ...(previous ? { previous } : {}),
  })
}

/** @param receiver what the receiver knows, where that differs from what the sender knows */
function send(sender: KnownTopic, written: Written, receiver = sender, hint?: RebuildHint) {
  const compact = parseCompact(encodeCompact(crypto, sender.keys, written, sender))!
  let verifications = 0
  const counting: Pick<Crypto, 'hash' | 'verify'> = {
    hash: crypto.hash,
    verify: message => {
      verifications += 1
      return crypto.verify(message)
    },
  }
  const rebuilt = rebuild(compact, receiver, counting, receiver.keys, hint)
  return { rebuilt, verifications }
}

describe('the sequence number', () => {
  it('is the one nearest to the end of the log', () => {
    for (const length of [1, 2, 200, 256, 257, 600]) {
      const known = logOf(length)
      const { rebuilt, verifications } = send(known, operation(known, length))
      expect(rebuilt).toMatchObject({ type: 'rebuilt', seqNum: length })
      expect(verifications).toBe(1)
    }
  })

  it('of an old operation is found among those held and not held, at the cost of one verification', () => {
    const known = logOf(1500)
    const written = operation(known, 300)
    const lacking = logOf(1500).drop(author, 300)
    expect(send(known, written, lacking)).toMatchObject({ rebuilt: { type: 'rebuilt', seqNum: 300 }, verifications: 1 })
    expect(send(known, written)).toMatchObject({ rebuilt: { type: 'rebuilt', seqNum: 300 }, verifications: 1 })
  })

  it('comes from a hint, which must fit', () => {
    const known = logOf(20)
    const newcomer = new KnownTopic(crypto, topic)
      .know(author, -1)
      .holdAs(author, 299, own(299), at(299))
      .know(author, 5000)
    const sender = new KnownTopic(crypto, topic).holdAs(author, 299, own(299), at(299))
    const written = operation(known, 300)
    expect(send(sender, written, newcomer, { seqNum: 300 }).rebuilt).toMatchObject({ type: 'rebuilt', seqNum: 300 })
    expect(send(sender, written, newcomer, { seqNum: 301 }).rebuilt).toEqual({ type: 'failed' })
  })

  it('is missing its predecessor where that is not held', () => {
    const known = logOf(10)
    const tag = known.authors()[0]!.tag
    const missing = [{ tag, author, seqNum: 9 }]
    expect(send(known, operation(known, 10), logOf(9))).toMatchObject({
      rebuilt: { type: 'missing', missing, isStranger: false },
      verifications: 0,
    })
  })
})

describe('the author', () => {
  it('is a stranger while no key has the tag', () => {
    const known = logOf(10)
    const { rebuilt } = send(known, operation(known, 10), new KnownTopic(crypto, topic))
    expect(rebuilt).toEqual({ type: 'missing', missing: [], isStranger: true })
  })

  it('is found among those who share the tag', () => {
    const known = logOf(10)
    const tag = known.authors()[0]!.tag
    for (let index = 1; index <= 3; index++) {
      const other = signingKeyOf(index).verifyingKey
      known.know(other, -1, tag)
      for (let seqNum = 0; seqNum < 10; seqNum++)
        known.holdAs(other, seqNum, fakeId(crypto, `${index}/${seqNum}`), at(seqNum))
    }
    const { rebuilt, verifications } = send(known, operation(known, 10))
    expect(rebuilt).toMatchObject({ type: 'rebuilt', author })
    expect(verifications).toBeLessThanOrEqual(4)
  })
})

describe('dependencies', () => {
  /** So many authors with logs of so many operations, made at about the same times. */
  function crowd(authors: number, length: number): KnownTopic {
    const known = logOf(length)
    for (let index = 1; index <= authors; index++) {
      const other = signingKeyOf(index).verifyingKey
      for (let seqNum = 0; seqNum < length; seqNum++) {
        known.holdAs(other, seqNum, fakeId(crypto, `${index}/${seqNum}`), at(seqNum) - BigInt(index))
      }
    }
    return known
  }

  it('of a frontier of 64 among 300 authors are found at once', () => {
    const known = crowd(300, 60)
    const previous = Array.from({ length: 64 }, (_, index) => fakeId(crypto, `${index * 4 + 3}/59`))
    const { rebuilt, verifications } = send(known, operation(known, 60, previous))
    expect(rebuilt.type).toBe('rebuilt')
    expect(verifications).toBe(1)
  }, 20_000)

  it('that are not the newest are found among what has the same code', () => {
    const known = crowd(40, 50)
    const previous = [3, 17, 30].map(index => fakeId(crypto, `${index}/${index}`))
    const victim = known.authors().find(other => known.idOf(other.author, 17) === previous[1])!
    // Another author's newest operation under the same code as an old one: the first guess, and wrong.
    const liar = known.authors().find(other => other.author !== victim.author && other.author !== author)!
    known.know(liar.author, 49, (victim.tag + 17 - 49 + CODE_RANGE) % CODE_RANGE)
    const { rebuilt, verifications } = send(known, operation(known, 50, previous))
    expect(rebuilt.type).toBe('rebuilt')
    expect(verifications).toBe(2)
  })

  it('that are missing are named, the likely ones first', () => {
    const known = crowd(5, 10)
    const lost = fakeId(crypto, '2/7')
    const owner = signingKeyOf(2).verifyingKey
    const { tag } = known.authors().find(other => other.author === owner)!
    const written = operation(known, 10, [fakeId(crypto, '1/9'), lost])
    const receiver = crowd(5, 10).drop(owner, 7)
    const { rebuilt } = send(known, written, receiver)
    expect(rebuilt).toMatchObject({ type: 'missing', isStranger: false })
    expect(rebuilt.type === 'missing' && rebuilt.missing[0]).toEqual({ tag, author: owner, seqNum: 7 })
    const { rebuilt: again } = send(known, written, receiver.holdAs(owner, 7, lost, at(7) - 2n))
    expect(again.type).toBe('rebuilt')
  })

  it('of an author nobody introduced wait without a name', () => {
    const known = crowd(2, 10)
    const receiver = logOf(10)
    const { rebuilt } = send(known, operation(known, 10, [fakeId(crypto, '2/7')]), receiver)
    expect(rebuilt).toEqual({ type: 'missing', missing: [], isStranger: false })
  })

  it('that are all held and all wrong end within the limit', () => {
    const known = crowd(40, 20)
    const previous = Array.from({ length: 12 }, (_, index) => fakeId(crypto, `${index + 1}/19`))
    const written = operation(known, 20, previous)
    const receiver = crowd(40, 20)
    const victims = previous.map(id => known.placeOf(id)!)
    for (const { author: other } of victims) {
      const { tag } = known.authors().find(candidate => candidate.author === other)!
      receiver.holdAs(other, 19, fakeId(crypto, `wrong ${other}`), at(19))
      // A twin of each, so that there are 4096 combinations.
      const twin = signingKeyOf(1000 + victims.indexOf(victims.find(victim => victim.author === other)!)).verifyingKey
      receiver.know(twin, -1, tag).holdAs(twin, 19, fakeId(crypto, `twin ${other}`), at(19) - 5n)
    }
    const { rebuilt, verifications } = send(known, written, receiver)
    expect(rebuilt.type).not.toBe('rebuilt')
    expect(verifications).toBe(MAX_VERIFICATIONS)
  })

  it('have codes that tell the numbers of one author apart', () => {
    fc.assert(
      fc.property(fc.nat(0xffff), fc.nat(CODE_RANGE - 1), (tag, seqNum) => {
        expect(firstSeqNumOfCode(tag, dependencyCode(tag, seqNum))).toBe(seqNum)
      }),
    )
  })
})

describe('combinations', () => {
  it('come once each, and never farther from the likeliest before nearer', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 5 }), sizes => {
        const all = [...combinations(sizes.map(size => Array.from({ length: size }, (_, index) => index)))]
        expect(all).toHaveLength(sizes.reduce((product, size) => product * size, 1))
        expect(new Set(all.map(String)).size).toBe(all.length)
        const steps = all.map(choice => choice.reduce((sum, index) => sum + index, 0))
        expect(steps).toEqual([...steps].sort((a, b) => a - b))
      }),
    )
  })

  it('are none where one has no choice', () => {
    expect([...combinations([[1], []])]).toEqual([])
  })
})

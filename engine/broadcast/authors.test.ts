/**
 * Goal: one radio's knowledge of who wrote how much stays true whatever order it comes in, and stays within its bounds.
 * Method: a log of operations in memory beneath it; introductions, claims and arrivals in all orders; two authors made
 * to share a tag; each limit met and passed by one.
 */

import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { nativeCrypto } from '../adapters/index.js'
import { type OperationId, Topic, type VerifyingKey } from '../core/index.js'
import { type Author, Authors, type TopicSource } from './authors.js'
import { type CompactOperation, encodeCompact, parseCompact } from './compact.js'
import { fakeId, KnownTopic, signingKeyOf, write } from './known-topic.contract.js'
import { AUTHORS, MAX_AHEAD, PARKED_OPERATIONS } from './limits.js'
import { authorTag, longAuthorTag, topicKeys } from './topic-keys.js'

const crypto = nativeCrypto({ workers: 0 })
const keys = topicKeys(crypto, Topic.fromHex('11'.repeat(32)))
const [alice, bob] = [1, 2].map(at => signingKeyOf(at).verifyingKey) as [VerifyingKey, VerifyingKey]

/** Logs that are stored, by author: first and newest sequence number. Ids are made of the place. */
class Stored implements TopicSource {
  readonly #logs = new Map<VerifyingKey, { first: number; height: number }>()

  set(author: VerifyingKey, first: number, height: number): this {
    this.#logs.set(author, { first, height })
    return this
  }

  logs() {
    return [...this.#logs].map(([author, log]) => ({ author, ...log }))
  }

  idOf(author: VerifyingKey, seqNum: number): OperationId | null {
    const log = this.#logs.get(author)
    return log && seqNum >= log.first && seqNum <= log.height ? idAt(author, seqNum) : null
  }

  read = () => null
  timestampOf = (author: VerifyingKey, seqNum: number) => (this.idOf(author, seqNum) ? BigInt(seqNum) : null)
  placeOf = () => null
}

function idAt(author: VerifyingKey, seqNum: number): OperationId {
  return fakeId(crypto, `${author}/${seqNum}`)
}

function compactAt(seqNum: number): CompactOperation {
  const known = new KnownTopic(crypto, keys.topic).know(alice, seqNum)
  const written = write(crypto, keys, signingKeyOf(1), { seqNum, timestamp: 1n, body: Uint8Array.of(1) })
  return parseCompact(encodeCompact(crypto, keys, written, known))!
}

/** Two keys that share the short tag of the topic, found by trying: some three hundred are enough. */
function collidingKeys(): readonly [VerifyingKey, VerifyingKey] {
  const seen = new Map<number, VerifyingKey>()
  for (let at = 0; ; at++) {
    const key = signingKeyOf(at).verifyingKey
    const tag = authorTag(crypto, keys, key)
    const other = seen.get(tag)
    if (other) return [other, key]
    seen.set(tag, key)
  }
}

let stored: Stored
let authors: Authors

beforeEach(() => {
  stored = new Stored()
  authors = new Authors(crypto, keys, stored)
})

describe('who is known', () => {
  it('begins with what is stored', () => {
    authors = new Authors(crypto, keys, stored.set(alice, 3, 9))
    expect(authors.find(alice)).toMatchObject({ first: 3, height: 9, exists: 9, tag: authorTag(crypto, keys, alice) })
    expect(authors.find(bob)).toBeNull()
  })

  it('a stranger is met by tag, and what was learned of him stays when he is introduced', () => {
    const tag = authorTag(crypto, keys, alice)
    const stranger = authors.meet(tag)!
    expect(stranger.key).toBeNull()
    expect(authors.meet(tag)).toBe(stranger)
    expect(authors.strangers()).toEqual([tag])
    authors.claim(stranger, 5)
    authors.park(stranger, 2, compactAt(2))
    const introduced = authors.introduce(alice)!
    expect(introduced).toMatchObject({ key: alice, exists: 5 })
    expect([...introduced.parked.keys()]).toEqual([2])
    expect(authors.strangers()).toEqual([])
    expect(authors.all()).toEqual([introduced])
    expect(authors.introduce(alice)).toBe(introduced)
  })

  it('whoever held on to a stranger sees what becomes of him, whatever he was first named by', () => {
    const tag = authorTag(crypto, keys, alice)
    const longTag = longAuthorTag(crypto, keys, alice)
    for (const refs of [[tag], [longTag], [tag, longTag], [longTag, tag]]) {
      authors = new Authors(crypto, keys, new Stored().set(bob, 0, 1))
      const met = refs.map(ref => authors.meet(ref)!)
      for (const [at, stranger] of met.entries()) authors.claim(stranger, 3 + at)
      const known = authors.introduce(alice)!
      expect(met).toContain(known)
      expect(known).toMatchObject({ key: alice, tag, longTag, exists: 2 + refs.length })
      expect(authors.strangers()).toEqual([])
      authors.stored(known, 0, false)
      expect(authors.has(met[met.indexOf(known)]!, 0)).toBe(true)
    }
  })

  it('at most 4,096, strangers among them', () => {
    for (let tag = 0; tag < AUTHORS; tag++) expect(authors.meet(tag)).not.toBeNull()
    expect(authors.meet(AUTHORS)).toBeNull()
    expect(authors.meet(0)).not.toBeNull()
    expect(authors.introduce(signingKeyOf(9_999).verifyingKey)).toBeNull()
  })

  it('is listed by ascending reference, whatever the order of arrival', () => {
    const all = [1, 2, 3, 4, 5, 6].map(at => signingKeyOf(at).verifyingKey)
    fc.assert(
      fc.property(fc.shuffledSubarray(all, { minLength: 6 }), order => {
        const known = new Authors(crypto, keys, new Stored())
        for (const key of order) known.introduce(key)
        const refs = known.all().map(author => known.ref(author))
        expect(refs).toEqual([...refs].sort((a, b) => a - b))
        expect(known.authors().map(({ author }) => author)).toEqual([...all].sort())
      }),
      { numRuns: 30 },
    )
  })
})

describe('two authors of one tag', () => {
  const [first, second] = collidingKeys()

  it('have long references as soon as both are known, and each is found by its own alone', () => {
    const one = authors.introduce(first)!
    expect(authors.ref(one)).toBe(one.tag)
    expect(authors.byRef(one.tag)).toBe(one)
    const other = authors.introduce(second)!
    expect(other.tag).toBe(one.tag)
    expect(authors.byRef(one.tag)).toBeNull()
    expect(authors.meet(one.tag)).toBeNull()
    for (const author of [one, other]) {
      expect(authors.ref(author)).toBe(author.longTag)
      expect(authors.byRef(author.longTag)).toBe(author)
    }
    expect(authors.authorsOfTag(one.tag).map(({ author }) => author)).toEqual([first, second].sort())
  })

  it('have columns apart', () => {
    const [one, other] = [authors.introduce(first)!, authors.introduce(second)!]
    expect(authors.column(one, 0)).not.toBe(authors.column(other, 0))
  })
})

describe('what is held, missing and known to exist', () => {
  let author: Author

  beforeEach(() => {
    author = authors.introduce(alice)!
  })

  it('names holes in ascending order, as many as asked for', () => {
    authors.claim(author, 5)
    expect(authors.holes(author, 10)).toEqual([0, 1, 2, 3, 4, 5])
    expect(authors.holes(author, 2)).toEqual([0, 1])
    authors.park(author, 1, compactAt(1))
    authors.rebuilt(author, 0, idAt(alice, 0), 0n)
    expect(authors.holes(author, 10)).toEqual([2, 3, 4, 5])
    authors.stored(author, 0, false)
    expect(authors.holes(author, 10)).toEqual([2, 3, 4, 5])
    expect([0, 1, 2].map(seqNum => authors.has(author, seqNum))).toEqual([true, true, false])
  })

  it('asks for nothing more of a forked log', () => {
    authors.claim(author, 5)
    author.isForked = true
    expect(authors.holes(author, 10)).toEqual([])
  })

  it('believes claims up to a million ahead, and never goes back', () => {
    authors.claim(author, author.height + MAX_AHEAD + 1)
    expect(author.exists).toBe(-1)
    authors.claim(author, author.height + MAX_AHEAD)
    expect(author.exists).toBe(MAX_AHEAD - 1)
    authors.claim(author, 3)
    expect(author.exists).toBe(MAX_AHEAD - 1)
  })

  it('a prune moves the beginning of the log, and takes along what waited below it', () => {
    for (const seqNum of [0, 1]) authors.park(author, seqNum, compactAt(seqNum))
    authors.rebuilt(author, 2, idAt(alice, 2), 0n)
    author.failed.add(1)
    authors.stored(author, 7, true)
    expect(author).toMatchObject({ first: 7, height: 7, exists: 7 })
    expect([author.parked.size, author.ahead.size, author.failed.size, authors.parked]).toEqual([0, 0, 0, 0])
    expect(authors.placeOf(idAt(alice, 2))).toBeNull()
    authors.stored(author, 8, false)
    expect(author).toMatchObject({ first: 7, height: 8 })
  })

  it('what is on its way to the store can be named at once, and is left to the store when it is settled', () => {
    const id = idAt(alice, 0)
    authors.rebuilt(author, 0, id, 77n)
    expect(authors.idOf(alice, 0)).toBe(id)
    expect(authors.timestampOf(alice, 0)).toBe(77n)
    expect(authors.placeOf(id)).toEqual({ author: alice, seqNum: 0 })
    authors.settled(author, 0)
    expect(authors.idOf(alice, 0)).toBeNull()
    stored.set(alice, 0, 0)
    expect(authors.idOf(alice, 0)).toBe(id)
  })

  it('parks each operation once, and 2,048 in all', () => {
    const compact = compactAt(3)
    expect(authors.park(author, 3, compact)).toBe(true)
    expect(authors.park(author, 3, compact)).toBe(false)
    for (let seqNum = 4; seqNum < PARKED_OPERATIONS + 3; seqNum++)
      expect(authors.park(author, seqNum, compact)).toBe(true)
    expect(authors.parked).toBe(PARKED_OPERATIONS)
    expect(authors.park(author, PARKED_OPERATIONS + 3, compact)).toBe(false)
    authors.unpark(author, 3)
    expect(authors.park(author, PARKED_OPERATIONS + 3, compact)).toBe(true)
  })
})

describe('the digest', () => {
  it('is the same wherever the same is known to exist, whatever of it is held and in whatever order it was learned', () => {
    const logs = [1, 2, 3].map(at => ({ key: signingKeyOf(at).verifyingKey, exists: at * 2 }))
    const digests = [logs, [...logs].reverse()].map((order, turn) => {
      const known = new Authors(crypto, keys, new Stored())
      for (const { key, exists } of order) {
        const author = known.introduce(key)!
        if (turn === 0) known.claim(author, exists)
        else for (let seqNum = 0; seqNum <= exists; seqNum++) known.stored(author, seqNum, false)
      }
      return known.digest()
    })
    expect(digests[0]!.total).toBe(3 + 5 + 7)
    expect(digests[0]!.hash).toHaveLength(8)
    expect(digests[1]).toEqual(digests[0])
  })

  it('does not see who is known and wrote nothing, and sees every operation', () => {
    const empty = authors.digest()
    const author = authors.introduce(alice)!
    expect(authors.digest()).toEqual(empty)
    const hashes = [0, 1, 2].map(seqNum => {
      authors.claim(author, seqNum)
      return authors.digest().hash.join()
    })
    expect(new Set(hashes).size).toBe(3)
  })

  it('names the head of a log by the first byte of its id, where that is known', () => {
    authors = new Authors(crypto, keys, stored.set(alice, 0, 2))
    const author = authors.find(alice)!
    expect(authors.headOf(author)).toBe(Number.parseInt(idAt(alice, 2).slice(0, 2), 16))
    authors.claim(author, 3)
    expect(authors.headOf(author)).toBeNull()
    expect(authors.headOf(authors.introduce(bob)!)).toBeNull()
  })
})

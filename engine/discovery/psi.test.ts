/**
 * Goal: both sides of topic discovery speak p2panda's protocol to the byte, find exactly what they have in common, and
 * whatever a remote sends ends in a coded error at worst.
 * Method: the five recorded runs are replayed from both sides; two machines talk to each other over made-up topics; a
 * man in the middle passes on what he hears; a hostile remote sends damaged, early, wrong and oversized messages.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bytesToHex,
  concatBytes,
  encodeFrame,
  FrameDecoder,
  hexToBytes,
  idBytes,
  PostcardReader,
  PostcardWriter,
  portableCrypto,
  SigningKey,
  type Topic,
  type VerifyingKey,
} from '../core/index.js'
import type { Role } from '../ports.js'
import { DEFAULT_DISCOVERY_LIMITS as LIMITS } from './limits.js'
import { createPsi, type PsiConfig, type PsiEffect, type PsiResult, type PsiSession, stepPsi } from './psi.js'
import { encodeAliceHashes, encodeAliceSalt, encodeNodes, hashTopic, type NodeRecord } from './psi-wire.js'
import { RECORDED_RUNS, type RecordedSide } from './recorded.contract.js'
import { makeRecord, readRecord, recordToVerify, signRecord } from './records.js'

const NO_BINDING = new Uint8Array(0)
const topic = (number: number) => number.toString(16).padStart(64, '0') as Topic

function unframe(bytes: Uint8Array): Uint8Array {
  const decoder = new FrameDecoder(1 << 22)
  decoder.push(bytes)
  const frame = decoder.next()!
  decoder.finish()
  return frame
}

/** One machine with what it has said and come to. */
class Side {
  readonly session: PsiSession
  readonly written: Uint8Array[] = []
  readonly effects: PsiEffect[] = []
  result: PsiResult | null = null
  code: string | null = null
  isClosed = false
  readonly #records: readonly NodeRecord[]

  constructor(role: Role, config: Partial<PsiConfig> = {}, records: readonly NodeRecord[] = []) {
    const salt = new Uint8Array(32).fill(role === 'initiator' ? 1 : 2)
    this.session = createPsi({ topics: [], salt, binding: NO_BINDING, kind: 'iroh', limits: LIMITS, ...config, role })
    this.#records = records
    this.step({ type: 'start' })
  }

  step(input: { readonly [key: string]: unknown; readonly type: string }): void {
    for (const effect of stepPsi(this.session, { nowMs: 0, ...input } as never)) {
      this.effects.push(effect)
      if (effect.type === 'write') this.written.push(effect.bytes)
      if (effect.type === 'share') this.step({ type: 'nodes', records: this.#records })
      if (effect.type === 'finished') this.result = effect.result
      if (effect.type === 'failed') this.code = effect.error.code
      if (effect.type === 'close') this.isClosed = true
    }
  }

  hear(bytes: Uint8Array): void {
    this.step({ type: 'data', bytes })
  }

  say(message: Uint8Array): void {
    this.hear(encodeFrame(message))
  }
}

/** Lets two machines talk until neither has anything to say. */
function talk(alice: Side, bob: Side, pass: (bytes: Uint8Array) => Uint8Array = bytes => bytes): void {
  for (let heard = [0, 0]; heard[0]! < bob.written.length || heard[1]! < alice.written.length; ) {
    while (heard[1]! < alice.written.length) bob.hear(pass(alice.written[heard[1]!++]!))
    while (heard[0]! < bob.written.length) alice.hear(pass(bob.written[heard[0]!++]!))
  }
  if (bob.isClosed) alice.step({ type: 'lost' })
}

/** A message with its hashes, whose order is free, as a set. */
function parts(frame: Uint8Array): unknown {
  const message = unframe(frame)
  const variant = message[0]!
  if (variant === 0 || variant === 3) return bytesToHex(message)
  const head = variant === 1 ? 33 : 1
  const reader = new PostcardReader(message.subarray(head))
  const hashes = Array.from({ length: reader.length() }, () => bytesToHex(reader.bytes())).sort()
  return { head: bytesToHex(message.subarray(0, head)), hashes, rest: reader.remaining }
}

describe.each(RECORDED_RUNS)('recorded: $name', run => {
  const frames = run.frames.map(({ frame }) => hexToBytes(frame))
  const said = { a: run.frames.flatMap(({ from }, at) => (from === 'a' ? [frames[at]!] : [])), b: [] as Uint8Array[] }
  said.b = run.frames.flatMap(({ from }, at) => (from === 'b' ? [frames[at]!] : []))

  const recordsOf = (side: RecordedSide): readonly NodeRecord[] =>
    run.transportRecords
      .filter(({ secretKey }) => secretKey === side.secretKey)
      .map(({ nodeId, postcard }) => {
        const id = nodeId as VerifyingKey
        const read = readRecord(new PostcardReader(hexToBytes(postcard)), id, 'iroh', LIMITS)
        if ('fault' in read) throw new Error(read.fault)
        return { nodeId: id, record: read.record }
      })

  it.each([
    ['a', 'initiator'],
    ['b', 'acceptor'],
  ] as const)('%s as %s says the same and finds the same', (name, role) => {
    const own = run[name]
    const salt = (name === 'a' ? said.a : said.b)[0]!.slice(5, 37)
    const side = new Side(role, { topics: own.topics as Topic[], salt }, recordsOf(own))
    for (const frame of name === 'a' ? said.b : said.a) side.hear(frame)
    expect(side.written.map(parts)).toEqual(said[name].map(parts))
    expect([...side.result!.common].sort()).toEqual([...own.found].sort())
    expect(side.result!.records.map(({ nodeId }) => nodeId)).toEqual([...own.learned])
    for (const told of side.result!.records) {
      if ('fault' in told) throw new Error(told.fault)
      expect(portableCrypto.verify(recordToVerify(told.nodeId, told.record)!)).toBe(true)
    }
    expect(side.isClosed).toBe(role === 'acceptor')
    side.step({ type: 'lost' })
    expect([side.isClosed, side.code]).toEqual([true, null])
  })
})

describe('what is found', () => {
  it('spec/sync.md 11: hashed topics of both roles', () => {
    const salts = { alice: new Uint8Array(32).fill(1), bob: new Uint8Array(32).fill(2), binding: NO_BINDING }
    const secret = '07'.repeat(32) as Topic
    expect(hashTopic(secret, salts, 'initiator')).toBe(
      '691e2ae7ad0033b6aa14cb12facbedbed5f23f919fb145c57d69775ac6fbd3c1',
    )
    expect(hashTopic(secret, salts, 'acceptor')).toBe(
      'bf296171ffc7b27d808b1d212faa71a6c354ad7128357949f88cd973b955a9b8',
    )
  })

  it('psi topic_discovery: both find the true intersection, with and without binding', () => {
    const set = fc.uniqueArray(fc.nat(60), { maxLength: 40 })
    fc.assert(
      fc.property(set, set, fc.uint8Array({ maxLength: 64 }), (left, right, binding) => {
        const alice = new Side('initiator', { topics: left.map(topic), binding })
        const bob = new Side('acceptor', { topics: right.map(topic), binding })
        talk(alice, bob)
        const common = left.filter(number => right.includes(number)).map(topic)
        expect([...alice.result!.common].sort()).toEqual([...common].sort())
        expect([...bob.result!.common].sort()).toEqual([...common].sort())
        expect([alice.isClosed, bob.isClosed]).toEqual([true, true])
      }),
    )
  })

  it('no topic is named, and no hash comes twice in two sessions', () => {
    const topics = [topic(1), topic(2)]
    const hashes = [7, 8].map(fill => {
      const bob = new Side('acceptor', { topics, salt: new Uint8Array(32).fill(fill) })
      bob.say(encodeAliceSalt(new Uint8Array(32)))
      return bytesToHex(bob.written[0]!)
    })
    for (const said of hashes) for (const secret of topics) expect(said).not.toContain(secret)
    expect(hashes[0]!.slice(-66)).not.toBe(hashes[1]!.slice(-66))
  })

  it('what a remote sends back as it came finds nothing', () => {
    const bob = new Side('acceptor', { topics: [topic(1)] })
    bob.say(encodeAliceSalt(new Uint8Array(32).fill(1)))
    const reader = new PostcardReader(unframe(bob.written[0]!).subarray(33))
    const hashes = Array.from({ length: reader.length() }, () => bytesToHex(reader.bytes()))
    bob.say(encodeAliceHashes(new Set(hashes)))
    expect(bob.session.common).toEqual([])
  })

  it.each([
    [true, 0],
    [false, 1],
  ])('a man in the middle who passes everything on (bound: %s) makes them find %d topics', (isBound, found) => {
    const [alice, mallory, bob] = [3, 4, 5].map(
      fill => SigningKey.fromBytes(new Uint8Array(32).fill(fill)).verifyingKey,
    )
    // He holds a connection of his own to each, so each end knows him as the other.
    const binding = (...ends: (VerifyingKey | undefined)[]) =>
      isBound ? concatBytes(...ends.map(id => idBytes(id!))) : NO_BINDING
    const sideA = new Side('initiator', { topics: [topic(1)], binding: binding(alice, mallory) })
    const sideB = new Side('acceptor', { topics: [topic(1)], binding: binding(mallory, bob) })
    talk(sideA, sideB)
    expect([sideA.result!.common.length, sideB.result!.common.length]).toEqual([found, found])
  })
})

describe('a remote that does not keep to it', () => {
  const salt = encodeAliceSalt(new Uint8Array(32))

  it('psi topic_out_of_order_alice, topic_out_of_order_bob: a message that is not due', () => {
    for (const message of [encodeAliceHashes(new Set()), encodeNodes([])]) {
      const bob = new Side('acceptor')
      bob.say(message)
      expect([bob.code, bob.isClosed]).toEqual(['discovery-unexpected-message', true])
    }
    for (const message of [salt, encodeAliceHashes(new Set()), encodeNodes([])]) {
      const alice = new Side('initiator')
      alice.say(message)
      expect([alice.code, alice.isClosed]).toEqual(['discovery-unexpected-message', true])
    }
  })

  it('nothing may come before it was asked for', () => {
    const bob = new Side('acceptor')
    bob.hear(concatBytes(encodeFrame(salt), encodeFrame(encodeAliceHashes(new Set()))))
    expect(bob.code).toBe('discovery-unexpected-message')
  })

  it('bytes may come one by one', () => {
    const bob = new Side('acceptor', { topics: [topic(1)] })
    for (const byte of encodeFrame(salt)) bob.hear(Uint8Array.of(byte))
    expect([bob.session.phase, bob.code]).toEqual(['alice-hashes', null])
  })

  it.each([
    ['alice-salt', LIMITS.saltFrameBytes],
    ['alice-hashes', LIMITS.hashesFrameBytes],
    ['nodes', LIMITS.nodesFrameBytes],
  ] as const)('a frame for %s beyond its bound is refused by its length alone', (phase, limit) => {
    const announce = (length: number) =>
      new Uint8Array([length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255])
    for (const over of [0, 1]) {
      const bob = new Side('acceptor')
      if (phase !== 'alice-salt') bob.say(salt)
      if (phase === 'nodes') bob.say(encodeAliceHashes(new Set()))
      expect(bob.session.phase).toBe(phase)
      bob.hear(announce(limit + over))
      expect(bob.code).toBe(over === 0 ? null : 'frame-too-large')
    }
  })

  it('as many topics as the limit says are taken, one more is not', () => {
    const hashes = (count: number) => new Set(Array.from({ length: count }, (_, at) => topic(at)))
    for (const over of [0, 1]) {
      const bob = new Side('acceptor')
      bob.say(salt)
      bob.say(encodeAliceHashes(hashes(LIMITS.topics + over)))
      expect(bob.code).toBe(over === 0 ? null : 'discovery-too-many-topics')
    }
  })

  it('a record of an unknown transport, without a signature, or where nobody is told of', () => {
    const key = SigningKey.fromBytes(new Uint8Array(32).fill(9))
    const date = { wallUs: 1n, lamport: 0n }
    const node = (kind: 'iroh' | 'libp2p') => ({
      nodeId: key.verifyingKey,
      record: signRecord(key, makeRecord(kind, date, kind === 'iroh' ? ['1.2.3.4:5'] : ['/ip4/1.2.3.4/tcp/5'])),
    })
    const unsigned = { nodeId: key.verifyingKey, record: { ...node('iroh').record, signature: null } }
    const cases = [
      ['iroh', node('iroh'), null],
      ['iroh', node('libp2p'), 'decoding-postcard'],
      ['libp2p', node('libp2p'), null],
      ['libp2p', node('iroh'), 'decoding-postcard'],
      ['iroh', unsigned, 'decoding-postcard'],
      [null, node('libp2p'), 'decoding-postcard'],
    ] as const
    for (const [kind, record, code] of cases) {
      const bob = new Side('acceptor', { kind })
      bob.say(salt)
      bob.say(encodeAliceHashes(new Set()))
      bob.say(encodeNodes([record]))
      expect(bob.code).toBe(code)
    }
  })

  it('silence, a half-closed stream and a lost connection in each state', () => {
    for (const role of ['initiator', 'acceptor'] as const) {
      for (const [type, code] of [
        ['deadline', 'discovery-timeout'],
        ['end', 'discovery-aborted'],
        ['lost', 'discovery-aborted'],
      ] as const) {
        const side = new Side(role)
        expect(side.effects.at(-1)).toEqual({ type: 'deadline', atMs: LIMITS.stateMs })
        side.step({ type })
        expect([side.code, side.isClosed]).toEqual([code, true])
        expect(side.effects).toContainEqual({ type: 'deadline', atMs: null })
      }
    }
    const cut = new Side('acceptor')
    cut.hear(Uint8Array.of(0, 0))
    cut.step({ type: 'end' })
    expect(cut.code).toBe('frame-truncated')
  })

  it('who has all and is not left alone closes after a while, without an error', () => {
    const alice = new Side('initiator')
    const bob = new Side('acceptor')
    talk(alice, bob)
    const late = new Side('initiator')
    for (const frame of bob.written) late.hear(frame)
    expect(late.session.phase).toBe('closing')
    expect(late.effects).toContainEqual({ type: 'deadline', atMs: LIMITS.closeMs })
    late.step({ type: 'deadline' })
    expect([late.code, late.isClosed, late.result !== null]).toEqual([null, true, true])
  })

  it('damaged frames end in a coded error or in a result, and in nothing else', () => {
    const key = SigningKey.fromBytes(new Uint8Array(32).fill(9))
    const record = signRecord(
      key,
      makeRecord('iroh', { wallUs: 1n, lamport: 0n }, ['1.2.3.4:5', 'relay:https://a.org/']),
    )
    const records = [{ nodeId: key.verifyingKey, record }]
    fc.assert(
      fc.property(fc.nat(5), fc.nat(300), fc.integer({ min: 1, max: 255 }), fc.boolean(), (which, at, flip, isCut) => {
        const alice = new Side('initiator', { topics: [topic(1), topic(2)] }, records)
        const bob = new Side('acceptor', { topics: [topic(2)] }, records)
        let count = 0
        talk(alice, bob, bytes => {
          if (count++ !== which) return bytes
          const damaged = isCut ? bytes.slice(0, bytes.length - (at % bytes.length)) : bytes.slice()
          damaged[at % damaged.length]! ^= flip
          return damaged
        })
        for (const side of [alice, bob]) {
          side.step({ type: 'deadline' })
          expect(side.isClosed).toBe(true)
          expect(side.result !== null || side.code !== null).toBe(true)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('noise', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('initiator' as const, 'acceptor' as const),
        fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }),
        (role, messages) => {
          const side = new Side(role, { topics: [topic(1)] })
          for (const message of messages) side.say(message)
          side.step({ type: 'deadline' })
          expect(side.isClosed).toBe(true)
        },
      ),
    )
  })

  it('a count beyond the bytes that follow costs nothing', () => {
    const bob = new Side('acceptor')
    bob.say(salt)
    bob.say(new PostcardWriter().varint(2).varint(4_000).finish())
    expect(bob.code).toBe('decoding-postcard')
  })
})

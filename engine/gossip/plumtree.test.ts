/**
 * Goal: what is said is passed on once, over links that become a tree; what is missed is asked for; and no neighbour can
 * make a node remember, wait or answer without end.
 * Method: one machine, its inputs and effects by hand, at each limit and one past it; sequences of random inputs.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesToHex, hash, type VerifyingKey } from '../core/index.js'
import { DEFAULT_OVERLAY_LIMITS, type TreeLimits } from './overlay-limits.js'
import { MAX_ROUND, type Payload, type TreeMessage } from './overlay-wire.js'
import { PlumTree, type TreeEffect } from './plumtree.js'

const limits = DEFAULT_OVERLAY_LIMITS
const { missingMs, graftMs, lazyDispatchMs, optimisationHops, cacheMs, seenMs, evictMs } = limits
const [ANNA, BEN, CARL] = ['aa', 'bb', 'cc'].map(byte => byte.repeat(32)) as [VerifyingKey, VerifyingKey, VerifyingKey]
const NAMES = new Map([
  [ANNA, 'anna'],
  [BEN, 'ben'],
  [CARL, 'carl'],
])
const PER_FRAME = 3

function tree(changed: Partial<TreeLimits> = {}, peers: readonly VerifyingKey[] = [ANNA, BEN, CARL]): PlumTree {
  const machine = new PlumTree({ limits: { ...limits, ...changed }, announcementsPerFrame: PER_FRAME })
  for (const peer of peers) machine.neighbourUp(peer)
  return machine
}

function payload(text: string, round: number | null = 0): Payload {
  const content = new TextEncoder().encode(text)
  return { type: 'payload', id: bytesToHex(hash(content)), content, round }
}

function announce(...texts: readonly string[]): TreeMessage {
  return { type: 'announce', announcements: texts.map(text => ({ id: payload(text).id, round: 4 })) }
}

function words(effects: readonly TreeEffect[]): readonly string[] {
  return effects.map(effect =>
    effect.type === 'send'
      ? `${effect.message.type}>${NAMES.get(effect.to)}`
      : `${effect.type}<${NAMES.get(effect.from)}`,
  )
}

/** Receives a payload as a node does that finds it good. */
function take(machine: PlumTree, from: VerifyingKey, message: Payload, nowMs: number): readonly TreeEffect[] {
  const effects = machine.receive(from, message, nowMs)
  const followed = effects.flatMap(effect =>
    effect.type === 'deliver' ? machine.accept(effect.payload, effect.from, nowMs) : [],
  )
  return [...effects, ...followed]
}

describe('passing on', () => {
  it('our own goes to all at first, with round 0, and is known when it comes back', () => {
    const machine = tree()
    const effects = machine.broadcast(payload('a').content, 0)
    expect(words(effects)).toEqual(['payload>anna', 'payload>ben', 'payload>carl'])
    expect(effects[0]).toEqual({ type: 'send', to: ANNA, message: payload('a') })
    expect(words(machine.receive(BEN, payload('a', 3), 10))).toEqual(['duplicate<ben', 'prune>ben'])
  })

  it('what comes is delivered once, and passed on to the others a hop further once it is good', () => {
    const machine = tree()
    expect(words(machine.receive(ANNA, payload('a', 4), 0))).toEqual(['deliver<anna'])
    const passed = machine.accept(payload('a', 4), ANNA, 0)
    expect(words(passed)).toEqual(['payload>ben', 'payload>carl'])
    expect(passed[0]).toMatchObject({ message: { round: 5 } })
    expect(words(machine.receive(BEN, payload('a'), 5))).toEqual(['duplicate<ben', 'prune>ben'])
  })

  it('what is not found good goes nowhere, and is not delivered again', () => {
    const machine = tree()
    machine.receive(ANNA, payload('a'), 0)
    expect(machine.deadlineMs).toBe(seenMs)
    expect(words(machine.receive(BEN, { type: 'graft', id: payload('a').id, round: 0 }, 0))).toEqual([])
    expect(words(machine.receive(CARL, payload('a'), 5))).toEqual(['duplicate<carl', 'prune>carl'])
  })

  it('rounds stop at the largest that still fits', () => {
    const machine = tree()
    for (const round of [MAX_ROUND - 1, MAX_ROUND, 0xffff]) {
      const effects = take(machine, ANNA, payload(`${round}`, round), 0)
      expect(effects[1]).toMatchObject({ message: { round: MAX_ROUND } })
    }
  })

  it('what is for neighbours alone is delivered and goes no further', () => {
    expect(words(take(tree(), ANNA, payload('a', null), 0))).toEqual(['deliver<anna'])
  })

  it('an id that is not the hash is an error with a code', () => {
    const forged = { ...payload('a'), id: payload('b').id }
    expect(() => tree().receive(ANNA, forged, 0)).toThrow(expect.objectContaining({ code: 'overlay-id-mismatch' }))
  })

  it('who is no neighbour may bring news, and changes nothing in the tree', () => {
    const machine = tree({}, [BEN])
    expect(words(take(machine, ANNA, payload('a'), 0))).toEqual(['deliver<anna', 'payload>ben'])
    for (const message of [
      payload('a'),
      { type: 'prune' },
      { type: 'graft', id: payload('a').id, round: 0 },
    ] as const) {
      expect(words(machine.receive(ANNA, message, 1)).filter(word => word.endsWith('>anna'))).toEqual([])
    }
    expect(words(machine.receive(ANNA, announce('b'), 1))).toEqual([])
    expect([machine.eager, machine.lazy, machine.sizes.missing]).toEqual([[BEN], [], 0])
  })
})

describe('lazy neighbours', () => {
  it('are told ids only, those of some time together', () => {
    const machine = tree()
    machine.receive(BEN, { type: 'prune' }, 0)
    expect([machine.eager, machine.lazy]).toEqual([[ANNA, CARL], [BEN]])
    machine.broadcast(payload('a').content, 0)
    machine.broadcast(payload('b').content, 3)
    expect(machine.deadlineMs).toBe(lazyDispatchMs)
    expect(words(machine.tick(lazyDispatchMs - 1))).toEqual([])
    expect(machine.tick(lazyDispatchMs)).toEqual([
      {
        type: 'send',
        to: BEN,
        message: {
          type: 'announce',
          announcements: [
            { id: payload('a').id, round: 0 },
            { id: payload('b').id, round: 0 },
          ],
        },
      },
    ])
    expect(words(machine.tick(2 * lazyDispatchMs))).toEqual([])
  })

  it('are told in frames that fit, and the latest of too many', () => {
    const machine = tree({ announcements: 7 })
    machine.receive(BEN, { type: 'prune' }, 0)
    for (let n = 0; n < 10; n++) machine.broadcast(payload(`${n}`).content, 0)
    const sent = machine
      .tick(lazyDispatchMs)
      .flatMap(effect =>
        effect.type === 'send' && effect.message.type === 'announce' ? [effect.message.announcements] : [],
      )
    expect(sent.map(({ length }) => length)).toEqual([PER_FRAME, PER_FRAME, 1])
    expect(sent[0]![0]!.id).toBe(payload('3').id)
  })

  it('are forgotten with what they were to be told when they go', () => {
    const machine = tree()
    machine.receive(BEN, { type: 'prune' }, 0)
    machine.broadcast(payload('a').content, 0)
    machine.neighbourDown(BEN)
    expect(words(machine.tick(lazyDispatchMs))).toEqual([])
  })
})

describe('what is missing', () => {
  it('is asked for after a while, of one after the other who has it', () => {
    const machine = tree()
    machine.receive(BEN, { type: 'prune' }, 0)
    machine.receive(BEN, announce('a'), 0)
    machine.receive(CARL, announce('a'), 1)
    expect(machine.deadlineMs).toBe(missingMs)
    const asked = machine.tick(missingMs)
    expect(asked).toEqual([{ type: 'send', to: BEN, message: { type: 'graft', id: payload('a').id, round: 4 } }])
    expect(machine.eager).toContain(BEN)
    expect(words(machine.tick(missingMs + graftMs))).toEqual(['graft>carl'])
    expect(words(machine.tick(missingMs + 2 * graftMs))).toEqual([])
    expect(machine.sizes.missing).toBe(0)
  })

  it('is not asked for when it has come', () => {
    const machine = tree()
    machine.receive(BEN, announce('a'), 0)
    take(machine, ANNA, payload('a', 3), 10)
    expect(words(machine.tick(missingMs))).toEqual([])
    expect(words(machine.receive(CARL, announce('a'), 20))).toEqual([])
    expect(machine.sizes.missing).toBe(0)
  })

  it('is given to who asks, who becomes eager; not for ever, and so often only', () => {
    const machine = tree()
    machine.receive(BEN, { type: 'prune' }, 0)
    machine.broadcast(payload('a').content, 0)
    const graft = { type: 'graft', id: payload('a').id, round: 0 } as const
    expect(words(machine.receive(BEN, graft, 100))).toEqual(['payload>ben'])
    expect(machine.eager).toContain(BEN)
    expect(words(machine.receive(BEN, graft, 100))).toEqual(['payload>ben'])
    expect(words(machine.receive(BEN, graft, 100))).toEqual([])
    expect(words(machine.receive(CARL, graft, 100))).toEqual(['payload>carl'])
    expect(words(machine.receive(ANNA, graft, cacheMs))).toEqual([])
  })

  it('is not waited for by the word of who has gone', () => {
    const machine = tree()
    machine.receive(BEN, announce('a', 'b'), 0)
    machine.receive(CARL, announce('b'), 1)
    machine.neighbourDown(BEN)
    expect(words(machine.tick(missingMs))).toEqual(['graft>carl'])
  })

  it('is waited for within bounds, for all and for one', () => {
    const machine = tree({ missingIds: 5, missingIdsPerPeer: 3 })
    machine.receive(BEN, announce('1', '2', '3', '4'), 0)
    expect(machine.sizes.missing).toBe(3)
    machine.receive(CARL, announce('5', '6', '7'), 0)
    expect(machine.sizes.missing).toBe(5)
    take(machine, ANNA, payload('1'), 1)
    machine.receive(BEN, announce('8'), 2)
    expect(machine.sizes.missing).toBe(5)
  })
})

describe('a much shorter way', () => {
  it('takes the place of the one by which a message came', () => {
    const machine = tree()
    machine.receive(BEN, { type: 'prune' }, 0)
    machine.receive(BEN, announce('a'), 0)
    const effects = machine.receive(ANNA, payload('a', 4 + optimisationHops - 1), 10)
    expect(words(effects)).toEqual(['graft>ben', 'prune>anna', 'deliver<anna'])
    expect(effects[0]).toMatchObject({ message: { id: null, round: 4 } })
    expect([machine.eager, machine.lazy]).toEqual([[BEN, CARL], [ANNA]])
  })

  it('does not when it is a hop too long', () => {
    const machine = tree()
    machine.receive(BEN, announce('a'), 0)
    expect(words(machine.receive(ANNA, payload('a', 4 + optimisationHops - 2), 10))).toEqual(['deliver<anna'])
  })
})

describe('memory', () => {
  it('of messages and of ids ends with their time', () => {
    const machine = tree()
    machine.broadcast(payload('a').content, 100)
    expect(machine.deadlineMs).toBe(Math.ceil((100 + cacheMs) / evictMs) * evictMs)
    machine.tick(machine.deadlineMs)
    expect(machine.sizes).toMatchObject({ cached: 0, bytes: 0, seen: 1 })
    machine.tick(machine.deadlineMs)
    expect(machine.sizes.seen).toBe(0)
    expect(machine.deadlineMs).toBe(Number.POSITIVE_INFINITY)
    expect(words(machine.receive(BEN, payload('a'), 200_000)), 'it is news again').toEqual(['deliver<ben'])
  })

  it('of messages is bounded in number and in bytes, of ids in number', () => {
    const machine = tree({ cachedMessages: 3, cachedBytes: 10, seenIds: 5 })
    for (let n = 0; n < 4; n++) machine.broadcast(payload(`${n}`).content, n)
    expect(machine.sizes).toMatchObject({ cached: 3, bytes: 3, seen: 4 })
    machine.broadcast(payload('nine bytes').content.subarray(0, 9), 5)
    expect(machine.sizes).toMatchObject({ cached: 2, bytes: 10 })
    for (let n = 10; n < 20; n++) machine.broadcast(payload(`${n}`).content, n)
    expect(machine.sizes.seen).toBe(5)
    expect(words(machine.receive(ANNA, { type: 'graft', id: payload('0').id, round: 0 }, 20))).toEqual([])
  })
})

it('a neighbour that comes twice is one, and starts eager again when it came back', () => {
  const machine = tree()
  machine.receive(BEN, { type: 'prune' }, 0)
  machine.neighbourUp(BEN)
  expect(machine.lazy).toEqual([BEN])
  machine.neighbourDown(BEN)
  machine.neighbourDown(BEN)
  machine.neighbourUp(BEN)
  expect(machine.eager).toEqual([ANNA, BEN, CARL])
})

it('delivers each message once, answers neighbours alone and keeps its bounds, whatever comes', () => {
  const small: Partial<TreeLimits> = {
    cachedMessages: 4,
    seenIds: 50,
    missingIds: 6,
    missingIdsPerPeer: 4,
    announcements: 5,
  }
  const peer = fc.constantFrom(ANNA, BEN, CARL)
  const text = fc.nat(12).map(number => `${number}`)
  const round = fc.nat(20)
  const message: fc.Arbitrary<TreeMessage> = fc.oneof(
    fc.tuple(text, round).map(([said, hops]) => payload(said, hops)),
    fc.array(text, { maxLength: 6 }).map(texts => announce(...texts)),
    fc.constant({ type: 'prune' } as const),
    text.map(asked => ({ type: 'graft', id: payload(asked).id, round: 1 }) as const),
  )
  const input = fc.oneof(
    { weight: 8, arbitrary: fc.record({ from: peer, message }) },
    fc.record({ changed: peer, isUp: fc.boolean() }),
    fc.record({ passMs: fc.nat(100) }),
    fc.record({ said: text }),
  )
  fc.assert(
    fc.property(fc.array(input, { maxLength: 120 }), inputs => {
      const machine = tree(small, [])
      const up = new Set<VerifyingKey>()
      const delivered = new Set<string>()
      let nowMs = 0
      const check = (effects: readonly TreeEffect[]): void => {
        for (const effect of effects) {
          if (effect.type === 'send') expect(up).toContain(effect.to)
          if (effect.type !== 'deliver') continue
          expect(delivered).not.toContain(effect.payload.id)
          delivered.add(effect.payload.id)
        }
      }
      for (const step of inputs) {
        if ('message' in step) {
          const { from } = step
          if (step.message.type === 'payload') check(take(machine, from, step.message, nowMs))
          else check(machine.receive(from, step.message, nowMs))
        } else if ('passMs' in step) {
          nowMs += step.passMs
          check(machine.tick(nowMs))
          expect(machine.deadlineMs).toBeGreaterThan(nowMs)
        } else if ('said' in step) {
          delivered.add(payload(step.said).id)
          check(machine.broadcast(payload(step.said).content, nowMs))
        } else if (step.isUp) {
          up.add(step.changed)
          machine.neighbourUp(step.changed)
        } else {
          up.delete(step.changed)
          machine.neighbourDown(step.changed)
        }
        expect([...machine.eager, ...machine.lazy].sort()).toEqual([...up].sort())
        expect(machine.sizes.cached).toBeLessThanOrEqual(4)
        expect(machine.sizes.missing).toBeLessThanOrEqual(6)
      }
    }),
    { numRuns: 100 },
  )
})

/**
 * Goal: who is whose neighbour follows the rules of HyParView and of iroh-gossip, whatever comes in whatever order, and
 * no view or memory grows beyond its bound.
 * Method: one machine, its inputs and effects by hand; two machines that talk; sequences of random inputs.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { VerifyingKey } from '../core/index.js'
import { HyParView, type MembershipEffect } from './hyparview.js'
import { DEFAULT_OVERLAY_LIMITS } from './overlay-limits.js'
import type { MembershipMessage, PeerInfo } from './overlay-wire.js'

const limits = DEFAULT_OVERLAY_LIMITS
const { neighbourTimeoutMs, refusalRestMs, shuffleIntervalMs, joinWalkHops, passiveWalkHops } = limits

function id(number: number): VerifyingKey {
  return number.toString(16).padStart(64, '0') as VerifyingKey
}

function info(number: number, data: Uint8Array | null = null): PeerInfo {
  return { peer: id(number), data }
}

function machine(number = 0, chance: () => number = () => 0): HyParView {
  return new HyParView({ id: id(number), chance, limits, peerData: () => null, nowMs: 0 })
}

function full(count: number): HyParView {
  const view = machine()
  for (let n = 1; n <= count; n++) view.receive(id(n), { type: 'neighbour', priority: 'high', data: null }, 0)
  // Their answers to our answers are not awaited any more.
  view.tick(neighbourTimeoutMs)
  return view
}

/** Short words for effects, without news of who was heard of. */
function words(effects: readonly MembershipEffect[]): readonly string[] {
  return effects.flatMap(effect => {
    switch (effect.type) {
      case 'send':
        return [`${effect.message.type}>${Number.parseInt(effect.to, 16)}`]
      case 'neighbour-up':
        return [`+${Number.parseInt(effect.peer, 16)}`]
      case 'neighbour-down':
        return [`-${Number.parseInt(effect.peer, 16)}`]
      default:
        return []
    }
  })
}

function sent(effects: readonly MembershipEffect[], to: number): readonly MembershipMessage[] {
  return effects.flatMap(effect => (effect.type === 'send' && effect.to === id(to) ? [effect.message] : []))
}

const HIGH = { type: 'neighbour', priority: 'high', data: null } as const
const LOW = { type: 'neighbour', priority: 'low', data: null } as const
const JOIN = { type: 'join', data: null } as const

describe('joining', () => {
  it('takes three messages: join, request, answer', () => {
    const [contact, joiner] = [machine(1), machine(2)]
    const join = joiner.join(id(1))
    expect(words(join)).toEqual(['join>1'])
    const request = contact.receive(id(2), JOIN, 0)
    expect(words(request)).toEqual(['+2', 'neighbour>2'])
    const answer = joiner.receive(id(1), sent(request, 2)[0]!, 0)
    expect(words(answer)).toEqual(['+1', 'neighbour>1'])
    expect(words(contact.receive(id(2), sent(answer, 1)[0]!, 0))).toEqual([])
    expect([contact.active, joiner.active]).toEqual([[id(2)], [id(1)]])
  })

  it('is told to all other neighbours, who send it on its walk', () => {
    const view = full(3)
    const effects = view.receive(id(9), JOIN, 1_000)
    expect(words(effects)).toEqual(['+9', 'neighbour>9', 'forward-join>1', 'forward-join>2', 'forward-join>3'])
    expect(sent(effects, 1)[0]).toEqual({ type: 'forward-join', joining: info(9), ttl: joinWalkHops })
  })

  it('makes room by dropping one at random, who is told some peers and stays known', () => {
    const view = full(5)
    const effects = view.receive(id(9), JOIN, 1_000)
    expect(words(effects).slice(0, 4)).toEqual(['-1', 'shuffle-reply>1', 'disconnect>1', '+9'])
    expect(sent(effects, 1)[1]).toEqual({ type: 'disconnect', isAlive: true })
    expect([view.active.length, view.passive]).toEqual([5, [id(1)]])
  })

  it('again, by a neighbour that has started anew, is answered', () => {
    const view = full(2)
    expect(words(view.receive(id(1), JOIN, 10))).toEqual(['neighbour>1', 'forward-join>2'])
  })

  it('by oneself is nothing', () => {
    const view = machine(0)
    expect(words(view.join(id(0)))).toEqual([])
    expect(words(view.receive(id(0), JOIN, 0))).toEqual([])
    expect(words(view.receive(id(0), HIGH, 0))).toEqual([])
  })
})

describe('the walk of a joining node', () => {
  it('ends where there is one neighbour, or no hop left', () => {
    expect(words(full(1).receive(id(1), { type: 'forward-join', joining: info(9), ttl: 4 }, 1_000))).toEqual([
      'neighbour>9',
    ])
    const view = full(3)
    expect(words(view.receive(id(1), { type: 'forward-join', joining: info(9), ttl: 0 }, 1_000))).toEqual([
      'neighbour>9',
    ])
    expect(view.active, 'not before it has answered').not.toContain(id(9))
  })

  it('goes on to another than the sender, with a hop less and no more than there may be', () => {
    const view = full(3)
    const effects = view.receive(id(1), { type: 'forward-join', joining: info(9), ttl: 60_000 }, 1_000)
    expect(sent(effects, 2)).toEqual([{ type: 'forward-join', joining: info(9), ttl: joinWalkHops - 1 }])
    expect(view.passive).toEqual([])
  })

  it('leaves it remembered on the way', () => {
    const view = full(3)
    view.receive(id(1), { type: 'forward-join', joining: info(9), ttl: passiveWalkHops }, 1_000)
    expect(view.passive).toEqual([id(9)])
  })

  it('is no business of who is no neighbour', () => {
    const view = full(3)
    const effects = view.receive(id(7), { type: 'forward-join', joining: info(9), ttl: 0 }, 1_000)
    expect(words(effects)).toEqual(['disconnect>7'])
  })

  it('tells a neighbour that joins anew that it still is one', () => {
    const view = full(3)
    expect(words(view.receive(id(1), { type: 'forward-join', joining: info(2), ttl: 3 }, 1_000))).toEqual([
      'neighbour>2',
    ])
  })
})

it('a walk that ends at a full node makes it remember the new one; some of those take it on', () => {
  const walked = { type: 'forward-join', joining: info(9), ttl: 0 } as const
  for (const drawn of [0, limits.adoptionShare]) {
    let chance = 0.5
    const view = machine(0, () => chance)
    for (let n = 1; n <= 5; n++) view.receive(id(n), HIGH, 0)
    view.tick(neighbourTimeoutMs)
    chance = drawn
    const effects = view.receive(id(1), walked, 10_000)
    expect(words(effects)).toEqual(drawn === 0 ? ['neighbour>9'] : [])
    expect(view.passive).toEqual(drawn === 0 ? [] : [id(9)])
  }
})

it('who is pushed out asks the one that took its place, so that both have what the broken link gave them', () => {
  const contact = full(5)
  const goodbye = sent(contact.receive(id(9), JOIN, 10_000), 1)
  const left = machine(1)
  left.receive(id(0), HIGH, 0)
  left.receive(id(7), HIGH, 0)
  left.tick(neighbourTimeoutMs)
  left.offer([id(20), id(21), id(22)], 1_000)
  left.receive(id(20), { type: 'disconnect', isAlive: true }, 1_100)
  expect(words(left.receive(id(0), goodbye[0]!, 10_000)), 'there is room for another one anyway').toEqual([
    'neighbour>21',
  ])
  expect(words(left.receive(id(0), goodbye[1]!, 10_000))).toEqual(['-0', 'neighbour>9'])
})

describe('asking to be neighbours', () => {
  it('at low priority is refused where there is no room, kindly', () => {
    const view = full(5)
    const effects = view.receive(id(9), LOW, 1_000)
    expect(words(effects)).toEqual(['shuffle-reply>9', 'disconnect>9'])
    expect(sent(effects, 9)[1]).toEqual({ type: 'disconnect', isAlive: true })
    expect(view.passive).toEqual([])
  })

  it('at high priority never is', () => {
    const view = full(5)
    expect(words(view.receive(id(9), HIGH, 1_000))).toEqual([
      '-1',
      'shuffle-reply>1',
      'disconnect>1',
      '+9',
      'neighbour>9',
    ])
  })

  it('is high only for who has no neighbour', () => {
    const alone = machine()
    expect(sent(alone.offer([id(1)], 0), 1)).toEqual([HIGH])
    const view = full(2)
    expect(sent(view.offer([id(7)], 1_000), 7)).toEqual([LOW])
  })

  it('that is not answered in time makes it forgotten, and the next one asked', () => {
    const view = machine()
    expect(words(view.offer([id(1), id(2)], 0))).toEqual(['neighbour>1'])
    expect(view.deadlineMs).toBe(neighbourTimeoutMs)
    expect(words(view.tick(neighbourTimeoutMs - 1))).toEqual([])
    expect(words(view.tick(neighbourTimeoutMs))).toEqual(['neighbour>2'])
    expect(view.passive).toEqual([id(2)])
    expect(words(view.receive(id(1), HIGH, 2 * neighbourTimeoutMs)), 'late is a request').toContain('neighbour>1')
  })

  it('that is refused is not tried again for a while, except in need', () => {
    const view = full(4)
    expect(words(view.offer([id(9)], 1_000))).toEqual(['neighbour>9'])
    view.receive(id(9), { type: 'disconnect', isAlive: true }, 1_100)
    expect(words(view.offer([], 1_200))).toEqual([])
    expect(words(view.offer([], 1_100 + refusalRestMs))).toEqual(['neighbour>9'])
    const alone = machine()
    alone.offer([id(9)], 0)
    alone.receive(id(9), { type: 'disconnect', isAlive: true }, 10)
    expect(words(alone.offer([], 20))).toEqual(['neighbour>9'])
  })

  it('crosses with a request of the other: both are neighbours, and nothing goes on for ever', () => {
    const [left, right] = [machine(1), machine(2)]
    const toRight = sent(left.offer([id(2)], 0), 2)
    const toLeft = sent(right.offer([id(1)], 0), 1)
    expect(words(left.receive(id(2), toLeft[0]!, 1))).toEqual(['+2'])
    expect(words(right.receive(id(1), toRight[0]!, 1))).toEqual(['+1'])
  })
})

it('changes neighbours for others only so often: joins walk on without, requests are refused', () => {
  const view = full(5)
  for (let n = 0; n < limits.evictionsAtOnce; n++) {
    expect(words(view.receive(id(100 + n), JOIN, 10_000))).toContain(`+${100 + n}`)
  }
  expect(words(view.receive(id(200), JOIN, 10_000))).toEqual(
    view.active.map(peer => `forward-join>${Number.parseInt(peer, 16)}`),
  )
  expect(words(view.receive(id(201), HIGH, 10_000))).toEqual(['shuffle-reply>201', 'disconnect>201'])
  expect(words(view.receive(id(202), HIGH, 10_000 + 1_000 / limits.evictionsPerSecond))).toContain('+202')
})

it('asks no more peers at a time than there may be', () => {
  const view = full(2)
  let asked = 0
  for (let n = 0; n < 2 * limits.requestsAtOnce; n++) {
    asked += words(view.receive(id(1), { type: 'forward-join', joining: info(100 + n), ttl: 0 }, 10_000)).length
  }
  expect(asked).toBe(limits.requestsAtOnce)
  view.tick(10_000 + neighbourTimeoutMs)
  expect(words(view.receive(id(1), { type: 'forward-join', joining: info(99), ttl: 0 }, 20_000))).toEqual([
    'neighbour>99',
  ])
})

it('greets a stranger in the place of a neighbour', () => {
  const view = full(5)
  expect(sent(view.greet(id(9), 1_000), 9)).toEqual([HIGH])
  expect(words(view.receive(id(9), HIGH, 1_100))).toEqual(['-1', 'shuffle-reply>1', 'disconnect>1', '+9'])
  expect(words(view.greet(id(0), 1_200))).toEqual([])
})

describe('losing neighbours', () => {
  it('one that fails is forgotten and another one asked', () => {
    const view = full(3)
    view.offer([id(8), id(9)], 1_000)
    view.receive(id(8), { type: 'disconnect', isAlive: true }, 1_100)
    expect(words(view.disconnected(id(1), true, 1_200))).toEqual(['-1', 'neighbour>9'])
    expect(view.passive).not.toContain(id(1))
  })

  it('one that says it stays in the topic is remembered, one that leaves is not', () => {
    const view = full(3)
    view.receive(id(1), { type: 'disconnect', isAlive: true }, 1_000)
    view.receive(id(2), { type: 'disconnect', isAlive: false }, 1_000)
    expect([view.active, view.passive]).toEqual([[id(3)], [id(1)]])
  })

  it('all are told when we leave', () => {
    const view = full(2)
    const effects = view.quit()
    expect(words(effects)).toEqual(['-1', 'shuffle-reply>1', 'disconnect>1', '-2', 'shuffle-reply>2', 'disconnect>2'])
    expect(sent(effects, 2)[1]).toEqual({ type: 'disconnect', isAlive: false })
    expect(view.holds(id(1))).toBe(false)
  })
})

describe('shuffles', () => {
  it('are due within half and one and a half intervals, to one neighbour, with us among the peers', () => {
    for (const drawn of [0, 0.999]) {
      const view = machine(0, () => drawn)
      expect(view.deadlineMs).toBeCloseTo(shuffleIntervalMs * (0.5 + drawn))
    }
    const view = full(5)
    view.offer(
      Array.from({ length: 6 }, (_, n) => id(20 + n)),
      1_000,
    )
    const effects = view.tick(shuffleIntervalMs)
    const shuffle = effects.flatMap(effect =>
      effect.type === 'send' && effect.message.type === 'shuffle' ? [effect.message] : [],
    )
    expect(shuffle.length).toBe(1)
    expect(shuffle[0]).toMatchObject({ origin: id(0), ttl: 6 })
    expect(shuffle[0]!.peers.length).toBe(1 + limits.shuffleActive + limits.shufflePassive)
    expect(shuffle[0]!.peers[0]).toEqual(info(0))
  })

  it('walk on to others than sender and origin, and are answered at the end with as many', () => {
    const view = full(4)
    const peers = [info(9), info(20), info(21)]
    const walking = view.receive(id(1), { type: 'shuffle', origin: id(2), peers, ttl: 3 }, 1_000)
    expect(sent(walking, 3)).toEqual([{ type: 'shuffle', origin: id(2), peers, ttl: 2 }])
    expect(view.passive).toEqual([])
    const ended = view.receive(id(1), { type: 'shuffle', origin: id(9), peers, ttl: 0 }, 1_000)
    expect(view.passive).toEqual([id(9), id(20), id(21)])
    const reply = sent(ended, 9)[0]!
    expect(reply.type === 'shuffle-reply' && reply.peers.map(({ peer }) => peer)).toEqual([id(1), id(4), id(3)])
  })

  it('of our own that come back are dropped', () => {
    const view = full(3)
    expect(words(view.receive(id(1), { type: 'shuffle', origin: id(0), peers: [info(9)], ttl: 0 }, 1_000))).toEqual([])
    expect(view.passive).toEqual([])
  })

  it('are answered by strangers only when we asked, and once', () => {
    const view = full(5)
    view.receive(id(9), { type: 'shuffle-reply', peers: [info(30)] }, 1_000)
    expect(view.passive).toEqual([])
    view.tick(2 * shuffleIntervalMs)
    view.receive(id(9), { type: 'shuffle-reply', peers: [info(31)] }, 2 * shuffleIntervalMs + 100)
    view.receive(id(9), { type: 'shuffle-reply', peers: [info(32)] }, 2 * shuffleIntervalMs + 200)
    expect(view.passive).toEqual([id(31)])
  })

  it('bring no more peers than one may tell, and the view stays within its bound', () => {
    const view = full(1)
    const many = Array.from({ length: 100 }, (_, n) => info(100 + n))
    view.receive(id(1), { type: 'shuffle-reply', peers: many }, 1_000)
    expect(view.passive.length).toBe(limits.peersPerMessage)
    for (let n = 0; n < 10; n++) {
      const others = Array.from({ length: 16 }, (_, m) => info(1_000 + 16 * n + m))
      view.receive(id(1), { type: 'shuffle-reply', peers: others }, 1_000)
    }
    expect(view.passive.length).toBe(limits.passiveView)
  })
})

describe('what peers say of their addresses', () => {
  it('is told once until it changes, and passed on', () => {
    const view = full(2)
    const first = view.receive(id(9), { type: 'join', data: Uint8Array.of(1) }, 0)
    expect(first).toContainEqual({ type: 'peer-data', peer: id(9), data: Uint8Array.of(1) })
    expect(sent(first, 1)[0]).toMatchObject({ joining: info(9, Uint8Array.of(1)) })
    const again = view.receive(id(9), { type: 'join', data: Uint8Array.of(1) }, 0)
    expect(again.some(({ type }) => type === 'peer-data')).toBe(false)
    const other = view.receive(id(9), { type: 'join', data: Uint8Array.of(2) }, 0)
    expect(other).toContainEqual({ type: 'peer-data', peer: id(9), data: Uint8Array.of(2) })
  })

  it('is ignored beyond the limit, and cut where a shuffle would not fit a frame', () => {
    const view = full(2)
    const large = new Uint8Array(limits.peerDataBytes).fill(1)
    const tooLarge = new Uint8Array(limits.peerDataBytes + 1)
    expect(view.receive(id(9), { type: 'join', data: tooLarge }, 0).some(({ type }) => type === 'peer-data')).toBe(
      false,
    )
    const peers = Array.from({ length: 8 }, (_, n) => info(20 + n, large))
    const walking = view.receive(id(1), { type: 'shuffle', origin: id(8), peers, ttl: 3 }, 1_000)
    const told = sent(walking, 2)[0]!
    expect(told.type === 'shuffle' && told.peers.map(({ data }) => data !== null)).toEqual([
      ...[true, true, true],
      ...[false, false, false, false, false],
    ])
  })
})

it('keeps its bounds, and never holds one peer in both views or itself in any, whatever comes', () => {
  const peer = fc.integer({ min: 0, max: 120 })
  const data = fc.option(fc.uint8Array({ minLength: 1, maxLength: 3 }))
  const told = fc.tuple(peer, data).map(([number, said]) => info(number, said))
  const peers = fc.array(told, { maxLength: 20 })
  const message: fc.Arbitrary<MembershipMessage> = fc.oneof(
    data.map(said => ({ type: 'join', data: said }) as const),
    fc.constantFrom(HIGH, LOW),
    fc.boolean().map(isAlive => ({ type: 'disconnect', isAlive }) as const),
    peers.map(all => ({ type: 'shuffle-reply', peers: all }) as const),
    fc.tuple(told, fc.nat(8)).map(([joining, ttl]) => ({ type: 'forward-join', joining, ttl }) as const),
    fc
      .tuple(peer, peers, fc.nat(8))
      .map(([of, all, ttl]) => ({ type: 'shuffle', origin: id(of), peers: all, ttl }) as const),
  )
  const input = fc.oneof(
    { weight: 8, arbitrary: fc.tuple(peer, message).map(([from, said]) => ({ from, said }) as const) },
    fc.tuple(peer, fc.boolean()).map(([lost, hasFailed]) => ({ lost, hasFailed }) as const),
    fc.integer({ min: 0, max: 70_000 }).map(passMs => ({ passMs }) as const),
  )
  fc.assert(
    fc.property(
      fc.array(input, { maxLength: 150 }),
      fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
      (inputs, draws) => {
        const view = machine(0, () => draws.next().value)
        const up = new Set<VerifyingKey>()
        let nowMs = 0
        for (const step of inputs) {
          let effects: readonly MembershipEffect[]
          if ('said' in step) effects = view.receive(id(step.from), step.said, nowMs)
          else if ('lost' in step) effects = view.disconnected(id(step.lost), step.hasFailed, nowMs)
          else {
            nowMs += step.passMs
            effects = view.tick(nowMs)
            expect(view.deadlineMs).toBeGreaterThan(nowMs)
          }
          for (const effect of effects) {
            if (effect.type === 'neighbour-up') up.add(effect.peer)
            if (effect.type === 'neighbour-down') up.delete(effect.peer)
            if (effect.type === 'send') expect(effect.to).not.toBe(id(0))
          }
          expect([...up].sort()).toEqual([...view.active].sort())
          expect(view.active.length).toBeLessThanOrEqual(limits.activeView)
          expect(view.passive.length).toBeLessThanOrEqual(limits.passiveView)
          expect(view.sizes.data).toBeLessThanOrEqual(
            limits.activeView + limits.passiveView + limits.requestsAtOnce + 1,
          )
          expect(view.sizes.resting).toBeLessThanOrEqual(limits.passiveView)
          const all = [...view.active, ...view.passive]
          expect(new Set(all).size).toBe(all.length)
          expect(all).not.toContain(id(0))
        }
      },
    ),
    { numRuns: 100 },
  )
})

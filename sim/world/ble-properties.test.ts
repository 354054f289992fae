/**
 * Goal: whatever happens to nodes with BLE radios, their links keep their rules: bounded, only between nodes that run,
 * found and lost in turn; and when it is over everybody who can be linked is.
 * Method: random moves, blocks, deaths, ends and boots of five nodes with three places each; then a calm in one spot.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { VerifyingKey } from '../../engine/core/index.js'
import type { Connection, Transport, TransportHost } from '../../engine/ports.js'
import { createKernel, WORLD } from '../kernel/index.js'
import type { BleSpec } from '../radio/index.js'
import { createBleConnections } from './ble-connections.js'

const NODES = 5
const PLACES = 3
const IDS = Array.from({ length: NODES }, (_, node) => `${node}${node}`.repeat(32) as VerifyingKey)

const SPEC: BleSpec = {
  name: 'edge',
  phy: '1M',
  intervalMs: 100,
  windowMs: 30,
  powerDbm: 0,
  loss: 0.02,
  propagation: {
    model: 'log-distance',
    exponent: 2.5,
    sigmaDb: 2,
    referenceM: 1,
    lossAtReferenceDb: 40,
    environment: 'suburban',
  },
}

type Step =
  | { readonly type: 'pass'; readonly ms: number }
  | { readonly type: 'place'; readonly node: number; readonly xM: number }
  | { readonly type: 'block'; readonly node: number }
  | { readonly type: 'unblock' }
  | { readonly type: 'die'; readonly node: number; readonly exit: 'power' | 'clean' }
  | { readonly type: 'stop' | 'start' | 'talk'; readonly node: number }

const anyNode = fc.nat(NODES - 1)
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 90_000 }) }),
  fc.record({ type: fc.constant('place' as const), node: anyNode, xM: fc.integer({ min: 0, max: 600 }) }),
  fc.record({ type: fc.constant('block' as const), node: anyNode }),
  fc.record({ type: fc.constant('unblock' as const) }),
  fc.record({
    type: fc.constant('die' as const),
    node: anyNode,
    exit: fc.constantFrom('power' as const, 'clean' as const),
  }),
  fc.record({ type: fc.constantFrom('stop' as const, 'start' as const, 'talk' as const), node: anyNode }),
)

/** One boot of a node: what it knows of its peers. */
class Host implements TransportHost {
  readonly id: VerifyingKey
  readonly networkId = new Uint8Array(32)
  readonly known = new Set<VerifyingKey>()
  isGone = false

  constructor(node: number) {
    this.id = IDS[node]!
  }

  peerFound(peer: VerifyingKey): void {
    expect(this.isGone, 'nothing is called of what is gone').toBe(false)
    this.known.add(peer)
  }

  peerLost(peer: VerifyingKey): void {
    expect(this.isGone, 'nothing is called of what is gone').toBe(false)
    this.known.delete(peer)
  }

  accept(connection: Connection): void {
    connection.onStream(stream => stream.onData(() => {}))
  }
}

function play(seed: number, steps: readonly Step[]): string {
  const kernel = createKernel({ seed })
  const ble = createBleConnections({
    kernel,
    ids: IDS,
    spec: SPEC,
    maxConnections: PLACES,
    nodes: IDS.map((_, node) => ({
      node,
      name: `n${node}`,
      at: { xM: node * 60, yM: 0 },
      move: [],
      antenna: { gainDb: 0, heightM: 1 },
    })),
  })
  const boots: { host: Host; transport: Transport; isUp: boolean }[] = []
  const boot = (node: number): void => {
    const host = new Host(node)
    boots[node] = { host, transport: ble.transport(node), isUp: true }
    boots[node].transport.start(host)
  }
  const check = (): void => {
    for (const node of IDS.keys()) {
      const linked = [...IDS.keys()].filter(other => other !== node && ble.isLinked(node, other))
      expect(linked.length).toBeLessThanOrEqual(PLACES)
    }
  }
  const pass = (ms: number): void => {
    kernel.schedule(ms * 1_000, 'test', WORLD, () => {})
    kernel.run({ untilUs: kernel.nowUs + ms * 1_000 })
    check()
  }
  for (const node of IDS.keys()) boot(node)
  const unblocks: (() => void)[] = []
  for (const doing of steps) {
    if (doing.type === 'pass') {
      pass(doing.ms)
      continue
    }
    // As a world would: in a turn of its own.
    kernel.schedule(0, 'test', WORLD, () => {
      if (doing.type === 'unblock') unblocks.pop()?.()
      else if (doing.type === 'block') unblocks.push(ble.block((from, to) => from === doing.node || to === 0))
      else if (doing.type === 'place') ble.place(doing.node, { xM: doing.xM, yM: 0 })
      else {
        const life = boots[doing.node]!
        if (doing.type === 'start' && !life.isUp) {
          // What was stopped and not killed is gone by the time of the next boot.
          if (!life.host.isGone) ble.die(doing.node, 'clean')
          life.host.isGone = true
          boot(doing.node)
        } else if (doing.type === 'stop' && life.isUp) {
          life.isUp = false
          life.transport.stop()
        } else if (doing.type === 'die') {
          life.isUp = false
          life.host.isGone = true
          ble.die(doing.node, doing.exit)
        } else if (doing.type === 'talk' && life.isUp) {
          for (const peer of life.host.known) {
            life.transport.dial(peer, 'p', connection => connection?.openBi().write(new Uint8Array(3_000)))
          }
        }
      }
    })
    pass(1)
  }
  for (const unblock of unblocks) unblock()
  for (const [node, life] of boots.entries()) {
    ble.place(node, { xM: node, yM: 0 })
    if (life.isUp) continue
    if (!life.host.isGone) ble.die(node, 'clean')
    life.host.isGone = true
    boot(node)
  }
  pass(120_000)
  const linkedTo = (node: number): VerifyingKey[] =>
    IDS.filter((_, other) => other !== node && ble.isLinked(node, other))
  const knownTo = (node: number): VerifyingKey[] => [...boots[node]!.host.known].sort()
  const isTold = (node: number): boolean => String(linkedTo(node)) === String(knownTo(node))
  // A crowd keeps changing; of a link that is new the two are told an interval later.
  if (![...IDS.keys()].every(isTold)) pass(100)
  for (const node of IDS.keys()) {
    expect(linkedTo(node).length, 'everybody has a link').toBeGreaterThan(0)
    expect(knownTo(node), 'who is linked is known').toEqual(linkedTo(node))
  }
  const { frames, receptions, losses } = ble.account()
  expect(receptions + losses.weak + losses.random).toBe(frames)
  return kernel.fingerprint()
}

describe('BLE connections under random events', () => {
  it('keep their rules, and everybody is linked once it is calm', () => {
    fc.assert(
      fc.property(fc.nat(1_000), fc.array(step, { maxLength: 40 }), (seed, steps) => {
        play(seed, steps)
      }),
      { numRuns: 200 },
    )
  })

  it('repeat bit for bit', () => {
    fc.assert(
      fc.property(fc.nat(1_000), fc.array(step, { maxLength: 20 }), (seed, steps) => {
        expect(play(seed, steps)).toBe(play(seed, steps))
      }),
      { numRuns: 10 },
    )
  })
})

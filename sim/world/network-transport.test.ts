/**
 * Goal: whoever has learnt an address can dial it and nobody else can; faults hold for links that are laid while they
 * last; what is idle costs nothing; and a run repeats bit for bit.
 * Method: a few nodes with hosts that write down what they hear and when, on a network with round figures.
 */

import { describe, expect, it } from 'vitest'
import { isThicketError, type VerifyingKey } from '../../engine/core/index.js'
import type { AddressedHost, Connection, PeerOrigin, Transport, TransportHost } from '../../engine/ports.js'
import { NetworkFaults } from '../faults/index.js'
import { createKernel, type Kernel, WORLD } from '../kernel/index.js'
import { createNetwork, type LinkConditions, type Network } from './links.js'

const NETWORK_ID = new Uint8Array(32)
const idOf = (index: number) => index.toString(16).padStart(64, '0') as VerifyingKey
const short = (id: VerifyingKey) => Number.parseInt(id, 16)

class Node implements TransportHost {
  readonly id: VerifyingKey
  readonly networkId = NETWORK_ID
  readonly log: string[] = []
  readonly dialled: Connection[] = []
  readonly accepted: Connection[] = []
  readonly transport: Transport
  readonly shunned = new Set<number>()
  readonly addressed: AddressedHost = {
    seed: new Uint8Array(32),
    protocols: ['p'],
    mayConnect: (peer: VerifyingKey) => !this.shunned.has(short(peer)),
    addressesChanged() {},
  }
  readonly #kernel: Kernel

  constructor(kernel: Kernel, network: Network, index: number) {
    this.#kernel = kernel
    this.id = idOf(index)
    this.transport = network.transport(index)
    this.transport.start(this)
  }

  peerFound(peer: VerifyingKey, origin?: PeerOrigin): void {
    this.say(`found ${short(peer)} ${origin}`)
  }

  peerLost(peer: VerifyingKey): void {
    this.say(`lost ${short(peer)}`)
  }

  accept(connection: Connection): void {
    this.say(`accepted ${short(connection.remote)}`)
    this.accepted.push(connection)
    connection.onClose(code => this.say(`closed ${code}`))
  }

  learn(peer: number, ...addresses: string[]): void {
    this.transport.addressing!.learn(idOf(peer), addresses)
  }

  dial(peer: number): void {
    this.transport.dial(idOf(peer), 'p', connection => {
      this.say(connection === null ? 'failed' : 'connected')
      if (connection === null) return
      this.dialled.push(connection)
      connection.onClose(code => this.say(`closed ${code}`))
    })
  }

  /** Ends what it has dialled. */
  hangUp(): void {
    for (const connection of this.dialled.splice(0)) connection.close(0)
  }

  /** What it heard since the last look, with the millisecond. */
  heard(): string[] {
    return this.log.splice(0)
  }

  say(what: string): void {
    this.log.push(`${this.#kernel.nowUs / 1_000} ${what}`)
  }
}

function world(count = 3, conditions: Partial<LinkConditions> = { latencyMs: 50 }, seed = 1) {
  const kernel = createKernel({ seed })
  const names = Array.from({ length: count }, (_, index) => `n${index}`)
  const network: Network = createNetwork(kernel, {
    nodes: names.map((_, index) => idOf(index)),
    reach: { names, conditions, onLaid: (a, b) => faults.laid(a, b) },
  })
  const faults = new NetworkFaults({
    pairs: () => network.pairs(),
    setLink: (a, b, state, which) => network.setLink(a, b, state, which),
  })
  const boot = (index: number) => new Node(kernel, network, index)
  const nodes = names.map((_, index) => boot(index))
  const pass = (ms: number): void => {
    kernel.schedule(ms * 1_000, 'test', WORLD, () => {})
    kernel.run({ untilUs: kernel.nowUs + ms * 1_000 })
  }
  return { kernel, network, faults, nodes: nodes as [Node, Node, Node, ...Node[]], boot, pass }
}

describe('addresses', () => {
  it('are names of nodes; one of another notation is refused, one of nobody leads nowhere', () => {
    const { nodes, pass } = world()
    const [a] = nodes
    expect(a.transport.addresses()).toEqual(['sim:n0'])
    expect(a.transport.addressing).toMatchObject({ kind: 'libp2p' })
    expect(a.transport.addressing!.own()).toEqual(['sim:n0'])
    for (const wrong of ['n1', 'sim:', `sim:${'n'.repeat(201)}`, '/ip4/127.0.0.1/tcp/1', '']) {
      let refusal: unknown
      try {
        a.transport.connect(wrong)
      } catch (error) {
        refusal = error
      }
      expect(isThicketError(refusal, 'address-invalid')).toBe(true)
    }
    a.transport.connect('sim:nobody')
    a.transport.connect('sim:n0')
    pass(1_000)
    expect(a.heard()).toEqual([])
  })

  it('are given by hand, and the peer is found at once', () => {
    const { nodes, pass } = world()
    const [a, b] = nodes
    a.transport.connect('sim:n1')
    expect(a.heard()).toEqual([])
    pass(1)
    expect(a.heard()).toEqual(['0 found 1 bootstrap'])
    a.dial(1)
    pass(1_000)
    expect(a.heard()).toEqual(['101 connected'])
    expect(b.heard()).toEqual(['151 found 0 incoming', '151 accepted 0'])
  })

  it('are learnt without a word, replaced by what comes later and forgotten with an empty list', () => {
    const { nodes, pass } = world()
    const [a] = nodes
    a.dial(1)
    pass(1_000)
    a.learn(1, 'sim:n1')
    a.dial(1)
    pass(1_000)
    a.hangUp()
    pass(1_000)
    a.learn(1, 'sim:n2')
    a.dial(1)
    pass(1_000)
    a.learn(1)
    a.dial(1)
    pass(1_000)
    expect(a.heard()).toEqual(['0 failed', '1100 connected', '2000 closed 0', '3100 failed', '4000 failed'])
  })

  it('are tried one after the other; nobody answers late, the wrong one after a round trip', () => {
    const { nodes, pass } = world()
    const [a] = nodes
    a.learn(1, 'sim:nobody', 'sim:n2', 'sim:n1')
    a.dial(1)
    pass(10_000)
    expect(a.heard()).toEqual(['5200 connected'])
    a.hangUp()
    pass(1)
    a.heard()
    a.learn(1, '/ip4/10.0.0.1/tcp/4001', 'iroh:x')
    a.dial(1)
    pass(10_000)
    expect(a.heard(), 'what others would understand is no address here').toEqual(['10001 failed'])
  })

  it('never lead a node to itself', () => {
    const { nodes, pass } = world()
    const [a] = nodes
    a.learn(1, 'sim:n0')
    a.dial(1)
    a.dial(0)
    pass(1_000)
    expect(a.heard()).toEqual(['0 failed', '0 failed'])
  })
})

describe('a peer that has dialled us', () => {
  it('can be dialled back while its connection lives, and is lost after that', () => {
    const { nodes, pass } = world()
    const [a, b] = nodes
    a.learn(1, 'sim:n1')
    a.dial(1)
    pass(1_000)
    expect(b.heard()).toEqual(['150 found 0 incoming', '150 accepted 0'])
    b.dial(0)
    pass(1_000)
    expect(b.heard()).toEqual(['1100 connected'])
    expect(a.heard()).toEqual(['100 connected', '1150 found 1 incoming', '1150 accepted 1'])
    a.dialled[0]!.close(0)
    pass(1_000)
    expect(b.heard(), 'over the connection that it dialled itself the peer can still be dialled').toEqual([
      '2050 closed 0',
    ])
    b.dialled[0]!.close(0)
    pass(1_000)
    expect(b.heard()).toEqual(['3000 closed 0', '3000 lost 0'])
    b.dial(0)
    pass(1_000)
    expect(b.heard()).toEqual(['4000 failed'])
  })

  it('stays when its address was learnt meanwhile', () => {
    const { nodes, pass } = world()
    const [a, b] = nodes
    a.learn(1, 'sim:n1')
    a.dial(1)
    pass(1_000)
    b.learn(0, 'sim:n0')
    a.dialled[0]!.close(0)
    pass(1_000)
    b.dial(0)
    pass(1_000)
    expect(b.heard()).toEqual(['150 found 0 incoming', '150 accepted 0', '1050 closed 0', '2100 connected'])
    b.hangUp()
    pass(1_000)
    expect(b.heard()).toEqual(['3000 closed 0'])
    b.learn(0)
    pass(1_000)
    expect(b.heard()).toEqual(['4000 lost 0'])
  })
})

describe('rules of access', () => {
  it('keep a node from dialling and from being dialled', () => {
    const { nodes, pass } = world()
    const [a, b] = nodes
    a.learn(1, 'sim:n1')
    b.shunned.add(0)
    a.dial(1)
    pass(1_000)
    expect([a.heard(), b.heard()]).toEqual([['100 failed'], []])
    b.shunned.clear()
    a.shunned.add(1)
    a.dial(1)
    pass(1_000)
    expect([a.heard(), b.heard()]).toEqual([['1000 failed'], []])
  })
})

it('refuses a protocol that the node does not speak', () => {
  const { nodes, pass } = world()
  const [a, b] = nodes
  a.learn(1, 'sim:n1')
  a.transport.dial(idOf(1), 'q', connection => a.say(connection === null ? 'failed' : 'connected'))
  pass(1_000)
  expect([a.heard(), b.heard()]).toEqual([['100 failed'], []])
})

describe('faults', () => {
  it('hold for links that are laid while they last, and end for them too', () => {
    const { nodes, faults, network, pass } = world()
    const [a, b, c] = nodes
    a.learn(1, 'sim:n1')
    a.learn(2, 'sim:n2')
    const end = faults.partition([[0, 2], [1]])
    a.dial(1)
    a.dial(2)
    pass(6_000)
    expect(a.heard()).toEqual(['100 connected', '5000 failed'])
    expect([b.heard(), c.heard()]).toEqual([[], ['150 found 0 incoming', '150 accepted 0']])
    expect([network.linkState(0, 1), network.linkState(1, 0), network.linkState(0, 2)]).toEqual(['down', 'down', 'up'])
    end()
    a.dial(1)
    pass(1_000)
    expect(a.heard()).toEqual(['6100 connected'])
  })

  it('cut connections, and nobody is told of found or lost peers by a way that heals', () => {
    const { nodes, faults, pass } = world()
    const [a, b] = nodes
    a.learn(1, 'sim:n1')
    b.learn(0, 'sim:n0')
    a.dial(1)
    pass(1_000)
    const end = faults.isolate([0])
    pass(30_000)
    end()
    pass(10_000)
    expect(a.heard()).toEqual(['100 connected', '11000 closed null'])
    expect(b.heard()).toEqual(['150 found 0 incoming', '150 accepted 0', '11000 closed null'])
  })

  it('one way alone: what goes the other way waits', () => {
    const { nodes, faults, pass } = world()
    const [a] = nodes
    a.learn(1, 'sim:n1')
    faults.begin('stalled', (from, to) => from === 1 && to === 0)
    a.dial(1)
    pass(10_000)
    expect(a.heard()).toEqual(['5000 failed'])
  })

  it('a process that died answers no dial; its next life does, at the same address', () => {
    const { nodes, network, boot, pass } = world()
    const [a] = nodes
    a.learn(1, 'sim:n1')
    network.die(1)
    a.dial(1)
    pass(6_000)
    const again = boot(1)
    a.dial(1)
    pass(1_000)
    expect(a.heard()).toEqual(['5000 failed', '6100 connected'])
    expect(again.heard()).toEqual(['6150 found 0 incoming', '6150 accepted 0'])
  })
})

describe('links that are written down', () => {
  it('introduce their ends and keep their own conditions; the others are as the network is', () => {
    const kernel = createKernel({ seed: 1 })
    const network = createNetwork(kernel, {
      nodes: [0, 1, 2].map(idOf),
      reach: { names: ['n0', 'n1', 'n2'], conditions: { latencyMs: 50 } },
    })
    network.addLink(0, 1, { latencyMs: 5 })
    const [a] = [0, 1, 2].map(index => new Node(kernel, network, index)) as [Node]
    a.learn(2, 'sim:n2')
    kernel.schedule(0, 'test', WORLD, () => {
      a.dial(1)
      a.dial(2)
    })
    kernel.run({ untilUs: 1_000_000 })
    expect(a.heard()).toEqual(['0 found 1 local', '10 connected', '100 connected'])
  })
})

describe('what it costs', () => {
  it('is nothing while nobody speaks: no event, no link', () => {
    const { kernel, network, pass } = world(1_000)
    pass(3_600_000)
    expect(kernel.events).toBe(1)
    expect(network.pairs()).toEqual([])
  })

  it('is no memory for pairs that have nothing to say to each other any more, and their bytes stay counted', () => {
    const { nodes, network, pass } = world(60)
    for (const [from, node] of nodes.entries()) {
      for (let to = 0; to < 60; to++) {
        if (to === from) continue
        node.learn(to, `sim:n${to}`)
        node.dial(to)
      }
      pass(200)
      for (const connection of node.dialled.splice(0)) connection.close(0)
      pass(200)
    }
    const { dials, connections, bytes } = network.totals()
    expect([dials, connections]).toEqual([60 * 59, 60 * 59])
    expect(network.pairs().length, 'of 1,770 pairs').toBeLessThan(60 * 16)
    expect([...network.bytesByProtocol()]).toEqual([['p', bytes]])
  })

  it('leaves pairs alone that still speak', () => {
    const { nodes, network, pass } = world(60)
    for (const [from, node] of nodes.entries()) {
      for (let to = from + 1; to < 60; to++) {
        node.learn(to, `sim:n${to}`)
        node.dial(to)
      }
    }
    pass(500)
    expect(network.pairs()).toHaveLength((60 * 59) / 2)
    for (const { dialled, accepted } of nodes) expect(dialled.length + accepted.length).toBe(59)
  })
})

it('repeats bit for bit, and differs with the seed', () => {
  const run = (seed: number) => {
    const { kernel, nodes, pass } = world(5, { latencyMs: 20, jitterMs: 15, loss: 0.1, bandwidthBps: 1e6 }, seed)
    for (const [from, node] of nodes.entries()) {
      const to = (from + 1) % 5
      node.learn(to, `sim:n${to}`)
      node.dial(to)
    }
    pass(5_000)
    for (const { dialled } of nodes) dialled[0]?.openBi().write(new Uint8Array(20_000))
    pass(20_000)
    return { fingerprint: kernel.fingerprint(), log: nodes.map(({ log }) => log) }
  }
  expect(run(1)).toEqual(run(1))
  expect(run(1)).not.toEqual(run(2))
})

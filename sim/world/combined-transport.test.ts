/**
 * Goal: several transports behave as one: whoever can be reached in any way is found once and dialled by a way that works.
 * Method: the connection contract over two simulated networks; then one node with a link to a peer in each of them, whose
 * links come and go one by one.
 */

import { describe, expect, it } from 'vitest'
import { connectionContract } from '../../engine/connection.contract.js'
import { isThicketError, type VerifyingKey } from '../../engine/core/index.js'
import type { Connection, Transport, TransportHost } from '../../engine/ports.js'
import { createKernel, type Kernel, WORLD } from '../kernel/index.js'
import { combinedTransport } from './combined-transport.js'
import { createNetwork, type Network } from './links.js'

const IDS = ['a1', 'b2'].map(byte => byte.repeat(32) as VerifyingKey)
const NETWORK_ID = new Uint8Array(32)

interface Both {
  readonly kernel: Kernel
  readonly wire: Network
  readonly air: Network
  transport(node: number): Transport
}

function both(): Both {
  const kernel = createKernel({ seed: 3 })
  const [wire, air] = [createNetwork(kernel, { nodes: IDS }), createNetwork(kernel, { nodes: IDS })]
  wire.addLink(0, 1, { latencyMs: 10 })
  air.addLink(0, 1, { latencyMs: 30 })
  return { kernel, wire, air, transport: node => combinedTransport([wire.transport(node), air.transport(node)]) }
}

connectionContract(
  'combined transports',
  () => {
    const { kernel, wire, air, transport } = both()
    return {
      a: transport(0),
      b: transport(1),
      idA: IDS[0]!,
      idB: IDS[1]!,
      networkId: NETWORK_ID,
      async until(condition) {
        while (!condition()) if (kernel.run({ maxEvents: 1 }) === 'idle') throw new Error('the world stands still')
      },
      async settle() {
        kernel.run({ untilUs: kernel.nowUs + 20_000_000 })
      },
      async inTurn(body) {
        kernel.schedule(0, 'test', WORLD, body)
        kernel.run({ maxEvents: 1 })
      },
      killA() {
        wire.die(0)
        air.die(0)
      },
      async close() {},
    }
  },
  { canKill: true },
)

class Host implements TransportHost {
  readonly id: VerifyingKey
  readonly networkId = NETWORK_ID
  readonly log: string[] = []

  constructor(node: number) {
    this.id = IDS[node]!
  }

  peerFound(): void {
    this.log.push('found')
  }

  peerLost(): void {
    this.log.push('lost')
  }

  accept(connection: Connection): void {
    this.log.push('accepted')
    connection.onClose(code => this.log.push(`closed ${code}`))
  }
}

describe('combined transports', () => {
  function started(): Both & { readonly a: Transport; readonly hosts: readonly [Host, Host]; pass(ms: number): void } {
    const made = both()
    const [a, b] = [made.transport(0), made.transport(1)]
    const hosts = [new Host(0), new Host(1)] as const
    a.start(hosts[0])
    b.start(hosts[1])
    const pass = (ms: number): void => {
      made.kernel.run({ untilUs: made.kernel.nowUs + ms * 1_000 })
    }
    pass(100)
    hosts[0].log.length = 0
    return { ...made, a, hosts, pass }
  }

  it('lose a peer only with the last way to it, and find it with the first', () => {
    const { wire, air, hosts, pass } = started()
    wire.setLink(0, 1, 'down')
    pass(60_000)
    expect(hosts[0].log).toEqual([])
    air.setLink(0, 1, 'down')
    pass(60_000)
    expect(hosts[0].log).toEqual(['lost'])
    wire.setLink(0, 1, 'up')
    pass(1_000)
    expect(hosts[0].log).toEqual(['lost', 'found'])
    wire.setLink(0, 1, 'down')
    pass(60_000)
    expect(hosts[0].log).toEqual(['lost', 'found', 'lost'])
  })

  it('dial by the first way that has found the peer, and by the next when that fails', () => {
    const { wire, air, a, pass } = started()
    const outcomes: boolean[] = []
    const dial = (): void => a.dial(IDS[1]!, 'p', connection => outcomes.push(connection !== null))
    dial()
    pass(1_000)
    expect([wire.counters(0, 1).connections, air.counters(0, 1).dials]).toEqual([1, 0])
    // Down, but not noticed yet: the dial there has to time out first.
    wire.setLink(0, 1, 'down')
    dial()
    pass(6_000)
    expect([outcomes, air.counters(0, 1).connections]).toEqual([[true, true], 1])
    pass(60_000)
    const before = wire.counters(0, 1).dials
    dial()
    pass(1_000)
    expect([outcomes.length, wire.counters(0, 1).dials, air.counters(0, 1).connections]).toEqual([3, before, 2])
  })

  it('fail a dial once when nobody can reach the peer', () => {
    const { wire, air, a, pass } = started()
    wire.setLink(0, 1, 'down')
    air.setLink(0, 1, 'down')
    const outcomes: (Connection | null)[] = []
    a.dial(IDS[1]!, 'p', connection => outcomes.push(connection))
    a.dial('c3'.repeat(32) as VerifyingKey, 'p', connection => outcomes.push(connection))
    pass(60_000)
    expect(outcomes).toEqual([null, null])
  })

  it('leave a connection alone when another way opens or closes', () => {
    const { air, a, hosts, pass } = started()
    a.dial(IDS[1]!, 'p', () => {})
    pass(1_000)
    air.setLink(0, 1, 'down')
    pass(60_000)
    air.setLink(0, 1, 'up')
    pass(60_000)
    expect(hosts[1].log.filter(line => line !== 'found')).toEqual(['accepted'])
  })

  it('name each address once, take one that some part takes, and refuse one that none does', () => {
    const { a } = started()
    expect(a.addresses()).toEqual([`sim:${IDS[0]}`])
    expect(() => a.connect(`sim:${IDS[1]}`)).not.toThrow()
    let refusal: unknown
    try {
      a.connect('somewhere')
    } catch (error) {
      refusal = error
    }
    expect(isThicketError(refusal, 'address-invalid')).toBe(true)
  })

  it('of one are that one', () => {
    const { wire } = both()
    const only = wire.transport(0)
    expect(combinedTransport([only])).toBe(only)
  })
})

/**
 * Goal: links over a medium with a rhythm of its own come up, fall and come up again, and follow that rhythm.
 * Method: two nodes, a pace that lets 1,000 bytes through at every full second, and hosts that write down what they hear.
 */

import { describe, expect, it } from 'vitest'
import type { VerifyingKey } from '../../engine/core/index.js'
import type { Connection, TransportHost } from '../../engine/ports.js'
import { createKernel, type Kernel, WORLD } from '../kernel/index.js'
import { createNetwork, type Network, type Pace } from './links.js'

const IDS = ['a1', 'b2'].map(byte => byte.repeat(32) as VerifyingKey)
const SECOND_US = 1_000_000

class Host implements TransportHost {
  readonly id: VerifyingKey
  readonly networkId = new Uint8Array(32)
  readonly log: string[] = []
  readonly #kernel: Kernel

  constructor(kernel: Kernel, node: number) {
    this.#kernel = kernel
    this.id = IDS[node]!
  }

  peerFound(): void {
    this.say('found')
  }

  peerLost(): void {
    this.say('lost')
  }

  accept(connection: Connection): void {
    this.watch(connection)
  }

  watch(connection: Connection): void {
    connection.onClose(code => this.say(`closed ${code}`))
    connection.onStream(stream => stream.onData(bytes => this.say(`got ${bytes.length}`)))
  }

  say(what: string): void {
    this.log.push(`${this.#kernel.nowUs / 1_000} ${what}`)
  }
}

/** A chunk occupies the medium for `busyUs`. */
function everySecond(kernel: Kernel, busyUs = SECOND_US): Pace {
  let freeAtUs = 0
  return {
    chunkBytes: 1_000,
    transmit(bytes) {
      const startUs = Math.max(freeAtUs, Math.ceil(kernel.nowUs / SECOND_US) * SECOND_US)
      freeAtUs = startUs + Math.ceil(bytes / 1_000) * busyUs
      return { freeAtUs, arriveUs: startUs, again: 0 }
    },
  }
}

function world() {
  const kernel = createKernel({ seed: 1 })
  const network: Network = createNetwork(kernel, { nodes: IDS, figures: { idleTimeoutMs: 4_000, handshakeBytes: 100 } })
  const hosts = [new Host(kernel, 0), new Host(kernel, 1)] as const
  const transports = [network.transport(0), network.transport(1)] as const
  for (const [node, transport] of transports.entries()) transport.start(hosts[node]!)
  const pass = (ms: number): void => {
    kernel.schedule(ms * 1_000, 'test', WORLD, () => {})
    kernel.run({ untilUs: kernel.nowUs + ms * 1_000 })
  }
  const join = (busyUs?: number): void =>
    network.join(0, 1, 30, [everySecond(kernel, busyUs), everySecond(kernel, busyUs)])
  const dialled: (Connection | null)[] = []
  const dial = (): void =>
    transports[0].dial(IDS[1]!, 'p', connection => {
      hosts[0].say(connection === null ? 'failed' : 'connected')
      dialled.push(connection)
      if (connection !== null) hosts[0].watch(connection)
    })
  const heard = (): string[][] => hosts.map(({ log }) => log.splice(0))
  return { kernel, network, pass, join, dial, dialled, heard }
}

describe('links with a pace', () => {
  it('are found when they are joined, once, and anew after each end', () => {
    const { network, pass, join, heard } = world()
    pass(100)
    expect(heard()).toEqual([[], []])
    join()
    pass(100)
    expect(heard()).toEqual([['130 found'], ['130 found']])
    expect(() => join()).toThrow('severed')
    network.sever(0, 1)
    pass(100)
    join()
    pass(100)
    expect(heard()).toEqual([
      ['200 lost', '330 found'],
      ['200 lost', '330 found'],
    ])
    expect(network.pairs()).toEqual([[0, 1]])
  })

  it('let bytes through when the medium does', () => {
    const { pass, join, dial, dialled, heard } = world()
    join()
    pass(500)
    dial()
    pass(4_000)
    expect(heard()).toEqual([['30 found', '1000 connected'], ['30 found']])
    dialled[0]!.openBi().write(new Uint8Array(2_500))
    pass(10_000)
    // A parcel is a chunk less its own header.
    expect(heard()[1]).toEqual(['5000 got 992', '6000 got 992', '7000 got 516'])
  })

  it('fail the dials that are under way, and lose their connections, when they are severed', () => {
    const { network, pass, join, dial, heard } = world()
    join()
    dial()
    pass(4_100)
    heard()
    dial()
    pass(100)
    network.sever(0, 1)
    pass(20_000)
    expect(heard()).toEqual([
      ['4200 failed', '4200 closed null', '4200 lost'],
      ['4200 closed null', '4200 lost'],
    ])
  })

  it('begin without what the time before had on its way', () => {
    const { network, pass, join, dial, dialled, heard } = world()
    join(60 * SECOND_US)
    dial()
    pass(500)
    expect(dialled.length).toBe(1)
    dialled[0]!.openBi().write(new Uint8Array(500))
    pass(500)
    network.sever(0, 1)
    pass(100)
    join()
    dial()
    pass(1_000)
    dialled[1]!.openBi().write(new Uint8Array(10))
    pass(3_000)
    expect(heard()[1]!.at(-1)).toBe('4000 got 10')
  })

  it('have a network’s own idle timeout', () => {
    const { network, pass, join, heard } = world()
    join()
    pass(1_000)
    network.setLink(0, 1, 'down')
    pass(3_999)
    heard()
    pass(2)
    expect(heard()).toEqual([['5000 lost'], ['5000 lost']])
  })
})

/**
 * Goal: simulated links behave like the links they stand for: time, bandwidth, loss, faults and deaths have the effects
 * and the moments that the figures say, and a run repeats bit for bit.
 * Method: two or three nodes with hosts that write down what they hear and when, on links with round figures.
 */

import { describe, expect, it } from 'vitest'
import { bytesEqual, isThicketError, type VerifyingKey } from '../../engine/core/index.js'
import type { Connection, Stream, Transport, TransportHost } from '../../engine/ports.js'
import { createKernel, type Kernel, WORLD } from '../kernel/index.js'
import { createNetwork, type LinkConditions, type Network } from './links.js'
import { MAX_RETRANSMISSIONS } from './links-limits.js'

const IDS = ['a1', 'b2', 'c3'].map(byte => byte.repeat(32) as VerifyingKey)
const NETWORK_ID = new Uint8Array(32)

class Node implements TransportHost {
  readonly id: VerifyingKey
  readonly networkId: Uint8Array
  readonly log: string[] = []
  readonly accepted: Connection[] = []
  readonly dialled: (Connection | null)[] = []
  readonly transport: Transport
  bytes = 0
  readonly #kernel: Kernel

  constructor(kernel: Kernel, network: Network, index: number, networkId = NETWORK_ID) {
    this.#kernel = kernel
    this.id = IDS[index]!
    this.networkId = networkId
    this.transport = network.transport(index)
    this.transport.start(this)
  }

  peerFound(peer: VerifyingKey): void {
    this.#say(`found ${peer.slice(0, 2)}`)
  }

  peerLost(peer: VerifyingKey): void {
    this.#say(`lost ${peer.slice(0, 2)}`)
  }

  accept(connection: Connection): void {
    this.#say('accepted')
    this.accepted.push(connection)
    this.watch(connection)
  }

  dial(peer: number): void {
    this.transport.dial(IDS[peer]!, 'p', connection => {
      this.#say(connection === null ? 'failed' : 'connected')
      this.dialled.push(connection)
      if (connection !== null) this.watch(connection)
    })
  }

  watch(connection: Connection): void {
    connection.onClose(code => this.#say(`closed ${code}`))
    connection.onStream(stream => this.read(stream))
  }

  read(stream: Stream): void {
    stream.onData(bytes => {
      this.bytes += bytes.length
      this.#say(`got ${bytes.length}`)
    })
    stream.onAbort(code => this.#say(`aborted ${code}`))
  }

  /** Opens a stream on the last connection that it dialled and says this much. */
  say(length: number): Stream {
    const stream = this.dialled.at(-1)!.openBi()
    this.read(stream)
    stream.write(new Uint8Array(length))
    return stream
  }

  /** What it heard since the last look, with the millisecond. */
  heard(): string[] {
    return this.log.splice(0)
  }

  #say(what: string): void {
    this.log.push(`${this.#kernel.nowUs / 1_000} ${what}`)
  }
}

interface World {
  readonly kernel: Kernel
  readonly network: Network
  readonly a: Node
  readonly b: Node
  /** Lets so much virtual time pass. */
  pass(ms: number): void
}

function world(conditions: Partial<LinkConditions> = { latencyMs: 50 }, seed = 1): World {
  const kernel = createKernel({ seed })
  const network = createNetwork(kernel, { nodes: IDS })
  network.addLink(0, 1, conditions)
  network.addLink(1, 2, conditions)
  const [a, b] = [new Node(kernel, network, 0), new Node(kernel, network, 1)]
  const pass = (ms: number): void => {
    kernel.schedule(ms * 1_000, 'test', WORLD, () => {})
    kernel.run({ untilUs: kernel.nowUs + ms * 1_000 })
  }
  return { kernel, network, a, b, pass }
}

/** A world in which A has connected to B, at 150 ms. */
function connected(conditions?: Partial<LinkConditions>, seed?: number): World {
  const made = world(conditions, seed)
  made.a.dial(1)
  for (let n = 0; n < 1_000 && made.b.accepted.length === 0; n++) made.pass(1)
  expect(made.b.accepted.length).toBe(1)
  made.a.heard()
  made.b.heard()
  return made
}

describe('simulated links', () => {
  it('find the direct neighbours and no others, at the start', () => {
    const { kernel, network, a, b, pass } = world()
    const c = new Node(kernel, network, 2)
    pass(1)
    expect([a.heard(), b.heard(), c.heard()]).toEqual([['0 found b2'], ['0 found a1', '0 found c3'], ['0 found b2']])
    a.dial(2)
    pass(1)
    expect(a.heard()).toEqual(['1 failed'])
  })

  it('know their addresses, find a neighbour by its address, and refuse another notation', () => {
    const { a, pass } = world()
    pass(1)
    a.heard()
    expect(a.transport.addresses()).toEqual([`sim:${IDS[0]}`])
    a.transport.connect(`sim:${IDS[1]}`)
    a.transport.connect(`sim:${IDS[2]}`)
    pass(1)
    expect(a.heard()).toEqual(['1 found b2'])
    let refusal: unknown
    try {
      a.transport.connect('sim:ab')
    } catch (error) {
      refusal = error
    }
    expect(isThicketError(refusal, 'address-invalid')).toBe(true)
  })

  describe('time', () => {
    it('takes a round trip to dial, and half of one more until the acceptor hears', () => {
      const { a, b, pass } = world()
      a.dial(1)
      pass(1_000)
      expect([a.heard(), b.heard()]).toEqual([
        ['0 found b2', '100 connected'],
        ['0 found a1', '0 found c3', '150 accepted'],
      ])
    })

    it('delivers after the latency, each direction its own', () => {
      const { network, a, b, pass } = connected()
      network.setConditions(0, 1, { latencyMs: 200 }, 'forward')
      const stream = a.say(10)
      pass(1_000)
      expect(b.heard()).toEqual(['350 got 10'])
      b.accepted[0]!.openBi().write(new Uint8Array(1))
      pass(1_000)
      expect([a.heard(), stream.kind]).toEqual([['1200 got 1'], 'bi'])
    })

    it('shares the bandwidth of a direction among connections, and leaves the other direction alone', () => {
      // 1 Mbit/s: 125,000 bytes a second. Two connections with 62,500 each way take a second together, each way.
      const { a, b, pass } = connected({ latencyMs: 0, bandwidthBps: 1_000_000 })
      a.dial(1)
      pass(1_000)
      expect(b.accepted.length).toBe(2)
      for (const connection of a.dialled) connection!.openBi().write(new Uint8Array(62_500))
      for (const connection of b.accepted) connection.openBi().write(new Uint8Array(62_500))
      pass(500)
      for (const node of [a, b]) expect(Math.abs(node.bytes - 62_500)).toBeLessThan(5_000)
      pass(480)
      for (const node of [a, b]) expect(node.bytes).toBeLessThan(125_000)
      pass(30)
      for (const node of [a, b]) expect(node.bytes).toBe(125_000)
    })

    it('keeps the bandwidth and needs few events for it', () => {
      const { kernel, a, b, pass } = connected({ latencyMs: 1, bandwidthBps: 100_000_000 })
      const stream = a.say(1)
      let written = 1
      const pour = (): void => {
        while (written < 5_000_000) {
          written += 10_000
          if (!stream.write(new Uint8Array(10_000))) return
        }
      }
      stream.onDrain(pour)
      pour()
      const [begin, events] = [kernel.nowUs, kernel.events]
      while (b.bytes < written) pass(1)
      // 5 MB at 100 Mbit/s is 400 ms; half a stream's bound, where it drains, outlasts a round trip of 2 ms.
      expect(Math.abs((kernel.nowUs - begin) / 1_000 - 403)).toBeLessThan(20)
      // Sending, arriving and a word back for each 64 KiB, give and take; 1 for each millisecond of the test itself.
      expect(kernel.events - events - 403).toBeLessThan(500)
    })

    it('jitters within its bounds and never reorders', () => {
      const { a, b, kernel, pass } = connected({ latencyMs: 50, jitterMs: 40 })
      const stream = a.dialled[0]!.openUni()
      const sent: number[] = []
      const delays: number[] = []
      b.accepted[0]!.onStream(incoming =>
        incoming.onData(bytes => {
          for (const byte of bytes) {
            expect(byte).toBe(delays.length & 0xff)
            delays.push(kernel.nowUs - sent[delays.length]!)
          }
        }),
      )
      for (let n = 0; n < 200; n++) {
        sent.push(kernel.nowUs)
        stream.write(Uint8Array.of(n))
        pass(5)
      }
      pass(200)
      expect(delays.length).toBe(200)
      expect(Math.min(...delays)).toBeGreaterThanOrEqual(50_000)
      expect(Math.max(...delays)).toBeLessThanOrEqual(90_000)
      expect(Math.max(...delays) - Math.min(...delays)).toBeGreaterThan(20_000)
    })
  })

  describe('loss', () => {
    it('costs a retransmission timeout, doubled each time, and never bytes', () => {
      const { network, a, b, pass } = connected()
      network.setConditions(0, 1, { loss: 1 }, 'forward')
      a.say(100)
      const lateMs = 200 * (2 ** MAX_RETRANSMISSIONS - 1)
      pass(lateMs + 49)
      expect(b.heard()).toEqual([])
      pass(1)
      expect(b.heard()).toEqual([`${150 + lateMs + 50} got 100`])
      expect(network.counters(0, 1).retransmissions).toBe(MAX_RETRANSMISSIONS)
    })

    it('delays what was sent behind it', () => {
      const { network, a, b, pass } = connected()
      network.setConditions(0, 1, { loss: 1 }, 'forward')
      a.say(100)
      pass(1)
      network.setConditions(0, 1, { loss: 0 }, 'forward')
      a.say(200)
      pass(60_000)
      expect(b.log.map(line => line.split(' ').slice(1).join(' '))).toEqual(['got 100', 'got 200'])
      expect(b.log[0]!.split(' ')[0]).toBe(b.log[1]!.split(' ')[0])
    })

    it('has the rate that was asked for, by segment', () => {
      const { network, a, b, pass } = connected({ latencyMs: 5, loss: 0.02 })
      const before = network.counters(0, 1).retransmissions
      const stream = a.say(1)
      const segments = 4_000
      let left = segments
      const pour = (): void => {
        while (left > 0) {
          left--
          if (!stream.write(new Uint8Array(1_460))) return
        }
      }
      stream.onDrain(pour)
      pour()
      pass(300_000)
      expect(b.bytes).toBe(segments * 1_460 + 1)
      const rate = (network.counters(0, 1).retransmissions - before) / segments
      expect(Math.abs(rate - 0.02)).toBeLessThan(0.01)
    })
  })

  describe('faults', () => {
    it('stalled: what is in flight arrives, what is not waits and then arrives, nothing is lost', () => {
      const { network, a, b, pass } = connected()
      a.say(10)
      pass(10)
      network.setLink(0, 1, 'stalled')
      a.say(20)
      pass(60_000)
      expect(b.heard()).toEqual(['200 got 10'])
      network.setLink(0, 1, 'up')
      pass(100)
      expect([b.heard(), a.heard()]).toEqual([['60210 got 20'], []])
    })

    it('down: what is in flight waits as well; what still lives at the healing goes on', () => {
      const { network, a, b, pass } = connected()
      a.say(10)
      pass(10)
      network.setLink(0, 1, 'down')
      a.say(20)
      pass(9_000)
      expect(b.heard()).toEqual([])
      network.setLink(0, 1, 'up')
      pass(1_000)
      expect(b.heard()).toEqual(['9210 got 10', '9210 found a1', '9210 got 20'])
      expect(a.heard()).toEqual(['9210 found b2'])
    })

    it('down for 10 s: both ends lose their connections and each other', () => {
      const { network, a, b, pass } = connected()
      const stream = a.say(10)
      pass(10)
      network.setLink(0, 1, 'down')
      pass(9_999)
      expect([a.heard(), b.heard()]).toEqual([[], []])
      pass(1)
      expect(a.heard()).toEqual(['10160 aborted null', '10160 closed null', '10160 lost b2'])
      expect(b.heard()).toEqual(['10160 closed null', '10160 lost a1'])
      expect(stream.write(new Uint8Array(1))).toBe(false)
      network.setLink(0, 1, 'up')
      pass(1_000)
      expect([a.heard(), b.heard()]).toEqual([['10210 found b2'], ['10210 found a1']])
      expect([network.counters(0, 1).resets, network.openConnections(0, 1)]).toEqual([1, 0])
    })

    it('down in one direction: that one waits, the other delivers, and the loss comes all the same', () => {
      const { network, a, b, pass } = connected()
      network.setLink(0, 1, 'down', 'forward')
      expect([network.linkState(0, 1), network.linkState(1, 0)]).toEqual(['down', 'up'])
      a.say(10)
      b.accepted[0]!.openBi().write(new Uint8Array(20))
      pass(9_000)
      expect([a.heard(), b.heard()]).toEqual([['200 got 20'], []])
      pass(1_001)
      expect(a.heard()).toEqual(['10150 aborted null', '10150 aborted null', '10150 closed null', '10150 lost b2'])
    })

    it('a paused sender goes on after the words of the reader were held up', () => {
      const { network, a, b, pass } = connected()
      const stream = a.say(1)
      let drains = 0
      stream.onDrain(() => drains++)
      pass(60)
      while (stream.write(new Uint8Array(50_000)));
      network.setLink(1, 0, 'stalled', 'forward')
      pass(5_000)
      const before = drains
      network.setLink(1, 0, 'up', 'forward')
      pass(1_000)
      expect([before, drains]).toEqual([0, 1])
      expect(b.bytes).toBe(300_001)
    })

    it('dials fail after 5 s over a link that is down, and succeed when it heals before', () => {
      const { network, a, pass } = world()
      pass(1)
      a.heard()
      network.setLink(0, 1, 'down')
      a.dial(1)
      pass(4_999)
      expect(a.heard()).toEqual([])
      pass(1)
      expect(a.heard()).toEqual(['5001 failed'])
      a.dial(1)
      pass(4_000)
      network.setLink(0, 1, 'up')
      pass(1_000)
      expect(a.heard()).toEqual(['9051 found b2', '9101 connected'])
      expect(network.counters(0, 1)).toMatchObject({ dials: 2, connections: 1 })
    })

    it('reset: both ends lose every connection of that link at once, and can dial anew', () => {
      const { network, a, b, pass } = connected()
      a.say(10)
      network.reset(0, 1)
      pass(1_000)
      expect([a.heard(), b.heard()]).toEqual([['150 aborted null', '150 closed null'], ['150 closed null']])
      a.dial(1)
      pass(1_000)
      expect([a.heard(), b.heard()]).toEqual([['1250 connected'], ['1300 accepted']])
    })

    it('tampered bytes arrive changed, in one direction, until it ends', () => {
      const { network, a, b, pass } = connected()
      network.tamper(0, 1, bytes => bytes.map(byte => byte ^ 0xff))
      const got: Uint8Array[] = []
      b.accepted[0]!.onStream(stream => {
        stream.onData(bytes => got.push(bytes))
        stream.write(Uint8Array.of(9))
      })
      const stream = a.dialled[0]!.openBi()
      const back: Uint8Array[] = []
      stream.onData(bytes => back.push(bytes))
      stream.write(Uint8Array.of(1, 2))
      pass(200)
      network.tamper(0, 1, null)
      stream.write(Uint8Array.of(3))
      pass(200)
      expect(bytesEqual(got[0]!, Uint8Array.of(254, 253))).toBe(true)
      expect([got[1], back]).toEqual([Uint8Array.of(3), [Uint8Array.of(9)]])
    })

    it.each([0, 1, 200_000])('tampering may change the length to %i without stopping the sender', length => {
      const { network, a, pass } = connected()
      network.tamper(0, 1, () => new Uint8Array(length))
      const stream = a.say(1)
      let drains = 0
      stream.onDrain(() => drains++)
      for (let n = 0; n < 3; n++) {
        while (stream.write(new Uint8Array(50_000)));
        pass(2_000)
      }
      expect(drains).toBe(3)
    })
  })

  describe('deaths', () => {
    it('power cut: what was queued does not leave, what had left arrives, peers lose the connection after 10 s', () => {
      const { kernel, network, a, b, pass } = connected()
      a.say(10)
      pass(10)
      kernel.schedule(0, 'test', 0, () => {
        a.say(20)
        network.die(0)
        a.say(30)
      })
      pass(20_000)
      expect([a.heard(), b.heard()]).toEqual([[], ['200 got 10', '10160 aborted null', '10160 closed null']])
    })

    it('clean exit: peers hear of it after one latency, behind what had left', () => {
      const { network, a, b, pass } = connected()
      a.say(10)
      pass(10)
      network.die(0, 'clean')
      pass(20_000)
      expect([a.heard(), b.heard()]).toEqual([[], ['200 got 10', '210 aborted null', '210 closed null']])
    })

    it('dials to a dead machine time out, to a dead process are refused', () => {
      const { network, a, pass } = world()
      pass(1)
      a.heard()
      network.die(1)
      a.dial(1)
      pass(6_000)
      network.die(1, 'clean')
      a.dial(1)
      pass(6_000)
      expect(a.heard()).toEqual(['5001 failed', '6101 failed'])
    })

    it('a dial whose caller or callee dies on the way hurts nobody', () => {
      const { network, a, b, pass } = world()
      a.dial(1)
      pass(60)
      network.die(1)
      pass(20_000)
      // B had answered: A holds a connection to a peer that fell silent.
      expect(a.heard()).toEqual(['0 found b2', '100 connected', '10100 closed null'])
      expect(b.heard()).toEqual(['0 found a1', '0 found c3'])
      a.dial(1)
      network.die(0)
      pass(20_000)
      expect(a.heard()).toEqual([])
    })

    it('a restarted node gets a new transport, finds its neighbours and is dialled; the old one stays silent', () => {
      const { kernel, network, a, b, pass } = connected()
      network.die(0)
      pass(1_000)
      const again = new Node(kernel, network, 0)
      b.transport.dial(IDS[0]!, 'p', connection => connection?.openBi().write(new Uint8Array(5)))
      pass(20_000)
      expect(again.heard()).toEqual(['1150 found b2', '1300 accepted', '1300 got 5'])
      expect(b.heard()).toEqual(['10150 closed null'])
      expect(a.heard()).toEqual([])
    })

    it('runs one process of a node at a time', () => {
      const { kernel, network } = world()
      expect(() => new Node(kernel, network, 0)).toThrow(/one process at a time/)
    })

    it('refuses a node of another network', () => {
      const { kernel, network, pass } = world()
      const c = new Node(kernel, network, 2, new Uint8Array(32).fill(1))
      c.dial(1)
      pass(1_000)
      expect(c.heard()).toEqual(['0 found b2', '100 failed'])
    })

    it('a stopped transport closes its connections, and its node hears nothing any more', () => {
      const { kernel, network, a, b, pass } = connected()
      a.dial(1)
      a.transport.stop()
      pass(20)
      const again = new Node(kernel, network, 0)
      pass(20_000)
      expect(a.heard()).toEqual(['150 closed 0', '150 failed'])
      expect([b.heard(), again.heard()]).toEqual([['200 closed 0'], ['170 found b2']])
    })
  })

  describe('determinism', () => {
    const busy = (seed: number, prepare: (made: World) => void = () => {}): string => {
      const made = connected({ latencyMs: 30, jitterMs: 20, loss: 0.05, bandwidthBps: 1_000_000 }, seed)
      prepare(made)
      for (let n = 0; n < 20; n++) {
        made.a.say(5_000)
        made.pass(100)
      }
      made.network.setLink(0, 1, 'down')
      made.pass(3_000)
      made.network.setLink(0, 1, 'up')
      made.pass(10_000)
      return made.kernel.fingerprint()
    }

    it('the same seed gives the same fingerprint, another one another', () => {
      expect(busy(1)).toBe(busy(1))
      expect(busy(1)).not.toBe(busy(2))
    })

    it('a changed byte shows', () => {
      expect(busy(1, ({ network }) => network.tamper(0, 1, bytes => bytes.map(byte => byte ^ 1)))).not.toBe(busy(1))
    })

    it('draws of one direction shift no other', () => {
      const arrivals = (traffic: number): string[] => {
        const made = connected({ latencyMs: 30, jitterMs: 20 })
        const stream = made.a.dialled[0]!.openUni()
        for (let n = 0; n < traffic; n++) {
          stream.write(new Uint8Array(10))
          made.pass(1)
        }
        made.pass(1_000 - traffic)
        made.b.accepted[0]!.openUni().write(new Uint8Array(10))
        made.pass(1_000)
        return made.a.heard()
      }
      expect(arrivals(0).length).toBe(1)
      expect(arrivals(50)).toEqual(arrivals(0))
    })
  })

  it.each<[string, Partial<LinkConditions>]>([
    ['latency', { latencyMs: -1 }],
    ['jitter', { jitterMs: Number.NaN }],
    ['bandwidth', { bandwidthBps: 0 }],
    ['loss', { loss: 1.01 }],
  ])('refuse an impossible %s', (what, conditions) => {
    const network = createNetwork(createKernel({ seed: 1 }), { nodes: IDS })
    expect(() => network.addLink(0, 1, conditions)).toThrow(new RegExp(what))
  })

  it('count what they carried', () => {
    const { network, a, pass } = connected()
    a.say(1_000)
    pass(1_000)
    // Two handshake packets from A, one from B, and 8 bytes of framing.
    expect(network.counters(0, 1)).toEqual({ bytes: 3_408, dials: 1, connections: 1, resets: 0, retransmissions: 0 })
    expect([network.counters(1, 0).bytes, network.totals().bytes]).toEqual([1_200, 4_608])
    expect(network.pairs()).toEqual([
      [0, 1],
      [1, 2],
    ])
    expect([network.hasLink(2, 1), network.hasLink(0, 2), network.openConnections(0, 1)]).toEqual([true, false, 1])
  })
})

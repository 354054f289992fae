/**
 * Goal: over BLE connections nodes sync as over any link, in the time that an encounter gives them; what their radios did
 * is in the books.
 * Method: whole engines on databases in memory that walk past each other, or carry operations between two that never
 * meet; then the transport alone, for speed and deaths.
 */

import { describe, expect, it } from 'vitest'
import { portableCrypto, SigningKey, Topic } from '../../engine/core/index.js'
import { createEngine, type Engine } from '../../engine/node/index.js'
import type { Connection, TransportHost } from '../../engine/ports.js'
import { bytesCodec } from '../../engine/streams/index.js'
import { createKernel, type Kernel, WORLD } from '../kernel/index.js'
import { EDGE_SPEC } from '../radio/ble/edge-spec.contract.js'
import type { AirNode, BleSpec, Place, Waypoint } from '../radio/index.js'
import { type BleConnections, createBleConnections } from './ble-connections.js'
import { combinedTransport } from './combined-transport.js'
import { createNetwork } from './links.js'
import { memoryStorage } from './memory-storage.js'

const SPEC = EDGE_SPEC
const NETWORK_ID = new Uint8Array(32).fill(3)
const TOPIC = Topic.fromBytes(new Uint8Array(32).fill(7))
const KEYS = Array.from({ length: 4 }, (_, at) => SigningKey.fromBytes(new Uint8Array(32).fill(at + 1)))
const IDS = KEYS.map(key => key.verifyingKey)

type Position = Place & { readonly move?: readonly Waypoint[] }

const at = (xM: number, yM = 0): Place => ({ xM, yM })

interface Air {
  readonly kernel: Kernel
  readonly ble: BleConnections
  pass(ms: number): void
}

function air(places: readonly Position[], spec: Partial<BleSpec> = {}, seed = 6): Air {
  const kernel = createKernel({ seed })
  const nodes = places.map(({ xM, yM, move }, node): AirNode => {
    return { node, name: `n${node}`, at: { xM, yM }, move: move ?? [], antenna: { gainDb: 0, heightM: 1 } }
  })
  const ble = createBleConnections({ kernel, spec: { ...SPEC, ...spec }, nodes, ids: IDS })
  const pass = (ms: number): void => {
    kernel.schedule(ms * 1_000, 'test', WORLD, () => {})
    kernel.run({ untilUs: kernel.nowUs + ms * 1_000 })
  }
  return { kernel, ble, pass }
}

function boot({ kernel, ble }: Air, node: number, transport = ble.transport(node)): Engine {
  const clock = kernel.clock(node)
  const engine = createEngine({
    signingKey: KEYS[node]!,
    networkId: NETWORK_ID,
    database: memoryStorage().open(clock),
    crypto: portableCrypto,
    clock,
    random: kernel.random(`nodes/${node}`),
    transport,
    trace: kernel.trace,
    ackPolicy: 'automatic',
    ordering: 'causal',
  })
  engine.subscribe(TOPIC, { codec: bytesCodec })
  return engine
}

/** Publishes in the kernel's own time. */
function publish({ kernel }: Air, engine: Engine, count: number, bytes = 60): void {
  kernel.schedule(0, 'test', WORLD, () => {
    for (let n = 0; n < count; n++) engine.publish(TOPIC, new Uint8Array(bytes).fill(n), false)
  })
}

function operationsOf(engine: Engine, author: number): number {
  const log = engine.store.logs.findLog(engine.store.logs.topics()[0]!, IDS[author]!)
  return log?.tip ? log.tip.seqNum + 1 : 0
}

describe('sync over BLE connections', () => {
  it('is done while two walkers pass each other', () => {
    // Toward each other at walking speed: within reach for two minutes or so.
    const world = air([
      { ...at(-400), move: [{ atMs: 0, to: at(600), speedMps: 1.4 }] },
      { ...at(400), move: [{ atMs: 0, to: at(-600), speedMps: 1.4 }] },
    ])
    const engines = [boot(world, 0), boot(world, 1)] as const
    publish(world, engines[0], 100)
    publish(world, engines[1], 50)
    world.pass(700_000)
    expect([operationsOf(engines[0], 1), operationsOf(engines[1], 0)]).toEqual([50, 100])
    expect(world.ble.isLinked(0, 1)).toBe(false)
    const account = world.ble.account()
    expect(account.connections).toBe(1)
    expect(account.frames).toBe(account.receptions + account.losses.weak)
    expect(account.bytes).toBeGreaterThan(150 * 200)
    expect([...account.airtimeUsOf.values()].reduce((sum, us) => sum + us, 0)).toBe(account.airtimeUs)
    expect(account.maxDutyCycle).toBeLessThan(0.01)
  })

  it('takes what it can of a short encounter, and the rest from the next one', () => {
    // A bus at 20 m/s, three times past a stop; the slow PHY, 65 kbit/s, and 880 kB to tell.
    const there = [0, 200_000, 400_000].map((atMs, nth): Waypoint => {
      return { atMs, to: at(nth % 2 === 0 ? 2_000 : -2_000), speedMps: 20 }
    })
    const world = air([at(0), { ...at(-2_000), move: there }], { phy: 'coded' })
    const engines = [boot(world, 0), boot(world, 1)] as const
    publish(world, engines[0], 110, 8_000)
    const seen: number[] = []
    for (let n = 0; n < 3; n++) {
      world.pass(200_000)
      seen.push(operationsOf(engines[1], 0))
    }
    expect(seen[0]).toBeGreaterThan(0)
    expect(seen[1]).toBeGreaterThan(seen[0]!)
    expect(seen[1]).toBeLessThan(110)
    expect(seen[2]).toBe(110)
    expect(world.ble.account().connections).toBe(3)
  })

  it('is carried by a walker between two that never meet', () => {
    const world = air([at(0), at(2_000), { ...at(0), move: [{ atMs: 30_000, to: at(2_000), speedMps: 1.4 }] }])
    const engines = [0, 1, 2].map(node => boot(world, node))
    publish(world, engines[0]!, 20)
    world.pass(2_000_000)
    expect([operationsOf(engines[1]!, 0), world.ble.isLinked(0, 1)]).toEqual([20, false])
  })

  it('passes through a node that has a wire as well', () => {
    const world = air([at(0), at(20), at(5_000)])
    const wires = createNetwork(world.kernel, { nodes: IDS })
    wires.addLink(1, 2, { latencyMs: 40 })
    wires.addLink(0, 1, { latencyMs: 40 })
    const engines = [0, 1, 2].map(node =>
      boot(world, node, combinedTransport([wires.transport(node), world.ble.transport(node)])),
    )
    world.pass(20_000)
    // The wire between the two that also hear each other is cut: what comes after goes by air.
    wires.setLink(0, 1, 'down')
    publish(world, engines[0]!, 10)
    world.pass(120_000)
    expect([operationsOf(engines[1]!, 0), operationsOf(engines[2]!, 0)]).toEqual([10, 10])
  })

  it('repeats bit for bit', () => {
    const run = (seed: number): string => {
      const world = air([at(0), at(100), { ...at(-300), move: [{ atMs: 0, to: at(400), speedMps: 3 }] }], {}, seed)
      const engines = [0, 1, 2].map(node => boot(world, node))
      publish(world, engines[0]!, 10)
      publish(world, engines[2]!, 10)
      world.pass(300_000)
      return world.kernel.fingerprint()
    }
    expect(run(1)).toBe(run(1))
    expect(run(1)).not.toBe(run(2))
  })
})

describe('the transport over BLE connections', () => {
  class Host implements TransportHost {
    readonly id
    readonly networkId = NETWORK_ID
    readonly log: string[] = []
    bytes = 0
    accepted: Connection | null = null
    readonly #kernel: Kernel

    constructor(kernel: Kernel, node: number) {
      this.#kernel = kernel
      this.id = IDS[node]!
    }

    peerFound(): void {
      this.#say('found')
    }

    peerLost(): void {
      this.#say('lost')
    }

    accept(connection: Connection): void {
      this.accepted = connection
      this.watch(connection)
    }

    watch(connection: Connection): void {
      connection.onClose(code => this.#say(`closed ${code}`))
      connection.onStream(stream =>
        stream.onData(bytes => {
          this.bytes += bytes.length
        }),
      )
    }

    /** What was said since the last look, and the whole second. */
    heard(): string[] {
      return this.log.splice(0)
    }

    #say(what: string): void {
      this.log.push(`${Math.floor(this.#kernel.nowUs / 1_000_000)} ${what}`)
    }
  }

  interface Pair extends Air {
    readonly hosts: readonly [Host, Host]
    readonly connection: Connection
  }

  /** Two nodes, linked and connected, at 10 s. */
  function connected(distanceM = 10, spec: Partial<BleSpec> = {}): Pair {
    const world = air([at(0), at(distanceM)], spec)
    const hosts = [new Host(world.kernel, 0), new Host(world.kernel, 1)] as const
    const a = world.ble.transport(0)
    a.start(hosts[0])
    world.ble.transport(1).start(hosts[1])
    world.pass(9_000)
    let connection: Connection | null = null
    a.dial(IDS[1]!, 'p', dialled => {
      connection = dialled
    })
    world.pass(1_000)
    expect([connection === null, hosts[1].accepted === null]).toEqual([false, false])
    hosts[0].watch(connection!)
    for (const host of hosts) host.heard()
    return { ...world, hosts, connection: connection! }
  }

  /** Bits a second that get through in 20 s. */
  function throughputBps(distanceM: number, spec: Partial<BleSpec>): number {
    const { hosts, connection, pass } = connected(distanceM, spec)
    const stream = connection.openBi()
    const pour = (): void => {
      while (stream.write(new Uint8Array(20_000)));
    }
    stream.onDrain(pour)
    pour()
    pass(20_000)
    return (hosts[1].bytes * 8) / 20
  }

  it.each([
    ['1M', 780_800],
    ['2M', 1_366_400],
    ['coded', 65_100],
  ] as const)('reaches nearly the ceiling of %s', (phy, ceiling) => {
    const share = throughputBps(10, { phy }) / ceiling
    expect(share).toBeGreaterThan(0.9)
    expect(share).toBeLessThan(1)
  })

  it('is slower where packets break, and slowest at the edge', () => {
    const [near, far, edge] = [10, 160, 185].map(distanceM => throughputBps(distanceM, {}))
    expect(far).toBeLessThan(near! * 0.99)
    expect(edge).toBeLessThan(far! / 2)
    expect(edge).toBeGreaterThan(10_000)
  })

  it('loses its connections 4 s after the nodes have parted, and finds again', () => {
    const { ble, hosts, pass } = connected()
    ble.place(1, at(5_000))
    pass(10_000)
    expect(hosts[0].heard()).toEqual(['14 closed null', '14 lost'])
    ble.place(1, at(10))
    pass(10_000)
    expect(hosts[0].heard().map(line => line.split(' ')[1])).toEqual(['found'])
  })

  it('goes on over a connection when the nodes come back in time', () => {
    const { ble, hosts, connection, pass } = connected()
    const stream = connection.openBi()
    ble.place(1, at(5_000))
    stream.write(new Uint8Array(5_000))
    pass(3_000)
    expect(hosts[1].bytes).toBe(0)
    ble.place(1, at(10))
    pass(1_000)
    expect(hosts[1].bytes).toBe(5_000)
    expect(hosts[0].heard().filter(line => !line.includes('found'))).toEqual([])
  })

  it('loses a link over which nothing gets through though the other still hears it', () => {
    // -100 dBm: empty packets pass now and then, full ones never.
    const { ble, hosts, connection, pass } = connected()
    ble.place(1, at(10 ** (60 / 25)))
    pass(10_000)
    expect(hosts[0].heard()).toEqual([])
    connection.openBi().write(new Uint8Array(5_000))
    pass(10_000)
    expect(hosts[0].heard()).toEqual(['24 closed null', '24 lost'])
  })

  it('tells of a death after the timeout, and of an end in order at once', () => {
    const power = connected()
    power.ble.die(1)
    power.pass(10_000)
    expect([power.hosts[0].heard(), power.hosts[1].heard()]).toEqual([['14 closed null', '14 lost'], []])
    const clean = connected()
    clean.ble.die(1, 'clean')
    clean.pass(10_000)
    expect(clean.hosts[0].heard()).toEqual(['10 closed null', '10 lost'])
    const boots = new Host(clean.kernel, 1)
    clean.ble.transport(1).start(boots)
    clean.pass(10_000)
    expect([boots.heard().length, clean.hosts[0].heard().length]).toEqual([1, 1])
  })

  it('costs no event while a connection is silent', () => {
    const { kernel } = connected()
    expect(kernel.scheduled).toBe(0)
  })
})

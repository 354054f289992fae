/**
 * Goal: with nodes that do as p2panda's do, where both sides begin and what comes too fast is lost, catch-up ends with
 * everything, and a pair at rest stays at rest.
 * Method: managers with `pairing: 'both'` over connections in memory and a clock turned by hand; all is an
 * eighth of its true size: the slow side queues 128 operations, takes some dozens a second and drops what comes beyond.
 */

import { describe, expect, it } from 'vitest'
import { bytesToHex, type VerifyingKey } from '../core/index.js'
import { CatchUp } from './catch-up.js'
import { connect, FakeClock, type FakeConnection, FakeStore, keyOf, makeOperation, TOPIC } from './fakes.contract.js'
import type { ReceivedOutcome, SyncSink } from './interfaces.js'
import { DEFAULT_SYNC_LIMITS } from './limits.js'
import { createSyncManager, type SyncManager } from './manager.js'

const AUTHOR = keyOf(9)
const { acceptedPerPair, recheckLiveMs, windowMaxOperations, windowOperations } = DEFAULT_SYNC_LIMITS

const LIMITS = { ...DEFAULT_SYNC_LIMITS, windowOperations: windowOperations / 8 }
/** Events that the slow side queues. */
const QUEUED = 128

/** Loses what it cannot queue without a word. */
class LossyStore extends FakeStore {
  dropped = 0
  readonly #queue: (() => void)[] = []
  /** What it has seen lately it does not look at again, whether or not it was lost. */
  readonly #seen = new Set<string>()

  constructor(clock: FakeClock, perSecond: number) {
    super()
    const work = (): void => {
      this.#queue.shift()?.()
      clock.after(1000 / perSecond, work)
    }
    clock.after(0, work)
  }

  override receive(...[from, operations, done]: Parameters<SyncSink['receive']>): boolean {
    for (const operation of operations) {
      const name = bytesToHex(operation.header)
      if (this.#seen.has(name)) continue
      this.#seen.add(name)
      for (const oldest of this.#seen) {
        if (this.#seen.size <= QUEUED) break
        this.#seen.delete(oldest)
      }
      if (this.#queue.length >= QUEUED) this.dropped++
      else this.#queue.push(() => super.receive(from, [operation], () => {}))
    }
    done(operations.map((): ReceivedOutcome => ({ outcome: 'held' })))
    return true
  }
}

interface Host {
  readonly id: VerifyingKey
  readonly manager: SyncManager
  readonly store: FakeStore
}

class Network {
  readonly clock = new FakeClock()
  readonly hosts = new Map<VerifyingKey, Host>()
  readonly connections: [FakeConnection, FakeConnection][] = []

  host(number: number, store: FakeStore = new FakeStore()): Host {
    const id = keyOf(number)
    const manager = createSyncManager({
      id,
      clock: this.clock,
      random: { bytes: length => new Uint8Array(length), float: () => 0.5 },
      source: store,
      sink: store,
      listener: () => {},
      protocol: '/test',
      pairing: 'both',
      limits: LIMITS,
      dial: (peer, _, done) => {
        this.clock.after(1, () => {
          const other = this.hosts.get(peer)
          if (!other) return done(null)
          const ends = connect(this.clock, id, peer)
          this.connections.push(ends)
          this.clock.after(0, () => other.manager.accept(ends[1]))
          done(ends[0])
        })
      },
    })
    store.onStored = () => manager.stored(TOPIC)
    const host = { id, manager, store }
    this.hosts.set(id, host)
    return host
  }

  meet(...hosts: readonly [Host, Host]): void {
    for (const { manager } of hosts) manager.topicAdded(TOPIC)
    hosts[0].manager.partnerFound(TOPIC, hosts[1].id)
    hosts[1].manager.partnerFound(TOPIC, hosts[0].id)
  }

  get open(): number {
    return this.connections.filter(([initiator]) => !initiator.closed).length
  }
}

function fill(store: FakeStore, count: number): void {
  for (let seqNum = 0; seqNum < count; seqNum++) store.publish(makeOperation(AUTHOR, seqNum))
}

describe('both sides begin', () => {
  it('and both sessions run, and stay', () => {
    const network = new Network()
    const hosts = [network.host(1), network.host(2)] as const
    network.meet(...hosts)
    network.clock.advance(60_000)
    expect(network.connections.map(([{ remote }]) => remote).sort()).toEqual([hosts[0].id, hosts[1].id].sort())
    expect(hosts.map(({ manager }) => manager.metrics().live)).toEqual([2, 2])
  })

  it('what is new arrives once', () => {
    const network = new Network()
    const hosts = [network.host(1), network.host(2)] as const
    network.meet(...hosts)
    network.clock.advance(100)
    fill(hosts[0].store, 3)
    network.clock.advance(100)
    expect(hosts[1].store.operations).toHaveLength(3)
  })

  it('no more are put up with than the limit, and the newest stay', () => {
    const network = new Network()
    const host = network.host(1)
    host.manager.topicAdded(TOPIC)
    const guests = Array.from({ length: acceptedPerPair + 2 }, () => network.host(2))
    for (const { manager } of guests) {
      manager.topicAdded(TOPIC)
      manager.partnerFound(TOPIC, host.id)
      network.clock.advance(50)
    }
    expect(host.manager.metrics().live).toBe(acceptedPerPair)
    expect(network.connections.at(-1)![0].closed).toBe(false)
  })
})

describe('catch-up', () => {
  it.each([20, 46, 150])('ends with everything and loses nothing at %i operations a second', perSecond => {
    const network = new Network()
    const slow = new LossyStore(network.clock, perSecond)
    const hosts = [network.host(1), network.host(2, slow)] as const
    fill(hosts[0].store, 500)
    network.meet(...hosts)
    // Twice as long as it would take without a pause.
    for (let seconds = 0; seconds < (2 * 500) / perSecond + 5; seconds++) network.clock.advance(1000)
    expect([slow.operations.length, slow.dropped]).toEqual([500, 0])
    network.clock.advance(60_000)
    const sessions = network.connections.length
    network.clock.advance(100_000)
    expect([network.connections.length, network.open]).toEqual([sessions, 2])
  })

  it('of a peer that keeps up takes few sessions', () => {
    const network = new Network()
    const hosts = [network.host(1), network.host(2)] as const
    fill(hosts[0].store, 1000)
    network.meet(...hosts)
    for (let steps = 0; steps < 100; steps++) network.clock.advance(100)
    expect(hosts[1].store.operations).toHaveLength(1000)
    expect(network.connections.length).toBeLessThan(20)
  })

  it('goes on after a burst of what is new, and looks whether it has arrived', () => {
    const network = new Network()
    const slow = new LossyStore(network.clock, 38)
    const hosts = [network.host(1), network.host(2, slow)] as const
    network.meet(...hosts)
    network.clock.advance(100)
    fill(hosts[0].store, 375)
    for (let seconds = 0; seconds < 40; seconds++) network.clock.advance(1000)
    expect([slow.operations.length, slow.dropped]).toEqual([375, 0])
    network.clock.advance(recheckLiveMs * 2)
    const sessions = network.connections.length
    hosts[0].store.publish(makeOperation(AUTHOR, 375))
    network.clock.advance(recheckLiveMs * 2)
    expect(slow.operations).toHaveLength(376)
    // One for each side: in live mode both have told the other of it.
    expect(network.connections.length - sessions).toBeGreaterThan(0)
    expect(network.connections.length - sessions).toBeLessThanOrEqual(2)
  })

  it('asks ever less often a peer that never takes what it lacks', () => {
    const network = new Network()
    const deaf = new LossyStore(network.clock, 0.000_001)
    const hosts = [network.host(1), network.host(2, deaf)] as const
    fill(hosts[0].store, 10)
    network.meet(...hosts)
    for (let minutes = 0; minutes < 20; minutes++) network.clock.advance(60_000)
    expect(network.connections.length).toBeLessThan(100)
  })
})

describe('the window', () => {
  it('grows while all arrives, falls back at once, and never passes its limit', () => {
    const catchUp = new CatchUp(DEFAULT_SYNC_LIMITS)
    expect(catchUp.window).toBe(windowOperations)
    let lack = 1_000_000
    for (let sessions = 0; sessions < 20; sessions++) {
      const allowed = catchUp.allow(lack)
      catchUp.sent(allowed)
      lack -= allowed
    }
    expect(catchUp.window).toBe(windowMaxOperations)
    catchUp.allow(lack + 1)
    expect(catchUp.window).toBe(windowOperations)
  })

  it('waits while something arrives, and sends again what has not come after some looks', () => {
    const catchUp = new CatchUp(DEFAULT_SYNC_LIMITS)
    catchUp.sent(catchUp.allow(10_000))
    const still = 10_000 - windowOperations
    expect([catchUp.allow(9900), catchUp.allow(9800)]).toEqual([0, 0])
    expect(catchUp.allow(still + 10)).toBe(windowOperations)
    catchUp.sent(windowOperations)
    expect([1, 2, 3].map(() => catchUp.allow(still + 10))).toEqual([0, 0, windowOperations])
  })

  it('pauses longer from one loss to the next, and shortly again after the first progress', () => {
    const catchUp = new CatchUp(DEFAULT_SYNC_LIMITS)
    const pauses: number[] = []
    catchUp.sent(catchUp.allow(1000))
    for (let sessions = 0; sessions < 9; sessions++) {
      catchUp.sent(catchUp.allow(1000))
      pauses.push(catchUp.pauseMs)
    }
    expect(pauses).toEqual([300, 300, 600, 600, 600, 1200, 1200, 1200, 2400])
    catchUp.allow(999)
    expect(catchUp.pauseMs).toBe(300)
  })
})

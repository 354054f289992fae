/**
 * Goal: managers keep one session with each peer for each common topic, agree on who begins, and begin again.
 * Method: several managers whose dials make connections in memory, with a clock turned by hand and chance fixed.
 */

import { describe, expect, it } from 'vitest'
import type { Topic, VerifyingKey } from '../core/index.js'
import { connect, FakeClock, type FakeConnection, FakeStore, keyOf, makeOperation, TOPIC } from './fakes.contract.js'
import type { SyncEvent } from './interfaces.js'
import { DEFAULT_SYNC_LIMITS, type SyncLimits } from './limits.js'
import { createSyncManager, type SyncManager } from './manager.js'

interface Host {
  readonly id: VerifyingKey
  readonly manager: SyncManager
  readonly store: FakeStore
  readonly events: SyncEvent[]
  readonly dialledAtMs: number[]
}

const { yieldMs, retryMinMs, retryMaxMs } = DEFAULT_SYNC_LIMITS
/** More than one turn of everything in memory takes. */
const SOON = 20

class Network {
  readonly clock = new FakeClock()
  readonly hosts = new Map<VerifyingKey, Host>()
  readonly connections: [FakeConnection, FakeConnection][] = []
  /** Nobody can be dialled. */
  down = false
  dialMs = 1
  chance = 0.5

  host(number: number, limits: Partial<SyncLimits> = {}): Host {
    const id = keyOf(number)
    const store = new FakeStore()
    const events: SyncEvent[] = []
    const dialledAtMs: number[] = []
    const manager = createSyncManager({
      id,
      clock: this.clock,
      random: { bytes: length => new Uint8Array(length), float: () => this.chance },
      source: store,
      sink: store,
      listener: event => events.push(event),
      protocol: '/test',
      limits,
      dial: (peer, _, done) => {
        dialledAtMs.push(this.clock.nowMs())
        this.clock.after(this.dialMs, () => {
          const other = this.hosts.get(peer)
          if (this.down || !other) return done(null)
          const ends = connect(this.clock, id, peer)
          this.connections.push(ends)
          this.clock.after(0, () => other.manager.accept(ends[1]))
          done(ends[0])
        })
      },
    })
    store.onStored = () => manager.stored(TOPIC)
    const host = { id, manager, store, events, dialledAtMs }
    this.hosts.set(id, host)
    return host
  }

  meet(left: Host, right: Host): void {
    left.manager.peerFound(right.id)
    right.manager.peerFound(left.id)
  }
}

const live = (...hosts: Host[]) => hosts.map(({ manager }) => manager.metrics().live)

describe('who begins', () => {
  it('the smaller id at once, whatever came first, topic or peer', () => {
    for (const peersFirst of [true, false]) {
      const network = new Network()
      const small = network.host(1)
      const large = network.host(2)
      if (peersFirst) network.meet(small, large)
      for (const host of [large, small]) host.manager.topicAdded(TOPIC)
      if (!peersFirst) network.meet(small, large)
      network.clock.advance(SOON)
      expect(live(small, large)).toEqual([1, 1])
      network.clock.advance(yieldMs * 2)
      expect([small.dialledAtMs, large.dialledAtMs]).toEqual([[0], []])
    }
  })

  it('the larger id when nothing came in its time', () => {
    const network = new Network()
    const small = network.host(1)
    const large = network.host(2)
    for (const host of [large, small]) host.manager.topicAdded(TOPIC)
    large.manager.peerFound(small.id)
    network.clock.advance(yieldMs - 1)
    expect(large.dialledAtMs).toEqual([])
    network.clock.advance(SOON)
    expect(large.dialledAtMs).toEqual([yieldMs])
    expect(live(small, large)).toEqual([1, 1])
  })

  it('of two dials at the same moment that of the smaller id stands', () => {
    const network = new Network()
    const small = network.host(1)
    const large = network.host(2, { yieldMs: 0 })
    network.meet(small, large)
    for (const host of [large, small]) host.manager.topicAdded(TOPIC)
    network.clock.advance(SOON)
    expect([small.dialledAtMs, large.dialledAtMs]).toEqual([[0], [0]])
    expect(live(small, large)).toEqual([1, 1])
    expect([small.manager.metrics().active, large.manager.metrics().active]).toEqual([1, 1])
    expect(network.connections.map(([initiator]) => [initiator.remote, initiator.closed])).toContainEqual([
      large.id,
      false,
    ])
  })

  it('a peer that comes back replaces the session it had', () => {
    for (const returning of [1, 2]) {
      const network = new Network()
      const hosts = [network.host(1), network.host(2)] as const
      network.meet(...hosts)
      for (const host of hosts) host.manager.topicAdded(TOPIC)
      network.clock.advance(SOON)
      const stays = hosts[2 - returning]!
      const [small, large] = network.connections[0]!
      const gone = returning === 1 ? small : large
      gone.freeze()
      const back = network.host(returning)
      back.manager.topicAdded(TOPIC)
      back.manager.peerFound(stays.id)
      network.clock.advance(yieldMs + SOON)
      expect(live(back, stays)).toEqual([1, 1])
      expect(stays.manager.metrics().active).toBe(1)
      expect(stays.events.map(({ type }) => type).slice(2)).toEqual(['session-ended', 'sync-started', 'sync-finished'])
      stays.store.publish(makeOperation(keyOf(9), 0))
      network.clock.advance(SOON)
      expect(back.store.operations).toHaveLength(1)
    }
  })
})

describe('beginning again', () => {
  it('waits longer after each failure, within its bounds, and anew after a success', () => {
    const network = new Network()
    network.down = true
    const small = network.host(1)
    const large = network.host(2)
    small.manager.topicAdded(TOPIC)
    large.manager.topicAdded(TOPIC)
    small.manager.peerFound(large.id)
    network.clock.advance(200_000)
    const gaps = small.dialledAtMs.slice(1).map((atMs, index) => atMs - small.dialledAtMs[index]! - network.dialMs)
    expect(gaps.slice(0, 4)).toEqual([3000, 6000, 12_000, 22_500])
    expect(gaps.at(-1)).toBe(retryMaxMs * 0.75)

    network.down = false
    network.clock.advance(retryMaxMs)
    expect(live(small, large)).toEqual([1, 1])
    network.connections.at(-1)?.[0].lose(null)
    network.connections.at(-1)?.[1].lose(null)
    const before = small.dialledAtMs.length
    network.clock.advance(1500 + SOON)
    expect(small.dialledAtMs).toHaveLength(before + 1)
    expect(live(small, large)).toEqual([1, 1])
  })

  it.each([0, 0.999_999])('with chance %d keeps its first and longest wait within the bounds', chance => {
    const network = new Network()
    network.down = true
    network.chance = chance
    const small = network.host(1)
    small.manager.topicAdded(TOPIC)
    small.manager.peerFound(keyOf(2))
    network.clock.advance(500_000)
    const gaps = small.dialledAtMs.slice(1).map((atMs, index) => atMs - small.dialledAtMs[index]! - network.dialMs)
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(retryMinMs)
    expect(Math.max(...gaps)).toBeLessThanOrEqual(retryMaxMs)
  })

  it('goes on asking a peer that does not serve the topic, without a word to the streams', () => {
    const network = new Network()
    const small = network.host(1)
    const large = network.host(2)
    network.meet(small, large)
    small.manager.topicAdded(TOPIC)
    network.clock.advance(10_000)
    expect(small.dialledAtMs.length).toBeGreaterThan(1)
    expect(small.events).toEqual([])
    large.manager.topicAdded(TOPIC)
    network.clock.advance(yieldMs + SOON)
    expect(live(small, large)).toEqual([1, 1])
  })

  it('ends with the peer, the topic and the node', () => {
    for (const stop of [
      (host: Host) => host.manager.peerLost(keyOf(2)),
      (host: Host) => host.manager.topicRemoved(TOPIC),
      (host: Host) => host.manager.stop(),
    ]) {
      const network = new Network()
      network.down = true
      const small = network.host(1)
      small.manager.topicAdded(TOPIC)
      small.manager.peerFound(keyOf(2))
      network.clock.advance(10)
      stop(small)
      network.clock.advance(100_000)
      expect(small.dialledAtMs).toHaveLength(1)
      expect(network.clock.pending).toBe(0)
    }
  })

  it('drops a connection that comes when the topic is gone', () => {
    const network = new Network()
    const small = network.host(1)
    const large = network.host(2)
    large.manager.topicAdded(TOPIC)
    small.manager.topicAdded(TOPIC)
    small.manager.peerFound(large.id)
    small.manager.topicRemoved(TOPIC)
    network.clock.advance(SOON)
    expect(network.connections.map(([initiator]) => initiator.closed)).toEqual([true])
    expect(small.manager.metrics().active).toBe(0)
  })
})

describe('partners of one topic', () => {
  const OTHER = keyOf(77) as unknown as Topic

  function pair(): [Network, Host, Host] {
    const network = new Network()
    const hosts: [Host, Host] = [network.host(1), network.host(2)]
    for (const { manager } of hosts) for (const topic of [TOPIC, OTHER]) manager.topicAdded(topic)
    return [network, ...hosts]
  }

  it('sync that topic and no other', () => {
    const [network, small, large] = pair()
    small.manager.partnerFound(TOPIC, large.id)
    network.clock.advance(SOON)
    expect(small.events.map(({ topic, type }) => [topic, type])).toEqual([
      [TOPIC, 'sync-started'],
      [TOPIC, 'sync-finished'],
    ])
    expect(live(small, large)).toEqual([1, 1])
  })

  it('are let go in order when they are lost, and come again', () => {
    const [network, small, large] = pair()
    for (const [host, other] of [
      [small, large],
      [large, small],
    ] as const) {
      host.manager.partnerFound(TOPIC, other.id)
    }
    network.clock.advance(SOON)
    small.manager.partnerLost(TOPIC, large.id)
    large.manager.partnerLost(TOPIC, small.id)
    network.clock.advance(100_000)
    expect(live(small, large)).toEqual([0, 0])
    expect(small.dialledAtMs).toHaveLength(1)
    expect(small.events.at(-1)).toMatchObject({ type: 'session-ended', error: null })
    large.manager.partnerFound(TOPIC, small.id)
    network.clock.advance(yieldMs + SOON)
    expect(live(small, large)).toEqual([1, 1])
  })

  it('finish what they exchange before they are let go', () => {
    const [network, small, large] = pair()
    large.store.publish(makeOperation(keyOf(9), 0))
    small.manager.partnerFound(TOPIC, large.id)
    network.clock.advance(network.dialMs)
    small.manager.partnerLost(TOPIC, large.id)
    network.clock.advance(SOON)
    expect(small.store.operations).toHaveLength(1)
    expect(live(small, large)).toEqual([0, 0])
  })

  it('that were found as peers too stay', () => {
    const [network, small, large] = pair()
    small.manager.peerFound(large.id)
    small.manager.partnerFound(TOPIC, large.id)
    network.clock.advance(SOON)
    small.manager.partnerLost(TOPIC, large.id)
    network.clock.advance(SOON)
    expect(live(small, large)).toEqual([2, 2])
  })

  it('are forgotten with the topic', () => {
    const [network, small, large] = pair()
    small.manager.partnerFound(TOPIC, large.id)
    network.clock.advance(SOON)
    small.manager.topicRemoved(TOPIC)
    network.clock.advance(SOON)
    small.manager.topicAdded(TOPIC)
    network.clock.advance(100_000)
    expect(small.dialledAtMs).toHaveLength(1)
  })
})

describe('sessions of many', () => {
  function line(): [Network, Host, Host, Host] {
    const network = new Network()
    const hosts = [network.host(1), network.host(2), network.host(3)] as const
    network.meet(hosts[0], hosts[1])
    network.meet(hosts[1], hosts[2])
    for (const [index, host] of hosts.entries()) {
      host.store.add(makeOperation(keyOf(10 + index), 0))
      host.manager.topicAdded(TOPIC)
    }
    network.clock.advance(SOON * 3)
    return [network, ...hosts]
  }

  it('pass on what they hear and never send it back', () => {
    const [network, left, middle, right] = line()
    for (const [index, host] of [left, middle, right].entries()) host.store.publish(makeOperation(keyOf(10 + index), 1))
    network.clock.advance(SOON * 3)
    for (const host of [left, middle, right]) {
      expect(host.store.ids()).toHaveLength(6)
      expect(host.store.received).toHaveLength(4)
    }
  })

  it('close in order when the topic is removed, and the others stay', () => {
    const [network, left, middle, right] = line()
    left.manager.topicRemoved(TOPIC)
    network.clock.advance(SOON)
    expect(left.events.at(-1)).toMatchObject({ type: 'session-ended', error: null })
    expect(middle.events.at(-1)).toMatchObject({ type: 'session-ended', error: null, remote: left.id })
    expect(live(left, middle, right)).toEqual([0, 1, 1])
    left.manager.topicAdded(TOPIC)
    network.clock.advance(SOON)
    expect(live(left, middle, right)).toEqual([1, 2, 1])
  })

  it('end at once with the node', () => {
    const [network, left, middle] = line()
    middle.manager.stop()
    expect(middle.manager.metrics()).toMatchObject({ active: 0, live: 0, failed: 0 })
    network.clock.advance(SOON)
    expect(left.events.at(-1)).toMatchObject({ type: 'session-ended', error: null })
  })

  it('are counted', () => {
    const [, left, middle] = line()
    expect(middle.manager.metrics()).toMatchObject({ active: 2, live: 2, sessions: 2, completed: 2, failed: 0 })
    const { wireBytesSent, sentSyncOperations, sentLiveOperations } = left.manager.metrics()
    expect(wireBytesSent).toBeGreaterThan(0)
    expect(sentSyncOperations + sentLiveOperations).toBe(1)
  })

  it.each([
    ['with one peer', { sessionsPerPeer: 2 }],
    ['in all', { sessions: 2 }],
  ])('are limited %s', (_, limits) => {
    const network = new Network()
    const small = network.host(1)
    const large = network.host(2, limits)
    network.meet(small, large)
    const topics = ['01', '02', '03'].map(byte => byte.repeat(32) as Topic)
    for (const topic of topics) {
      large.manager.topicAdded(topic)
      small.manager.topicAdded(topic)
    }
    network.clock.advance(SOON)
    expect(large.manager.metrics().live).toBe(2)
    large.manager.topicRemoved(topics[0]!)
    network.clock.advance(10_000)
    expect(large.manager.metrics().live).toBe(2)
    expect(new Set(large.events.map(({ topic }) => topic))).toEqual(new Set(topics))
  })
})

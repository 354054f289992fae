/**
 * Goal: the small accounts of the transport are right: which streams are new, whom one can reach.
 * Method: a plain model beside each, over random histories; limits at the bound and one past it.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { VerifyingKey } from '../../core/index.js'
import { Peers } from '../addressed/peers.js'
import { Arrivals } from './arrivals.js'
import { SKIPPED_STREAMS } from './limits.js'
import { ownPlaces } from './own-addresses.js'

describe('arrivals', () => {
  it('takes each number of the remote once, in any order that is near', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 200 })), fc.constantFrom(0, 1), (numbers, first) => {
        const arrivals = new Arrivals(first)
        const seen = new Set<number>()
        for (const number of numbers) {
          expect(arrivals.take(number)).toBe(number % 2 === first && !seen.has(number))
          if (number % 2 === first) seen.add(number)
        }
      }),
    )
  })

  it('lets no more numbers be passed over than it can remember', () => {
    const at = new Arrivals(0)
    expect(at.take(2 * SKIPPED_STREAMS)).toBe(true)
    expect(at.take(2 * SKIPPED_STREAMS + 2)).toBe(true)
    expect(at.take(2 * SKIPPED_STREAMS + 6)).toBe(false)
    expect(at.take(0)).toBe(true)
    expect(at.take(2 * SKIPPED_STREAMS + 6)).toBe(true)
    expect(new Arrivals(0).take(2 * SKIPPED_STREAMS + 2)).toBe(false)
  })
})

describe('peers', () => {
  const A = 'a'.repeat(64) as VerifyingKey
  const B = 'b'.repeat(64) as VerifyingKey
  const C = 'c'.repeat(64) as VerifyingKey

  function watched(maxPeers = 10, maxAddresses = 3): { peers: Peers; told: string[] } {
    const told: string[] = []
    const peers = new Peers({
      maxPeers,
      maxAddresses,
      found: (peer, origin) => told.push(`${peer[0]} ${origin}`),
      lost: peer => told.push(`${peer[0]} lost`),
    })
    return { peers, told }
  }

  it('are found once for each way, and lost with the last one', () => {
    const { peers, told } = watched()
    peers.linkOpened(A, true)
    peers.linkOpened(A, true)
    peers.heard(A, ['/1'])
    peers.heard(A, ['/2'])
    peers.linkClosed(A)
    peers.linkClosed(A)
    expect(told).toEqual(['a incoming', 'a local'])
    expect(peers.placesOf(A)).toEqual(['/2'])
    peers.notThere(A)
    peers.notThere(A)
    expect(told).toEqual(['a incoming', 'a local', 'a lost'])
    expect(peers.size).toBe(0)
  })

  it('that came by themselves are lost when they go', () => {
    const { peers, told } = watched()
    peers.linkOpened(A, true)
    peers.linkClosed(A)
    peers.linkOpened(A, true)
    expect(told).toEqual(['a incoming', 'a lost', 'a incoming'])
  })

  it('that we have dialled are no news, and those with a given address stay', () => {
    const { peers, told } = watched()
    peers.given(A, '/1')
    peers.linkOpened(A, false)
    peers.linkClosed(A)
    peers.notThere(A)
    peers.learn(A, [])
    expect([told, peers.placesOf(A)]).toEqual([['a bootstrap'], ['/1']])
  })

  it('are learnt without a word, and forgotten with an empty list', () => {
    const { peers, told } = watched()
    peers.learn(A, ['/1', '/2'])
    peers.learn(A, ['/3'])
    expect(peers.placesOf(A)).toEqual(['/3'])
    peers.learn(A, [])
    peers.learn(B, [])
    expect([told, peers.size]).toEqual([[], 0])
  })

  it('that came and have learnt addresses are lost with the last of these', () => {
    const { peers, told } = watched()
    peers.linkOpened(A, true)
    peers.learn(A, ['/1'])
    peers.linkClosed(A)
    expect(told).toEqual(['a incoming'])
    peers.learn(A, [])
    expect(told).toEqual(['a incoming', 'a lost'])
  })

  it('are bounded in number, given and linked ones kept, and so are their addresses', () => {
    const { peers, told } = watched(2)
    peers.given(A, '/1')
    peers.heard(B, ['/1', '/2', '/3', '/4'])
    expect(peers.placesOf(B)).toHaveLength(3)
    peers.learn(C, ['/1'])
    expect([peers.size, told]).toEqual([2, ['a bootstrap', 'b local', 'b lost']])
    for (let n = 0; n < 5; n++) peers.given(A, `/${n}`)
    expect(peers.placesOf(A)).toEqual(['/2', '/3', '/4'])
  })
})

describe('own addresses', () => {
  const listener = (...places: string[]): Parameters<typeof ownPlaces>[0] =>
    [{ getAddrs: () => places.map(place => ({ toString: () => place })) }] as unknown as Parameters<typeof ownPlaces>[0]

  it('name loopback only when there is nothing else, and link-local IPv6 never', () => {
    expect(ownPlaces(listener('/ip4/127.0.0.1/tcp/1', '/ip6/::1/tcp/1', '/ip6/fe80::1/tcp/1'))).toEqual([
      '/ip4/127.0.0.1/tcp/1',
      '/ip6/::1/tcp/1',
    ])
    expect(ownPlaces(listener('/ip4/127.0.0.1/tcp/1', '/ip4/192.0.2.1/tcp/1/p2p/x', '/ip4/192.0.2.1/tcp/1'))).toEqual([
      '/ip4/192.0.2.1/tcp/1',
    ])
  })
})

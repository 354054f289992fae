/**
 * Goal: the two notations of addresses are read as they are printed, and nothing else is taken for one.
 * Method: libp2p's own peer ids and multiaddrs as oracle, round trips by property, a list of what must be refused.
 */

import { generateKeyPair, generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isThicketError, SigningKey } from '../core/index.js'
import { formatAddress, isListenPlace, isTcpPlace, parseAddress } from './addresses.js'
import { keyOfPeerId, peerIdText } from './libp2p/peer-id.js'

const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 })
const key = SigningKey.fromBytes(new Uint8Array(32).fill(7)).verifyingKey
const id = peerIdText(key)
const hosts = fc.oneof(
  fc.ipV4().map(host => ['ip4', host] as const),
  fc.ipV6().map(host => ['ip6', host] as const),
  fc.domain().map(host => ['dns', host] as const),
)
const ports = fc.integer({ min: 1, max: 65_535 })

describe('peer ids', () => {
  it('are the ones that libp2p gives to the same keys, both ways', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, async seed => {
        const theirs = peerIdFromPrivateKey(await generateKeyPairFromSeed('Ed25519', seed)).toString()
        const ours = SigningKey.fromBytes(seed).verifyingKey
        expect([peerIdText(ours), keyOfPeerId(theirs)]).toEqual([theirs, ours])
      }),
      { numRuns: 20 },
    )
  })

  it('of other keys, and damaged ones, are none', async () => {
    expect(keyOfPeerId(peerIdFromPrivateKey(await generateKeyPair('secp256k1')).toString())).toBeNull()
    for (const text of [
      '',
      id.slice(1),
      `1${id}`,
      `${id.slice(0, -1)}0`,
      id.toLowerCase(),
      '1'.repeat(52),
      'z'.repeat(52),
    ]) {
      expect(keyOfPeerId(text), text).toBeNull()
    }
  })

  it('take any text without throwing', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 60 }), text => void keyOfPeerId(text)))
  })
})

describe('addresses', () => {
  it('of libp2p come back from their text, which libp2p reads as well', () => {
    fc.assert(
      fc.property(hosts, ports, ([family, host], port) => {
        const place = `/${family}/${host}/tcp/${port}`
        const text = formatAddress({ kind: 'libp2p', peer: key, place })
        expect(parseAddress(text)).toEqual({ kind: 'libp2p', peer: key, place })
        expect(
          multiaddr(text)
            .getComponents()
            .map(({ name }) => name),
        ).toEqual([family, 'tcp', 'p2p'])
      }),
    )
  })

  it('of iroh come back from their text', () => {
    fc.assert(
      fc.property(hosts, ports, ([family, host], port) => {
        const place = family === 'ip6' ? `[${host}]:${port}` : `${host}:${port}`
        const text = formatAddress({ kind: 'iroh', peer: key, place })
        expect(parseAddress(text)).toEqual({ kind: 'iroh', peer: key, place })
      }),
    )
  })

  it('take a node id in capitals for the same node', () => {
    expect(parseAddress(`iroh:${key.toUpperCase()}@localhost:4001`).peer).toBe(key)
  })

  it.each([
    '',
    'no such address',
    '/ip4/192.0.2.1/tcp/4001',
    `/ip4/192.0.2.1/tcp/4001/p2p/`,
    `/ip4/192.0.2.1/tcp/4001/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N`,
    `/ip4/192.0.2.1/tcp/0/p2p/${id}`,
    `/ip4/192.0.2.1/tcp/65536/p2p/${id}`,
    `/ip4/192.0.2.1/tcp/04001/p2p/${id}`,
    `/ip4/192.0.2.256/tcp/4001/p2p/${id}`,
    `/ip4/::1/tcp/4001/p2p/${id}`,
    `/ip6/fe80::1%eth0/tcp/4001/p2p/${id}`,
    `/ip4/192.0.2.1/udp/4001/p2p/${id}`,
    `/ip4/192.0.2.1/tcp/4001/ws/p2p/${id}`,
    `/ip4/192.0.2.1/tcp/4001/p2p/${id}/p2p-circuit/p2p/${id}`,
    `/dns/${'a'.repeat(300)}/tcp/4001/p2p/${id}`,
    `/unix/tmp/tcp/4001/p2p/${id}`,
    `/p2p/${id}`,
    `iroh:${key}`,
    `iroh:${key}@`,
    `iroh:${key}@192.0.2.1`,
    `iroh:${key}@192.0.2.1:0`,
    `iroh:${key}@::1:4001`,
    `iroh:${key}@[192.0.2.1]:4001`,
    `iroh:${key.slice(2)}@192.0.2.1:4001`,
    `iroh:02${'00'.repeat(31)}@192.0.2.1:4001`,
    `iroh:192.0.2.1:4001`,
  ])('refuse %s', address => {
    let refusal: unknown
    try {
      parseAddress(address)
    } catch (error) {
      refusal = error
    }
    expect(isThicketError(refusal, 'address-invalid')).toBe(true)
  })

  it('to listen on are of this machine, with any port', () => {
    expect(['/ip4/127.0.0.1/tcp/0', '/ip6/::/tcp/4001'].map(isListenPlace)).toEqual([true, true])
    expect(['/dns/example.org/tcp/4001', '/ip4/127.0.0.1/tcp/0/p2p/x', '127.0.0.1:0'].map(isListenPlace)).toEqual([
      false,
      false,
      false,
    ])
    expect(isTcpPlace('/ip4/127.0.0.1/tcp/0')).toBe(false)
  })
})

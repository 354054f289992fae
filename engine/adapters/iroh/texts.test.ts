/**
 * Goal: what the library says in words, and what people write as places, is read as it is meant and never otherwise.
 * Method: examples as the library gives them, forgeries by a peer, and properties.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { protocolHash, protocolId } from '../../sync/index.js'
import { alpnOf, Protocols } from './alpn.js'
import { closeCode, handshakeViolation, streamFailure } from './failures.js'
import { dialTargets, isBindPlace, isPlace, relayOf } from './places.js'
import { Turns } from './turns.js'

describe('failures', () => {
  it.each([
    ['closed by peer: 17', 17],
    ['closed by peer: done (code 3)', 3],
    ['closed by peer: a lie (code 5) (code 6)', 6],
    ['closed by peer: two\nlines (code 9)', 9],
    [`closed by peer: ${2n ** 61n}`, 0xffffffff],
    ['closed', null],
    ['timed out', null],
    ['aborted by peer: the application or application protocol caused the connection to be closed', null],
    ['reset by peer', null],
    ['', null],
  ])('"%s" is a close with %s', (verdict, code) => expect(closeCode(verdict)).toBe(code))

  it('believes no code but the last of what a peer gives as its reason', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(0xffffffff), (reason, code) => {
        expect(closeCode(`closed by peer: ${reason === '' ? code : `${reason} (code ${code})`}`)).toBe(code)
      }),
    )
  })

  it.each([
    [new Error('Reset(42)\n\nStack backtrace:\n   0: Reset(1)'), { type: 'aborted', code: 42 }],
    [new Error('Stopped(0)'), { type: 'aborted', code: 0 }],
    [
      new Error('ConnectionLost(ApplicationClosed(ApplicationClose { error_code: 1, reason: b"Reset(3)" }))'),
      { type: 'gone' },
    ],
    ['ClosedStream', { type: 'gone' }],
  ])('%s is told as it is', (error, failure) => expect(streamFailure(error)).toEqual(failure))

  it('tells a protocol that is not ours from other failures', () => {
    expect(
      handshakeViolation(
        new Error("the cryptographic handshake failed: error 120: peer doesn't support any known protocol"),
      ),
    ).toBe('alpn-refused')
    expect(handshakeViolation(new Error('TimedOut'))).toBe('handshake-failed')
  })
})

describe('protocols', () => {
  const networkId = new Uint8Array(32).fill(7)

  it('of p2panda are the 32 bytes that our name for them carries', () => {
    expect(alpnOf(protocolId(networkId))).toEqual(protocolHash(networkId))
  })

  it('are known by what QUIC says, and others are not', () => {
    const protocols = new Protocols([protocolId(networkId), '/other/1'])
    expect(protocols.nameOf([...protocolHash(networkId)])).toBe(protocolId(networkId))
    expect(protocols.nameOf([...new TextEncoder().encode('/other/1')])).toBe('/other/1')
    expect([protocols.nameOf([]), protocols.nameOf([1, 2, 3])]).toEqual([null, null])
  })
})

describe('places', () => {
  it.each([
    '127.0.0.1:1',
    '[::1]:65535',
    'node.example:4001',
    'relay:https://relay.example',
    'relay:http://[::1]:3340/',
  ])('%s is one', place => expect(isPlace(place)).toBe(true))

  it.each([
    '127.0.0.1',
    '::1:1',
    '[::1]',
    ':1',
    '127.0.0.1:0',
    'relay:',
    'relay:file:///etc',
    'relay:x',
    `relay:https://${'a'.repeat(600)}`,
    '[fe80::1%eth0]:1',
    '',
  ])('"%s" is none', place => expect(isPlace(place)).toBe(false))

  it('of relays have one text', () => expect(relayOf('relay:https://relay.example')).toBe('https://relay.example/'))

  it.each(['0.0.0.0:0', '[::]:0', '127.0.0.1:4001'])('%s can be bound', place => expect(isBindPlace(place)).toBe(true))
  it.each(['node.example:1', '[::]', '127.0.0.1:065', '127.0.0.1:65536'])('%s cannot be bound', place =>
    expect(isBindPlace(place)).toBe(false),
  )

  it('become what the library dials: sockets each once, one relay, names looked up', async () => {
    const targets = await dialTargets([
      '127.0.0.1:9',
      '127.0.0.1:9',
      'localhost:7',
      'relay:https://a.example',
      'relay:https://b.example',
    ])
    expect(targets.relay).toBe('https://a.example/')
    expect(targets.addresses[0]).toBe('127.0.0.1:9')
    expect(targets.addresses.length).toBeGreaterThan(1)
    for (const address of targets.addresses.slice(1)) expect(['127.0.0.1:7', '[::1]:7']).toContain(address)
  })

  it('whatever text comes, it is a place or not', () => {
    fc.assert(
      fc.property(fc.string(), text => typeof isPlace(text) === 'boolean' && typeof isBindPlace(text) === 'boolean'),
    )
  })
})

it('dials take turns: so many at once, so many waiting, in order', async () => {
  const turns = new Turns(2, 2)
  const began: number[] = []
  const taken = [0, 1, 2, 3, 4].map(number => turns.take()?.then(() => began.push(number)) ?? null)
  expect(taken[4]).toBeNull()
  await Promise.all(taken.slice(0, 2))
  expect(began).toEqual([0, 1])
  turns.giveBack()
  await taken[2]
  turns.giveBack()
  await taken[3]
  expect(began).toEqual([0, 1, 2, 3])
})

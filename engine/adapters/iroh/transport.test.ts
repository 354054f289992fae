/**
 * Goal: the transport finds, refuses and forgets peers as it says, keeps within its limits, and outlives what comes in.
 * Method: nodes on loopback with real QUIC; some of them with small limits, some peers that speak other protocols.
 */

import { createSocket } from 'node:dgram'
import { afterEach, describe, expect, it } from 'vitest'
import type { Connection, Stream } from '../../ports.js'
import { type IrohOptions, irohTransport } from './index.js'
import { keyOfNumber, Meeting, PROTOCOL, settle, until } from './nodes.contract.js'

const running: Meeting[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map(({ transport }) => transport.close()))
})

async function open(number: number, options: IrohOptions = {}, changes: ConstructorParameters<typeof Meeting>[2] = {}) {
  const node = new Meeting(keyOfNumber(number), options, changes)
  running.push(node)
  await node.transport.ready()
  return node
}

async function acquainted(options: IrohOptions = {}): Promise<[Meeting, Meeting]> {
  const [a, b] = [await open(1), await open(2, options)]
  a.transport.connect(b.transport.addresses()[0]!)
  return [a, b]
}

function quiet(connection: Connection): Connection {
  connection.onStream(() => {})
  connection.onClose(() => {})
  return connection
}

async function dialled(from: Meeting, to: Meeting): Promise<Connection> {
  const connection = await from.dial(to.id)
  expect(connection).not.toBeNull()
  return quiet(connection!)
}

describe('addresses', () => {
  it('are those of both families, with the id, and are told on', async () => {
    const told: string[] = []
    const node = await open(1, {}, { addressesChanged: () => told.push('changed') })
    const places = node.transport.addressing.own()
    expect(places).toHaveLength(2)
    expect(places[0]).toMatch(/^127\.0\.0\.1:\d+$/)
    expect(places[1]).toMatch(/^\[::1\]:\d+$/)
    expect(node.transport.addresses()).toEqual(places.map(place => `iroh:${node.id}@${place}`))
    expect(told).toEqual(['changed'])
  })

  it.each([
    ['127.0.0.1:0', /^127\.0\.0\.1:/],
    ['[::1]:0', /^\[::1\]:/],
  ])('of one family %s leave nothing open to the other', async (place, pattern) => {
    const node = await open(1, { listen: [place] })
    expect(node.transport.addressing.own()).toEqual([expect.stringMatching(pattern)])
  })

  it.each(['127.0.0.1', 'localhost:1', '[127.0.0.1]:1', '::1:1', '127.0.0.1:70000', ''])(
    'refuses to listen on "%s"',
    place => {
      expect(() => irohTransport({ listen: [place] })).toThrow(expect.objectContaining({ code: 'address-invalid' }))
    },
  )

  it.each(['ftp://relay.example', 'relay.example', ''])('refuses the relay "%s"', url => {
    expect(() => irohTransport({ relays: [url] })).toThrow(expect.objectContaining({ code: 'address-invalid' }))
  })

  it('refuses a libp2p address, and rejects where it cannot listen', async () => {
    const node = await open(1)
    const libp2p = '/ip4/127.0.0.1/tcp/1/p2p/12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5'
    expect(() => node.transport.connect(libp2p)).toThrow(expect.objectContaining({ code: 'address-invalid' }))
    const taken = node.transport.addressing.own()[0]!
    const second = new Meeting(keyOfNumber(2), { listen: [taken] })
    await expect(second.transport.ready()).rejects.toMatchObject({ code: 'listen-failed' })
    expect(await second.dial(node.id)).toBeNull()
  })
})

describe('peers', () => {
  it('that come to us are found, and can be dialled back without an address', async () => {
    const [a, b] = await acquainted()
    const connection = await dialled(a, b)
    await until(() => b.accepted.length === 1)
    expect(b.found).toEqual([`${a.id.slice(0, 8)} incoming`])
    const back = await b.dial(a.id)
    expect(back?.remote).toBe(a.id)
    connection.close(0)
    back?.close(0)
    await until(() => b.lost.length > 0)
    expect(b.lost).toEqual([a.id])
  })

  it('are learnt and forgotten; places that are none are left out and counted', async () => {
    const [a, b] = [await open(1), await open(2)]
    a.transport.addressing.learn(b.id, ['nonsense', '1.2.3.4', ...b.transport.addressing.own()])
    expect(a.transport.metrics().violations).toEqual({ 'address-invalid': 2 })
    expect(await a.dial(b.id)).not.toBeNull()
    a.transport.addressing.learn(b.id, [])
    expect(await a.dial(keyOfNumber(9).verifyingKey)).toBeNull()
  })

  it('with another key than the one that was asked for are not reached', async () => {
    const [a, b] = [await open(1, { limits: { dialMs: 1500 } }), await open(2)]
    a.transport.addressing.learn(keyOfNumber(3).verifyingKey, b.transport.addressing.own())
    expect(await a.dial(keyOfNumber(3).verifyingKey)).toBeNull()
    await settle()
    expect(b.accepted).toEqual([])
  })

  it('that are denied are neither dialled nor accepted', async () => {
    const a = await open(1)
    const b = await open(2, {}, { mayConnect: peer => peer !== a.id })
    a.transport.connect(b.transport.addresses()[0]!)
    b.transport.connect(a.transport.addresses()[0]!)
    const closes: (number | null)[] = []
    const connection = await a.dial(b.id)
    connection?.onClose(code => closes.push(code))
    await until(() => closes.length === 1)
    expect(await b.dial(a.id)).toBeNull()
    expect([b.accepted, closes]).toEqual([[], [0]])
    expect(b.transport.metrics().violations).toEqual({ 'peer-denied': 1 })
  })

  it('that speak another protocol are refused, and the next one is not', async () => {
    const [a, b] = await acquainted()
    expect(await a.dial(b.id, '/another/1')).toBeNull()
    await until(() => Object.keys(b.transport.metrics().violations).length > 0)
    expect(b.transport.metrics().violations).toEqual({ 'alpn-refused': 1 })
    expect(await a.dial(b.id)).not.toBeNull()
  })
})

describe('limits', () => {
  it('of connections, in all and for one peer', async () => {
    const [a, b] = await acquainted({ limits: { connectionsPerPeer: 2 } })
    const closes: number[] = []
    for (let number = 0; number < 3; number++) {
      const connection = await dialled(a, b)
      connection.onClose(() => closes.push(number))
      await until(() => b.accepted.length + closes.length === number + 1)
    }
    expect(closes).toEqual([2])
    expect(b.transport.metrics()).toMatchObject({ connections: 2, violations: { 'connections-exceeded': 1 } })
  })

  it('of streams that the remote opens: more wait until others are over', async () => {
    const [a, b] = await acquainted({ limits: { streams: 3 } })
    const connection = await dialled(a, b)
    await until(() => b.accepted.length === 1)
    const streams: Stream[] = []
    b.accepted[0]!.onStream(stream => {
      stream.onData(() => {})
      stream.onEnd(() => {})
      streams.push(stream)
    })
    await settle()
    const ours = Array.from({ length: 120 }, () => connection.openUni())
    for (const stream of ours) stream.write(Uint8Array.of(1))
    await settle()
    expect(streams.length).toBeLessThanOrEqual(103)
    for (const stream of ours) stream.end()
    await until(() => streams.length === 120)
  })

  it('of bytes that nobody reads: the connection with most of them ends, others go on', async () => {
    const [a, b] = await acquainted({ limits: { unreadBytes: 300_000 } })
    // One after the other: two handshakes at once may be over in any order.
    const greedy = await dialled(a, b)
    await until(() => b.accepted.length === 1)
    const modest = await dialled(a, b)
    await until(() => b.accepted.length === 2)
    const closes: string[] = []
    for (const [index, accepted] of b.accepted.entries()) {
      accepted.onStream(() => {})
      accepted.onClose(code => closes.push(`${index}: ${code}`))
    }
    modest.openBi().write(new Uint8Array(1000))
    for (let number = 0; number < 3; number++) greedy.openBi().write(new Uint8Array(200_000))
    await until(() => closes.length > 0)
    expect(closes).toEqual(['0: null'])
    expect(b.transport.metrics()).toMatchObject({ connections: 1, violations: { 'unread-bytes-exceeded': 1 } })
  })

  it('of the time that a close waits for a remote that does not read', async () => {
    const a = await open(1, { limits: { closeMs: 300 } })
    const b = await open(2)
    a.transport.connect(b.transport.addresses()[0]!)
    const connection = await dialled(a, b)
    await until(() => b.accepted.length === 1)
    const closes: (number | null)[] = []
    b.accepted[0]!.onStream(() => {})
    b.accepted[0]!.onClose(code => closes.push(code))
    const stream = connection.openBi()
    for (let written = 0; written < 3_000_000; written += 100_000) stream.write(new Uint8Array(100_000))
    stream.end()
    connection.close(5)
    await until(() => a.transport.metrics().connections === 0)
    expect(closes.filter(code => code === 5)).toEqual([])
  })
})

describe('a node under fire', () => {
  it('takes datagrams of garbage for what they are, and keeps serving', async () => {
    const [a, b] = await acquainted()
    const port = Number(b.transport.addressing.own()[0]!.split(':')[1])
    const socket = createSocket('udp4')
    for (let number = 0; number < 2000; number++) {
      const garbage = Buffer.alloc(1 + ((number * 37) % 1400), number)
      // Every other one looks like the first packet of a handshake.
      if (number % 2 === 0) garbage[0] = 0xc0 | (number & 0x3f)
      socket.send(garbage, port, '127.0.0.1')
    }
    const connection = await dialled(a, b)
    await until(() => b.accepted.length === 1)
    const heard: number[] = []
    b.accepted[0]!.onStream(stream => stream.onData(bytes => heard.push(bytes.length)))
    connection.openBi().write(new Uint8Array(10))
    await until(() => heard.length > 0)
    socket.close()
  })

  it('survives many that come and go at once', async () => {
    const [a, b] = await acquainted()
    const connections = await Promise.all(Array.from({ length: 40 }, () => a.dial(b.id)))
    for (const connection of connections) connection?.close(0)
    await until(() => a.transport.metrics().connections === 0 && b.transport.metrics().connections === 0)
    expect(connections.filter(connection => connection !== null).length).toBeGreaterThan(0)
    expect(await a.dial(b.id)).not.toBeNull()
  })

  it('stops with dials and handshakes under way, and calls nobody afterwards', async () => {
    const [a, b] = await acquainted()
    const outcomes = Array.from({ length: 10 }, () => a.dial(b.id))
    await a.transport.close()
    expect((await Promise.all(outcomes)).filter(connection => connection !== null)).toEqual([])
    const found = a.found.length
    await settle()
    expect(a.found).toHaveLength(found)
    expect(await a.dial(b.id)).toBeNull()
  })

  it('is refused by its own code where a connection is to itself', async () => {
    const a = await open(1)
    a.transport.connect(a.transport.addresses()[0]!)
    expect(await a.dial(a.id, PROTOCOL)).toBeNull()
  })
})

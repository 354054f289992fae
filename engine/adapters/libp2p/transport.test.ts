/**
 * Goal: nodes find, keep and lose each other as they should: addresses, access, keys, restarts, broken sockets.
 * Method: real nodes on loopback; whatever is waited for is a condition, never a duration.
 */

import { createServer, type Socket } from 'node:net'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { afterEach, describe, expect, it } from 'vitest'
import { isThicketError, type SigningKey, type VerifyingKey } from '../../core/index.js'
import type { Stream } from '../../ports.js'
import { bareLibp2p } from './hostile.contract.js'
import { libp2pTransport } from './index.js'
import { keyOfNumber, Meeting, PROTOCOL, settle, until } from './nodes.contract.js'
import { peerIdText } from './peer-id.js'

const open: { close(): unknown }[] = []

afterEach(async () => {
  await Promise.all(open.splice(0).map(thing => thing.close()))
})

function node(number: number, ...more: [Parameters<typeof make>[1]?, Parameters<typeof make>[2]?]): Meeting {
  return make(keyOfNumber(number), ...more)
}

function make(
  key: SigningKey,
  options: ConstructorParameters<typeof Meeting>[1] = {},
  changes: ConstructorParameters<typeof Meeting>[2] = {},
): Meeting {
  const meeting = new Meeting(key, options, changes)
  open.push(meeting.transport)
  return meeting
}

async function addressOf({ transport }: Meeting): Promise<string> {
  await transport.ready()
  return transport.addresses()[0]!
}

function told(origin: string, { id }: Meeting): string {
  return `${id.slice(0, 8)} ${origin}`
}

/** What a connection's stream hears, and its end. */
function heard(stream: Stream): { bytes: number; aborts: (number | null)[] } {
  const told = { bytes: 0, aborts: [] as (number | null)[] }
  stream.onData(bytes => {
    told.bytes += bytes.length
  })
  stream.onAbort(code => told.aborts.push(code))
  return told
}

async function refusalOf(body: () => unknown): Promise<unknown> {
  try {
    await body()
  } catch (error) {
    return error
  }
  return null
}

describe('libp2p transport', () => {
  it('begins and dials before it is ready, and names its addresses afterwards', async () => {
    const b = node(2)
    const address = await addressOf(b)
    expect(address).toMatch(new RegExp(`^/ip4/127\\.0\\.0\\.1/tcp/\\d+/p2p/${peerIdText(b.id)}$`))
    const a = node(1)
    expect(a.transport.addresses()).toEqual([])
    a.transport.connect(address)
    const connection = await a.dial(b.id)
    expect(connection?.remote).toBe(b.id)
    await until(() => b.found.length > 0)
    expect([a.found, b.found]).toEqual([[told('bootstrap', b)], [told('incoming', a)]])
  })

  it('says when its own addresses change, without its id', async () => {
    let changes = 0
    const a = node(1, {}, { addressesChanged: () => changes++ })
    await a.transport.ready()
    expect(changes).toBe(1)
    expect(a.transport.addressing.kind).toBe('libp2p')
    expect(a.transport.addressing.own()).toEqual([a.transport.addresses()[0]!.replace(/\/p2p\/.*/, '')])
  })

  it('listens nowhere when told so, and can still dial and be dialled back', async () => {
    const b = node(2)
    const a = node(1, { listen: [] })
    a.transport.connect(await addressOf(b))
    expect(a.transport.addresses()).toEqual([])
    await a.dial(b.id)
    await until(() => b.found.length > 0)
    const back = await b.dial(a.id)
    await until(() => a.accepted.length > 0)
    expect([back?.role, a.accepted[0]?.role, a.transport.metrics().links]).toEqual(['initiator', 'acceptor', 1])
  })

  it('says that a port is taken: ready rejects, dials fail, and it closes all the same', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    open.push(server)
    await until(() => server.listening)
    const { port } = server.address() as { port: number }
    const events: string[] = []
    const a = node(1, { listen: [`/ip4/127.0.0.1/tcp/${port}`], log: { event: type => events.push(type) } })
    expect(isThicketError(await refusalOf(() => a.transport.ready()), 'listen-failed')).toBe(true)
    expect(events).toContain('listen-failed')
    expect(await a.dial(keyOfNumber(2).verifyingKey)).toBeNull()
    await a.transport.close()
  })

  it('refuses at once to listen on what is no multiaddr', async () => {
    const refusal = await refusalOf(() => libp2pTransport({ mdns: 'disabled', listen: ['127.0.0.1:4001'] }))
    expect(isThicketError(refusal, 'address-invalid')).toBe(true)
  })

  it('refuses addresses without an id and of other transports', async () => {
    const a = node(1)
    const id = keyOfNumber(2).verifyingKey
    for (const address of ['/ip4/127.0.0.1/tcp/4001', `iroh:${id}@127.0.0.1:4001`, 'memory:cdcdcdcd/00']) {
      expect(isThicketError(await refusalOf(() => a.transport.connect(address)), 'address-invalid')).toBe(true)
    }
  })

  it('dials who was learnt, no more once that is forgotten, and ignores places it cannot dial', async () => {
    const a = node(1)
    const b = node(2)
    await Promise.all([a.transport.ready(), b.transport.ready()])
    a.transport.addressing.learn(b.id, ['/ip4/127.0.0.1/udp/1/quic-v1', ...b.transport.addressing.own()])
    expect((await a.dial(b.id))?.remote).toBe(b.id)
    expect([a.found, a.transport.metrics().violations]).toEqual([[], { 'address-invalid': 1 }])
    const c = node(3)
    await c.transport.ready()
    a.transport.addressing.learn(c.id, c.transport.addressing.own())
    a.transport.addressing.learn(c.id, [])
    expect(await a.dial(c.id)).toBeNull()
  })

  it('does not meet another key at a known address', async () => {
    const a = node(1)
    const b = node(2)
    await b.transport.ready()
    const other = keyOfNumber(9).verifyingKey
    a.transport.addressing.learn(other, b.transport.addressing.own())
    expect(await a.dial(other)).toBeNull()
    await settle()
    expect(b.accepted).toEqual([])
  })

  it('neither dials nor hears whom the rules exclude', async () => {
    const denied = new Set<VerifyingKey>()
    const a = node(1, {}, { mayConnect: peer => !denied.has(peer) })
    const b = node(2)
    a.transport.connect(await addressOf(b))
    b.transport.connect(await addressOf(a))
    denied.add(b.id)
    expect(await a.dial(b.id)).toBeNull()
    expect(await b.dial(a.id)).toBeNull()
    expect([a.accepted, b.accepted, a.transport.metrics().links]).toEqual([[], [], 0])
    expect(a.transport.metrics().violations['peer-denied']).toBeGreaterThan(0)
  })

  it('hears no new connection of a peer that the rules exclude later', async () => {
    let isDenied = false
    const a = node(1, {}, { mayConnect: () => !isDenied })
    const b = node(2)
    b.transport.connect(await addressOf(a))
    await b.dial(a.id)
    await until(() => a.accepted.length === 1)
    isDenied = true
    const connection = await b.dial(a.id)
    const closes: (number | null)[] = []
    connection?.onClose(code => closes.push(code))
    await until(() => closes.length > 0)
    expect(a.accepted).toHaveLength(1)
  })

  it('refuses a key of another type, as a dialler and as a place to dial', async () => {
    const a = node(1)
    const stranger = await bareLibp2p({ privateKey: await generateKeyPair('secp256k1') })
    open.push(stranger)
    await expect(stranger.dial(await addressOf(a))).resolves.toBeNull()
    await until(() => a.transport.metrics().violations['key-type-refused'] === 1)
    expect([a.found, a.accepted, a.transport.metrics().links]).toEqual([[], [], 0])
    expect(isThicketError(await refusalOf(() => a.transport.connect(stranger.address)), 'address-invalid')).toBe(true)
  })

  it('fails a dial for a protocol that the peer does not speak, and goes on with those it does', async () => {
    const a = node(1)
    const b = node(2)
    a.transport.connect(await addressOf(b))
    expect(await a.dial(b.id, '/thicket-contract/2')).toBeNull()
    expect((await a.dial(b.id))?.protocol).toBe(PROTOCOL)
    expect(b.transport.metrics().violations).toEqual({ 'protocol-refused': 1 })
  })

  it('tells connections of a lost link null, and comes back over a new one', async () => {
    const relay = await openRelay()
    open.push(relay)
    const a = node(1)
    const b = node(2)
    a.transport.connect(relay.address(await addressOf(b)))
    const first = await a.dial(b.id)
    await until(() => b.accepted.length === 1)
    const closes: (number | null)[] = []
    first!.onClose(code => closes.push(code))
    b.accepted[0]!.onClose(code => closes.push(code))
    const stream = first!.openBi()
    const aborted = heard(stream)
    stream.write(new Uint8Array(100))
    relay.cut()
    await until(() => closes.length === 2 && b.lost.length === 1)
    expect([closes, aborted.aborts, a.lost]).toEqual([[null, null], [null], []])
    expect((await a.dial(b.id))?.remote).toBe(b.id)
    await until(() => b.accepted.length === 2)
    expect(b.found).toEqual([told('incoming', a), told('incoming', a)])
  })

  it('prefers the newest link: a peer that was killed comes back before it is missed', async () => {
    const relay = await openRelay()
    open.push(relay)
    const b = node(2)
    const address = await addressOf(b)
    const key = keyOfNumber(1)
    const first = make(key)
    first.transport.connect(relay.address(address))
    await first.dial(b.id)
    await until(() => b.accepted.length === 1)
    // The old process is gone without a word: nothing of it passes any more, and its socket seems alive.
    relay.freeze()
    const second = make(key)
    second.transport.connect(address)
    await second.dial(b.id)
    await until(() => b.accepted.length === 2)
    const back = await b.dial(key.verifyingKey)
    await until(() => second.accepted.length === 1)
    expect([back?.remote, b.transport.metrics().links]).toEqual([key.verifyingKey, 2])
  })

  it('cuts a link that gives no sign of life', async () => {
    const relay = await openRelay()
    open.push(relay)
    const a = node(1)
    const b = node(2, { limits: { pingMs: 300 } })
    a.transport.connect(relay.address(await addressOf(b)))
    await a.dial(b.id)
    await until(() => b.accepted.length === 1)
    const closes: (number | null)[] = []
    b.accepted[0]!.onClose(code => closes.push(code))
    relay.freeze()
    await until(() => closes.length > 0 && b.lost.length > 0)
    expect([closes, b.transport.metrics().links]).toEqual([[null], 0])
  })

  it('keeps no link without a connection for long, and one with a connection as long as that lasts', async () => {
    const b = node(2, { limits: { idleMs: 300 } })
    const address = await addressOf(b)
    const [idle, busy] = [node(1), node(3)]
    for (const { transport } of [idle, busy]) transport.connect(address)
    const [first, second] = await Promise.all([idle.dial(b.id), busy.dial(b.id)])
    first!.close(0)
    await until(() => b.lost.includes(idle.id))
    expect([b.lost, b.transport.metrics().links]).toEqual([[idle.id], 1])
    expect((await idle.dial(b.id))?.remote).toBe(b.id)
    second!.close(0)
  })

  it('opens hundreds of connections and streams at once, in turns that the other side bears', async () => {
    const a = node(1)
    const b = node(2)
    a.transport.connect(await addressOf(b))
    let bytes = 0
    b.accept = connection => {
      b.accepted.push(connection)
      connection.onStream(stream =>
        stream.onData(data => {
          bytes += data.length
        }),
      )
    }
    const connections = await Promise.all(Array.from({ length: 200 }, () => a.dial(b.id)))
    for (const connection of connections) {
      for (let n = 0; n < 2; n++) {
        const stream = connection!.openBi()
        stream.write(new Uint8Array(1000))
      }
    }
    await until(() => bytes === 400_000)
    expect([a.transport.metrics().links, b.transport.metrics().connections, b.transport.metrics().streams]).toEqual([
      1, 200, 400,
    ])
    expect([a.transport.metrics().violations, b.transport.metrics().violations]).toEqual([{}, {}])
  })

  it('forgets whom it has met when they are gone', async () => {
    const a = node(1)
    const address = await addressOf(a)
    for (let number = 10; number < 14; number++) {
      const guest = node(number, { listen: [] })
      guest.transport.connect(address)
      await guest.dial(a.id)
      await guest.transport.close()
    }
    await until(() => a.lost.length === 4)
    expect([a.transport.metrics().peers, a.transport.metrics().links]).toEqual([0, 0])
  })

  it('delivers on stop what was written and half-closed, and tells nothing afterwards', async () => {
    const a = node(1)
    const b = node(2)
    a.transport.connect(await addressOf(b))
    const connection = await a.dial(b.id)
    await until(() => b.accepted.length === 1)
    let read = 0
    const closes: (number | null)[] = []
    b.accepted[0]!.onStream(stream =>
      stream.onData(bytes => {
        read += bytes.length
      }),
    )
    b.accepted[0]!.onClose(code => closes.push(code))
    const stream = connection!.openUni()
    stream.write(new Uint8Array(100_000))
    stream.end()
    await a.transport.close()
    await until(() => closes.length > 0)
    expect([read, closes]).toEqual([100_000, [0]])
    b.transport.addressing.learn(a.id, ['/ip4/127.0.0.1/tcp/1'])
    expect([a.lost, await a.dial(b.id), await b.dial(a.id)]).toEqual([[], null, null])
    await a.transport.close()
  })

  it('stops before it has begun', async () => {
    const a = node(1)
    a.transport.stop()
    await a.transport.closed()
    expect(await a.dial(keyOfNumber(2).verifyingKey)).toBeNull()
  })
})

/** A TCP relay on loopback that can cut, or silently hold up, what passes. */
async function openRelay(): Promise<{ address(of: string): string; cut(): void; freeze(): void; close(): void }> {
  const { connect } = await import('node:net')
  const sockets = new Set<Socket>()
  let target = 0
  const server = createServer(socket => {
    const other = connect(target, '127.0.0.1')
    for (const end of [socket, other]) {
      sockets.add(end)
      end.on('error', () => {})
    }
    socket.pipe(other).pipe(socket)
  }).listen(0, '127.0.0.1')
  await until(() => server.listening)
  const { port } = server.address() as { port: number }
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
  }
  return {
    address(of) {
      target = Number(/tcp\/(\d+)/.exec(of)![1])
      return of.replace(/tcp\/\d+/, `tcp/${port}`)
    },
    cut,
    freeze() {
      for (const socket of sockets) socket.unpipe().pause()
    },
    close() {
      cut()
      server.close()
    },
  }
}

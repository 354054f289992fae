/**
 * Goal: whatever a peer or a stranger sends, it gets a coded end, is counted, and costs others nothing.
 * Method: a node with small limits and an honest neighbour; hostile raw sockets, and libp2p without our rules. After each
 * attack the honest connection, which was open all the time, still carries bytes.
 */

import { connect, type Socket } from 'node:net'
import type { Connection as LibConnection, Stream as LibStream } from '@libp2p/interface'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MAX_STREAM_BYTES } from '../../connection-end.js'
import { bytesToHex, hexToBytes } from '../../core/index.js'
import type { Connection, Stream } from '../../ports.js'
import { type Bare, bareLibp2p } from './hostile.contract.js'
import { DEFAULT_LIBP2P_LIMITS, type Libp2pLimits } from './index.js'
import { keyOfNumber, Meeting, PROTOCOL, until } from './nodes.contract.js'
import { type ControlMessage, encodeControl, encodeHead } from './wire.js'

const LIMITS: Libp2pLimits = {
  ...DEFAULT_LIBP2P_LIMITS,
  handshakes: 20,
  handshakesPerSecond: 1000,
  handshakeMs: 2500,
  negotiationMs: 5000,
  headMs: 1500,
  pendingStreams: 20,
  connections: 5,
  streams: 4,
  unreadBytesPerLink: 600_000,
  unknownProtocols: 5,
}
const OTHER_PROTOCOL = '/thicket-contract/2'

let node: Meeting
let honest: Meeting
let address: string
let line: Stream
let echoed = 0
let bare: Bare

/** What the node's owner does with a stranger's connection. */
let onStranger: (connection: Connection) => void

beforeEach(async () => {
  node = new Meeting(keyOfNumber(1), { limits: LIMITS }, { protocols: [PROTOCOL, OTHER_PROTOCOL] })
  honest = new Meeting(keyOfNumber(2))
  await node.transport.ready()
  address = node.transport.addresses()[0]!
  onStranger = connection => connection.onStream(stream => stream.onData(() => {}))
  node.accept = connection => {
    node.accepted.push(connection)
    if (connection.remote === honest.id) connection.onStream(echo)
    else onStranger(connection)
  }
  honest.transport.connect(address)
  const connection = await honest.dial(node.id)
  line = connection!.openBi()
  echoed = 0
  line.onData(bytes => {
    echoed += bytes.length
  })
  await checkHonest()
  bare = await bareLibp2p()
})

afterEach(async () => {
  await Promise.all([node.transport.close(), honest.transport.close(), bare.close()])
})

function echo(stream: Stream): void {
  stream.onData(bytes => {
    stream.write(bytes)
  })
}

async function checkHonest(): Promise<void> {
  const before = echoed
  line.write(new Uint8Array(10_000))
  await until(() => echoed === before + 10_000)
}

function violations(code: string): number {
  return node.transport.metrics().violations[code] ?? 0
}

/** After the attack: counted under its code, nothing of it left, and the neighbour has noticed nothing. */
async function expectEnd(code: string): Promise<void> {
  await until(() => violations(code) > 0)
  await until(() => node.transport.metrics().links === 1 && bare.connections === 0)
  expect(node.transport.metrics().unreadBytes).toBe(0)
  await checkHonest()
}

function token(number: number): string {
  return bytesToHex(new Uint8Array(16).fill(number))
}

const control = (number: number): Uint8Array => encodeHead({ token: token(number), name: null })
const data = (number: number, stream: number, kind: 'bi' | 'uni' = 'bi'): Uint8Array =>
  encodeHead({ token: token(number), name: { stream, kind } })

function join(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts))
}

/** A link with one connection of token 1 on it. */
async function begin(say: readonly ControlMessage[] = []): Promise<LibConnection> {
  const before = node.accepted.length
  const link = await bare.dial(address)
  await bare.open(link!, join(control(1), ...say.map(encodeControl)))
  await until(() => node.accepted.length > before)
  return link!
}

function controlOf(link: LibConnection): LibStream {
  return link.streams.find(({ direction, protocol }) => direction === 'outbound' && protocol === PROTOCOL)!
}

describe('raw sockets', () => {
  const sockets: Socket[] = []

  function openSocket(): Socket {
    const socket = connect(Number(/tcp\/(\d+)/.exec(address)![1]), '127.0.0.1')
    socket.on('error', () => {})
    sockets.push(socket)
    return socket
  }

  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy()
  })

  it('with garbage are closed and counted', async () => {
    for (let n = 0; n < 5; n++) {
      const socket = openSocket()
      socket.write(Buffer.alloc(50_000, n * 37 + 1))
      await until(() => socket.destroyed)
    }
    await until(() => violations('handshake-failed') + violations('handshake-timeout') >= 5)
    await checkHonest()
  })

  it('that stop within the handshake are closed in time', async () => {
    const greeting = '\x13/multistream/1.0.0\n'
    const halfway = openSocket()
    halfway.write(`${greeting}\x07/noise\n`)
    const silent = openSocket()
    const slow = openSocket()
    slow.write(greeting.slice(0, 5))
    await until(() => [halfway, silent, slow].every(socket => socket.destroyed))
    await until(() => violations('handshake-timeout') + violations('handshake-failed') >= 3)
    expect(node.transport.metrics().links).toBe(1)
    await checkHonest()
  })

  it('in a flood of a hundred leave room for others once they are closed', async () => {
    for (let n = 0; n < 100; n++) openSocket()
    await until(() => violations('inbound-refused') >= 100 - LIMITS.handshakes)
    await checkHonest()
    await until(() => sockets.every(({ destroyed }) => destroyed))
    expect(await bare.dial(address)).not.toBeNull()
    await checkHonest()
  })
})

describe('links', () => {
  it('of one key are bounded, and the oldest goes', async () => {
    for (let n = 0; n < LIMITS.linksPerPeer + 3; n++) await bare.dial(address)
    await until(() => violations('links-exceeded') === 3)
    await until(() => bare.connections === LIMITS.linksPerPeer)
    await checkHonest()
  })

  it('that ask for protocols which are not spoken end after some', async () => {
    const link = await bare.dial(address)
    for (let n = 0; n < LIMITS.unknownProtocols + 1; n++) await bare.open(link!, new Uint8Array(), `/no/${n}`)
    await expectEnd('protocols-exceeded')
    expect(violations('protocol-refused')).toBeGreaterThanOrEqual(LIMITS.unknownProtocols)
  })

  it('with more streams in suspense than allowed end', async () => {
    const link = await bare.dial(address)
    for (let n = 0; n <= LIMITS.pendingStreams; n++) void bare.open(link!, new Uint8Array())
    await expectEnd('pending-streams-exceeded')
  })

  it('with more connections than allowed end', async () => {
    const link = await bare.dial(address)
    for (let n = 1; n <= LIMITS.connections + 1; n++) await bare.open(link!, control(n))
    await expectEnd('connections-exceeded')
  })
})

describe('heads of streams', () => {
  it.each([
    ['that never come', [data(1, 0).subarray(0, 17)], 'head-timeout'],
    ['of no known connection', [data(9, 0)], 'token-unknown'],
    ['of a connection that we would have dialled', [data(9, 1)], 'token-unknown'],
    ['that are no heads', [join(hexToBytes(token(1)), Uint8Array.of(0x80, 0))], 'head-malformed'],
    ['with a token in use', [control(1), control(1)], 'token-taken'],
    ['with a number in use', [control(1), data(1, 2), data(1, 2)], 'stream-number-invalid'],
    ['with a number of ours', [control(1), data(1, 1)], 'stream-number-invalid'],
    ['with a number far away', [control(1), data(1, 30_000)], 'stream-number-invalid'],
    ['more than allowed', [control(1), ...[0, 2, 4, 6, 8].map(n => data(1, n))], 'streams-exceeded'],
  ])('%s end the link', async (_what, heads, code) => {
    const link = await bare.dial(address)
    for (const head of heads) await bare.open(link!, head)
    await expectEnd(code)
  })

  it('of another protocol than their connection end the link', async () => {
    const link = await begin()
    await bare.open(link, data(1, 0), OTHER_PROTOCOL)
    await expectEnd('protocol-mixed')
  })

  it('cut short by an end are malformed', async () => {
    const link = await bare.dial(address)
    const stream = await bare.open(link!, data(1, 0).subarray(0, 3))
    await stream!.close()
    await expectEnd('head-malformed')
  })

  it('with the token of another peer end the link of the thief, and not of the owner', async () => {
    await begin()
    const thief = await bareLibp2p()
    const link = await thief.dial(address)
    await thief.open(link!, data(1, 0))
    await until(() => violations('token-taken') === 1 && thief.connections === 0)
    expect([bare.connections, node.transport.metrics().links]).toEqual([1, 2])
    await thief.close()
  })

  it('may come before their connection, and are given to it', async () => {
    const heard: number[] = []
    onStranger = connection =>
      connection.onStream(stream => {
        stream.onData(bytes => heard.push(...bytes))
        stream.onEnd(() => heard.push(-1))
      })
    const link = await bare.dial(address)
    const stream = await bare.open(link!, join(data(1, 0), Uint8Array.of(1, 2)))
    stream!.send(Uint8Array.of(3))
    await stream!.close()
    await bare.open(link!, control(1))
    await until(() => heard.length >= 4)
    expect([heard, bare.connections]).toEqual([[1, 2, 3, -1], 1])
  })
})

describe('connections', () => {
  it.each([
    ['of another kind', Uint8Array.of(0, 0, 0, 2, 9, 0)],
    ['too long', Uint8Array.of(0, 0, 1, 0)],
    ['cut short', Uint8Array.of(0, 0, 0, 1, 0)],
  ])('with control messages %s end the link', async (_what, bytes) => {
    const link = await bare.dial(address)
    await bare.open(link!, join(control(1), bytes))
    await expectEnd('control-malformed')
  })

  it('that claim to have read what was never sent end the link', async () => {
    onStranger = connection => connection.openBi().write(new Uint8Array(1000))
    const link = await begin()
    await until(() => bare.incoming.length === 1)
    controlOf(link).send(encodeControl({ type: 'credit', stream: 1, bytes: 1001 }))
    await expectEnd('credit-forged')
  })

  it('that claim to know an end which was never sent end the link', async () => {
    const link = await begin()
    await bare.open(link, data(1, 0))
    await until(() => node.transport.metrics().streams > 1)
    controlOf(link).send(encodeControl({ type: 'ended', stream: 0 }))
    await expectEnd('end-forged')
  })

  it('that send more than their reader takes end the link', async () => {
    onStranger = connection => connection.onStream(stream => stream.pause())
    const link = await begin()
    const stream = await bare.open(link, data(1, 0))
    for (let sent = 0; sent <= MAX_STREAM_BYTES; sent += 32_768) {
      if (stream!.status === 'open') stream!.send(new Uint8Array(32_768))
    }
    await expectEnd('credit-exceeded')
  })

  it('that fill many streams which nobody reads end the link', async () => {
    onStranger = connection => connection.onStream(stream => stream.pause())
    const link = await begin()
    for (let n = 0; n < 3; n++) {
      const stream = await bare.open(link, data(1, n * 2))
      for (let sent = 0; sent < MAX_STREAM_BYTES; sent += 32_768) {
        if (stream?.status === 'open') stream.send(new Uint8Array(32_768))
      }
    }
    await expectEnd('unread-bytes-exceeded')
  })

  it('of several peers that fill memory together cost the greediest its link', async () => {
    const small = new Meeting(keyOfNumber(3), { limits: { unreadBytes: 300_000 } })
    small.accept = connection => connection.onStream(stream => stream.pause())
    await small.transport.ready()
    const modest = await bareLibp2p()
    for (const [peer, number, bytes] of [
      [bare, 1, 200_000],
      [modest, 2, 150_000],
    ] as const) {
      const link = await peer.dial(small.transport.addresses()[0]!)
      await peer.open(link!, control(number))
      const stream = await peer.open(link!, data(number, 0))
      stream!.send(new Uint8Array(bytes))
      await until(() => small.transport.metrics().unreadBytes >= bytes)
    }
    await until(() => bare.connections === 0)
    const { violations: counted, links } = small.transport.metrics()
    expect([modest.connections, counted['unread-bytes-exceeded'], links]).toEqual([1, 1, 1])
    await Promise.all([small.transport.close(), modest.close()])
    await checkHonest()
  })

  it('that fill memory with tiny pieces end the link', async () => {
    onStranger = connection => connection.onStream(stream => stream.pause())
    const link = await begin()
    const stream = await bare.open(link, data(1, 0))
    for (let n = 0; n < 6000 && stream?.status === 'open'; n++) stream.send(Uint8Array.of(n))
    await expectEnd('unread-bytes-exceeded')
  })

  it('that answer on a uni stream end the link', async () => {
    onStranger = connection => connection.openUni().write(new Uint8Array(10))
    await begin()
    await until(() => bare.incoming.length === 1)
    bare.incoming[0]!.send(Uint8Array.of(1))
    await expectEnd('uni-stream-answered')
  })

  it('whose stream is reset beneath them are lost alone', async () => {
    const closes: (number | null)[] = []
    onStranger = connection => connection.onClose(code => closes.push(code))
    const link = await begin()
    const stream = await bare.open(link, data(1, 0))
    await until(() => node.transport.metrics().streams > 1)
    stream!.abort(new Error('on purpose'))
    await until(() => closes.length === 1)
    expect([closes, bare.connections]).toEqual([[null], 1])
    await checkHonest()
  })

  it('told to be aborted or closed twice, or in any order, are taken as they come', async () => {
    const heard: string[] = []
    onStranger = connection => {
      connection.onStream(stream => stream.onAbort(code => heard.push(`abort ${code}`)))
      connection.onClose(code => heard.push(`close ${code}`))
    }
    const abort = { type: 'abort', stream: 0, kind: 'bi', code: 7 } as const
    const close = { type: 'close', code: 3 } as const
    const link = await begin([
      abort,
      abort,
      { ...abort, stream: 1 },
      { ...abort, stream: 2, kind: 'uni' },
      close,
      close,
    ])
    await bare.open(link, data(1, 0))
    await until(() => heard.length === 3)
    expect(heard).toEqual(['abort 7', 'abort 7', 'close 3'])
    await checkHonest()
    expect(bare.connections).toBe(1)
  })

  it('with random bytes in every place end the link or are ignored, and nothing throws', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const link = await bare.dial(address)
      if (link === null) continue
      let state = seed
      const noise = (length: number): Uint8Array =>
        Uint8Array.from({ length }, () => {
          state = (state * 1_103_515_245 + 12_345) & 0x7fff_ffff
          return state >>> 16
        })
      await bare.open(link, seed % 3 === 0 ? noise(100) : join(control(1), noise(40)))
      await bare.open(link, join(data(1, (seed % 4) * 2), noise(300)))
    }
    await checkHonest()
    expect(node.transport.metrics().links).toBeLessThanOrEqual(1 + LIMITS.linksPerPeer)
  })
})

/**
 * Everybody whom a node on the internet has to reckon with, for tests: raw sockets that talk nonsense or nothing, peers
 * that dial without end, and peers that know the topic and break the rules of log sync one after the other.
 */

import { connect } from 'node:net'
import {
  bytesToHex,
  concatBytes,
  encodeFrame,
  encodeHeader,
  forgeHeader,
  hexToBytes,
  LogId,
  type OperationId,
  PostcardWriter,
  portableCrypto,
  SigningKey,
  Topic,
  type VerifyingKey,
} from '../../core/index.js'
import type { Connection, TransportHost } from '../../ports.js'
import { DEFAULT_SYNC_LIMITS, encodeHandshake, encodeSync, protocolId, type SyncMessage } from '../../sync/index.js'
import { type Libp2pTransport, libp2pTransport } from '../libp2p/index.js'
import { systemRandom } from '../system-random.js'

export interface Target {
  readonly id: VerifyingKey
  readonly address: string
  readonly networkId: Uint8Array
  readonly topic: Topic
}

/** How often each attack was made. */
export type Attacks = Readonly<Record<string, number>>

const random = systemRandom()
const sleep = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** Attacks from all sides until it is told to stop; resolves when everything of it is gone. */
export async function besiege(target: Target, until: Promise<void>): Promise<Attacks> {
  const made: Record<string, number> = {}
  let isOver = false
  void until.then(() => {
    isOver = true
  })
  /** One attack after the other, with a breath between them: the machine is the honest nodes' as well. */
  const repeat = async (name: string, pauseMs: number, attack: () => Promise<void>): Promise<void> => {
    while (!isOver) {
      await attack()
      made[name] = (made[name] ?? 0) + 1
      await Promise.race([until, sleep(pauseMs)])
    }
  }
  const port = Number(/\/tcp\/(\d+)\//.exec(target.address)?.[1])
  await Promise.all([
    repeat('garbage on a socket', 50, () => socket(port, [random.bytes(4_000)], 500)),
    repeat('a socket that says a byte now and then', 50, () =>
      socket(
        port,
        Array.from({ length: 10 }, () => Uint8Array.of(19)),
        300,
      ),
    ),
    ...Array.from({ length: 10 }, () => repeat('a socket that says nothing', 100, () => socket(port, [], 2_000))),
    repeat('a dial by a new key', 50, () => asPeer(target, async () => {})),
    repeat('an unknown protocol', 100, () =>
      asPeer(target, async dial => {
        await dial(`/p2panda/${bytesToHex(random.bytes(32))}`)
      }),
    ),
    repeat('sessions that break the rules', 50, () =>
      asPeer(target, async dial => {
        for (const [name, attack] of Object.entries(sessionAttacks(target.topic))) {
          const connection = await dial(protocolId(target.networkId))
          if (connection === null) continue
          await session(connection, target.topic, attack)
          made[name] = (made[name] ?? 0) + 1
        }
      }),
    ),
    repeat('sessions that stop in the middle', 100, () =>
      asPeer(target, async dial => {
        const protocol = protocolId(target.networkId)
        const connections = await Promise.all(Array.from({ length: 20 }, () => dial(protocol)))
        for (const connection of connections) connection?.openBi().write(Uint8Array.of(0, 0))
        await sleep(1_000)
      }),
    ),
  ])
  return made
}

/** Says what it has to say, a piece every so often, and is gone. */
async function socket(port: number, pieces: readonly Uint8Array[], pauseMs: number): Promise<void> {
  const raw = connect(port, '127.0.0.1')
  raw.on('error', () => {})
  for (const piece of pieces) {
    if (raw.destroyed) break
    raw.write(piece)
    await sleep(pauseMs)
  }
  if (pieces.length === 0) await sleep(pauseMs)
  raw.destroy()
}

/** A peer with a key of its own and no engine. */
async function asPeer(
  target: Target,
  work: (dial: (protocol: string) => Promise<Connection | null>) => Promise<void>,
): Promise<void> {
  const key = SigningKey.random(random)
  const transport: Libp2pTransport = libp2pTransport({ listen: [], mdns: 'disabled' })
  const host: TransportHost = {
    id: key.verifyingKey,
    networkId: target.networkId,
    addressed: {
      seed: key.toBytes(),
      protocols: [protocolId(target.networkId)],
      mayConnect: () => true,
      addressesChanged() {},
    },
    peerFound() {},
    peerLost() {},
    accept: connection => connection.close(0),
  }
  transport.start(host)
  try {
    await transport.ready()
    transport.connect(target.address)
    const dial = (protocol: string): Promise<Connection | null> =>
      new Promise(resolve => transport.dial(target.id, protocol, resolve))
    // The first dial opens the link, whatever it is for.
    const first = await dial(protocolId(target.networkId))
    if (first === null) return
    first.close(0)
    await work(dial)
  } finally {
    await transport.close()
  }
}

interface SessionAttack {
  /** Instead of a right handshake. */
  readonly handshake?: Uint8Array
  readonly sync?: Uint8Array
}

/** Longest that a session may live that the other side has reason to end. */
const SESSION_MS = 3_000

async function session(connection: Connection, topic: Topic, attack: SessionAttack): Promise<void> {
  const ended = new Promise<void>(resolve => connection.onClose(() => resolve()))
  connection.onStream(stream => stream.onData(() => {}))
  const right = concatBytes(
    encodeFrame(encodeHandshake({ type: 'topic', topic })),
    encodeFrame(encodeHandshake({ type: 'done' })),
  )
  const handshake = connection.openBi()
  handshake.onData(() => {})
  handshake.write(attack.handshake ?? right)
  handshake.end()
  if (attack.sync) {
    const sync = connection.openBi()
    sync.onData(() => {})
    sync.write(attack.sync)
  }
  await Promise.race([ended, sleep(SESSION_MS)])
  connection.close(0)
}

const frames = (...messages: readonly SyncMessage[]): Uint8Array =>
  concatBytes(...messages.map(message => encodeFrame(encodeSync(message))))
const HAVE: SyncMessage = { type: 'have', heights: new Map() }
const PRE_SYNC: SyncMessage = { type: 'pre_sync', operations: 1, bytes: 200 }

function sending(...operations: readonly { header: Uint8Array; body: Uint8Array | null }[]): SessionAttack {
  return {
    sync: frames(HAVE, PRE_SYNC, ...operations.map(operation => ({ type: 'operation', operation }) as const), {
      type: 'done',
    }),
  }
}

function sessionAttacks(topic: Topic): Readonly<Record<string, SessionAttack>> {
  const header = signed(topic)
  const forged = header.slice()
  // Inside the signature: the version, the key's head and key, the signature's head, and 20 bytes.
  forged[2 + 2 + 32 + 2 + 20]! ^= 1
  return {
    'garbage instead of a handshake': { handshake: random.bytes(200) },
    'a handshake of 1 GiB': { handshake: Uint8Array.of(64, 0, 0, 0, 1) },
    'a topic that nobody knows': {
      handshake: encodeFrame(encodeHandshake({ type: 'topic', topic: Topic.random(random) })),
    },
    'garbage after the handshake': { sync: random.bytes(100_000) },
    'a frame of 4 GiB': { sync: Uint8Array.of(255, 255, 255, 255, 1) },
    'operations before a Have': { sync: frames({ type: 'done' }) },
    'a Have without end': { sync: encodeFrame(hugeHave()) },
    'a wrong signature': sending({ header: forged, body: BODY }),
    'a body that is another': sending({ header, body: new TextEncoder().encode('HOSTILE') }),
    'an operation of another topic': sending({ header: signed(Topic.random(random)), body: BODY }),
    'operations far ahead of a log': sending(...Array.from({ length: 50 }, (_, at) => early(topic, at))),
  }
}

const BODY = new TextEncoder().encode('hostile')

function signed(topic: Topic, seqNum = 0, key = SigningKey.random(random)): Uint8Array {
  return encodeHeader(
    forgeHeader(portableCrypto, key, {
      payload: BODY,
      seqNum,
      backlink: seqNum === 0 ? null : ('77'.repeat(32) as OperationId),
      extensions: { variant: 'basic', logId: LogId.ofTopic(topic), timestamp: 1_788_000_000_000_000n, prune: false },
    }),
  )
}

/** Lawful by itself; what comes before it will never come. */
function early(topic: Topic, at: number): { header: Uint8Array; body: Uint8Array } {
  return { header: signed(topic, 1_000_000 + at, LIAR), body: BODY }
}

const LIAR = SigningKey.random(random)

/** One author more than is allowed, each with a log, as bytes: what encodes a true one would need true keys. */
function hugeHave(): Uint8Array {
  const authors = DEFAULT_SYNC_LIMITS.haveAuthors + 1
  const writer = new PostcardWriter().varint(0).varint(0).varint(authors)
  const key = hexToBytes(LIAR.verifyingKey)
  for (let at = 0; at < authors; at++) writer.bytes(key).varint(1).bytes(key).varint(1)
  return writer.finish()
}

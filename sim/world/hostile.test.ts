/**
 * Goal: hostile bytes end a session with a coded error and nothing else: the node lives, stores nothing wrong, and
 * agrees with the others as soon as it is left alone.
 * Method: bytes of a link changed on their way, by chance from the seed; and a peer without an engine that says what
 * it likes over the same links.
 */

import { describe, expect, it } from 'vitest'
import {
  concatBytes,
  encodeFrame,
  encodeHeader,
  forgeHeader,
  idBytes,
  LogId,
  type Operation,
  type OperationId,
  portableCrypto,
  SigningKey,
  Topic,
  type VerifyingKey,
} from '../../engine/core/index.js'
import type { Stream } from '../../engine/ports.js'
import { encodeHandshake, encodeSync, protocolId, type SyncMessage } from '../../engine/sync/index.js'
import { WORLD } from '../kernel/index.js'
import { type TracedEvent, testWorld } from './scenario.contract.js'
import { NETWORK_ID } from './script.js'
import type { World } from './world.js'

const MINUTE_US = 60_000_000

function play(world: World): void {
  while (!world.run({ maxEvents: 10_000 }));
}

function endCodes(traced: readonly TracedEvent[], node?: string): readonly unknown[] {
  return traced
    .filter(event => event.type === 'session-ended' && (node === undefined || event.node === node))
    .map(({ fields }) => fields.code)
}

/** Every operation of every store is one that its author published, byte for byte as far as ids tell. */
function expectNothingWrong(world: World): void {
  expect(world.nodes.flatMap(({ checks }) => checks.violations)).toEqual([])
  for (const { engine, name } of world.nodes) {
    if (engine) expect([name, engine.store.operations.count()]).toEqual([name, world.ledger.size])
  }
}

describe('bytes changed on their way', () => {
  const kinds: Readonly<Record<string, (bytes: Uint8Array, random: (below: number) => number) => Uint8Array>> = {
    'a bit flipped': (bytes, random) => {
      const changed = bytes.slice()
      changed[random(bytes.length)]! ^= 1 << random(8)
      return changed
    },
    garbage: (bytes, random) => Uint8Array.from(bytes, () => random(256)),
    'the end cut off': (bytes, random) => bytes.slice(0, 1 + random(bytes.length)),
    'sent twice': bytes => concatBytes(bytes, bytes),
    'an announcement of 4 GiB': bytes => concatBytes(Uint8Array.of(255, 255, 255, 255), bytes),
    zeros: bytes => new Uint8Array(bytes.length),
  }

  it.each(Object.keys(kinds))('%s: sessions end with a code, and all agree when it is over', async kind => {
    const { world, traced } = await testWorld({ duration: '3m' })
    const random = world.kernel.random('test/tamper')
    const change = (bytes: Uint8Array) => (random.int(3) === 0 ? kinds[kind]!(bytes, n => random.int(n)) : bytes)
    const set = (tamper: typeof change | null) => {
      for (const [a, b] of world.network.pairs()) {
        world.network.tamper(a, b, tamper)
        world.network.tamper(b, a, tamper)
      }
    }
    world.kernel.schedule(0, 'test/tamper', WORLD, () => set(change))
    world.kernel.schedule(MINUTE_US / 2, 'test/heal', WORLD, () => set(null))
    play(world)
    const codes = endCodes(traced).filter(code => code !== null)
    expect(codes.length).toBeGreaterThan(0)
    for (const code of codes) expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/)
    expect(world.nodes.map(({ isUp, crashes }) => [isUp, crashes])).toEqual([
      [true, 0],
      [true, 0],
      [true, 0],
    ])
    expect(world.disagreement()).toBeNull()
    expectNothingWrong(world)
    world.discard()
  })

  it('one node that never gets a right byte harms nobody else', async () => {
    const { world } = await testWorld()
    for (const [a, b] of world.network.pairs()) {
      if (a !== 2 && b !== 2) continue
      world.network.tamper(a, b, bytes => bytes.map(byte => byte ^ 0xff))
      world.network.tamper(b, a, bytes => bytes.map(byte => byte ^ 0xff))
    }
    play(world)
    const [a, b, c] = world.nodes.map(node => node.engine!.store.operations.count())
    expect([a, b, c]).toEqual([16, 16, 8])
    expect(world.nodes.flatMap(({ checks }) => checks.violations)).toEqual([])
    world.discard()
  })
})

interface Attack {
  /** Bytes of the first stream; a right handshake when absent. */
  readonly handshake?: Uint8Array
  readonly sync?: Uint8Array
  /** How the victim ends the session; null where it has no session to end yet. */
  readonly code: string | RegExp | null
  /** Code of the operation that the victim turned down, where that does not end the session. */
  readonly refused?: string
}

const mallory = SigningKey.fromBytes(new Uint8Array(32).fill(66))
const frames = (...messages: readonly SyncMessage[]) =>
  concatBytes(...messages.map(message => encodeFrame(encodeSync(message))))
const HAVE: SyncMessage = { type: 'have', heights: new Map() }
const PRE_SYNC: SyncMessage = { type: 'pre_sync', operations: 1, bytes: 200 }

function signedBy(key: SigningKey, topic: Topic, changes: Partial<{ seqNum: number; prune: boolean; logId: LogId }>) {
  const body = new TextEncoder().encode('hostile')
  const seqNum = changes.seqNum ?? 0
  const header = forgeHeader(portableCrypto, key, {
    payload: body,
    seqNum,
    backlink: seqNum === 0 ? null : ('77'.repeat(32) as OperationId),
    extensions: {
      variant: 'basic',
      logId: changes.logId ?? LogId.ofTopic(topic),
      timestamp: 1_788_000_000_000_000n,
      prune: changes.prune ?? false,
    },
  })
  return { id: header.id, header, body }
}

/** One attack on node a, by a peer with the key of the node m, whose own process is gone. */
async function attacked(
  attack: (topic: Topic, victim: World['nodes'][number]) => Attack,
): Promise<{ world: World; codes: readonly unknown[]; refused: readonly unknown[]; attack: Attack }> {
  const { world, traced } = await testWorld({
    nodes: '[{ name: a }, { name: b }, { name: m }]',
    links: '[{ mesh: [a, b, m] }]',
    workload: '[{ at: 1s, node: [a, b], publish: { topic: chat, count: 12, every: 1s } }]',
    faults: '[{ at: 0s, crash: m }]',
  })
  const [victim, , m] = world.nodes
  const topic = world.topics.get('chat')!
  let staged: Attack | null = null
  world.kernel.schedule(5_500_000, 'test/attack', m!.index, () => {
    const made = attack(topic, victim!)
    staged = made
    const transport = world.network.transport(m!.index)
    transport.start({
      id: m!.id,
      networkId: NETWORK_ID,
      peerFound() {},
      peerLost() {},
      accept: connection => connection.close(0),
    })
    transport.dial(victim!.id, protocolId(NETWORK_ID), connection => {
      const listen = (stream: Stream) => {
        stream.onData(() => {})
        return stream
      }
      const handshake = listen(connection!.openBi())
      handshake.write(made.handshake ?? encodeFrame(encodeHandshake({ type: 'topic', topic })))
      if (made.handshake === undefined) handshake.write(encodeFrame(encodeHandshake({ type: 'done' })))
      handshake.end()
      if (made.sync) listen(connection!.openBi()).write(made.sync)
    })
  })
  play(world)
  const codes = traced
    .filter(({ type, node, fields }) => type === 'session-ended' && node === 'a' && fields.peer === m!.id)
    .map(({ fields }) => fields.code)
  const refused = traced.filter(({ type, node }) => type === 'refused' && node === 'a').map(({ fields }) => fields.code)
  return { world, codes, refused, attack: staged! }
}

const raw = ({ header, body }: Operation) => ({ header: encodeHeader(header), body })
const sending = (operation: { header: Uint8Array; body: Uint8Array | null }, code: Attack['code']): Attack => ({
  sync: frames(HAVE, PRE_SYNC, { type: 'operation', operation }, { type: 'done' }),
  code,
})

const attacks: Readonly<Record<string, (topic: Topic, victim: World['nodes'][number]) => Attack>> = {
  'garbage instead of a handshake': () => ({ handshake: new Uint8Array(100).fill(7), code: null }),
  'a handshake of 1 GiB': () => ({ handshake: Uint8Array.of(64, 0, 0, 0, 1), code: null }),
  'a handshake cut off': () => ({ handshake: Uint8Array.of(0, 0, 0, 34, 0, 32, 1), code: null }),
  'garbage after the handshake': () => ({ sync: new Uint8Array(200).fill(0xee), code: 'frame-too-large' }),
  'an unknown message': () => ({ sync: encodeFrame(Uint8Array.of(9, 9, 9)), code: 'message-stream' }),
  'an empty frame': () => ({ sync: encodeFrame(new Uint8Array(0)), code: 'message-stream' }),
  'a frame beyond the limit': () => ({ sync: Uint8Array.of(1, 16, 0, 1, 0), code: 'frame-too-large' }),
  'operations before a Have': () => ({ sync: frames({ type: 'done' }), code: 'unexpected-message' }),
  'two Haves': () => ({ sync: frames(HAVE, HAVE), code: 'unexpected-message' }),
  'a header that is no header': () => sending({ header: Uint8Array.of(1, 2, 3), body: null }, 'decoding-header'),
  'a header with a wrong signature': topic => {
    const { header, body } = raw(signedBy(mallory, topic, {}))
    const changed = header.slice()
    // Inside the signature: the version, the key's head and key, the signature's head, and 20 bytes.
    changed[2 + 2 + 32 + 2 + 20]! ^= 1
    return sending({ header: changed, body }, 'invalid-signature')
  },
  'a body that is another': topic =>
    sending({ ...raw(signedBy(mallory, topic, {})), body: new TextEncoder().encode('HOSTILE') }, /^payload-/),
  'an operation of another topic': topic => ({
    ...sending(raw(signedBy(mallory, topic, { logId: LogId.ofTopic(Topic.fromBytes(new Uint8Array(32))) })), null),
    refused: 'log-id-mismatch',
  }),
  'a prune in the name of the victim': (topic, victim) => {
    const { header, body } = raw(signedBy(mallory, topic, { seqNum: 4, prune: true }))
    const forged = header.slice()
    forged.set(idBytes(victim.id as VerifyingKey), 4)
    return sending({ header: forged, body }, 'invalid-signature')
  },
}

describe('a peer that says what it likes', () => {
  it.each(Object.entries(attacks))('%s', async (_, stage) => {
    const { world, codes, refused, attack } = await attacked(stage)
    if (attack.code === null) expect(codes).toEqual([])
    else expect(codes).toEqual([expect.stringMatching(attack.code)])
    if (attack.refused !== undefined) expect(refused).toEqual([attack.refused])
    expect(world.nodes.map(({ isUp }) => isUp)).toEqual([true, true, false])
    expect(world.disagreement()).toBeNull()
    expect(world.ledger.size).toBe(24)
    expectNothingWrong(world)
    world.discard()
  })

  it('a lawful operation of a stranger is stored, so the attacks above fail for what they are', async () => {
    const { world, codes } = await attacked(topic => sending(raw(signedBy(mallory, topic, {})), null))
    expect(codes.filter(code => code !== null)).toEqual([])
    for (const { engine } of world.nodes.slice(0, 2)) expect(engine!.store.operations.count()).toBe(25)
    world.discard()
  })
})

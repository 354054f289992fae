/** Sends a node of ours what no honest peer would, on each protocol that it speaks, from a node that is a stranger to it. */

import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { SigningKey, type VerifyingKey } from '../../../core/index.js'
import { discoveryProtocolId } from '../../../discovery/index.js'
import { overlayProtocolId } from '../../../gossip/index.js'
import type { Connection, Stream } from '../../../ports.js'
import { protocolId } from '../../../sync/index.js'
import { irohTransport } from '../index.js'
import type { ThicketNode } from './thicket-node.js'

export interface Attack {
  readonly connections: number
  readonly bytes: number
  readonly rounds: number
}

/** Between what goes on meanwhile. */
const ROUND_MS = 2000
/** So that the attacker takes no more than half of one core. */
const PAUSE_MS = 20

export async function attackAll(
  target: ThicketNode,
  networkId: Uint8Array,
  durationMs: number,
  meanwhile: (round: number) => Promise<void>,
): Promise<Attack> {
  const protocols = [protocolId(networkId), discoveryProtocolId(networkId), overlayProtocolId(networkId)]
  const key = SigningKey.fromBytes(randomBytes(32))
  const transport = irohTransport({ listen: ['127.0.0.1:0', '[::1]:0'] })
  transport.start({
    id: key.verifyingKey,
    networkId,
    addressed: { seed: key.toBytes(), protocols, mayConnect: () => true, addressesChanged() {} },
    peerFound() {},
    peerLost() {},
    accept: connection => connection.close(0),
  })
  await transport.ready()
  transport.connect(target.address)
  const dial = (protocol: string): Promise<Connection | null> =>
    new Promise(resolve => transport.dial(target.id as VerifyingKey, protocol, resolve))
  let connections = 0
  let bytes = 0
  let rounds = 0
  const startMs = performance.now()
  for (let number = 0; performance.now() - startMs < durationMs; number++) {
    if (performance.now() - startMs > rounds * ROUND_MS) await meanwhile(rounds++)
    const connection = await dial(protocols[number % protocols.length]!)
    if (connection === null) continue
    connections++
    bytes += await misbehave(connection, number)
    connection.close(number % 7)
    await sleep(PAUSE_MS)
  }
  await transport.close()
  return { connections, bytes, rounds }
}

async function misbehave(connection: Connection, number: number): Promise<number> {
  let isClosed = false
  connection.onClose(() => {
    isClosed = true
  })
  connection.onStream(stream => stream.onData(() => {}))
  const streams = [connection.openBi(), connection.openUni(), connection.openBi()]
  let bytes = 0
  for (const stream of streams) {
    const garbage = garbageOf(number)
    bytes += garbage.length
    listen(stream)
    stream.write(garbage)
  }
  // Some of it is cut off, some ends in order, some is left open.
  if (number % 3 === 0) for (const stream of streams) stream.end()
  if (number % 3 === 1) for (const stream of streams) stream.abort(number)
  for (let waited = 0; waited < 20 && !isClosed; waited++) await sleep(5)
  return bytes
}

function listen(stream: Stream): void {
  if (stream.kind === 'bi') stream.onData(() => {})
  stream.onAbort(() => {})
}

function garbageOf(number: number): Uint8Array {
  switch (number % 5) {
    case 0:
      return randomBytes(1 + (number % 4000))
    // A length that is far too large, and a little of it.
    case 1:
      return Buffer.concat([Buffer.from([0x7f, 0xff, 0xff, 0xff]), randomBytes(20_000)])
    // A frame that stops in the middle.
    case 2:
      return Buffer.concat([Buffer.from([0, 0, 0x40, 0]), randomBytes(100)])
    // Frames in order whose content is none.
    case 3:
      return Buffer.concat(
        Array.from({ length: 50 }, () => Buffer.concat([Buffer.from([0, 0, 0, 30]), randomBytes(30)])),
      )
    // The handshake of a topic that nobody has, then much of nothing.
    default:
      return Buffer.concat([Buffer.from([0, 0, 0, 34, 0, 32]), randomBytes(32), Buffer.alloc(300_000)])
  }
}

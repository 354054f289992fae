/** How fast bytes go through one stream of our adapter: both ends in one process, on loopback. */

import { randomBytes } from 'node:crypto'
import { SigningKey, type VerifyingKey } from '../../../core/index.js'
import type { Connection, TransportHost } from '../../../ports.js'
import { type IrohTransport, irohTransport } from '../index.js'

const PROTOCOL = '/thicket-bench/1'
const PIECE_BYTES = 16_384

export interface Throughput {
  readonly megabytesPerSecond: number
  /** Of both ends together. */
  readonly cpuMsPerMegabyte: number
}

export async function throughput(bytes: number): Promise<Throughput> {
  let accepted: ((connection: Connection) => void) | null = null
  const arrival = new Promise<Connection>(resolve => {
    accepted = resolve
  })
  const from = open(() => {})
  const to = open(connection => accepted?.(connection))
  await Promise.all([from.transport.ready(), to.transport.ready()])
  from.transport.connect(to.transport.addresses()[0]!)
  const connection = await new Promise<Connection | null>(resolve => from.transport.dial(to.id, PROTOCOL, resolve))
  if (connection === null) throw new Error('the dial failed')
  const startMs = performance.now()
  const cpuBefore = process.cpuUsage()
  let received = 0
  const done = new Promise<void>(resolve => {
    void arrival.then(end =>
      end.onStream(stream => {
        stream.onData(piece => {
          received += piece.length
        })
        stream.onEnd(resolve)
      }),
    )
  })
  pour(connection, bytes)
  await done
  const seconds = (performance.now() - startMs) / 1000
  const { user, system } = process.cpuUsage(cpuBefore)
  await Promise.all([from.transport.close(), to.transport.close()])
  if (received !== bytes) throw new Error(`${received} of ${bytes} bytes arrived`)
  return { megabytesPerSecond: bytes / 1e6 / seconds, cpuMsPerMegabyte: (user + system) / 1000 / (bytes / 1e6) }
}

function pour(connection: Connection, bytes: number): void {
  const stream = connection.openUni()
  const piece = new Uint8Array(PIECE_BYTES)
  let left = bytes
  const go = (): void => {
    while (left > 0) {
      const next = piece.subarray(0, Math.min(left, PIECE_BYTES))
      left -= next.length
      if (!stream.write(next) && left > 0) return
    }
    stream.end()
  }
  stream.onDrain(go)
  go()
}

function open(accept: TransportHost['accept']): { readonly id: VerifyingKey; readonly transport: IrohTransport } {
  const key = SigningKey.fromBytes(randomBytes(32))
  const transport = irohTransport({ listen: ['127.0.0.1:0', '[::1]:0'] })
  transport.start({
    id: key.verifyingKey,
    networkId: new Uint8Array(32),
    addressed: { seed: key.toBytes(), protocols: [PROTOCOL], mayConnect: () => true, addressesChanged() {} },
    peerFound() {},
    peerLost() {},
    accept,
  })
  return { id: key.verifyingKey, transport }
}

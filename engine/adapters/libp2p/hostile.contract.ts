/** libp2p without our rules, for tests that break them: speaks to a node whatever it is told to say. */

import './promise-polyfill.js'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Connection as LibConnection, Stream as LibStream, PrivateKey } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { PROTOCOL } from './nodes.contract.js'

export interface Bare {
  readonly address: string
  readonly connections: number
  /** Streams that the other side has opened; nobody looks at what comes there. */
  readonly incoming: readonly LibStream[]
  /** Null when the other side does not want us. */
  dial(address: string): Promise<LibConnection | null>
  /** A stream that says these bytes at first; null when it cannot be opened. */
  open(connection: LibConnection, first: Uint8Array, protocol?: string): Promise<LibStream | null>
  close(): Promise<void>
}

export async function bareLibp2p(options: { readonly privateKey?: PrivateKey } = {}): Promise<Bare> {
  const libp2p = await createLibp2p({
    privateKey: options.privateKey ?? (await generateKeyPair('Ed25519')),
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ maxOutboundStreams: 100_000 })],
    connectionMonitor: { enabled: false },
  })
  const incoming: LibStream[] = []
  await libp2p.handle(PROTOCOL, stream => void incoming.push(stream), { maxInboundStreams: 1000 })
  return {
    incoming,
    address: libp2p.getMultiaddrs()[0]!.toString(),
    get connections() {
      return libp2p.getConnections().filter(({ status }) => status === 'open').length
    },
    async dial(address) {
      try {
        const connection = await libp2p.dial(multiaddr(address), { signal: AbortSignal.timeout(10_000), force: true })
        // The dialler has done its part before the other side has judged it.
        await connection.newStream('/no/such/protocol', { signal: AbortSignal.timeout(10_000) }).catch(() => {})
        return connection.status === 'open' ? connection : null
      } catch {
        return null
      }
    },
    async open(connection, first, protocol = PROTOCOL) {
      try {
        const stream = await connection.newStream(protocol, { maxOutboundStreams: 100_000 })
        if (first.length > 0) stream.send(first)
        return stream
      } catch {
        return null
      }
    },
    close: async () => libp2p.stop(),
  }
}

/**
 * libp2p as this transport uses it: TCP, noise, yamux, ping. No identify, which tells whoever dials all protocols and
 * addresses. Loaded when the first node starts, since it takes a fifth of a second.
 */

import type { ConnectionGater, Libp2p, Metrics, PeerId, StreamMuxer, StreamMuxerFactory } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { bytesToHex, type VerifyingKey } from '../../core/index.js'
import { type Libp2pLimits, YAMUX_WINDOW_BYTES } from './limits.js'
import { StreamWatch } from './stream-watch.js'

export interface LibraryConfig {
  readonly seed: Uint8Array
  readonly listen: readonly string[]
  readonly limits: Libp2pLimits
  readonly metrics: Metrics
  /** Asked before anything is said to a peer, and of one that came as soon as its key is known. */
  mayConnect(peer: PeerId): boolean
  /** A rule was broken on a connection that has no link yet, or below it. */
  violated(code: string): void
}

export interface Library {
  readonly libp2p: Libp2p
  multiaddr(text: string): Multiaddr
}

export async function loadLibrary(config: LibraryConfig): Promise<Library> {
  const { limits } = config
  await import('./promise-polyfill.js')
  const [{ createLibp2p }, { tcp }, { noise }, { yamux }, { ping }, { generateKeyPairFromSeed }, { multiaddr }] =
    await Promise.all([
      import('libp2p'),
      import('@libp2p/tcp'),
      import('@libp2p/noise'),
      import('@libp2p/yamux'),
      import('@libp2p/ping'),
      import('@libp2p/crypto/keys'),
      import('@multiformats/multiaddr'),
    ])
  const muxer = yamux({
    maxInboundStreams: limits.linkStreams,
    maxOutboundStreams: limits.linkStreams,
    // Streams that come before libp2p has looked at the connection; an honest peer may open a session for each topic.
    maxEarlyStreams: limits.pendingStreams,
    streamOptions: {
      initialStreamWindowSize: YAMUX_WINDOW_BYTES,
      maxStreamWindowSize: YAMUX_WINDOW_BYTES,
      maxReadBufferLength: 2 * limits.pendingBytes,
    },
  })
  const gater: ConnectionGater = {
    denyDialPeer: peer => !config.mayConnect(peer),
    denyDialMultiaddr: () => false,
    denyInboundEncryptedConnection: peer => !config.mayConnect(peer),
    denyOutboundEncryptedConnection: peer => !config.mayConnect(peer),
  }
  const libp2p = await createLibp2p({
    start: false,
    privateKey: await generateKeyPairFromSeed('Ed25519', config.seed),
    addresses: { listen: [...config.listen] },
    transports: [
      tcp({
        dialOpts: { noDelay: true, keepAlive: true },
        listenOpts: { noDelay: true, keepAlive: true },
      }),
    ],
    connectionEncrypters: [noise()],
    streamMuxers: [() => watched(muxer(), limits, code => config.violated(code))],
    services: { ping: ping({ maxInboundStreams: limits.linksPerPeer, maxOutboundStreams: limits.linksPerPeer }) },
    connectionGater: gater,
    metrics: () => config.metrics,
    connectionManager: {
      maxConnections: limits.links,
      maxIncomingPendingConnections: limits.handshakes,
      inboundConnectionThreshold: limits.handshakesPerSecond,
      inboundUpgradeTimeout: limits.handshakeMs,
      inboundStreamProtocolNegotiationTimeout: limits.negotiationMs,
      outboundStreamProtocolNegotiationTimeout: limits.negotiationMs,
      maxParallelDials: limits.dials,
      maxDialQueueLength: limits.dialsWaiting,
      maxPeerAddrsToDial: limits.addresses,
      dialTimeout: limits.dialMs,
      addressDialTimeout: limits.addressMs,
      // Whether to dial again is for the owner of the transport to say.
      reconnectRetries: 0,
    },
    // A process that is busy answers late; one that is gone does not answer at all.
    connectionMonitor: { pingInterval: limits.pingMs, pingTimeout: { minTimeout: 2 * limits.pingMs } },
  })
  return { libp2p, multiaddr }
}

/** Null for a key of another type than the nodes of a network have. */
export function keyOf(peer: PeerId): VerifyingKey | null {
  return peer.type === 'Ed25519' ? (bytesToHex(peer.publicKey.raw) as VerifyingKey) : null
}

/** Keeps an eye on streams that have not agreed on a protocol, which libp2p shows to nobody. */
function watched(
  factory: StreamMuxerFactory,
  limits: Libp2pLimits,
  violated: (code: string) => void,
): StreamMuxerFactory {
  return {
    protocol: factory.protocol,
    createStreamMuxer(connection) {
      const muxer = factory.createStreamMuxer(connection)
      const watch = new StreamWatch(muxer, limits, violated, error => {
        muxer.abort(error)
        connection.abort(error)
      })
      listenAfterLibp2p(muxer, watch)
      return muxer
    },
  }
}

/** A muxer keeps streams for its first listener, and that must be libp2p. */
function listenAfterLibp2p(muxer: StreamMuxer, watch: StreamWatch): void {
  const listen = muxer.addEventListener.bind(muxer)
  let isListening = false
  muxer.addEventListener = ((...parameters: Parameters<typeof listen>) => {
    listen(...parameters)
    if (parameters[0] !== 'stream' || isListening) return
    isListening = true
    listen('stream', event => watch.opened(event.detail))
  }) as typeof muxer.addEventListener
}

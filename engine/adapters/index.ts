export { formatAddress, isHostAndPort, isListenPlace, isTcpPlace, type PeerAddress, parseAddress } from './addresses.js'
export { type BetterSqliteOptions, openBetterSqlite } from './better-sqlite.js'
export { nodeDefaults, sharedCrypto } from './defaults.js'
export { InProcessHub, type InProcessOptions, inProcessTransport } from './in-process.js'
export { type InspectArguments, inspectVerb } from './inspect-verb.js'
export {
  DEFAULT_IROH_LIMITS,
  type IrohLimits,
  type IrohMetrics,
  type IrohOptions,
  type IrohTransport,
  irohTransport,
} from './iroh/index.js'
export {
  DEFAULT_LIBP2P_LIMITS,
  type Libp2pLimits,
  type Libp2pMetrics,
  type Libp2pOptions,
  type Libp2pTransport,
  libp2pTransport,
} from './libp2p/index.js'
export { type NativeCryptoOptions, nativeCrypto } from './native-crypto.js'
export { type NodeArguments, nodeVerb } from './node-verb/index.js'
export { type SystemClockOptions, systemClock } from './system-clock.js'
export { systemRandom } from './system-random.js'

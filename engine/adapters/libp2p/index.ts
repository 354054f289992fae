export { DEFAULT_LIBP2P_LIMITS, type Libp2pLimits } from './limits.js'
export type { Libp2pMetrics } from './metrics.js'
export { type Libp2pOptions, type Libp2pTransport, libp2pTransport } from './transport.js'

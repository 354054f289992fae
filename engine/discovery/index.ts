export type { AddressBookStore, AddressRow } from './address-book.js'
export { type BackOffSettings, DEFAULT_BACK_OFF } from './back-off.js'
export { createDiscovery, type Discovery, type DiscoveryConfig } from './discovery.js'
export { formatIrohAddress, type IrohAddress, parseIrohAddress } from './iroh-address.js'
export { DEFAULT_DISCOVERY_LIMITS, type DiscoveryLimits } from './limits.js'
export type { DiscoveryMetrics } from './metrics.js'
export {
  encodeRecord,
  makeRecord,
  readRecord,
  recordToVerify,
  signatureInput,
  signRecord,
  type TransportKind,
  type TransportRecord,
} from './records.js'
export { type DiscoverySettings, defaultDiscoverySettings, type Share } from './settings.js'
export { discoveryProtocolHash, discoveryProtocolId, membershipTopic } from './topics.js'

export {
  type BleAdvertisingAir,
  type BleAdvertisingOptions,
  type BleAirAccount,
  createBleAdvertising,
} from './advertising.js'
export type { BleConnectionAccount } from './connection-books.js'
export type { ConnectionPace } from './connection-events.js'
export { SUPERVISION_TIMEOUT_MS } from './limits.js'
export { type BleLinks, type BleLinksOptions, createBleLinks } from './links.js'
export type { BleSpec } from './spec.js'

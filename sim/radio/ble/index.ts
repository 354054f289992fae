export {
  type BleAdvertisingAir,
  type BleAdvertisingOptions,
  type BleAirAccount,
  createBleAdvertising,
} from './advertising.js'
export type { BleSpec } from './spec.js'

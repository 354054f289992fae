export { AirBooks, type LossCause } from './account.js'
export type { Air, AirAccount, AirLosses, AirNode, Place, Waypoint } from './air.js'
export {
  type BleAdvertisingAir,
  type BleAdvertisingOptions,
  type BleAirAccount,
  type BleConnectionAccount,
  type BleLinks,
  type BleSpec,
  createBleAdvertising,
  createBleLinks,
  SUPERVISION_TIMEOUT_MS,
} from './ble/index.js'
export { FLOOR_ERROR_RATE, type FloorQuestion, transmitters } from './floor.js'
export { distanceM } from './geometry.js'
export { type AirtimeLaw, BusiestWindow, DutyLedger, NO_LAW, type Stay } from './law.js'
export { LoraEther } from './lora/ether.js'
export { createLoraAir, type LoraAirOptions, type LoraSpec } from './lora/lora-air.js'
export { Motion } from './motion.js'
export { SpatialIndex } from './spatial-index.js'

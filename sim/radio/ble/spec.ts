/** What a BLE radio of a scenario is, as drawn; the scenario's own type satisfies it. */

import type { FadingLaw } from '../fading.js'
import type { PathLossModel } from '../path-loss.js'
import type { BlePhy } from './pdu.js'

export interface BleSpec {
  readonly name: string
  readonly phy: '1M' | '2M' | 'coded'
  /** From one advertising event to the next, and from one scan window to the next. */
  readonly intervalMs: number
  /** How much of each interval a scanner listens. */
  readonly windowMs: number
  readonly powerDbm: number
  /** Share of receptions that are lost whatever the physics say. */
  readonly loss: number
  readonly propagation: PathLossModel & { readonly sigmaDb: number }
  /** How the strength of each pair wanders; not at all when null or absent. */
  readonly fading?: FadingLaw | null
}

/** Middle of the band, for path-loss models that ask. */
export const FREQUENCY_HZ = 2_440_000_000

/** Primary advertising channels, 37, 38 and 39, by number from 0. */
export const PRIMARY_CHANNELS = 3
/** All others: data channels of connections, secondary ones of advertising. */
export const SECONDARY_CHANNELS = 37

/** The PHY of data; radios that speak coded choose reach before speed. */
export function dataPhy(spec: Pick<BleSpec, 'phy'>): BlePhy {
  return spec.phy === 'coded' ? 'S=8' : spec.phy
}

/** The PHY of the primary channels, which 2M may not be used on. */
export function primaryPhy(spec: Pick<BleSpec, 'phy'>): BlePhy {
  return spec.phy === 'coded' ? 'S=8' : '1M'
}

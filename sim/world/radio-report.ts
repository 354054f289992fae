/** What a report says of the radios: sums over all airs, and how far they are from the least that could have been sent. */

import { FRAME_CLASSES, type FrameClass } from '../../engine/ports.js'
import type { Airs } from './airs.js'

export interface RadioReport {
  readonly frames: number
  readonly bytes: number
  readonly airtimeMs: number
  readonly receptions: number
  readonly maxDutyCycle: number
  readonly losses: Readonly<Record<'weak' | 'collision' | 'halfDuplex' | 'random' | 'dutyCycleHeld', number>>
  readonly bytesByClass: Readonly<Record<FrameClass, number>>
  readonly airtimeMsByClass: Readonly<Record<FrameClass, number>>
  /** Null when nodes move, or where nothing connects all subscribers. */
  readonly floorBytes: number | null
  readonly overFloor: number | null
  readonly airtimeOverFloor: number | null
  /** Shortest time in which the floor could have been sent within the law by one node after the other. */
  readonly convergenceFloorMs: number | null
}

export interface Floor {
  readonly bytes: number
  readonly airtimeMs: number
}

/** Sums over all radios that carry frames. */
export function radioReport(airs: Airs, floor: Floor | null, share: number): RadioReport | null {
  if (airs.isEmpty) return null
  const accounts = [...airs.airs, ...airs.connections].map(air => air.account())
  const sum = (value: (account: (typeof accounts)[number]) => number) =>
    accounts.reduce((total, account) => total + value(account), 0)
  const byClass = (value: (account: (typeof accounts)[number], kind: FrameClass) => number) =>
    Object.fromEntries(FRAME_CLASSES.map(kind => [kind, sum(account => value(account, kind))])) as Record<
      FrameClass,
      number
    >
  const bytes = sum(account => account.bytes)
  const airtimeMs = sum(account => account.airtimeUs) / 1_000
  const ratio = (value: number, over: number | undefined) =>
    over === undefined || over === 0 ? null : Math.round((value / over) * 10_000) / 10_000
  return {
    frames: sum(account => account.frames),
    bytes,
    airtimeMs,
    receptions: sum(account => account.receptions),
    maxDutyCycle: accounts.reduce((most, account) => Math.max(most, account.maxDutyCycle), 0),
    losses: {
      weak: sum(({ losses }) => losses.weak),
      collision: sum(({ losses }) => losses.collision),
      halfDuplex: sum(({ losses }) => losses.halfDuplex),
      random: sum(({ losses }) => losses.random),
      dutyCycleHeld: sum(({ losses }) => losses.dutyCycleHeld),
    },
    bytesByClass: byClass((account, kind) => account.bytesByClass[kind]),
    airtimeMsByClass: byClass((account, kind) => account.airtimeUsByClass[kind] / 1_000),
    floorBytes: floor?.bytes ?? null,
    overFloor: ratio(bytes, floor?.bytes),
    airtimeOverFloor: ratio(airtimeMs, floor?.airtimeMs),
    convergenceFloorMs: floor ? Math.round(floor.airtimeMs / Math.max(share, 1e-6)) : null,
  }
}

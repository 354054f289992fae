/** The radios of a scenario: one air for each kind, the nodes that carry it, and what the report says of them. */

import type { VerifyingKey } from '../../engine/core/index.js'
import { FRAME_CLASSES, type FrameClass, type Radio, type Trace, type Transport } from '../../engine/ports.js'
import type { DrawnScenario } from '../../scenarios/index.js'
import type { Kernel } from '../kernel/index.js'
import { type Air, type AirNode, createBleAdvertising, createLoraAir, type Place } from '../radio/index.js'
import { type BleConnections, createBleConnections } from './ble-connections.js'

type RadioSpec = DrawnScenario['radios'][number]
type LoraSpec = RadioSpec & { readonly type: 'lora' }
type BleSpec = RadioSpec & { readonly type: 'ble' }

export class Airs {
  /** Those that carry frames. */
  readonly airs: readonly Air[]
  /** Those that carry links. */
  readonly connections: readonly BleConnections[]
  readonly isMoving: boolean

  constructor(kernel: Kernel, scenario: DrawnScenario, ids: readonly VerifyingKey[], trace: Trace) {
    const airs: Air[] = []
    const connections: BleConnections[] = []
    for (const spec of scenario.radios) {
      const nodes = carriers(scenario, spec.name)
      if (nodes.length === 0) continue
      if (isLora(spec)) {
        airs.push(createLoraAir({ kernel, spec, nodes, trace, macOf: node => scenario.nodes[node]!.mac }))
      } else if (isBle(spec) && spec.mode === 'advertise')
        airs.push(createBleAdvertising({ kernel, spec, nodes, trace }))
      else if (isBle(spec)) connections.push(createBleConnections({ kernel, spec, nodes, ids }))
    }
    this.airs = airs
    this.connections = connections
    this.isMoving =
      scenario.nodes.some(({ move }) => move.length > 0) || scenario.faults.some(({ type }) => type === 'move')
  }

  get isEmpty(): boolean {
    return this.airs.length + this.connections.length === 0
  }

  /** The radios of one boot of a node. */
  attach(node: number): readonly Radio[] {
    return this.airs.filter(air => air.nodes.includes(node)).map(air => air.attach(node))
  }

  transports(node: number): readonly Transport[] {
    return this.connections.filter(({ nodes }) => nodes.includes(node)).map(air => air.transport(node))
  }

  detach(node: number): void {
    for (const air of this.airs) if (air.nodes.includes(node)) air.detach(node)
    for (const air of this.connections) if (air.nodes.includes(node)) air.die(node)
  }

  block(isBlocked: (from: number, to: number) => boolean): () => void {
    const ends = [...this.airs, ...this.connections].map(air => air.block(isBlocked))
    return () => {
      for (const end of ends) end()
    }
  }

  place(node: number, at: Place): void {
    for (const air of [...this.airs, ...this.connections]) if (air.nodes.includes(node)) air.place(node, at)
  }
}

function isLora(spec: RadioSpec): spec is LoraSpec {
  return spec.type === 'lora'
}

function isBle(spec: RadioSpec): spec is BleSpec {
  return spec.type === 'ble'
}

function carriers(scenario: DrawnScenario, radio: string): readonly AirNode[] {
  return scenario.nodes.flatMap(({ name, at, move, antenna, radios }, node) =>
    radios.some(reference => reference.name === radio)
      ? [{ node, name, at: at ?? { xM: 0, yM: 0 }, move, antenna }]
      : [],
  )
}

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

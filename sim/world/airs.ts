/** The radios of a scenario: one air for each kind, what those of LoRa do to each other, and the nodes that carry them. */

import type { VerifyingKey } from '../../engine/core/index.js'
import type { Radio, Trace, Transport } from '../../engine/ports.js'
import type { DrawnScenario } from '../../scenarios/index.js'
import type { Kernel } from '../kernel/index.js'
import { type Air, type AirNode, createBleAdvertising, createLoraAir, LoraEther, type Place } from '../radio/index.js'
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
    const ether = new LoraEther(kernel)
    for (const spec of scenario.radios) {
      const nodes = carriers(scenario, spec.name)
      if (nodes.length === 0) continue
      if (isLora(spec)) {
        airs.push(createLoraAir({ kernel, spec, nodes, trace, ether, macOf: node => scenario.nodes[node]!.mac }))
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

/**
 * A few LoRa nodes with round figures, for the tests of the air: without propagation every level is the power plus the
 * gains of both antennas, so levels are set to the decibel; radios do not listen before they send unless told to.
 */

import type { Radio, TraceFields } from '../../../engine/ports.js'
import { LORA_PRESETS } from '../../../scenarios/index.js'
import { createKernel, type Kernel, WORLD } from '../../kernel/index.js'
import type { Air, AirNode, Waypoint } from '../air.js'
import type { LoraEther } from './ether.js'
import { createLoraAir, type LoraSpec, type Mac } from './lora-air.js'

export const SPEC: LoraSpec = {
  name: 'field',
  line: 1,
  column: 1,
  type: 'lora',
  preset: 'LONG_FAST',
  ...LORA_PRESETS.LONG_FAST,
  frequencyHz: 869_525_000,
  region: 'none',
  powerDbm: -80,
  profile: 'physical',
  loss: 0,
  fading: null,
  propagation: {
    model: 'none',
    exponent: 2.2,
    sigmaDb: 0,
    referenceM: 1_000,
    lossAtReferenceDb: 128.95,
    environment: 'suburban',
  },
}

/** Distances count: 14 dBm reach some six kilometres. */
export const IN_THE_OPEN: Partial<LoraSpec> = {
  powerDbm: 14,
  propagation: { ...SPEC.propagation, model: 'log-distance' },
}

/** On LONG_FAST: 2^11 chips at 250 kHz. */
export const SYMBOL_US = 8_192

export interface TestNode {
  readonly xM?: number
  readonly gainDb?: number
  readonly move?: readonly Waypoint[]
}

export interface AirEvent {
  readonly type: string
  readonly atUs: number
  readonly fields: TraceFields
}

export interface BenchOptions {
  readonly seed?: number
  readonly mac?: Mac
  /** Shared with the bench of another kind of radio. */
  readonly kernel?: Kernel
  readonly ether?: LoraEther
  /** Number of the first node: nodes of two kinds are the same where their numbers are. */
  readonly first?: number
}

export class AirBench {
  readonly kernel: Kernel
  readonly air: Air
  readonly radios: Radio[]
  /** What each node has heard, as the first byte of each frame. */
  readonly heard: number[][]
  readonly outcomes: string[] = []
  readonly events: AirEvent[] = []
  readonly #first: number

  constructor(
    nodes: readonly TestNode[],
    spec: Partial<LoraSpec> = {},
    { seed = 5, mac = 'aloha', kernel = createKernel({ seed }), ether, first = 0 }: BenchOptions = {},
  ) {
    this.kernel = kernel
    this.#first = first
    this.air = createLoraAir({
      kernel: this.kernel,
      spec: { ...SPEC, ...spec },
      nodes: nodes.map((node, index) => airNode(node, first + index)),
      macOf: () => mac,
      ether: ether ?? null,
      trace: { event: (type, fields) => this.events.push({ type, atUs: this.kernel.nowUs, fields }) },
    })
    this.heard = nodes.map(() => [])
    this.radios = nodes.map((_, index) => this.attach(index))
  }

  attach(index: number): Radio {
    const radio = this.air.attach(this.#first + index)
    radio.onFrame(frame => this.heard[index]!.push(frame[0]!))
    return radio
  }

  reattach(index: number): void {
    this.radios[index] = this.attach(index)
  }

  /** Sends after so many microseconds from now; the first byte of a frame says whose it is. */
  send(index: number, afterUs = 0, bytes = 20): void {
    this.kernel.schedule(afterUs, 'test/send', this.#first + index, () => {
      const frame = new Uint8Array(bytes).fill(index)
      this.radios[index]!.send(frame, 'operation', outcome => this.outcomes.push(`${index} ${outcome}`))
    })
  }

  /** Sends one frame behind the other, as many as there are. */
  sendMany(index: number, count: number, bytes = 20): void {
    let sent = 0
    const next = (): void => {
      if (sent++ < count) this.radios[index]!.send(new Uint8Array(bytes).fill(index), 'operation', next)
    }
    next()
  }

  pass(ms: number): void {
    // An idle kernel leaves its clock where it is.
    this.kernel.schedule(ms * 1_000, 'test/pass', WORLD, () => {})
    this.kernel.run({ untilUs: this.kernel.nowUs + ms * 1_000 })
  }

  /** Until nothing is left to happen. */
  end(): void {
    this.kernel.run()
  }

  of(type: string): AirEvent[] {
    return this.events.filter(event => event.type === type)
  }

  /** When each frame began, and when it ends unless it breaks off. */
  stays(): { readonly at: string; readonly startUs: number; readonly endUs: number }[] {
    return this.of('frame-sent').map(({ atUs, fields }) => ({
      at: String(fields.at),
      startUs: atUs,
      endUs: atUs + Number(fields.airtimeUs),
    }))
  }
}

function airNode({ xM = 0, gainDb = 0, move = [] }: TestNode, index: number): AirNode {
  return { node: index, name: `n${index}`, at: { xM, yM: 0 }, move, antenna: { gainDb, heightM: 1 } }
}

/** `thicket study`: packet-level studies of radios without the engine, to be laid beside published simulators. */

import { LORA_PRESET_NAMES } from '../../../scenarios/index.js'
import { answering, distanceM, durationUs, gridSize, oneOf, UnusableInput, wholeNumber } from './arguments.js'
import { type FloodResult, MAX_FLOOD_DURATION_US, MAX_FLOOD_HOPS, MAX_FLOOD_NODES, studyFlood } from './flood.js'
import { GroundTooCrowded, MAX_FLOOD_SPACING_M } from './flood-ground.js'
import { alohaDelivery, MAX_LORASIM_NODES, MAX_LORASIM_PACKETS, studyLorasim } from './lorasim.js'

/** As they stand on the command line, defaults filled in. */
export interface LorasimArguments {
  readonly experiment: string
  readonly nodes: string
  readonly packets: string
  readonly seed: string
  readonly capture: boolean
  readonly pathLoss: string
  readonly json?: boolean
}

export interface FloodArguments {
  readonly preset: string
  readonly grid: string
  readonly spacing: string
  readonly duration: string
  readonly meanPeriod: string
  readonly hops: string
  readonly seed: string
  readonly json?: boolean
}

export function lorasimVerb(args: LorasimArguments): number {
  return answering('study lorasim', () => {
    const options = {
      experiment: oneOf('--experiment', args.experiment, ['sn1', 'sn3']),
      nodes: wholeNumber('--nodes', args.nodes, 1, MAX_LORASIM_NODES),
      packets: wholeNumber('--packets', args.packets, 1, MAX_LORASIM_PACKETS),
      seed: readSeed(args.seed),
      capture: args.capture,
      pathLoss: oneOf('--path-loss', args.pathLoss, ['ln', 'log10']),
    }
    const result = studyLorasim(options)
    if (args.json) {
      process.stdout.write(`${JSON.stringify(result)}\n`)
      return
    }
    const rule = options.capture ? `capture at 6 dB, ${options.pathLoss} loss` : 'no capture'
    process.stdout.write(
      `${options.experiment.toUpperCase()}, ${options.nodes} nodes, ${rule}, seed ${options.seed}\n` +
        `  extracted   ${result.der.toFixed(4)} (${count(result.received)} of ${count(result.sent)} frames)\n` +
        `  pure ALOHA  ${alohaDelivery(options.experiment, options.nodes).toFixed(4)} (closed form, no capture)\n`,
    )
  })
}

export function floodVerb(args: FloodArguments): number {
  return answering('study flood', () => {
    const options = {
      preset: oneOf('--preset', args.preset, LORA_PRESET_NAMES),
      ...gridSize('--grid', args.grid, MAX_FLOOD_NODES),
      spacingM: distanceM('--spacing', args.spacing, MAX_FLOOD_SPACING_M),
      durationUs: durationUs('--duration', args.duration, MAX_FLOOD_DURATION_US),
      meanPeriodUs: durationUs('--mean-period', args.meanPeriod, MAX_FLOOD_DURATION_US),
      hops: wholeNumber('--hops', args.hops, 0, MAX_FLOOD_HOPS),
      seed: readSeed(args.seed),
    }
    const result = floodOrComplain(options)
    const title = `${options.preset}, ${args.grid} nodes ${args.spacing} apart, ${args.duration}, seed ${options.seed}`
    process.stdout.write(args.json ? `${JSON.stringify(result)}\n` : describeFlood(title, result))
  })
}

function floodOrComplain(options: Parameters<typeof studyFlood>[0]): FloodResult {
  try {
    return studyFlood(options)
  } catch (error) {
    if (!(error instanceof GroundTooCrowded)) throw error
    throw new UnusableInput(error.message)
  }
}

function describeFlood(title: string, result: FloodResult): string {
  const share = (value: number) => `${(value * 100).toFixed(1)} %`
  return [
    title,
    `  messages       ${count(result.messages)}, ${count(result.transmissions)} transmissions`,
    `  reach          ${share(result.reach)}`,
    `  usefulness     ${share(result.usefulness)} of receptions`,
    `  collisions     ${share(result.collisionRate)} of the frames that nodes sensed`,
    `  mean delay     ${count(Math.round(result.meanDelayMs))} ms`,
    `  sending        ${share(result.txUtil)} of the time of a node`,
    '',
  ].join('\n')
}

function readSeed(text: string): number {
  return wholeNumber('--seed', text, 0, Number.MAX_SAFE_INTEGER)
}

function count(value: number): string {
  return value.toLocaleString('en')
}

/** `thicket airtime`: how long one frame is on the air, and how many of them the law of a region allows in an hour. */

import {
  DUTY_WINDOW_MS,
  LORA_BANDWIDTHS_HZ,
  LORA_PRESET_NAMES,
  LORA_PRESETS,
  LORA_REGION_NAMES,
  LORA_REGIONS,
  type LoraRegionName,
  loraBandOf,
} from '../../../scenarios/index.js'
import {
  bitRate,
  GREATEST_SPREADING_FACTOR,
  LEAST_SPREADING_FACTOR,
  MAX_PAYLOAD_BYTES,
  MAX_PREAMBLE_SYMBOLS,
  type Modulation,
  symbolUs,
  type TimeOnAir,
  timeOnAir,
} from '../lora/time-on-air.js'
import { answering, oneOf, UnusableInput, wholeNumber } from './arguments.js'

/** As they stand on the command line. */
export interface AirtimeArguments {
  readonly sf?: string
  readonly bw?: string
  readonly cr?: string
  readonly payload?: string
  readonly preamble?: string
  readonly implicit?: boolean
  readonly crc?: boolean
  readonly chip?: string
  readonly preset?: string
  readonly region?: string
  readonly json?: boolean
}

/** What LoRaWAN sends, and what chips are set to out of the box. */
const DEFAULT_PREAMBLE_SYMBOLS = 8
/** A preamble that receivers can find. SX1276 datasheet 4.1.1.6: 6 symbols and more. */
const LEAST_PREAMBLE_SYMBOLS = 6

interface Allowance {
  readonly framesPerHour: number
  /** Why so few, or out of what. */
  readonly reason: string
}

export function airtimeVerb(args: AirtimeArguments): number {
  return answering('airtime', () => {
    if (args.payload === undefined) throw new UnusableInput('expected --payload with the bytes of a frame, 0 to 255')
    const payloadBytes = wholeNumber('--payload', args.payload, 0, MAX_PAYLOAD_BYTES)
    const modulation = readModulation(args)
    const region = args.region === undefined ? null : oneOf('--region', args.region, LORA_REGION_NAMES)
    const frame = timeOnAir(modulation, payloadBytes)
    const allowance = region === null ? null : allowanceIn(region, modulation, frame)
    if (args.json) {
      const { us: airtimeUs, symbols } = frame
      const framesPerHour = allowance?.framesPerHour ?? null
      process.stdout.write(`${JSON.stringify({ airtimeUs, symbols, bitrate: bitRate(modulation), framesPerHour })}\n`)
      if (framesPerHour === 0) process.stderr.write(`airtime: ${allowance?.reason}\n`)
    } else {
      process.stdout.write(describe(args, modulation, payloadBytes, frame, allowance))
    }
  })
}

function readModulation(args: AirtimeArguments): Modulation {
  const { sf, bw, cr, preset, chip } = args
  const options = {
    implicitHeader: args.implicit ?? false,
    crc: args.crc ?? true,
    ...(chip === undefined ? {} : { chip: oneOf('--chip', chip, ['sx127x', 'sx126x']) }),
  }
  const preamble = (byDefault: number): number =>
    args.preamble === undefined
      ? byDefault
      : wholeNumber('--preamble', args.preamble, LEAST_PREAMBLE_SYMBOLS, MAX_PREAMBLE_SYMBOLS)
  if (preset !== undefined) {
    if (sf !== undefined || bw !== undefined || cr !== undefined)
      throw new UnusableInput('a preset says what --sf, --bw and --cr are; expected either it or them')
    const modem = LORA_PRESETS[oneOf('--preset', preset, LORA_PRESET_NAMES)]
    return { ...modem, ...options, preambleSymbols: preamble(modem.preambleSymbols) }
  }
  if (sf === undefined || bw === undefined || cr === undefined)
    throw new UnusableInput('expected --sf, --bw and --cr, or --preset')
  return {
    spreadingFactor: wholeNumber('--sf', sf, LEAST_SPREADING_FACTOR, GREATEST_SPREADING_FACTOR),
    bandwidthHz: readBandwidth(bw),
    codingRate: wholeNumber('--cr', cr, 5, 8),
    preambleSymbols: preamble(DEFAULT_PREAMBLE_SYMBOLS),
    ...options,
  }
}

function readBandwidth(text: string): number {
  const widths = LORA_BANDWIDTHS_HZ.map(String)
  return Number(oneOf('--bw', text, widths))
}

function allowanceIn(region: LoraRegionName, modulation: Modulation, frame: TimeOnAir): Allowance {
  const { bandwidthHz } = modulation
  const band = loraBandOf(region, LORA_REGIONS[region].frequencyHz, bandwidthHz)
  if (band === null) {
    return { framesPerHour: 0, reason: `a channel of ${kilohertz(bandwidthHz)} is wider than ${region} has room for` }
  }
  const dwellUs = band.maxDwellMs === null ? Infinity : band.maxDwellMs * 1_000
  if (bandwidthHz < band.dwellBandwidthHz && frame.us > dwellUs) {
    const narrower = `a channel narrower than ${kilohertz(band.dwellBandwidthHz)}`
    return {
      framesPerHour: 0,
      reason: `in ${region} a frame may stay ${band.maxDwellMs} ms on ${narrower}, and this one takes ${ms(frame.us)}`,
    }
  }
  const allowedUs = Math.round(band.dutyCycle * DUTY_WINDOW_MS * 1_000)
  return {
    framesPerHour: Math.floor(allowedUs / frame.us),
    reason: band.dutyCycle < 1 ? `${Number((band.dutyCycle * 100).toFixed(3))} % of the time` : 'one after the other',
  }
}

function describe(
  args: AirtimeArguments,
  modulation: Modulation,
  payloadBytes: number,
  frame: TimeOnAir,
  allowance: Allowance | null,
): string {
  const { spreadingFactor, bandwidthHz, codingRate } = modulation
  const name = args.preset === undefined ? '' : `${args.preset}, `
  const preambleSymbols = frame.symbols - frame.payloadSymbols
  const lines = [
    `${name}SF${spreadingFactor}, ${kilohertz(bandwidthHz)}, 4/${codingRate}: ${payloadBytes} bytes take ${ms(frame.us)}`,
    `  symbols   ${frame.symbols} of ${ms(symbolUs(modulation))}, ${preambleSymbols} of them preamble and sync word`,
    `  bit rate  ${Math.round(bitRate(modulation)).toLocaleString('en')} bit/s while the payload is sent`,
  ]
  if (allowance !== null) {
    const frames = allowance.framesPerHour.toLocaleString('en')
    lines.push(`  ${(args.region ?? '').padEnd(8)}  ${frames} frames an hour: ${allowance.reason}`)
  }
  return `${lines.join('\n')}\n`
}

function ms(us: number): string {
  return `${(us / 1_000).toLocaleString('en', { maximumFractionDigits: 3 })} ms`
}

function kilohertz(hz: number): string {
  return `${hz / 1_000} kHz`
}

/**
 * How long one LoRa frame is on the air, to the microsecond: Semtech AN1200.13, which is also SX1276 datasheet 4.1.1.7.
 * Everything is counted in quarters of a symbol, so that one rounding is all there is. The eight symbols that every frame
 * has after its preamble already hold the explicit header, sent at 4/8.
 */

import { invariant } from '../../../engine/core/index.js'

export interface Modulation {
  /** 5 to 12. */
  readonly spreadingFactor: number
  readonly bandwidthHz: number
  /** The denominator of the coding rate: 5 for 4/5 up to 8 for 4/8. */
  readonly codingRate: number
  readonly preambleSymbols: number
  /** The receiver knows length and coding rate without being told. False by default. */
  readonly implicitHeader?: boolean
  /** A checksum of two bytes over the payload. True by default. */
  readonly crc?: boolean
  /** Fewer bits a symbol, for symbols so long that the oscillator drifts within them; `auto` by default. */
  readonly lowDataRate?: boolean | 'auto'
  /** They differ below a spreading factor of 7 alone; `sx127x` by default. */
  readonly chip?: 'sx127x' | 'sx126x'
}

export interface TimeOnAir {
  /** Whole microseconds. */
  readonly us: number
  /** Preamble and sync word included; ends in a quarter. */
  readonly symbols: number
  readonly preambleUs: number
  /** Symbols after the preamble, the header's included. */
  readonly payloadSymbols: number
}

/** The length is one byte in the header. */
export const MAX_PAYLOAD_BYTES = 255
export const LEAST_SPREADING_FACTOR = 5
export const GREATEST_SPREADING_FACTOR = 12
/** Registers of both chips hold 16 bits. */
export const MAX_PREAMBLE_SYMBOLS = 65_535

/** Symbols of this length or more are sent at a low data rate. SX1276 datasheet 4.1.1.6: 16 ms. */
const LOW_DATA_RATE_SYMBOL_US = 16_000
/** Sync word and start of frame, in quarters of a symbol: 4.25 symbols; SX1261 datasheet 6.1.4: 6.25 at SF5 and SF6. */
const SYNC_QUARTERS = 17
const SHORT_SF_SYNC_QUARTERS = 25
const HEADER_SYMBOLS = 8

export function timeOnAir(modulation: Modulation, payloadBytes: number): TimeOnAir {
  const { spreadingFactor, codingRate, preambleSymbols, implicitHeader = false, crc = true } = modulation
  check(modulation, payloadBytes)
  const isShortOnSx126x = modulation.chip === 'sx126x' && spreadingFactor <= 6
  // What the first eight symbols have no room for, in bits; negative when they have room left.
  const bits =
    8 * payloadBytes +
    (crc ? 16 : 0) -
    4 * spreadingFactor +
    (isShortOnSx126x ? 0 : 8) +
    // Without a header its twenty bits carry payload.
    (implicitHeader ? 0 : 20)
  const bitsABlock = 4 * (spreadingFactor - (isLowDataRate(modulation) ? 2 : 0))
  const payloadSymbols = HEADER_SYMBOLS + Math.max(Math.ceil(bits / bitsABlock), 0) * codingRate
  const preambleQuarters = 4 * preambleSymbols + (isShortOnSx126x ? SHORT_SF_SYNC_QUARTERS : SYNC_QUARTERS)
  const quarters = preambleQuarters + 4 * payloadSymbols
  return {
    us: quartersUs(quarters, modulation),
    symbols: quarters / 4,
    preambleUs: quartersUs(preambleQuarters, modulation),
    payloadSymbols,
  }
}

/** Length of one symbol, perhaps not a whole number of microseconds. */
export function symbolUs({
  spreadingFactor,
  bandwidthHz,
}: Pick<Modulation, 'spreadingFactor' | 'bandwidthHz'>): number {
  return (2 ** spreadingFactor * 1_000_000) / bandwidthHz
}

/** Bits a second while the payload is being sent, without preamble and header: what data sheets call the bit rate. */
export function bitRate(modulation: Pick<Modulation, 'spreadingFactor' | 'bandwidthHz' | 'codingRate'>): number {
  const { spreadingFactor, bandwidthHz, codingRate } = modulation
  return (spreadingFactor * 4 * bandwidthHz) / (codingRate * 2 ** spreadingFactor)
}

export function isLowDataRate(modulation: Modulation): boolean {
  const { lowDataRate = 'auto' } = modulation
  return lowDataRate === 'auto' ? symbolUs(modulation) >= LOW_DATA_RATE_SYMBOL_US : lowDataRate
}

/** At most 2^18 quarters of 2^12 chips each: the product is exact, and the division rounds once. */
function quartersUs(quarters: number, { spreadingFactor, bandwidthHz }: Modulation): number {
  return Math.round((quarters * 2 ** spreadingFactor * 250_000) / bandwidthHz)
}

function check({ spreadingFactor, bandwidthHz, codingRate, preambleSymbols }: Modulation, payloadBytes: number): void {
  invariant(
    isWithin(spreadingFactor, LEAST_SPREADING_FACTOR, GREATEST_SPREADING_FACTOR),
    'a spreading factor is a whole number from 5 to 12',
  )
  invariant(isWithin(codingRate, 5, 8), 'a coding rate is given by its denominator, 5 to 8')
  invariant(bandwidthHz > 0, 'a bandwidth is a number of hertz above 0')
  invariant(
    isWithin(preambleSymbols, 0, MAX_PREAMBLE_SYMBOLS),
    'a preamble has a whole number of symbols, up to 65,535',
  )
  invariant(isWithin(payloadBytes, 0, MAX_PAYLOAD_BYTES), 'a payload has a whole number of bytes, up to 255')
}

function isWithin(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most
}

/**
 * Goal: quantities mean what a person takes them to mean. Method: tables of what is read and what is refused, and the
 * round trip of written durations.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  readAngle,
  readBandwidth,
  readCodingRate,
  readDistance,
  readDrift,
  readDuration,
  readFrequency,
  readGain,
  readLevel,
  readPower,
  readShare,
  readSize,
  readSpeed,
  writeDuration,
  writeFrequency,
} from './units.js'

describe('durations', () => {
  it.each([
    [0, 0],
    [250, 250],
    [0.0004, 0],
    [0.0005, 0.001],
    ['90s', 90_000],
    ['1h30m', 5_400_000],
    ['1h 30m', 5_400_000],
    ['90 s', 90_000],
    [' 2h ', 7_200_000],
    ['1.5h', 5_400_000],
    ['1d', 86_400_000],
    ['1m5ms', 60_005],
    ['5ms', 5],
    ['5m', 300_000],
    ['1500us', 1.5],
    ['-1h', -3_600_000],
    ['+30s', 30_000],
    ['1d2h3m4s5ms6us', 93_784_005.006],
  ])('%j is %d ms', (written, ms) => {
    expect(readDuration(written)).toBe(ms)
  })

  it.each([
    '',
    '-',
    's',
    '90',
    '90S',
    '1H',
    '5min',
    '5sec',
    '30m1h',
    '1m1m',
    '1h-30m',
    '1,5h',
    '1e3s',
    '.5s',
    '5.s',
    '1 h  30m',
    'h1',
    '٣s',
  ])('%j is none', written => {
    expect(readDuration(written)).toBeNull()
  })

  it('is no other kind of value, and never -0', () => {
    for (const value of [null, undefined, true, Number.NaN, Number.POSITIVE_INFINITY, [], {}]) {
      expect(readDuration(value)).toBeNull()
    }
    expect(Object.is(readDuration('-0s'), 0)).toBe(true)
    expect(Object.is(readDuration(-0), 0)).toBe(true)
  })

  it('refuses a long text without looking at it from every place', () => {
    expect(readDuration('1'.repeat(1_000_000))).toBeNull()
  })

  it('writes what reads back, to the microsecond', () => {
    expect([0, 90_000, 5_400_000, -3_600_000, 1.5, 86_400_000].map(writeDuration)).toEqual([
      '0s',
      '1m30s',
      '1h30m',
      '-1h',
      '1ms500us',
      '1d',
    ])
    const yearUs = 366 * 86_400_000_000
    fc.assert(
      fc.property(fc.integer({ min: -yearUs, max: yearUs }), us => {
        expect(readDuration(writeDuration(us / 1_000))).toBe(us / 1_000 + 0)
      }),
    )
  })
})

describe('sizes', () => {
  it.each([
    [60, 60],
    ['60B', 60],
    ['4kB', 4_000],
    ['1.1kB', 1_100],
    ['4 KiB', 4_096],
    ['16MiB', 16_777_216],
    ['2MB', 2_000_000],
    ['1.5B', 1.5],
  ])('%j is %d bytes', (written, bytes) => {
    expect(readSize(written)).toBe(bytes)
  })

  it.each(['60', '4KB', '4kb', '-1B', '1Gbit/s', 'constructor', '1constructor', '', '1 toString'])(
    '%j is none',
    written => {
      expect(readSize(written)).toBeNull()
    },
  )
})

describe('bandwidths', () => {
  it.each([
    [1_000, 1_000],
    ['1bit/s', 1],
    ['256kbit/s', 256_000],
    ['1Mbit/s', 1e6],
    ['0.1 Gbit/s', 1e8],
  ])('%j is %d bit/s', (written, bps) => {
    expect(readBandwidth(written)).toBe(bps)
  })

  it.each(['1MB/s', '1Mbps', '1mbit/s', '1M', 'fast'])('%j is none', written => {
    expect(readBandwidth(written)).toBeNull()
  })
})

describe('shares and drifts', () => {
  it('reads a percentage and a fraction as the same number', () => {
    for (const [percent, fraction] of [
      ['2%', 0.02],
      ['10 %', 0.1],
      ['0.5%', 0.005],
      ['33.3333333%', 0.333333333],
      ['100%', 1],
    ] as const) {
      expect(readShare(percent)).toBe(fraction)
      expect(readShare(fraction)).toBe(fraction)
    }
  })

  it.each(['10', '-1%', '1e1%', '%', '10%%', '10ppm'])('%j is no share', written => {
    expect(readShare(written)).toBeNull()
  })

  it('reads parts per million, either way', () => {
    expect([20, '20ppm', '-2.5 ppm', '+1ppm'].map(readDrift)).toEqual([20, 20, -2.5, 1])
    expect(['20', '20%', 'ppm', true].map(readDrift)).toEqual([null, null, null, null])
  })
})

describe('what radios are measured in', () => {
  it.each([
    ['distances', readDistance, [3, '3m', '-1.5km', '+20 m', 0.0004, '0.5m'], [3, 3, -1_500, 20, 0, 0.5]],
    [
      'frequencies',
      readFrequency,
      [868_300_000, '869.525MHz', '62.5 kHz', '2.4GHz', 1.4],
      [868_300_000, 869_525_000, 62_500, 2_400_000_000, 1],
    ],
    ['powers', readPower, [14, '14dBm', '-3.5 dBm', '+27dBm'], [14, 14, -3.5, 27]],
    ['levels', readLevel, [4, '128.95dB', '-2 dB'], [4, 128.95, -2]],
    ['gains', readGain, [2.15, '2.15dBi', '-1dB'], [2.15, 2.15, -1]],
    ['speeds', readSpeed, [1.4, '1.4m/s', '5km/h', '36 km/h'], [1.4, 1.4, 1.389, 10]],
    ['angles', readAngle, [90, '90deg', '45 °'], [90, 90, 45]],
    ['coding rates', readCodingRate, [5, '4/5', '4/8'], [5, 5, 8]],
  ] as const)('reads %s', (_, read, written, numbers) => {
    expect(written.map(read)).toEqual(numbers)
  })

  it.each([
    ['distances', readDistance, ['3', '3M', '3 miles', '3s', '1,5km', '--3m', '', true, null]],
    ['frequencies', readFrequency, ['-1kHz', '868', '868mhz', '868MHZ', '125kbit/s']],
    ['powers', readPower, ['14', '14dB', '25mW', '14dbm']],
    ['levels', readLevel, ['4', '4dBm', '4dBi']],
    ['gains', readGain, ['2', '2dBm', '2dBd']],
    ['speeds', readSpeed, ['5', '-5km/h', '5kmh', '5mph']],
    ['angles', readAngle, ['90', 'north', '1rad']],
    ['coding rates', readCodingRate, ['5', '4/4', '4/9', '0.8', '5/4', true]],
  ] as const)('refuses other texts than %s', (_, read, written) => {
    expect(written.map(text => [text, read(text)])).toEqual(written.map(text => [text, null]))
  })

  it('writes a frequency that reads back', () => {
    expect([869_525_000, 62_500, 2_400_000_000, 7, 0].map(writeFrequency)).toEqual([
      '869.525MHz',
      '62.5kHz',
      '2.4GHz',
      '7Hz',
      '0Hz',
    ])
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3_000_000_000 }), hz => {
        expect(readFrequency(writeFrequency(hz))).toBe(hz)
      }),
    )
  })
})

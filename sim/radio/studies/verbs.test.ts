/**
 * Goal: `thicket airtime` and `thicket study` keep their contract: what they print, what they refuse, and how they exit.
 * Method: the verbs called as the command line calls them, with what they write caught.
 */

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type AirtimeArguments, airtimeVerb } from './airtime-verb.js'
import { type FloodArguments, floodVerb, type LorasimArguments, lorasimVerb } from './study-verb.js'

let out = ''
let err = ''

beforeEach(() => {
  out = ''
  err = ''
  vi.spyOn(process.stdout, 'write').mockImplementation(text => {
    out += String(text)
    return true
  })
  vi.spyOn(process.stderr, 'write').mockImplementation(text => {
    err += String(text)
    return true
  })
})

afterEach(() => vi.restoreAllMocks())

const LORASIM: LorasimArguments = {
  experiment: 'sn1',
  nodes: '20',
  packets: '500',
  seed: '1',
  capture: true,
  pathLoss: 'ln',
}

const FLOOD: FloodArguments = {
  preset: 'LONG_FAST',
  grid: '3x3',
  spacing: '1km',
  duration: '600s',
  meanPeriod: '300s',
  hops: '3',
  seed: '1',
}

/** One line on standard error, nothing else, and 2. */
function refused(code: number, complaint: RegExp): void {
  expect({ code, out }).toEqual({ code: 2, out: '' })
  expect(err).toMatch(/^[^\n]+\n$/)
  expect(err).toMatch(complaint)
}

describe('thicket airtime', () => {
  const json = (args: AirtimeArguments): unknown => {
    expect(airtimeVerb({ ...args, json: true })).toBe(0)
    return JSON.parse(out)
  }

  it('answers with one JSON document', () => {
    expect(json({ sf: '12', bw: '125000', cr: '8', payload: '20' })).toEqual({
      airtimeUs: 1_712_128,
      symbols: 52.25,
      bitrate: 183.10546875,
      framesPerHour: null,
    })
    expect(err).toBe('')
  })

  it.each<[AirtimeArguments, number, number]>([
    [{ preset: 'LONG_FAST', payload: '56', region: 'EU868-P' }, 681_984, 527],
    [{ preset: 'LONG_FAST', payload: '56', region: 'EU868' }, 681_984, 527],
    [{ preset: 'LONG_FAST', payload: '56', region: 'EU868-M' }, 681_984, 52],
    [{ preset: 'LONG_FAST', payload: '56', region: 'EU868-K' }, 681_984, 5],
    [{ preset: 'LONG_FAST', payload: '56', region: 'none' }, 681_984, 5_278],
    [{ preset: 'LONG_FAST', payload: '56', preamble: '8', region: 'none' }, 616_448, 5_839],
    [{ preset: 'LONG_TURBO', payload: '56', region: 'US915' }, 476_160, 7_560],
    [{ preset: 'SHORT_FAST', payload: '56', region: 'US915' }, 57_984, 62_086],
    [{ sf: '6', bw: '500000', cr: '5', payload: '20', implicit: true, region: 'US915' }, 7_072, 509_049],
    [
      { sf: '6', bw: '500000', cr: '5', payload: '20', implicit: true, chip: 'sx126x', region: 'US915' },
      7_328,
      491_266,
    ],
    [{ sf: '10', bw: '125000', cr: '5', payload: '11', crc: false, preamble: '10', region: 'US915' }, 264_192, 13_626],
  ])('%j: %i us, %i frames an hour', (args, airtimeUs, framesPerHour) => {
    expect(json(args)).toMatchObject({ airtimeUs, framesPerHour })
  })

  it('allows nothing where the dwell is illegal or the channel has no room, and says why', () => {
    expect(json({ preset: 'LONG_FAST', payload: '56', region: 'US915' })).toMatchObject({ framesPerHour: 0 })
    expect(err).toBe(
      'airtime: in US915 a frame may stay 400 ms on a channel narrower than 500 kHz, and this one takes 681.984 ms\n',
    )
    out = ''
    err = ''
    expect(json({ preset: 'SHORT_TURBO', payload: '56', region: 'EU868-P' })).toMatchObject({ framesPerHour: 0 })
    expect(err).toBe('airtime: a channel of 500 kHz is wider than EU868-P has room for\n')
  })

  it('allows nothing where one frame takes more than the share of an hour', () => {
    const slow: AirtimeArguments = { sf: '12', bw: '7800', cr: '8', payload: '255', region: 'EU868-K' }
    expect(json(slow)).toMatchObject({ framesPerHour: 0 })
  })

  it('prints for people', () => {
    expect(airtimeVerb({ preset: 'LONG_FAST', payload: '56', region: 'EU868-P' })).toBe(0)
    expect(out).toBe(
      'LONG_FAST, SF11, 250 kHz, 4/5: 56 bytes take 681.984 ms\n' +
        '  symbols   83.25 of 8.192 ms, 20.25 of them preamble and sync word\n' +
        '  bit rate  1,074 bit/s while the payload is sent\n' +
        '  EU868-P   527 frames an hour: 10 % of the time\n',
    )
  })

  const good = { sf: '7', bw: '125000', cr: '5', payload: '20' }
  it.each<[string, AirtimeArguments, RegExp]>([
    ['no payload', { preset: 'LONG_FAST' }, /expected --payload/],
    ['half a modulation', { sf: '7', payload: '20' }, /expected --sf, --bw and --cr, or --preset/],
    ['both ways', { ...good, preset: 'LONG_FAST' }, /expected either/],
    ['SF 4', { ...good, sf: '4' }, /--sf "4"; expected .* 5 to 12/],
    ['SF 13', { ...good, sf: '13' }, /--sf "13"/],
    ['half an SF', { ...good, sf: '7.5' }, /--sf "7.5"/],
    ['kilohertz', { ...good, bw: '125' }, /--bw "125"; expected one of .*125000/],
    ['4/4', { ...good, cr: '4' }, /--cr "4"; expected .* 5 to 8/],
    ['a rate above 1', { ...good, cr: '9' }, /--cr "9"/],
    ['256 bytes', { ...good, payload: '256' }, /--payload "256"; expected .* 0 to 255/],
    ['bytes below nothing', { ...good, payload: '-1' }, /--payload "-1"/],
    ['nothing for a number', { ...good, payload: '' }, /--payload ""/],
    ['a short preamble', { ...good, preamble: '5' }, /--preamble "5"; expected .* 6 to 65,535/],
    [
      'an unknown preset',
      { preset: 'LONG_FASTER', payload: '1' },
      /--preset "LONG_FASTER"; expected one of .*LONG_FAST/,
    ],
    ['an unknown region', { ...good, region: 'EU' }, /--region "EU"; expected one of .*EU868-P/],
    ['an unknown chip', { ...good, chip: 'sx1301' }, /--chip "sx1301"/],
  ])('refuses %s', (_, args, complaint) => {
    refused(airtimeVerb(args), complaint)
  })
})

describe('thicket study lorasim', () => {
  it('answers with one JSON document', () => {
    expect(lorasimVerb({ ...LORASIM, json: true })).toBe(0)
    const result = JSON.parse(out) as Record<string, number>
    expect(Object.keys(result)).toEqual(['der', 'sent', 'received'])
    expect(result.sent).toBe(500)
    expect(result.der).toBe(result.received! / 500)
  })

  it('prints for people', () => {
    expect(lorasimVerb({ ...LORASIM, capture: false })).toBe(0)
    expect(out).toMatch(
      /^SN1, 20 nodes, no capture, seed 1\n {2}extracted .*of 500 frames\)\n {2}pure ALOHA {2}0\.9371 /,
    )
  })

  it.each<[Partial<LorasimArguments>, RegExp]>([
    [{ experiment: 'sn2' }, /--experiment "sn2"; expected one of sn1, sn3/],
    [{ nodes: '0' }, /--nodes "0"; expected .* 1 to 100,000/],
    [{ nodes: '100001' }, /--nodes/],
    [{ packets: '1e3' }, /--packets "1e3"/],
    [{ seed: '-1' }, /--seed/],
    [{ seed: '9007199254740993' }, /--seed/],
    [{ pathLoss: 'log2' }, /--path-loss "log2"; expected one of ln, log10/],
  ])('refuses %j', (changes, complaint) => {
    refused(lorasimVerb({ ...LORASIM, ...changes }), complaint)
  })
})

describe('thicket study flood', () => {
  it('answers with one JSON document', () => {
    expect(floodVerb({ ...FLOOD, json: true })).toBe(0)
    const keys = ['messages', 'transmissions', 'collisionRate', 'reach', 'usefulness', 'meanDelayMs', 'txUtil']
    expect(Object.keys(JSON.parse(out) as object)).toEqual(keys)
  })

  it('takes units and plain numbers alike, and prints for people', () => {
    expect(floodVerb(FLOOD)).toBe(0)
    const [title, ...rest] = out.split('\n')
    expect(title).toBe('LONG_FAST, 3x3 nodes 1km apart, 600s, seed 1')
    expect(rest.join('\n')).toMatch(/reach +\d+\.\d %/)
    out = ''
    expect(floodVerb({ ...FLOOD, spacing: '1000', duration: '10m', meanPeriod: '300000' })).toBe(0)
    expect(out.split('\n').slice(1)).toEqual(rest)
  })

  it.each<[Partial<FloodArguments>, RegExp]>([
    [{ preset: 'FAST' }, /--preset "FAST"; expected one of/],
    [{ grid: '5' }, /--grid "5"; expected rows by columns such as 5x5, 2 to 100,000/],
    [{ grid: '1x1' }, /--grid/],
    [{ grid: '0x7' }, /--grid/],
    [{ grid: '1000x101' }, /--grid/],
    [{ spacing: '0' }, /--spacing "0"; expected a distance such as 1km/],
    [{ spacing: '-1km' }, /--spacing/],
    [{ spacing: '1mile' }, /--spacing/],
    [{ spacing: '10m', grid: '100x100' }, /too many pairs of nodes hear each other/],
    [{ duration: '25h' }, /--duration "25h"; expected a duration such as 300s, up to 24 hours/],
    [{ duration: 'long' }, /--duration/],
    [{ meanPeriod: '0s' }, /--mean-period/],
    [{ hops: '8' }, /--hops "8"; expected .* 0 to 7/],
    [{ seed: 'x' }, /--seed/],
  ])('refuses %j', (changes, complaint) => {
    refused(floodVerb({ ...FLOOD, ...changes }), complaint)
  })
})

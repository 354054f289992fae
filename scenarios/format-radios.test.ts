/**
 * Goal: a file with radios means what its writer takes it to mean, and one that cannot be meant, or that the law of its
 * region forbids, is refused with place and reason. Method: a table of wrong files, each with the first line that is told
 * of it; the defaults and the ways to write the rest one by one.
 */

import { describe, expect, it } from 'vitest'
import { drawScenario, parseScenario, type RadioOf, ScenarioError } from './index.js'

function firstOf(text: string): string | undefined {
  try {
    parseScenario(text, 'wrong.yaml')
  } catch (error) {
    if (!(error instanceof ScenarioError)) throw error
    const { line, column, message, expected } = error.problems[0]!
    return `${line}:${column} ${message} | ${expected}`
  }
  return undefined
}

const LORA_KEYS = 'type, preset, sf, bw, cr, preamble, frequency, region, power, profile, loss, propagation, fading'
const BLE_KEYS = 'type, phy, mode, interval, window, power, loss, propagation, fading'

/** Line 3 is what a row is about; a row of nodes has the radio in line 4. */
const radio = (written: string) =>
  `thicket: 1\nname: t\nradios: { r: ${written} }\nnodes: [{ name: a, at: [0, 0], radios: r }]\n`
const node = (written: string, radios = '{ r: { type: lora }, q: { type: ble } }') =>
  `thicket: 1\nname: t\nnodes: [${written}]\nradios: ${radios}\n`
const after = (lines: string) =>
  `thicket: 1\nname: t\nnodes: [{ name: a, at: [0, 0], radios: r }, { name: b }]\nradios: { r: { type: lora } }\n${lines}\n`

const WRONG: readonly (readonly [what: string, text: string, first: string])[] = [
  ['a radio of no type', radio('{ preset: LONG_FAST }'), '3:14 type is missing | type: lora or ble'],
  ['a radio of another type', radio('{ type: wifi }'), '3:22 "wifi" is not possible here | lora or ble'],
  [
    'a radio that is a word',
    radio('lora'),
    '3:14 "lora" is not possible here | a radio: a mapping with type: lora or ble',
  ],
  [
    'radios as a list',
    'thicket: 1\nname: t\nradios: [r]\nnodes: [{ name: a }]\n',
    '3:9 a list is not possible here | radios: a mapping from names to what they mean, at most 16',
  ],
  [
    'a name that no radio has',
    'thicket: 1\nname: t\nradios: { "a b": { type: lora } }\nnodes: [{ name: a }]\n',
    '3:11 "a b" is not possible here | a name: letters, digits, - . and _, beginning with a letter or a digit',
  ],
  ['a key of the other type', radio('{ type: ble, sf: 7 }'), `3:27 unknown key sf | one of ${BLE_KEYS}`],
  [
    'a mistyped key',
    radio('{ type: lora, presett: LONG_FAST }'),
    `3:28 unknown key presett, did you mean preset? | one of ${LORA_KEYS}`,
  ],
  [
    'a preset that nobody ships',
    radio('{ type: lora, preset: LONGEST }'),
    '3:36 "LONGEST" is not possible here | SHORT_TURBO or SHORT_FAST or SHORT_SLOW or MEDIUM_TURBO or MEDIUM_FAST or MEDIUM_SLOW or LONG_TURBO or LONG_FAST or LONG_MODERATE or LONG_SLOW or LITE_FAST or LITE_SLOW or NARROW_FAST or NARROW_SLOW or TINY_FAST or TINY_SLOW or MESHCORE_NARROW',
  ],
  [
    'a spreading factor beside a preset',
    radio('{ type: lora, preset: LONG_FAST, sf: 7 }'),
    '3:47 the preset says what sf is | a preset alone, or sf, bw, cr and preamble',
  ],
  [
    'a preamble beside a preset',
    radio('{ type: lora, preamble: 8, preset: LONG_FAST }'),
    '3:28 the preset says what preamble is | a preset alone, or sf, bw, cr and preamble',
  ],
  [
    'a spreading factor without a bandwidth',
    radio('{ type: lora, sf: 7 }'),
    '3:28 bw is missing | sf and bw together, or a preset',
  ],
  [
    'a bandwidth without a spreading factor',
    radio('{ type: lora, bw: 125kHz }'),
    '3:28 sf is missing | sf and bw together, or a preset',
  ],
  [
    'a spreading factor that no mesh uses',
    radio('{ type: lora, sf: 13, bw: 125kHz }'),
    '3:32 13 is not possible here | a whole number from 7 to 12',
  ],
  [
    'a bandwidth that no chip has',
    radio('{ type: lora, sf: 7, bw: 100kHz }'),
    '3:39 "100kHz" is not possible here | a bandwidth of LoRa: 7.8, 10.4, 15.6, 20.8, 31.25, 41.7, 62.5, 125, 203.125, 250, 406.25, 500, 812.5, 1625kHz',
  ],
  [
    'a bandwidth in bits',
    radio('{ type: lora, sf: 7, bw: 125kbit/s }'),
    '3:39 "125kbit/s" is not possible here | a bandwidth of LoRa: 7.8, 10.4, 15.6, 20.8, 31.25, 41.7, 62.5, 125, 203.125, 250, 406.25, 500, 812.5, 1625kHz',
  ],
  [
    'a coding rate as its other half',
    radio('{ type: lora, sf: 7, bw: 125kHz, cr: 4 }'),
    '3:51 4 is not possible here | a coding rate from 5 to 8 (the denominator), or 4/5 to 4/8',
  ],
  [
    'a region that is none',
    radio('{ type: lora, region: EU }'),
    '3:36 "EU" is not possible here | EU868-K or EU868-L or EU868-M or EU868-N or EU868-P or EU868-Q or EU868 or EU433 or US915 or none',
  ],
  [
    'more power than the law',
    radio('{ type: lora, region: EU868-M, power: 20dBm }'),
    '3:52 20dBm is more than the law of EU868-M allows | a power of at most 14dBm',
  ],
  [
    'more power than the law in some draws',
    radio('{ type: lora, power: { from: 14dBm, to: 28dBm } }'),
    '3:35 28dBm is more than the law of EU868-P allows | a power of at most 27dBm',
  ],
  [
    'a power that no radio has',
    radio('{ type: lora, region: none, power: 60dBm }'),
    '3:49 "60dBm" is not possible here | a power from -30dBm to 50dBm such as 14dBm',
  ],
  [
    'a power in watts',
    radio('{ type: lora, power: 25mW }'),
    '3:35 "25mW" is not possible here | a power from -30dBm to 50dBm such as 14dBm',
  ],
  [
    'a frequency beside the band',
    radio('{ type: lora, frequency: 868.3MHz }'),
    '3:39 the channel from 868.175MHz to 868.425MHz lies in no band of EU868-P | a channel within 869.4MHz to 869.65MHz',
  ],
  [
    'a channel wider than the band',
    radio('{ type: lora, preset: SHORT_TURBO }'),
    '3:36 the channel from 869.275MHz to 869.775MHz lies in no band of EU868-P | a channel within 869.4MHz to 869.65MHz',
  ],
  [
    'a channel between two bands',
    radio('{ type: lora, region: EU868, frequency: 868.65MHz }'),
    '3:54 the channel from 868.525MHz to 868.775MHz lies in no band of EU868 | a channel within 863MHz to 865MHz, 865MHz to 868MHz, 868MHz to 868.6MHz, 868.7MHz to 869.2MHz, 869.4MHz to 869.65MHz, 869.7MHz to 870MHz',
  ],
  [
    'frequencies of two bands',
    radio('{ type: lora, region: EU868, frequency: { from: 868.3MHz, to: 869.525MHz } }'),
    '3:54 the channel from 868.175MHz to 869.65MHz lies in no band of EU868 | a channel within 863MHz to 865MHz, 865MHz to 868MHz, 868MHz to 868.6MHz, 868.7MHz to 869.2MHz, 869.4MHz to 869.65MHz, 869.7MHz to 870MHz',
  ],
  [
    'a loss above everything',
    radio('{ type: lora, loss: 120% }'),
    '3:34 "120%" is not possible here | a share from 0% to 100%, or a fraction from 0 to 1',
  ],
  [
    'a profile that is none',
    radio('{ type: lora, profile: ns3 }'),
    '3:37 "ns3" is not possible here | physical or lorasim or meshtasticator',
  ],
  [
    'a model that is none',
    radio('{ type: lora, propagation: { model: free-space } }'),
    '3:50 "free-space" is not possible here | log-distance or okumura-hata or 3gpp or none',
  ],
  [
    'an exponent of another model',
    radio('{ type: lora, propagation: { model: 3gpp, exponent: 3 } }'),
    '3:56 exponent means nothing to 3gpp | sigma, environment',
  ],
  [
    'an environment of log-distance',
    radio('{ type: lora, propagation: { environment: open } }'),
    '3:43 environment means nothing to log-distance | exponent, sigma, reference, loss-at-reference',
  ],
  [
    'a spread where everybody hears everybody',
    radio('{ type: lora, propagation: { model: none, sigma: 3dB } }'),
    '3:56 sigma means nothing to none | the model alone',
  ],
  [
    'an environment that 3GPP has not',
    radio('{ type: lora, propagation: { model: 3gpp, environment: open } }'),
    '3:69 3gpp knows nothing open | suburban or urban',
  ],
  [
    'a reference without its loss',
    radio('{ type: lora, propagation: { reference: 40m } }'),
    '3:43 how much is lost over that distance is missing | loss-at-reference beside reference',
  ],
  [
    'a reference of no distance',
    radio('{ type: lora, propagation: { reference: 0m, loss-at-reference: 40 } }'),
    '3:54 "0m" is not possible here | a distance from 1mm to 100km such as 40m',
  ],
  [
    'fading of nothing',
    radio('{ type: lora, fading: { coherence: 1s } }'),
    '3:36 sigma is missing | sigma: a standard deviation from 0dB to 30dB such as 4dB',
  ],
  [
    'negative fading',
    radio('{ type: lora, fading: -3dB }'),
    '3:36 "-3dB" is not possible here | a standard deviation from 0dB to 30dB such as 4dB',
  ],
  ['a PHY that BLE has not', radio('{ type: ble, phy: 3M }'), '3:32 "3M" is not possible here | 1M or 2M or coded'],
  [
    'a window longer than its interval',
    radio('{ type: ble, interval: 50ms, window: { from: 30ms, to: 60ms } }'),
    '3:51 a window of 60ms is longer than its interval | a window of at most 50ms',
  ],
  [
    'an interval shorter than its window',
    radio('{ type: ble, interval: 20ms }'),
    '3:37 a window of 30ms is longer than its interval | a window of at most 20ms',
  ],

  [
    'a radio that nobody described',
    node('{ name: a, at: [0, 0], radios: [r, s] }'),
    '3:44 no radio is named s | one of r, q',
  ],
  [
    'a radio near one that there is',
    node('{ name: a, at: [0, 0], radios: lora1 }', '{ lora: { type: lora } }'),
    '3:40 no radio is named lora1 | one of lora',
  ],
  [
    'a radio where there are none',
    'thicket: 1\nname: t\nnodes: [{ name: a, at: [0, 0], radios: r }]\n',
    '3:40 no radio is named r | a name listed under radios',
  ],
  ['a radio twice', node('{ name: a, at: [0, 0], radios: [r, r] }'), '3:44 r is named twice | each radio once'],
  [
    'a radio that is nowhere',
    node('{ name: a, radios: [r] }'),
    '3:29 a carries r and is nowhere | at: [x, y], or place',
  ],
  [
    'an antenna that is too good',
    node('{ name: a, at: [0, 0], radios: r, antenna: { gain: 16dBi } }'),
    '3:40 a would radiate 30dBm with its antenna, more than the law of EU868-P allows | power and gain of at most 29.15dBm together',
  ],
  [
    'an antenna below the ground',
    node('{ name: a, antenna: { height: 0m } }'),
    '3:39 "0m" is not possible here | a height from 0.1m to 10km such as 10m',
  ],
  [
    'three coordinates',
    node('{ name: a, at: [0, 0, 2] }'),
    '3:24 3 items are too many | a list of two distances, east and north',
  ],
  [
    'a distance in seconds',
    node('{ name: a, at: [0, 3s] }'),
    '3:28 "3s" is not possible here | a distance such as 40m or -3km, up to 1000km either way',
  ],
  [
    'several nodes at one point',
    node('{ name: a, count: { from: 1, to: 2 }, at: [0, 0] }'),
    '3:47 2 nodes cannot all be at one point | place: random, grid, line or ring',
  ],
  [
    'two ways to be somewhere',
    node('{ name: a, at: [0, 0], place: { ring: { radius: 1m } } }'),
    '3:32 at and place say the same | one of them',
  ],
  [
    'the other two ways to be somewhere',
    node('{ name: a, place: { ring: { radius: 1m } }, at: [0, 0] }'),
    '3:53 at and place say the same | one of them',
  ],
  [
    'two places',
    node('{ name: a, place: { ring: { radius: 1m }, line: { spacing: 1m } } }'),
    '3:51 a place is one thing | a place: exactly one of random, grid, line, ring',
  ],
  [
    'no place',
    node('{ name: a, place: {} }'),
    '3:27 a place says nothing | a place: exactly one of random, grid, line, ring',
  ],
  [
    'a place that is none',
    node('{ name: a, place: { rnig: { radius: 1m } } }'),
    '3:29 unknown key rnig, did you mean ring? | a place: exactly one of random, grid, line, ring',
  ],
  [
    'a ring without a radius',
    node('{ name: a, place: { ring: {} } }'),
    '3:35 radius is missing | radius: a distance from 0m to 1000km such as 40m or 3km',
  ],
  [
    'a grid that is too small',
    node(
      '{ name: a, count: { from: 1, to: 7 }, place: { grid: { rows: { from: 2, to: 9 }, columns: 3, spacing: 1m } } }',
    ),
    '3:54 7 nodes do not fit into a grid of 2 by 3 | at most 6 nodes, or a larger grid',
  ],
  [
    'a way from nowhere',
    node('{ name: a, move: [{ at: 1m, to: [1, 1], speed: 1m/s }] }'),
    '3:20 a node that moves has to be somewhere first | at: [x, y], or place',
  ],
  [
    'a way without a speed',
    node('{ name: a, at: [0, 0], move: [{ at: 1m, to: [1, 1] }] }'),
    '3:39 speed is missing | speed: a speed above 0 and up to 1000m/s such as 5km/h',
  ],
  [
    'a way at no speed',
    node('{ name: a, at: [0, 0], move: [{ at: 1m, to: [1, 1], speed: 0km/h }] }'),
    '3:68 "0km/h" is not possible here | a speed above 0 and up to 1000m/s such as 5km/h',
  ],
  [
    'a way beyond the end',
    node('{ name: a, at: [0, 0], move: [{ at: 1h, to: [1, 1], speed: 1 }] }'),
    '3:45 1h lies beyond the end | a moment within the duration of 5m',
  ],
  ['a medium access that is none', node('{ name: a, mac: tdma }'), '3:25 "tdma" is not possible here | csma or aloha'],

  [
    'a move to nowhere',
    after('faults: [{ at: 1m, move: a }]'),
    '5:10 to is missing | to: two distances such as [40m, -3km]',
  ],
  [
    'a move from nowhere',
    after('faults: [{ at: 1m, move: [a, b], to: [0, 0] }]'),
    '5:30 b is nowhere that it could be moved from | a node with at or place',
  ],
  ['a move of nobody', after('faults: [{ at: 1m, move: c, to: [0, 0] }]'), '5:26 no node is named c | one of a, b'],
  [
    'a move for a while',
    after('faults: [{ at: 1m, move: a, to: [0, 0], for: 1m }]'),
    '5:41 move has no for | another move at a later moment',
  ],
  [
    'a place without a move',
    after('faults: [{ at: 1m, crash: a, to: [0, 0] }]'),
    '5:30 to goes with move, this fault is crash | to beside move alone',
  ],
  [
    'airtime without a bound',
    after('expect: [{ airtime: {} }]'),
    '5:21 max-per-node is missing | max-per-node: a share from 0% to 100%, or a fraction from 0 to 1',
  ],
  [
    'a floor of nothing',
    after('expect: [{ over-floor: { max: 0 } }]'),
    '5:31 0 is not possible here | a ratio above 0 and up to 1000 such as 1.3',
  ],
  [
    'airtime without a radio',
    'thicket: 1\nname: t\nnodes: [{ name: a }]\nexpect: [{ airtime: { max-per-node: 1% } }]\n',
    '4:10 airtime asks for radios, and no node carries one | a node with radios',
  ],
  [
    'a floor without a radio',
    'thicket: 1\nname: t\nnodes: [{ name: a }]\nradios: { r: { type: ble } }\nexpect: [{ over-floor: { max: 2 } }]\n',
    '5:10 over-floor asks for radios, and no node carries one | a node with radios',
  ],
]

describe('wrong files with radios', () => {
  it.each(WRONG)('%s', (_, text, first) => {
    expect(firstOf(text)).toBe(first)
  })

  it('holds each row to the frame: without what is wrong there is nothing wrong', () => {
    for (const text of [
      radio('{ type: lora }'),
      node('{ name: a }'),
      after(
        'faults: [{ at: 1m, move: a, to: [1, 1] }]\nexpect: [{ airtime: { max-per-node: 1% } }, { over-floor: { max: 1.3 } }]',
      ),
    ]) {
      expect([text, firstOf(text)]).toEqual([text, undefined])
    }
  })

  it('takes sixteen radios and not one more', () => {
    const radios = (count: number) =>
      node('{ name: a }', `{ ${Array.from({ length: count }, (_, index) => `r${index}: { type: ble }`).join(', ')} }`)
    expect(firstOf(radios(16))).toBeUndefined()
    expect(firstOf(radios(17))).toBe(
      '4:9 17 radios are too many | radios: a mapping from names to what they mean, at most 16',
    )
  })
})

const only = (written: string) => parseScenario(radio(written), 'right.yaml').radios[0]!

describe('a radio', () => {
  it('is what Meshtastic does in Europe where a LoRa radio says nothing', () => {
    expect(only('{ type: lora }')).toEqual({
      name: 'r',
      line: 3,
      column: 11,
      type: 'lora',
      preset: 'LONG_FAST',
      spreadingFactor: 11,
      bandwidthHz: 250_000,
      codingRate: 5,
      preambleSymbols: 16,
      frequencyHz: 869_525_000,
      region: 'EU868-P',
      profile: 'physical',
      powerDbm: 14,
      loss: 0,
      propagation: {
        model: 'log-distance',
        exponent: 2.32,
        sigmaDb: 0,
        referenceM: 1_000,
        lossAtReferenceDb: 128.95,
        environment: 'suburban',
      },
      fading: null,
    } satisfies RadioOf<number>)
  })

  it('connects, and loses 40 dB over the first metre, where a BLE radio says nothing', () => {
    expect(only('{ type: ble }')).toMatchObject({
      type: 'ble',
      phy: '1M',
      mode: 'connect',
      intervalMs: 100,
      windowMs: 30,
      powerDbm: 0,
      propagation: { model: 'log-distance', exponent: 2.5, referenceM: 1, lossAtReferenceDb: 40 },
    })
  })

  it('is set one by one, with units or without', () => {
    const settings = { preset: null, spreadingFactor: 9, bandwidthHz: 62_500, codingRate: 7, preambleSymbols: 12 }
    const units = only('{ type: lora, sf: 9, bw: 62.5kHz, cr: 4/7, preamble: 12, frequency: 869.5MHz, power: -3dBm }')
    const plain = only('{ type: lora, sf: 9, bw: 62500, cr: 7, preamble: 12, frequency: 869500000, power: -3 }')
    expect(units).toEqual(plain)
    expect(plain).toMatchObject({ ...settings, frequencyHz: 869_500_000, powerDbm: -3 })
    expect(only('{ type: lora, sf: 7, bw: 125kHz }')).toMatchObject({ codingRate: 5, preambleSymbols: 8 })
  })

  it('takes the frequency of its region, and a preset with another', () => {
    expect(only('{ type: lora, region: US915, power: 30dBm }')).toMatchObject({ frequencyHz: 906_875_000 })
    expect(only('{ type: lora, preset: SHORT_TURBO, region: EU868, frequency: 868.3MHz }')).toMatchObject({
      bandwidthHz: 500_000,
      frequencyHz: 868_300_000,
    })
  })

  it('keeps the law where it is not told its power', () => {
    expect(only('{ type: lora, region: EU433 }')).toMatchObject({ powerDbm: 10, frequencyHz: 433_875_000 })
    expect(only('{ type: lora, region: none, power: 40dBm }').powerDbm).toBe(40)
  })

  it('knows fading by its standard deviation alone, as a range, or in full', () => {
    expect(only('{ type: lora, fading: 3dB }').fading).toEqual({ sigmaDb: 3, coherenceMs: 60_000 })
    expect(only('{ type: lora, fading: { from: 1dB, to: 3dB } }').fading?.sigmaDb).toEqual({ from: 1, to: 3 })
    expect(only('{ type: lora, fading: { sigma: 2, coherence: 5s } }').fading).toEqual({
      sigmaDb: 2,
      coherenceMs: 5_000,
    })
  })

  it('is carried by whom nobody placed only where everybody hears everybody', () => {
    const text = node(
      '{ name: a, radios: [r, q] }',
      '{ r: { type: lora, propagation: { model: none } }, q: { type: ble, propagation: { model: none } } }',
    )
    expect(parseScenario(text, 'right.yaml').nodes[0]).toMatchObject({ at: null, place: null })
  })
})

describe('a node', () => {
  it('is nowhere, carries nothing and listens before it sends where it says nothing', () => {
    expect(parseScenario(node('{ name: a }'), 'right.yaml').nodes[0]).toMatchObject({
      at: null,
      place: null,
      radios: [],
      mac: 'csma',
      antenna: { gainDb: 0, heightM: 1 },
      move: [],
    })
  })

  it('goes where its waypoints say, in the order of time', () => {
    const text = node(
      '{ name: a, at: [1km, -20m], move: [{ at: 2m, to: [0, 1km], speed: 36km/h }, { at: 1m, to: [0, 0], speed: 2m/s }] }',
    )
    const { at, move } = drawScenario(parseScenario(text, 'right.yaml'), () => 0).nodes[0]!
    expect(at).toEqual({ xM: 1_000, yM: -20 })
    expect(move.map(({ atMs, to, speedMps }) => [atMs, to.xM, to.yM, speedMps])).toEqual([
      [60_000, 0, 0, 2],
      [120_000, 0, 1_000, 10],
    ])
  })

  it('may be moved by a fault of a moment', () => {
    const text = node('{ name: v, count: 2, place: { line: { spacing: 1m } } }').concat(
      'faults: [{ at: 1m, move: v, to: [5, 6] }]\n',
    )
    const [fault] = drawScenario(parseScenario(text, 'right.yaml'), () => 0).faults
    expect(fault).toMatchObject({
      type: 'move',
      forMs: null,
      to: { xM: 5, yM: 6 },
      nodes: [{ name: 'v1' }, { name: 'v2' }],
    })
  })
})

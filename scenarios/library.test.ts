/**
 * Goal: every file that is handed out is a scenario, for the reader and for the JSON Schema, and the schema is the one
 * of this format. Method: a walk over all files; an independent validator; for the wrong ones one row a rule.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Ajv } from 'ajv'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { drawScenario, loadScenarioFile, parseScenario } from './index.js'
import { schemaText } from './schema.js'

const folder = fileURLToPath(new URL('.', import.meta.url))
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter(file => file.endsWith('.yaml'))
  .sort()
const schema = readFileSync(new URL('./schema.json', import.meta.url), 'utf8')
const validate = new Ajv({ allErrors: false, allowUnionTypes: true }).compile(JSON.parse(schema))

describe('the library of scenarios', () => {
  it('is there', () => {
    expect(files).toContain('flagship.yaml')
    expect(files).toContain('faults/crash-and-restart.yaml')
  })

  it.each(files)('%s is a scenario', file => {
    const scenario = loadScenarioFile(`${folder}${file}`)
    drawScenario(scenario, () => 0.5)
    expect(scenario.expect).not.toEqual([])
  })

  it.each(files)('%s begins with what it is about', file => {
    expect(readFileSync(`${folder}${file}`, 'utf8')).toMatch(/^# \S/)
  })

  // A shrunk failure keeps the name of what it was shrunk from.
  it('has a name for each', () => {
    const names = files
      .filter(file => !file.startsWith('regressions/'))
      .map(file => loadScenarioFile(`${folder}${file}`).name)
    expect(new Set(names).size).toBe(names.length)
  })
})

describe('the JSON Schema', () => {
  it('is the one of this format; npm run schema writes it anew', () => {
    expect(schema).toBe(schemaText())
  })

  it.each(files)('takes %s', file => {
    validate(parse(readFileSync(`${folder}${file}`, 'utf8')))
    expect(validate.errors).toBeNull()
  })

  const head =
    'thicket: 1\nname: t\nnodes: [{ name: a, count: 2 }, { name: b }]\ntopics: [x]\nlinks: [{ mesh: [a, b] }]\n'

  // What a neighbour decides and what a value alone decides; names and moments are for the reader.
  it.each([
    ['no nodes', 'thicket: 1\nname: t\n'],
    ['another version', 'thicket: 2\nname: t\nnodes: [{ name: a }]\n'],
    ['an unknown key', `${head}weather: bad\n`],
    ['a reserved name', 'thicket: 1\nname: t\nnodes: [{ name: any }]\n'],
    ['a count of 0', 'thicket: 1\nname: t\nnodes: [{ name: a, count: 0 }]\n'],
    ['a unit that is none', `${head}duration: 2km\n`],
    ['a negative duration', `${head}duration: -2h\n`],
    ['an absurd number', `${head}duration: 1e12\n`],
    ['half a range', `${head}duration: { from: 1h }\n`],
    ['between and mesh', `${head.replace('mesh: [a, b]', 'mesh: [a, b], between: [a, b]')}`],
    ['neither', `${head.replace('mesh: [a, b]', 'loss: 1%')}`],
    ['three ends', `${head.replace('mesh: [a, b]', 'between: [a, b, c]')}`],
    ['a loss beyond the bound', `${head.replace('mesh: [a, b]', 'mesh: [a, b], loss: 0.95')}`],
    ['two works in one', `${head}workload: [{ at: 1s, node: b, prune: { topic: x }, subscribe: x }]\n`],
    ['settings beside a publication', `${head}workload: [{ at: 1s, node: b, publish: { topic: x }, ack: explicit }]\n`],
    ['no work', `${head}workload: [{ at: 1s, node: b }]\n`],
    ['two faults in one', `${head}faults: [{ at: 1s, crash: b, pause: b }]\n`],
    ['no fault', `${head}faults: [{ at: 1s }]\n`],
    ['restart-after without crash', `${head}faults: [{ at: 1s, pause: b, restart-after: 1s }]\n`],
    ['a crash at write 0', `${head}faults: [{ at: 1s, crash: b, at-write: 0 }]\n`],
    ['a crash with for', `${head}faults: [{ at: 1s, crash: b, for: 1s }]\n`],
    ['a clock without a jump', `${head}faults: [{ at: 1s, clock: b }]\n`],
    ['for and down-for', `${head}faults: [{ at: 1s, link: [a1, b], for: 1s, down-for: 1s }]\n`],
    ['a partition of one group', `${head}faults: [{ at: 1s, partition: [[a, b]] }]\n`],
    ['two expectations in one', `${head}expect: [{ delivered: 100%, converged: true }]\n`],
    ['no expectation', `${head}expect: [{}]\n`],
    ['a radio of no type', `${head}radios: { r: { preset: LONG_FAST } }\n`],
    ['a key of the other type', `${head}radios: { r: { type: ble, sf: 7 } }\n`],
    ['a name that no radio has', `${head}radios: { a b: { type: ble } }\n`],
    ['a preset that nobody ships', `${head}radios: { r: { type: lora, preset: LONGEST } }\n`],
    ['a setting beside a preset', `${head}radios: { r: { type: lora, preset: LONG_FAST, cr: 5 } }\n`],
    ['a spreading factor alone', `${head}radios: { r: { type: lora, sf: 7 } }\n`],
    ['a bandwidth that no chip has', `${head}radios: { r: { type: lora, sf: 7, bw: 100000 } }\n`],
    ['a reference without its loss', `${head}radios: { r: { type: lora, propagation: { reference: 1m } } }\n`],
    ['fading of nothing', `${head}radios: { r: { type: lora, fading: {} } }\n`],
    ['a power in watts', `${head}radios: { r: { type: lora, power: 25mW } }\n`],
    ['three coordinates', `${head.replace('name: b', 'name: b, at: [0, 0, 0]')}`],
    ['at and place', `${head.replace('name: b', 'name: b, at: [0, 0], place: { ring: { radius: 1 } }')}`],
    ['two places', `${head.replace('name: b', 'name: b, place: { line: { spacing: 1 }, ring: { radius: 1 } }')}`],
    ['a way at no speed', `${head.replace('name: b', 'name: b, at: [0, 0], move: [{ at: 1, to: [0, 0], speed: 0 }]')}`],
    ['a move to nowhere', `${head.replace('name: b', 'name: b, at: [0, 0]')}faults: [{ at: 1s, move: b }]\n`],
    ['a place without a move', `${head}faults: [{ at: 1s, crash: b, to: [0, 0] }]\n`],
    ['a network that reaches nobody', `${head}network: { reach: none }\n`],
    ['conditions of a network without reach', `${head}network: { latency: 40ms }\n`],
    ['conditions of a network of links', `${head}network: { reach: links, loss: 1% }\n`],
    ['churn without a rate', `${head}faults: [{ at: 1s, churn: { down-for: 1m } }]\n`],
    ['churn at no rate', `${head}faults: [{ at: 1s, churn: { rate: 0, down-for: 1m } }]\n`],
    ['a session of half', `${head}expect: [{ sessions: { max-per-node: 1.5 } }]\n`],
    ['an overlay that is not wanted', `${head}expect: [{ overlay-connected: false }]\n`],
  ])('refuses %s, as the reader does', (_, text) => {
    expect(() => parseScenario(text, 't.yaml')).toThrow()
    expect(validate(parse(text))).toBe(false)
  })

  it.each([
    ['everything that may be left out', head],
    [
      'a subscription with settings',
      `${head}workload: [{ at: 1s, node: b, subscribe: { topic: x }, ack: explicit, consumer: c }]\n`,
    ],
    ['signs where they mean something', `${head}faults: [{ at: 1s, clock: [a1, b], jump: -1h }]\n`],
    [
      'ranges',
      `${head}duration: { from: 1h, to: 2h }\nexpect: [{ converged: {} }, { bytes: { max-per-operation: { from: 1, to: 4kB } } }]\n`,
    ],
    [
      'radios in all their ways',
      `${head.replace('name: b', 'name: b, at: [-1km, 2], radios: [r, s, t], antenna: { gain: -1dBi }, mac: aloha')}radios:
  r: { type: lora, sf: 7, bw: { from: 62.5kHz, to: 250kHz }, cr: 4/8, frequency: 868.3MHz, region: EU868, power: -3dBm }
  s: { type: lora, preset: LONG_FAST, fading: 3dB, propagation: { model: 3gpp, environment: urban } }
  t: { type: ble, phy: coded, fading: { sigma: { from: 1, to: 2 } }, propagation: { reference: 1m, loss-at-reference: 40dB } }
expect: [{ airtime: { max-per-node: 10% } }, { over-floor: { max: 1.3 } }]
`,
    ],
    [
      'nodes in all places',
      `thicket: 1
name: t
nodes:
  - { name: a, count: 2, place: { random: { width: 1km, height: 2km } }, move: [{ at: 1m, to: [0, 0], speed: 5km/h }] }
  - { name: b, count: 4, place: { grid: { rows: 2, columns: 2, spacing: 1km } } }
  - { name: c, count: 2, place: { line: { from: [1, 1], spacing: 1km, bearing: 45deg } } }
  - { name: d, count: 2, place: { ring: { center: [1, 1], radius: 1km } } }
faults: [{ at: 1m, move: [a1, d], to: [1km, -1km] }]
`,
    ],
    [
      'a network of everybody, and churn in it',
      `${head.replace('name: b', 'name: b, bootstrap: [a]')}network: { reach: all, latency: 40ms, loss: { from: 0, to: 1% } }
faults: [{ at: 1s, for: 1m, churn: { rate: 2/m, down-for: 5s } }, { at: 2s, churn: { rate: 9, down-for: 1s, nodes: b } }]
expect: [{ sessions: { max-per-node: 12 } }, { overlay-connected: true }, { overlay-connected: { within: 1m } }]
`,
    ],
    ['a link down without for', `${head}faults: [{ at: 1s, link: [a1, b] }, { at: 9s, link: [a2, b], for: 1s }]\n`],
  ])('takes %s, as the reader does', (_, text) => {
    expect(() => parseScenario(text, 't.yaml')).not.toThrow()
    validate(parse(text))
    expect(validate.errors).toBeNull()
  })
})

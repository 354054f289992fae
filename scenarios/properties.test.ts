/**
 * Goal: what is printed reads back as the same scenario, and no text whatever makes the reader do anything but read or
 * refuse. Method: scenarios, texts and mutations of the library's files drawn by fast-check.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isCollection, isScalar, parseDocument, stringify, visit } from 'yaml'
import {
  type DrawnScenario,
  drawScenario,
  loadScenarioFile,
  parseScenario,
  printScenario,
  ScenarioError,
} from './index.js'

const folder = fileURLToPath(new URL('.', import.meta.url))
const FILES = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter(file => file.endsWith('.yaml'))
  .sort()
const TEXTS = FILES.map(file => readFileSync(`${folder}${file}`, 'utf8'))

/** All but where things stand. */
function data(scenario: DrawnScenario): unknown {
  return JSON.parse(
    JSON.stringify(scenario, (key, value) => (['line', 'column', 'moment', 'file'].includes(key) ? undefined : value)),
  )
}

const NODES = ['a', 'b', 'c', 'd-1', 'é.2']
const TOPICS = ['chat', 'all/news', '7_up']
const DURATION_MS = 3_600_000
const node = fc.constantFrom(...NODES)
const nodes = fc.uniqueArray(node, { minLength: 1 })
const pair = fc.tuple(node, node).filter(([a, b]) => a !== b)
const topic = fc.constantFrom(...TOPICS)
const topics = fc.uniqueArray(topic, { minLength: 1 })
const ms = fc.integer({ min: 0, max: DURATION_MS * 1_000 }).map(us => us / 1_000)
const someMs = ms.filter(amount => amount > 0)
const whole = (max: number) => fc.integer({ min: 1, max })
const share = fc.integer({ min: 0, max: 900_000_000 }).map(parts => parts / 1e9)
const optional = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined })
const range = <Value>(value: fc.Arbitrary<Value>, order: (value: Value) => number) =>
  fc.oneof(
    value,
    fc
      .tuple(value, value)
      .map(two => two.sort((x, y) => order(x) - order(y)))
      .map(([from, to]) => ({ from, to })),
  )
const amount = (value: fc.Arbitrary<number>) => range(value, number => number)

const metres = fc.integer({ min: -9_000_000, max: 9_000_000 }).map(mm => mm / 1_000)
const pointOnMap = fc.tuple(amount(metres), amount(metres))
const RADIOS = ['7', 'lora', 'own', 'phone'] as const
const tenths = (min: number, max: number) => fc.integer({ min: min * 10, max: max * 10 }).map(parts => parts / 10)
const propagation = fc.oneof(
  fc.record({ exponent: optional(amount(tenths(1, 10))), sigma: optional(amount(tenths(0, 30))) }),
  fc.record({
    model: fc.constant('log-distance'),
    reference: metres.map(m => Math.abs(m) + 1),
    'loss-at-reference': amount(tenths(0, 300)),
  }),
  fc.record({
    model: fc.constantFrom('3gpp', 'okumura-hata'),
    environment: optional(fc.constantFrom('urban', 'suburban')),
  }),
)
const aroundRadio = {
  loss: optional(amount(share)),
  propagation: optional(propagation),
  fading: optional(
    fc.oneof(amount(tenths(0, 30)), fc.record({ sigma: amount(tenths(0, 30)), coherence: optional(someMs) })),
  ),
}
const fixed = { type: fc.constant('lora'), power: optional(amount(tenths(-30, 14))) }
const loraRadio = fc.oneof(
  fc.record({
    ...fixed,
    preset: optional(fc.constantFrom('LONG_FAST', 'NARROW_SLOW')),
    region: optional(fc.constantFrom('EU868-M', 'EU868', 'US915', 'none')),
    profile: optional(fc.constantFrom('physical', 'lorasim')),
    ...aroundRadio,
  }),
  fc.record({
    ...fixed,
    sf: amount(fc.integer({ min: 7, max: 12 })),
    bw: amount(fc.constantFrom(62_500, 125_000, 250_000)),
    cr: optional(amount(fc.integer({ min: 5, max: 8 }))),
    preamble: optional(amount(fc.integer({ min: 6, max: 100 }))),
    frequency: amount(fc.integer({ min: 868_200_000, max: 868_400_000 })),
    region: fc.constant('EU868'),
    ...aroundRadio,
  }),
)
const bleRadio = fc.record({
  type: fc.constant('ble'),
  phy: optional(fc.constantFrom('1M', '2M', 'coded')),
  mode: optional(fc.constantFrom('advertise', 'connect')),
  interval: optional(amount(tenths(100, 10_000))),
  window: optional(amount(tenths(3, 100))),
  power: optional(amount(tenths(-40, 20))),
  ...aroundRadio,
})
const carrying = {
  radios: optional(fc.shuffledSubarray([...RADIOS])),
  mac: optional(fc.constantFrom('csma', 'aloha')),
  antenna: optional(fc.record({ gain: optional(amount(tenths(-30, 2))), height: optional(amount(tenths(1, 100))) })),
  move: optional(
    fc.array(fc.record({ at: amount(ms), to: pointOnMap, speed: amount(tenths(1, 100)) }), { maxLength: 3 }),
  ),
}
const somewhere = fc.oneof(
  fc.record({ random: fc.record({ width: amount(whole(9_000)), height: amount(whole(9_000)) }) }),
  fc.record({ grid: fc.record({ rows: amount(whole(3)), columns: fc.constant(5), spacing: amount(whole(9_000)) }) }),
  fc.record({
    line: fc.record({ from: optional(pointOnMap), spacing: amount(whole(9_000)), bearing: optional(tenths(0, 360)) }),
  }),
  fc.record({ ring: fc.record({ center: optional(pointOnMap), radius: amount(whole(9_000)) }) }),
)

const published = fc.record({
  topic,
  count: optional(amount(whole(20))),
  every: optional(fc.constant(1)),
  size: optional(amount(whole(16 * 1024 * 1024))),
})
const early = amount(ms.map(at => at / 2).map(at => Math.round(at * 1_000) / 1_000))
const work = fc.oneof(
  fc.record({ at: early, node: fc.oneof(nodes, fc.constant('any')), publish: published }),
  fc.record({ at: early, node: nodes, prune: fc.record({ topic }) }),
  fc.record({
    at: early,
    node: fc.oneof(nodes, fc.constant('any')),
    ephemeral: fc.record({ topic, count: optional(amount(whole(20))), size: optional(amount(whole(3_900))) }),
  }),
  fc.record({ at: early, node: nodes, subscribe: topics, ack: optional(fc.constantFrom('automatic', 'explicit')) }),
  fc.record({ at: early, node: nodes, unsubscribe: topics }),
  fc.record({ at: early, node: nodes, consumer: topic }),
)
const groups = fc
  .shuffledSubarray(NODES, { minLength: 2 })
  .chain(names => whole(names.length - 1).map(cut => [names.slice(0, cut), names.slice(cut), 'rest']))
const fault = fc.oneof(
  fc.record({ at: early, for: optional(amount(someMs)), partition: groups }),
  fc.record({ at: early, isolate: nodes }),
  fc.record({ at: early, for: optional(someMs), 'one-way': pair }),
  fc.record({ at: early, 'down-for': optional(someMs), link: pair }),
  fc.record({ at: early, clog: pair }),
  fc.record({
    at: early,
    crash: nodes,
    'at-write': optional(amount(whole(1_000_000))),
    'restart-after': optional(amount(ms)),
  }),
  fc.record({ at: early, for: optional(someMs), pause: nodes }),
  fc.record({ at: early, move: nodes, to: pointOnMap }),
  fc.record({
    at: early,
    clock: nodes,
    jump: amount(fc.tuple(ms, fc.boolean()).map(([by, back]) => (back ? -by : by))),
  }),
)
const churn = fc.record({
  at: early,
  for: optional(amount(someMs)),
  churn: fc.record({ rate: amount(tenths(1, 3_600)), 'down-for': amount(someMs), nodes: optional(nodes) }),
})
const expectation = fc.oneof(
  fc.record({ converged: fc.oneof(fc.constant(true), fc.record({ within: optional(amount(ms)) })) }),
  fc.record({ delivered: amount(share) }),
  fc.record({ 'no-violations': fc.boolean() }),
  fc.record({ duplicates: fc.record({ max: fc.nat(1e9) }) }),
  fc.record({ bytes: fc.record({ 'max-per-operation': whole(1e9) }) }),
  fc.record({ airtime: fc.record({ 'max-per-node': amount(share) }) }),
  fc.record({ 'over-floor': fc.record({ max: amount(tenths(1, 9)) }) }),
  fc.record({ sessions: fc.record({ 'max-per-node': amount(whole(1_000)) }) }),
  fc.record({ 'overlay-connected': fc.oneof(fc.constant(true), fc.record({ within: optional(amount(ms)) })) }),
)
const oneScenario = fc.record({
  thicket: fc.constant(1),
  name: fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
    .filter(text => /^(?=.*\S)[^\p{Cc}\p{Cs}]{1,100}$/u.test(text)),
  description: optional(
    fc.string({ unit: 'grapheme' }).filter(text => !/[^\P{Cc}\t\n\r]|\p{Cs}|[\uFFFE\uFFFF]/u.test(text)),
  ),
  seed: optional(fc.maxSafeNat()),
  duration: fc.constant(DURATION_MS),
  storage: optional(fc.constantFrom('crash-disk', 'memory')),
  nodes: fc.tuple(
    ...NODES.map(name =>
      fc.record({
        name: fc.constant(name),
        storage: optional(fc.constantFrom('crash-disk', 'memory')),
        subscribe: optional(fc.uniqueArray(topic)),
        clock: optional(
          fc.record({
            skew: optional(amount(ms)),
            drift: optional(amount(fc.integer({ min: -100_000, max: 100_000 }))),
          }),
        ),
        at: pointOnMap,
        bootstrap: optional(fc.shuffledSubarray([...NODES.filter(other => other !== name), 'group'], { minLength: 1 })),
        ...carrying,
      }),
    ),
    fc.record({ name: fc.constant('group'), count: amount(whole(5)), place: somewhere, ...carrying }),
    // Somebody carries a radio, so that one may expect something of it.
    fc.constant({ name: 'relay', at: [0, 0], radios: 'lora' }),
  ),
  network: fc.record({
    reach: fc.constant('all'),
    latency: optional(amount(ms)),
    jitter: optional(amount(ms)),
    bandwidth: optional(amount(whole(1e12))),
    loss: optional(amount(share)),
  }),
  radios: fc.record({ '7': bleRadio, lora: loraRadio, own: loraRadio, phone: bleRadio }),
  topics: fc.constant([...TOPICS, { name: 'quiet', subscribers: [] }, { name: 'some', subscribers: ['a', 'group'] }]),
  // One mesh, so that a fault of any link finds it.
  links: fc
    .record({
      mesh: fc.constant([...NODES, 'group']),
      latency: optional(amount(ms)),
      jitter: optional(ms),
      bandwidth: optional(amount(whole(1e12))),
      loss: optional(amount(share)),
      'one-way': optional(fc.boolean()),
    })
    .map(link => [link]),
  workload: fc.array(work, { maxLength: 5 }),
  faults: fc.array(fc.oneof(fault, churn), { maxLength: 5 }),
  expect: fc.array(expectation, { maxLength: 3 }),
})

describe('printing', () => {
  it('gives a file that reads back as the same scenario', () => {
    fc.assert(
      fc.property(oneScenario, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (written, chance) => {
        const scenario = parseScenario(stringify(JSON.parse(JSON.stringify(written))), 'written.yaml')
        const drawn = drawScenario(scenario, () => chance)
        const again = drawScenario(parseScenario(printScenario(drawn), 'printed.yaml'), () => {
          throw new Error('a drawn scenario leaves nothing to draw')
        })
        expect(data(again)).toEqual(data(drawn))
        expect(printScenario(again)).toBe(printScenario(drawn))
      }),
      { numRuns: 80 },
    )
  })

  it.each(FILES)('holds for %s', file => {
    const drawn = drawScenario(loadScenarioFile(`${folder}${file}`), () => 0.3)
    expect(data(drawScenario(parseScenario(printScenario(drawn), file), () => 0))).toEqual(data(drawn))
  })
})

/** Reads or refuses; anything else is thrown on. */
function readsOrRefuses(text: string, file = 'any.yaml'): void {
  try {
    drawScenario(parseScenario(text, file), () => 0.5)
  } catch (error) {
    if (!(error instanceof ScenarioError)) throw error
    const lines = text.split('\n')
    for (const { line, column } of error.problems) {
      expect(lines[line - 1]).toBeDefined()
      expect(column).toBeGreaterThanOrEqual(1)
      expect(column).toBeLessThanOrEqual(lines[line - 1]!.length + 1)
    }
    expect(error.message.split('\n')).toHaveLength(error.problems.length)
  }
}

const file = fc.constantFrom('any.yaml', 'any.json')
const base = fc.constantFrom(...TEXTS)
const SNIPPETS = [
  '- ',
  ': ',
  '[',
  ']',
  '{',
  '}',
  ',',
  '\t',
  '\n',
  '\r',
  '"',
  "'",
  '&x ',
  '*x',
  '!t ',
  '!!map ',
  '%YAML 1.1\n',
  '---\n',
  '...\n',
  '|\n',
  '>-\n',
  '? ',
  '<<: ',
  '#',
  '\0',
  '\uFEFF',
  '\ud800',
  'null',
  '~',
  '.nan',
  '1e999',
  '-0',
  '__proto__',
  'constructor',
  '{ from: 1, to: 0 }',
  'any',
  'rest',
] as const
const snippet = fc.oneof(fc.constantFrom(...SNIPPETS), fc.string({ unit: 'binary', maxLength: 4 }))

describe('reading', () => {
  it('never fails otherwise on any text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.array(snippet).map(all => all.join('')),
        ),
        file,
        readsOrRefuses,
      ),
      { numRuns: 800 },
    )
  })

  it('never fails otherwise on the library with characters changed', () => {
    const change = fc.record({ at: fc.nat(), drop: fc.nat({ max: 6 }), insert: snippet })
    fc.assert(
      fc.property(base, fc.array(change, { minLength: 1, maxLength: 3 }), (text, changes) => {
        let changed = text
        for (const { at, drop, insert } of changes) {
          const from = at % (changed.length + 1)
          changed = changed.slice(0, from) + insert + changed.slice(from + drop)
        }
        readsOrRefuses(changed)
      }),
      { numRuns: 200 },
    )
  })

  it('never fails otherwise on the library with lines dropped, repeated, moved and indented', () => {
    const change = fc.record({
      at: fc.nat(),
      to: fc.nat(),
      how: fc.constantFrom('drop', 'repeat', 'move', 'indent', 'cut'),
    })
    fc.assert(
      fc.property(base, fc.array(change, { minLength: 1, maxLength: 3 }), (text, changes) => {
        const lines = text.split('\n')
        for (const { at, to, how } of changes) {
          const from = at % lines.length
          const line = lines[from]!
          if (how === 'drop' || how === 'move') lines.splice(from, 1)
          if (how === 'repeat' || how === 'move') lines.splice(to % (lines.length + 1), 0, line)
          if (how === 'indent') lines[from] = `${' '.repeat(to % 7)}${line.trimStart()}`
          if (how === 'cut') lines[from] = line.slice(0, to % (line.length + 1))
          if (lines.length === 0) lines.push('')
        }
        readsOrRefuses(lines.join('\n'))
      }),
      { numRuns: 200 },
    )
  })

  it('never fails otherwise on the library with a value in the place of another', () => {
    const value = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.constantFrom<unknown>(
        0,
        -1,
        1.5,
        1e30,
        '',
        'any',
        'rest',
        '100%',
        '-5s',
        '366d',
        [],
        {},
        [[]],
        { from: 1, to: 2 },
        { from: 2, to: 1 },
      ),
    )
    fc.assert(
      fc.property(base, fc.nat(), value, (text, at, replacement) => {
        const document = parseDocument(text)
        let total = 0
        visit(document, {
          Node: () => {
            total += 1
          },
        })
        let nth = 0
        visit(document, {
          Node: (key, node) => {
            nth += 1
            const isMeant = nth === (at % total) + 1 && key !== 'key' && (isScalar(node) || isCollection(node))
            return isMeant ? document.createNode(replacement) : undefined
          },
        })
        readsOrRefuses(document.toString())
      }),
      { numRuns: 200 },
    )
  })
})

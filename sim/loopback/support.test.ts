/**
 * Goal: who asks real processes for what they cannot do learns where it stands in the file, before anything starts.
 * Method: one file a row.
 */

import { expect, it } from 'vitest'
import { parseScenario, problemLine } from '../../scenarios/index.js'
import { drawnScenario } from '../world/index.js'
import { unsupported } from './index.js'

const complaint = (text: string): string | null => {
  const problem = unsupported(drawnScenario(parseScenario(`thicket: 1\nname: t\n${text}`, 'f.yaml'), 1))
  return problem && problemLine(problem)
}
const TWO = 'nodes: [{ name: a, at: [0, 0] }, { name: b, at: [0, 0] }]\nlinks: [{ between: [a, b] }]\ntopics: [x]\n'

it.each([
  [
    'radios',
    'nodes:\n  - { name: a, at: [0, 0], radios: [phone] }\nradios: { phone: { type: ble } }\n',
    'f.yaml:4:37: there are no radios on loopback; expected nodes without radios',
  ],
  [
    'a clock that errs',
    'nodes:\n  - { name: a }\n  - { name: b, clock: { drift: 20ppm } }\n',
    'f.yaml:5:5: clocks do not err on loopback; expected a node without clock',
  ],
  [
    'a clock that jumps',
    `${TWO}faults:\n  - { at: 1s, clock: a, jump: 1h }\n`,
    'f.yaml:7:5: no clock jumps on loopback; expected another fault',
  ],
  [
    'a node that moves',
    `${TWO}faults:\n  - { at: 1s, move: a, to: [1m, 1m] }\n`,
    'f.yaml:7:5: nobody moves on loopback; expected another fault',
  ],
  [
    'a cut at a write, beside a crash that is possible',
    `${TWO}faults:\n  - { at: 1s, crash: a }\n  - { at: 1s, crash: b, at-write: 3 }\n`,
    'f.yaml:8:5: no power is cut at a write on loopback; expected crash without at-write',
  ],
  [
    'too many nodes',
    'nodes:\n  - { name: a, count: 50 }\n  - { name: b }\n',
    'f.yaml:5:5: 51 nodes are too many on loopback; expected at most 50 nodes',
  ],
  [
    'several things: the first in the file',
    `nodes:\n  - { name: a, clock: { skew: 1s } }\ntopics: [x]\nfaults:\n  - { at: 1s, clock: a, jump: 1h }\n`,
    'f.yaml:4:5: clocks do not err on loopback; expected a node without clock',
  ],
])('refuses %s', (_, text, line) => {
  expect(complaint(text)).toBe(line)
})

it.each([
  ['fifty nodes', 'nodes: [{ name: a, count: 50 }]\n'],
  [
    'faults of ways and processes',
    `${TWO}faults:
  - { at: 1s, partition: [[a], rest], for: 1s }
  - { at: 1s, isolate: a, for: 1s }
  - { at: 1s, one-way: [a, b], for: 1s }
  - { at: 1s, link: [a, b], down-for: 1s }
  - { at: 1s, clog: [a, b], for: 1s }
  - { at: 1s, crash: a, restart-after: 1s }
  - { at: 1s, pause: a, for: 1s }
  - { at: 1s, churn: { rate: 1/s, down-for: 1s } }
`,
  ],
  ['a network that reaches all', 'network: { reach: all }\nnodes: [{ name: a }, { name: b, bootstrap: a }]\n'],
])('takes %s', (_, text) => {
  expect(complaint(text)).toBeNull()
})

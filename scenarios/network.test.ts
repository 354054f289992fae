/**
 * Goal: the keys for large overlays mean what the documentation says: who can dial whom under which conditions, whom a
 * node knows at the start, churn, and what is expected of sessions and of the overlay. Method: one file with all of them,
 * read, drawn and printed; the smallest files for what may be left out.
 */

import { describe, expect, it } from 'vitest'
import { drawScenario, parseScenario, printScenario } from './index.js'
import { readRate } from './units.js'

const OVERLAY = `thicket: 1
name: overlay
duration: 2h
network: { reach: all, latency: 40ms, jitter: { from: 0, to: 10ms }, bandwidth: 20Mbit/s, loss: 0.5% }
nodes:
  - { name: door, count: 2, bootstrap: door }
  - { name: n, count: 3, bootstrap: [door1] }
  - { name: late, bootstrap: [door, n2] }
topics: [chat]
links: [{ between: [n1, n2], latency: 5ms }]
faults:
  - { at: 10m, for: 1h, churn: { rate: 10/h, down-for: 5m, nodes: [n, late] } }
  - { at: 90m, for: 5m, churn: { rate: { from: 1/m, to: 2/m }, down-for: { from: 10s, to: 20s } } }
  - { at: 1m, clog: [n1, n3], for: 1m }
expect:
  - sessions: { max-per-node: { from: 8, to: 12 } }
  - overlay-connected: { within: 1m }
  - overlay-connected: true
`

const drawn = (text: string, chance = 0.5) => drawScenario(parseScenario(text, 'overlay.yaml'), () => chance)
const names = (references: readonly { readonly name: string }[] | null) => references?.map(({ name }) => name)

describe('the network', () => {
  it('has conditions, which may be ranges', () => {
    expect(drawn(OVERLAY).network).toEqual({
      reach: 'all',
      latencyMs: 40,
      jitterMs: 5,
      bandwidthBps: 20_000_000,
      loss: 0.005,
    })
  })

  it('is one of links where nothing is said, and what links are like where reach alone is', () => {
    const small = 'thicket: 1\nname: t\nnodes: [{ name: a }]\n'
    const { network: silent } = drawn(small)
    const { network: all } = drawn(`${small}network: { reach: all }\n`)
    expect(silent.reach).toBe('links')
    expect(all).toEqual({ ...silent, reach: 'all' })
    expect(drawn(`${small}network: { reach: links }\n`).network).toEqual(silent)
    expect(drawn(`${small}network: {}\n`).network).toEqual(silent)
    expect(all).toEqual({ reach: 'all', latencyMs: 20, jitterMs: 0, bandwidthBps: 10_000_000, loss: 0 })
  })

  it('lets a fault take any pair where it reaches all', () => {
    const linksAlone = OVERLAY.replace('reach: all', 'reach: links').replace(/, latency: 40ms.*\}/, ' }')
    expect(() => drawn(OVERLAY)).not.toThrow()
    expect(() => drawn(linksAlone.replaceAll(/, bootstrap: [^}]*/g, ''))).toThrow('n1 and n3 are not linked')
  })
})

describe('bootstrap', () => {
  it('names single nodes once drawn, and never the node itself', () => {
    expect(drawn(OVERLAY).nodes.map(({ name, bootstrap }) => [name, ...names(bootstrap)!])).toEqual([
      ['door1', 'door2'],
      ['door2', 'door1'],
      ['n1', 'door1'],
      ['n2', 'door1'],
      ['n3', 'door1'],
      ['late', 'door1', 'door2', 'n2'],
    ])
  })
})

describe('churn', () => {
  it('has a rate, a time without power and nodes, all of them where nothing is said', () => {
    const [some, all] = drawn(OVERLAY).faults
    expect(some).toMatchObject({ type: 'churn', atMs: 600_000, forMs: 3_600_000, ratePerHour: 10, downForMs: 300_000 })
    expect(some?.type === 'churn' && names(some.nodes)).toEqual(['n1', 'n2', 'n3', 'late'])
    expect(all).toMatchObject({ type: 'churn', ratePerHour: 90, downForMs: 15_000 })
    expect(all?.type === 'churn' && names(all.nodes)).toEqual(['door1', 'door2', 'n1', 'n2', 'n3', 'late'])
  })

  it.each([
    ['10/h', 10],
    ['0.5 / h', 0.5],
    ['2/m', 120],
    ['1/s', 3_600],
    [4, 4],
    ['10', null],
    ['10/d', null],
    ['10h', null],
    ['-1/h', null],
    ['1/h/h', null],
    [null, null],
    [{}, null],
  ])('%j is %j times an hour', (written, rate) => {
    expect(readRate(written)).toBe(rate)
  })
})

describe('expectations', () => {
  it('are of whole sessions, and of the overlay within a time or by the end', () => {
    expect(drawn(OVERLAY).expect).toMatchObject([
      { type: 'sessions', maxPerNode: 10 },
      { type: 'overlay-connected', withinMs: 60_000 },
      { type: 'overlay-connected', withinMs: 7_200_000 },
    ])
    expect(drawn(OVERLAY, 0.99).expect[0]).toMatchObject({ maxPerNode: 12 })
  })
})

describe('printing', () => {
  it('gives the drawn scenario back', () => {
    const first = drawn(OVERLAY)
    const again = drawn(printScenario(first))
    expect(printScenario(again)).toBe(printScenario(first))
    expect(again.network).toEqual(first.network)
    expect(again.nodes.map(({ bootstrap }) => names(bootstrap))).toEqual(
      first.nodes.map(({ bootstrap }) => names(bootstrap)),
    )
  })
})

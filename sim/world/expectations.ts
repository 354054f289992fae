/** What the scenario expected, and what came of it. */

import type { DrawnScenario, ExpectationOf } from '../../scenarios/index.js'
import type { PublishedEntry } from '../checks/index.js'
import type { Outcome } from './outcome.js'
import { type ExpectationResult, humanDuration } from './report.js'

export function expectationResults(
  world: Outcome,
  scenario: DrawnScenario,
  disagreement: string | null,
  violations: number,
): readonly ExpectationResult[] {
  return scenario.expect.map(expectation => result(expectation, world, disagreement, violations))
}

function result(
  expectation: ExpectationOf<number>,
  world: Outcome,
  disagreement: string | null,
  violations: number,
): ExpectationResult {
  switch (expectation.type) {
    case 'converged':
      return converged(expectation.withinMs, world, disagreement)
    case 'delivered':
      return delivered(expectation.share, world)
    case 'no-violations':
      return {
        name: 'no-violations',
        ok: !expectation.required || violations === 0,
        detail:
          violations === 0
            ? 'no check was broken'
            : `${violations} ${violations === 1 ? 'check was' : 'checks were'} broken`,
      }
    case 'duplicates': {
      const repeated = world.nodes.reduce((sum, { checks }) => sum + checks.repeated, 0)
      return {
        name: 'duplicates',
        ok: repeated <= expectation.max,
        detail: `${repeated} repeated ${repeated === 1 ? 'delivery' : 'deliveries'}, at most ${expectation.max} expected`,
      }
    }
    case 'bytes': {
      const perOperation = world.ledger.size === 0 ? 0 : Math.round(world.linkBytes() / world.ledger.size)
      return {
        name: 'bytes',
        ok: perOperation <= expectation.maxPerOperation,
        detail: `${perOperation} bytes an operation on the links, at most ${expectation.maxPerOperation} expected`,
      }
    }
    case 'airtime': {
      const share = world.radioReport()?.maxDutyCycle ?? 0
      return {
        name: 'airtime',
        ok: share <= expectation.maxPerNode,
        detail: `${percent(share)} of an hour by the busiest node, at most ${percent(expectation.maxPerNode)} expected`,
      }
    }
    case 'sessions':
      return sessions(expectation.maxPerNode, world)
    case 'overlay-connected':
      return overlayConnected(expectation.withinMs, world)
    case 'over-floor': {
      const overFloor = world.radioReport()?.overFloor ?? null
      return {
        name: 'over-floor',
        ok: overFloor !== null && overFloor <= expectation.max,
        detail:
          overFloor === null
            ? 'there is no floor: nodes move, or nothing connects them'
            : `${overFloor} times the floor, at most ${expectation.max} expected`,
      }
    }
  }
}

function sessions(max: number, world: Outcome): ExpectationResult {
  const [busiest] = [...world.nodes].sort((a, b) => b.sessions.peak - a.sessions.peak || a.index - b.index)
  const peak = busiest?.sessions.peak ?? 0
  const detail = `${peak} at one time at ${busiest?.name}, at most ${max} expected`
  return { name: 'sessions', ok: peak <= max, detail }
}

function overlayConnected(withinMs: number, world: Outcome): ExpectationResult {
  const name = 'overlay-connected'
  const parts = world.overlay?.disconnected()
  if (parts) {
    const [topic] = [...world.topics].find(([, id]) => id === parts.topic) ?? ['']
    return { name, ok: false, detail: `not by the end: ${topic} falls into ${parts.parts} parts` }
  }
  const atUs = world.overlay?.connectedAtUs ?? null
  if (atUs === null) return { name, ok: false, detail: 'not by the end' }
  const afterMs = Math.max(0, atUs - world.settledUs) / 1_000
  const detail = `since ${humanDuration(atUs / 1_000)}, ${humanDuration(afterMs)} after the last fault (${humanDuration(withinMs)} allowed)`
  return { name, ok: afterMs <= withinMs, detail }
}

function percent(share: number): string {
  return `${Math.round(share * 10_000) / 100} %`
}

function converged(withinMs: number, world: Outcome, disagreement: string | null): ExpectationResult {
  const name = 'converged'
  const calmMs = world.calmUs / 1_000
  if (disagreement !== null) return { name, ok: false, detail: `not by the end: ${disagreement}` }
  if (world.convergedAtUs === null) return { name, ok: false, detail: 'not by the end' }
  const atMs = world.convergedAtUs / 1_000
  const afterMs = atMs - calmMs
  const detail = `at ${humanDuration(atMs)}, ${humanDuration(afterMs)} after the last publication or fault (${humanDuration(withinMs)} allowed)`
  return { name, ok: afterMs <= withinMs, detail }
}

/** Of each operation with a body and each subscriber: what reached the app, beside what its author pruned before. */
function delivered(share: number, world: Outcome): ExpectationResult {
  let owed = 0
  let reached = 0
  const lacking = new Map<string, number>()
  for (const entry of world.ledger.entries()) {
    if (entry.bodyHash === null) continue
    if (diedWithItsAuthor(entry, world)) continue
    for (const node of world.subscribers(entry.topic)) {
      const isDelivered = node.checks.delivered.has(entry.id)
      if (!isDelivered && world.ledger.isPruned(entry)) continue
      owed += 1
      if (isDelivered) reached += 1
      else lacking.set(node.name, (lacking.get(node.name) ?? 0) + 1)
    }
  }
  const got = owed === 0 ? 1 : reached / owed
  const worst = [...lacking].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))[0]
  const percent = `${Math.floor(got * 10_000) / 100} %`
  const detail = `${percent} of ${owed} deliveries${worst ? `; ${worst[0]} lacks ${worst[1]}` : ''}`
  return { name: 'delivered', ok: got >= share, detail }
}

/** No living node holds it and its author is down: it is owed to nobody. */
function diedWithItsAuthor(entry: PublishedEntry, world: Outcome): boolean {
  if (world.nodes.some(node => node.id === entry.author && node.isUp)) return false
  return !world.nodes.some(node => node.holds(entry.id)) && !world.ledger.isPruned(entry)
}

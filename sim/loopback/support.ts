/** What a scenario may ask of real processes on one machine, and what it may not: air, clocks, and cuts within a write. */

import type { DrawnScenario, Position, Problem } from '../../scenarios/index.js'
import { MAX_NODES } from './limits.js'

/** The first thing that cannot be done, with its place in the file; null when all can. */
export function unsupported(scenario: DrawnScenario): Problem | null {
  const [first] = [...nodeProblems(scenario), ...faultProblems(scenario)].sort(
    (a, b) => a.at.line - b.at.line || a.at.column - b.at.column,
  )
  if (!first) return null
  const { line, column } = first.at
  return { file: scenario.file, line, column, message: `${first.message} on loopback`, expected: first.expected }
}

interface Complaint {
  readonly at: Position
  readonly message: string
  readonly expected: string
}

function* nodeProblems({ nodes }: DrawnScenario): Generator<Complaint> {
  const surplus = nodes[MAX_NODES]
  if (surplus)
    yield { at: surplus, message: `${nodes.length} nodes are too many`, expected: `at most ${MAX_NODES} nodes` }
  for (const node of nodes) {
    const [radio] = node.radios
    if (radio) yield { at: radio, message: 'there are no radios', expected: 'nodes without radios' }
    if (node.clock.skewMs !== 0 || node.clock.driftPpm !== 0)
      yield { at: node, message: 'clocks do not err', expected: 'a node without clock' }
  }
}

function* faultProblems({ faults }: DrawnScenario): Generator<Complaint> {
  for (const fault of faults) {
    if (fault.type === 'clock') yield { at: fault, message: 'no clock jumps', expected: 'another fault' }
    if (fault.type === 'move') yield { at: fault, message: 'nobody moves', expected: 'another fault' }
    if (fault.type === 'crash' && fault.atWrite !== null)
      yield { at: fault, message: 'no power is cut at a write', expected: 'crash without at-write' }
  }
}

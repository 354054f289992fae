/** Runs a scenario twice and, where the runs differ, finds the first event that does. */

import { firstDifference, type RecordedEvent, WORLD } from '../kernel/index.js'
import type { Report } from './report.js'
import { type RunOptions, type RunResult, runScenario } from './run.js'

export interface DeterminismResult {
  readonly first: RunResult
  /** Null when both runs were the same, event for event. */
  readonly difference: string | null
}

export async function checkDeterminism(options: RunOptions): Promise<DeterminismResult> {
  const first = await runScenario(options)
  const { trace: _, ...again } = options
  const second = await runScenario(again)
  if (first.report.fingerprint === second.report.fingerprint) {
    const isEqual = outcome(first.report) === outcome(second.report)
    return { first, difference: isEqual ? null : 'the same events, and yet different reports' }
  }
  const rerun = async (window: NonNullable<RunOptions['window']>) => (await runScenario({ ...again, window })).record
  const difference = await firstDifference(rerun, rerun)
  const names = first.report.nodes.map(node => node.name)
  if (!difference)
    return { first, difference: 'the fingerprints differed, and two more runs did not: chance from outside' }
  return {
    first,
    difference: `event ${difference.number}: ${event(difference.a, names)} in one run, ${event(difference.b, names)} in the other`,
  }
}

/** All that a run says, but for how long it took. */
function outcome({ wallMs: _, ...report }: Report): string {
  return JSON.stringify(report)
}

function event(recorded: RecordedEvent | null, names: readonly string[]): string {
  if (!recorded) return 'nothing'
  const node = recorded.node === WORLD ? 'the world' : (names[recorded.node] ?? `node ${recorded.node}`)
  return `${recorded.kind} of ${node} at ${recorded.timeUs / 1_000} ms (notes ${recorded.notes.slice(0, 8) || 'none'})`
}

/** `thicket crash`: a scenario file in, every power cut of it tried. Standard output carries the result alone. */

import { sharedCrypto } from '../../engine/adapters/index.js'
import { loadScenarioFile, problemLine, type Scenario, ScenarioError } from '../../scenarios/index.js'
import { drawnScenario } from '../world/index.js'
import { crashScenario } from './enumerate.js'
import { printCrashReport } from './print.js'
import type { Journal } from './types.js'

export interface CrashArguments {
  readonly file: string
  readonly version: string
  readonly json?: boolean
  readonly seed?: number
  readonly damage?: number
  readonly journal?: Journal | 'both'
  readonly limit?: number
}

/** Exit code: 0 no violation, and the control had some; 1 otherwise; 2 unusable input. */
export async function crashVerb(args: CrashArguments): Promise<number> {
  let scenario: Scenario
  try {
    scenario = loadScenarioFile(args.file)
    drawnScenario(scenario, args.seed ?? scenario.seed)
  } catch (error) {
    if (!(error instanceof ScenarioError)) throw error
    const [first, ...others] = error.problems
    const more =
      others.length > 0 ? ` (and ${others.length} more ${others.length === 1 ? 'problem' : 'problems'} below it)` : ''
    process.stderr.write(`${problemLine(first!)}${more}\n`)
    return 2
  }
  const { seed, damage, limit, journal = 'both' } = args
  const progress = progressLine(scenario.name)
  try {
    const report = await crashScenario({
      scenario,
      version: args.version,
      crypto: sharedCrypto(),
      journals: journal === 'both' ? ['wal', 'rollback'] : [journal],
      ...(seed === undefined ? {} : { seed }),
      ...(damage === undefined ? {} : { damage }),
      ...(limit === undefined ? {} : { limit }),
      onProgress: progress.show,
    })
    progress.clear()
    process.stdout.write(args.json ? `${JSON.stringify(report)}\n` : printCrashReport(report))
    return report.verdict === 'pass' ? 0 : 1
  } finally {
    progress.clear()
  }
}

/** Runs between two changes of the line: some ten a second. */
const RUNS_PER_LINE = 5

function progressLine(name: string): { show(done: number, total: number): void; clear(): void } {
  const isTerminal = process.stderr.isTTY === true
  if (!isTerminal) process.stderr.write(`crashing ${name}\n`)
  return {
    show(done, total) {
      if (isTerminal && done % RUNS_PER_LINE === 0) process.stderr.write(`\r${name} ${done} of ${total} crashes `)
    },
    clear() {
      if (isTerminal) process.stderr.write('\r\u001b[K')
    },
  }
}

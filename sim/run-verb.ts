/** `thicket run`: a scenario file in, a verdict out. Standard output carries the result alone; the rest goes beside it. */

import { writeFileSync } from 'node:fs'
import { sharedCrypto } from '../engine/adapters/index.js'
import {
  type DrawnScenario,
  loadScenarioFile,
  printScenario,
  problemLine,
  type Scenario,
  ScenarioError,
} from '../scenarios/index.js'
import {
  checkDeterminism,
  drawnScenario,
  openTrace,
  printReport,
  type Report,
  type RunOptions,
  runScenario,
  type TraceFile,
} from './world/index.js'

export interface RunArguments {
  readonly file: string
  readonly version: string
  readonly seed?: number
  readonly json?: boolean
  readonly trace?: string
  readonly report?: string
  readonly checkDeterminism?: boolean
  readonly print?: boolean
  /** Simulated where nothing is said. */
  readonly world?: 'sim' | 'loopback'
}

/** Exit code: 0 passed, 1 failed its expectations or was not deterministic, 2 unusable input. */
export async function runVerb(args: RunArguments): Promise<number> {
  let scenario: Scenario
  try {
    scenario = loadScenarioFile(args.file)
    // What a seed draws can be impossible where the largest of every range is not.
    const drawn = drawnScenario(scenario, args.seed ?? scenario.seed)
    if (args.print) {
      process.stdout.write(printScenario(drawn))
      return 0
    }
    if (args.world === 'loopback') {
      const problem = await impossibleOnLoopback(drawn, args)
      if (problem !== null) {
        process.stderr.write(`${problem}\n`)
        return 2
      }
    }
  } catch (error) {
    if (!(error instanceof ScenarioError)) throw error
    const [first, ...others] = error.problems
    const more =
      others.length > 0 ? ` (and ${others.length} more ${others.length === 1 ? 'problem' : 'problems'} below it)` : ''
    process.stderr.write(`${problemLine(first!)}${more}\n`)
    return 2
  }
  return run(scenario, args)
}

async function run(scenario: Scenario, args: RunArguments): Promise<number> {
  const seed = args.seed ?? scenario.seed
  let trace: TraceFile | null = null
  let path = ''
  try {
    // An empty report shows before the run whether the file can be written at all.
    if (args.report !== undefined) {
      path = args.report
      writeFileSync(path, '')
    }
    if (args.trace !== undefined) {
      path = args.trace
      trace = openTrace(path, { version: args.version, scenario: scenario.name, seed })
    }
  } catch (error) {
    process.stderr.write(`${path}:1:1: cannot be written (${reason(error)}); expected a writable path\n`)
    return 2
  }
  const progress = progressLine(scenario.name, args.world === 'loopback' ? 'messages' : 'events')
  const options: RunOptions = {
    scenario,
    seed,
    version: args.version,
    crypto: sharedCrypto(),
    trace,
    onProgress: progress.show,
  }
  try {
    const { first, difference } = await runIn(args, options)
    progress.clear()
    const report = args.checkDeterminism
      ? { ...first.report, deterministic: difference === null, ...(difference ? { difference } : {}) }
      : first.report
    const json = `${JSON.stringify(report)}\n`
    if (args.report !== undefined) writeFileSync(args.report, json)
    process.stdout.write(args.json ? json : printReport(first.report))
    if (difference !== null) process.stderr.write(`not deterministic: ${difference}\n`)
    else if (args.checkDeterminism && !args.json) process.stdout.write('  deterministic: two runs, the same events\n')
    return first.report.verdict === 'pass' && difference === null ? 0 : 1
  } finally {
    progress.clear()
    trace?.close()
  }
}

interface Ran {
  readonly first: { readonly report: Report }
  readonly difference: string | null
}

async function runIn(args: RunArguments, options: RunOptions): Promise<Ran> {
  if (args.world === 'loopback') {
    const { runLoopback } = await import('./loopback/index.js')
    return { first: await runLoopback(options), difference: null }
  }
  return args.checkDeterminism
    ? await checkDeterminism(options)
    : { first: await runScenario(options), difference: null }
}

/** Why real processes cannot do what is asked; null when they can. */
async function impossibleOnLoopback(drawn: DrawnScenario, args: RunArguments): Promise<string | null> {
  if (args.checkDeterminism)
    return 'thicket: no two runs on loopback are the same; --check-determinism needs --world sim'
  const { unsupported } = await import('./loopback/index.js')
  const problem = unsupported(drawn)
  return problem && problemLine(problem)
}

/** One line that is written over on a terminal; on anything else only the beginning is told. */
function progressLine(name: string, what: string): { show(fraction: number, events: number): void; clear(): void } {
  const isTerminal = process.stderr.isTTY === true
  if (!isTerminal) process.stderr.write(`running ${name}\n`)
  return {
    show(fraction, events) {
      if (isTerminal)
        process.stderr.write(
          `\r${name} ${String(Math.floor(fraction * 100)).padStart(3)} %  ${events.toLocaleString('en')} ${what} `,
        )
    },
    clear() {
      if (isTerminal) process.stderr.write('\r\u001b[K')
    },
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/**
 * `npm test`: everything that must hold, in the order in which a mistake is cheapest to find. Prints what runs, shows
 * the output of what fails, and ends with one line that counts all of it.
 */

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What a lossy channel may cost is a matter of chance, so it is judged over several seeds. */
const LOSSY = {
  file: join('scenarios', 'air', 'twenty-percent.yaml'),
  seeds: [1, 2, 3, 4, 5],
  /** Times the floor, as the mean of the seeds. */
  overFloor: 1.95,
  /** Minutes within which 90 % are delivered, at each seed. */
  p90Minutes: 30,
}

interface Counts {
  passed: number
  failed: number
  skipped: number
}

const total: Counts = { passed: 0, failed: 0, skipped: 0 }
const scratch = mkdtempSync(join(tmpdir(), 'thicket-test-'))

function step(name: string, command: string, args: readonly string[], count?: (ok: boolean) => Counts): boolean {
  const startedAt = Date.now()
  const result = spawnSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 28 })
  const ok = result.status === 0
  const counts = count?.(ok) ?? { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 }
  // A runner that fails without a failed test of its own (a crash, a file that does not load) must not count as green.
  if (!ok && counts.failed === 0) counts.failed = 1
  total.passed += counts.passed
  total.failed += counts.failed
  total.skipped += counts.skipped
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1)
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${name} (${counts.passed} passed, ${seconds} s)`)
  if (!ok) console.log([result.stdout, result.stderr, result.error?.message].filter(Boolean).join('\n'))
  return ok
}

const node = process.execPath
const tool = (name: string) => join('node_modules', '.bin', name)

step('format and lint', tool('biome'), ['check', '--error-on-warnings', '.'])
step('types', tool('tsc'), ['-p', 'tsconfig.json', '--noEmit'])
step('types of the page', tool('tsc'), ['-p', 'tsconfig.page.json', '--noEmit'])
step('import rules', tool('depcruise'), [
  '--config',
  '.dependency-cruiser.cjs',
  ...['engine', 'sim', 'scenarios', 'bench', 'cli.ts', 'index.ts'].filter(path => existsSync(path)),
])
step('build', tool('tsc'), ['-p', 'tsconfig.build.json'])
step('build of the page', tool('tsc'), ['-p', 'tsconfig.page.json'])

const report = join(scratch, 'vitest.json')
step('unit, contracts and properties', tool('vitest'), ['run', '--reporter=json', `--outputFile=${report}`], () =>
  vitestCounts(report),
)

for (const file of scenarioFiles('scenarios')) {
  step(`${file}, twice`, node, ['bin/thicket.js', 'run', file, '--check-determinism'])
}

lossyChannel()

rmSync(scratch, { recursive: true, force: true })
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
process.exit(total.failed === 0 ? 0 : 1)

function lossyChannel(): void {
  const costs: number[] = []
  for (const seed of LOSSY.seeds) {
    const path = join(scratch, `lossy-${seed}.json`)
    const args = ['bin/thicket.js', 'run', LOSSY.file, '--seed', String(seed), '--report', path]
    if (!step(`${LOSSY.file}, seed ${seed}`, node, args)) continue
    const { radio, deliveryMs } = JSON.parse(readFileSync(path, 'utf8')) as {
      radio: { overFloor: number }
      deliveryMs: { p90: number }
    }
    costs.push(radio.overFloor)
    const minutes = deliveryMs.p90 / 60_000
    judge(`90 % delivered within ${minutes.toFixed(1)} minutes`, minutes <= LOSSY.p90Minutes)
  }
  const mean = costs.reduce((sum, cost) => sum + cost, 0) / LOSSY.seeds.length
  judge(
    `20 % loss costs ${mean.toFixed(3)} times the floor`,
    costs.length === LOSSY.seeds.length && mean <= LOSSY.overFloor,
  )
}

function judge(what: string, ok: boolean): void {
  total[ok ? 'passed' : 'failed'] += 1
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${what}`)
}

function vitestCounts(path: string): Counts {
  if (!existsSync(path)) return { passed: 0, failed: 1, skipped: 0 }
  const json = JSON.parse(readFileSync(path, 'utf8')) as {
    numPassedTests: number
    numFailedTests: number
    numPendingTests: number
    numTodoTests: number
    testResults: {
      name: string
      status: string
      message: string
      assertionResults: { status: string; fullName: string; failureMessages: string[] }[]
    }[]
  }
  for (const suite of json.testResults) {
    if (suite.status === 'failed' && suite.assertionResults.length === 0)
      console.log(`  ${suite.name}: ${suite.message}`)
    for (const test of suite.assertionResults) {
      if (test.status === 'failed') console.log(`  FAIL ${test.fullName}\n${test.failureMessages.join('\n')}`)
      if (test.status === 'pending') console.log(`  SKIPPED ${test.fullName}`)
    }
  }
  return { passed: json.numPassedTests, failed: json.numFailedTests, skipped: json.numPendingTests + json.numTodoTests }
}

function scenarioFiles(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap(entry => {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) return scenarioFiles(path)
      return entry.name.endsWith('.yaml') ? [path] : []
    })
    .sort()
}

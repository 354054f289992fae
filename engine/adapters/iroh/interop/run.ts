/**
 * `npm run test:interop`: real nodes of p2panda 0.7.1 on one side, ours over iroh on the other, on loopback and without
 * mDNS. Arguments are words that the names of the checks to run must contain. Ends with a line that counts.
 */

import { build } from './build.js'
import { CHECKS, type Check } from './checks.js'
import { CHECK_MS } from './limits.js'
import { Stage } from './stage.js'

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

async function main(words: readonly string[]): Promise<number> {
  const built = build(say)
  if ('missing' in built) {
    say('')
    say('*** NOTHING WAS CHECKED against real p2panda nodes ***')
    say(`*** ${built.missing}; nothing else of this project needs Rust`)
    say(`0 passed, 0 failed, ${CHECKS.length} skipped`)
    return 0
  }
  const chosen = CHECKS.filter(({ name }) => words.every(word => name.includes(word)))
  let failed = 0
  for (const check of chosen) if (!(await holds(check, built.program))) failed++
  say(`${chosen.length - failed} passed, ${failed} failed, ${CHECKS.length - chosen.length} skipped`)
  return failed === 0 && chosen.length > 0 ? 0 : 1
}

async function holds(check: Check, program: string): Promise<boolean> {
  const stage = new Stage(program)
  const startMs = performance.now()
  const seconds = (): string => ((performance.now() - startMs) / 1000).toFixed(1)
  let timer: NodeJS.Timeout | undefined
  try {
    const tooLong = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not within ${CHECK_MS / 1000} s`)), CHECK_MS)
    })
    await Promise.race([check.run(stage), tooLong])
    say(`ok   ${check.name} (${seconds()} s)`)
    return true
  } catch (error) {
    say(`FAIL ${check.name} (${seconds()} s)`)
    say(`     ${error instanceof Error ? error.message : String(error)}`)
    return false
  } finally {
    clearTimeout(timer)
    await stage.end()
  }
}

process.exit(await main(process.argv.slice(2)))

/**
 * Goal: a run on real processes that goes wrong says why, ends everything that it began and leaves nothing behind; and
 * what it cannot do is refused with the line, before anything starts. Method: nodes killed from outside, a runner
 * killed from outside, and the verb itself.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runVerb } from '../run-verb.js'

const TEST_TIMEOUT_MS = 120_000
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const LONG = `thicket: 1
name: long
duration: 10m
nodes: [{ name: a }, { name: b }]
topics: [chat]
links: [{ between: [a, b] }]
workload: [{ at: 100ms, node: a, publish: { topic: chat, count: 1000, every: 500ms } }]
expect: [{ converged: true }]
`

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'thicket-failures-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

/** The runner as a user starts it, with temporary files in a folder of its own. */
function start(...args: readonly string[]) {
  const tmp = mkdtempSync(join(folder, 'tmp-'))
  const child = spawn(process.execPath, ['--import', 'tsx', join(ROOT, 'cli.ts'), 'run', ...args], {
    cwd: ROOT,
    env: { ...process.env, TMPDIR: tmp },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  child.stdout.resume()
  return { child, tmp, stderr: () => stderr }
}

/** Processes that have this one as their parent, by the system's own account. */
function childrenOf(pid: number): number[] {
  return readdirSync('/proc').flatMap(name => {
    if (!/^\d+$/.test(name)) return []
    try {
      const status = readFileSync(`/proc/${name}/stat`, 'utf8')
      const fields = status.slice(status.lastIndexOf(')') + 2).split(' ')
      return Number(fields[1]) === pid ? [Number(name)] : []
    } catch {
      return []
    }
  })
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(50)
}

/** Processes of nodes alone: the loader of the sources has helpers of its own. */
const nodesOf = (pid: number) =>
  childrenOf(pid).filter(child => {
    try {
      return readFileSync(`/proc/${child}/cmdline`, 'utf8').includes('node-process')
    } catch {
      return false
    }
  })

const hasProc = process.platform === 'linux'
if (!hasProc) console.warn('skipped: processes are looked up in /proc, which this system does not have')

describe.skipIf(!hasProc)('a run that goes wrong', () => {
  it('tells which node ended by itself, and ends the others', { timeout: TEST_TIMEOUT_MS }, async () => {
    const { child, tmp, stderr } = start(file('long.yaml', LONG), '--world', 'loopback')
    await until(() => nodesOf(child.pid!).length === 2)
    const nodes = nodesOf(child.pid!)
    // Both have opened their databases: they run.
    const databases = () => readdirSync(tmp, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.db'))
    await until(() => databases().length === 2)
    process.kill(nodes[0]!, 'SIGKILL')
    const [code] = await once(child, 'exit')
    expect(code).toBe(3)
    expect(stderr()).toMatch(/[ab] ended by itself \(SIGKILL\)/)
    await until(() => !nodes.some(isAlive))
    expect(readdirSync(tmp).filter(name => name.startsWith('thicket-loopback'))).toEqual([])
  })

  it('leaves nothing behind when it is told to end', { timeout: TEST_TIMEOUT_MS }, async () => {
    const { child, tmp } = start(file('long.yaml', LONG), '--world', 'loopback')
    await until(() => nodesOf(child.pid!).length === 2)
    const nodes = nodesOf(child.pid!)
    child.kill('SIGTERM')
    const [code, signal] = await once(child, 'exit')
    expect([code, signal]).toEqual([null, 'SIGTERM'])
    await until(() => !nodes.some(isAlive))
    expect(readdirSync(tmp).filter(name => name.startsWith('thicket-loopback'))).toEqual([])
  })

  it('takes its nodes along when it is killed', { timeout: TEST_TIMEOUT_MS }, async () => {
    const { child } = start(file('long.yaml', LONG), '--world', 'loopback')
    await until(() => nodesOf(child.pid!).length === 2)
    const nodes = nodesOf(child.pid!)
    child.kill('SIGKILL')
    await once(child, 'exit')
    await until(() => !nodes.some(isAlive))
  })
})

describe('the verb', () => {
  const errorOf = async (args: Partial<Parameters<typeof runVerb>[0]> & { readonly file: string }) => {
    const { write } = process.stderr
    let said = ''
    process.stderr.write = (text: string | Uint8Array): boolean => {
      said += String(text)
      return true
    }
    try {
      return { code: await runVerb({ version: 'test', ...args }), said }
    } finally {
      process.stderr.write = write
    }
  }

  it('refuses with 2 and the line what real processes cannot do', async () => {
    const path = file('clock.yaml', `${LONG}faults:\n  - { at: 1s, clock: a, jump: 1h }\n`)
    expect(await errorOf({ file: path, world: 'loopback' })).toEqual({
      code: 2,
      said: `${path}:10:5: no clock jumps on loopback; expected another fault\n`,
    })
  })

  it('refuses to show that real time repeats itself', async () => {
    const { code, said } = await errorOf({ file: file('long.yaml', LONG), world: 'loopback', checkDeterminism: true })
    expect(code).toBe(2)
    expect(said).toMatch(/^thicket: no two runs on loopback are the same/)
  })
})

/**
 * Lives of the program that is killed. The sources of the engine are compiled once into a folder, so that a life starts
 * in a third of a second and never runs yesterday's build; and while one life runs and is judged the next is loaded already.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { type Life, MILESTONES, type Milestone } from './true-disk-child.contract.js'

const PROGRAM = 'adapters/true-disk-child.contract.js'

interface Loaded {
  readonly child: ChildProcess
  readonly outputPath: string
  readonly exited: Promise<unknown>
  /** Resolves when it has come so far, or has ended. */
  reached(milestone: Milestone): Promise<unknown>
}

/** A life that has nothing left to do may never come so far; it is killed all the same. */
const LONGEST_WAIT_MS = 5_000

/** When a life ends: so long after it has come so far. */
export interface Death {
  readonly from: Milestone
  readonly afterMs: number
}

export class Lives {
  readonly folder = mkdtempSync(join(tmpdir(), 'thicket-true-disk-'))
  #spare: Loaded
  #count = 0

  constructor() {
    compileEngine(join(this.folder, 'engine'))
    writeFileSync(join(this.folder, 'package.json'), '{ "type": "module" }')
    symlinkSync(fileURLToPath(new URL('../../node_modules', import.meta.url)), join(this.folder, 'node_modules'))
    this.#spare = this.#load()
  }

  /** Runs a life and kills it; gives the path of what it had printed. */
  async liveAndDie(life: Life, death: Death): Promise<string> {
    const { child, outputPath, exited, reached } = this.#spare
    await reached('loaded')
    this.#spare = this.#load()
    child.stdin!.write(JSON.stringify(life))
    await Promise.race([reached(death.from), sleep(LONGEST_WAIT_MS, undefined, { ref: false })])
    await sleep(death.afterMs)
    child.kill('SIGKILL')
    const [code, signal] = (await exited) as [number | null, string | null]
    if (signal !== 'SIGKILL') throw new Error(`the life ended by itself with exit code ${code}`)
    return outputPath
  }

  async end(): Promise<void> {
    this.#spare.child.kill('SIGKILL')
    await this.#spare.exited
    rmSync(this.folder, { recursive: true })
  }

  #load(): Loaded {
    const outputPath = join(this.folder, `output-${this.#count++}`)
    const output = openSync(outputPath, 'w')
    const child = spawn(process.execPath, [join(this.folder, 'engine', PROGRAM), 'live'], {
      stdio: ['pipe', output, 'inherit', 'pipe'],
    })
    closeSync(output)
    const exited = once(child, 'exit')
    const milestones = createInterface({ input: child.stdio[MILESTONES] as Readable })
    const reached = new Set<string>()
    milestones.on('line', line => reached.add(line))
    return {
      child,
      outputPath,
      exited,
      async reached(milestone) {
        while (!reached.has(milestone)) {
          const ended = await Promise.race([once(milestones, 'line').then(() => false), exited.then(() => true)])
          if (ended) return
        }
      },
    }
  }
}

export function compileEngine(target: string): void {
  const root = fileURLToPath(new URL('..', import.meta.url))
  for (const path of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('.ts') || path.endsWith('.test.ts') || path.endsWith('.d.ts')) continue
    // What somebody tries out while this runs may be gone before it is read.
    if (basename(path).startsWith('.')) continue
    const { outputText } = ts.transpileModule(readFileSync(join(root, path), 'utf8'), {
      compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true },
    })
    const compiled = join(target, path.replace(/\.ts$/, '.js'))
    mkdirSync(dirname(compiled), { recursive: true })
    writeFileSync(compiled, outputText)
  }
}

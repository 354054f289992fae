/**
 * Processes of `thicket node` on loopback, for tests. The sources are compiled once into a folder, so that a process
 * starts quickly and never runs yesterday's build.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { compileEngine } from '../true-disk-lives.contract.js'
import { eventually, type Printed } from './running.contract.js'

const ROOT = new URL('../../../', import.meta.url)

export interface ProcessOptions {
  /** Names the node and, unless told otherwise, its database. */
  readonly name: string
  readonly flags: readonly string[]
  /** What stands before the program, such as `ip netns exec NAME`. */
  readonly prefix?: readonly string[]
}

export class NodeProcess {
  readonly name: string
  readonly printed: Printed[] = []
  notes = ''
  readonly child: ChildProcess
  readonly exited: Promise<number | string>
  #isOver = false

  constructor(name: string, child: ChildProcess) {
    this.name = name
    this.child = child
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.notes += text
    })
    createInterface({ input: child.stdout! }).on('line', line => this.printed.push(JSON.parse(line) as Printed))
    // `close` comes when the pipes have been read to their ends, `exit` may come before.
    this.exited = once(child, 'close').then(([code, signal]) => {
      this.#isOver = true
      return (code as number | null) ?? (signal as string)
    })
  }

  get ready(): Printed {
    return this.printed[0]!
  }

  /** An address at which processes on this machine reach the node. */
  get address(): string {
    return this.ready.addresses![0]!
  }

  say(line: string): void {
    this.child.stdin!.write(`${line}\n`)
  }

  /** Texts of processed messages, in the order they were printed. */
  get heard(): readonly string[] {
    return this.printed.flatMap(({ type, message }) => (type === 'processed' ? [String(message)] : []))
  }

  get heardIds(): readonly string[] {
    return this.printed.flatMap(({ type, id }) => (type === 'processed' ? [id] : []))
  }

  async until(condition: (node: this) => boolean, what: string, limitMs = 60_000): Promise<void> {
    await eventually(
      () => {
        if (this.#isOver && !condition(this)) throw new Error(`${this.name} ended before ${what}: ${this.notes}`)
        return condition(this)
      },
      `${this.name}: ${what}; it said ${this.notes}; it printed ${this.printed.length} lines`,
      limitMs,
    )
  }

  async hears(texts: readonly string[]): Promise<void> {
    await this.until(({ heard }) => texts.every(text => heard.includes(text)), `hears ${texts.length} messages`)
  }

  /** As a power cut does to a process. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.exited
  }

  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | string> {
    this.child.kill(signal)
    return this.exited
  }
}

export class NodeProcesses {
  readonly folder = mkdtempSync(join(tmpdir(), 'thicket-nodes-'))
  readonly #running = new Set<NodeProcess>()

  constructor() {
    compileEngine(join(this.folder, 'engine'))
    const { outputText } = ts.transpileModule(readFileSync(new URL('cli.ts', ROOT), 'utf8'), {
      compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true },
    })
    writeFileSync(join(this.folder, 'cli.js'), outputText)
    writeFileSync(join(this.folder, 'package.json'), '{ "type": "module", "version": "0.0.0" }')
    symlinkSync(fileURLToPath(new URL('node_modules', ROOT)), join(this.folder, 'node_modules'))
  }

  at(name: string): string {
    return join(this.folder, name)
  }

  start({ name, flags, prefix = [] }: ProcessOptions): NodeProcess {
    const [command, ...args] = [...prefix, process.execPath, this.at('cli.js'), 'node', ...flags]
    const node = new NodeProcess(name, spawn(command!, args, { stdio: ['pipe', 'pipe', 'pipe'], cwd: this.folder }))
    this.#running.add(node)
    void node.exited.then(() => this.#running.delete(node))
    return node
  }

  /** A node with a chat on one topic, on loopback and on nothing else. */
  async startChat(name: string, topic: string, ...flags: readonly string[]): Promise<NodeProcess> {
    const given = ['--database', this.at(`${name}.db`), '--topic', topic, '--stdin', '--mdns', 'disabled']
    const node = this.start({ name, flags: [...given, '--listen', '/ip4/127.0.0.1/tcp/0', ...flags] })
    await node.until(({ printed }) => printed.length > 0, 'is ready')
    return node
  }

  /** Ends what a failed test left running. */
  async endAll(): Promise<void> {
    for (const node of [...this.#running]) await node.kill()
  }

  remove(): void {
    rmSync(this.folder, { recursive: true })
  }
}

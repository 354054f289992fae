/** A real p2panda node in a process of its own, told what to do by lines of JSON. */

import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { END_MS, SOON_MS } from './limits.js'
import { until } from './waiting.js'

export interface RustPeer {
  readonly id: string
  /** `ip:port` */
  readonly addresses: readonly string[]
  readonly bootstrap?: boolean
}

export interface RustOptions {
  readonly seed: Uint8Array
  readonly networkId: Uint8Array
  /** A path; in memory when absent. */
  readonly database?: string
  readonly peers?: readonly RustPeer[]
}

export interface RustEvent {
  readonly event: string
  readonly topic?: string
  readonly id?: string
  readonly author?: string
  readonly seq?: number
  readonly message?: unknown
  readonly local?: boolean
  readonly peer?: string
  readonly error?: string | null
}

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
}

export class RustNode {
  readonly events: RustEvent[] = []
  #id = ''
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, Waiting>()
  #nextRef = 1
  #complaints = ''
  #hasEnded = false

  private constructor(program: string) {
    this.#child = spawn(program, [], { stdio: ['pipe', 'pipe', 'pipe'] })
    createInterface({ input: this.#child.stdout! }).on('line', line => this.#heard(line))
    this.#child.stderr!.on('data', (bytes: Buffer) => {
      this.#complaints = (this.#complaints + bytes.toString()).slice(-2000)
    })
    this.#child.stdin!.on('error', () => {})
    this.#child.on('error', error => this.#ended(error.message))
    this.#child.on('exit', (code, signal) => this.#ended(`the process ended with ${code ?? signal}`))
  }

  static async start(program: string, { seed, networkId, database, peers = [] }: RustOptions): Promise<RustNode> {
    const node = new RustNode(program)
    const key = Buffer.from(seed).toString('hex')
    const network = Buffer.from(networkId).toString('hex')
    const started = await node.ask('start', { key, network, database: database ?? null, peers })
    node.#id = (started as { readonly id: string }).id
    return node
  }

  get id(): string {
    return this.#id
  }

  /** Kilobytes of memory in use, where the system tells. */
  get memoryKb(): number | null {
    try {
      return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.#child.pid}/status`, 'utf8'))?.[1] ?? 0)
    } catch {
      return null
    }
  }

  ask(what: string, fields: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    if (this.#hasEnded) return Promise.reject(new Error(`the Rust node has ended: ${this.#complaints}`))
    const ref = this.#nextRef++
    return new Promise((resolve, reject) => {
      this.#waiting.set(ref, { resolve, reject })
      this.#child.stdin!.write(`${JSON.stringify({ ref, do: what, ...fields })}\n`)
    })
  }

  /** Where it can be reached, once it knows. */
  async addresses(): Promise<readonly string[]> {
    let addresses: readonly string[] = []
    await until('a Rust node knows its addresses', async () => {
      addresses = (await this.ask('addresses')) as readonly string[]
      return addresses.length > 0
    })
    return addresses
  }

  async asPeer(bootstrap = true): Promise<RustPeer> {
    return { id: this.id, addresses: await this.addresses(), bootstrap }
  }

  /** In our notation. */
  async address(): Promise<string> {
    const [first] = await this.addresses()
    return `iroh:${this.id}@${first}`
  }

  async publish(topic: string, message: unknown): Promise<string> {
    return ((await this.ask('publish', { topic, message })) as { readonly id: string }).id
  }

  /** Operations of a topic that its stream has delivered, its own included, each once. */
  delivered(topic: string): Map<string, RustEvent> {
    const operations = new Map<string, RustEvent>()
    for (const event of this.events) {
      if (event.event === 'processed' && event.topic === topic) operations.set(event.id!, event)
    }
    return operations
  }

  count(kind: string): number {
    return this.events.filter(({ event }) => event === kind).length
  }

  async untilDelivered(topic: string, count: number, limitMs = SOON_MS): Promise<Map<string, RustEvent>> {
    await until(`a Rust node delivers ${count} operations`, () => this.delivered(topic).size >= count, limitMs)
    return this.delivered(topic)
  }

  async stop(): Promise<void> {
    if (this.#hasEnded) return
    void this.ask('stop').catch(() => {})
    this.#child.stdin!.end()
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), END_MS)
    await until('a Rust node ends', () => this.#hasEnded, END_MS * 2)
    clearTimeout(timer)
  }

  /** At once, as a process dies. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await until('a Rust node is gone', () => this.#hasEnded, END_MS)
  }

  #heard(line: string): void {
    const said = JSON.parse(line) as RustEvent & { readonly ref?: number; readonly ok?: unknown }
    if (said.ref === undefined) {
      this.events.push(said)
      return
    }
    const waiting = this.#waiting.get(said.ref)
    this.#waiting.delete(said.ref)
    if (typeof said.error === 'string') waiting?.reject(new Error(`the Rust node says: ${said.error}`))
    else waiting?.resolve(said.ok)
  }

  #ended(why: string): void {
    this.#hasEnded = true
    this.#complaints += `\n${why}`
    for (const { reject } of this.#waiting.values()) reject(new Error(`the Rust node has ended: ${this.#complaints}`))
    this.#waiting.clear()
  }
}

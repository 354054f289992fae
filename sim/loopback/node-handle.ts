/**
 * One node as the runner holds it, over all lives of its process: what is said to it while it starts waits, and what it
 * says comes in order. A death that nobody asked for is an error of the whole run.
 */

import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { LAST_WORDS_BYTES, PUBLISH_TIMEOUT_MS, START_TIMEOUT_MS, STOP_TIMEOUT_MS } from './limits.js'
import type { Begin, FromNode, ToNode } from './messages.js'

export interface NodeEvents {
  message(message: FromNode): void
  /** The process ended by itself. */
  died(why: string): void
}

interface Life {
  readonly child: ChildProcess
  readonly exited: Promise<void>
  isReady: boolean
  /** Said before it was ready. */
  readonly waiting: ToNode[]
  /** Publications that it has not answered. */
  readonly publishing: Set<number>
  lastWords: string
}

/** The source runs by way of tsx, the compiled program as it is. */
const SOURCE = import.meta.url.endsWith('.ts')
const PROGRAM = fileURLToPath(new URL(SOURCE ? './node-process.ts' : './node-process.js', import.meta.url))

export class NodeHandle {
  readonly name: string
  readonly #events: NodeEvents
  #life: Life | null = null
  #isPaused = false
  #onQuiet: (() => void) | null = null

  constructor(name: string, events: NodeEvents) {
    this.name = name
    this.#events = events
  }

  get isRunning(): boolean {
    return this.#life !== null
  }

  /** Whether it listens, hears and answers. */
  get isAwake(): boolean {
    return (this.#life?.isReady ?? false) && !this.#isPaused
  }

  /** Resolves when it listens, or when it was killed before. */
  start(begin: Begin): Promise<void> {
    const child = fork(PROGRAM, {
      execArgv: SOURCE ? ['--import', 'tsx'] : [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    const life: Life = {
      child,
      exited: new Promise(resolve => child.once('exit', () => resolve())),
      isReady: false,
      waiting: [],
      publishing: new Set(),
      lastWords: '',
    }
    this.#life = life
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      life.lastWords = (life.lastWords + text).slice(-LAST_WORDS_BYTES)
    })
    // A pipe breaks when the process dies, which `exit` tells of.
    child.on('error', () => {})
    child.once('exit', (code, signal) => {
      if (this.#life !== life) return
      this.#life = null
      this.#events.died(`${this.name} ended by itself (${signal ?? `exit code ${code}`})\n${life.lastWords}`)
    })
    child.send(begin)
    return new Promise((resolve, reject) => {
      const timeout = setTimeout(() => reject(new Error(`${this.name} does not listen`)), START_TIMEOUT_MS)
      void life.exited.then(() => {
        clearTimeout(timeout)
        resolve()
      })
      child.on('message', (message: FromNode) => {
        if (this.#life !== life) return
        if (message.type === 'ready') {
          clearTimeout(timeout)
          life.isReady = true
          this.#events.message(message)
          for (const said of life.waiting.splice(0)) child.send(said)
          resolve()
          return
        }
        if (message.type === 'published' || message.type === 'publish-refused') {
          life.publishing.delete(message.ref)
          if (life.publishing.size === 0) this.#onQuiet?.()
        }
        this.#events.message(message)
      })
    })
  }

  /** What is said to a node that is down is lost. */
  say(message: ToNode): void {
    const life = this.#life
    if (!life) return
    if (message.type === 'publish') life.publishing.add(message.ref)
    if (life.isReady) life.child.send(message)
    else life.waiting.push(message)
  }

  /** As when its power is cut: nothing is flushed, closed or said. What it was asked to publish before is published. */
  async kill(): Promise<void> {
    await this.#quiet()
    const life = this.#life
    if (!life) return
    this.#life = null
    this.#isPaused = false
    life.child.kill('SIGKILL')
    await life.exited
  }

  async pause(): Promise<void> {
    await this.#quiet()
    this.#isPaused = true
    this.#life?.child.kill('SIGSTOP')
  }

  resume(): void {
    this.#isPaused = false
    this.#life?.child.kill('SIGCONT')
  }

  /** In order: sessions end, the database is closed. */
  async stop(): Promise<void> {
    const life = this.#life
    if (!life) return
    this.#life = null
    if (this.#isPaused) life.child.kill('SIGCONT')
    life.child.send({ type: 'stop' } satisfies ToNode)
    const timeout = setTimeout(() => life.child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await life.exited
    clearTimeout(timeout)
  }

  /** At once, when the run has come to a bad end. */
  abandon(): void {
    const life = this.#life
    this.#life = null
    life?.child.kill('SIGKILL')
  }

  /** Nothing that it was asked to publish is on its way; a paused process answers nothing. */
  async #quiet(): Promise<void> {
    const life = this.#life
    if (!life || life.publishing.size === 0 || this.#isPaused) return
    await new Promise<void>(resolve => {
      const timeout = setTimeout(resolve, PUBLISH_TIMEOUT_MS)
      this.#onQuiet = () => {
        clearTimeout(timeout)
        resolve()
      }
      void life.exited.then(() => this.#onQuiet?.())
    })
    this.#onQuiet = null
  }
}

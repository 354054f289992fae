/**
 * Worker threads that verify packed batches. A worker that dies hands its work back; when none is left, or none can be
 * started, everything is verified in this thread. Idle workers are unreferenced: they never keep a process alive.
 *
 * Determinism: recorded. Which worker is done first is chance; who listens here puts results back in order.
 */

import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { Crypto, SignedMessage } from '../ports.js'
import { pack } from './verify-pack.js'

interface Job {
  readonly messages: readonly SignedMessage[]
  readonly done: (verdicts: readonly boolean[]) => void
}

interface Thread {
  readonly worker: Worker
  /** Handed in and not come back, oldest first: a worker answers in order. */
  readonly jobs: Job[]
}

export class VerifyPool {
  readonly #crypto: Crypto
  readonly #wanted: number
  #threads: Thread[] | null = null

  /** @param crypto verifies in this thread where no worker can */
  constructor(crypto: Crypto, workers: number) {
    this.#crypto = crypto
    this.#wanted = workers
  }

  /** How many threads can work at once; at least 1, this one. */
  get width(): number {
    return Math.max(1, this.#started().length)
  }

  /** Keys and signatures must have their full length. `done` may be called before this returns. */
  verify(messages: readonly SignedMessage[], done: (verdicts: readonly boolean[]) => void): void {
    const thread = leastBusy(this.#started())
    if (!thread) {
      done(messages.map(signed => this.#crypto.verify(signed)))
      return
    }
    if (thread.jobs.length === 0) thread.worker.ref()
    thread.jobs.push({ messages, done })
    const buffer = pack(messages)
    thread.worker.postMessage(buffer, [buffer])
  }

  /** Stops all threads; what they had not answered is never answered. */
  async close(): Promise<void> {
    const threads = this.#threads ?? []
    this.#threads = []
    for (const { jobs } of threads) jobs.length = 0
    await Promise.all(threads.map(({ worker }) => worker.terminate()))
  }

  #started(): readonly Thread[] {
    this.#threads ??= Array.from({ length: this.#wanted }, () => this.#start()).filter(thread => thread !== null)
    return this.#threads
  }

  #start(): Thread | null {
    try {
      const thread: Thread = { worker: newWorker(), jobs: [] }
      thread.worker.unref()
      thread.worker.on('message', (buffer: ArrayBuffer) => onAnswer(thread, buffer))
      thread.worker.on('error', () => this.#lose(thread))
      thread.worker.on('exit', () => this.#lose(thread))
      return thread
    } catch {
      return null
    }
  }

  /** Called once or twice for a thread that is gone. */
  #lose(thread: Thread): void {
    this.#threads = (this.#threads ?? []).filter(other => other !== thread)
    for (const { messages, done } of thread.jobs.splice(0)) done(messages.map(signed => this.#crypto.verify(signed)))
  }
}

function onAnswer(thread: Thread, buffer: ArrayBuffer): void {
  const job = thread.jobs.shift()
  if (!job) return
  if (thread.jobs.length === 0) thread.worker.unref()
  job.done(Array.from(new Uint8Array(buffer, 0, job.messages.length), verdict => verdict === 1))
}

function leastBusy(threads: readonly Thread[]): Thread | null {
  let best: Thread | null = null
  for (const thread of threads) if (!best || thread.jobs.length < best.jobs.length) best = thread
  return best
}

/**
 * Runs from compiled JavaScript, and from TypeScript in development. There the worker has to load the compiler itself:
 * on node 20 a loader that is given to a worker by `--import` does not reach its first module.
 */
function newWorker(): Worker {
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL('./verify-worker.js', import.meta.url))
  // Resolving as CommonJS gives the wrong one of two files that stand beside each other.
  const api = createRequire(import.meta.url)
    .resolve('tsx/esm/api')
    .replace(/\.cjs$/, '.mjs')
  const [compiler, program] = [pathToFileURL(api), new URL('./verify-worker.ts', import.meta.url)].map(url => url.href)
  return new Worker(
    `import(${JSON.stringify(compiler)}).then(tsx => { tsx.register(); return import(${JSON.stringify(program)}) })`,
    { eval: true },
  )
}

/**
 * While a simulation runs, nothing may reach for the true world: every known way to true time, true chance, the network
 * or another thread throws, and the error names the port to use instead.
 *
 * What is replaced is put back exactly (the saved property descriptors), also after an exception; nested runs share one
 * installation. A function that someone saved in a variable before the run escapes; that is what the check for
 * determinism by a second run is for.
 */

import childProcess from 'node:child_process'
import nodeCrypto from 'node:crypto'
import dgram from 'node:dgram'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'
import timers from 'node:timers'
import timersPromises from 'node:timers/promises'
import workerThreads from 'node:worker_threads'
import { invariant } from '../../engine/core/index.js'

/** Thrown by a call that must not happen during a run. */
export class GuardError extends Error {
  override readonly name = 'GuardError'
  /** The call, as it is written in code. */
  readonly call: string
  /** What the caller should use. */
  readonly port: string

  constructor(call: string, port: string) {
    super(`${call} was called while a simulation runs: use the ${port}`)
    this.call = call
    this.port = port
  }
}

/** Errors kept for one run; the first is what matters, a loop that swallows them must not fill the memory. */
export const MAX_GUARD_ERRORS = 100

const CLOCK = 'Clock port'
const RANDOM = 'Random port'
const NETWORK = 'Transport port'
const THREADS = 'Crypto port (work on other threads comes back through a callback of a port)'

interface Saved {
  readonly owner: object
  readonly key: PropertyKey
  /** Undefined when the owner had no such property of its own. */
  readonly descriptor: PropertyDescriptor | undefined
}

const saved: Saved[] = []
const collectors: GuardError[][] = []

/** Runs `body` with the guard up; what was caught is added to `errors`, even when the thrower's caller swallowed it. */
export function guarded<Result>(errors: GuardError[], body: () => Result): Result {
  collectors.push(errors)
  try {
    if (collectors.length === 1) install()
    return body()
  } finally {
    collectors.pop()
    if (collectors.length === 0) remove()
  }
}

function refuse(call: string, port: string): never {
  const error = new GuardError(call, port)
  const errors = collectors.at(-1)
  if (errors !== undefined && errors.length < MAX_GUARD_ERRORS) errors.push(error)
  throw error
}

function refusal(call: string, port: string): () => never {
  return () => refuse(call, port)
}

function install(): void {
  installClock()
  installTimers()
  installChance()
  installNetwork()
  installThreads()
  syncBuiltinESMExports()
}

function remove(): void {
  for (let entry = saved.pop(); entry !== undefined; entry = saved.pop()) {
    if (entry.descriptor === undefined) Reflect.deleteProperty(entry.owner, entry.key)
    else Object.defineProperty(entry.owner, entry.key, entry.descriptor)
  }
  syncBuiltinESMExports()
}

function installClock(): void {
  const trueDate = globalThis.Date
  replace(trueDate, 'now', refusal('Date.now()', CLOCK))
  replace(
    globalThis,
    'Date',
    new Proxy(trueDate, {
      construct(target, args, newTarget) {
        if (args.length === 0) refuse('new Date()', CLOCK)
        return Reflect.construct(target, args, newTarget)
      },
      apply: refusal('Date()', CLOCK),
    }),
  )
  replace(ownerOf(performance, 'now'), 'now', refusal('performance.now()', CLOCK))
  const hrtime = Object.assign(refusal('process.hrtime()', CLOCK), {
    bigint: refusal('process.hrtime.bigint()', CLOCK),
  })
  // A reference to the true function may be held already; its `bigint` is reached through the same object.
  replace(process.hrtime, 'bigint', hrtime.bigint)
  replace(process, 'hrtime', hrtime)
}

function installTimers(): void {
  for (const name of ['setTimeout', 'setInterval', 'setImmediate'] as const) {
    replace(globalThis, name, refusal(`${name}()`, CLOCK))
    replace(timers, name, refusal(`timers.${name}()`, CLOCK))
    replace(timersPromises, name, refusal(`timers/promises.${name}()`, CLOCK))
  }
}

function installChance(): void {
  replace(Math, 'random', refusal('Math.random()', RANDOM))
  for (const name of ['getRandomValues', 'randomUUID'] as const) {
    replace(ownerOf(globalThis.crypto, name), name, refusal(`crypto.${name}()`, RANDOM))
  }
  const names = [
    'randomBytes',
    'randomFill',
    'randomFillSync',
    'randomInt',
    'randomUUID',
    'generateKeyPair',
    'generateKeyPairSync',
    'generateKey',
    'generateKeySync',
  ] as const
  for (const name of names) replace(nodeCrypto, name, refusal(`crypto.${name}()`, RANDOM))
  // Old names of randomBytes that node:crypto still carries. Its getRandomValues is the one of the prototype above.
  for (const name of ['pseudoRandomBytes', 'rng', 'prng']) {
    if (Object.hasOwn(nodeCrypto, name)) replace(nodeCrypto, name, refusal(`crypto.${name}()`, RANDOM))
  }
}

function installNetwork(): void {
  replace(globalThis, 'fetch', refusal('fetch()', NETWORK))
  if ('WebSocket' in globalThis) replace(globalThis, 'WebSocket', refusingClass('new WebSocket()', NETWORK))
  for (const name of ['connect', 'createConnection'] as const) replace(net, name, refusal(`net.${name}()`, NETWORK))
  replace(net.Socket.prototype, 'connect', refusal('net.Socket.connect()', NETWORK))
  replace(net.Server.prototype, 'listen', refusal('net.Server.listen()', NETWORK))
  replace(dgram, 'createSocket', refusal('dgram.createSocket()', NETWORK))
}

function installThreads(): void {
  replace(workerThreads, 'Worker', refusingClass('new Worker()', THREADS))
  for (const name of ['spawn', 'fork', 'exec', 'execFile', 'spawnSync', 'execSync', 'execFileSync'] as const) {
    replace(childProcess, name, refusal(`child_process.${name}()`, THREADS))
  }
}

function refusingClass(call: string, port: string): new () => never {
  return class {
    constructor() {
      refuse(call, port)
    }
  } as new () => never
}

/** The object of the prototype chain that holds the property, so that every instance meets the replacement. */
function ownerOf(start: object, key: PropertyKey): object {
  for (let owner: object | null = start; owner !== null; owner = Object.getPrototypeOf(owner)) {
    if (Object.hasOwn(owner, key)) return owner
  }
  return start
}

function replace(owner: object, key: PropertyKey, value: unknown): void {
  const descriptor = Object.getOwnPropertyDescriptor(owner, key)
  invariant(descriptor === undefined || descriptor.configurable, `the guard can replace ${String(key)}`)
  saved.push({ owner, key, descriptor })
  Object.defineProperty(owner, key, {
    value,
    writable: true,
    configurable: true,
    enumerable: descriptor?.enumerable ?? false,
  })
}

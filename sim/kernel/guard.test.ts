/**
 * Goal: every way out of the simulation throws and is remembered while a run is active, and everything is as before
 * afterwards.
 * Method: each call is made from within an event; property descriptors are compared around runs of every outcome.
 */

import childProcess, { spawn } from 'node:child_process'
import nodeCrypto, { randomBytes, randomFillSync, randomInt, randomUUID } from 'node:crypto'
import dgram from 'node:dgram'
import net, { connect } from 'node:net'
import { performance as hooksPerformance } from 'node:perf_hooks'
import timers from 'node:timers'
import { setTimeout as promisedTimeout } from 'node:timers/promises'
import workerThreads, { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { createKernel, GuardError, guarded, MAX_GUARD_ERRORS } from './index.js'

type Call = readonly [string, () => unknown, RegExp]

const CALLS: readonly Call[] = [
  ['Date.now()', () => Date.now(), /Clock port/],
  ['new Date()', () => new Date(), /Clock port/],
  ['Date()', () => Date(), /Clock port/],
  ['performance.now()', () => performance.now(), /Clock port/],
  ['performance.now()', () => hooksPerformance.now(), /Clock port/],
  ['process.hrtime()', () => process.hrtime(), /Clock port/],
  ['process.hrtime.bigint()', () => process.hrtime.bigint(), /Clock port/],
  ['setTimeout()', () => setTimeout(() => {}, 0), /Clock port/],
  ['setInterval()', () => setInterval(() => {}, 1), /Clock port/],
  ['setImmediate()', () => setImmediate(() => {}), /Clock port/],
  ['timers.setTimeout()', () => timers.setTimeout(() => {}, 0), /Clock port/],
  ['timers/promises.setTimeout()', () => promisedTimeout(1), /Clock port/],
  ['Math.random()', () => Math.random(), /Random port/],
  ['crypto.getRandomValues()', () => crypto.getRandomValues(new Uint8Array(1)), /Random port/],
  ['crypto.getRandomValues()', () => nodeCrypto.getRandomValues(new Uint8Array(1)), /Random port/],
  ['crypto.randomUUID()', () => crypto.randomUUID(), /Random port/],
  ['crypto.randomUUID()', () => randomUUID(), /Random port/],
  ['crypto.randomBytes()', () => randomBytes(1), /Random port/],
  ['crypto.randomBytes()', () => nodeCrypto.randomBytes(1), /Random port/],
  ['crypto.randomFillSync()', () => randomFillSync(new Uint8Array(1)), /Random port/],
  ['crypto.randomInt()', () => randomInt(2), /Random port/],
  ['crypto.generateKeyPairSync()', () => nodeCrypto.generateKeyPairSync('ed25519'), /Random port/],
  ['fetch()', () => fetch('http://127.0.0.1:1/'), /Transport port/],
  ['net.connect()', () => connect(1), /Transport port/],
  ['net.createConnection()', () => net.createConnection(1), /Transport port/],
  ['net.Socket.connect()', () => new net.Socket().connect(1), /Transport port/],
  ['net.Server.listen()', () => net.createServer().listen(0), /Transport port/],
  ['dgram.createSocket()', () => dgram.createSocket('udp4'), /Transport port/],
  ['new Worker()', () => new Worker('', { eval: true }), /Crypto port/],
  ['new Worker()', () => new workerThreads.Worker('', { eval: true }), /Crypto port/],
  ['child_process.spawn()', () => spawn(process.execPath), /Crypto port/],
  ['child_process.execSync()', () => childProcess.execSync(''), /Crypto port/],
]

/** Every property the guard may touch, as it stands now. */
function snapshot(): unknown[] {
  const owners: object[] = [
    globalThis,
    Date,
    Math,
    process,
    process.hrtime,
    Object.getPrototypeOf(performance) as object,
    performance,
    Object.getPrototypeOf(crypto) as object,
    crypto,
    nodeCrypto,
    net,
    net.Socket.prototype,
    net.Server.prototype,
    dgram,
    timers,
    workerThreads,
    childProcess,
  ]
  const imported = [randomBytes, connect, Worker, spawn, promisedTimeout]
  return [...owners.map(owner => Object.getOwnPropertyDescriptors(owner)), ...imported]
}

/** Compared by identity of every value and accessor, which a deep comparison of functions would not tell. */
function same(left: unknown[], right: unknown[]): boolean {
  return left.every((entry, at) => {
    const other = right[at]
    if (typeof entry !== 'object') return entry === other
    const before = entry as PropertyDescriptorMap
    const after = other as PropertyDescriptorMap
    const keys = Reflect.ownKeys(before)
    return (
      keys.length === Reflect.ownKeys(after).length &&
      keys.every(key => {
        const [was, is] = [before[key as string]!, after[key as string]!]
        return (['value', 'get', 'set', 'writable', 'enumerable', 'configurable'] as const).every(part =>
          Object.is(was[part], is[part]),
        )
      })
    )
  })
}

describe('escape guard', () => {
  it.each(CALLS)('refuses %s during a run', (name, call, port) => {
    const kernel = createKernel({ seed: 1 })
    kernel.schedule(0, 'x', 0, () => void call())
    let thrown: unknown
    try {
      kernel.run()
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(GuardError)
    expect((thrown as GuardError).call).toBe(name)
    expect((thrown as GuardError).port).toMatch(port)
    expect((thrown as GuardError).message).toContain(name)
    expect(kernel.guardErrors).toEqual([thrown])
  })

  it('remembers what was swallowed, up to its limit', () => {
    const kernel = createKernel({ seed: 1 })
    const swallow = (times: number): void => {
      kernel.schedule(0, 'x', 0, () => {
        for (let n = 0; n < times; n++) {
          try {
            Math.random()
          } catch {}
        }
      })
      kernel.run()
    }
    swallow(MAX_GUARD_ERRORS)
    expect(kernel.guardErrors.length).toBe(MAX_GUARD_ERRORS)
    swallow(1)
    expect(kernel.guardErrors.length).toBe(MAX_GUARD_ERRORS)
  })

  it('lets dates be made from given moments', () => {
    const kernel = createKernel({ seed: 1 })
    const made: unknown[] = []
    kernel.schedule(0, 'x', 0, () =>
      made.push(new Date(0).toISOString(), new Date(5) instanceof Date, Date.UTC(1970, 0)),
    )
    kernel.run()
    expect([made, kernel.guardErrors]).toEqual([['1970-01-01T00:00:00.000Z', true, 0], []])
  })

  it('puts everything back exactly, after a run and after a throw', () => {
    const before = snapshot()
    const kernel = createKernel({ seed: 1 })
    let isDuring = false
    kernel.schedule(0, 'x', 0, () => {
      isDuring = same(before, snapshot())
      throw new Error('on purpose')
    })
    expect(() => kernel.run()).toThrow('on purpose')
    expect(isDuring, 'the comparison sees the guard').toBe(false)
    expect(same(before, snapshot())).toBe(true)
    kernel.run()
    expect(same(before, snapshot())).toBe(true)
    expect(Math.random()).toBeLessThan(1)
  })

  it('stays up until the outer of two nested runs ends, and tells each of its own', () => {
    const before = snapshot()
    const outer = createKernel({ seed: 1 })
    const inner = createKernel({ seed: 2 })
    inner.schedule(0, 'x', 0, () => Date.now())
    outer.schedule(0, 'x', 0, () => {
      expect(() => inner.run()).toThrow(GuardError)
      Math.random()
    })
    expect(() => outer.run()).toThrow('Math.random()')
    expect([inner.guardErrors.length, outer.guardErrors.length]).toEqual([1, 1])
    expect(same(before, snapshot())).toBe(true)
  })

  it('guards other code as well, and gives back its result', () => {
    const errors: GuardError[] = []
    expect(guarded(errors, () => 5)).toBe(5)
    expect(() => guarded(errors, () => performance.now())).toThrow(GuardError)
    expect(errors.length).toBe(1)
  })
})

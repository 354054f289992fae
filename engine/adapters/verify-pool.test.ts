/**
 * Goal: workers do work, and no verdict is lost when one dies. Method: an answer of a worker cannot come before the call
 * returns, one of this thread always does; a pool whose thread is ended from outside while it works.
 */

import { Worker } from 'node:worker_threads'
import { expect, it, vi } from 'vitest'
import type { SignedMessage } from '../ports.js'
import { sodiumCrypto } from './sodium-crypto.js'
import { VerifyPool } from './verify-pool.js'

const crypto = sodiumCrypto()!
const seed = new Uint8Array(32)
const message = Uint8Array.of(1)
const good: SignedMessage = { verifyingKey: crypto.verifyingKey(seed), message, signature: crypto.sign(seed, message) }

it('verifies on a worker, time after time, and not in this thread', async () => {
  const here = { ...crypto, verify: vi.fn(crypto.verify) }
  const pool = new VerifyPool(here, 2)
  expect(pool.width).toBe(2)
  for (let round = 0; round < 3; round++) {
    const verdicts = await new Promise<readonly boolean[]>(resolve =>
      pool.verify([good, { ...good, message: seed }], resolve),
    )
    expect(verdicts).toEqual([true, false])
  }
  expect(here.verify).not.toHaveBeenCalled()
  expect(pool.width).toBe(2)
  await pool.close()
})

it('verifies here what a dead worker still held, and all that comes later', async () => {
  const post = vi.spyOn(Worker.prototype, 'postMessage')
  const pool = new VerifyPool(crypto, 1)
  const answer = new Promise<readonly boolean[]>(resolve => pool.verify([good, { ...good, message: seed }], resolve))
  const worker = post.mock.contexts[0] as Worker
  await worker.terminate()
  expect(await answer).toEqual([true, false])
  let later: readonly boolean[] = []
  pool.verify([good], verdicts => {
    later = verdicts
  })
  expect(later).toEqual([true])
  expect(pool.width).toBe(1)
  await pool.close()
  post.mockRestore()
})

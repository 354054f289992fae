/**
 * Goal: no verdict is lost when a worker dies. Method: a pool whose thread is ended from outside while it works.
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

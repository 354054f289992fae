/**
 * Goal: the fast implementations give the verdicts of the portable one, in order, within bounds, and never hold a
 * process. Method: the shared contract; random differential runs; a pool that is starved, killed and closed.
 */

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { cryptoContract } from '../core/crypto.contract.js'
import { portableCrypto } from '../core/index.js'
import type { Crypto, SignedMessage } from '../ports.js'
import { nativeCrypto } from './native-crypto.js'
import { opensslCrypto } from './openssl-crypto.js'
import { sodiumCrypto } from './sodium-crypto.js'
import { pack, unpack } from './verify-pack.js'

const pool = nativeCrypto({ workers: 2 })
afterAll(() => pool.close())

const sodium = sodiumCrypto()!
const openssl = opensslCrypto()

cryptoContract('libsodium', () => sodium)
cryptoContract('OpenSSL', () => openssl)
cryptoContract('libsodium behind the pool', () => pool)

const seedOf = (index: number) => new Uint8Array(32).fill(index + 1)

function signed(index: number): SignedMessage {
  const message = new TextEncoder().encode(`message ${index}`.repeat(1 + (index % 20)))
  const seed = seedOf(index % 5)
  return { verifyingKey: sodium.verifyingKey(seed), message, signature: sodium.sign(seed, message) }
}

/** Every third is broken in another place. */
function mixed(index: number): SignedMessage {
  const good = signed(index)
  if (index % 3 !== 0) return good
  const signature = Uint8Array.from(good.signature)
  signature[index % 64]! ^= 4
  return index % 2 === 0 ? { ...good, signature } : { ...good, message: new Uint8Array(3) }
}

function verifyAll(crypto: Crypto, messages: readonly SignedMessage[]): Promise<readonly boolean[]> {
  return new Promise(resolve => crypto.verifyBatch(messages, resolve))
}

describe('all implementations', () => {
  it('agree on keys, signatures and verdicts of random seeds, messages and damages', () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
    fc.assert(
      fc.property(
        bytes(32),
        fc.uint8Array({ maxLength: 200 }),
        fc.nat(511),
        fc.boolean(),
        (seed, message, bit, flips) => {
          const signature = portableCrypto.sign(seed, message)
          const verifyingKey = portableCrypto.verifyingKey(seed)
          for (const crypto of [sodium, openssl]) {
            expect(crypto.verifyingKey(seed)).toEqual(verifyingKey)
            expect(crypto.sign(seed, message)).toEqual(signature)
          }
          if (flips) signature[bit >> 3]! ^= 1 << (bit & 7)
          for (const crypto of [sodium, openssl, portableCrypto]) {
            expect(crypto.verify({ verifyingKey, message, signature })).toBe(!flips)
          }
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe('the pool', () => {
  it('gives one verdict a message in the order given', async () => {
    const messages = Array.from({ length: 200 }, (_, index) => mixed(index))
    expect(await verifyAll(pool, messages)).toEqual(messages.map(message => sodium.verify(message)))
  })

  it('judges messages that cannot be packed with the others', async () => {
    const messages = Array.from({ length: 20 }, (_, index) =>
      index === 7 ? { ...signed(index), signature: new Uint8Array(10) } : signed(index),
    )
    expect(await verifyAll(pool, messages)).toEqual(messages.map((_, index) => index !== 7))
  })

  it('calls back in the order of the batches, also small ones that were verified at once', async () => {
    const order: number[] = []
    const sizes = [100, 3, 50, 1, 0, 8, 7]
    await Promise.all(
      sizes.map(
        (size, batch) =>
          new Promise<void>(resolve => {
            const messages = Array.from({ length: size }, (_, index) => mixed(index))
            pool.verifyBatch(messages, verdicts => {
              expect(verdicts).toEqual(messages.map(message => sodium.verify(message)))
              order.push(batch)
              resolve()
            })
          }),
      ),
    )
    expect(order).toEqual(sizes.map((_, batch) => batch))
  })

  it('calls back before it returns when a small batch comes alone', () => {
    let verdicts: readonly boolean[] | null = null
    expect(pool.verifyBatch([signed(1)], result => (verdicts = result))).toBe(true)
    expect(verdicts).toEqual([true])
  })

  it('takes a batch that is handed in from within a callback', async () => {
    const nested = await new Promise<readonly boolean[]>(resolve => {
      pool.verifyBatch([signed(1)], () => pool.verifyBatch([mixed(0)], resolve))
    })
    expect(nested).toEqual([false])
  })

  it('asks for a pause above the bound of bytes in flight, not at it', async () => {
    const messages = Array.from({ length: 8 }, (_, index) => signed(index * 20))
    const bytes = messages.reduce((sum, { message }) => sum + 100 + message.length, 0)
    const bounded = nativeCrypto({ workers: 1, maxInFlightBytes: bytes * 2 })
    const results: Promise<void>[] = []
    const handIn = () => {
      let answer = true
      results.push(new Promise(resolve => (answer = bounded.verifyBatch(messages, () => resolve()))))
      return answer
    }
    expect([handIn(), handIn(), handIn()]).toEqual([true, true, false])
    await Promise.all(results)
    expect(handIn()).toBe(true)
    await bounded.close()
  })

  it('verifies in this thread when there are no workers', () => {
    const alone = nativeCrypto({ workers: 0 })
    const messages = Array.from({ length: 30 }, (_, index) => mixed(index))
    let verdicts: readonly boolean[] = []
    alone.verifyBatch(messages, result => {
      verdicts = result
    })
    expect(verdicts).toEqual(messages.map(message => sodium.verify(message)))
  })

  it('never calls back after it was closed, and still verifies in this thread', async () => {
    const closing = nativeCrypto({ workers: 1 })
    const messages = Array.from({ length: 50 }, (_, index) => mixed(index))
    let calls = 0
    closing.verifyBatch(messages, () => {
      calls += 1
    })
    await closing.close()
    await new Promise(resolve => setTimeout(resolve, 50))
    expect(calls).toBe(0)
    expect(await verifyAll(closing, messages)).toEqual(messages.map(message => sodium.verify(message)))
  })

  it('lets the process end while workers are idle', async () => {
    const program = `
      import { nativeCrypto } from './engine/adapters/native-crypto.ts'
      const crypto = nativeCrypto({ workers: 1 })
      const seed = new Uint8Array(32)
      const message = Uint8Array.of(1)
      const signed = { verifyingKey: crypto.verifyingKey(seed), message, signature: crypto.sign(seed, message) }
      crypto.verifyBatch(Array(20).fill(signed), verdicts => console.log(verdicts.every(Boolean)))
    `
    const run = promisify(execFile)
    const { stdout } = await run(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program], {
      cwd: new URL('../..', import.meta.url),
      timeout: 30_000,
    })
    expect(stdout.trim()).toBe('true')
  })
})

describe('a packed batch', () => {
  it('unpacks to what was packed', () => {
    const messages = Array.from({ length: 9 }, (_, index) => signed(index))
    expect(unpack(pack(messages))).toEqual(messages)
    expect(unpack(pack([]))).toEqual([])
  })
})

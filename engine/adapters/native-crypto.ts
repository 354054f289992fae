/**
 * The Crypto port of the true world: libsodium in this thread for single calls, worker threads for batches. Where
 * libsodium does not load, OpenSSL with our checks takes its place, and at last the portable code; the verdicts are the
 * same (spec/node.md 1.2).
 */

import { availableParallelism } from 'node:os'
import type { Crypto, SignedMessage } from '../ports.js'
import { syncCrypto } from './sync-crypto.js'
import { isPackable, PACKED_OVERHEAD_BYTES } from './verify-pack.js'
import { VerifyPool } from './verify-pool.js'

export interface NativeCryptoOptions {
  /** Worker threads; 0 verifies everything in this thread. Default: 1 or 2, leaving one core to this thread. */
  readonly workers?: number
  /** Bytes in flight beyond which `verifyBatch` asks the caller to wait. */
  readonly maxInFlightBytes?: number
  /** What verifies in this thread; for tests. */
  readonly crypto?: Crypto
}

/** More workers than this find no work: the thread that feeds them decodes and stores at about their joint speed. */
const MAX_DEFAULT_WORKERS = 2
/** Messages below which the way to a worker and back costs more than it saves: 8 times 50 us. */
const MIN_BATCH = 8
/** 8 MiB: some 35,000 headers of usual size, one to two seconds of work. */
const MAX_IN_FLIGHT_BYTES = 8 * 1024 * 1024

interface Batch {
  readonly done: (verdicts: readonly boolean[]) => void
  readonly verdicts: boolean[]
  readonly bytes: number
  /** Parts that are still elsewhere. */
  outstanding: number
}

export function nativeCrypto(options: NativeCryptoOptions = {}): Crypto & { close(): Promise<void> } {
  const crypto = options.crypto ?? syncCrypto()
  const maxInFlightBytes = options.maxInFlightBytes ?? MAX_IN_FLIGHT_BYTES
  const workers = options.workers ?? Math.max(1, Math.min(MAX_DEFAULT_WORKERS, availableParallelism() - 1))
  const pool = workers > 0 ? new VerifyPool(crypto, workers) : null
  /** In the order handed in; only the first may call back. */
  const batches: Batch[] = []
  let inFlightBytes = 0
  let isDraining = false
  let isClosed = false

  function verifyBatch(messages: readonly SignedMessage[], done: Batch['done']): boolean {
    let bytes = 0
    for (const { message } of messages) bytes += PACKED_OVERHEAD_BYTES + message.length
    const goesElsewhere = pool !== null && !isClosed && messages.length >= MIN_BATCH
    const verdicts = messages.map(signed => !goesElsewhere && crypto.verify(signed))
    // One part more than there are, until all of them are handed out: some may come back at once.
    const batch: Batch = { done, verdicts, bytes, outstanding: 1 }
    batches.push(batch)
    inFlightBytes += bytes
    if (goesElsewhere) distribute(pool, messages, batch)
    partDone(batch)
    return inFlightBytes <= maxInFlightBytes
  }

  /** Cuts a batch into as many parts as there are threads; what has no valid shape keeps its verdict, false. */
  function distribute(threads: VerifyPool, messages: readonly SignedMessage[], batch: Batch): void {
    const places: number[] = []
    messages.forEach((signed, place) => {
      if (isPackable(signed)) places.push(place)
    })
    const size = Math.max(MIN_BATCH, Math.ceil(places.length / threads.width))
    for (let start = 0; start < places.length; start += size) {
      const part = places.slice(start, start + size)
      batch.outstanding += 1
      threads.verify(
        part.map(place => messages[place]!),
        verdicts => {
          for (const [index, place] of part.entries()) batch.verdicts[place] = verdicts[index] === true
          partDone(batch)
        },
      )
    }
  }

  function partDone(batch: Batch): void {
    batch.outstanding -= 1
    drain()
  }

  /** A callback may hand in the next batch; it then waits for the loop that is already running. */
  function drain(): void {
    if (isDraining) return
    isDraining = true
    try {
      while (batches[0]?.outstanding === 0) {
        const batch = batches.shift()!
        inFlightBytes -= batch.bytes
        batch.done(batch.verdicts)
      }
    } finally {
      isDraining = false
    }
  }

  return {
    hash: crypto.hash,
    verifyingKey: crypto.verifyingKey,
    sign: crypto.sign,
    verify: crypto.verify,
    verifyBatch,
    /** Ends the workers. What is in flight is never called back. */
    async close() {
      isClosed = true
      batches.length = 0
      inFlightBytes = 0
      await pool?.close()
    },
  }
}

/** The other end of verify-pool.ts: verifies packed batches in the order they come. */

import { parentPort } from 'node:worker_threads'
import { syncCrypto } from './sync-crypto.js'
import { unpack } from './verify-pack.js'

const crypto = syncCrypto()

parentPort?.on('message', (buffer: ArrayBuffer) => {
  const verdicts = unpack(buffer).map(signed => crypto.verify(signed))
  const bytes = new Uint8Array(buffer)
  verdicts.forEach((verdict, index) => {
    bytes[index] = verdict ? 1 : 0
  })
  parentPort?.postMessage(buffer, [buffer])
})
